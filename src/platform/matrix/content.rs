//! What an event holds, and the ids it is known by: pure functions of the post. The limits of the parts are `text`'s; the
//! limit of the whole is here.

use serde_json::{Map, Value, json};
use sha2::Digest as _;
use url::Url;

use crate::model::receipt::Receipt;

/// The key of the content under which our own mark stands.
pub(super) const MARK: &str = "org.bugle.post";

/// The most bytes of a content. An event has 65,536 in all, of which signatures and what it answers take some.
/// Source: Matrix specification, size limits, 2026-07.
const MOST: usize = 55_000;

/// A frozen create step.
pub(super) struct Frozen {
    /// The event's content, without what is known only when it is sent.
    pub content: Value,
    /// Which upload it shows.
    pub upload: Option<usize>,
    /// When it was frozen, in milliseconds: tells two edits to the same text apart.
    pub made: i64,
}

/// Reads a create step's body.
///
/// # Errors
/// In words, where it is none.
pub(super) fn read(body: &str) -> Result<Frozen, String> {
    let mut body: Value = serde_json::from_str(body).map_err(|e| format!("the payload is no JSON: {e}"))?;
    let content = body["content"].take();
    if !content.is_object() {
        return Err("expected an event's content in the payload, found none".to_owned());
    }
    let upload = body["upload"].as_u64().and_then(|n| usize::try_from(n).ok());
    Ok(Frozen { content, upload, made: body["made"].as_i64().unwrap_or_default() })
}

/// The mark of a part, which is its transaction's id too.
pub(super) fn mark(key: &str, n: u16) -> String {
    format!("bugle-{key}-{n}")
}

/// The transaction of an edit: the same for a repeat, another for every other edit.
pub(super) fn edit_txn(event: &str, made: i64, body: &str) -> String {
    format!("bugle-edit-{}", digest(&[event, &made.to_string(), body]))
}

/// The transaction of a redaction.
pub(super) fn redact_txn(event: &str) -> String {
    format!("bugle-redact-{}", digest(&[event]))
}

fn digest(parts: &[&str]) -> String {
    let mut hash = sha2::Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    crate::text::plain::hex(&hash.finalize()).chars().take(32).collect()
}

/// A part of the text. `m.mentions` is empty: whatever stands in it pings nobody.
pub(super) fn text(msgtype: &str, text: &str, link: Option<&Url>, mark: &str) -> Value {
    let plain = json!({ "msgtype": msgtype, "body": text, "m.mentions": {}, MARK: mark });
    let mut full = plain.clone();
    full["format"] = json!("org.matrix.custom.html");
    full["formatted_body"] = json!(html(text, link));
    if full.to_string().len() > MOST { plain } else { full }
}

/// A picture, without its address. The body is what is said of it to people who do not see it.
pub(super) fn image(alt: &str, mark: &str) -> Value {
    let body = if alt.trim().is_empty() { "picture.jpg" } else { alt };
    json!({ "msgtype": "m.image", "body": body, "m.mentions": {}, MARK: mark })
}

/// With what the upload gave.
pub(super) fn with_picture(mut content: Value, uploaded: &Value) -> Value {
    content["url"] = uploaded["url"].clone();
    content["info"] = uploaded["info"].clone();
    content
}

/// As an answer to the parts before: the first is the root of the thread, the last what clients without threads show as
/// answered.
pub(super) fn in_thread(mut content: Value, before: &[Receipt]) -> Value {
    let event =
        |part: &Receipt| part.remote_id.as_deref().and_then(|id| id.split_once('/')).map(|(_, id)| id.to_owned());
    if let (Some(root), Some(last)) = (before.first().and_then(event), before.last().and_then(event)) {
        content["m.relates_to"] = json!({
            "rel_type": "m.thread",
            "event_id": root,
            "is_falling_back": true,
            "m.in_reply_to": { "event_id": last },
        });
    }
    content
}

/// The content of an edit of that event: the new one, and for clients that know no edits the plain text after a star.
/// Source: Matrix specification, event replacements, 2026-07.
pub(super) fn replacing(new: &Value, event: &str) -> Value {
    let body = format!("* {}", new["body"].as_str().unwrap_or_default());
    let edit = |new: &Value| {
        json!({
            "msgtype": new["msgtype"],
            "body": body,
            "m.mentions": {},
            "m.new_content": new,
            "m.relates_to": { "rel_type": "m.replace", "event_id": event },
        })
    };
    let full = edit(new);
    if full.to_string().len() <= MOST {
        return full;
    }
    let mut plain: Map<String, Value> = new.as_object().cloned().unwrap_or_default();
    plain.remove("format");
    plain.remove("formatted_body");
    edit(&Value::Object(plain))
}

/// The text as HTML: all of it escaped, its lines kept, the article's own link to be clicked where it last stands.
fn html(text: &str, link: Option<&Url>) -> String {
    let link = link.map(Url::as_str).filter(|link| !link.is_empty());
    let mut out = String::with_capacity(text.len() + 64);
    match link.and_then(|link| text.rfind(link).map(|at| (at, link))) {
        None => escape(text, &mut out),
        Some((at, link)) => {
            escape(&text[..at], &mut out);
            out.push_str("<a href=\"");
            escape(link, &mut out);
            out.push_str("\">");
            escape(link, &mut out);
            out.push_str("</a>");
            escape(&text[at + link.len()..], &mut out);
        }
    }
    out
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push_str("<br>"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::receipt::Known;

    fn link() -> Url {
        Url::parse("https://news.example/a?x=1&y=2").unwrap()
    }

    #[test]
    fn nothing_in_a_headline_becomes_markup() {
        for (text, expected) in [
            ("a <b>b</b> & \"c\" 'd'", "a &lt;b&gt;b&lt;/b&gt; &amp; &quot;c&quot; &#39;d&#39;"),
            ("one\n\ntwo", "one<br><br>two"),
            (
                "Read https://news.example/a?x=1&y=2 now",
                "Read <a href=\"https://news.example/a?x=1&amp;y=2\">https://news.example/a?x=1&amp;y=2</a> now",
            ),
            ("https://other.example/", "https://other.example/"),
        ] {
            assert_eq!(html(text, Some(&link())), expected);
        }
        assert_eq!(html("https://news.example/a", None), "https://news.example/a");
    }

    #[test]
    fn what_would_be_too_large_goes_plain() {
        let small = text("m.notice", "a & b", None, "m");
        assert_eq!(
            small,
            json!({
                "msgtype": "m.notice", "body": "a & b", "format": "org.matrix.custom.html",
                "formatted_body": "a &amp; b", "m.mentions": {}, "org.bugle.post": "m",
            })
        );
        let large = text("m.text", &"&".repeat(24_000), None, "m");
        assert!(large.get("formatted_body").is_none() && large.get("format").is_none());
        assert_eq!(large["body"].as_str().map(str::len), Some(24_000));
        let edit = replacing(&text("m.text", &"é".repeat(12_000), None, "m"), "$e");
        assert!(edit.to_string().len() <= 60_000, "an edit holds its text twice");
        assert!(edit["m.new_content"].get("formatted_body").is_none());
    }

    #[test]
    fn an_edit_replaces_the_original_and_says_so_to_clients_that_know_no_edits() {
        let new = text("m.notice", "New <b>", None, "bugle-k-0");
        let edit = replacing(&new, "$one");
        assert_eq!(edit["m.relates_to"], json!({"rel_type": "m.replace", "event_id": "$one"}));
        assert_eq!((&edit["m.new_content"], &edit["body"]), (&new, &json!("* New <b>")));
        assert_eq!(edit["m.mentions"], json!({}));
        assert!(edit.get(MARK).is_none(), "the mark is the original's");
    }

    #[test]
    fn every_transaction_is_another_unless_it_is_a_repeat() {
        let all = [
            mark("k", 0),
            mark("k", 1),
            mark("l", 0),
            edit_txn("$a", 1, "x"),
            edit_txn("$a", 2, "x"),
            edit_txn("$b", 1, "x"),
            edit_txn("$a", 1, "y"),
            redact_txn("$a"),
            redact_txn("$b"),
        ];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
        assert_eq!(edit_txn("$a", 1, "x"), edit_txn("$a", 1, "x"));
    }

    #[test]
    fn later_parts_stand_in_the_first_ones_thread() {
        let part = |event: &str| Receipt {
            remote_id: Some(format!("!r:s/{event}")),
            url: None,
            parts: Vec::new(),
            at: jiff::Timestamp::UNIX_EPOCH,
            how: Known::Answered,
        };
        assert!(in_thread(json!({}), &[]).get("m.relates_to").is_none());
        assert_eq!(
            in_thread(json!({}), &[part("$1"), part("$2")])["m.relates_to"],
            json!({"rel_type": "m.thread", "event_id": "$1", "is_falling_back": true, "m.in_reply_to": {"event_id": "$2"}})
        );
    }

    #[test]
    fn a_picture_is_its_words_its_address_and_its_size() {
        let made = with_picture(image("A bridge", "m"), &json!({"url": "mxc://s/1", "info": {"w": 3}}));
        assert_eq!(
            made,
            json!({"msgtype": "m.image", "body": "A bridge", "m.mentions": {}, "org.bugle.post": "m",
                   "url": "mxc://s/1", "info": {"w": 3}})
        );
        assert_eq!(image(" ", "m")["body"], "picture.jpg");
    }
}
