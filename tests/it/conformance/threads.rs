//! Threads: a container for each part, then its publication; the container says whether it was published.

use std::time::Duration;

use bugle::clock::SharedClock;
use bugle::platform::Recovery;

use super::facebook::{field, keys, limited, limits, silent};
use super::stand::{Class, Ends, Eye, Limit, Make, Names, Refusal, Secrets, Server, Sign, Stand, WITH_SCHEME, last};
use crate::fakes::fault::Wait;
use crate::fakes::http::Reply;
use crate::fakes::meta::refusal;
use crate::fakes::threads::{self as fake, FakeThreads};

pub const STANDS: &[Make] = &[make];

fn make(clock: SharedClock) -> Box<dyn Stand> {
    let fake = FakeThreads::with_clock(clock);
    let token = fake.account("newsroom");
    fake.rules().gate.require_proof = true;
    fake.rules().boxes.slow = 0;
    Box::new(Threads { fake, token })
}

super::trials!(super::threads::make);

struct Threads {
    fake: FakeThreads,
    token: String,
}

const CREATE: Names = &[fake::PUBLISH];
const PREPARE: Names = &[fake::CONTAINER];

impl Stand for Threads {
    fn platform(&self) -> &'static str {
        "threads"
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
            delete: &[fake::DELETE],
            who: &[fake::ME],
            ..Ends::default()
        }
    }

    fn recovery(&self) -> Recovery {
        Recovery::OwnId
    }

    fn scale(&self) -> f64 {
        // Two seconds of rest between a container and its publication are a tenth of one.
        0.05
    }

    fn at_limit(&self) -> Vec<String> {
        // Characters, an emoji by its bytes: four.
        vec!["a".repeat(500), format!("https://news.example/p\n{}a", "\u{1f600}".repeat(119))]
    }

    fn above_limit(&self) -> Vec<String> {
        self.at_limit().into_iter().map(|text| format!("{text}b")).collect()
    }

    fn refusals(&self) -> Vec<Refusal> {
        let at = |class, reply| Refusal { class, reply, at: PREPARE };
        vec![
            Refusal::new(Class::Auth, refusal(190, 463, "Session has expired")),
            at(Class::Auth, refusal(190, 460, "The password was changed")),
            Refusal::new(Class::Forbidden, refusal(10, 0, "Application does not have permission")),
            at(Class::Forbidden, refusal(1, 4_279_013, "The user is restricted")),
            at(Class::Rejected, refusal(100, 0, "Param text must be at most 500 characters long.")),
            at(Class::Rejected, refusal(100, 0, "THREADS_API__LINK_LIMIT_EXCEEDED")),
            Refusal::new(Class::Unlisted, refusal(9999, 0, "odd")),
            Refusal::new(Class::Unlisted, refusal(1, 0, "An unknown error occurred")),
            Refusal::new(Class::Unlisted, Reply::gateway(403)),
        ]
    }

    fn lacks(&self) -> &'static [(Class, &'static str)] {
        &[
            (Class::Credits, "the API costs nothing"),
            (Class::Gone, "what is gone is refused as what one may not see"),
            (Class::Duplicate, "the same text may be posted again; a container is published once"),
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

    fn lag(&self, by: Duration) -> bool {
        self.fake.rules().boxes.lag = by;
        true
    }

    fn pictures(&self) -> Vec<String> {
        let rules = self.fake.rules();
        let newest = rules.boxes.posts.last().filter(|post| post.form.contains_key("image_url"));
        newest.map(|post| post.form.get("alt_text").cloned().unwrap_or_default()).into_iter().collect()
    }

    fn refused_picture(&self) -> Option<Reply> {
        Some(refusal(1, 0, "The media could not be fetched from this URI"))
    }

    fn marked(&self) -> Vec<Sign> {
        let form = last(&*self.fake, PREPARE).map(|request| request.form()).unwrap_or_default();
        field(&form, "link_attachment").map(Sign::Link).into_iter().collect()
    }

    fn eye(&self) -> Eye {
        // Source: Threads API, posts guide: @name of an account is a mention, links are found in the text.
        Eye { mention: Some(r"(?:^|[^\w@.])(@[A-Za-z0-9_.]{2,30})"), link: Some(WITH_SCHEME), markup: None }
    }
}
