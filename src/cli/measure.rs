//! `bugle measure --platform P`: what standard input counts on a platform, and what it would make clickable there;
//! `bugle measure --list`: the limits of all of them. Needs no config; the limits are the platform's own, not those of one
//! instance or account.
//!
//! Exactly one line end at the very end of the input (`\n` or `\r\n`) is not part of the text: `echo` and editors add it.
//! Every other is counted.

use std::io::Read as _;

use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use super::{Call, Exit, Trouble, say};
use crate::text::entities::Kind;
use crate::text::limits::{self, Measured};
use crate::text::measure::length;

/// The most bytes read, 1 MiB: far above any platform's longest text.
const CAP: u64 = 1024 * 1024;

/// The options of `bugle measure`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The platform's word in the config, or that of one of its fields: telegram-caption.
    #[arg(long, value_name = "P", required_unless_present = "list", hide_possible_values = true,
        value_parser = PossibleValuesParser::new(limits::ALL.iter().map(|row| row.word)))]
    platform: Option<String>,
    /// Show every platform's limits instead, with what is counted and whose word that is.
    #[arg(long, conflicts_with = "platform")]
    list: bool,
}

/// Measures. The answer is the length alone, or with `--json` one object: `length`, `limit`, `fits`, `entities`.
///
/// # Errors
/// Where standard input cannot be read, or is no text.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let Some(word) = args.platform.as_deref().filter(|_| !args.list) else {
        return listed(call);
    };
    let row = limits::of(word).ok_or_else(|| Trouble::wrong(format!("there is no platform {word:?}")))?;
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(CAP + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > CAP {
        return Err(Trouble::failed("expected a text of at most 1 MiB on standard input, found more").into());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Trouble::failed(format!("expected UTF-8 on standard input, found another byte after {at} bytes"))
    })?;
    let text = without_line_end(&text);
    if call.json {
        say(measured(text, row))?
    } else {
        say(length(text, row.rules.unit))?
    }
    Ok(Exit::Done)
}

fn without_line_end(text: &str) -> &str {
    let Some(rest) = text.strip_suffix('\n') else { return text };
    rest.strip_suffix('\r').unwrap_or(rest)
}

/// The table: a line a row, or an array of objects.
fn listed(call: &Call) -> anyhow::Result<Exit> {
    if call.json {
        say(Value::Array(limits::ALL.iter().map(object).collect()))?;
    } else {
        for row in limits::ALL {
            say(row.describe())?;
        }
    }
    Ok(Exit::Done)
}

fn object(row: &Measured) -> Value {
    json!({
        "platform": row.word,
        "limit": row.rules.limit,
        "unit": row.rules.unit.name(),
        "bytes": row.rules.bytes,
        "least": row.least,
        "links": row.links,
        "tags": row.tags,
        "mentions": row.mentions,
        "source": row.source,
        "date": row.date,
    })
}

fn measured(text: &str, row: &Measured) -> Value {
    let entities: Vec<Value> = row
        .entities(text)
        .into_iter()
        .map(|entity| {
            let kind = match entity.kind {
                Kind::Link => "link",
                Kind::Tag => "tag",
                Kind::Mention => "mention",
            };
            json!({
                "kind": kind,
                "text": entity.text,
                "value": entity.value,
                "start": entity.start,
                "end": entity.end,
            })
        })
        .collect();
    json!({
        "length": length(text, row.rules.unit),
        "limit": row.rules.limit,
        "fits": row.fit(text.to_owned()).is_ok(),
        "entities": entities,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_not_part_of_the_text() {
        for (input, text) in
            [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a\r", "a\r"), ("a", "a"), ("\n", ""), ("", "")]
        {
            assert_eq!(without_line_end(input), text, "{input:?}");
        }
    }

    #[test]
    fn what_is_measured() {
        let rules = |id: &str| limits::of(id).unwrap();
        let text = "Bakı https://a.com/long/path #News";
        let x = measured(text, rules("x"));
        assert_eq!(
            x,
            json!({
                "length": 34,
                "limit": 280,
                "fits": true,
                "entities": [
                    {"kind": "link", "text": "https://a.com/long/path", "value": "https://a.com/long/path", "start": 5, "end": 28},
                    {"kind": "tag", "text": "#News", "value": "News", "start": 29, "end": 34},
                ],
            })
        );
        // Bluesky's offsets are bytes: the dotless i has two.
        assert_eq!(measured(text, rules("bluesky"))["entities"][0]["start"], 6);
        let long = "a".repeat(281);
        assert_eq!(
            (&measured(&long, rules("x"))["fits"], &measured(&long, rules("x"))["length"]),
            (&json!(false), &json!(281))
        );
        // What a platform takes beside the length counts too, and its tags end as it ends them.
        let links = "https://e.org/1 https://e.org/2 https://e.org/3 https://e.org/4 https://e.org/5 https://e.org/6";
        assert_eq!(measured(links, rules("threads"))["fits"], false);
        assert_eq!(measured("#it's 👍", rules("threads"))["entities"][0]["value"], "it's");
        assert_eq!(measured("#it's 👍", rules("threads"))["length"], 10);
        assert_eq!(measured("a_b", rules("linkedin"))["length"], 4);
    }

    #[test]
    fn the_table_has_every_row_with_its_source() {
        for row in limits::ALL {
            let shown = object(row);
            assert_eq!((&shown["platform"], &shown["limit"]), (&json!(row.word), &json!(row.rules.limit)));
            assert!(row.describe().contains(row.source) && row.describe().contains(row.date), "{}", row.word);
        }
        assert_eq!(
            limits::BLUESKY.describe(),
            "bluesky\t300 grapheme clusters and 3000 bytes\tlexicon app.bsky.feed.post (2026-08-20)"
        );
    }
}
