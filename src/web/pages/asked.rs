//! What a list's address asks for: what it is narrowed to, and where its page begins. The same address always shows the
//! same list, so that it can be kept, sent to a colleague, and come back to after an act.

use url::form_urlencoded::Serializer;

use super::Desk;
use crate::store::listed::{Filter, Key};
use crate::store::search::Words;
use crate::web::form::Form;

/// The longest value of a field. Ours: longer than any name, and than any search that makes sense.
const LONGEST: usize = 300;

/// The most sources that are offered as a choice; of more, the name is typed.
const OFFERED: usize = 100;

/// The fields of an address.
#[derive(Clone, Debug)]
pub(super) struct Asked(Form);

impl Asked {
    pub fn of(query: Option<&str>) -> Self {
        Self(Form::of(query.unwrap_or_default().as_bytes()))
    }

    /// A field that is filled in.
    pub fn field(&self, name: &str) -> Option<&str> {
        Some(self.0.text(name).trim()).filter(|text| !text.is_empty() && text.len() <= LONGEST)
    }

    /// The same, empty where it is not.
    pub fn text(&self, name: &str) -> String {
        self.field(name).unwrap_or_default().to_owned()
    }

    /// What the list is narrowed to.
    pub fn filter(&self) -> Filter {
        Filter {
            channel: self.field("channel").map(str::to_owned),
            source: self.field("source").map(str::to_owned),
            words: self.field("q").and_then(Words::of),
        }
    }

    /// Where the page begins.
    pub fn after(&self) -> Option<Key> {
        self.field("after").and_then(Key::of)
    }

    /// The address of this list with these fields instead of its own; an empty one is left out. It begins at its beginning
    /// unless `changed` says where.
    pub fn address(&self, path: &str, kept: &[&str], changed: &[(&str, &str)]) -> String {
        let mut out = Serializer::new(String::new());
        for name in kept {
            if let Some(value) = self.field(name).filter(|_| !changed.iter().any(|(key, _)| key == name)) {
                out.append_pair(name, value);
            }
        }
        for (name, value) in changed.iter().filter(|(_, value)| !value.is_empty()) {
            out.append_pair(name, value);
        }
        match out.finish() {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }
}

/// A choice of a form, and whether it is made.
pub(super) struct Choice {
    pub value: String,
    pub word: String,
    pub chosen: bool,
}

/// The form above a list.
pub(super) struct Narrow {
    /// The channels.
    pub channels: Vec<Choice>,
    /// The sources; empty: their name is typed.
    pub sources: Vec<Choice>,
    /// The source that is typed.
    pub source: String,
    /// The words.
    pub q: String,
    /// The address without any of it; empty: nothing is narrowed.
    pub clear: String,
}

impl Narrow {
    pub fn new(desk: &Desk, asked: &Asked, path: &str) -> Self {
        let (channel, source) = (asked.text("channel"), asked.text("source"));
        let choice = |name: &String, now: &str| Choice { value: name.clone(), word: name.clone(), chosen: name == now };
        let mut channels: Vec<Choice> = desk.view.channels.iter().map(|it| choice(&it.name, &channel)).collect();
        // A channel that the config has no more may still have posts.
        if !channel.is_empty() && !channels.iter().any(|it| it.chosen) {
            channels.push(choice(&channel, &channel));
        }
        let offered = desk.view.sources.len() <= OFFERED;
        let mut sources: Vec<Choice> =
            if offered { desk.view.sources.iter().map(|it| choice(it, &source)).collect() } else { Vec::new() };
        if offered && !source.is_empty() && !sources.iter().any(|it| it.chosen) {
            sources.push(choice(&source, &source));
        }
        let narrowed = ["channel", "source", "q", "show"].iter().any(|name| asked.field(name).is_some());
        Self {
            channels,
            sources,
            source,
            q: asked.text("q"),
            clear: if narrowed { path.to_owned() } else { String::new() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_what_it_is_told_to() {
        let asked = Asked::of(Some("q=K%C3%B6rp%C3%BC+a&channel=x&after=5.ab&junk=1&source=++"));
        assert_eq!(asked.field("q"), Some("Körpü a"));
        assert_eq!(asked.field("source"), None);
        assert!(asked.after().is_some());
        let kept = ["q", "channel", "source"];
        assert_eq!(asked.address("/posts", &kept, &[]), "/posts?q=K%C3%B6rp%C3%BC+a&channel=x");
        assert_eq!(asked.address("/posts", &kept, &[("q", ""), ("after", "6.c")]), "/posts?channel=x&after=6.c");
        assert_eq!(Asked::of(None).address("/posts", &kept, &[]), "/posts");
        assert_eq!(Asked::of(Some(&format!("q={}", "a".repeat(LONGEST + 1)))).field("q"), None);
    }
}
