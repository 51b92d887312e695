//! The command line as scripts and checks from outside use it: exit codes, fixed forms of answers, faults of a config
//! all at once. What the commands say in detail is tried beside them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::harness::{Newsroom, Press};

fn bugle(folder: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bugle"))
        .args(args)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env_remove("BUGLE_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built with the tests");
    // Who reads nothing closes the pipe.
    drop(child.stdin.take().expect("it is piped").write_all(input));
    child.wait_with_output().expect("it ends")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("answers are UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("complaints are UTF-8")
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|fault| panic!("no JSON ({fault}): {output:?}"))
}

#[test]
fn measure_counts_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    for (platform, input, length) in [
        ("x", "Salam 👩‍👩‍👧 https://example.com/a/very/long/path?that=counts&as=23", "32"),
        ("x", "日本", "4"),
        ("bluesky", "👩‍👩‍👧e\u{301}", "2"),
        ("mastodon", "https://example.com/a/very/long/path/that/counts/as/23", "23"),
        ("telegram", "a👍", "3"),
        ("telegram-caption", " a👍 ", "3"),
        ("threads", "a👍", "5"),
        ("linkedin", "#a (b)", "9"),
        ("slack", "a & b", "9"),
        ("gotosocial", "https://example.com/a", "21"),
        ("x", "", "0"),
        ("x", "one line end is not counted\n", "27"),
    ] {
        let said = bugle(folder.path(), &["measure", "--platform", platform], input.as_bytes());
        assert_eq!(
            (said.status.code(), out(&said).as_str()),
            (Some(0), format!("{length}\n").as_str()),
            "{platform} {input:?}"
        );
        let said = bugle(folder.path(), &["measure", "--platform", platform, "--json"], input.as_bytes());
        assert_eq!(json_of(&said)["length"].to_string(), length, "{platform} {input:?}");
    }
    let said = json_of(&bugle(folder.path(), &["measure", "--platform", "x", "--json"], "a".repeat(281).as_bytes()));
    assert_eq!(said, json!({ "length": 281, "limit": 280, "fits": false, "entities": [] }));
    for (args, input, code) in [
        (&["measure", "--platform", "nowhere"][..], &b"a"[..], 2),
        (&["measure"], b"a", 2),
        (&["measure", "--list", "--platform", "x"], b"a", 2),
        (&["measure", "--platform", "x"], b"\xff", 1),
    ] {
        let said = bugle(folder.path(), args, input);
        assert_eq!((said.status.code(), out(&said).as_str()), (Some(code), ""), "{args:?}: {}", err(&said));
        assert!(!err(&said).is_empty(), "{args:?}");
    }
}

#[test]
fn measure_lists_every_platforms_limits() {
    let folder = tempfile::tempdir().unwrap();
    let said = out(&bugle(folder.path(), &["measure", "--list"], b""));
    let rows = json_of(&bugle(folder.path(), &["measure", "--list", "--json"], b""));
    let rows = rows.as_array().expect("an array");
    assert_eq!(said.lines().count(), rows.len());
    for (line, row) in said.lines().zip(rows) {
        let word = row["platform"].as_str().expect("a word");
        assert!(line.starts_with(&format!("{word}\t{} ", row["limit"])), "{line}");
        // What is listed can be asked for.
        let one = json_of(&bugle(folder.path(), &["measure", "--platform", word, "--json"], b"abc"));
        assert_eq!((&one["limit"], &one["fits"]), (&row["limit"], &json!(true)), "{word}");
    }
}

#[test]
fn parse_shows_one_article_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = |name: &str| format!("{}/tests/fixtures/feeds/{name}", env!("CARGO_MANIFEST_DIR"));
    for name in ["rss-2.0.xml", "atom-1.0.xml", "json-1.1.json", "rss-1.0.rdf", "utf-16le.xml"] {
        let said = bugle(folder.path(), &["parse", &fixture(name)], b"");
        assert_eq!(said.status.code(), Some(0), "{name}: {}", err(&said));
        let lines: Vec<Value> = out(&said).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(
            !lines.is_empty()
                && lines
                    .iter()
                    .all(|line| line["id"].is_string() || line["link"].is_string() || line["title"].is_string()),
            "{name}: {lines:#?}"
        );
    }
    for place in [&fixture("page.html"), "no-such-file.xml", "http://127.0.0.1:9/feed", "http://169.254.169.254/"] {
        let said = bugle(folder.path(), &["parse", place], b"");
        assert_eq!((said.status.code(), out(&said).as_str()), (Some(1), ""), "{place}");
        assert!(err(&said).starts_with("error: "), "{place}: {}", err(&said));
    }
    assert_eq!(bugle(folder.path(), &["parse"], b"").status.code(), Some(2));
}

#[test]
fn next_shows_instants_with_their_offset() {
    let folder = tempfile::tempdir().unwrap();
    let next = |args: &[&str]| bugle(folder.path(), &[&["next"], args].concat(), b"");
    let said = next(&["30 2 * * *", "--tz", "Europe/Berlin", "--after", "2026-10-24T00:00:00Z", "-n", "2"]);
    assert_eq!(out(&said), "2026-10-24T02:30:00+02:00\n2026-10-25T02:30:00+02:00\n", "{}", err(&said));
    let said = next(&["every 2m", "--tz", "Asia/Baku", "--after", "2026-11-25T12:00:00+04:00", "-n", "1", "--json"]);
    assert_eq!(said.status.code(), Some(0), "{}", err(&said));
    assert!(json_of(&said)["at"].as_str().is_some_and(|at| at.ends_with("+04:00")));
    for (args, code) in [
        (&["0 25 * * *", "--tz", "UTC"][..], 2),
        (&["0 5 * * *", "--tz", "Nowhere/City"], 2),
        (&["0 5 * * *"], 2),
        (&["0 5 30 2 *", "--tz", "UTC"], 2),
    ] {
        let said = next(args);
        assert!(
            said.status.code() == Some(code) || args[0].contains("30 2") && said.status.code() == Some(1),
            "{args:?}"
        );
        assert!(out(&said).is_empty() && err(&said).starts_with("error: "), "{args:?}: {}", err(&said));
    }
}

#[test]
fn check_shows_all_faults_at_once_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b.toml");
    let check = |text: &str, args: &[&str]| {
        std::fs::write(&file, text).unwrap();
        bugle(folder.path(), &[&["--config", "b.toml", "check"], args].concat(), b"")
    };
    let text = "[newsroom]\nname = \"N\"\ntimezone = \"Asia/Bakku\"\n\n[source.news]\nurl = \"ftp://a.example/\"\npoll = \"every \
                1x\"\n\n[channel.wall]\nplatform = \"timeline\"\nlike = \"xx\"\ncolour = \"red\"\n\n[channel.chat]\nplatform = \
                \"telegramm\"\n\n[[route]]\nfrom = [\"newz\"]\nto = [\"wall\", \"walk\"]\n";
    let said = check(text, &[]);
    assert_eq!((said.status.code(), out(&said).as_str()), (Some(2), ""));
    insta::assert_snapshot!("check_many_faults", err(&said));
    let said = check(text, &["--json"]);
    assert_eq!(said.status.code(), Some(2));
    let faults = json_of(&said)["faults"].as_array().cloned().unwrap_or_default();
    assert!(faults.len() >= 7, "{faults:#?}");
    assert!(faults.iter().all(|fault| fault["line"].is_u64() && fault["key"].is_string()), "{faults:#?}");
    let said = check("[newsroom\nname = \"N\"\n", &[]);
    assert_eq!(said.status.code(), Some(2));
    insta::assert_snapshot!("check_no_toml", err(&said));
    let said = bugle(folder.path(), &["--config", "none.toml", "check"], b"");
    assert_eq!((said.status.code(), out(&said).as_str()), (Some(2), ""), "{}", err(&said));
}

#[test]
fn calls_that_make_no_sense_end_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["nonsense"][..], &["queue", "--nonsense"], &[]] {
        assert_eq!(bugle(folder.path(), args, b"").status.code(), Some(2), "{args:?}");
    }
    for args in [&["--help"][..], &["--version"], &["schema"], &["completions", "bash"]] {
        let said = bugle(folder.path(), args, b"");
        assert_eq!(said.status.code(), Some(0), "{args:?}: {}", err(&said));
        assert!(!out(&said).is_empty(), "{args:?}");
    }
}

#[tokio::test]
async fn why_tells_what_became_of_a_story() {
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("why").source("news", &press.url(), "last 1").timeline("wall", "x");
    let running = newsroom.start().await;
    newsroom.books().await.wait_for("wall", "published", 1).await;
    for what in ["https://newsroom.example/one", "http://newsroom.example/one/?utm_source=a"] {
        let said = newsroom.command(&["why", what, "--json"]).await;
        assert_eq!(said.status.code(), Some(0), "{}", err(&said));
        let answer = json_of(&said);
        let channel = answer.pointer("/0/channels/0").unwrap_or_else(|| panic!("{answer:#}"));
        assert_eq!(
            (channel["channel"].as_str(), channel["answer"].as_str()),
            (Some("wall"), Some("posted")),
            "{answer:#}"
        );
        let said = newsroom.command(&["why", what]).await;
        assert!(out(&said).contains("wall: posted - "), "{}", out(&said));
    }
    let said = newsroom.command(&["why", "https://newsroom.example/other"]).await;
    assert_eq!((said.status.code(), out(&said).as_str()), (Some(1), ""));
    assert!(running.term().await.success());
}

/// Nobody reads the log, or the disk it goes to is full: the service does its work all the same.
#[tokio::test]
async fn a_log_that_cannot_be_written_stops_nothing() {
    let press = Press::start();
    let newsroom = Newsroom::new("no_log").source("news", &press.url(), "from now").timeline("wall", "x");
    newsroom.write("bugle.toml", &newsroom.config().await);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_bugle"))
        .arg("--config")
        .arg(newsroom.path("bugle.toml"))
        .arg("run")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(full)
        .kill_on_drop(true)
        .spawn()
        .expect("the program was built with the tests");
    press.read().await;
    press.publish("one");
    newsroom.books().await.wait_for("wall", "published", 1).await;
    assert_eq!(child.try_wait().unwrap(), None);
    child.kill().await.unwrap();
}

/// What is exported can be imported by another newsroom, and its config is good then.
#[test]
fn sources_travel_from_one_config_to_another() {
    let folder = tempfile::tempdir().unwrap();
    let newsroom = "[newsroom]\nname = \"N\"\ntimezone = \"UTC\"\n";
    let sources = "[source.city]\nurl = \"https://city.example/rss?a=1&b=2\"\ncategories = [\"News\", \"City, land\"]\n\
                   [source.radio]\nurl = \"https://radio.example/feed\"\nlanguage = \"az\"\n[source.file]\nurl = \"a.xml\"\n";
    std::fs::write(folder.path().join("from.toml"), format!("{newsroom}{sources}")).unwrap();
    std::fs::write(folder.path().join("to.toml"), newsroom).unwrap();
    let list = bugle(folder.path(), &["export", "--opml", "--config", "from.toml"], b"");
    assert_eq!(list.status.code(), Some(0), "{}", err(&list));
    assert!(err(&list).contains("source file is a file"), "{}", err(&list));
    std::fs::write(folder.path().join("list.opml"), out(&list)).unwrap();

    let dry = bugle(folder.path(), &["import", "list.opml", "--dry-run", "--config", "to.toml"], b"");
    assert!(out(&dry).contains("[source.city]"), "{}{}", out(&dry), err(&dry));
    assert_eq!(std::fs::read_to_string(folder.path().join("to.toml")).unwrap(), newsroom);

    let done = bugle(folder.path(), &["import", "list.opml", "--config", "to.toml", "--json"], b"");
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    assert_eq!(json_of(&done)["sources"], serde_json::json!(["radio", "city"]));
    let check = bugle(folder.path(), &["check", "--config", "to.toml"], b"");
    assert_eq!(check.status.code(), Some(0), "{}{}", out(&check), err(&check));
    let again = bugle(folder.path(), &["export", "--opml", "--config", "to.toml"], b"");
    assert_eq!(out(&again), out(&list));
}
