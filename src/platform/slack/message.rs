//! The message as it is frozen: a text without formatting, blocks for a card and pictures, our mark. Pure.
//!
//! Text and blocks are two ways to say the same: where there are blocks, the text is only for notifications and screen
//! readers. Blocks are of the type `rich_text`, in which no sign is formatting and only what is marked as one is a link.

use serde_json::{Value, json};
use url::Url;

use super::{Config, Preview, invalid};
use crate::model::picture::{Origin, Picture};
use crate::model::post::Rejection;
use crate::platform::{Card, Outgoing, PublishError, wire};
use crate::text::{escape, limits};

/// The type of our mark.
pub(super) const MARK: &str = "bugle_post";

/// The most characters of a picture's address and of its description. Source: docs.slack.dev, "Image block", 2026-08.
const ADDRESS: usize = 3000;
const ALT: usize = 2000;
/// The most characters of a card's lead. Ours: what a preview shows.
const LEAD: usize = 300;

impl Config {
    /// The JSON of a new message.
    pub(super) fn message(&self, post: &Outgoing, key: &str) -> Result<Value, (Rejection, String)> {
        let text = post.text.as_str().trim();
        if text.is_empty() {
            return Err((Rejection::Content, "expected a text, found none".to_owned()));
        }
        let card = post.card.as_ref().filter(|_| self.preview == Preview::Card);
        let pictures: Vec<Value> = post.picture.iter().chain(&post.further).filter_map(picture).collect();
        let unfurl = self.preview == Preview::Slack && pictures.is_empty();
        let mut body = json!({
            "text": escape::references(text),
            // Signs in a headline are no formatting.
            "mrkdwn": false,
            // The defaults are documented in two ways, so both are always said.
            "unfurl_links": unfurl,
            "unfurl_media": unfurl,
        });
        if card.is_some() || !pictures.is_empty() {
            let mut blocks = vec![rich(text, post.link.as_ref())];
            blocks.extend(card.map(written));
            match pictures.is_empty() {
                true => blocks.extend(card.and_then(drawn)),
                false => blocks.extend(pictures),
            }
            body["blocks"] = json!(blocks);
        }
        if let Some(channel) = &self.channel {
            body["channel"] = json!(channel);
            body["metadata"] = json!({ "event_type": MARK, "event_payload": { "post": key } });
        }
        Ok(body)
    }
}

/// A text in which only the article's link is one.
fn rich(text: &str, link: Option<&Url>) -> Value {
    let mut elements = Vec::new();
    let mut rest = text;
    if let Some(link) = link {
        while let Some(at) = rest.find(link.as_str()) {
            let after = &rest[at + link.as_str().len()..];
            if !after.chars().next().is_none_or(char::is_whitespace) {
                break;
            }
            if at > 0 {
                elements.push(json!({ "type": "text", "text": &rest[..at] }));
            }
            elements.push(json!({ "type": "link", "url": link }));
            rest = after;
        }
    }
    if !rest.is_empty() {
        elements.push(json!({ "type": "text", "text": rest }));
    }
    section(&elements)
}

fn section(elements: &[Value]) -> Value {
    json!({ "type": "rich_text", "elements": [{ "type": "rich_text_section", "elements": elements }] })
}

/// Our own card: the headline that leads to the article, and its lead.
fn written(card: &Card) -> Value {
    let tamed = |text: &str| wire::tamed(text, limits::SLACK.rules.unit);
    let headline = json!({ "type": "link", "url": card.url, "text": tamed(&card.title), "style": { "bold": true } });
    let lead = shortened(&tamed(&card.description));
    match lead.as_str() {
        "" => section(&[headline]),
        lead => section(&[headline, json!({ "type": "text", "text": format!("\n{lead}") })]),
    }
}

/// The card's picture.
fn drawn(card: &Card) -> Option<Value> {
    image(card.image.as_ref()?, &card.title)
}

/// A picture by its address, which Slack fetches. One that Bugle would draw has none: the picture it would be drawn over
/// takes its place.
fn picture(it: &Picture) -> Option<Value> {
    let (Origin::Photo { urls } | Origin::Headline(crate::model::picture::Headline { behind: urls, .. })) = &it.origin;
    image(urls.first()?, &it.alt)
}

fn image(url: &Url, alt: &str) -> Option<Value> {
    let fits = matches!(url.scheme(), "http" | "https") && url.as_str().chars().count() <= ADDRESS;
    // The field is required, and an empty one is refused.
    let alt = if alt.trim().is_empty() { "Picture" } else { alt };
    let alt: String = alt.chars().take(ALT).collect();
    fits.then(|| json!({ "type": "image", "image_url": url, "alt_text": alt }))
}

fn shortened(text: &str) -> String {
    use unicode_segmentation::UnicodeSegmentation as _;
    if text.chars().count() <= LEAD {
        return text.to_owned();
    }
    let (mut kept, mut used) = (0, 1);
    for (at, cluster) in text.grapheme_indices(true) {
        used += cluster.chars().count();
        if used > LEAD {
            break;
        }
        kept = at + cluster.len();
    }
    format!("{}…", text[..kept].trim_end())
}

/// The request of an edit, at the message's place. It always has blocks: an edit knows no `mrkdwn`, so a text alone would
/// be formatted; and with blocks its readers see no "edited" for a corrected letter.
pub(super) fn edit(
    body: &str,
    channel: &str,
    ts: &str,
    text: &str,
    link: Option<&Url>,
) -> Result<String, PublishError> {
    let body: Value = serde_json::from_str(body).map_err(|e| invalid(format!("the payload is no JSON: {e}")))?;
    let blocks = body.get("blocks").cloned().unwrap_or_else(|| json!([rich(text, link)]));
    let mut request = json!({ "channel": channel, "ts": ts, "text": body["text"], "blocks": blocks });
    if let Some(mark) = body.get("metadata") {
        request["metadata"] = mark.clone();
    }
    Ok(request.to_string())
}

/// The message without the pictures it was refused for; `None`: it has none.
pub(super) fn without_pictures(body: &str) -> Option<String> {
    let mut body: Value = serde_json::from_str(body).ok()?;
    let blocks = body.get_mut("blocks")?.as_array_mut()?;
    let before = blocks.len();
    blocks.retain(|block| block["type"] != "image");
    (blocks.len() < before).then(|| body.to_string())
}

/// The message without our mark; `None`: it has none.
pub(super) fn without_mark(body: &str) -> Option<String> {
    let mut body: Value = serde_json::from_str(body).ok()?;
    body.as_object_mut()?.remove("metadata")?;
    Some(body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_articles_link_is_one_in_a_rich_text() {
        let link = Url::parse("https://e.org/a?x=1&y=2").unwrap();
        let elements = |text: &str| rich(text, Some(&link))["elements"][0]["elements"].clone();
        assert_eq!(
            elements("*T* <!channel>\nhttps://e.org/a?x=1&y=2 #tag"),
            json!([
                { "type": "text", "text": "*T* <!channel>\n" },
                { "type": "link", "url": "https://e.org/a?x=1&y=2" },
                { "type": "text", "text": " #tag" },
            ])
        );
        assert_eq!(
            elements("https://e.org/a?x=1&y=23"),
            json!([{ "type": "text", "text": "https://e.org/a?x=1&y=23" }])
        );
        assert_eq!(elements("https://evil.example/"), json!([{ "type": "text", "text": "https://evil.example/" }]));
    }

    #[test]
    fn a_card_leads_to_its_article_alone() {
        let card = Card {
            url: Url::parse("https://e.org/a").unwrap(),
            title: "See https://evil.example/x".to_owned(),
            description: "Or evil.example/y, says @here".to_owned(),
            image: None,
        };
        let written = written(&card);
        let elements = &written["elements"][0]["elements"];
        assert_eq!(elements[0]["url"], "https://e.org/a");
        for element in elements.as_array().unwrap() {
            let text = element["text"].as_str().unwrap();
            let found = crate::text::entities::entities(text, limits::SLACK.rules.unit);
            let links = found.iter().filter(|it| it.kind == crate::text::entities::Kind::Link);
            assert_eq!(links.count(), 0, "{text}");
            assert!(!text.contains("@here") && !text.contains("://e"), "{text}");
        }
    }

    #[test]
    fn an_edit_has_blocks_and_says_nothing_of_unfurling() {
        let body = r#"{"channel":"C1","text":"a &amp; b","mrkdwn":false,"unfurl_links":true,"unfurl_media":true,"metadata":{"event_type":"bugle_post","event_payload":{"post":"k"}}}"#;
        let request: Value = serde_json::from_str(&edit(body, "C9", "1.2", "a & b", None).unwrap()).unwrap();
        let expected = json!({
            "channel": "C9", "ts": "1.2", "text": "a &amp; b",
            "blocks": [{ "type": "rich_text", "elements": [
                { "type": "rich_text_section", "elements": [{ "type": "text", "text": "a & b" }] }] }],
            "metadata": { "event_type": "bugle_post", "event_payload": { "post": "k" } },
        });
        assert_eq!(request, expected);
        assert!(edit("no", "C", "1", "", None).is_err());
    }

    #[test]
    fn what_is_refused_can_be_left_out() {
        let body = r#"{"blocks":[{"type":"rich_text"},{"type":"image"}],"metadata":{},"text":"t"}"#;
        let bare = without_pictures(body).unwrap();
        assert_eq!(bare, r#"{"blocks":[{"type":"rich_text"}],"metadata":{},"text":"t"}"#);
        assert_eq!(without_pictures(&bare), None);
        let unmarked = without_mark(&bare).unwrap();
        assert_eq!(unmarked, r#"{"blocks":[{"type":"rich_text"}],"text":"t"}"#);
        assert_eq!(without_mark(&unmarked), None);
    }
}
