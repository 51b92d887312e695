//! Bluesky by app password: records under keys that we choose.

use bugle::clock::SharedClock;
use bugle::platform::Recovery;
use serde_json::{Value, json};

use super::stand::{Class, Ends, Eye, Limit, Make, Names, Refusal, Secrets, Server, Sign, Stand, last};
use crate::fakes::bluesky::{self as fake, FakeBluesky};
use crate::fakes::fault::Wait;
use crate::fakes::http::Reply;

pub const STANDS: &[Make] = &[make];

fn make(clock: SharedClock) -> Box<dyn Stand> {
    Box::new(Bluesky { fake: FakeBluesky::with_clock(clock) })
}

super::trials!(super::bluesky::make);

struct Bluesky {
    fake: FakeBluesky,
}

const HANDLE: &str = "newsroom.test";
const CREATE: Names = &[fake::PUT];

fn error(status: u16, name: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"error": name, "message": message}))
}

impl Bluesky {
    /// The record of the newest post.
    fn record(&self) -> Value {
        let body = last(&*self.fake, CREATE).and_then(|request| request.json()).unwrap_or_default();
        body["record"].clone()
    }
}

impl Stand for Bluesky {
    fn platform(&self) -> &'static str {
        "bluesky"
    }

    fn keys(&self, secrets: &Secrets) -> Vec<(&'static str, String)> {
        vec![
            ("server", format!("{:?}", self.fake.url())),
            ("handle", format!("{HANDLE:?}")),
            ("password", secrets.put("password", &self.fake.account(HANDLE))),
        ]
    }

    fn server(&self) -> Option<&dyn Server> {
        Some(&*self.fake)
    }

    fn ends(&self) -> Ends {
        Ends {
            create: CREATE,
            upload: &[fake::UPLOAD],
            find: &[fake::GET],
            delete: &[fake::DELETE],
            who: &[fake::SESSION],
            ..Ends::default()
        }
    }

    fn recovery(&self) -> Recovery {
        Recovery::OwnId
    }

    fn at_limit(&self) -> Vec<String> {
        // 300 graphemes and 3000 bytes; a link counts in full.
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        let by_graphemes = format!("https://news.example/p\n{}", "字".repeat(277));
        let by_bytes = format!("https://news.example/p\n{}aaaaaaa", family.repeat(165));
        vec!["a".repeat(300), by_graphemes, by_bytes]
    }

    fn above_limit(&self) -> Vec<String> {
        self.at_limit().into_iter().map(|text| format!("{text}b")).collect()
    }

    fn refusals(&self) -> Vec<Refusal> {
        vec![
            Refusal::new(Class::Auth, error(401, "AuthenticationRequired", "Invalid identifier or password")),
            Refusal::new(Class::Auth, error(400, "InvalidToken", "Token could not be verified")),
            Refusal::new(Class::Forbidden, error(400, "AccountTakedown", "Account has been taken down")),
            Refusal::new(Class::Gone, error(400, "RepoNotFound", "Could not find repo")),
            Refusal::new(
                Class::Rejected,
                error(
                    400,
                    "InvalidRequest",
                    "Invalid app.bsky.feed.post record: grapheme too big (maximum 300, got 301) at $.record.text",
                ),
            ),
            Refusal::new(Class::Duplicate, error(400, "InvalidSwap", "Record was at bafyreiother")),
            Refusal::new(Class::Unlisted, error(418, "SomethingNobodyHasSeen", "odd")),
            Refusal::new(Class::Unlisted, Reply::gateway(403)),
        ]
    }

    fn lacks(&self) -> &'static [(Class, &'static str)] {
        &[(Class::Credits, "a PDS sells nothing")]
    }

    fn too_many(&self, wait: Wait) -> Option<Reply> {
        Some(FakeBluesky::too_many(wait))
    }

    fn more_limits(&self) -> Vec<Limit> {
        let reply = FakeBluesky::too_many(Wait::Unix("RateLimit-Reset", crate::store::at(300)));
        vec![Limit { what: "a reset header", reply, rest: Some(300), reach: self.reach() }]
    }

    fn expire(&self) -> bool {
        self.fake.expire_access();
        true
    }

    fn revoke(&self) -> bool {
        self.fake.withdraw_passwords();
        true
    }

    fn restore(&self) {
        self.fake.give_back_passwords();
    }

    fn pictures(&self) -> Vec<String> {
        let record = self.record();
        let images = record["embed"]["images"].as_array().cloned().unwrap_or_default();
        images.iter().map(|image| image["alt"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn refused_picture(&self) -> Option<Reply> {
        Some(error(413, "PayloadTooLarge", "request entity too large"))
    }

    fn marked(&self) -> Vec<Sign> {
        let record = self.record();
        let mut signs = Vec::new();
        for facet in record["facets"].as_array().into_iter().flatten() {
            for feature in facet["features"].as_array().into_iter().flatten() {
                signs.push(match feature["$type"].as_str().unwrap_or_default() {
                    "app.bsky.richtext.facet#mention" => Sign::Mention(feature["did"].to_string()),
                    "app.bsky.richtext.facet#link" => {
                        Sign::Link(feature["uri"].as_str().unwrap_or_default().to_owned())
                    }
                    // A tag stays a tag wherever it comes from, as on every platform.
                    "app.bsky.richtext.facet#tag" => continue,
                    other => Sign::Markup(other.to_owned()),
                });
            }
        }
        let card = record["embed"]["external"]["uri"].as_str();
        signs.extend(card.map(|uri| Sign::Link(uri.to_owned())));
        signs
    }

    fn eye(&self) -> Eye {
        // Only what a facet marks is more than text.
        Eye::default()
    }
}
