//! What is imported, as sections of the config: names for the sources, and the text. Pure.

use std::collections::{HashMap, HashSet};

use url::Url;

use super::feed2toot::Token;
use crate::source::opml::Subscription;

/// The longest name of a source. Source: config.md.
const LONGEST_NAME: usize = 64;

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The sources.
    pub sources: Vec<NewSource>,
    /// The channel.
    pub channel: Option<NewChannel>,
    /// The routes.
    pub routes: Vec<NewRoute>,
}

/// A source that is new.
#[derive(Debug)]
pub(super) struct NewSource {
    /// Its name in the config.
    pub name: String,
    /// What it was called, where it is, its categories, its language.
    pub feed: Subscription,
}

/// A Mastodon channel that is new.
#[derive(Debug)]
pub(super) struct NewChannel {
    pub name: String,
    pub server: Url,
    pub token: Option<Token>,
    pub visibility: Option<String>,
}

/// A route that is new.
#[derive(Debug)]
pub(super) struct NewRoute {
    pub from: Vec<String>,
    pub to: Vec<String>,
    pub when: Option<String>,
    pub template: Option<String>,
}

/// Names the feeds, each name once: after the title, else after the host.
pub(super) fn named(feeds: Vec<Subscription>, prefix: &str) -> Vec<NewSource> {
    let mut taken: HashSet<String> = HashSet::new();
    // Where the count of a name stands: a list may hold thousands of one name.
    let mut next: HashMap<String, u32> = HashMap::new();
    feeds
        .into_iter()
        .map(|feed| {
            let host = feed.url.host_str().unwrap_or("feed");
            let base = slug(&feed.title).or_else(|| slug(host.trim_start_matches("www.")));
            let base = format!("{prefix}{}", base.unwrap_or_else(|| "feed".to_owned()));
            let numbered = |n: u32| {
                let tail = if n == 1 { String::new() } else { format!("-{n}") };
                let most = LONGEST_NAME.saturating_sub(tail.len()).min(base.len());
                format!("{}{tail}", base[..most].trim_end_matches('-'))
            };
            let count = next.entry(base.clone()).or_insert(1);
            let mut name = numbered(*count);
            while taken.contains(&name) {
                *count += 1;
                name = numbered(*count);
            }
            taken.insert(name.clone());
            NewSource { name, feed }
        })
        .collect()
}

/// What a name may hold of a title. `None` where most of the title would be lost: it is in another script.
fn slug(title: &str) -> Option<String> {
    let (mut name, mut lost) = (String::new(), 0usize);
    for c in title.chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '_') => name.push(c),
            c if c.is_alphanumeric() => lost += 1,
            _ if name.ends_with('-') || name.is_empty() => {}
            _ => name.push('-'),
        }
    }
    let name = name.trim_end_matches('-').to_owned();
    (!name.is_empty() && lost * 4 <= name.len()).then_some(name)
}

impl Plan {
    /// The text: sections that stand behind what is there.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for NewSource { name, feed } in &self.sources {
            out.push('\n');
            if !feed.title.is_empty() && feed.title != *name {
                out.push_str(&format!("# {}\n", feed.title));
            }
            out.push_str(&format!("[source.{name}]\nurl = {}\n", quoted(feed.url.as_str())));
            if let Some(language) = &feed.language {
                out.push_str(&format!("language = {}\n", quoted(language)));
            }
            if !feed.categories.is_empty() {
                out.push_str(&format!("categories = {}\n", list(&feed.categories)));
            }
        }
        if let Some(channel) = &self.channel {
            let variable = channel.name.to_ascii_uppercase().replace('-', "_");
            out.push_str(&format!("\n[channel.{}]\nplatform = \"mastodon\"\n", channel.name));
            out.push_str(&format!("server = {}\n", quoted(channel.server.as_str().trim_end_matches('/'))));
            match &channel.token {
                Some(Token::File(path)) => {
                    out.push_str(&format!("token = {{ file = {} }}\n", quoted(&path.display().to_string())));
                }
                Some(Token::FirstLine(path)) => {
                    let place: String = path.display().to_string().chars().filter(|c| !c.is_control()).collect();
                    out.push_str(&format!("# the first line of {place}\ntoken = {{ env = \"{variable}_TOKEN\" }}\n"));
                }
                None => out.push_str(&format!("token = {{ env = \"{variable}_TOKEN\" }}\n")),
            }
            if let Some(visibility) = &channel.visibility {
                out.push_str(&format!("visibility = {}\n", quoted(visibility)));
            }
        }
        for route in &self.routes {
            out.push_str(&format!("\n[[route]]\nfrom = {}\nto = {}\n", list(&route.from), list(&route.to)));
            if let Some(when) = &route.when {
                out.push_str(&format!("when = {}\n", quoted(when)));
            }
            if let Some(template) = &route.template {
                out.push_str(&format!("template = {}\n", quoted(template)));
            }
        }
        out
    }
}

/// As a TOML text.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(title: &str, url: &str) -> Subscription {
        Subscription { title: title.to_owned(), url: url.parse().unwrap(), categories: Vec::new(), language: None }
    }

    #[test]
    fn every_feed_gets_a_name_that_the_config_takes() {
        let feeds = [
            ("City News", "https://a.example/1"),
            ("City  News!", "https://a.example/2"),
            ("Новости дня", "https://www.novosti.example/rss"),
            ("", "https://www.novosti.example/2"),
            ("-- ! --", "https://192.0.2.1/"),
            ("azer_news", "https://c.example/"),
            ("Öffentlich", "https://d.example/"),
        ];
        let named = named(feeds.iter().map(|(title, url)| feed(title, url)).collect(), "");
        let names: Vec<&str> = named.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(
            names,
            ["city-news", "city-news-2", "novosti-example", "novosti-example-2", "192-0-2-1", "azer_news", "ffentlich"]
        );
        let long = super::named(vec![feed(&"long ".repeat(40), "https://a.example/"); 11], "old-");
        let names: HashSet<&str> = long.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(names.len(), 11);
        assert!(names.iter().all(|name| name.len() <= LONGEST_NAME && name.starts_with("old-long")), "{names:?}");
    }

    #[test]
    fn what_a_title_holds_cannot_break_the_file() {
        let evil = Subscription {
            categories: vec!["\"]\n[web]\nlisten=\"0.0.0.0:80\"".to_owned()],
            language: Some("en".to_owned()),
            ..feed("a ]] # [x]", "https://a.example/?q=%22'")
        };
        let plan = Plan {
            sources: named(vec![evil], ""),
            channel: Some(NewChannel {
                name: "toots".to_owned(),
                server: "https://m.example/".parse().unwrap(),
                token: Some(Token::FirstLine("/a\nb\"c".into())),
                visibility: Some("unlisted".to_owned()),
            }),
            routes: vec![NewRoute {
                from: vec!["a-x".to_owned()],
                to: vec!["toots".to_owned()],
                when: Some("'it\\'s' in title".to_owned()),
                template: None,
            }],
        };
        let text = format!("[newsroom]\nname = \"N\"\ntimezone = \"UTC\"\n{}", plan.text());
        let config = crate::config::parse(&text, std::path::Path::new("b.toml"));
        let config = config.map_err(|faults| format!("{faults}\n{text}")).ok().unwrap();
        assert_eq!((config.sources.len(), config.channels.len(), config.routes.len()), (1, 1, 1));
        assert_eq!(config.sources[0].settings.categories[0], "\"]\n[web]\nlisten=\"0.0.0.0:80\"");
        assert!(text.contains("# the first line of /ab\"c\n"), "{text}");
    }
}
