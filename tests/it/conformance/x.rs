//! X by OAuth 1.0a: with read access, and without, where nobody can look.

use std::time::Duration;

use bugle::clock::SharedClock;
use bugle::platform::{PauseScopeKind, Recovery};
use serde_json::{Value, json};

use super::stand::{BARE, Class, Ends, Eye, Limit, Make, Names, Refusal, Secrets, Server, Sign, Stand, last};
use crate::fakes::fault::Wait;
use crate::fakes::http::Reply;
use crate::fakes::x::{self as fake, FakeX};

pub const STANDS: &[Make] = &[make, blind::make];

fn make(clock: SharedClock) -> Box<dyn Stand> {
    Box::new(stand(clock, true))
}

super::trials!(super::x::make);

mod blind {
    use super::*;

    pub fn make(clock: SharedClock) -> Box<dyn Stand> {
        Box::new(stand(clock, false))
    }

    super::super::trials!(super::blind::make);
}

fn stand(clock: SharedClock, reads: bool) -> X {
    let fake = FakeX::with_clock(clock);
    // So that a second post of the same words shows.
    fake.rules().duplicate_guard = false;
    X { fake, reads }
}

struct X {
    fake: FakeX,
    reads: bool,
}

const CREATE: Names = &[fake::CREATE];

fn problem(status: u16, kind: &str, title: &str, detail: &str) -> Reply {
    Reply::json(status, &json!({"type": kind, "title": title, "detail": detail, "status": status}))
        .header("Content-Type", "application/problem+json")
}

fn listed(status: u16, code: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"errors": [{"code": code, "message": message}]}))
}

impl Stand for X {
    fn platform(&self) -> &'static str {
        "x"
    }

    fn variant(&self) -> &'static str {
        if self.reads { "with read access" } else { "without (`read = false`)" }
    }

    fn keys(&self, secrets: &Secrets) -> Vec<(&'static str, String)> {
        let keys = self.fake.account("newsroom");
        vec![
            ("server", format!("{:?}", self.fake.url())),
            ("consumer_key", secrets.put("consumer_key", &keys.consumer_key)),
            ("consumer_secret", secrets.put("consumer_secret", &keys.consumer_secret)),
            ("access_token", secrets.put("access_token", &keys.token)),
            ("access_secret", secrets.put("access_secret", &keys.token_secret)),
            ("read", self.reads.to_string()),
        ]
    }

    fn server(&self) -> Option<&dyn Server> {
        Some(&*self.fake)
    }

    fn ends(&self) -> Ends {
        Ends {
            create: CREATE,
            upload: &[fake::UPLOAD],
            find: if self.reads { &[fake::LOOK] } else { &[] },
            delete: &[fake::DELETE],
            who: &[fake::ME],
            ..Ends::default()
        }
    }

    fn recovery(&self) -> Recovery {
        if self.reads { Recovery::Look } else { Recovery::Blind }
    }

    fn at_limit(&self) -> Vec<String> {
        // A link counts 23, a CJK character or an emoji two, others one.
        let long = "https://newsroom.org/a/path/that/is/longer/than/twenty-three/characters";
        vec!["a".repeat(280), format!("{long}\n{}", "字".repeat(128)), format!("{}aa", "\u{1f600}".repeat(139))]
    }

    fn above_limit(&self) -> Vec<String> {
        self.at_limit().into_iter().map(|text| format!("{text}b")).collect()
    }

    fn refusals(&self) -> Vec<Refusal> {
        vec![
            Refusal::new(Class::Auth, problem(401, "about:blank", "Unauthorized", "Unauthorized")),
            Refusal::new(Class::Auth, listed(403, 89, "Invalid or expired token.")),
            Refusal::new(Class::Forbidden, FakeX::suspended()),
            Refusal::new(
                Class::Forbidden,
                problem(403, "https://api.twitter.com/2/problems/client-forbidden", "Client Forbidden", "not enrolled"),
            ),
            Refusal::new(Class::Credits, FakeX::no_credits()),
            Refusal::new(
                Class::Rejected,
                problem(400, "https://api.twitter.com/2/problems/invalid-request", "Invalid Request", "no"),
            ),
            Refusal::new(
                Class::Rejected,
                problem(403, "about:blank", "Forbidden", "You are not permitted to perform this action."),
            ),
            Refusal::new(
                Class::Duplicate,
                problem(
                    403,
                    "about:blank",
                    "Forbidden",
                    "You are not allowed to create a Tweet with duplicate content.",
                ),
            ),
            Refusal::new(Class::Unlisted, problem(403, "about:blank", "Forbidden", "Something nobody has seen.")),
            Refusal::new(Class::Unlisted, Reply::gateway(403)),
        ]
    }

    fn lacks(&self) -> &'static [(Class, &'static str)] {
        &[(Class::Gone, "X tells no account that is gone from a token that is refused")]
    }

    fn too_many(&self, wait: Wait) -> Option<Reply> {
        Some(FakeX::too_many(wait))
    }

    fn reach(&self) -> PauseScopeKind {
        PauseScopeKind::Credential
    }

    fn more_limits(&self) -> Vec<Limit> {
        let reset = |seconds: i64| crate::store::at(seconds);
        let unix = |name, seconds| FakeX::too_many(Wait::Unix(name, reset(seconds)));
        let limit = |what, reply, rest, reach| Limit { what, reply, rest: Some(rest), reach };
        vec![
            limit("a reset header", unix("x-rate-limit-reset", 300), 300, PauseScopeKind::Credential),
            // X's clock and ours may differ: a reset that is near is not believed.
            limit("a reset that is near", unix("x-rate-limit-reset", 2), 60, PauseScopeKind::Credential),
            limit("the user's day", unix("x-user-limit-24hour-reset", 7200), 7200, PauseScopeKind::Credential),
            limit("the app's day", unix("x-app-limit-24hour-reset", 7200), 7200, PauseScopeKind::App),
        ]
    }

    fn revoke(&self) -> bool {
        self.fake.rules().revoked = true;
        true
    }

    fn restore(&self) {
        self.fake.rules().revoked = false;
    }

    fn lag(&self, by: Duration) -> bool {
        self.fake.rules().lag = by;
        self.reads
    }

    fn twin(&self) -> bool {
        self.fake.rules().forget_nonces();
        let Some(request) = last(&*self.fake, CREATE) else { return false };
        self.fake.replay(&request).status == 201
    }

    fn pictures(&self) -> Vec<String> {
        let body = last(&*self.fake, CREATE).and_then(|request| request.json()).unwrap_or_default();
        let ids = body["media"]["media_ids"].as_array().cloned().unwrap_or_default();
        let described: Vec<Value> = self
            .fake
            .seen()
            .into_iter()
            .filter(|seen| seen.endpoint == fake::METADATA && seen.outcome == Some(200))
            .filter_map(|seen| seen.request.json())
            .collect();
        let alt = |id: &Value| {
            let said = described.iter().rfind(|it| it["id"] == *id);
            said.and_then(|it| it["metadata"]["alt_text"]["text"].as_str()).unwrap_or_default().to_owned()
        };
        ids.iter().map(alt).collect()
    }

    fn refused_picture(&self) -> Option<Reply> {
        Some(problem(400, "https://api.twitter.com/2/problems/invalid-request", "Invalid Request", "no such picture"))
    }

    fn marked(&self) -> Vec<Sign> {
        Vec::new()
    }

    fn eye(&self) -> Eye {
        // Source: twitter-text, validMentionOrList and extractUrls, which links bare names of hosts.
        Eye {
            mention: Some(r"(?:^|[^A-Za-z0-9_!#$%&*@\u{ff20}])([@\u{ff20}][A-Za-z0-9_]{1,20})"),
            link: Some(BARE),
            markup: None,
        }
    }
}
