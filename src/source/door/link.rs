//! The address of a story whose format names none, from a template of the config: `https://www.example/{{ slug }}`. A
//! place names a key of the story, with dots into objects; what stands in the middle is encoded as one part of a path,
//! what stands at the very beginning is taken as it is.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use url::Url;

use super::{Object, address, scalar};

/// What stays as it is in a part of a path.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One piece of a template.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'t> {
    Text(&'t str),
    Place(&'t str),
}

fn pieces(template: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find("{{") {
        let close = rest[open..].find("}}").ok_or("expected }} after {{, found none")? + open;
        let name = rest[open + 2..close].trim();
        let named = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '$'));
        if !named {
            return Err(format!("expected the name of a key between {{{{ and }}}}, found {name:?}"));
        }
        if open > 0 {
            found.push(Piece::Text(&rest[..open]));
        }
        found.push(Piece::Place(name));
        rest = &rest[close + 2..];
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    Ok(found)
}

/// Checks a template of the config: it has a place, and makes an http(s) URL.
///
/// # Errors
/// What is wrong with it.
pub fn check(template: &str) -> Result<(), String> {
    let pieces = pieces(template)?;
    if !pieces.iter().any(|piece| matches!(piece, Piece::Place(_))) {
        return Err("expected a place as {{ uri }}, found none: every story would have the same link".to_owned());
    }
    let tried = make(&pieces, |_| Some("https://story.example/1".to_owned()))?;
    address(&tried).map(drop).ok_or_else(|| "expected an http or https URL".to_owned())
}

/// Fills a template from a story.
pub(super) fn fill(template: &str, item: &Object) -> Result<Url, String> {
    let wrong = |said: String| format!("link of the config: {said}");
    let text = make(&pieces(template).map_err(wrong)?, |name| value(item, name)).map_err(wrong)?;
    address(&text).ok_or_else(|| wrong("what it makes of this story is no http or https URL".to_owned()))
}

fn make(pieces: &[Piece<'_>], value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Place(name) => {
                let text = value(name).ok_or_else(|| format!("the story has no text under {name:?}"))?;
                if out.is_empty() { out.push_str(&text) } else { out.extend(utf8_percent_encode(&text, PART)) }
            }
        }
    }
    Ok(out)
}

/// The scalar under a dotted name; in a list of `{role, value}` (ninjs' `altIds`) the name is the role.
fn value(item: &Object, name: &str) -> Option<String> {
    let mut words = name.split('.');
    let mut at = item.get(words.next()?)?;
    for word in words {
        at = match at {
            Value::Object(map) => map.get(word)?,
            Value::Array(all) => {
                all.iter().find(|it| it.get("role").and_then(Value::as_str) == Some(word))?.get("value")?
            }
            _ => return None,
        };
    }
    scalar(at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn templates_are_checked() {
        for (template, fits) in [
            ("https://www.example/{{ uri }}", true),
            ("https://www.example/{{slug}}.html", true),
            ("{{ uri }}", true),
            ("https://www.example/story", false),
            ("https://www.example/{{ uri", false),
            ("https://www.example/{{ }}", false),
            ("https://www.example/{{ uri | upper }}", false),
            ("ftp://www.example/{{ uri }}", false),
            ("/news/{{ uri }}", false),
        ] {
            assert_eq!(check(template).is_ok(), fits, "{template}: {:?}", check(template));
        }
    }

    #[test]
    fn templates_are_filled_from_the_story() {
        let item = json!({
            "uri": "urn:newsml:a/b 1", "page": "https://www.example/story", "n": 7, "deep": { "slug": "x-y" },
            "altIds": [{ "role": "web", "value": "99" }], "list": ["a"],
        });
        for (template, expected) in [
            ("https://www.example/{{ uri }}", Some("https://www.example/urn%3Anewsml%3Aa%2Fb%201")),
            ("{{ page }}", Some("https://www.example/story")),
            ("https://www.example/{{ deep.slug }}-{{ n }}", Some("https://www.example/x-y-7")),
            ("https://www.example/{{ altIds.web }}", Some("https://www.example/99")),
            ("https://www.example/{{ altIds.other }}", None),
            ("https://www.example/{{ list }}", None),
            ("https://www.example/{{ missing }}", None),
            ("{{ uri }}", None),
        ] {
            let found = fill(template, item.as_object().unwrap());
            assert_eq!(found.as_ref().ok().map(Url::as_str), expected, "{template}: {found:?}");
        }
    }
}
