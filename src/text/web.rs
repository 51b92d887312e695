//! What the platforms make clickable whose pages give no grammar: addresses with their scheme, tags and names as all of
//! them write them. Their differences are the fields of [`Web`].

use std::sync::LazyLock;

use regex::Regex;

use super::entities::{Kind, Raw, pattern, unbarred};

/// What is looked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Web {
    /// Addresses with `http(s)://`.
    pub links: bool,
    /// `#tag`: letters, digits and `_`, not only digits.
    pub tags: bool,
    /// `#topic` as Threads reads it: to the next blank or sign of a sentence.
    pub topics: bool,
    /// `@name`: letters, digits, `_` and `.` inside, at most 30.
    pub names: bool,
    /// `@[number]`: Pages on Facebook.
    pub pages: bool,
    /// `<@number>`, `@everyone`, `@here`.
    pub discord: bool,
    /// `nostr:` references.
    pub nostr: bool,
}

static LINK: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?i:https?)://[^\s<>"]+"#));
static TAG: LazyLock<Regex> = LazyLock::new(|| pattern(r"[#\x{FF03}][\p{L}\p{M}\p{N}_]+"));
static TOPIC: LazyLock<Regex> = LazyLock::new(|| pattern(r"#[^\s.&@!?,;:#]+"));
static NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r"@[a-zA-Z0-9_](?:[a-zA-Z0-9._]{0,28}[a-zA-Z0-9_])?"));
static PAGE: LazyLock<Regex> = LazyLock::new(|| pattern(r"@\[[0-9]+\]"));
static DISCORD: LazyLock<Regex> = LazyLock::new(|| pattern(r"<@[!&]?[0-9]{15,20}>|@(?:everyone|here)"));
static NOSTR: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"nostr:(?:(npub|nprofile)|note|nevent|naddr)1[02-9ac-hj-np-z]+"));

/// All of them, unsorted, maybe overlapping.
pub(super) fn find(text: &str, what: Web) -> Vec<Raw> {
    let mut all = Vec::new();
    let mut push = |kind, start, end| all.push(Raw { kind, start, end });
    if what.links && text.contains("://") {
        for m in unbarred(&LINK, text, |c| c.is_ascii_alphanumeric()) {
            let kept = without_trail(m.as_str());
            if !kept.ends_with("://") {
                push(Kind::Link, m.start(), m.start() + kept.len());
            }
        }
    }
    if what.tags && text.contains(['#', '\u{FF03}']) {
        for m in unbarred(&TAG, text, |c| is_word(c) || matches!(c, '&' | '/' | '#')) {
            if m.as_str().chars().skip(1).any(|c| !c.is_numeric() && c != '_') {
                push(Kind::Tag, m.start(), m.end());
            }
        }
    }
    if what.topics && text.contains('#') {
        for m in unbarred(&TOPIC, text, |c| is_word(c) || matches!(c, '&' | '/' | '#')) {
            if !m.as_str()[1..].bytes().all(|b| b.is_ascii_digit()) {
                push(Kind::Tag, m.start(), m.end());
            }
        }
    }
    if text.contains('@') {
        for (wanted, re) in [(what.names, &*NAME), (what.pages, &*PAGE), (what.discord, &*DISCORD)] {
            if wanted {
                for m in unbarred(re, text, |c| is_word(c) || matches!(c, '@' | '.' | '/' | '<')) {
                    push(Kind::Mention, m.start(), m.end());
                }
            }
        }
    }
    if what.nostr && text.contains("nostr:") {
        for found in NOSTR.captures_iter(text) {
            let Some(m) = found.get(0) else { continue };
            push(if found.get(1).is_some() { Kind::Mention } else { Kind::Link }, m.start(), m.end());
        }
    }
    all
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// A link without the sentence's punctuation after it; a closing bracket stays where the link opened one.
fn without_trail(link: &str) -> &str {
    // One pass from the front: what is open at each place decides whether a bracket may end the link there.
    let (mut depth, mut kept) = (0_i32, 0);
    for (at, c) in link.char_indices() {
        let end = at + c.len_utf8();
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth -= 1;
                if depth < 0 {
                    break;
                }
                kept = end;
            }
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' | '~' | '`' | '|' | '«' | '»' | '“' | '”' | '„'
            | '’' | '…' | '。' | '、' | '」' | '』' => {}
            _ => kept = end,
        }
    }
    &link[..kept]
}

#[cfg(test)]
mod tests {
    use super::super::entities::{Sight, seen};
    use super::super::rules::Unit;
    use super::*;

    #[test]
    fn each_sees_its_own() {
        use Kind::{Link, Mention, Tag};
        let text = "#1st #2 @bob.b. https://e.org/#c @[12] <@123456789012345678> @everyone nostr:npub1qq nostr:note1qq";
        let cases: &[(Sight, &[(Kind, &str)])] = &[
            (Sight::Threads, &[(Tag, "1st"), (Mention, "bob.b"), (Link, "https://e.org/#c"), (Mention, "everyone")]),
            (Sight::Instagram, &[(Tag, "1st"), (Mention, "bob.b"), (Mention, "everyone")]),
            (Sight::Facebook, &[(Link, "https://e.org/#c"), (Mention, "12")]),
            (Sight::Discord, &[(Link, "https://e.org/#c"), (Mention, "123456789012345678"), (Mention, "everyone")]),
            (Sight::Nostr, &[(Tag, "1st"), (Link, "https://e.org/#c"), (Mention, "npub1qq"), (Link, "nostr:note1qq")]),
            (Sight::LinksAndTags, &[(Tag, "1st"), (Link, "https://e.org/#c")]),
            (Sight::Links, &[(Link, "https://e.org/#c")]),
            (Sight::Nothing, &[]),
        ];
        for (sight, want) in cases {
            let found = seen(text, *sight, Unit::CodePoints);
            let got: Vec<_> = found.iter().map(|e| (e.kind, e.value.as_str())).collect();
            assert_eq!(got, *want, "{sight:?}");
        }
    }

    #[test]
    fn threads_takes_the_first_tag_as_the_topic_and_ends_it_as_its_page_says() {
        for (text, want) in [
            ("#1 #news #more", vec!["news"]),
            ("#it's here", vec!["it's"]),
            ("#a-b.c", vec!["a-b"]),
            ("#a&b", vec!["a"]),
            ("x#a", vec![]),
            ("#a@b", vec!["a"]),
        ] {
            let found = seen(text, Sight::Threads, Unit::Threads);
            let tags: Vec<_> = found.iter().filter(|e| e.kind == Kind::Tag).map(|e| e.value.as_str()).collect();
            assert_eq!(tags, want, "{text}");
        }
    }

    #[test]
    fn a_link_ends_before_the_sentence_does() {
        for (link, want) in [
            ("https://e.org/a.", "https://e.org/a"),
            ("https://e.org/a_(b)", "https://e.org/a_(b)"),
            ("https://e.org/a_(b)).", "https://e.org/a_(b)"),
            ("https://e.org/a),", "https://e.org/a"),
            ("https://e.org/a”…", "https://e.org/a"),
            ("https://e.org/a_b?c=d&e", "https://e.org/a_b?c=d&e"),
            ("https://e.org/日本。", "https://e.org/日本"),
        ] {
            assert_eq!(without_trail(link), want, "{link}");
        }
        for text in ["ahttps://e.org", "https://", "https://.", "example.org"] {
            assert_eq!(seen(text, Sight::Links, Unit::CodePoints), [], "{text}");
        }
    }
}
