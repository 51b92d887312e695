//! Slack: an app's bot, whose messages carry a mark by which they are found, and an incoming web hook, which shows nothing.

use std::time::Duration;

use bugle::clock::SharedClock;
use bugle::model::receipt::Op;
use bugle::platform::{PauseScopeKind, Recovery};
use serde_json::Value;

use super::stand::{Class, Ends, Eye, Make, Names, Proof, Refusal, Secrets, Server, Sign, Stand, last};
use crate::fakes::fault::Wait;
use crate::fakes::http::Reply;
use crate::fakes::slack::{self as fake, FakeSlack};

pub const STANDS: &[Make] = &[make, hook::make];

fn make(clock: SharedClock) -> Box<dyn Stand> {
    Box::new(Slack { fake: FakeSlack::with_clock(clock), bot: true })
}

super::trials!(super::slack::make);

mod hook {
    use super::*;

    pub fn make(clock: SharedClock) -> Box<dyn Stand> {
        Box::new(Slack { fake: FakeSlack::with_clock(clock), bot: false })
    }

    super::super::trials!(super::hook::make);
}

struct Slack {
    fake: FakeSlack,
    bot: bool,
}

impl Slack {
    const fn create(&self) -> Names {
        if self.bot { &[fake::POST] } else { &[fake::HOOK] }
    }

    /// A refusal in the form of the door: a method's is a 200 with a word, a web hook's a status and a word.
    fn no(&self, status: u16, word: &str) -> Reply {
        if self.bot { FakeSlack::refusal(word) } else { Reply::text(status, "text/plain", word) }
    }
}

impl Stand for Slack {
    fn platform(&self) -> &'static str {
        "slack"
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
        let both = Ends { create: self.create(), upload: self.create(), ..Ends::default() };
        if !self.bot {
            return both;
        }
        Ends { find: &[fake::HISTORY], edit: &[fake::UPDATE], delete: &[fake::DELETE], who: &[fake::AUTH], ..both }
    }

    fn recovery(&self) -> Recovery {
        if self.bot { Recovery::Look } else { Recovery::Blind }
    }

    fn proof(&self) -> Proof {
        if self.bot { Proof::Id } else { Proof::Word }
    }

    fn cannot(&self) -> &'static [Op] {
        if self.bot { &[] } else { &[Op::Edit, Op::Delete] }
    }

    fn counts(&self) -> bool {
        // Slack advises 4,000 and cuts off at 40,000.
        false
    }

    fn at_limit(&self) -> Vec<String> {
        // UTF-16 units, in which &, < and > count as they are written: &amp;, &lt;, &gt;.
        vec!["a".repeat(4000), format!("{}&a", "\u{1f600}".repeat(1997))]
    }

    fn above_limit(&self) -> Vec<String> {
        self.at_limit().into_iter().map(|text| format!("{text}b")).collect()
    }

    fn refusals(&self) -> Vec<Refusal> {
        let mut all = vec![
            Refusal::new(Class::Forbidden, self.no(404, "channel_is_archived")),
            Refusal::new(Class::Forbidden, self.no(403, "action_prohibited")),
            Refusal::new(Class::Gone, self.no(404, "no_service")),
            Refusal::new(Class::Rejected, self.no(400, "no_text")),
            Refusal::new(Class::Unlisted, self.no(400, "something_nobody_has_seen")),
            Refusal::new(Class::Unlisted, Reply::gateway(502)),
        ];
        all.push(match self.bot {
            true => Refusal::new(Class::Auth, FakeSlack::refusal("token_revoked")),
            false => Refusal::new(Class::Auth, self.no(403, "invalid_token")),
        });
        all
    }

    fn lacks(&self) -> &'static [(Class, &'static str)] {
        &[(Class::Credits, "messages cost nothing"), (Class::Duplicate, "the same message may be sent again and again")]
    }

    fn too_many(&self, wait: Wait) -> Option<Reply> {
        Some(FakeSlack::too_many(wait))
    }

    fn reach(&self) -> PauseScopeKind {
        PauseScopeKind::Credential
    }

    fn revoke(&self) -> bool {
        // A web hook that was taken away is gone, not refused.
        self.fake.rules().revoked = self.bot;
        self.bot
    }

    fn restore(&self) {
        self.fake.rules().revoked = false;
    }

    fn lag(&self, by: Duration) -> bool {
        self.fake.rules().lag = by;
        self.bot
    }

    fn twin(&self) -> bool {
        let Some(request) = last(&*self.fake, self.create()) else { return false };
        self.bot && self.fake.replay(&request).status == 200
    }

    fn names_pictures(&self) -> bool {
        true
    }

    fn pictures(&self) -> Vec<String> {
        let rules = self.fake.rules();
        let blocks = rules.messages.last().map(|it| it.blocks.clone()).unwrap_or_default();
        let images = blocks.iter().filter(|it| it["type"] == "image");
        images.map(|it| it["alt_text"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn refused_picture(&self) -> Option<Reply> {
        Some(self.no(400, "invalid_blocks"))
    }

    fn marked(&self) -> Vec<Sign> {
        let rules = self.fake.rules();
        let mut signs: Vec<Sign> = rules.called.iter().cloned().map(Sign::Mention).collect();
        signs.extend(rules.formatted.iter().cloned().map(Sign::Markup));
        let blocks = rules.messages.last().map(|it| it.blocks.clone()).unwrap_or_default();
        let elements =
            blocks.iter().flat_map(|it| it["elements"][0]["elements"].as_array().cloned().unwrap_or_default());
        let link = |it: Value| it["url"].as_str().map(|url| Sign::Link(url.to_owned()));
        signs.extend(elements.filter_map(link));
        signs
    }

    fn eye(&self) -> Eye {
        // Source: docs.slack.dev, "Rich text block": a text element is text; what is alive in the fallback, the fake notes.
        Eye::default()
    }
}
