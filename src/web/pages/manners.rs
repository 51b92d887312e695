//! How each platform shows a post, as data: what it does to links, where it folds a text, how a link's card and pictures
//! stand. A likeness for people who decide; what is counted and what becomes clickable comes from `text`.

/// How a platform writes a link that stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    /// As it is.
    Whole,
    /// Without scheme and `www.`, cut after so many characters.
    Short(usize),
}

/// Where a text is folded in people's feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fold {
    /// After so many characters.
    pub chars: usize,
    /// Or after so many lines.
    pub lines: usize,
    /// The platform's word for what opens the rest.
    pub word: &'static str,
}

/// A platform's manner of showing posts.
#[derive(Debug)]
pub(super) struct Manner {
    /// The platform's word, and the class in the style sheet.
    pub word: &'static str,
    /// Links in texts.
    pub links: Links,
    /// Where texts are folded; `None`: never within the platform's own limit.
    pub fold: Option<Fold>,
    /// Whether the link is not shown in the text where its card stands below and nothing follows it.
    pub hides_link: bool,
    /// Whether a link shows a card at all.
    pub cards: bool,
    /// Whether pictures stand above the text.
    pub pictures_first: bool,
    /// Whether an account is written with a leading `@`.
    pub at: bool,
}

const PLAIN: Manner = Manner {
    word: "plain",
    links: Links::Whole,
    fold: None,
    hides_link: false,
    cards: true,
    pictures_first: false,
    at: false,
};

// No platform states where it folds or how it shortens: the numbers are what we know of their web pages, not measured.
// Mastodon's 30: app/lib/text_formatter.rb, read 2026-11.
const ALL: &[Manner] = &[
    Manner {
        word: "x",
        links: Links::Short(26),
        hides_link: true,
        at: true,
        fold: fold(280, 25, "Show more"),
        ..PLAIN
    },
    Manner { word: "bluesky", links: Links::Whole, at: true, fold: fold(300, 25, "Show more"), ..PLAIN },
    Manner { word: "mastodon", links: Links::Short(30), at: true, fold: fold(usize::MAX, 25, "Read more"), ..PLAIN },
    Manner { word: "telegram", pictures_first: true, ..PLAIN },
    Manner { word: "threads", links: Links::Short(30), fold: fold(usize::MAX, 12, "Read more"), ..PLAIN },
    Manner { word: "facebook", fold: fold(477, 5, "See more"), ..PLAIN },
    Manner { word: "instagram", cards: false, pictures_first: true, fold: fold(125, 2, "more"), ..PLAIN },
    Manner { word: "linkedin", fold: fold(210, 3, "more"), ..PLAIN },
    Manner { word: "discord", ..PLAIN },
    Manner { word: "slack", fold: fold(700, 10, "See more"), ..PLAIN },
    Manner { word: "matrix", ..PLAIN },
];

const fn fold(chars: usize, lines: usize, word: &'static str) -> Option<Fold> {
    Some(Fold { chars, lines, word })
}

/// The manner of that platform, or of the platform of that field (`x-long`, `telegram-caption`); a plain one where there
/// is none. Servers of Mastodon's kin look like it.
pub(super) fn of(like: &str) -> &'static Manner {
    let base = like.split('-').next().unwrap_or(like);
    let base = match base {
        "pleroma" | "akkoma" | "gotosocial" | "snac" | "misskey" => "mastodon",
        other => other,
    };
    ALL.iter().find(|manner| manner.word == base).unwrap_or(&PLAIN)
}

/// A link's words in a text of that manner.
pub(super) fn link(manner: &Manner, text: &str) -> String {
    let Links::Short(most) = manner.links else { return text.to_owned() };
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    let rest = rest.strip_prefix("www.").unwrap_or(rest);
    let mut chars = rest.char_indices().skip(most);
    match chars.next() {
        None => rest.trim_end_matches('/').to_owned(),
        Some((at, _)) => format!("{}…", &rest[..at]),
    }
}

/// Where a text is folded, in bytes; `None`: it is shown whole. Never in the middle of a word that could be kept whole.
pub(super) fn fold_at(fold: Fold, text: &str) -> Option<usize> {
    let by_lines = text.match_indices('\n').nth(fold.lines - 1).map(|(at, _)| at);
    let by_chars = text.char_indices().nth(fold.chars).map(|(at, _)| {
        let head = &text[..at];
        head.rfind(char::is_whitespace).filter(|space| *space * 2 > at).unwrap_or(at)
    });
    let at = by_lines.into_iter().chain(by_chars).min()?;
    (!text[at..].trim().is_empty()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_that_posts_for_people_has_a_manner() {
        for platform in crate::platform::ALL {
            let id = platform.spec().id;
            let plain = matches!(id, "timeline" | "webhook");
            assert_eq!(of(id).word == "plain", plain, "{id}");
        }
        for (like, word) in
            [("x-long", "x"), ("telegram-caption", "telegram"), ("snac", "mastodon"), ("nostr", "plain"), ("", "plain")]
        {
            assert_eq!(of(like).word, word, "{like}");
        }
    }

    #[test]
    fn a_link_is_written_as_the_platform_writes_it() {
        for (like, text, shown) in [
            ("x", "https://www.news.example/", "news.example"),
            ("x", "https://news.example/nation/bridge-opens-in-baku", "news.example/nation/bridge…"),
            ("mastodon", "https://www.news.example/nation/bridge-opens", "news.example/nation/bridge-ope…"),
            ("mastodon", "http://news.example/ü/ə", "news.example/ü/ə"),
            ("bluesky", "https://www.news.example/a", "https://www.news.example/a"),
        ] {
            assert_eq!(link(of(like), text), shown, "{like}");
        }
    }

    #[test]
    fn a_text_is_folded_at_a_word_and_only_where_something_follows() {
        let at = |chars, lines, text| fold_at(Fold { chars, lines, word: "more" }, text);
        for (chars, lines, text, cut) in [
            (100, 9, "short", None),
            (10, 9, "one two three four", Some("one two")),
            (5, 9, "abcdefghijkl", Some("abcde")),
            (3, 9, "a bcdefg", Some("a b")),
            (100, 2, "a\nb\nc", Some("a\nb")),
            (100, 2, "a\nb\n ", None),
            (5, 9, "ab cd ", None),
            (4, 9, "əəəəəə", Some("əəəə")),
        ] {
            assert_eq!(at(chars, lines, text).map(|at| &text[..at]), cut, "{text:?}");
        }
    }
}
