//! Discord, Slack and signed web hooks, from a feed to what readers see: each way in, lost answers by recovery class,
//! hostile headlines, changes to what is out, limits, pictures.

use serde_json::{Value, json};

use crate::fakes::discord::{self, FakeDiscord};
use crate::fakes::fault::{Fault, Wait};
use crate::fakes::feed::FakeFeed;
use crate::fakes::slack::{self, FakeSlack};
use crate::fakes::webhook::{self, FakeReceiver};
use crate::harness::{Newsroom, Press, fetched, link, saw, until};
use crate::ledger::Ledger;

/// A headline with everything that could be markup or call somebody, as a feed writes it.
const HOSTILE: &str = "# *Bold* _it_ ~no~ `code` ||x|| @everyone &lt;!channel&gt; &lt;@123456789012345678&gt; [a](https://evil.example/_b_) A&amp;B";

/// Without what breaks mentions and links up.
fn joined(text: &str) -> String {
    text.replace('\u{200B}', "")
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

trait Chats {
    fn discord(self, fake: &FakeDiscord) -> Self;
    fn discord_hook(self, fake: &FakeDiscord) -> Self;
    fn slack(self, fake: &FakeSlack) -> Self;
    fn slack_hook(self, fake: &FakeSlack) -> Self;
    fn webhook(self, fake: &FakeReceiver) -> Self;
}

impl Chats for Newsroom {
    fn discord(mut self, fake: &FakeDiscord) -> Self {
        let token = self.secret("DISCORD_TOKEN", &fake.token());
        let keys = [("channel", quoted(discord::HOME)), ("token", token)];
        self.allowing(&fake.host()).channel("discord", "discord", Some(&fake.url()), &keys)
    }

    fn discord_hook(mut self, fake: &FakeDiscord) -> Self {
        let webhook = self.secret("DISCORD_WEBHOOK", &fake.webhook());
        self.allowing(&fake.host()).channel("discord-hook", "discord", Some(&fake.url()), &[("webhook", webhook)])
    }

    fn slack(mut self, fake: &FakeSlack) -> Self {
        let token = self.secret("SLACK_TOKEN", &fake.token());
        let keys = [("channel", quoted(slack::HOME)), ("token", token)];
        self.allowing(&fake.host()).channel("slack", "slack", Some(&fake.url()), &keys)
    }

    fn slack_hook(mut self, fake: &FakeSlack) -> Self {
        let webhook = self.secret("SLACK_WEBHOOK", &fake.webhook());
        self.allowing(&fake.host()).channel("slack-hook", "slack", Some(&fake.url()), &[("webhook", webhook)])
    }

    fn webhook(mut self, fake: &FakeReceiver) -> Self {
        let secret = self.secret("WEBHOOK_SECRET", webhook::SECRET);
        self.allowing(&fake.host()).channel(
            "webhook",
            "webhook",
            None,
            &[("url", quoted(&fake.hook())), ("secret", secret)],
        )
    }
}

/// One fake for each way in.
struct Stage {
    discord: FakeDiscord,
    discord_hook: FakeDiscord,
    slack: FakeSlack,
    slack_hook: FakeSlack,
    webhook: FakeReceiver,
}

const ALL: [&str; 5] = ["discord", "discord-hook", "slack", "slack-hook", "webhook"];

impl Stage {
    fn new() -> Self {
        Self {
            discord: FakeDiscord::start(),
            discord_hook: FakeDiscord::start(),
            slack: FakeSlack::start(),
            slack_hook: FakeSlack::start(),
            webhook: FakeReceiver::start(),
        }
    }

    fn newsroom(&self, name: &str) -> Newsroom {
        Newsroom::new(name)
            .discord(&self.discord)
            .discord_hook(&self.discord_hook)
            .slack(&self.slack)
            .slack_hook(&self.slack_hook)
            .webhook(&self.webhook)
    }

    fn ledgers(&self) -> [&Ledger; 5] {
        [
            self.discord.ledger(),
            self.discord_hook.ledger(),
            self.slack.ledger(),
            self.slack_hook.ledger(),
            self.webhook.ledger(),
        ]
    }

    /// Nobody was called and nothing formatted, whatever a headline says.
    fn is_plain(&self) {
        for fake in [&self.discord, &self.discord_hook] {
            let rules = fake.rules();
            assert_eq!((&rules.called, &rules.formatted), (&Vec::new(), &Vec::new()));
        }
        for fake in [&self.slack, &self.slack_hook] {
            let rules = fake.rules();
            assert_eq!((&rules.called, &rules.formatted), (&Vec::new(), &Vec::new()));
        }
        assert_eq!(self.webhook.rules().refused, Vec::<String>::new());
    }
}

/// A feed with one story of that headline, and a picture where one is named.
fn feed(web: &FakeFeed, title: &str, pictures: &[&str]) {
    let now = crate::fakes::fault::http_date(bugle::clock::Clock::now(&bugle::clock::SystemClock::new()));
    let title = title.replace('&', "&amp;");
    let enclosed =
        pictures.first().map(|path| format!("<enclosure url=\"{}\" type=\"image/png\" length=\"1\"/>", web.at(path)));
    web.feed(
        "/rss",
        &format!(
            "<rss version=\"2.0\"><channel><title>N</title><item><title>{title}</title><link>{}</link>\
             <guid isPermaLink=\"false\">one</guid><description>The lead.</description><pubDate>{now}</pubDate>{}</item></channel></rss>",
            link("one"),
            enclosed.unwrap_or_default(),
        ),
    );
}

/// What the one post of a ledger shows now.
fn shown(ledger: &Ledger) -> (String, Option<String>) {
    let posts = ledger.posts();
    assert_eq!(posts.len(), 1, "{:#?}", ledger.entries());
    (joined(&posts[0].text), posts[0].link.clone())
}

#[tokio::test]
async fn a_story_arrives_everywhere_as_plain_text_and_can_be_changed_and_taken_down() {
    let (stage, web) = (Stage::new(), FakeFeed::start());
    feed(&web, HOSTILE, &[]);
    let newsroom = stage.newsroom("chat").log("trace").source("news", &web.at("/rss"), "last 1");
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for channel in ALL {
        books.wait_for(channel, "published", 1).await;
    }
    let title = bugle::text::plain::title(HOSTILE);
    assert!(title.contains("# *Bold*") && title.contains("@everyone") && title.contains("<@1234"), "{title}");
    for ledger in stage.ledgers() {
        let (text, link_of) = shown(ledger);
        assert_eq!(text, format!("{title}\n{}", link("one")));
        assert_eq!(link_of, Some(link("one")), "the only link is the article's");
    }
    stage.is_plain();
    // Who can, edits and takes down; a Slack web hook can neither.
    let text = format!("Put *right* <!here> @here\n{}", link("one"));
    for channel in ALL {
        let row = &books.posts_of(channel).await[0];
        let said = newsroom.command(&["edit", &row.id, "--text", &text]).await;
        let can = channel != "slack-hook";
        assert_eq!(said.status.success(), can, "{channel}: {}", String::from_utf8_lossy(&said.stderr));
    }
    for (channel, ledger) in ALL.into_iter().zip(stage.ledgers()) {
        if channel == "slack-hook" {
            continue;
        }
        until(&format!("{channel} shows the change"), async || ledger.entries().len() >= 2).await;
        let (seen, link_of) = shown(ledger);
        assert_eq!((seen.as_str(), link_of), (text.as_str(), Some(link("one"))), "{channel}");
        let row = &books.posts_of(channel).await[0];
        assert!(newsroom.command(&["retract", &row.id]).await.status.success(), "{channel}");
        books.wait_for(channel, "retracted", 1).await;
        assert!(ledger.posts().is_empty(), "{channel}");
    }
    stage.is_plain();
    let log = bugle.log();
    assert!(bugle.term().await.success());
    let secret = |address: &str| address.rsplit('/').next().unwrap_or_default().to_owned();
    for secret in [
        stage.discord.token(),
        secret(&stage.discord_hook.webhook()),
        stage.slack.token(),
        secret(&stage.slack_hook.webhook()),
        webhook::SECRET.to_owned(),
    ] {
        assert!(!secret.is_empty() && !log.contains(&secret), "the log holds {secret}");
    }
    let events: Vec<Value> = stage.webhook.rules().taken.values().map(|it| it["data"]["id"].clone()).collect();
    assert!(events.iter().all(|id| *id == events[0]) && events.len() == 3, "one post, three events: {events:?}");
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_the_class_of_the_channel() {
    for fault in [Fault::ResetAfter, Fault::ResetBefore, Fault::status_after(502), Fault::malformed()] {
        let stage = Stage::new();
        stage.discord.fail(discord::CREATE, fault.clone());
        stage.discord_hook.fail(discord::HOOK, fault.clone());
        stage.slack.fail(slack::POST, fault.clone());
        stage.slack_hook.fail(slack::HOOK, fault.clone());
        stage.webhook.fail(
            webhook::PUBLISHED,
            match fault {
                // Any 2xx is a success for a web hook, whatever its body.
                Fault::After(_) => Fault::status_after(500),
                ref other => other.clone(),
            },
        );
        let press = Press::with(&["one"]);
        let newsroom = stage.newsroom("lost").source("news", &press.url(), "last 1");
        let bugle = newsroom.start().await;
        let books = newsroom.books().await;
        for channel in ["discord", "slack", "webhook"] {
            books.wait_for(channel, "published", 1).await;
        }
        for channel in ["discord-hook", "slack-hook"] {
            let posts = books.wait_for(channel, "held", 1).await;
            assert!(posts[0].reason.starts_with("in doubt"), "{fault:?}: {posts:#?}");
        }
        assert!(bugle.term().await.success());
        for ledger in [stage.discord.ledger(), stage.slack.ledger(), stage.webhook.ledger()] {
            saw(ledger, &[link("one")]);
        }
        let once = usize::from(fault.carries_out());
        for ledger in [stage.discord_hook.ledger(), stage.slack_hook.ledger()] {
            assert_eq!(ledger.posts().len(), once, "{fault:?}: at most once");
        }
        assert_eq!(stage.webhook.count(webhook::PUBLISHED), 2);
        assert_eq!(stage.webhook.rules().again, once, "{fault:?}: the receiver knew the id");
        if fault.carries_out() {
            assert_eq!(stage.slack.count(slack::POST), 1, "{fault:?}: found by looking");
            assert_eq!(stage.discord.count(discord::CREATE), 1, "{fault:?}: found by looking");
        }
    }
}

#[tokio::test]
async fn a_nonce_within_its_window_makes_no_second_message_where_nothing_can_be_looked_at() {
    let fake = FakeDiscord::start();
    fake.rules().reads = false;
    fake.fail(discord::CREATE, Fault::ResetAfter);
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("nonce").scale(0.1).source("news", &press.url(), "last 1").discord(&fake);
    let bugle = newsroom.start().await;
    newsroom.books().await.wait_for("discord", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(fake.ledger(), &[link("one")]);
    assert_eq!(fake.count(discord::CREATE), 2, "sent again under the same nonce");
}

#[tokio::test]
async fn a_bot_that_may_not_read_history_leaves_the_doubt_to_a_person() {
    let fake = FakeSlack::start();
    fake.rules().reads = false;
    fake.fail(slack::POST, Fault::ResetAfter);
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("unread").source("news", &press.url(), "last 1").slack(&fake);
    let bugle = newsroom.start().await;
    let posts = newsroom.books().await.wait_for("slack", "held", 1).await;
    assert!(posts[0].reason.contains("missing_scope"), "{posts:#?}");
    assert!(bugle.term().await.success());
    assert_eq!((fake.count(slack::POST), fake.ledger().posts().len()), (1, 1));
}

#[tokio::test]
async fn a_history_that_lags_makes_no_second_message() {
    let (discord, slack) = (FakeDiscord::start(), FakeSlack::start());
    // Two minutes at scale 0.02.
    discord.rules().lag = std::time::Duration::from_millis(2400);
    slack.rules().lag = std::time::Duration::from_millis(2400);
    discord.fail(discord::CREATE, Fault::ResetAfter);
    slack.fail(slack::POST, Fault::ResetAfter);
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("lags").source("news", &press.url(), "last 1").discord(&discord).slack(&slack);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for channel in ["discord", "slack"] {
        books.wait_for(channel, "published", 1).await;
    }
    assert!(bugle.term().await.success());
    saw(discord.ledger(), &[link("one")]);
    saw(slack.ledger(), &[link("one")]);
    assert_eq!(slack.count(slack::POST), 1);
}

#[tokio::test]
async fn limits_in_every_form_are_waited_for_and_nothing_is_sent_twice() {
    let stage = Stage::new();
    for (times, reply) in
        [(1, FakeDiscord::too_many(0.2, false)), (1, FakeDiscord::too_many(0.3, true)), (1, FakeDiscord::banned(1))]
    {
        stage.discord.fail_times(discord::CREATE, times, Fault::Instead(reply.clone()));
        stage.discord_hook.fail_times(discord::HOOK, times, Fault::Instead(reply));
    }
    stage.slack.fail(slack::POST, Fault::Instead(FakeSlack::too_many(Wait::Seconds(1))));
    stage.slack.fail(slack::POST, Fault::Instead(FakeSlack::refusal("rate_limited")));
    stage.slack_hook.fail(slack::HOOK, Fault::Instead(FakeSlack::too_many(Wait::Seconds(1))));
    stage.webhook.fail(webhook::PUBLISHED, Fault::Instead(FakeReceiver::busy(429, Wait::Seconds(1))));
    stage.webhook.fail(webhook::PUBLISHED, Fault::Instead(FakeReceiver::busy(503, Wait::Seconds(1))));
    let press = Press::with(&["one"]);
    let newsroom = stage.newsroom("limits").source("news", &press.url(), "last 1");
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for channel in ALL {
        let posts = books.wait_for(channel, "published", 1).await;
        assert_eq!(posts[0].attempts, 0, "{channel}: a limit counts no attempt");
    }
    assert!(bugle.term().await.success());
    for ledger in stage.ledgers() {
        saw(ledger, &[link("one")]);
    }
}

#[tokio::test]
async fn what_a_person_must_mend_stops_its_channel_and_no_other() {
    let stage = Stage::new();
    stage.discord.rules().revoked = true;
    stage.discord_hook.fail_always(discord::HOOK, Fault::Instead(FakeDiscord::refusal(404, 10015)));
    stage.slack.fail_always(slack::POST, Fault::Instead(FakeSlack::refusal("not_in_channel")));
    stage.slack_hook.rules().revoked = true;
    stage.webhook.rules().secrets = vec!["whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()];
    let healthy = FakeDiscord::start();
    let press = Press::with(&["one"]);
    let mut newsroom = stage.newsroom("mend").source("news", &press.url(), "last 1");
    let webhook = newsroom.secret("OTHER_WEBHOOK", &healthy.webhook());
    let newsroom =
        newsroom.allowing(&healthy.host()).channel("well", "discord", Some(&healthy.url()), &[("webhook", webhook)]);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    books.wait_for("well", "published", 1).await;
    for channel in ALL {
        until(&format!("{channel} is blocked"), async || books.block(channel).await.is_some()).await;
        assert_eq!(books.posts_of(channel).await[0].state, "scheduled", "{channel} keeps its queue");
    }
    assert!(books.block("slack").await.is_some_and(|why| why.contains("/invite")));
    assert!(bugle.term().await.success());
    for ledger in stage.ledgers() {
        assert!(ledger.entries().is_empty());
    }
}

#[tokio::test]
async fn pictures_go_with_their_words() {
    let (stage, web) = (Stage::new(), FakeFeed::start());
    web.picture("/p.png", 640, 360);
    feed(&web, "Körpü açıldı", &["/p.png"]);
    let mut newsroom = stage.newsroom("pictures").scale(0.3).source("news", &web.at("/rss"), "last 1");
    for channel in ALL {
        newsroom.set(channel, "picture = \"photo\"");
    }
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for channel in ALL {
        books.wait_for(channel, "published", 1).await;
    }
    assert!(bugle.term().await.success());
    for fake in [&stage.discord, &stage.discord_hook] {
        let messages = fake.rules().messages.clone();
        assert_eq!(messages[0].files, ["Körpü açıldı"]);
        assert_eq!(messages[0].flags & 4, 4, "no preview beside a picture");
    }
    for fake in [&stage.slack, &stage.slack_hook] {
        let blocks = fake.rules().messages[0].blocks.clone();
        let expected = json!({"type": "image", "image_url": web.at("/p.png"), "alt_text": "Körpü açıldı"});
        assert_eq!(blocks.last(), Some(&expected));
    }
    let taken = stage.webhook.rules().taken.values().next().cloned().unwrap_or_default();
    assert_eq!(taken["data"]["pictures"], json!([{"url": web.at("/p.png"), "alt": "Körpü açıldı"}]));
}

#[tokio::test]
async fn a_card_of_our_own_and_one_refused_for_its_picture() {
    let (discord, slack, web) = (FakeDiscord::start(), FakeSlack::start(), FakeFeed::start());
    feed(&web, "*Körpü* & more", &["/p.png"]);
    discord.rules().bad_pictures.push(web.at("/p.png"));
    slack.rules().bad_pictures.push(web.at("/p.png"));
    let newsroom = Newsroom::new("card").source("news", &web.at("/rss"), "last 1").discord(&discord).slack(&slack);
    let newsroom = newsroom.with("discord", "preview = \"card\"").with("slack", "preview = \"card\"");
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for channel in ["discord", "slack"] {
        books.wait_for(channel, "published", 1).await;
    }
    assert!(bugle.term().await.success());
    let sent = discord.rules().messages[0].clone();
    assert_eq!(sent.embeds, [json!({"title": r"\*Körpü\* & more", "url": link("one"), "description": "The lead."})]);
    assert!(sent.content.ends_with(&format!("<{}>", link("one"))), "the link is shown once: {}", sent.content);
    assert_eq!((discord.count(discord::CREATE), discord.ledger().posts().len()), (2, 1));
    let sent = slack.rules().messages[0].clone();
    assert_eq!((sent.blocks.len(), sent.unfurl), (2, Some(false)));
    assert!(sent.seen().contains("*Körpü* & more\nThe lead."), "{}", sent.seen());
    assert_eq!((slack.count(slack::POST), slack.ledger().posts().len()), (2, 1));
}

#[tokio::test]
async fn a_message_of_an_announcement_channel_is_pushed_to_its_followers_once() {
    for fault in [None, Some(Fault::ResetAfter), Some(Fault::ResetBefore)] {
        let fake = FakeDiscord::start();
        fake.rules().kind = 5;
        if let Some(fault) = fault.clone() {
            fake.fail(discord::CROSSPOST, fault);
        }
        let press = Press::with(&["one"]);
        let newsroom = Newsroom::new("followers").source("news", &press.url(), "last 1").discord(&fake);
        let newsroom = newsroom.with("discord", "publish = true");
        let bugle = newsroom.start().await;
        newsroom.books().await.wait_for("discord", "published", 1).await;
        assert!(bugle.term().await.success());
        saw(fake.ledger(), &[link("one")]);
        assert!(fake.rules().messages[0].crossposted, "{fault:?}");
        assert_eq!(fake.count(discord::CREATE), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_web_hook_opens_a_forum_post_and_changes_it_there() {
    let fake = FakeDiscord::start();
    fake.rules().kind = 15;
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("forum").source("news", &press.url(), "last 1").discord_hook(&fake);
    let newsroom = newsroom.with("discord-hook", "forum = true").with("discord-hook", "username = \"News\"");
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    let row = books.wait_for("discord-hook", "published", 1).await.remove(0);
    let asked = fake.seen().into_iter().find(|it| it.endpoint == discord::HOOK).and_then(|it| it.request.json());
    assert_eq!(asked.map(|it| it["thread_name"].clone()), Some(json!("Story one")));
    assert!(newsroom.command(&["retract", &row.id]).await.status.success());
    books.wait_for("discord-hook", "retracted", 1).await;
    assert!(fake.ledger().posts().is_empty());
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn a_mark_that_slack_refuses_is_left_out() {
    let fake = FakeSlack::start();
    fake.rules().refuses_marks = true;
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("mark").source("news", &press.url(), "last 1").slack(&fake);
    let bugle = newsroom.start().await;
    newsroom.books().await.wait_for("slack", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(fake.ledger(), &[link("one")]);
    assert!(fake.rules().messages[0].metadata.is_none());
}

#[tokio::test]
async fn two_secrets_sign_while_one_takes_the_others_place() {
    // The receiver still knows the old one only.
    let fake = FakeReceiver::start();
    let new = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let press = Press::with(&["one"]);
    let mut newsroom = Newsroom::new("rotation").source("news", &press.url(), "last 1").webhook(&fake);
    let secret = newsroom.secret("NEW_SECRET", new);
    let old = newsroom.secret("OLD_SECRET", webhook::SECRET);
    newsroom.set("webhook", &format!("secret = {secret}"));
    newsroom.set("webhook", &format!("old_secret = {old}"));
    let bugle = newsroom.start().await;
    newsroom.books().await.wait_for("webhook", "published", 1).await;
    // And a moment later the new one only.
    fake.rules().secrets = vec![new.to_owned()];
    press.publish("two");
    newsroom.books().await.wait_for("webhook", "published", 2).await;
    assert!(bugle.term().await.success());
    saw(fake.ledger(), &[link("one"), link("two")]);
}

#[tokio::test]
async fn a_receiver_that_moved_or_is_gone_or_inside_gets_nothing() {
    for (answer, words) in [
        (crate::fakes::http::Reply::empty(308).header("Location", "https://elsewhere.example/"), "it has moved"),
        (crate::fakes::http::Reply::empty(410), "answered 410"),
    ] {
        let fake = FakeReceiver::start();
        fake.fail_always(webhook::PUBLISHED, Fault::Instead(answer));
        let press = Press::with(&["one"]);
        let newsroom = Newsroom::new("moved").source("news", &press.url(), "last 1").webhook(&fake);
        let bugle = newsroom.start().await;
        let books = newsroom.books().await;
        until("the channel is blocked", async || books.block("webhook").await.is_some()).await;
        let block = books.block("webhook").await.unwrap_or_default();
        assert!(block.contains(words), "{block}");
        assert!(bugle.term().await.success());
        assert_eq!(fake.count(webhook::PUBLISHED), 1, "asked once and no more");
    }
    // Not on the list of what may be contacted inside.
    let (fake, web) = (FakeReceiver::start(), FakeFeed::start());
    feed(&web, "One", &[]);
    let mut newsroom = Newsroom::new("inside").source("news", &web.at("/rss"), "last 1");
    let secret = newsroom.secret("WEBHOOK_SECRET", webhook::SECRET);
    let newsroom = newsroom.channel("webhook", "webhook", None, &[("url", quoted(&fake.hook())), ("secret", secret)]);
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    let books = newsroom.books().await;
    let refused =
        async || books.posts_of("webhook").await.first().is_some_and(|row| row.reason.contains("allow_private"));
    until("the guard has refused it", refused).await;
    assert!(bugle.term().await.success());
    assert_eq!(fake.seen().len(), 0);
}
