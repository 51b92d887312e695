//! Mastodon, whose servers remember a key, and snac, which does not and is looked at.

use std::time::Duration;

use bugle::clock::SharedClock;
use bugle::platform::Recovery;
use serde_json::json;

use super::stand::{Class, Ends, Eye, Make, Names, PUBLIC, Refusal, Secrets, Server, Sign, Stand, last, without};
use crate::fakes::fault::Wait;
use crate::fakes::http::Reply;
use crate::fakes::mastodon::{self as fake, FakeMastodon, Keys};

pub const STANDS: &[Make] = &[make, snac::make];

fn make(clock: SharedClock) -> Box<dyn Stand> {
    Box::new(Mastodon { fake: FakeMastodon::with_clock(clock), keys: true })
}

super::trials!(super::mastodon::make);

mod snac {
    use super::*;

    pub fn make(clock: SharedClock) -> Box<dyn Stand> {
        let fake = FakeMastodon::with_clock(clock);
        fake.rules().keys = Keys::Forget;
        fake.rules().version = "4.0.0 (compatible; snac/2.80)".to_owned();
        Box::new(Mastodon { fake, keys: false })
    }

    super::super::trials!(super::snac::make);
}

struct Mastodon {
    fake: FakeMastodon,
    keys: bool,
}

const CREATE: Names = &[fake::CREATE];

fn error(status: u16, words: &str) -> Reply {
    Reply::json(status, &json!({ "error": words }))
}

impl Stand for Mastodon {
    fn platform(&self) -> &'static str {
        "mastodon"
    }

    fn variant(&self) -> &'static str {
        if self.keys { "Mastodon itself" } else { "snac, GoToSocial and others that know no keys" }
    }

    fn keys(&self, secrets: &Secrets) -> Vec<(&'static str, String)> {
        let token = self.fake.account("newsroom");
        vec![("server", format!("{:?}", self.fake.url())), ("token", secrets.put("token", &token))]
    }

    fn server(&self) -> Option<&dyn Server> {
        Some(&*self.fake)
    }

    fn ends(&self) -> Ends {
        Ends {
            create: CREATE,
            upload: &[fake::MEDIA],
            find: &[fake::LOOK],
            edit: &[fake::EDIT],
            delete: &[fake::DELETE],
            who: &[fake::ME],
            ..Ends::default()
        }
    }

    fn recovery(&self) -> Recovery {
        // Source: Mastodon's source of 2026-08, Idempotency-Key is remembered for one hour.
        if self.keys { Recovery::Key { window: Duration::from_secs(3600) } } else { Recovery::Look }
    }

    fn at_limit(&self) -> Vec<String> {
        // A link counts 23 whatever its length, a family of emoji one.
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        let long = "https://newsroom.org/a/path/that/is/longer/than/twenty-three/characters";
        let dear = vec!["a".repeat(500)];
        // What others than Mastodon itself count is not told: a character more there is none too few.
        if self.keys { [dear, vec![format!("{long}\n{}", family.repeat(476))]].concat() } else { dear }
    }

    fn above_limit(&self) -> Vec<String> {
        self.at_limit().into_iter().map(|text| format!("{text}b")).collect()
    }

    fn refusals(&self) -> Vec<Refusal> {
        vec![
            Refusal::new(Class::Auth, error(401, "The access token is invalid")),
            Refusal::new(Class::Forbidden, error(403, "This action is outside the authorized scopes")),
            Refusal::new(Class::Forbidden, error(403, "Your login is currently disabled")),
            Refusal::new(Class::Gone, error(410, "Gone")),
            Refusal::new(Class::Rejected, error(422, "Validation failed: Text character limit of 500 exceeded")),
            Refusal::new(Class::Rejected, error(422, "Validation failed: Text is not allowed")),
            Refusal::new(Class::Unlisted, error(418, "Something nobody has seen")),
            Refusal::new(Class::Unlisted, Reply::gateway(403)),
        ]
    }

    fn lacks(&self) -> &'static [(Class, &'static str)] {
        &[
            (Class::Credits, "an instance sells nothing"),
            (Class::Duplicate, "a repeated key gives the first post again, and texts may repeat"),
        ]
    }

    fn too_many(&self, wait: Wait) -> Option<Reply> {
        Some(FakeMastodon::too_many(wait))
    }

    fn more_limits(&self) -> Vec<super::stand::Limit> {
        let reset = crate::store::at(300);
        vec![super::stand::Limit {
            what: "a reset header in ISO 8601",
            reply: FakeMastodon::too_many(Wait::Iso("X-RateLimit-Reset", reset)),
            rest: Some(300),
            reach: self.reach(),
        }]
    }

    fn revoke(&self) -> bool {
        self.fake.revoke();
        true
    }

    fn restore(&self) {
        self.fake.account("newsroom");
    }

    fn lag(&self, by: Duration) -> bool {
        self.fake.rules().lag = by;
        true
    }

    fn twin(&self) -> bool {
        let Some(request) = last(&*self.fake, CREATE) else { return false };
        self.fake.replay(&without(request, "idempotency-key")).status == 200
    }

    fn pictures(&self) -> Vec<String> {
        self.fake.rules().alts()
    }

    fn refused_picture(&self) -> Option<Reply> {
        Some(error(422, "Validation failed: File content type is invalid"))
    }

    fn marked(&self) -> Vec<Sign> {
        Vec::new()
    }

    fn eye(&self) -> Eye {
        // Source: Mastodon's Account::MENTION_RE and its link extractor, which asks for a scheme and a known domain.
        Eye { mention: Some(r"(?:^|[^=/\w])(@\w+(?:@[\w.-]+\w)?)"), link: Some(PUBLIC), markup: None }
    }
}
