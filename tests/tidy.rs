//! House rules that the compiler does not know: who may import whom, what every file opens with, what stays out.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

/// Imports only point up this list; the modules of one row do not know each other.
const ROWS: &[&[&str]] = &[
    &["clock", "crash", "telemetry", "text", "timetable", "expr"],
    &["model", "http"],
    &["source", "route", "card", "compose", "schedule", "platform", "vault", "store"],
    &["publish", "connect", "people"],
    &["engine", "web"],
    &["config"],
    &["cli"],
];

/// The most lines of a file under `src`: what outgrows it is two things.
const LONGEST: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file under that folder, with its path from the root and its text.
fn files(folder: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap_or_else(|fault| panic!("{}: {fault}", folder.display())) {
            let path = entry.expect("a folder of the checkout can be listed").path();
            match path.is_dir() {
                true => walk(&path, found),
                false => found.push(path),
            }
        }
    }
    let mut paths = Vec::new();
    walk(&root().join(folder), &mut paths);
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        let name = path.strip_prefix(root()).expect("it was found under the root").display().to_string();
        (name, text)
    };
    paths.into_iter().map(read).collect()
}

/// The module of the first level that a file under `src` belongs to; `None` for `main.rs` and `lib.rs`.
fn module(file: &str) -> Option<&str> {
    let name = file.strip_prefix("src/")?.split('/').next()?.trim_end_matches(".rs");
    (name != "main" && name != "lib").then_some(name)
}

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

/// The code without comments, and without the test module that ends many files.
fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = before_tests.lines().map(|line| match line.trim_start().starts_with("//") {
        true => "",
        false => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules of the first level that code names by `crate::…`, `use crate::{…}` included.
fn imports(code: &str) -> Vec<String> {
    static PATH: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bcrate::(\w+|\{)").expect("the pattern is fixed"));
    let mut found = Vec::new();
    for path in PATH.captures_iter(code) {
        if &path[1] != "{" {
            found.push(path[1].to_owned());
            continue;
        }
        // The first word of each item of the braces, at their own level.
        let (mut depth, mut word, mut taken) = (1, String::new(), false);
        for c in code[path.get(0).expect("group 0 is the match").end()..].chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 || (depth == 1 && c == ',') {
                if !word.is_empty() {
                    found.push(std::mem::take(&mut word));
                }
                taken = false;
            } else if depth == 1 && !taken && (c.is_alphanumeric() || c == '_') {
                word.push(c);
            } else if !word.is_empty() {
                taken = true;
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}

/// Fails with the list of what is wrong.
fn none(faults: &[String], rule: &str) {
    assert!(faults.is_empty(), "{rule}:\n{}", faults.join("\n"));
}

#[test]
fn imports_point_up() {
    let mut faults = Vec::new();
    for (file, text) in files("src") {
        let Some(module) = module(&file) else { continue };
        let Some(own) = row(module) else {
            faults.push(format!("{file}: module {module} has no row in tests/tidy.rs"));
            continue;
        };
        for other in imports(&code(&text)) {
            match row(&other) {
                // A macro, a constant or a type of the crate's root.
                None => {}
                Some(other_row) if other == module || other_row < own => {}
                Some(_) => faults.push(format!("{file}: {module} may not know {other}")),
            }
        }
    }
    none(&faults, "imports only point up the list of style.md");
}

/// The platforms stand side by side: only `platform/mod.rs`, which lists them, names them all.
#[test]
fn platforms_do_not_know_each_other() {
    static OTHER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\b(?:crate::platform|super)::(\w+)").expect("the pattern is fixed"));
    let sources = files("src/platform");
    let own = |file: &str| {
        let rest = file.strip_prefix("src/platform/").unwrap_or_default().split('/').next().unwrap_or_default();
        rest.trim_end_matches(".rs").to_owned()
    };
    let shared = ["mod", "error", "journal"];
    let platforms: Vec<String> = ids().into_iter().map(|id| id.replace('-', "_")).collect();
    let mut faults = Vec::new();
    for (file, text) in &sources {
        let name = own(file);
        if shared.contains(&name.as_str()) {
            continue;
        }
        for path in OTHER.captures_iter(&code(text)) {
            if path[1] != *name && platforms.iter().any(|platform| *platform == path[1]) {
                faults.push(format!("{file}: knows {}", &path[1]));
            }
        }
    }
    none(&faults, "no platform knows another");
}

fn ids() -> Vec<&'static str> {
    bugle::platform::ALL.iter().map(|platform| platform.spec().id).collect()
}

#[test]
fn every_file_says_what_lives_there() {
    let opens = |(file, text): (String, String)| (!text.starts_with("//! ")).then_some(file);
    let faults: Vec<String> = files("src").into_iter().chain(files("tests")).filter_map(opens).collect();
    none(&faults, "a file opens with //! and a sentence");
}

#[test]
fn nothing_is_left_for_later() {
    // Put together, so that this file does not find itself.
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X"].concat(), ["#[ig", "nore"].concat()];
    let mut faults = Vec::new();
    for (file, text) in files("src").into_iter().chain(files("tests")) {
        for (n, line) in text.lines().enumerate() {
            // As a word of its own: a platform's name in capitals holds one of the marks.
            let stands = |mark: &&String| {
                line.match_indices(mark.as_str()).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric()))
            };
            faults.extend(marks.iter().filter(stands).map(|mark| format!("{file}:{}: {mark}", n + 1)));
        }
    }
    none(&faults, "what is to be done is done or is an issue, and no test is put aside");
}

/// The test runner does not run examples in doc comments, so one of Rust would be a claim nobody checks.
#[test]
fn examples_in_comments_are_not_code() {
    let mut faults = Vec::new();
    for (file, text) in files("src") {
        let mut inside = false;
        for (n, line) in text.lines().enumerate() {
            let line = line.trim_start();
            let comment = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::trim_start);
            let Some(language) = comment.and_then(|comment| comment.strip_prefix("```")) else { continue };
            if !inside && !["text", "toml", "jinja", "json", "xml", "html", "sh", "sql"].contains(&language) {
                faults.push(format!("{file}:{}: ```{language}", n + 1));
            }
            inside = !inside;
        }
    }
    none(&faults, "an example names a language other than Rust: `text`, `toml` …; examples of Rust are tests");
}

#[test]
fn no_file_is_too_long() {
    let long = |(file, text): (String, String)| {
        let lines = text.lines().count();
        (lines > LONGEST).then(|| format!("{file}: {lines} lines"))
    };
    none(&files("src").into_iter().filter_map(long).collect::<Vec<_>>(), "a file longer than 600 lines is two things");
}

#[test]
fn imports_are_seen_in_every_form() {
    for (code, expected) in [
        ("use crate::model::post::Post;", vec!["model"]),
        ("use crate::{clock::Clock, text};", vec!["clock", "text"]),
        ("use crate::{\n    model::{id::Id, post},\n    store,\n};", vec!["model", "store"]),
        ("let x = crate::http::Call::get(url); pub(crate) fn f() {}", vec!["http"]),
    ] {
        assert_eq!(imports(code), expected, "{code}");
    }
    assert_eq!(module("src/platform/x/mod.rs"), Some("platform"));
    assert_eq!(module("src/main.rs"), None);
}
