//! A Facebook Page by its token.

use std::time::Duration;

use bugle::clock::SharedClock;
use bugle::platform::{PauseScopeKind, Recovery};
use serde_json::json;

use super::stand::{Class, Ends, Eye, Limit, Make, Names, PUBLIC, Refusal, Secrets, Server, Sign, Stand};
use crate::fakes::facebook::{self as fake, FakeFacebook};
use crate::fakes::fault::Wait;
use crate::fakes::http::Reply;
use crate::fakes::meta::{APP_ID, APP_SECRET, refusal};

pub const STANDS: &[Make] = &[make];

/// The Page that is posted to.
const PAGE: &str = "1000123";

fn make(clock: SharedClock) -> Box<dyn Stand> {
    let fake = FakeFacebook::with_clock(clock);
    let token = fake.page(PAGE);
    fake.rules().gate.require_proof = true;
    Box::new(Facebook { fake, token })
}

super::trials!(super::facebook::make);

struct Facebook {
    fake: FakeFacebook,
    token: String,
}

const CREATE: Names = &[fake::FEED];

/// An answer over a limit: Meta says how long in a header of its own, or not at all.
pub fn limited(code: i64, minutes: Option<u64>) -> Reply {
    let reply = refusal(code, 0, "Calls to this api have exceeded the rate limit.");
    let Some(minutes) = minutes else { return reply };
    let entry = json!({"type": "pages", "call_count": 100, "total_cputime": 1, "total_time": 1,
        "estimated_time_to_regain_access": minutes});
    reply.header("X-Business-Use-Case-Usage", json!({"4242": [entry]}).to_string())
}

/// How long Meta's platforms rest, in seconds, where nobody says: a quarter of an hour, scaled.
pub fn silent(scale: f64) -> i64 {
    Duration::from_secs(900).mul_f64(scale).as_secs().try_into().expect("a quarter of an hour")
}

/// The limits that mean the same on all of Meta's platforms.
pub fn limits() -> Vec<Limit> {
    let limit = |what, code, reach| Limit { what, reply: limited(code, Some(5)), rest: Some(300), reach };
    vec![
        limit("the app's limit", 4, PauseScopeKind::App),
        limit("the user's limit", 17, PauseScopeKind::Credential),
        limit("the Page's limit", 32, PauseScopeKind::Channel),
    ]
}

/// The keys of an app and a token.
pub fn keys(secrets: &Secrets, url: &str, token: &str) -> Vec<(&'static str, String)> {
    vec![
        ("server", format!("{url:?}")),
        ("token", secrets.put("token", token)),
        ("app_secret", secrets.put("app_secret", APP_SECRET)),
        ("app_id", format!("{APP_ID:?}")),
    ]
}

impl Stand for Facebook {
    fn platform(&self) -> &'static str {
        "facebook"
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
            upload: &[fake::PHOTOS],
            find: &[fake::LOOK],
            edit: &[fake::EDIT],
            delete: &[fake::DELETE],
            who: &[fake::ME],
            ..Ends::default()
        }
    }

    fn recovery(&self) -> Recovery {
        Recovery::Look
    }

    fn scale(&self) -> f64 {
        0.2
    }

    fn counts(&self) -> bool {
        // No page of Meta's states a limit.
        false
    }

    fn at_limit(&self) -> Vec<String> {
        vec!["a".repeat(63_206)]
    }

    fn above_limit(&self) -> Vec<String> {
        self.at_limit().into_iter().map(|text| format!("{text}b")).collect()
    }

    fn refusals(&self) -> Vec<Refusal> {
        vec![
            Refusal::new(Class::Auth, refusal(190, 463, "Session has expired")),
            Refusal::new(Class::Forbidden, refusal(200, 0, "(#200) Permissions error")),
            Refusal::new(Class::Forbidden, refusal(368, 0, "You are temporarily blocked")),
            Refusal::new(Class::Rejected, refusal(100, 0, "(#100) Invalid parameter")),
            Refusal::new(Class::Duplicate, refusal(506, 1_455_006, "(#506) Duplicate status message")),
            Refusal::new(Class::Unlisted, refusal(12_345, 0, "odd")),
            Refusal::new(Class::Unlisted, refusal(1, 0, "An unknown error occurred")),
            Refusal::new(Class::Unlisted, Reply::gateway(403)),
        ]
    }

    fn lacks(&self) -> &'static [(Class, &'static str)] {
        &[(Class::Credits, "the API costs nothing"), (Class::Gone, "what is gone is refused as what one may not see")]
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
        self.fake.rules().gate.give_back(&self.token, PAGE);
    }

    fn lag(&self, by: Duration) -> bool {
        self.fake.rules().lag = by;
        true
    }

    fn twin(&self) -> bool {
        self.fake.rules().twin()
    }

    fn pictures(&self) -> Vec<String> {
        let seen = self.fake.seen();
        let uploads: Vec<_> = seen.iter().filter(|it| it.endpoint == fake::PHOTOS && it.outcome == Some(200)).collect();
        let carried = self.fake.rules().posts.last().map_or(0, |post| post.photos.len());
        let alt = |request: &crate::fakes::http::Request| {
            let parts = request.multipart().unwrap_or_default();
            let part = parts.into_iter().find(|(name, ..)| name == "alt_text_custom");
            part.map(|(.., bytes)| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
        };
        uploads.iter().rev().take(carried).map(|it| alt(&it.request)).collect()
    }

    fn refused_picture(&self) -> Option<Reply> {
        Some(refusal(324, 1_366_046, "Photos should be smaller than 4 MB"))
    }

    fn marked(&self) -> Vec<Sign> {
        let rules = self.fake.rules();
        let link = rules.posts.last().and_then(|post| post.link.clone());
        link.map(Sign::Link).into_iter().collect()
    }

    fn eye(&self) -> Eye {
        // Source: Pages API, "Posts": a mention is written @[ID]; links have a scheme and lead to a known domain.
        Eye { mention: Some(r"(@\[[^\]]+\])"), link: Some(PUBLIC), markup: None }
    }
}

/// A form's field.
pub fn field(form: &[(String, String)], name: &str) -> Option<String> {
    form.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}
