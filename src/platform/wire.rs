//! Small things several adapters share about their keys and their calls: how a secret and a server are written in the
//! config, how an endpoint's URL is built, how long a platform asks to wait. No platform's own rules live here.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{self, Deserializer};
use url::Url;

use super::{Context, Payload, Planned, PublishError};
use crate::http::{Answer, CallError};
use crate::model::post::Rejection;
use crate::model::receipt::Receipt;
use crate::text::plain::{defuse, delink};
use crate::text::rules::Unit;

/// A pause is never longer, whatever a platform says. Source: reliability.md section 3, `RateLimited`.
const LONGEST_PAUSE: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// Reads a channel's own keys into the adapter's config.
///
/// # Errors
/// A fault in a key, with its span.
pub fn keys<'de, C: Deserialize<'de>>(keys: toml::de::DeTable<'de>) -> Result<C, toml::de::Error> {
    let start = keys.keys().map(|key| key.span().start).min().unwrap_or_default();
    let end = keys.values().map(|value| value.span().end).max().unwrap_or_default();
    C::deserialize(toml::de::Deserializer::from(toml::Spanned::new(start..end, keys)))
}

/// Reads a server's address: http or https, a host, nothing after the path.
///
/// # Errors
/// Where it is something else.
pub fn server<'de, D: Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    let text = String::deserialize(from)?;
    let url = Url::parse(&text).map_err(|e| {
        de::Error::custom(format!("expected a server such as \"https://host.example\", found {text:?}: {e}"))
    })?;
    let plain =
        url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(de::Error::custom(format!("expected an http or https address, found {}:", url.scheme())));
    }
    if plain {
        return Ok(url);
    }
    Err(de::Error::custom(
        "expected an http or https address such as \"https://host.example\", found more than scheme, host and path (without user, query and fragment)",
    ))
}

/// The URL of `path` (begun with `/`, may carry a query) on that server; a path of the server's own is kept.
///
/// # Errors
/// `NotSent` where that is no URL.
pub fn endpoint(server: &Url, path: &str) -> Result<Url, PublishError> {
    Url::parse(&format!("{}{path}", server.as_str().trim_end_matches('/')))
        .map_err(|e| PublishError::NotSent { said: format!("expected a URL, found {server}{path}: {e}") })
}

/// A deadline under `[timing] scale`.
pub fn scaled(cx: &Context<'_>, time: Duration) -> Duration {
    if cx.scale.is_finite() && cx.scale > 0.0 { time.mul_f64(cx.scale.min(1000.0)) } else { time }
}

/// What a call without an answer means for the step it was made for.
pub fn unanswered(error: CallError) -> PublishError {
    match error {
        CallError::NotSent(said) => PublishError::NotSent { said },
        CallError::Unclear(said) => PublishError::Unknown { said },
    }
}

/// Until when to wait: the later of `Retry-After` and the named reset header, at most 24 h from now; `None` where
/// neither is usable. The reset counts only where the limit it belongs to is used up (or not told).
pub fn wait(answer: &Answer, remaining: &str, reset: &str, now: Timestamp) -> Option<Timestamp> {
    let used_up = answer.header(remaining).and_then(|n| n.trim().parse::<f64>().ok()).is_none_or(|n| n < 1.0);
    let reset = answer.header(reset).filter(|_| used_up).and_then(instant);
    let after = answer.header("retry-after").and_then(|text| match text.trim().parse::<u32>() {
        Ok(seconds) => now.checked_add(jiff::SignedDuration::from_secs(i64::from(seconds))).ok(),
        Err(_) => instant(text),
    });
    let latest = now.checked_add(LONGEST_PAUSE).unwrap_or(now);
    [reset, after].into_iter().flatten().filter(|at| *at > now).max().map(|at| at.min(latest))
}

/// An instant as servers write it in headers: ISO 8601, Unix seconds, or the date of HTTP.
pub fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        // Ten digits are seconds until the year 2286; what is far above was meant as milliseconds.
        let of = if seconds > 100_000_000_000 { Timestamp::from_millisecond } else { Timestamp::from_second };
        return of(seconds).ok();
    }
    text.parse().ok().or_else(|| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok())
}

/// The receipt of a post from those of its parts, in order: it is known by its first part.
///
/// # Errors
/// `Rejected` where there is no part: such a payload cannot have been frozen by this adapter.
pub fn whole(parts: Vec<Receipt>) -> Result<Receipt, PublishError> {
    let ids: Vec<String> = parts.iter().filter_map(|part| part.remote_id.clone()).collect();
    let Some(first) = parts.into_iter().next() else {
        let said = "expected a create step in the payload, found none".to_owned();
        return Err(PublishError::Rejected { reason: Rejection::Invalid, said });
    };
    Ok(Receipt { parts: if ids.len() > 1 { ids } else { Vec::new() }, ..first })
}

/// The remote ids of what is out, the last part first: taken down in that order no reader finds an answer to nothing.
pub fn last_first(receipt: &Receipt) -> Vec<&String> {
    match receipt.parts.as_slice() {
        [] => receipt.remote_id.iter().collect(),
        parts => parts.iter().rev().collect(),
    }
}

/// The parts that are out, each with what it shall show.
///
/// # Errors
/// `Rejected` where an id is not known, or the parts differ in number: a thread is edited part by part.
pub fn edited<'a>(receipt: &'a Receipt, payload: &'a Payload) -> Result<Vec<(&'a str, &'a Planned)>, PublishError> {
    let refuse = |said: String| PublishError::Rejected { reason: Rejection::Invalid, said };
    let ids: Vec<&str> = match receipt.parts.as_slice() {
        [] => receipt.remote_id.as_deref().into_iter().collect(),
        parts => parts.iter().map(String::as_str).collect(),
    };
    let planned: Vec<&Planned> = payload.creates().collect();
    match (ids.len(), planned.len()) {
        (0, _) => Err(refuse("expected the remote id of what is to be changed, found none".to_owned())),
        (out, new) if out != new => {
            Err(refuse(format!("expected as many parts as are out ({out}), found {new}: take it down and post anew")))
        }
        _ => Ok(ids.into_iter().zip(planned).collect()),
    }
}

/// A frozen JSON body with one more field, for what is known only once the part before is out.
///
/// # Errors
/// `Rejected` where the body is no JSON object.
pub fn with_field(body: &str, name: &str, value: serde_json::Value) -> Result<String, PublishError> {
    match serde_json::from_str(body) {
        Ok(serde_json::Value::Object(mut fields)) => {
            fields.insert(name.to_owned(), value);
            Ok(serde_json::Value::Object(fields).to_string())
        }
        _ => {
            let said = "expected a JSON object as a frozen body, found something else".to_owned();
            Err(PublishError::Rejected { reason: Rejection::Invalid, said })
        }
    }
}

/// A text of the feed as a card shows it: whom it names is not called, and what it names leads nowhere, for the platform
/// counting in `unit`. The text of a post has been through the same before it is composed.
pub fn tamed(text: &str, unit: Unit) -> String {
    delink(&defuse(text.trim()), unit, "")
}

/// Whether a text names that link: the link stands in it, is no part of another address, and no longer one that begins
/// alike. The signs that end a sentence or close a bracket are not the link's.
pub fn names(text: &str, link: &str) -> bool {
    // What may stand at the end of an address and is, at the end of a word, read as the sentence's.
    let closes = |c: char| matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | ')' | ']' | '}' | '\'' | '*' | '_' | '~');
    // What no address goes on with. A letter beyond ASCII may be one's.
    let ends = |c: char| {
        let signs = matches!(c, '<' | '>' | '"' | '|' | '\\' | '^' | '`');
        c.is_whitespace() || c.is_control() || signs || (!c.is_ascii() && !c.is_alphanumeric())
    };
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '=' | '%' | '&' | '?' | '#');
    !link.is_empty()
        && text.match_indices(link).any(|(at, _)| {
            let after = text[at + link.len()..].trim_start_matches(closes);
            !text[..at].ends_with(inside) && after.chars().next().is_none_or(ends)
        })
}

/// The first words of an answer's body, for a person.
pub fn excerpt(text: &str) -> String {
    const WORDS: usize = 300;
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect();
    clean.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::grant::SecretRef;

    fn answer(headers: &[(&'static str, &str)]) -> Answer {
        let mut map = reqwest::header::HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Answer { status: 429, headers: map, body: Vec::new() }
    }

    #[test]
    fn the_later_of_two_waits_counts_and_a_day_at_most() {
        let now: Timestamp = "2026-11-01T10:00:00Z".parse().unwrap();
        type Case<'a> = (&'a [(&'static str, &'a str)], Option<&'a str>);
        let cases: &[Case<'_>] = &[
            (&[], None),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "30")], Some("2026-11-01T10:00:30Z")),
            (&[("retry-after", "Sun, 01 Nov 2026 10:02:00 GMT")], Some("2026-11-01T10:02:00Z")),
            (&[("retry-after", "30"), ("reset", "2026-11-01T10:01:00.123456Z")], Some("2026-11-01T10:01:00.123456Z")),
            (&[("retry-after", "30"), ("reset", "1793527320")], Some("2026-11-01T10:02:00Z")),
            (&[("reset", "1793527320"), ("left", "7")], None),
            (&[("reset", "1793527320"), ("left", "0")], Some("2026-11-01T10:02:00Z")),
            (&[("reset", "2020-01-01T00:00:00Z")], None),
            (&[("retry-after", "31536000")], Some("2026-11-02T10:00:00Z")),
        ];
        for (headers, expected) in cases {
            let expected = expected.map(|text| text.parse::<Timestamp>().unwrap());
            assert_eq!(wait(&answer(headers), "left", "reset", now), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_link_is_named_whole_whatever_ends_its_sentence() {
        const LINK: &str = "https://e.org/a";
        for (text, is) in [
            ("https://e.org/a", true),
            ("News https://e.org/a\nmore", true),
            ("News: https://e.org/a.", true),
            ("(https://e.org/a)", true),
            ("(see https://e.org/a).", true),
            ("<https://e.org/a>", true),
            ("<https://e.org/a|T>", true),
            ("\"https://e.org/a\", he said", true),
            ("«https://e.org/a»", true),
            ("https://e.org/a… and https://e.org/b", true),
            ("https://e.org/a, https://e.org/b", true),
            ("https://e.org/a?! Yes", true),
            ("https://e.org/ab, then https://e.org/a", true),
            ("新闻https://e.org/a", true),
            ("https://e.org/ab", false),
            ("https://e.org/a/b", false),
            ("https://e.org/a.html", false),
            ("https://e.org/a?x=1", false),
            ("https://e.org/a#x", false),
            ("https://e.org/a-b", false),
            ("https://e.org/aç", false),
            ("https://l.example/?u=https://e.org/a", false),
            ("https://l.example/https://e.org/a", false),
            ("e.org/a", false),
            ("", false),
        ] {
            assert_eq!(names(text, LINK), is, "{text}");
        }
        assert!(names("https://e.org/", "https://e.org/") && !names("anything", ""));
    }

    fn part(id: &str) -> Receipt {
        let how = crate::model::receipt::Known::Answered;
        let url = Some(format!("https://p.example/{id}"));
        Receipt { remote_id: Some(id.to_owned()), url, parts: Vec::new(), at: Timestamp::UNIX_EPOCH, how }
    }

    #[test]
    fn a_thread_is_known_by_its_first_part_and_taken_down_from_its_last() {
        let one = whole(vec![part("1")]).unwrap();
        assert_eq!((one.remote_id.as_deref(), one.parts.len()), (Some("1"), 0));
        assert_eq!(last_first(&one), ["1"]);
        let three = whole(vec![part("1"), part("2"), part("3")]).unwrap();
        assert_eq!((three.remote_id.as_deref(), three.url.as_deref()), (Some("1"), Some("https://p.example/1")));
        assert_eq!(last_first(&three), ["3", "2", "1"]);
        assert!(whole(Vec::new()).is_err());
        let planned = |n| Planned {
            step: crate::model::receipt::Step { op: crate::model::receipt::Op::Create, n },
            body: n.to_string(),
        };
        let payload = |parts: u16| Payload {
            format: 1,
            revision: 0,
            key: String::new(),
            steps: (0..parts).map(planned).collect(),
            text: String::new(),
            link: None,
        };
        let pairs = |parts: u16| {
            edited(&three, &payload(parts))
                .map(|all| all.iter().map(|(id, it)| format!("{id}={}", it.body)).collect::<Vec<_>>())
        };
        assert_eq!(pairs(3).unwrap(), ["1=0", "2=1", "3=2"]);
        assert!(
            matches!(pairs(2), Err(PublishError::Rejected { said, .. }) if said.contains("as many parts as are out (3)"))
        );
        assert_eq!(with_field("{\"a\":1}", "b", serde_json::json!(2)).unwrap(), "{\"a\":1,\"b\":2}");
        assert!(with_field("[]", "b", serde_json::json!(2)).is_err());
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Keys {
        #[serde(deserialize_with = "server")]
        server: Url,
        token: SecretRef,
    }

    fn read(text: &str) -> Result<Keys, toml::de::Error> {
        keys(toml::de::DeTable::parse(text).unwrap().into_inner())
    }

    #[test]
    fn a_fault_points_at_its_place_and_never_repeats_a_secret() {
        let good = read("server = \"https://h.example/sub\"\ntoken = { env = \"T\" }").unwrap();
        assert_eq!((good.server.as_str(), good.token), ("https://h.example/sub", SecretRef::Env("T".to_owned())));
        for (text, at, words) in [
            ("server = \"https://h.example\"\ntoken = \"s3cret\"", "\"s3cret\"", "found a text"),
            ("server = \"h.example\"\ntoken = { env = \"T\" }", "\"h.example\"", "expected a server"),
            ("server = \"https://h.example?a=1\"\ntoken = { env = \"T\" }", "\"https://h.example?a=1\"", "found more"),
            (
                "server = \"ftp://h.example\"\ntoken = { env = \"T\" }",
                "\"ftp://h.example\"",
                "http or https address, found ftp",
            ),
            (
                "server = \"https://h.example\"\ntokem = { env = \"T\" }\ntoken = { env = \"T\" }",
                "tokem",
                "unknown field",
            ),
        ] {
            let fault = read(text).unwrap_err();
            assert_eq!(&text[fault.span().unwrap()], at, "{fault}");
            assert!(fault.message().contains(words), "{fault}");
            assert!(!fault.message().contains("s3cret"), "{fault}");
        }
    }
}
