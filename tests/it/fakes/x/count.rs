//! What a text weighs on X, and how its links are rewritten: counted simply, by twitter-text's documents and with none of
//! Bugle's code.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

/// The links of a text: with a scheme only, without the punctuation that ends a sentence.
pub fn links(text: &str) -> Vec<&str> {
    static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"https?://\S+").expect("the pattern is fixed"));
    LINK.find_iter(text)
        .map(|found| found.as_str().trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '"', '\'']))
        .collect()
}

/// The text with its links rewritten, and the entities that tell of it.
pub fn shortened(text: &str, id: u64) -> (String, Vec<Value>) {
    let (mut shown, mut rest, mut urls) = (String::new(), text, Vec::new());
    for link in links(text) {
        let Some((before, after)) = rest.split_once(link) else { continue };
        shown.push_str(before);
        let short = format!("https://t.co/{}{}", id % 1_000_000, urls.len());
        let start = shown.chars().count();
        urls.push(json!({
            "start": start, "end": start + short.len(), "url": short, "expanded_url": link,
            "display_url": link.split("://").nth(1).unwrap_or_default().chars().take(26).collect::<String>(),
        }));
        shown.push_str(&short);
        rest = after;
    }
    shown.push_str(rest);
    (shown, urls)
}

/// Weighted length, counted simply: links 23, emoji 2, other characters by twitter-text's table of ranges.
pub fn weight(text: &str) -> usize {
    let text: String = text.nfc().collect();
    let (mut total, mut rest) = (0, text.as_str());
    for link in links(&text) {
        let Some((before, after)) = rest.split_once(link) else { continue };
        total += plain_weight(before) + 23;
        rest = after;
    }
    total + plain_weight(rest)
}

fn plain_weight(text: &str) -> usize {
    let emoji = |c: char| matches!(u32::from(c), 0x1f000..=0x1faff | 0xfe0f | 0x20e3 | 0x2600..=0x27bf);
    let light = |c: char| matches!(u32::from(c), 0..=0x10ff | 0x2000..=0x200d | 0x2010..=0x201f | 0x2032..=0x2037);
    let one = |cluster: &str| match cluster.chars().any(emoji) {
        true => 2,
        false => cluster.chars().map(|c| if light(c) { 1 } else { 2 }).sum(),
    };
    text.graphemes(true).map(one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighs_as_x_documents() {
        for (text, expected) in [
            ("ab https://example.org/a/very/long/path?x=1", 26),
            (&"字".repeat(140), 280),
            ("A\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}", 3),
            ("e\u{301}", 1),
            ("x…", 3),
            ("See https://example.org/a.", 28),
        ] {
            assert_eq!(weight(text), expected, "{text}");
        }
    }
}
