//! Matrix by an access token: each event under a transaction id of ours, which the server remembers, and with a mark, which
//! stays.

use std::time::Duration;

use bugle::clock::SharedClock;
use bugle::platform::{PauseScopeKind, Recovery};
use serde_json::{Value, json};

use super::stand::{Class, Ends, Eye, Limit, Make, Names, Refusal, Secrets, Server, Sign, Stand, WITH_SCHEME};
use crate::fakes::fault::Wait;
use crate::fakes::http::Reply;
use crate::fakes::matrix::{self as fake, FakeMatrix};

pub const STANDS: &[Make] = &[make, login::make];

fn make(clock: SharedClock) -> Box<dyn Stand> {
    Box::new(Matrix { fake: FakeMatrix::with_clock(clock), login: false })
}

super::trials!(super::matrix::make);

/// The same account, which Bugle signs in to itself: its tokens run out and are renewed.
mod login {
    use super::*;

    pub fn make(clock: SharedClock) -> Box<dyn Stand> {
        Box::new(Matrix { fake: FakeMatrix::with_clock(clock), login: true })
    }

    super::super::trials!(super::login::make);
}

struct Matrix {
    fake: FakeMatrix,
    login: bool,
}

const CREATE: Names = &[fake::SEND];

impl Stand for Matrix {
    fn platform(&self) -> &'static str {
        "matrix"
    }

    fn variant(&self) -> &'static str {
        if self.login { "user and password" } else { "access token" }
    }

    fn keys(&self, secrets: &Secrets) -> Vec<(&'static str, String)> {
        let room = vec![("server", format!("{:?}", self.fake.url())), ("room", "\"#news:fake.example\"".to_owned())];
        let account = match self.login {
            false => vec![("token", secrets.put("token", &self.fake.token()))],
            true => {
                vec![("user", "\"newsroom\"".to_owned()), ("password", secrets.put("password", &self.fake.password()))]
            }
        };
        [room, account].concat()
    }

    fn server(&self) -> Option<&dyn Server> {
        Some(&*self.fake)
    }

    fn ends(&self) -> Ends {
        // An edit is an event that replaces another: the same call.
        Ends {
            create: CREATE,
            upload: &[fake::UPLOAD],
            find: &[fake::MESSAGES],
            edit: CREATE,
            delete: &[fake::REDACT],
            who: &[fake::ME],
            ..Ends::default()
        }
    }

    fn recovery(&self) -> Recovery {
        Recovery::OwnId
    }

    fn counts(&self) -> bool {
        // An event has 64 KiB for all of it; the text's limit is Bugle's own.
        false
    }

    fn at_limit(&self) -> Vec<String> {
        // Bytes of JSON.
        vec!["a".repeat(25_000), format!("{}a", "字".repeat(8333))]
    }

    fn above_limit(&self) -> Vec<String> {
        self.at_limit().into_iter().map(|text| format!("{text}b")).collect()
    }

    fn refusals(&self) -> Vec<Refusal> {
        let no = FakeMatrix::refusal;
        vec![
            Refusal::new(Class::Auth, no(401, "M_UNKNOWN_TOKEN")),
            Refusal::new(Class::Forbidden, no(403, "M_FORBIDDEN")),
            Refusal::new(Class::Forbidden, no(403, "M_USER_SUSPENDED")),
            Refusal::new(Class::Rejected, no(413, "M_TOO_LARGE")),
            Refusal::new(Class::Rejected, no(400, "M_BAD_JSON")),
            Refusal::new(Class::Unlisted, no(418, "M_SOMETHING_NOBODY_HAS_SEEN")),
            Refusal::new(Class::Unlisted, Reply::gateway(403)),
        ]
    }

    fn lacks(&self) -> &'static [(Class, &'static str)] {
        &[
            (Class::Credits, "a homeserver sells nothing"),
            (Class::Gone, "a deactivated account is refused, not gone"),
            (Class::Duplicate, "a repeated transaction gives the first event again"),
        ]
    }

    fn too_many(&self, wait: Wait) -> Option<Reply> {
        match wait {
            Wait::Seconds(seconds) => Some(FakeMatrix::too_many(seconds * 1000, Wait::Absent)),
            _ => None,
        }
    }

    fn reach(&self) -> PauseScopeKind {
        PauseScopeKind::Credential
    }

    fn more_limits(&self) -> Vec<Limit> {
        let reply = FakeMatrix::too_many(30_000, Wait::Seconds(90));
        let what = "a header that says more than the body";
        vec![Limit { what, reply, rest: Some(90), reach: PauseScopeKind::Credential }]
    }

    fn expire(&self) -> bool {
        self.fake.expire();
        self.login
    }

    fn revoke(&self) -> bool {
        self.fake.rules().revoked = true;
        !self.login
    }

    fn restore(&self) {
        self.fake.rules().revoked = false;
    }

    fn lag(&self, by: Duration) -> bool {
        self.fake.rules().lag = by;
        true
    }

    fn apart(&self) -> usize {
        1
    }

    fn pictures(&self) -> Vec<String> {
        let contents = self.fake.rules().contents();
        let images = contents.iter().filter(|it| it["msgtype"] == "m.image");
        images.map(|it| it["body"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn refused_picture(&self) -> Option<Reply> {
        Some(FakeMatrix::refusal(413, "M_TOO_LARGE"))
    }

    fn marked(&self) -> Vec<Sign> {
        let contents = self.fake.rules().contents();
        let newest = contents.last().cloned().unwrap_or_default();
        let mut signs = Vec::new();
        if newest["m.mentions"] != json!({}) {
            signs.push(Sign::Mention(newest["m.mentions"].to_string()));
        }
        if let Value::String(html) = &newest["formatted_body"] {
            let parsed = scraper::Html::parse_fragment(html);
            for element in parsed.tree.values().filter_map(|node| node.as_element()) {
                match (element.name(), element.attr("href")) {
                    ("a", Some(href)) => signs.push(Sign::Link(href.to_owned())),
                    // Paragraphs and line ends are how a text is written.
                    ("html" | "body" | "p" | "br", _) => {}
                    (other, _) => signs.push(Sign::Markup(other.to_owned())),
                }
            }
        }
        signs
    }

    fn eye(&self) -> Eye {
        // Source: specification 1.19, "User and room mentions": nobody is called but by m.mentions; clients link what has a
        // scheme, and ids of rooms and users.
        Eye {
            mention: Some(r"(?:^|[^\w\u{200B}])(@(?:room\b|[a-z0-9._=-]+:[a-z0-9.-]+\.[a-z]+))"),
            link: Some(WITH_SCHEME),
            markup: None,
        }
    }
}
