//! What a body may hold, compared with Discord's OpenAPI document, and how Discord reads a content.

use serde_json::{Map, Value, json};

use super::super::http::Reply;

/// What may be in a body, by its schema.
pub const FIELDS: &[(&str, &[&str])] = &[
    (
        "MessageCreateRequest",
        &[
            "allowed_mentions",
            "attachments",
            "components",
            "content",
            "embeds",
            "enforce_nonce",
            "flags",
            "message_reference",
            "nonce",
            "poll",
            "shared_client_theme",
            "sticker_ids",
            "tts",
        ],
    ),
    (
        "MessageEditRequestPartial",
        &["allowed_mentions", "attachments", "components", "content", "embeds", "flags", "sticker_ids"],
    ),
    (
        "IncomingWebhookRequestPartial",
        &[
            "allowed_mentions",
            "applied_tags",
            "attachments",
            "avatar_url",
            "components",
            "content",
            "embeds",
            "flags",
            "poll",
            "thread_name",
            "tts",
            "username",
        ],
    ),
    (
        "IncomingWebhookUpdateRequestPartial",
        &["allowed_mentions", "attachments", "components", "content", "embeds", "flags", "poll"],
    ),
    (
        "RichEmbed",
        &[
            "author",
            "color",
            "description",
            "fields",
            "footer",
            "image",
            "provider",
            "thumbnail",
            "timestamp",
            "title",
            "type",
            "url",
            "video",
        ],
    ),
    ("MessageAllowedMentionsRequest", &["parse", "replied_user", "roles", "users"]),
    (
        "MessageAttachmentRequest",
        &["description", "duration_secs", "filename", "id", "is_remix", "is_spoiler", "title", "waveform"],
    ),
];

/// Discord's answer to a form that is wrong at that place.
pub fn invalid(place: &[&str], code: &str, why: &str) -> Reply {
    let leaf = json!({"_errors": [{"code": code, "message": why}]});
    let errors = place.iter().rev().fold(leaf, |inner, name| json!({ (*name): inner }));
    Reply::json(400, &json!({"message": "Invalid Form Body", "code": 50035, "errors": errors}))
}

/// The fields of that schema.
fn known(schema: &str) -> &'static [&'static str] {
    FIELDS.iter().find(|(name, _)| *name == schema).map_or(&[], |(_, fields)| fields)
}

/// No name but those of the schema.
pub fn check_names(map: &Map<String, Value>, schema: &str) -> Result<(), Reply> {
    match map.keys().find(|name| !known(schema).contains(&name.as_str())) {
        Some(name) => Err(invalid(&[name], "UNKNOWN_FIELD", &format!("{schema} has no {name}"))),
        None => Ok(()),
    }
}

/// What readers see of a content: escapes are taken away. Also whether a sign was left to Markdown, outside of links and at
/// a place where Discord reads it.
pub fn rendered(content: &str) -> (String, bool) {
    let (mut out, mut formatted) = (String::new(), false);
    let (mut rest, mut line_start) = (content, true);
    while let Some(c) = rest.chars().next() {
        let bare = ["https://", "http://"].iter().any(|scheme| rest.starts_with(scheme));
        let hidden = rest.starts_with("<https://") || rest.starts_with("<http://");
        if bare || hidden {
            let from = &rest[usize::from(hidden)..];
            let end = from.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>')).unwrap_or(from.len());
            out.push_str(&from[..end]);
            rest = from[end..].strip_prefix('>').filter(|_| hidden).unwrap_or(&from[end..]);
            line_start = false;
            continue;
        }
        if c == '\\' && rest[1..].chars().next().is_some_and(|next| next.is_ascii_punctuation()) {
            out.push_str(&rest[1..2]);
            rest = &rest[2..];
            line_start = false;
            continue;
        }
        formatted |= "*_~|`<[\\".contains(c) || (line_start && "#>-".contains(c));
        out.push(c);
        rest = &rest[c.len_utf8()..];
        line_start = c == '\n' || line_start && c == ' ';
    }
    (out, formatted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_fields_are_those_of_discords_own_document() {
        let document: Value = serde_json::from_str(include_str!("../contracts/discord.json")).unwrap();
        let schemas = document["schemas"].as_object().unwrap();
        assert_eq!(schemas.len(), FIELDS.len());
        for (schema, fields) in FIELDS {
            assert_eq!(schemas[*schema], json!(fields), "{schema}, {}", document["version"]);
        }
    }

    #[test]
    fn a_content_is_read_as_discord_reads_it() {
        for (content, text, formatted) in [
            (r"\*\*Bold\*\* \_x\_", "**Bold** _x_", false),
            ("**Bold**", "**Bold**", true),
            ("# Title", "# Title", true),
            (r"\# Title", "# Title", false),
            ("a # b - c > d", "a # b - c > d", false),
            ("https://e.org/a_b*c now", "https://e.org/a_b*c now", false),
            ("<https://e.org/a_b>", "https://e.org/a_b", false),
            ("<@1>", "<@1>", true),
            (r"\<@1>", "<@1>", false),
        ] {
            assert_eq!(rendered(content), (text.to_owned(), formatted), "{content}");
        }
    }
}
