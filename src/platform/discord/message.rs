//! The message as it is frozen: its text without markup, what shows the link, and what is left of it in an edit. Pure.

use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation as _;
use url::Url;

use super::{Config, Preview, invalid};
use crate::model::post::Rejection;
use crate::platform::{Card, Outgoing, PublishError, wire};
use crate::text::{escape, limits};

/// Links show no preview. Source: discord-api-docs, "Message Flags", 2026-08-06.
const SUPPRESS_EMBEDS: u64 = 1 << 2;
/// No push and no sound. Same source.
const SUPPRESS_NOTIFICATIONS: u64 = 1 << 12;

/// The most characters of a nonce. Source: discord-api-spec, `MessageCreateRequest`, 2026-07-18.
const NONCE: usize = 25;
/// The most characters of a forum post's name. Source: discord-api-spec, `IncomingWebhookRequestPartial`, 2026-07-18.
const THREAD_NAME: usize = 100;
/// The most units of a card's lead; Discord allows 4,096. Ours: what a preview shows.
const LEAD: usize = 350;
/// The most characters of an address in a card. Source: discord-api-spec, `RichEmbed`, 2026-07-18.
const ADDRESS: usize = 2048;

/// The nonce of a post: from its seed, as long as one may be.
pub(super) fn nonce(seed: &str) -> String {
    format!("b{seed}").chars().take(NONCE).collect()
}

impl Config {
    /// The JSON of a new message, without its pictures.
    pub(super) fn message(&self, post: &Outgoing, key: &str) -> Result<Value, (Rejection, String)> {
        let text = post.text.as_str().trim();
        if text.is_empty() {
            return Err((Rejection::Content, "the text is empty".to_owned()));
        }
        let card = post.card.as_ref().filter(|_| self.preview == Preview::Card);
        let mut content = escape::markdown(text);
        if let (Some(link), Some(_)) = (&post.link, card) {
            content = bracketed(&content, link);
        }
        let (most, length) = (limits::DISCORD.rules.limit, content.encode_utf16().count());
        if length > most {
            return Err((
                Rejection::TooLong,
                format!("with its brackets the text counts {length} where {most} are allowed"),
            ));
        }
        let hidden = self.preview == Preview::Off || (post.picture.is_some() && card.is_none());
        let flags = if hidden { SUPPRESS_EMBEDS } else { 0 } | if self.silent { SUPPRESS_NOTIFICATIONS } else { 0 };
        let mut body = json!({
            "content": content,
            // Not even where a title has one: nobody is called.
            "allowed_mentions": { "parse": [] },
            "flags": flags,
        });
        if let Some(card) = card {
            body["embeds"] = json!([embed(card, post.picture.is_some())]);
        }
        if self.webhook.is_none() {
            body["nonce"] = json!(key);
            body["enforce_nonce"] = json!(true);
        }
        if let Some(name) = &self.username {
            body["username"] = json!(name.trim());
        }
        if let Some(avatar) = &self.avatar {
            body["avatar_url"] = json!(avatar);
        }
        if self.forum {
            let name = post.card.as_ref().map_or_else(|| text.lines().next().unwrap_or(text), |card| &card.title);
            body["thread_name"] = json!(cut(name, THREAD_NAME, |c| c.encode_utf16().count()));
        }
        Ok(body)
    }
}

/// Our own card. With an attached picture it has none of its own: an edit could not keep one in it.
fn embed(card: &Card, has_picture: bool) -> Value {
    let fits = |url: &Url| matches!(url.scheme(), "http" | "https") && url.as_str().chars().count() <= ADDRESS;
    let title = limits::DISCORD_TITLE.rules.limit;
    let unit = limits::DISCORD.rules.unit;
    let headline = cut(&wire::tamed(&card.title, unit), title, escape::marked);
    let mut embed = json!({ "title": escape::markdown(&headline) });
    if fits(&card.url) {
        embed["url"] = json!(card.url);
    }
    let lead = cut(&wire::tamed(&card.description, unit), LEAD, escape::marked);
    if !lead.is_empty() {
        embed["description"] = json!(escape::markdown(&lead));
    }
    if let Some(image) = card.image.as_ref().filter(|url| fits(url) && !has_picture) {
        embed["image"] = json!({ "url": image });
    }
    embed
}

/// The link in angle brackets, wherever it stands for itself: Discord then makes no preview of it.
fn bracketed(text: &str, link: &Url) -> String {
    let link = link.as_str();
    let mut out = String::with_capacity(text.len() + 2);
    let mut rest = text;
    while let Some(at) = rest.find(link) {
        let after = &rest[at + link.len()..];
        let ends = after.chars().next().is_none_or(char::is_whitespace);
        let begins = rest[..at].chars().next_back().or_else(|| out.chars().next_back()).is_none_or(char::is_whitespace);
        out.push_str(&rest[..at]);
        match begins && ends {
            true => out.extend(["<", link, ">"]),
            false => out.push_str(link),
        }
        rest = after;
    }
    out + rest
}

/// At most so much of a text, on the border of a grapheme cluster; what was cut ends in an ellipsis.
fn cut(text: &str, most: usize, count: impl Fn(&str) -> usize) -> String {
    if count(text) <= most {
        return text.to_owned();
    }
    let (mut kept, mut used) = (0, 1);
    for (at, cluster) in text.grapheme_indices(true) {
        used += count(cluster);
        if used > most {
            break;
        }
        kept = at + cluster.len();
    }
    format!("{}…", text[..kept].trim_end())
}

/// The request of an edit: the text and the card. `allowed_mentions` again, since an edit without it calls whom it names;
/// not the flags, which must be repeated whole or stay; not the attachments, which stay.
pub(super) fn edit(body: &str) -> Result<String, PublishError> {
    let body: Value = serde_json::from_str(body).map_err(|e| invalid(format!("the payload is no JSON: {e}")))?;
    let kept = ["content", "embeds", "allowed_mentions"];
    let fields = kept.into_iter().filter_map(|name| Some((name.to_owned(), body.get(name)?.clone())));
    Ok(Value::Object(fields.collect()).to_string())
}

/// A message refused for a picture, without any: attached ones and the card's.
pub(super) fn bare(body: &str) -> Option<String> {
    let mut body: Value = serde_json::from_str(body).ok()?;
    for embed in body["embeds"].as_array_mut().into_iter().flatten() {
        embed.as_object_mut()?.remove("image");
    }
    Some(body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_link_itself_is_bracketed() {
        let link = Url::parse("https://e.org/a").unwrap();
        for (text, want) in [
            ("T\nhttps://e.org/a", "T\n<https://e.org/a>"),
            ("https://e.org/a and https://e.org/a", "<https://e.org/a> and <https://e.org/a>"),
            ("https://e.org/ab https://e.org/a?x", "https://e.org/ab https://e.org/a?x"),
            ("(https://e.org/a)", "(https://e.org/a)"),
            ("none", "none"),
        ] {
            assert_eq!(bracketed(text, &link), want);
        }
    }

    #[test]
    fn a_card_leads_to_its_article_alone() {
        let card = Card {
            url: Url::parse("https://e.org/a").unwrap(),
            title: "See https://evil.example/x and evil.example, @everyone".to_owned(),
            description: "Or www.evil.example/y, says @here".to_owned(),
            image: None,
        };
        let embed = embed(&card, false);
        assert_eq!(embed["url"], "https://e.org/a");
        for field in ["title", "description"] {
            let text = embed[field].as_str().unwrap();
            let found = crate::text::entities::entities(text, limits::DISCORD.rules.unit);
            let links = found.iter().filter(|it| it.kind == crate::text::entities::Kind::Link);
            assert_eq!(links.count(), 0, "{text}");
            assert!(!text.contains("@everyone") && !text.contains("@here") && !text.contains("://e"), "{text}");
        }
        let long = Card { title: "https://evil.example/x ".repeat(30), ..card };
        let title = super::embed(&long, false)["title"].as_str().unwrap().to_owned();
        assert!(title.encode_utf16().count() <= limits::DISCORD_TITLE.rules.limit && !title.contains("://e"));
    }

    #[test]
    fn a_cut_keeps_whole_clusters_and_counts_its_ellipsis() {
        let units = |text: &str| text.encode_utf16().count();
        assert_eq!(cut("short", 5, units), "short");
        assert_eq!(cut("abcdef", 5, units), "abcd…");
        assert_eq!(cut("ab 👨‍👩‍👧cd", 6, units), "ab…");
        assert_eq!(cut("a*b*c*d", 7, escape::marked), "a*b*…");
        for (text, most) in [("a*b*c*d", 7), ("____", 5), ("👍🏽👍🏽", 5)] {
            assert!(units(&escape::markdown(&cut(text, most, escape::marked))) <= most, "{text}");
        }
    }

    #[test]
    fn a_nonce_is_as_long_as_it_may_be() {
        assert_eq!(nonce(&"ab".repeat(32)), "bababababababababababababa"[..25].to_owned());
    }

    #[test]
    fn an_edit_names_nobody_and_leaves_pictures_and_flags_alone() {
        let request = edit(
            r#"{"content":"t","allowed_mentions":{"parse":[]},"flags":4096,"nonce":"n","enforce_nonce":true,"embeds":[]}"#,
        );
        assert_eq!(request.unwrap(), r#"{"allowed_mentions":{"parse":[]},"content":"t","embeds":[]}"#);
        let body = r#"{"embeds":[{"image":{"url":"u"},"title":"t"}],"content":"c"}"#;
        assert_eq!(bare(body).unwrap(), r#"{"content":"c","embeds":[{"title":"t"}]}"#);
    }
}
