//! Instagram: a container with a picture, then its publication; the container says whether it was published.

use bugle::clock::SharedClock;
use bugle::model::picture::Carry;
use bugle::platform::Recovery;

use super::facebook::{keys, limited, limits, silent};
use super::stand::{Class, Ends, Eye, Limit, Make, Names, Refusal, Secrets, Server, Sign, Stand};
use crate::fakes::fault::Wait;
use crate::fakes::http::Reply;
use crate::fakes::instagram::{self as fake, FakeInstagram};
use crate::fakes::meta::refusal;

pub const STANDS: &[Make] = &[make];

fn make(clock: SharedClock) -> Box<dyn Stand> {
    let fake = FakeInstagram::with_clock(clock);
    let token = fake.account("newsroom");
    fake.rules().gate.require_proof = true;
    fake.rules().boxes.slow = 0;
    Box::new(Instagram { fake, token })
}

super::trials!(super::instagram::make);

struct Instagram {
    fake: FakeInstagram,
    token: String,
}

const CREATE: Names = &[fake::PUBLISH];
const PREPARE: Names = &[fake::CONTAINER];

impl Stand for Instagram {
    fn platform(&self) -> &'static str {
        "instagram"
    }

    fn keys(&self, secrets: &Secrets) -> Vec<(&'static str, String)> {
        keys(secrets, &self.fake.url(), &self.token)
    }

    fn server(&self) -> Option<&dyn Server> {
        Some(&*self.fake)
    }

    fn ends(&self) -> Ends {
        Ends {
            create: CREATE,
            upload: PREPARE,
            prepare: PREPARE,
            find: &[fake::READ],
            who: &[fake::ME],
            ..Ends::default()
        }
    }

    fn recovery(&self) -> Recovery {
        Recovery::OwnId
    }

    fn carry(&self) -> Carry {
        // There is no post without a picture.
        Carry::Photo
    }

    fn scale(&self) -> f64 {
        0.2
    }

    fn at_limit(&self) -> Vec<String> {
        vec!["a".repeat(2200), "字".repeat(2200)]
    }

    fn above_limit(&self) -> Vec<String> {
        self.at_limit().into_iter().map(|text| format!("{text}b")).collect()
    }

    fn counts(&self) -> bool {
        // A post that is frozen by hand has no picture, and is refused for that.
        false
    }

    fn refusals(&self) -> Vec<Refusal> {
        let at = |class, reply| Refusal { class, reply, at: PREPARE };
        vec![
            Refusal::new(Class::Auth, refusal(190, 463, "Session has expired")),
            at(Class::Auth, refusal(190, 460, "The password was changed")),
            Refusal::new(Class::Forbidden, refusal(10, 0, "Application does not have permission")),
            Refusal::new(Class::Forbidden, refusal(-1, 2_207_051, "Action blocked")),
            at(Class::Rejected, refusal(36_004, 2_207_010, "The caption is too long")),
            Refusal::new(Class::Unlisted, refusal(9999, 0, "odd")),
            Refusal::new(Class::Unlisted, refusal(1, 0, "An unknown error occurred")),
            Refusal::new(Class::Unlisted, Reply::gateway(403)),
        ]
    }

    fn lacks(&self) -> &'static [(Class, &'static str)] {
        &[
            (Class::Credits, "the API costs nothing"),
            (Class::Gone, "what is gone is refused as what one may not see"),
            (Class::Duplicate, "the same picture may be posted again; a container is published once"),
        ]
    }

    fn rest(&self, _wait: Wait, asked: Option<i64>) -> Option<i64> {
        asked.or(Some(silent(self.scale())))
    }

    fn too_many(&self, wait: Wait) -> Option<Reply> {
        matches!(wait, Wait::Absent).then(|| limited(32, None))
    }

    fn more_limits(&self) -> Vec<Limit> {
        limits()
    }

    fn revoke(&self) -> bool {
        self.fake.rules().gate.revoke();
        true
    }

    fn restore(&self) {
        self.fake.rules().gate.give_back(&self.token, "newsroom");
    }

    fn pictures(&self) -> Vec<String> {
        let rules = self.fake.rules();
        let newest = rules.boxes.posts.last().filter(|post| post.form.contains_key("image_url"));
        newest.map(|post| post.form.get("alt_text").cloned().unwrap_or_default()).into_iter().collect()
    }

    fn refused_picture(&self) -> Option<Reply> {
        Some(refusal(9004, 2_207_052, "The media could not be fetched from this URI"))
    }

    fn marked(&self) -> Vec<Sign> {
        Vec::new()
    }

    fn eye(&self) -> Eye {
        // Source: content publishing guide: @name in a caption is a mention; an address in a caption is plain text.
        Eye { mention: Some(r"(?:^|[^\w@.])(@[A-Za-z0-9_.]{2,30})"), link: None, markup: None }
    }
}
