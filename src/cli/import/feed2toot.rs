//! The settings of feed2toot -> what Bugle has for each: feeds, conditions, a Mastodon channel, a template. Pure but for
//! the files the settings name, which are read through a function that is handed in. Source of what the settings mean:
//! feed2toot 0.17 and its fork feed2toot-oauth, their documentation and confparsers, 2025-12.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use url::Url;

use crate::source::opml::{self, Subscription};

/// What the settings say, in Bugle's terms.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Toots {
    /// The instance, where one is named.
    pub server: Option<Url>,
    /// Where the user's token is.
    pub token: Option<Token>,
    /// `unlisted` or `private`, where it is not `public`.
    pub visibility: Option<String>,
    /// The feeds, and the condition on each one's articles.
    pub feeds: Vec<(Subscription, Option<String>)>,
    /// The text of a template.
    pub template: String,
    /// What has no counterpart, one readable line each.
    pub notes: Vec<String>,
}

/// Where a token is, never the token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// The file holds it and nothing else.
    File(PathBuf),
    /// It is the first line of a file that holds more.
    FirstLine(PathBuf),
}

/// The settings by section and key, both in lower case.
struct Settings(BTreeMap<(String, String), String>);

impl Settings {
    fn get(&self, section: &str, key: &str) -> Option<&str> {
        let found = self.0.get(&(section.to_owned(), key.to_owned()));
        found.map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn flag(&self, section: &str, key: &str, default: bool) -> bool {
        match self.get(section, key).map(str::to_ascii_lowercase).as_deref() {
            Some("1" | "yes" | "true" | "on") => true,
            Some("0" | "no" | "false" | "off") => false,
            _ => default,
        }
    }
}

/// Whether a text is of this kind at all.
pub(super) fn is(text: &str) -> bool {
    let settings = settings(text);
    settings.0.keys().any(|(section, _)| section == "rss")
}

/// Reads the settings. `folder` is where they lie; `load` reads a file they name.
///
/// # Errors
/// In words, where no feed can be made out.
pub(super) fn read(
    text: &str,
    folder: &Path,
    load: &dyn Fn(&Path) -> std::io::Result<String>,
) -> Result<Toots, String> {
    let settings = settings(text);
    let mut out = Toots::default();
    let place = |path: &str| {
        let home = path.strip_prefix("~/").and_then(|rest| Some(PathBuf::from(std::env::var_os("HOME")?).join(rest)));
        home.unwrap_or_else(|| folder.join(path))
    };
    if let Some(text) = settings.get("mastodon", "instance_url") {
        let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("https://{text}")) };
        out.server = Some(url.map_err(|error| format!("instance_url: expected a URL, found {text:?}: {error}"))?);
    }
    out.token = settings.get("mastodon", "user_credentials").map(place).map(|path| match load(&path) {
        Ok(text) if text.trim().lines().count() == 1 => Token::File(path),
        _ => Token::FirstLine(path),
    });
    match settings.get("mastodon", "toot_visibility") {
        Some(word @ ("unlisted" | "private")) => out.visibility = Some(word.to_owned()),
        Some("public") | None => {}
        Some(other) => out.notes.push(format!("toot_visibility {other:?}: Bugle posts to the public or to followers")),
    }
    let global = global(&settings, &mut out.notes);
    feeds(&settings, &place, load, global.as_deref(), &mut out)?;
    let hashtags = settings.flag("rss", "addtags", true) && !settings.flag("hashtaglist", "no_tags_in_toot", false);
    let toot = settings.get("rss", "toot").or_else(|| settings.get("rss", "tweet")).unwrap_or("{title} {link}");
    out.template = template(toot, hashtags, &mut out.notes);
    for (section, key, why) in [
        ("rss", "toot_max_len", "Bugle asks the instance how long a post may be"),
        ("rss", "ignore_ssl", "Bugle checks every certificate; `network.extra_ca_file` names further authorities"),
        ("media", "custom", "a picture of your own under every post has no counterpart"),
        ("hashtaglist", "several_words_hashtags_list", "Bugle writes a category of several words as one hashtag"),
        ("influxdb", "host", "Bugle counts for itself: see /metrics"),
        (
            "cache",
            "cachefile",
            "what was posted before is not carried over: the first poll posts nothing that is listed",
        ),
    ] {
        if settings.get(section, key).is_some() {
            out.notes.push(format!("{key}: {why}"));
        }
    }
    Ok(out)
}

/// Sections, keys and values as Python's configparser reads them: `=` or `:`, whole-line comments, values that go on in
/// indented lines, `%%` for `%`.
fn settings(text: &str) -> Settings {
    let mut found: BTreeMap<(String, String), String> = BTreeMap::new();
    let (mut section, mut last) = (String::new(), None::<(String, String)>);
    for line in text.trim_start_matches('\u{feff}').lines() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t'])
            && let Some(value) = last.as_ref().and_then(|key| found.get_mut(key))
        {
            value.push('\n');
            value.push_str(bare);
        } else if let Some(name) = bare.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = name.0.trim().to_ascii_lowercase();
            last = None;
        } else if let Some((key, value)) = bare.split_once(['=', ':']) {
            let key = (section.clone(), key.trim().to_ascii_lowercase());
            found.insert(key.clone(), value.trim().replace("%%", "%"));
            last = Some(key);
        }
    }
    Settings(found)
}

/// The feeds of `uri_list`, else that of `uri`.
fn feeds(
    settings: &Settings,
    place: &dyn Fn(&str) -> PathBuf,
    load: &dyn Fn(&Path) -> std::io::Result<String>,
    global: Option<&str>,
    out: &mut Toots,
) -> Result<(), String> {
    let own_only = settings.flag("rss", "no_uri_pattern_no_global_pattern", false);
    let mut lines = Vec::new();
    if let Some(list) = settings.get("rss", "uri_list") {
        let path = place(list);
        let text = load(&path).map_err(|error| format!("uri_list: cannot read {}: {error}", path.display()))?;
        lines.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    }
    match settings.get("rss", "uri") {
        Some(_) if !lines.is_empty() => out.notes.push("uri: is not read where uri_list names feeds".to_owned()),
        Some(uri) => lines.push(uri.to_owned()),
        None => {}
    }
    for line in lines {
        let (title, rest) = match line.split_once(" <").and_then(|(name, rest)| Some((name, rest.rsplit_once('>')?.0)))
        {
            Some((name, rest)) => (name.trim(), rest),
            None => ("", line.as_str()),
        };
        let mut parts = rest.splitn(3, '|');
        let (address, field, patterns) = (parts.next().unwrap_or(""), parts.next(), parts.next());
        let Ok(url) = Url::parse(address.trim()) else {
            out.notes.push(format!("{address:?} is not an address of a feed"));
            continue;
        };
        let own = field.zip(patterns).and_then(|(field, patterns)| condition(field, patterns, false, &mut out.notes));
        let when = match (global, own) {
            (Some(global), Some(own)) => Some(format!("({global}) or ({own})")),
            (Some(global), None) if !own_only => Some(global.to_owned()),
            (_, own) => own,
        };
        let feed = Subscription { title: title.to_owned(), url, categories: Vec::new(), language: None };
        if out.feeds.iter().any(|(known, _)| known.url == feed.url) {
            out.notes.push(format!("{} stands there twice: the first counts", feed.url));
        } else if out.feeds.len() < opml::MAX_SUBSCRIPTIONS {
            out.feeds.push((feed, when));
        }
    }
    if out.feeds.is_empty() {
        return Err("expected a feed in uri or uri_list of [rss], found none".to_owned());
    }
    Ok(())
}

/// The condition that `FIELD_pattern` puts on all feeds.
fn global(settings: &Settings, notes: &mut Vec<String>) -> Option<String> {
    let of_rss = settings.0.iter().filter(|((section, _), _)| section == "rss");
    let conditions: Vec<String> = of_rss
        .filter_map(|((_, key), patterns)| {
            let field = key.strip_suffix("_pattern").filter(|field| !field.starts_with("no_uri"))?;
            let strict = settings.flag("rss", &format!("{key}_case_sensitive"), false);
            condition(field, patterns, strict, notes)
        })
        .collect();
    (!conditions.is_empty()).then(|| conditions.join(" or "))
}

/// Whether one of the patterns, set apart by commas, stands in a field.
fn condition(field: &str, patterns: &str, strict: bool, notes: &mut Vec<String>) -> Option<String> {
    let variable = match field {
        "title" | "title_detail" => "title",
        "summary" | "summary_detail" | "description" => "summary",
        "content" => "content",
        "link" | "links" => "link",
        "author" | "authors" | "author_detail" => "(authors | join(' '))",
        "tags" | "category" => "(categories | join(' '))",
        other => {
            notes.push(format!("the pattern on {other:?} has no counterpart: no condition is made of it"));
            return None;
        }
    };
    let one = |pattern: &str| {
        let pattern = if strict { pattern.to_owned() } else { pattern.to_lowercase() };
        let quoted = pattern.replace('\\', "\\\\").replace('\'', "\\'");
        let where_ = if strict { variable.to_owned() } else { format!("({variable} | lower)") };
        format!("'{quoted}' in {where_}")
    };
    let conditions: Vec<String> = patterns.split(',').filter(|pattern| !pattern.is_empty()).map(one).collect();
    (!conditions.is_empty()).then(|| conditions.join(" or "))
}

/// `{title} {link}` -> a template.
fn template(toot: &str, hashtags: bool, notes: &mut Vec<String>) -> String {
    let mut out = String::new();
    let toot = toot.replace("\\n", "\n");
    let mut rest = toot.as_str();
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let (brace, behind) = (&rest[at..=at], &rest[at + 1..]);
        if let Some(after) = behind.strip_prefix(brace) {
            // Doubled: itself. A lone brace is what the template language may take for its own.
            out.push_str(&format!("{{{{ \"{brace}\" }}}}"));
            rest = after;
            continue;
        }
        let Some((inside, after)) = behind.split_once('}').filter(|_| brace == "{") else {
            out.push_str(&format!("{{{{ \"{brace}\" }}}}"));
            rest = behind;
            continue;
        };
        out.push_str(&field(inside, notes));
        rest = after;
    }
    out.push_str(rest);
    if hashtags {
        out.push_str(" {{ hashtags | optional }}");
    }
    out.push('\n');
    out
}

/// `title` or `summary:.100` as a template has it.
fn field(inside: &str, notes: &mut Vec<String>) -> String {
    let (name, form) = inside.split_once(':').unwrap_or((inside, ""));
    let most = form.strip_prefix('.').and_then(|n| n.parse::<u32>().ok());
    let cut = most.map(|n| format!("[:{n}]")).unwrap_or_default();
    match name.trim() {
        "title" if cut.is_empty() => "{{ title | elastic }}".to_owned(),
        "title" => format!("{{{{ title{cut} }}}}"),
        "link" | "id" | "guid" => "{{ link }}".to_owned(),
        word @ ("summary" | "description" | "content") => {
            let variable = if word == "content" { "content" } else { "summary" };
            match cut.as_str() {
                "" => {
                    format!("{{% filter optional %}}{{{{ {variable} | elastic(weight=2, min=60) }}}}{{% endfilter %}}")
                }
                cut => format!("{{{{ {variable}{cut} | optional }}}}"),
            }
        }
        "author" | "authors" => "{{ authors | join(', ') }}".to_owned(),
        "tags" => "{{ hashtags | optional }}".to_owned(),
        "published" | "updated" => "{{ published }}".to_owned(),
        "feedname" => {
            notes.push("{feedname}: the template shows the name of the source".to_owned());
            "{{ source }}".to_owned()
        }
        other => {
            notes.push(format!("{{{other}}} has no counterpart and is left out of the template"));
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Condition, Scene, Templates};

    const WHOLE: &str = "
# comment
[mastodon]
instance_url = https://masto.example
user_credentials=usercred.txt
client_credentials=/etc/feed2toot/clientcred.txt
toot_visibility: unlisted

[cache]
cachefile=/var/lib/feed2toot/feed2toot.db

[rss]
uri_list=list.txt
toot={title}\\n{summary:.100} via {feedname} {link}
title_pattern=Open Source,it's
title_pattern_case_sensitive=true
no_uri_pattern_no_global_pattern=true
";

    fn files(path: &Path) -> std::io::Result<String> {
        match path.to_str() {
            Some("/conf/list.txt") => {
                Ok("Le Journal <https://a.example/rss>\n\nhttps://b.example/feed|title|Hacker,psql\n\
                                          https://c.example/|rights|x\nno address\nhttps://a.example/rss\n"
                    .to_owned())
            }
            Some("/conf/usercred.txt") => Ok("TOKEN-THAT-IS-SECRET\nhttps://masto.example\n".to_owned()),
            Some("/conf/bare.txt") => Ok("TOKEN-THAT-IS-SECRET\n".to_owned()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        }
    }

    fn read(text: &str) -> Result<Toots, String> {
        super::read(text, Path::new("/conf"), &files)
    }

    /// The template is one that Bugle takes, and says this of a story.
    fn rendered(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("trial.j2"), text).unwrap();
        let templates = Templates::load(Some(folder.path())).map_err(|faults| format!("{text}: {faults:?}")).unwrap();
        templates.render("trial", &Scene::full()).unwrap()
    }

    #[test]
    fn every_setting_finds_its_place_or_a_note() {
        let toots = read(WHOLE).unwrap();
        assert_eq!(toots.server.as_ref().map(Url::as_str), Some("https://masto.example/"));
        assert_eq!(toots.token, Some(Token::FirstLine("/conf/usercred.txt".into())));
        assert_eq!(toots.visibility.as_deref(), Some("unlisted"));
        let feeds: Vec<_> =
            toots.feeds.iter().map(|(s, when)| (s.title.as_str(), s.url.as_str(), when.as_deref())).collect();
        assert_eq!(
            feeds,
            [
                ("Le Journal", "https://a.example/rss", None),
                (
                    "",
                    "https://b.example/feed",
                    Some(
                        "('Open Source' in title or 'it\\'s' in title) or ('hacker' in (title | lower) or 'psql' in \
                         (title | lower))"
                    )
                ),
                ("", "https://c.example/", None),
            ]
        );
        let notes = toots.notes.join("\n");
        for word in ["rights", "no address", "twice", "{feedname}", "cachefile"] {
            assert!(notes.contains(word), "{word}: {notes}");
        }
        assert!(!format!("{toots:?}").contains("SECRET"));
    }

    #[test]
    fn a_file_with_nothing_but_the_token_is_named() {
        let toots =
            read("[mastodon]\ninstance_url=m.example\nuser_credentials=bare.txt\n[rss]\nuri=https://a.example/")
                .unwrap();
        assert_eq!(toots.token, Some(Token::File("/conf/bare.txt".into())));
        assert_eq!(toots.server.unwrap().as_str(), "https://m.example/");
    }

    #[test]
    fn templates_are_ones_that_bugle_takes() {
        for (toot, hashtags, expected, said) in [
            ("{title} {link}", false, "{{ title | elastic }} {{ link }}\n", "Bridge over the bay"),
            ("{title} {link}", true, "{{ title | elastic }} {{ link }} {{ hashtags | optional }}\n", "Bridge"),
            ("New: {title:.10}\\n{link}", false, "New: {{ title[:10] }}\n{{ link }}\n", "New: Bridge ove\nhttps://"),
            ("{summary:.7} {link}", false, "{{ summary[:7] | optional }} {{ link }}\n", "Traffic"),
            (
                "{author} {published} {id}",
                false,
                "{{ authors | join(', ') }} {{ published }} {{ link }}\n",
                "Leyla Aliyeva, John Doe 2026",
            ),
            (
                "{{x}} {link} }",
                false,
                "{{ \"{\" }}x{{ \"}\" }} {{ link }} {{ \"}\" }}\n",
                "{x} https://news.example/2026/bridge }",
            ),
            ("{nothing}{link} {", false, "{{ link }} {{ \"{\" }}\n", "https://news.example/2026/bridge {"),
        ] {
            let text = template(toot, hashtags, &mut Vec::new());
            assert_eq!(text, expected, "{toot}");
            let shown = rendered(&text);
            assert!(shown.contains(said), "{toot}: {shown:?}");
        }
        let summary = template("{summary} {link}", true, &mut Vec::new());
        assert!(rendered(&summary).contains("Traffic rolls"), "{summary}");
    }

    #[test]
    fn conditions_are_ones_that_bugle_takes() {
        for (field, patterns, strict, holds) in [
            ("title", "BRIDGE,nothing", false, true),
            ("title", "BRIDGE", true, false),
            ("summary", "monday", false, true),
            ("author", "john", false, true),
            ("tags", "Nation", true, true),
            ("link", "it's,\\", false, false),
        ] {
            let text = condition(field, patterns, strict, &mut Vec::new()).unwrap();
            let condition = Condition::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(condition.holds(&Scene::full()), Ok(holds), "{text}");
        }
        assert_eq!(condition("title", ",", false, &mut Vec::new()), None);
    }

    #[test]
    fn settings_are_read_as_python_reads_them() {
        let found = settings("\u{feff}[RSS]\nToot = a\n  b\n; c\nuri: https://x.example/?a=50%%\n[x]\nkey\n");
        assert_eq!(found.get("rss", "toot"), Some("a\nb"));
        assert_eq!(found.get("rss", "uri"), Some("https://x.example/?a=50%"));
        assert!(is("[rss]\nuri=x") && !is("[server]\nuri=x") && !is("<opml>"));
    }

    #[test]
    fn what_is_missing_is_said() {
        for (text, word) in [
            ("[rss]\ntoot={title}", "expected a feed"),
            ("[rss]\nuri_list=gone.txt", "uri_list: cannot read /conf/gone.txt"),
            ("[mastodon]\ninstance_url=http://\n[rss]\nuri=https://a.example/", "instance_url"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(word), "{text}: {said}");
        }
    }
}
