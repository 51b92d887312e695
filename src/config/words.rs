//! `[hashtags]`, `[mentions]`, `[links]`, and what channels and routes say of them: checked with their places, and compiled
//! into what composing takes.

use std::collections::BTreeMap;

use super::Channel;
use super::diagnostic::nearest;
use super::document::Reading;
use crate::compose::words::hashtags::{self, EVERY, Hashtags};
use crate::compose::words::links::{self, Params};
use crate::compose::words::mentions::{self, Account, Handle, Mentions};
use crate::compose::words::{OfRoute, Own, Words};
use crate::expr::{self, Snippet};
use crate::route::Rule;
use crate::text::entities::{Kind, is_whole};
use crate::text::rules::Unit;

/// How the platforms count that make tags clickable; a tag of the config has to be whole on all of them, so that a channel
/// that is added later finds none that breaks off.
const UNITS: [(Unit, &str); 4] = [
    (Unit::Weighted, "X"),
    (Unit::Mastodon { link: 23 }, "Mastodon"),
    (Unit::Utf16, "Telegram"),
    (Unit::Graphemes, "Bluesky"),
];

/// The longest name of a parameter, bytes. Ours.
const LONGEST_PARAM: usize = 64;

/// Reads and checks all of it. Channels and routes are those that were read before.
pub(super) fn words(r: &mut Reading<'_>, channels: &[Channel], routes: &[Rule], web: &crate::web::Settings) -> Words {
    let tags: hashtags::Settings = r.section("hashtags").unwrap_or_default();
    check_tags(r, &tags);
    let people: mentions::Settings = r.section("mentions").unwrap_or_default();
    check_mentions(r, &people);
    let links: links::Settings = r.section("links").unwrap_or_default();
    let all = params(r, "links.params", &links.params);
    let mut own = std::collections::HashMap::new();
    for channel in channels {
        let key = format!("channel.{}", channel.name);
        limit(r, &format!("{key}.hashtags"), channel.hashtags, Some(channel));
        let params = params(r, &format!("{key}.link_params"), &channel.link_params);
        own.insert(channel.name.to_string(), Own { hashtags: channel.hashtags, params });
    }
    let mut of_routes = Vec::new();
    for (n, rule) in routes.iter().enumerate() {
        let key = format!("route[{n}]");
        if rule.short_links && web.public_url.is_none() {
            let hint =
                "name the address readers reach this service by: public_url = \"https://go.example\" under [web]";
            r.fault(&format!("{key}.short_links"), "short links need [web] public_url, which is left out", Some(hint));
        }
        let paid = |name: &crate::model::id::ChannelName| {
            channels.iter().any(|channel| channel.name == *name && channel.budget.is_some())
        };
        if rule.at_cap.is_some() && !rule.to.iter().any(paid) {
            let hint = "name caps: budget = { per_day = \"$10\" } under one of its channels";
            r.fault(&format!("{key}.at_cap"), "no channel of this route has a budget", Some(hint));
        }
        of_routes.push(OfRoute {
            to: rule.to.iter().map(ToString::to_string).collect(),
            own: Own { hashtags: rule.hashtags, params: params(r, &format!("{key}.link_params"), &rule.link_params) },
            short_links: rule.short_links,
            picture: rule.picture,
            at_cap: rule.at_cap,
        });
    }
    Words {
        hashtags: Hashtags::from(tags),
        mentions: Mentions::from(&people),
        params: all,
        keep_tracking: !links.strip,
        channels: own,
        routes: of_routes,
        public: web.public_url.clone(),
    }
}

fn limit(r: &mut Reading<'_>, key: &str, asked: Option<u8>, channel: Option<&Channel>) {
    let platform = channel.map_or("", |channel| channel.account.like().unwrap_or(channel.platform.id));
    if let (Some(asked), Some(most)) = (asked, hashtags::platform_limit(platform))
        && asked > most
    {
        r.fault(key, format!("expected at most {most}, which {platform} takes, found {asked}"), None);
    }
}

fn check_tags(r: &mut Reading<'_>, settings: &hashtags::Settings) {
    for (word, tags) in &settings.map {
        let key = format!("hashtags.map.{word}");
        if word.trim().is_empty() {
            r.fault(&key, "expected a category or keyword, found nothing", Some("or \"*\" for every article"));
        }
        for (n, tag) in tags.list().iter().enumerate() {
            let key = match tags {
                hashtags::Tags::One(_) => key.clone(),
                hashtags::Tags::Several(_) => format!("{key}[{n}]"),
            };
            let broken = UNITS.iter().find(|(unit, _)| !is_whole(tag, Kind::Tag, *unit));
            if let Some((_, name)) = broken {
                let hint = match hashtags::tag(tag, "") {
                    Some(whole) => format!("letters, digits and _ after one #, with a letter: \"{whole}\""),
                    None => "letters, digits and _ after one #, with a letter: \"#Azerbaijan\"".to_owned(),
                };
                r.fault(&key, format!("expected one hashtag, found {tag:?}: it breaks off on {name}"), Some(&hint));
            }
        }
    }
    if settings.map.get(EVERY).is_some_and(|tags| tags.list().is_empty()) {
        r.fault("hashtags.map.*", "expected a tag for every article, found none", Some("leave \"*\" out"));
    }
}

fn check_mentions(r: &mut Reading<'_>, people: &mentions::Settings) {
    for (name, accounts) in people {
        let key = format!("mentions.{name}");
        if !name.chars().any(char::is_alphabetic) || name.contains(['@', '#']) {
            r.fault(
                &key,
                "expected a name as articles write it",
                Some("as in \"Ilham Aliyev\" = { x = \"@presidentaz\" }"),
            );
        }
        for (platform, handle) in accounts {
            account(r, &format!("{key}.{platform}"), platform, handle);
        }
    }
}

fn account(r: &mut Reading<'_>, key: &str, platform: &str, handle: &Handle) {
    let Some(spec) = r.platforms.iter().map(|it| it.spec()).find(|spec| spec.id == platform) else {
        let ids: Vec<_> = r.platforms.iter().map(|it| it.spec().id).collect();
        let hint = match nearest(platform, ids.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("there are: {}", ids.join(", ")),
        };
        return r.fault(key, format!("there is no platform {platform:?}"), Some(&hint));
    };
    let account = Account::from(handle);
    if !is_whole(&account.handle, Kind::Mention, spec.text.unit) {
        let said = format!("expected an account's name as {} writes it, found {:?}", spec.name, account.handle);
        r.fault(key, said, Some("for instance \"@name\", \"@name@server\" or \"@name.bsky.social\""));
    }
    // A mention there is by the account's unchanging id, and what a post says must not hang on a look-up while it leaves.
    if platform == "bluesky" {
        let name = account.handle.trim_start_matches('@');
        let hint = format!(
            "{{ handle = \"{name}\", did = \"did:plc:…\" }}; https://bsky.social/xrpc/com.atproto.identity.resolveHandle?\
             handle={name} tells the id"
        );
        match account.id.as_deref() {
            None => r.fault(key, "a mention on Bluesky needs the account's did", Some(&hint)),
            Some(did) if !is_did(did) => {
                r.fault(key, format!("expected a did, found {did:?}"), Some(&hint));
            }
            Some(_) => {}
        }
    } else if account.id.is_some() {
        r.fault(key, format!("expected a name alone: only Bluesky takes a did, not {}", spec.name), None);
    }
}

/// Source: <https://atproto.com/specs/did>, 2026-08: the two methods in use.
fn is_did(did: &str) -> bool {
    let rest = did.strip_prefix("did:plc:").or_else(|| did.strip_prefix("did:web:"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:%-".contains(&b))
    }) && did.len() <= 2048
}

/// Compiles parameters; every fault is reported.
fn params(r: &mut Reading<'_>, key: &str, written: &BTreeMap<String, String>) -> Params {
    let mut out = Params::new();
    for (name, value) in written {
        let key = format!("{key}.{name}");
        let good = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
        if name.is_empty() || name.len() > LONGEST_PARAM || !name.bytes().all(good) {
            let said = format!("expected a parameter's name of a-z, 0-9, _, - and ., found {name:?}");
            r.fault(&key, said, Some("for instance utm_source"));
            continue;
        }
        match Snippet::parse(value) {
            Ok(snippet) => {
                out.insert(name.clone(), snippet);
            }
            Err(error) => {
                let word = error.range.clone().and_then(|range| value.get(range));
                let near = word.and_then(|word| nearest(word, expr::NAMES.iter().copied()));
                let hint = match near.filter(|_| error.said.starts_with("unknown")) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "a template, as \"{{ platform }}\" or \"{{ category | lower }}\"".to_owned(),
                };
                match error.range {
                    Some(range) => r.fault_in(&key, range, error.said, Some(&hint)),
                    None => r.fault(&key, error.said, Some(&hint)),
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    const HEAD: &str = "[newsroom]\nname = \"N\"\ntimezone = \"Asia/Baku\"\n[source.a]\nurl = \"a.xml\"\n\
                        [channel.t]\nplatform = \"timeline\"\nlike = \"x\"\n";
    const ROUTE: &str = "[[route]]\nfrom = [\"a\"]\nto = [\"t\"]\n";

    fn read(text: &str) -> Result<crate::config::Config, String> {
        crate::config::parse(text, std::path::Path::new("bugle.toml")).map_err(|faults| faults.to_string())
    }

    #[test]
    fn what_is_sound_is_compiled() {
        let text = format!(
            "{HEAD}hashtags = 2\nlink_params = {{ utm_medium = \"chat\" }}\n{ROUTE}short_links = true\nhashtags = 1\n\
             link_params = {{ utm_campaign = \"{{{{ category | lower }}}}\" }}\n[web]\npublic_url = \"https://go.example\"\n\
             [hashtags]\nauto = true\nlimit = 4\n[hashtags.map]\n\"Nation\" = \"#Azerbaijan\"\nBusiness = [\"#Economy\", \
             \"#Baku\"]\nSlider = []\n\"*\" = \"#AzerNews\"\n[mentions]\n\"Ilham Aliyev\" = {{ x = \"@presidentaz\", mastodon \
             = \"@a@b.example\", telegram = \"presidentaz\", bluesky = {{ handle = \"p.bsky.social\", did = \
             \"did:plc:abc\" }} }}\n[links]\nstrip = false\nparams = {{ utm_source = \"{{{{ platform }}}}\" }}\n"
        );
        let config = read(&text).unwrap_or_else(|faults| panic!("{faults}"));
        let words = &config.words;
        assert!(words.keep_tracking && words.routes[0].short_links && words.routes[0].own.hashtags == Some(1));
        assert_eq!((words.params.len(), words.channels["t"].params.len(), words.routes[0].own.params.len()), (1, 1, 1));
        assert_eq!(words.mentions.pairs("x"), [("Ilham Aliyev".to_owned(), "@presidentaz".to_owned())]);
        assert_eq!(words.mentions.accounts("bluesky")[0].id.as_deref(), Some("did:plc:abc"));
    }

    #[test]
    fn every_fault_has_its_place_and_a_way_out() {
        for (more, at, said, hint) in [
            ("[hashtags.map]\nClimate = \"#COP-29\"\n", "#COP-29", "breaks off on X", "\"#COP29\""),
            ("[hashtags.map]\nA = [\"#Good\", \"2026\"]\n", "2026", "expected one hashtag", "#Azerbaijan"),
            ("[hashtags]\nautos = true\n", "autos", "unknown key", "auto"),
            ("[mentions]\n\"A B\" = { twitter = \"@a\" }\n", "@a", "there is no platform \"twitter\"", "there are:"),
            (
                "[mentions]\n\"A B\" = { mastadon = \"@a\" }\n",
                "@a",
                "there is no platform",
                "did you mean \"mastodon\"?",
            ),
            ("[mentions]\n\"A B\" = { x = \"@much-too-odd\" }\n", "@much", "as X writes it", "@name"),
            (
                "[mentions]\n\"A B\" = { bluesky = \"a.bsky.social\" }\n",
                "a.bsky",
                "needs the account's did",
                "resolveHandle",
            ),
            (
                "[links]\nparams = { utm_source = \"{{ platfrom }}\" }\n",
                "platfrom",
                "unknown name",
                "did you mean `platform`?",
            ),
            ("[links]\nparams = { \"a b\" = \"x\" }\n", "x", "a parameter's name", "utm_source"),
            ("[links]\nstrips = true\n", "strips", "unknown key", "strip"),
        ] {
            let faults = read(&format!("{HEAD}{ROUTE}{more}")).err().unwrap_or_else(|| panic!("accepted: {more}"));
            let shown = faults.lines().any(|line| line.contains(at));
            assert!(shown && faults.contains(said) && faults.contains(hint), "{more}:\n{faults}");
        }
        let faults = read(&format!("{HEAD}{ROUTE}short_links = true\n")).err().expect("nobody could follow them");
        assert!(
            faults.contains("short links need [web] public_url") && faults.contains("https://go.example"),
            "{faults}"
        );
        let faults = read(&format!("{HEAD}link_params = {{ a = \"{{{{\" }}\n{ROUTE}")).err().expect("no template");
        assert!(faults.contains("link_params"), "{faults}");
    }
}
