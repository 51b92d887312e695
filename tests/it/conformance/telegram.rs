//! Telegram by its Bot API, where nothing can be looked up.

use bugle::clock::SharedClock;
use bugle::platform::{PauseScopeKind, Recovery};
use serde_json::{Value, json};

use super::stand::{ANY, Class, Ends, Eye, Limit, Make, Names, Refusal, Secrets, Server, Sign, Stand, last};
use crate::fakes::fault::Wait;
use crate::fakes::http::Reply;
use crate::fakes::telegram::{self as fake, FakeTelegram};

pub const STANDS: &[Make] = &[make];

fn make(clock: SharedClock) -> Box<dyn Stand> {
    Box::new(Telegram { fake: FakeTelegram::with_clock(clock) })
}

super::trials!(super::telegram::make);

struct Telegram {
    fake: FakeTelegram,
}

const CREATE: Names = &[fake::SEND, fake::PHOTO];

fn refused(code: u16, description: &str) -> Reply {
    Reply::json(code, &json!({"ok": false, "error_code": code, "description": description}))
}

impl Stand for Telegram {
    fn platform(&self) -> &'static str {
        "telegram"
    }

    fn keys(&self, secrets: &Secrets) -> Vec<(&'static str, String)> {
        vec![
            ("server", format!("{:?}", self.fake.url())),
            ("chat", "\"@newsroom\"".to_owned()),
            ("token", secrets.put("token", &self.fake.token())),
        ]
    }

    fn server(&self) -> Option<&dyn Server> {
        Some(&*self.fake)
    }

    fn ends(&self) -> Ends {
        Ends {
            create: CREATE,
            upload: &[fake::PHOTO],
            edit: &[fake::EDIT],
            delete: &[fake::DELETE],
            who: &[fake::ME],
            ..Ends::default()
        }
    }

    fn recovery(&self) -> Recovery {
        Recovery::Blind
    }

    fn at_limit(&self) -> Vec<String> {
        // UTF-16 units: an emoji counts two; links count in full.
        vec!["a".repeat(4096), format!("https://news.example/p\n{}a", "\u{1f600}".repeat(2036))]
    }

    fn above_limit(&self) -> Vec<String> {
        self.at_limit().into_iter().map(|text| format!("{text}b")).collect()
    }

    fn refusals(&self) -> Vec<Refusal> {
        vec![
            Refusal::new(Class::Auth, refused(401, "Unauthorized")),
            Refusal::new(Class::Auth, refused(404, "Not Found")),
            Refusal::new(Class::Forbidden, refused(403, "Forbidden: bot was kicked from the channel chat")),
            Refusal::new(
                Class::Forbidden,
                refused(400, "Bad Request: not enough rights to send text messages to the chat"),
            ),
            Refusal::new(Class::Forbidden, FakeTelegram::migrated(-1_001_000_000_009)),
            Refusal::new(Class::Gone, refused(403, "Forbidden: the group chat was deleted")),
            Refusal::new(Class::Rejected, refused(400, "Bad Request: message is too long")),
            Refusal::new(
                Class::Rejected,
                refused(400, "Bad Request: can't parse entities: unsupported start tag \"x\" at byte offset 0"),
            ),
            Refusal::new(Class::Unlisted, refused(400, "Bad Request: SOMETHING_NOBODY_HAS_SEEN")),
            Refusal::new(Class::Unlisted, Reply::gateway(403)),
        ]
    }

    fn lacks(&self) -> &'static [(Class, &'static str)] {
        &[(Class::Credits, "bots cost nothing"), (Class::Duplicate, "the same message may be sent again and again")]
    }

    fn too_many(&self, wait: Wait) -> Option<Reply> {
        match wait {
            Wait::Seconds(seconds) => Some(FakeTelegram::too_many(seconds)),
            _ => None,
        }
    }

    fn reach(&self) -> PauseScopeKind {
        PauseScopeKind::Credential
    }

    fn more_limits(&self) -> Vec<Limit> {
        let what = "a 500 that means a limit";
        vec![Limit { what, reply: FakeTelegram::flood_500(), rest: None, reach: PauseScopeKind::Credential }]
    }

    fn revoke(&self) -> bool {
        self.fake.rules().revoked = true;
        true
    }

    fn restore(&self) {
        self.fake.rules().revoked = false;
    }

    fn pictures(&self) -> Vec<String> {
        let newest = self.fake.seen().into_iter().rfind(|seen| CREATE.contains(&seen.endpoint));
        // Telegram keeps no words about a picture.
        newest.filter(|seen| seen.endpoint == fake::PHOTO).map(|_| String::new()).into_iter().collect()
    }

    fn refused_picture(&self) -> Option<Reply> {
        Some(refused(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"))
    }

    fn marked(&self) -> Vec<Sign> {
        let body = last(&*self.fake, CREATE).and_then(|request| request.json()).unwrap_or_default();
        assert_eq!(body["parse_mode"], Value::Null, "entities are placed, no markup is parsed");
        let entities = body["entities"].as_array().cloned().unwrap_or_default();
        let text: Vec<u16> = body["text"].as_str().unwrap_or_default().encode_utf16().collect();
        let number = |it: &Value| usize::try_from(it.as_u64().unwrap_or_default()).unwrap_or_default();
        let sign = |entity: &Value| {
            let (start, length) = (number(&entity["offset"]), number(&entity["length"]));
            let words = String::from_utf16_lossy(&text[start..start + length]);
            match entity["type"].as_str().unwrap_or_default() {
                "mention" | "text_mention" => Sign::Mention(words),
                "text_link" => Sign::Link(entity["url"].as_str().unwrap_or_default().to_owned()),
                "url" => Sign::Link(words),
                other => Sign::Markup(other.to_owned()),
            }
        };
        entities.iter().map(sign).collect()
    }

    fn eye(&self) -> Eye {
        // Source: TDLib, find_mentions and find_urls: any host behind a scheme, bare names of known domains.
        Eye { mention: Some(r"(?:^|[^\w/@])(@[A-Za-z0-9_]{2,32})\b"), link: Some(ANY), markup: None }
    }
}
