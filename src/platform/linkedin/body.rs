//! The bodies: what a post's frozen body says, how author and pictures are put into it when it is sent, and how the
//! "little" text comes back as plain text.

use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::platform::{Card, PublishError};
use crate::text::escape;
use crate::text::limits::LINKEDIN_TITLE;

/// The most UTF-16 units of a card's description. Ours: LinkedIn documents none and shows a line or two.
const DESCRIPTION: usize = 600;

/// The frozen body of a post: everything but its author and its pictures, which only the sending knows.
pub fn frozen(text: &str, card: Option<&Card>, visibility: &str) -> Value {
    let mut body = json!({
        "commentary": escape::little(text),
        "visibility": visibility,
        "distribution": {
            "feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": [],
        },
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": false,
    });
    if let Some(card) = card {
        // The fields of a card are plain text, not "little" text.
        let mut article = json!({
            "source": card.url.as_str(),
            "title": cut(&card.title, LINKEDIN_TITLE.rules.limit),
        });
        let description = cut(&card.description, DESCRIPTION);
        if !description.is_empty() {
            article["description"] = json!(description);
        }
        body["content"] = json!({ "article": article });
    }
    body
}

/// A picture that LinkedIn has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// `urn:li:image:…`
    pub urn: String,
    /// Its alternative text; `None`: it is the card's.
    pub alt: Option<String>,
}

/// The body that is sent: with its author, and with the pictures there are. Attached pictures take the place of the card.
pub fn with(frozen: &Value, author: &str, sent: &[Sent]) -> String {
    let mut body = frozen.clone();
    body["author"] = json!(author);
    let named = |picture: &Sent| match picture.alt.as_deref().filter(|alt| !alt.is_empty()) {
        Some(alt) => json!({ "id": picture.urn, "altText": alt }),
        None => json!({ "id": picture.urn }),
    };
    let attached: Vec<&Sent> = sent.iter().filter(|picture| picture.alt.is_some()).collect();
    match attached.as_slice() {
        [] => {
            if let (Some(thumb), Some(article)) = (sent.first(), body.pointer_mut("/content/article")) {
                article["thumbnail"] = json!(thumb.urn);
            }
        }
        [one] => body["content"] = json!({ "media": named(one) }),
        several => {
            let images: Vec<Value> = several.iter().map(|picture| named(picture)).collect();
            body["content"] = json!({ "multiImage": { "images": images } });
        }
    }
    body.to_string()
}

/// The body of an edit: the text is all that can be changed.
pub fn edit(frozen: &str) -> Result<String, PublishError> {
    let frozen: Value = serde_json::from_str(frozen).unwrap_or_default();
    let text = frozen["commentary"].as_str().ok_or_else(super::no_step)?;
    Ok(json!({ "patch": { "$set": { "commentary": text } } }).to_string())
}

/// A "little" text as readers see it: escapes undone, a hashtag's template as the tag.
pub fn plain(little: &str) -> String {
    let mut out = String::with_capacity(little.len());
    let mut rest = little;
    while let Some(c) = rest.chars().next() {
        if let Some(tag) = rest.strip_prefix("{hashtag|").and_then(|tail| tail.split_once('}')) {
            let (inside, after) = tag;
            let word = inside.split_once('|').map_or(inside, |(_, word)| word);
            out.push('#');
            out.push_str(&plain(word));
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match (c, rest.chars().next()) {
            ('\\', Some(next)) => {
                out.push(next);
                rest = &rest[next.len_utf8()..];
            }
            _ => out.push(c),
        }
    }
    out
}

/// The start of a text that counts at most `most` UTF-16 units, cut between grapheme clusters.
fn cut(text: &str, most: usize) -> String {
    let text = text.trim();
    if text.encode_utf16().count() <= most {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut left = most.saturating_sub(1);
    for cluster in text.graphemes(true) {
        let units = cluster.encode_utf16().count();
        if units > left {
            break;
        }
        left -= units;
        out.push_str(cluster);
    }
    format!("{}…", out.trim_end())
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn card(title: &str, description: &str) -> Card {
        let url = Url::parse("https://e.org/n/a_b?x=(1)").unwrap();
        Card { url, title: title.to_owned(), description: description.to_owned(), image: None }
    }

    fn sent(n: u8, alt: Option<&str>) -> Sent {
        Sent { urn: format!("urn:li:image:C{n}"), alt: alt.map(str::to_owned) }
    }

    fn content(body: &Value, pictures: &[Sent]) -> Value {
        let body: Value = serde_json::from_str(&with(body, "urn:li:organization:1", pictures)).unwrap();
        assert_eq!(body["author"], "urn:li:organization:1");
        body["content"].clone()
    }

    #[test]
    fn the_text_is_escaped_and_the_card_is_not() {
        let body = frozen("Budget (2026) *draft* #1", Some(&card("Budget (2026)", "A deck_line")), "PUBLIC");
        assert_eq!(body["commentary"], r"Budget \(2026\) \*draft\* \#1");
        let article =
            json!({"source": "https://e.org/n/a_b?x=(1)", "title": "Budget (2026)", "description": "A deck_line"});
        assert_eq!(body["content"], json!({ "article": article }));
        assert_eq!(body.get("author"), None, "who sends it is known only then");
        assert!(frozen("a", None, "PUBLIC").get("content").is_none());
        assert!(frozen("a", Some(&card("T", "")), "PUBLIC")["content"]["article"].get("description").is_none());
    }

    #[test]
    fn pictures_take_the_place_of_the_card_and_a_thumbnail_goes_into_it() {
        let body = frozen("a", Some(&card("T", "")), "PUBLIC");
        assert_eq!(content(&body, &[]), body["content"]);
        assert_eq!(content(&body, &[sent(1, None)])["article"]["thumbnail"], "urn:li:image:C1");
        let one = content(&body, &[sent(1, Some("A bridge"))]);
        assert_eq!(one, json!({"media": {"id": "urn:li:image:C1", "altText": "A bridge"}}));
        assert_eq!(content(&body, &[sent(1, Some(""))]), json!({"media": {"id": "urn:li:image:C1"}}));
        let two = content(&body, &[sent(1, Some("x")), sent(2, Some(""))]);
        let images = json!([{"id": "urn:li:image:C1", "altText": "x"}, {"id": "urn:li:image:C2"}]);
        assert_eq!(two, json!({ "multiImage": { "images": images } }));
        assert_eq!(content(&frozen("a", None, "PUBLIC"), &[sent(1, None)]), Value::Null, "a thumbnail needs a card");
    }

    #[test]
    fn only_the_text_is_edited() {
        let body = frozen("New (text)", Some(&card("T", "")), "PUBLIC");
        let patch: Value = serde_json::from_str(&edit(&body.to_string()).unwrap()).unwrap();
        assert_eq!(patch, json!({"patch": {"$set": {"commentary": r"New \(text\)"}}}));
        assert!(edit("{}").is_err());
    }

    #[test]
    fn what_comes_back_is_read_as_it_is_seen() {
        for (little, seen) in [
            (r"Budget \(2026\) \*draft\*", "Budget (2026) *draft*"),
            (r"a {hashtag|\#|politics} b", "a #politics b"),
            (r"{hashtag|\#|a\_b}", "#a_b"),
            ("plain", "plain"),
            (r"end \", "end \\"),
            (r"\\\#", r"\#"),
        ] {
            assert_eq!(plain(little), seen);
        }
        for text in ["Körpü (açıldı) @all #1 {x} <b> a|b ~ \\ _", "👩‍👩‍👧[1]"] {
            assert_eq!(plain(&escape::little(text)), text);
        }
    }

    #[test]
    fn a_long_title_is_cut_between_clusters() {
        assert_eq!(cut("  ab ", 2), "ab");
        assert_eq!(cut("abc def", 5), "abc…");
        assert_eq!(cut("👨‍👩‍👧‍👦x👨‍👩‍👧‍👦", 13), "👨‍👩‍👧‍👦x…");
        assert!(cut(&"Ə".repeat(900), 400).encode_utf16().count() <= 400);
    }
}
