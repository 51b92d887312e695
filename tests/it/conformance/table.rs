//! `docs/platforms/README.md`: what each platform can do here, made of the `Spec`s and of what the accounts answer and
//! freeze, so that nobody writes it by hand and it cannot grow old. `BUGLE_UPDATE=1` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bugle::clock::SystemClock;
use bugle::model::picture::{Origin, Picture};
use bugle::platform::{Account, Card, Connect, Identity, Ids, Outgoing, Payload, Platform, Recovery, by_id};
use bugle::text::rules::FittedText;
use jiff::Timestamp;

use super::STANDS;
use super::stage::table;
use super::stand::{Secrets, Stand};

const PLACE: &str = "docs/platforms/README.md";

const HEAD: &str = "\
# What each platform can do here

Made by a test (`tests/it/conformance/table.rs`) of what the code says of itself; do not edit. How to get the keys,
what they cost and what is proved how is in each platform's own page.

";

const FOOT: &str = "
- **Text**: the most a text may count, and in what; what an instance or an account states for itself goes before it.
- **Card**: who makes the link's card, `Bugle` (so it can be trusted to be there) or the platform, if it makes any.
- **Pictures**: how many a post may carry, their alternative text in grapheme clusters.
- **Edit**, **delete**: whether a post that is out can be changed so that readers see it, and taken down, from here.
- **Lost answer**: how it is settled whether a post is out ([reliability.md](../reliability.md#settling-doubt)); *blind*:
  by a person.

## What their terms ask of posts that no person sends

";

/// One account's row.
fn row(stand: &dyn Stand) -> String {
    let platform = by_id(stand.platform()).unwrap_or_else(|| panic!("no platform {}", stand.platform()));
    let secrets = Secrets::new();
    let keys = table(&stand.keys(&secrets));
    let keys = toml::de::DeTable::parse(&keys).expect("a stand's keys are TOML").into_inner();
    let account = platform.open(keys).expect("a stand's keys open an account");
    let spec = platform.spec();
    let (rules, media) = (spec.text, account.media());
    let bytes = rules.bytes.map(|bytes| format!(" and {bytes} bytes")).unwrap_or_default();
    let text = format!("{} {}{bytes}", rules.limit, rules.unit.name());

    let plain = frozen(&*account, &outgoing(&*account));
    let with = |change: fn(&mut Outgoing)| {
        let mut post = outgoing(&*account);
        change(&mut post);
        frozen(&*account, &post)
    };
    let card = with(|post| {
        let url = "https://news.example/p".parse().expect("a URL");
        let (title, description) = ("The title of the card".to_owned(), String::new());
        post.card = Some(Card { url, title, description, image: None });
    });
    let card = if card.contains("The title of the card") { "Bugle" } else { "platform" };
    let language = if with(|post| post.language = Some("az".to_owned())) == plain { "no" } else { "yes" };
    let album = with(|post| {
        post.picture = Some(picture(0));
        post.further = (1..4).map(picture).collect();
    });
    let carried: BTreeSet<usize> = (0..4).filter(|n| album.contains(&photo(*n))).collect();
    let pictures = match (media.max, carried.len()) {
        (0, _) => "no".to_owned(),
        (_, 0 | 1) => "1".to_owned(),
        (most, _) => format!("up to {most}"),
    };
    let alt = match media.alt {
        0 => "no".to_owned(),
        most => most.to_string(),
    };
    let yes = |is: bool| if is { "yes" } else { "no" };
    let threads = if account.threads() { "yes" } else { "one text" };
    let page = format!("[{}]({}.md)", spec.name, spec.id);
    let name = if stand.variant().is_empty() { page } else { format!("{page}, {}", stand.variant()) };
    let (edits, deletes) = (yes(spec.edits), yes(spec.deletes));
    let (lost, opened) = (lost(stand.recovery()), opened(spec.connect, account.consent().is_some()));
    format!(
        "| {name} | {text} | {card} | {pictures} | {alt} | {threads} | {language} | {edits} | {deletes} | {lost} | {opened} |\n"
    )
}

fn outgoing(account: &dyn Account) -> Outgoing {
    let text = "A text\nhttps://news.example/p".to_owned();
    Outgoing {
        text: FittedText::new(text, account.rules(Some(&Identity::default()))).expect("so little fits everywhere"),
        more: Vec::new(),
        link: "https://news.example/p".parse().ok(),
        card: None,
        picture: None,
        further: Vec::new(),
        language: None,
        mentions: Vec::new(),
    }
}

fn photo(n: usize) -> String {
    format!("https://news.example/photo-{n}.jpg")
}

fn picture(n: usize) -> Picture {
    let url = photo(n).parse().expect("a URL");
    Picture { origin: Origin::Photo { urls: vec![url] }, alt: format!("Photo {n}") }
}

/// What would be sent; nothing where the account refuses it (a platform without text posts).
fn frozen(account: &dyn Account, post: &Outgoing) -> String {
    let at = Timestamp::UNIX_EPOCH;
    let ids = Ids { seed: "0a".repeat(32), created: at, story: at, revision: 0 };
    let steps = |payload: Payload| serde_json::to_string(&payload.steps).expect("a payload is plain data");
    account.freeze(post, &ids).map(steps).unwrap_or_default()
}

fn lost(recovery: Recovery) -> String {
    match recovery {
        Recovery::OwnId => "own-id".to_owned(),
        Recovery::Key { window } if window < Duration::from_secs(3600) => {
            format!("key, {} min", window.as_secs() / 60)
        }
        Recovery::Key { window } => format!("key, {} h", window.as_secs() / 3600),
        Recovery::Look => "look".to_owned(),
        Recovery::Blind => "blind".to_owned(),
    }
}

fn opened(connect: Connect, consents: bool) -> &'static str {
    match connect {
        _ if consents => "consent in a browser",
        Connect::None => "nothing to open",
        Connect::AppPassword => "app password",
        Connect::AppPasswordOrOAuth2 => "app password, or consent in a browser",
        Connect::BotToken => "bot's token",
        Connect::OAuth1Or2 => "four keys (OAuth 1.0a), or consent in a browser",
        Connect::OAuth1 => "four keys (OAuth 1.0a)",
        Connect::OAuth2 => "OAuth 2.0 token",
    }
}

fn terms(platform: &dyn Platform) -> String {
    let spec = platform.spec();
    let said = if spec.terms.ask.is_empty() { "nothing that touches a newsroom's own posts." } else { spec.terms.ask };
    let mut text = format!("- **{}**: {said}", spec.name);
    if !spec.terms.source.is_empty() {
        write!(text, " ({}, read {})", spec.terms.source, spec.terms.read).expect("a text grows");
    }
    text + "\n"
}

fn page() -> String {
    let mut text = HEAD.to_owned();
    text.push_str(
        "| platform | text | card | pictures | alt | threads | language | edit | delete | lost answer | opened by |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for make in STANDS.iter().flat_map(|stands| stands.iter()) {
        text.push_str(&row(&*make(Arc::new(SystemClock::new()))));
    }
    text.push_str(FOOT);
    bugle::platform::ALL.iter().for_each(|platform| text.push_str(&terms(*platform)));
    text
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whether to write is said in the environment, as snapshots have it")]
fn the_table_says_what_the_code_does() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(PLACE);
    let made = page();
    if std::env::var("BUGLE_UPDATE").is_ok() {
        std::fs::write(&place, &made).expect("a checkout can be written to");
    }
    let kept = std::fs::read_to_string(&place).unwrap_or_default();
    assert_eq!(kept, made, "{PLACE} is old: write it anew with BUGLE_UPDATE=1");
}
