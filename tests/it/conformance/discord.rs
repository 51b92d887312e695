//! Discord: a bot, whose nonce is remembered for minutes, and an incoming web hook, which has neither nonce nor history.

use std::time::Duration;

use bugle::clock::SharedClock;
use bugle::platform::{PauseScopeKind, Recovery};
use serde_json::{Value, json};

use super::stand::{Class, Ends, Eye, Limit, Make, Names, Refusal, Secrets, Server, Sign, Stand, WITH_SCHEME};
use crate::fakes::discord::{self as fake, FakeDiscord};
use crate::fakes::fault::Wait;
use crate::fakes::http::Reply;

pub const STANDS: &[Make] = &[make, hook::make];

fn make(clock: SharedClock) -> Box<dyn Stand> {
    Box::new(Discord { fake: FakeDiscord::with_clock(clock), bot: true })
}

super::trials!(super::discord::make);

mod hook {
    use super::*;

    pub fn make(clock: SharedClock) -> Box<dyn Stand> {
        Box::new(Discord { fake: FakeDiscord::with_clock(clock), bot: false })
    }

    super::super::trials!(super::hook::make);
}

struct Discord {
    fake: FakeDiscord,
    bot: bool,
}

impl Discord {
    const fn create(&self) -> Names {
        if self.bot { &[fake::CREATE] } else { &[fake::HOOK] }
    }
}

fn refused(status: u16, code: u32, message: &str) -> Reply {
    Reply::json(status, &json!({"message": message, "code": code}))
}

impl Stand for Discord {
    fn platform(&self) -> &'static str {
        "discord"
    }

    fn variant(&self) -> &'static str {
        if self.bot { "bot" } else { "web hook" }
    }

    fn keys(&self, secrets: &Secrets) -> Vec<(&'static str, String)> {
        let server = ("server", format!("{:?}", self.fake.url()));
        if self.bot {
            let token = secrets.put("token", &self.fake.token());
            vec![server, ("channel", format!("{:?}", fake::HOME)), ("token", token)]
        } else {
            vec![server, ("webhook", secrets.put("webhook", &self.fake.webhook()))]
        }
    }

    fn server(&self) -> Option<&dyn Server> {
        Some(&*self.fake)
    }

    fn ends(&self) -> Ends {
        Ends {
            create: self.create(),
            upload: self.create(),
            find: if self.bot { &[fake::HISTORY] } else { &[] },
            edit: &[fake::EDIT],
            delete: &[fake::DELETE],
            who: if self.bot { &[fake::ME] } else { &[fake::ABOUT] },
            ..Ends::default()
        }
    }

    fn recovery(&self) -> Recovery {
        // Source: discord-api-docs, "Create Message": a nonce is checked for the past few minutes.
        if self.bot { Recovery::Key { window: Duration::from_secs(120) } } else { Recovery::Blind }
    }

    fn at_limit(&self) -> Vec<String> {
        // UTF-16 units, trimmed.
        vec!["a".repeat(2000), format!("https://news.example/p\n{}a", "\u{1f600}".repeat(988))]
    }

    fn above_limit(&self) -> Vec<String> {
        self.at_limit().into_iter().map(|text| format!("{text}b")).collect()
    }

    fn refusals(&self) -> Vec<Refusal> {
        let gone = if self.bot { (10003, "Unknown Channel") } else { (10015, "Unknown Webhook") };
        let auth = if self.bot { (0, "401: Unauthorized") } else { (50027, "Invalid Webhook Token") };
        vec![
            Refusal::new(Class::Auth, refused(401, auth.0, auth.1)),
            Refusal::new(Class::Forbidden, refused(403, 50001, "Missing Access")),
            Refusal::new(Class::Forbidden, refused(403, 50013, "Missing Permissions")),
            Refusal::new(Class::Gone, refused(404, gone.0, gone.1)),
            Refusal::new(Class::Rejected, refused(400, 50006, "Cannot send an empty message")),
            Refusal::new(
                Class::Rejected,
                Reply::json(
                    400,
                    &json!({"message": "Invalid Form Body", "code": 50035, "errors": {"content": {"_errors": [
                        {"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 2000 or fewer in length."}]}}}),
                ),
            ),
            Refusal::new(Class::Unlisted, refused(400, 99_999, "Something nobody has seen")),
            Refusal::new(Class::Unlisted, Reply::gateway(400)),
        ]
    }

    fn lacks(&self) -> &'static [(Class, &'static str)] {
        &[
            (Class::Credits, "messages cost nothing"),
            (Class::Duplicate, "the same message may be sent again, and a nonce gives the first one back"),
        ]
    }

    fn too_many(&self, wait: Wait) -> Option<Reply> {
        match wait {
            Wait::Seconds(seconds) => {
                let seconds = u32::try_from(seconds).expect("a year has fewer");
                Some(FakeDiscord::too_many(f64::from(seconds), false))
            }
            _ => None,
        }
    }

    fn gateway_reach(&self) -> PauseScopeKind {
        // The edge counts the address, so that every channel of the bot waits.
        PauseScopeKind::Credential
    }

    fn more_limits(&self) -> Vec<Limit> {
        let (what, reach) = ("a limit of the whole bot", PauseScopeKind::Credential);
        vec![
            Limit { what, reply: FakeDiscord::too_many(1.5, true), rest: Some(2), reach },
            Limit { what: "a ban by address", reply: FakeDiscord::banned(900), rest: Some(900), reach },
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
        self.bot
    }

    fn pictures(&self) -> Vec<String> {
        self.fake.rules().messages.last().map(|it| it.files.clone()).unwrap_or_default()
    }

    fn refused_picture(&self) -> Option<Reply> {
        Some(Reply::json(
            400,
            &json!({"message": "Invalid Form Body", "code": 50035, "errors": {"attachments": {"0": {"_errors": [
                {"code": "ATTACHMENT_NOT_FOUND", "message": "no such file"}]}}}}),
        ))
    }

    fn marked(&self) -> Vec<Sign> {
        let rules = self.fake.rules();
        let mut signs: Vec<Sign> = rules.called.iter().cloned().map(Sign::Mention).collect();
        // As it is sent: what a backslash stands before is text.
        let alive = Eye { mention: Some(r"(?:^|[^\\])(@everyone|@here|<@[!&]?\d+>|<#\d+>|<t:\d+)"), ..Eye::default() };
        signs.extend(rules.messages.last().map(|it| alive.see(&it.content)).unwrap_or_default());
        signs.extend(rules.formatted.iter().cloned().map(Sign::Markup));
        let embeds = rules.messages.last().map(|it| it.embeds.clone()).unwrap_or_default();
        let link = |it: &Value| it["url"].as_str().map(|url| Sign::Link(url.to_owned()));
        signs.extend(embeds.iter().filter_map(link));
        signs
    }

    fn eye(&self) -> Eye {
        // Source: discord-api-docs, "Message Formatting". Bare names of hosts are no links there.
        Eye { mention: None, link: Some(WITH_SCHEME), markup: None }
    }
}
