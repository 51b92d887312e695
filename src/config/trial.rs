//! The trials of the config: texts of faults, and files that must be accepted.

mod platforms;

use std::path::Path;
use std::sync::Arc;

use url::Url;

use self::platforms::{Dummy, PLATFORMS, TIMELINE_SPEC};
use super::*;

fn read(text: &str) -> Result<Config, Faults> {
    parse_with(PLATFORMS, text, Path::new("config/bugle.toml"))
}

const NEWSROOM: &str = "[newsroom]\nname = \"AzerNews\"\ntimezone = \"Asia/Baku\"\n";

/// What is said of a file that begins with a sound newsroom of three lines.
fn said(rest: &str) -> String {
    match read(&format!("{NEWSROOM}{rest}")) {
        Ok(_) => "no fault".to_owned(),
        Err(faults) => faults.to_string(),
    }
}

/// The same, one line a fault: `line:column key: said (hint)`.
fn lines(rest: &str) -> Vec<String> {
    let Err(faults) = read(&format!("{NEWSROOM}{rest}")) else { return Vec::new() };
    let line = |fault: &Fault| {
        let place = faults.place(fault).map_or(String::new(), |p| format!("{}:{} ", p.line, p.column));
        let hint = fault.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
        format!("{place}{}: {}{hint}", fault.key, fault.said)
    };
    faults.list().iter().map(line).collect()
}

const MASTODON: &str = "[channel.mastodon]\nplatform = \"mastodon\"\nserver = \"https://mastodon.example\"\n\
                        token = { env = \"MASTODON_TOKEN\" }\n";

#[test]
fn a_fault_shows_its_line_and_a_way_out() {
    let rest = format!("{MASTODON}char_limit = \"x\"\n");
    assert_eq!(
        said(&rest),
        "error: channel.mastodon.char_limit: expected a whole number, found \"x\"
 --> config/bugle.toml:8:14
  |
8 | char_limit = \"x\"
  |              ^^^
hint: left out: the instance is asked"
    );
}

#[test]
fn a_syntax_error_shows_its_line_and_nothing_else_is_guessed() {
    assert_eq!(
        said("[web\nlisten = 1\n[wbe]\n"),
        "error: unclosed table, expected `]`
 --> config/bugle.toml:4:5
  |
4 | [web
  |     ^
hint: the name of a table stands in brackets on one line: [channel.x]"
    );
}

#[test]
fn every_fault_is_shown_at_once() {
    let rest = "\
[wbe]
[web]
listen = \"nowhere\"
public_url = \"desk.example\"
[network]
allow_private = [\"127.0.0.1:1\", \"10.0.0.5\"]
[source.Bad]
url = \"ftp://www.azernews.az/feed\"
start = \"last 501\"
interval = \"2m\"
[channel.x]
platform = \"x\"
consumer_key = { env = \"A\" }
consumer_secert = { env = \"B\" }
access_token = { env = \"C\", file = \"c\" }
slot = \"* * * * *\"
on_uncertain = \"resend\"
[channel.y]
platform = \"mastodn\"
[channel.z]
server = \"https://z.example\"
[channel.m]
platform = \"mastodon\"
server = \"https://m.example\"
token = { env = \"M\" }
visibility = \"loud\"
char_limit = 2.5
pace = { gap = 3, per_hour = -1 }
[[route]]
from = [\"azernews\"]
to = [\"x\", \"x\", \"w\"]
urgency = \"braking\"
approve = 1
[[route]]
from = [\"bad\"]
to = [\"x\", \"x\", \"telegramm\"]
";
    let expected = [
        "4:2 wbe: unknown key (known here: card, channel, hashtags, links, log, mentions, network, newsroom, notify, route, sign_in, source, store, timing, vault, web)",
        "6:10 web.listen: expected an address and a port, found something else (for instance \"127.0.0.1:8080\")",
        "7:14 web.public_url: expected a URL, found \"desk.example\" (write it with its scheme, as https://…: relative URL without a base)",
        "9:33 network.allow_private[1]: expected host:port, found \"10.0.0.5\" (for instance \"10.0.0.5:8080\")",
        "10:9 source.Bad: expected a name of at most 64 of a-z, 0-9, - and _, found \"Bad\" (the name is the identity: choose it once and keep it)",
        "11:7 source.Bad.url: expected http, https or file, found ftp",
        "12:9 source.Bad.start: expected a number from 1 to 500 after last, found \"501\" (write \"from now\" or \"last 3\" (up to 500))",
        "13:1 source.Bad.interval: unknown key (known here: article_page, categories, hosts, hub, ingest, language, page, page_wait, poll, start, url, websub)",
        "14:10 channel.x.access_secret: missing key (write access_secret = { env = \"X_ACCESS_SECRET\" } and set that variable)",
        "17:1 channel.x.consumer_secert: unknown key (did you mean `consumer_secret`?)",
        "18:16 channel.x.access_token: expected one of { env = … } and { file = … }, found another table (write access_token = { env = \"X_ACCESS_TOKEN\" } and set that variable)",
        "19:1 channel.x.slot: unknown key (did you mean `slots`?)",
        "20:16 channel.x.on_uncertain: expected \"hold\" or \"repost\", found \"resend\"",
        "22:12 channel.y.platform: there is no platform \"mastodn\" (did you mean \"mastodon\"?)",
        "23:10 channel.z: missing key `platform` (one of x, mastodon, bluesky, telegram, timeline)",
        "29:14 channel.m.visibility: expected public or unlisted, found \"loud\"",
        "30:14 channel.m.char_limit: expected a whole number, found 2.5 (left out: the instance is asked)",
        "31:16 channel.m.pace.gap: expected a text, found 3 (a text stands in quotes)",
        "31:30 channel.m.pace.per_hour: expected a whole number from 0, found -1",
        "33:9 route[0].from[0]: there is no source \"azernews\" (there are: Bad)",
        "34:12 route[0].to[1]: channel \"x\" is named twice",
        "34:17 route[0].to[2]: there is no channel \"w\" (there are: m, x, y, z)",
        "35:11 route[0].urgency: expected \"breaking\", \"normal\" or \"evergreen\", found \"braking\" (did you mean \"breaking\"?)",
        "36:11 route[0].approve: expected true, false or a text, found 1",
        "38:9 route[1].from[0]: there is no source \"bad\" (did you mean \"Bad\"?)",
        "39:12 route[1].to[1]: channel \"x\" is named twice",
        "39:17 route[1].to[2]: there is no channel \"telegramm\" (there are: m, x, y, z)",
    ];
    assert_eq!(lines(rest), expected);
}

#[test]
fn one_fault_each() {
    let source = "[source.a]\nurl = \"feed.xml\"\n";
    let with = |rest: &str| format!("{MASTODON}{rest}");
    let route = |rest: &str| format!("{source}{MASTODON}[[route]]\nfrom = [\"a\"]\nto = [\"mastodon\"]\n{rest}");
    for (rest, expected) in [
        // The newsroom itself is tested below; it is sound here.
        (
            "[store]\nurl = \"mysql://u:p@db/x\"\n".into(),
            "5:7 store.url: expected sqlite:FILE or postgres://…, found something else (for instance \"sqlite:data/bugle.db\")",
        ),
        (
            "[store]\nurl = \"sqlite::memory:\"\n".into(),
            "5:7 store.url: expected a file after sqlite:, found none (what is posted must outlive the process: \"sqlite:data/bugle.db\")",
        ),
        (
            "[store]\nkeep = \"30d\"\n".into(),
            "5:8 store.keep: expected 400d or more, found \"30d\" (a feed may list an old story again after a year: it must still be known)",
        ),
        (
            "[web]\npublic_url = \"ftp://desk.example\"\n".into(),
            "5:14 web.public_url: expected http or https, found ftp",
        ),
        (
            "[network]\nproxy = \"http://u:p@proxy:1\"\n".into(),
            "5:9 network.proxy: expected a URL without user:password@, found one with it (no secret stands in the file)",
        ),
        ("[log]\nformat = \"xml\"\n".into(), "5:10 log.format: expected \"pretty\" or \"json\", found \"xml\""),
        ("[timing]\nscale = -1\n".into(), "5:9 timing.scale: expected a number above 0, found -1"),
        (
            "[notify]\nsecret = { env = \"N\" }\n".into(),
            "4:2 notify.url: missing key (`url` is a web hook that takes notices as JSON)",
        ),
        (
            "[vault]\nkey = \"c2VjcmV0\"\n".into(),
            "5:7 vault.key: a secret is { env = … } or { file = … }, never a text (write key = { env = \"VAULT_KEY\" } and set that variable, and change the secret: it has been in a file)",
        ),
        ("source = 3\n[web]\n".into(), "4:1 newsroom.source: unknown key (known here: language, name, timezone)"),
        ("[source]\na = 3\n".into(), "5:5 source.a: expected a table, found 3"),
        (
            "[source.a]\nurl = \"https://u:p@host/feed\"\n".into(),
            "5:7 source.a.url: expected a URL without user:password@, found one with it (no secret stands in the file)",
        ),
        ("[source.a]\nurl = \"\"\n".into(), "5:7 source.a.url: expected a URL or a file, found nothing"),
        (
            "[source.a]\nurl = \"x\"\ncategories = [\"News\", \" \"]\n".into(),
            "6:23 source.a.categories[1]: expected a category, found nothing",
        ),
        (
            "[source.a]\nurl = \"x\"\nlanguage = \"E\"\n".into(),
            "6:12 source.a.language: expected a language tag, found \"E\" (for instance \"en\" or \"pt-BR\")",
        ),
        (
            "[source.a]\nurl = \"x\"\npage_wait = \"11m\"\n".into(),
            "6:13 source.a.page_wait: expected at most 10m, found \"11m\" (it is news that waits: seconds, not hours)",
        ),
        ("[source.a]\nurl = \"x\"\npage_wait = \"0s\"\narticle_page = \"always\"\n".into(), ""),
        (
            "[source.a]\nurl = \"x\"\nhosts = [\"n.example\", \"https://m.example/\"]\n".into(),
            "6:23 source.a.hosts[1]: expected a host, found \"https://m.example/\" (the name alone: \"news.example\")",
        ),
        (
            "[source.a]\nurl = \"x\"\n[source.a.page]\nitem = \"li\"\ntitle = \"h2[\"\n".into(),
            "8:9 source.a.page.title: expected a CSS selector, found \"h2[\": it ends too early (a CSS selector, as for style sheets: \"article.card\", \"ul.news > li\")",
        ),
        (
            "[source.a]\nurl = \"x\"\n[source.a.page]\ntitle = \"h2\"\n".into(),
            "6:11 source.a.page.item: missing key (`item` is one article of the list)",
        ),
        (with("strict_order = \"yes\"\n"), "8:16 channel.mastodon.strict_order: expected true or false, found \"yes\""),
        (
            with("[timing]\nscale = 0.1\n"),
            "9:9 timing.scale: expected 1 or more, found 0.1: channel mastodon is not on this machine (below 1 is for tests, with every channel's server on loopback)",
        ),
        (
            route("template = \"a/b\"\n"),
            "13:12 route[0].template: expected lower-case letters, digits, - and _ (the name of a template without its ending: \"headline\")",
        ),
        (
            route("[[route]]\nfrom = []\nto = [\"mastodon\"]\n"),
            "14:8 route[1].from: expected at least one source, found none",
        ),
        (route("urgent = true\n"), "13:1 route[0].urgent: unknown key (did you mean `urgency`?)"),
        (route(""), ""),
        (with("[timing]\nscale = 1\n"), ""),
    ] {
        assert_eq!(lines(&rest).join("\n"), expected, "{rest}");
    }
}

#[test]
fn the_newsroom_must_be_stated() {
    let said = |text: &str| read(text).err().map(|faults| faults.to_string()).unwrap_or_default();
    assert!(said("").starts_with("error: newsroom: missing key\n --> config/bugle.toml:1:1"), "{}", said(""));
    let text = "[newsroom]\nname = \"A\"\ntimezone = \"Asia/Baki\"\n";
    assert!(said(text).ends_with("hint: did you mean \"Asia/Baku\"?"), "{}", said(text));
}

#[test]
fn schedules_point_into_their_text() {
    // What is said belongs to the schedule's own tests; the places are ours.
    for (rest, key, line, columns) in [
        (format!("{MASTODON}slots = \"*/5 7-33 * * *\"\n"), "channel.mastodon.slots", 8, 10..24),
        (format!("{MASTODON}quiet = \"00:30-06:75\"\n"), "channel.mastodon.quiet", 8, 10..21),
        (format!("{MASTODON}pace = {{ gap = '3x' }}\n"), "channel.mastodon.pace.gap", 8, 17..19),
        (format!("{MASTODON}pace = {{ per_day = 0 }}\n"), "channel.mastodon.pace.per_day", 8, 20..21),
        ("[source.a]\nurl = \"f\"\npoll = 'every 0s'\n".to_owned(), "source.a.poll", 6, 9..17),
    ] {
        let Err(faults) = read(&format!("{NEWSROOM}{rest}")) else { panic!("no fault: {rest}") };
        let [fault] = faults.list() else { panic!("{faults}") };
        assert_eq!(fault.key, key);
        let place = faults.place(fault).unwrap();
        assert!(place.line == line && columns.contains(&place.column), "{place:?}\n{faults}");
        assert!(fault.hint.is_some());
    }
}

#[test]
fn a_secret_is_never_shown() {
    let keys = "[channel.mastodon]\nplatform = \"mastodon\"\nserver = \"https://mastodon.example\"\n";
    for rest in [
        format!("{keys}token = \"hunter2\"\n"),
        format!("{keys}token = 'hunter2'\n"),
        format!("{keys}token = \"\"\"\nhunter2\"\"\"\n"),
        format!("{keys}token = [\"hunter2\"]\n"),
        format!("{keys}token = {{ text = \"hunter2\" }}\n"),
        format!("{keys}token = {{ env = \"T\", text = \"hunter2\" }}\n"),
        format!("{keys}tokn = \"hunter2\"\n"),
        format!("{keys}tok = \"hunter2\"\n"),
        format!("{keys}tok = [\"hunter2\"]\n"),
        "[notify]\nhmac = 'hunter2'\n".to_owned(),
        format!("{keys}token = \"hunter2\n"),
        format!("{keys}token = hunter2\n"),
        format!("{keys}token = {{ env = \"T\" }}\npassword = \"hunter2\"\n"),
        format!("{MASTODON}[vault]\nkey = \"hunter2\"\n"),
        format!("{MASTODON}[vault]\nold_keys = [\"hunter2\"]\n"),
        format!("{MASTODON}[vault]\nold_keys = \"hunter2\"\n"),
        format!("{MASTODON}[vault]\nold_keys = [{{ text = \"hunter2\" }}]\n"),
        "[source.a]\nurl = \"https://me:hunter2@host/feed\"\n".to_owned(),
        "[channel.mastodon]\nplatform = \"mastodon\"\ntoken = { env = \"T\" }\nserver = \"https://me:hunter2@host\"\n"
            .to_owned(),
        "[channel.mastodon]\nplatform = \"mastodon\"\ntoken = { env = \"T\" }\nserver = \"me:hunter2@host\"\n"
            .to_owned(),
        "[store]\nurl = \"postgres://me:hunter2@db/bugle\"\nkep = 1\n".to_owned(),
    ] {
        let Err(faults) = read(&format!("{NEWSROOM}{rest}")) else { panic!("no fault: {rest}") };
        for text in [faults.to_string(), faults.styled(), faults.to_json().to_string(), format!("{faults:?}")] {
            assert!(!text.contains("hunter2"), "{rest}\n{text}");
        }
    }
}

#[test]
fn faults_as_json() {
    let Err(faults) = read(&format!("{NEWSROOM}[web]\nlisen = 1\n")) else { panic!("no fault") };
    let expected = serde_json::json!({
        "file": "config/bugle.toml",
        "faults": [{ "key": "web.lisen", "said": "unknown key", "line": 5, "column": 1, "hint": "did you mean `listen`?" }],
    });
    assert_eq!(faults.to_json(), expected);
}

const SAMPLE: &str = include_str!("../../config/bugle.toml");
const EXAMPLE: &str = include_str!("../../config/bugle.example.toml");

/// By the platforms there are: the example is for people.
fn accepted_by_all(text: &str) -> Config {
    match parse_with(crate::platform::ALL, text, Path::new("config/bugle.example.toml")) {
        Ok(config) => config,
        Err(faults) => panic!("{faults}"),
    }
}

#[test]
fn the_example_has_every_platform() {
    let text = uncommented(EXAMPLE);
    let config = accepted_by_all(&text);
    let missing = |word: &&str| config.channels.iter().all(|channel| channel.platform.id != *word);
    let missing: Vec<_> = crate::platform::ALL.iter().map(|it| it.spec().id).filter(&missing).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn accepted(text: &str) -> Config {
    match read(text) {
        Ok(config) => config,
        Err(faults) => panic!("{faults}"),
    }
}

#[test]
fn doors_and_hubs() {
    let rest = "\
[source.none]
start = \"from now\"
[source.open]
[source.open.ingest]
link = \"https://www.example/story\"
[source.poll]
poll = \"every 2m\"
ingest = { token = { env = \"T\" } }
[source.hub]
url = \"https://www.example/feed\"
hub = \"ftp://hub.example\"
websub = false
ingest = { secret = { env = \"S\" }, link = \"{{ uri\" }
";
    let expected = [
        "4:9 source.none.url: missing key (an http(s) URL or a file; or [source.NAME.ingest], where its stories are pushed)",
        "7:14 source.open.ingest: expected a token or a secret: without one anybody could push (token = { env = \"NAME\" } (a bearer token) or secret = { env = \"NAME\" } (signed pushes))",
        "8:8 source.open.ingest.link: expected a place as {{ uri }}, found none: every story would have the same link (as in \"https://www.example/{{ uri }}\")",
        "10:8 source.poll.poll: there is no url to poll (add url, or take poll out: its stories are pushed)",
        "14:7 source.hub.hub: expected http or https, found ftp",
        "14:7 source.hub.hub: websub = false: nothing is subscribed to (take one of the two out)",
        "16:43 source.hub.ingest.link: expected }} after {{, found none (as in \"https://www.example/{{ uri }}\")",
    ];
    assert_eq!(lines(rest), expected);
}

#[test]
fn the_sample_is_accepted() {
    let config = accepted(SAMPLE);
    assert_eq!(config.newsroom.zone.iana_name(), Some("Asia/Baku"));
    let [source] = &config.sources[..] else { panic!("one source") };
    assert_eq!(source.address, Address::File("config/sample/feed.xml".into()));
    assert_eq!(source.start, Start::Last(3));
    assert!(matches!(source.rhythm, Some(Rhythm::Every(every)) if every.as_secs() == 10));
    let names: Vec<_> = config.channels.iter().map(|channel| channel.name.as_str()).collect();
    assert_eq!(names, ["bluesky", "mastodon", "telegram", "x"]);
    assert!(config.channels.iter().all(|channel| channel.platform.id == "timeline"));
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/sample/feed.xml").is_file());
}

#[test]
fn the_example_is_accepted_and_every_key_arrives() {
    let config = accepted_by_all(EXAMPLE);
    assert_eq!(
        config.store,
        Store { url: "sqlite:data/bugle.db".into(), keep: jiff::SignedDuration::from_hours(9600) }
    );
    let x = config.channel(&"x".into()).unwrap();
    assert_eq!(x.label.as_deref(), Some("@AzerNewsAz"));
    assert_eq!((x.policy.per_hour, x.policy.per_day), (Some(12), Some(100)));
    assert_eq!(x.policy.gap, Some(jiff::SignedDuration::from_mins(3)));
    assert!(x.policy.slots.is_some() && x.policy.quiet.is_some());
    assert_eq!((x.on_uncertain, x.strict_order), (OnUncertain::Hold, false));
    let route = &config.routes[0];
    assert_eq!(route.to.len(), 4);
    assert_eq!(route.template.as_deref(), Some("headline"));
    assert_eq!(config.sources[0].address, Address::Web(Url::parse("https://www.azernews.az/feed.php").unwrap()));
}

#[test]
fn a_secret_may_be_a_credential_of_systemd() {
    let config = accepted(&format!("{NEWSROOM}[vault]\nkey = {{ credential = \"bugle_key\" }}\n"));
    assert_eq!(config.vault.key, Some(crate::model::grant::SecretRef::Credential("bugle_key".to_owned())));
    let Err(faults) = read(&format!("{NEWSROOM}[vault]\nkey = {{ credential = \"\" }}\n")) else { panic!("no fault") };
    assert!(faults.to_string().contains("expected the name of a systemd credential"), "{faults}");
}

/// With the keys that stand in comments.
fn uncommented(text: &str) -> String {
    let mut bared = String::new();
    for line in text.lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let is_key =
            bare.starts_with('[') || bare.split_once(" = ").is_some_and(|(key, _)| !key.trim_end().contains(' '));
        bared.push_str(if is_key { bare } else { line });
        bared.push('\n');
    }
    bared
}

/// What the example has in comments is part of it too.
#[test]
fn the_examples_comments_are_keys() {
    let config = accepted_by_all(&uncommented(EXAMPLE));
    assert!(
        config.web.public_url.is_some() && config.network.proxy.is_some() && config.network.extra_ca_file.is_some()
    );
    assert!(config.vault.key.is_some() && config.notify.is_some_and(|notify| notify.secret.is_some()));
    assert_eq!(config.vault.old_keys.len(), 1);
    let oidc = config.sign_in.oidc.expect("a way to sign in");
    assert!(oidc.client_secret.is_some() && oidc.role_claim.is_some() && !oidc.roles.editor.is_empty());
}

#[test]
fn a_sign_in_service_says_who_may_come_in() {
    let with = |keys: &str| format!("[sign_in.oidc]\nissuer = \"https://id.example\"\nclient_id = \"bugle\"\n{keys}\n");
    let config = accepted(&format!("{NEWSROOM}{}", with("allow = [\"@news.example\"]")));
    let oidc = config.sign_in.oidc.expect("it is there");
    assert_eq!((oidc.role, oidc.label().as_str()), (crate::model::person::Role::Viewer, "id.example"));
    for (keys, part) in [
        ("allow = []", "allow: expected who may sign in, found nobody"),
        ("allow = [\"news.example\"]", "allow: expected an address or \"@domain\", found \"news.example\""),
        ("", "allow"),
        ("allow = [\"@news.example\"]\nrole_claim = \"groups\"", "role_claim: expected `role_claim` and `roles`"),
        ("allow = [\"@news.example\"]\nclient_secret = \"hunter2\"", "client_secret: a secret is"),
        ("allow = [\"@news.example\"]\nrole = \"owner\"", "role"),
        ("allow = [\"@news.example\"]\nsecret = \"hunter2\"", "secret: unknown key"),
    ] {
        let found = lines(&with(keys)).join("\n");
        assert!(found.contains(&format!("sign_in.oidc.{part}")), "{keys}: {found}");
        assert!(!found.contains("hunter2"), "{keys}: {found}");
    }
}

#[test]
fn what_may_be_left_out_has_its_default() {
    let config = accepted(NEWSROOM);
    assert_eq!(config.store.url, "sqlite:data/bugle.db");
    assert_eq!(config.store.keep, jiff::SignedDuration::from_hours(400 * 24));
    assert_eq!(config.web.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.vault.generated, Path::new("data/bugle.key"));
    assert_eq!(config.timing.scale, 1.0);
    assert!(config.notify.is_none() && config.sources.is_empty() && config.channels.is_empty());
}

#[test]
fn a_later_check_finds_the_place() {
    let config = accepted_by_all(EXAMPLE);
    let fault = config.fault("route[0].template", "there is no template \"headline\"", None);
    let faults = config.faults(vec![fault, config.fault("route[0].nothing", "x", None)]);
    let line = |key: &str| faults.list().iter().find(|f| f.key == key).and_then(|f| faults.place(f)).map(|p| p.line);
    let expected = EXAMPLE.lines().position(|l| l.starts_with("template")).unwrap() + 1;
    assert_eq!(line("route[0].template"), Some(expected));
    assert_eq!(line("route[0].nothing"), EXAMPLE.lines().position(|l| l == "[[route]]").map(|n| n + 1));
}

#[test]
fn shortened_waits_need_loopback() {
    let near = MASTODON.replace("https://mastodon.example", "http://127.0.0.1:18101");
    assert_eq!(lines(&format!("{near}[timing]\nscale = 0.01\n")), Vec::<String>::new());
}

#[test]
fn a_rehearsal_stands_beside_the_service() {
    let config = accepted_by_all(EXAMPLE);
    let rehearsal = config.rehearsal(|channel| {
        assert!(config.channel(&channel.name).is_some());
        Arc::new(Dummy { spec: &TIMELINE_SPEC, server: None })
    });
    assert_eq!(rehearsal.store.url, "sqlite:data/bugle-rehearsal.db");
    assert_eq!(rehearsal.web.listen.port(), 8081);
    assert!(rehearsal.channels.iter().all(|channel| channel.platform.id == "timeline"));
    assert_ne!(rehearsal.vault.generated, config.vault.generated);
    let written = |c: &Config| c.channels.iter().map(|channel| channel.schedule.clone()).collect::<Vec<_>>();
    assert_eq!(written(&rehearsal), written(&config));
}

#[test]
fn a_draft_is_accepted() {
    let wanted =
        |platform: &str, handle: &str| Wanted { platform: platform.into(), handle: handle.into(), server: None };
    let all = vec![
        wanted("x", "@AzerNewsAz"),
        wanted("mastodon", "@azernews"),
        wanted("bluesky", "@azernews.bsky.social"),
        wanted("telegram", "@azernews"),
        wanted("x", "@Second"),
        wanted("timeline", ""),
    ];
    for (newsroom, channels, names) in [
        ("AzerNews \"live\"\\", all, vec!["bluesky", "mastodon", "telegram", "timeline", "x", "x-2"]),
        ("Новости", Vec::new(), vec!["timeline"]),
    ] {
        let feed = "https://www.azernews.az/feed.php".to_owned();
        let answers = Answers { newsroom: newsroom.into(), zone: "Asia/Baku".into(), feed, channels };
        let config = accepted(&draft(&answers));
        assert_eq!(config.newsroom.name, newsroom);
        let found: Vec<_> = config.channels.iter().map(|channel| channel.name.as_str().to_owned()).collect();
        assert_eq!(found, names);
        assert_eq!(config.routes[0].to.len(), found.len());
    }
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bugle.toml");
    let said = |path: &Path| load(path).err().map(|faults| faults.to_string()).unwrap_or_default();
    assert!(said(&path).starts_with("error: there is no such file"), "{}", said(&path));
    assert!(said(&path).ends_with("hint: `bugle init` writes one"), "{}", said(&path));
    std::fs::write(&path, b"[web]\n\xff").unwrap();
    assert!(said(&path).contains("found another byte in line 2"), "{}", said(&path));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    /// Whatever is cut out of a file or typed into it: faults that can be shown, never a panic.
    #[test]
    fn no_text_is_too_broken_to_be_shown(at in 0usize..5000, cut in 0usize..60, typed in "[\\PC\n]{0,6}") {
        let floor = |at: usize| (0..=at.min(EXAMPLE.len())).rev().find(|i| EXAMPLE.is_char_boundary(*i)).unwrap_or(0);
        let text = format!("{}{typed}{}", &EXAMPLE[..floor(at)], &EXAMPLE[floor(at + cut)..]);
        if let Err(faults) = read(&text) {
            proptest::prop_assert!(!faults.to_string().is_empty());
            proptest::prop_assert!(faults.list().iter().all(|fault| !fault.said.is_empty()));
        }
    }
}
