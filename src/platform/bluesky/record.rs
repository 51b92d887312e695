//! The record of a post and the key it is stored under: pure functions of the post and its ids.

use jiff::Timestamp;
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::platform::{Card, Ids, Mention, Outgoing};

/// Where posts live in a repository.
pub const COLLECTION: &str = "app.bsky.feed.post";

/// What a post with pictures embeds.
const IMAGES: &str = "app.bsky.embed.images";

/// A tag's limits: 64 grapheme clusters, 640 bytes. Source: lexicon app.bsky.richtext.facet, 2026-08.
const TAG: (usize, usize) = (64, 640);

/// The record of part `n`, without the picture of its card and without what it answers: that is known once it is out.
/// Each part is dated a millisecond after the one before, so that readers sorting by date keep their order.
pub fn record(post: &Outgoing, text: &str, card: Option<&Card>, created: Timestamp, n: u16) -> Value {
    let created = created.checked_add(jiff::SignedDuration::from_millis(i64::from(n))).unwrap_or(created);
    let mut record = json!({
        "$type": COLLECTION,
        "text": text,
        "createdAt": format!("{created:.3}"),
    });
    if let Some(language) = post.language.as_deref().filter(|tag| is_language(tag)) {
        record["langs"] = json!([language]);
    }
    let facets = facets(text, post.link.as_ref().map(url::Url::as_str), &post.mentions);
    if !facets.is_empty() {
        record["facets"] = Value::Array(facets);
    }
    if let Some(card) = card {
        record["embed"] = json!({
            "$type": "app.bsky.embed.external",
            "external": {"uri": card.url.as_str(), "title": card.title, "description": card.description},
        });
    }
    record
}

/// Puts what the uploads gave into a frozen request: attached pictures instead of the card, a card's picture into it.
pub fn insert_pictures<'a>(request: &mut Value, sent: impl Iterator<Item = &'a Value>) {
    let mut images = Vec::new();
    for value in sent {
        if value["image"].is_object() {
            images.push(json!({
                "image": value["image"],
                "alt": value["alt"],
                "aspectRatio": {"width": value["width"], "height": value["height"]},
            }));
        } else if let Some(external) = request.pointer_mut("/record/embed/external").and_then(Value::as_object_mut) {
            external.insert("thumb".to_owned(), value.clone());
        }
    }
    if !images.is_empty() {
        request["record"]["embed"] = json!({"$type": IMAGES, "images": images});
    }
}

/// Whether a stored record is the frozen one; its card may have a picture, an `attached` picture stands where the card is
/// frozen, and after a restore the same post is frozen at another instant. A later part answers `parent`.
pub fn same(stored: &Value, frozen: &Value, parent: Option<&str>, attached: bool) -> bool {
    if stored["reply"]["parent"]["uri"].as_str() != parent {
        return false;
    }
    let (mut stored, mut frozen) = (stored.clone(), frozen.clone());
    for record in [&mut stored, &mut frozen] {
        if let Some(record) = record.as_object_mut() {
            record.remove("createdAt");
            record.remove("reply");
        }
    }
    if attached && stored["embed"]["$type"] == IMAGES {
        for record in [&mut stored, &mut frozen] {
            if let Some(record) = record.as_object_mut() {
                record.remove("embed");
            }
        }
    }
    if let Some(external) = stored.pointer_mut("/embed/external").and_then(Value::as_object_mut) {
        external.remove("thumb");
    }
    stored == frozen
}

/// Whether a profile's record gives itself that label. Source: lexicon com.atproto.label.defs#selfLabels, 2026-08.
pub fn is_labelled(profile: &Value, label: &str) -> bool {
    profile["labels"]["values"].as_array().is_some_and(|values| values.iter().any(|value| value["val"] == label))
}

/// The record key of part `n`: a TID of the story's own date, told apart within the millisecond by the seed; the parts of
/// a thread follow each other.
///
/// 64 bits: 0, 53 bits of microseconds since 1970, 10 bits that are the clock's id elsewhere; in 13 digits that sort
/// like the number. Source: <https://atproto.com/specs/tid>, 2026-08.
pub fn tid(ids: &Ids, n: u16) -> String {
    const DIGITS: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
    // FNV-1a: spreads the seed over the twenty bits below the millisecond; nothing secret hangs on it.
    let hash =
        ids.seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let hash = hash ^ (hash >> 32);
    let micros = u64::try_from(ids.story.as_millisecond()).unwrap_or(0) * 1000 + (hash >> 10) % 1000 + u64::from(n);
    let number = ((micros & ((1 << 53) - 1)) << 10) | (hash & 0x3ff);
    (0..13)
        .rev()
        .map(|place| char::from(DIGITS[usize::try_from((number >> (place * 5)) & 31).expect("below 32")]))
        .collect()
}

/// What of the text can be clicked: the article's own link, hashtags and the accounts that may be mentioned, in order, by
/// offsets in bytes of UTF-8. No other mention: a name in a headline is a name.
fn facets(text: &str, link: Option<&str>, mentions: &[Mention]) -> Vec<Value> {
    let mut found: Vec<(usize, usize, Value)> = Vec::new();
    if let Some(link) = link.filter(|link| !link.is_empty()) {
        for (start, _) in text.match_indices(link) {
            let end = start + link.len();
            // A longer URL that begins with the link is another URL.
            let ends = text[end..].chars().next().is_none_or(|c| !(c.is_alphanumeric() || "/?#&=%_-+~".contains(c)));
            let starts = text[..start].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
            if starts && ends {
                found.push((start, end, json!({"$type": "app.bsky.richtext.facet#link", "uri": link})));
            }
        }
    }
    for (mention, did) in mentions.iter().filter_map(|it| Some((it, it.id.as_deref()?))) {
        for (start, _) in text.match_indices(&mention.handle) {
            let end = start + mention.handle.len();
            let starts = text[..start].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && !"/=_".contains(c));
            let mut after = text[end..].chars();
            let ends = match after.next() {
                Some('.' | '-') => !after.next().is_some_and(char::is_alphanumeric),
                Some(c) => !(c.is_alphanumeric() || c == '_'),
                None => true,
            };
            if starts && ends && found.iter().all(|(from, to, _)| end <= *from || start >= *to) {
                found.push((start, end, json!({"$type": "app.bsky.richtext.facet#mention", "did": did})));
            }
        }
    }
    for (start, tag) in hashtags(text) {
        let end = start + 1 + tag.len();
        if found.iter().all(|(from, to, _)| end <= *from || start >= *to) {
            found.push((start, end, json!({"$type": "app.bsky.richtext.facet#tag", "tag": tag})));
        }
    }
    found.sort_by_key(|(start, ..)| *start);
    found
        .into_iter()
        .map(|(start, end, feature)| json!({"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}))
        .collect()
}

/// The hashtags of a text: where the `#` is, and the words after it.
fn hashtags(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('#') {
        if text[..at].chars().next_back().is_some_and(|c| !c.is_whitespace()) {
            continue;
        }
        let rest = &text[at + 1..];
        // Word joiners and zero-width spaces end a tag as a blank does.
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '#' | '\u{AD}' | '\u{200B}' | '\u{2060}'));
        let tag = rest[..end.unwrap_or(rest.len())].trim_end_matches(|c: char| !c.is_alphanumeric() && !is_mark(c));
        let named = tag.chars().any(|c| c.is_alphabetic() || (is_mark(c) && !c.is_numeric()));
        if named && tag.graphemes(true).count() <= TAG.0 && tag.len() <= TAG.1 {
            found.push((at, tag));
        }
    }
    found
}

/// Letters of other scripts end in marks, and emoji are no letters: neither is cut off a tag's end.
fn is_mark(c: char) -> bool {
    !c.is_ascii()
        && !matches!(c, '\u{2000}'..='\u{206F}' | '\u{3000}'..='\u{303F}' | '\u{FF01}'..='\u{FF0F}' | '«' | '»' | '¿' | '¡')
}

/// Whether it is shaped like a language tag (BCP 47); the server refuses the whole record for one that is not.
fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    parts.next().is_some_and(|p| matches!(p.len(), 2 | 3) && p.bytes().all(|b| b.is_ascii_alphabetic()))
        && parts.all(|p| matches!(p.len(), 1..=8) && p.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_labels_itself_or_does_not() {
        let with = |labels: Value| json!({"$type": "app.bsky.actor.profile", "labels": labels});
        let values = |val: &str| with(json!({"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": val}]}));
        for (profile, labelled) in [
            (values("bot"), true),
            (values("!no-unauthenticated"), false),
            (with(json!(null)), false),
            (json!({"displayName": "bot"}), false),
            (Value::Null, false),
        ] {
            assert_eq!(is_labelled(&profile, "bot"), labelled, "{profile}");
        }
    }

    fn ids(seed: &str, at: &str) -> Ids {
        Ids { seed: seed.to_owned(), created: at.parse().unwrap(), story: at.parse().unwrap(), revision: 0 }
    }

    #[test]
    fn a_record_key_is_a_tid_that_follows_from_the_ids_alone() {
        let shape = regex::Regex::new("^[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}$").unwrap();
        let first = tid(&ids("a", "2026-11-01T10:00:00.001Z"), 0);
        assert!(shape.is_match(&first), "{first}");
        assert_eq!(first, tid(&ids("a", "2026-11-01T10:00:00.001Z"), 0));
        let same_ms: std::collections::BTreeSet<String> =
            (0..100).map(|n| tid(&ids(&format!("{n:064x}"), "2026-11-01T10:00:00.001Z"), 0)).collect();
        assert!(same_ms.len() > 98, "posts of one millisecond get keys of their own: {}", same_ms.len());
        let later = tid(&ids("0", "2026-11-01T10:00:00.002Z"), 0);
        assert!(same_ms.iter().all(|key| *key < later && shape.is_match(key)));
        assert!(tid(&ids("0", "2026-11-01T09:59:59.999Z"), 0) < *same_ms.first().unwrap());
        // The first digits of a key of that year, as other software makes them.
        assert!(
            tid(&ids("a", "2023-06-01T00:00:00Z"), 0).starts_with("3jx"),
            "{}",
            tid(&ids("a", "2023-06-01T00:00:00Z"), 0)
        );
    }

    #[test]
    fn the_keys_of_a_threads_parts_follow_each_other() {
        let ids = ids("a", "2026-11-01T10:00:00.001Z");
        let keys: Vec<String> = (0..25).map(|n| tid(&ids, n)).collect();
        assert!(keys.windows(2).all(|two| two[0] < two[1]), "{keys:?}");
    }

    #[test]
    fn offsets_are_bytes_and_only_the_own_link_and_tags_are_clickable() {
        let link = Some("https://e.org/a");
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("plain", &[]),
            ("👩‍👩‍👧‍👦 ə https://e.org/a", &[("https://e.org/a", "uri")]),
            ("https://e.org/a\nhttps://other.org/", &[("https://e.org/a", "uri")]),
            ("(https://e.org/a).", &[("https://e.org/a", "uri")]),
            ("https://e.org/abc https://e.org/a/b", &[]),
            ("@name.bsky.social #News #2026 #", &[("#News", "tag")]),
            ("#Bakı, #COP29! C# a#b ##x", &[("#Bakı", "tag"), ("#COP29", "tag")]),
            ("#हिन्दी https://e.org/a #🎉", &[("#हिन्दी", "tag"), ("https://e.org/a", "uri"), ("#🎉", "tag")]),
        ];
        for (text, expected) in cases {
            let found: Vec<(String, String)> = facets(text, link, &[])
                .iter()
                .map(|facet| {
                    let at = |key: &str| usize::try_from(facet["index"][key].as_u64().unwrap()).unwrap();
                    let shown = &text[at("byteStart")..at("byteEnd")];
                    let feature = &facet["features"][0];
                    let kind = if feature["uri"] == shown {
                        "uri"
                    } else {
                        assert_eq!(feature["tag"], shown[1..]);
                        "tag"
                    };
                    (shown.to_owned(), kind.to_owned())
                })
                .collect();
            let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            assert_eq!(found, expected, "{text}");
        }
        let fragment = facets("https://e.org/#top #top", Some("https://e.org/#top"), &[]);
        assert_eq!(fragment.len(), 2);
    }

    #[test]
    fn who_may_be_mentioned_is_by_the_id_and_nobody_else() {
        let wanted = [
            Mention { handle: "@a.bsky.social".to_owned(), id: Some("did:plc:a".to_owned()) },
            Mention { handle: "@b.bsky.social".to_owned(), id: None },
        ];
        for (text, expected) in [
            ("é @a.bsky.social's", Some((3, 17))),
            ("@a.bsky.social.", Some((0, 14))),
            ("@a.bsky.social.example", None),
            ("mail@a.bsky.social @b.bsky.social @c.bsky.social", None),
        ] {
            let found = facets(text, None, &wanted);
            let place = |facet: &Value| {
                (facet["index"]["byteStart"].as_u64().unwrap(), facet["index"]["byteEnd"].as_u64().unwrap())
            };
            assert_eq!(found.iter().map(place).next(), expected, "{text}");
            assert!(found.iter().all(|facet| facet["features"][0]["did"] == "did:plc:a") && found.len() < 2, "{text}");
        }
    }

    #[test]
    fn a_language_that_is_none_is_left_out() {
        for (tag, expected) in [
            ("az", true),
            ("zh-Hant-TW", true),
            ("en_US", false),
            ("x", false),
            ("", false),
            ("en-", false),
            ("english", false),
        ] {
            assert_eq!(is_language(tag), expected, "{tag}");
        }
    }

    #[test]
    fn a_stored_record_is_the_same_with_and_without_its_picture() {
        let frozen = json!({"text": "a", "embed": {"external": {"uri": "u", "title": "t", "description": ""}}});
        let mut request = json!({"record": frozen});
        insert_pictures(&mut request, [json!({"ref": {"$link": "b"}})].iter());
        assert_eq!(request["record"]["embed"]["external"]["thumb"]["ref"]["$link"], "b");
        assert!(same(&request["record"], &frozen, None, false));
        request["record"]["reply"] = json!({"root": {"uri": "at://a"}, "parent": {"uri": "at://a"}});
        assert!(same(&request["record"], &frozen, Some("at://a"), false));
        assert!(!same(&request["record"], &frozen, None, false));
        assert!(!same(&request["record"], &frozen, Some("at://b"), false));
        request["record"]["text"] = json!("b");
        assert!(!same(&request["record"], &frozen, Some("at://a"), false));
        let sent = json!({"image": {"ref": {"$link": "b"}}, "alt": "A", "width": 4, "height": 3});
        let mut request = json!({"record": frozen});
        insert_pictures(&mut request, [sent.clone(), sent.clone()].iter());
        let image = json!({"image": {"ref": {"$link": "b"}}, "alt": "A", "aspectRatio": {"width": 4, "height": 3}});
        assert_eq!(request["record"]["embed"], json!({"$type": IMAGES, "images": [image, image]}));
        assert!(same(&request["record"], &frozen, None, true));
        assert!(!same(&request["record"], &frozen, None, false), "pictures that nobody planned");
    }
}
