//! `bugle measure --platform P`: what standard input counts on a platform, and what it would make clickable there.
//! Needs no config; the limits are the platform's own, not those of one instance or account.
//!
//! Exactly one line end at the very end of the input (`\n` or `\r\n`) is not part of the text: `echo` and editors add it.
//! Every other is counted.

use std::io::Read as _;

use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use super::{Call, Exit, Trouble, say};
use crate::platform;
use crate::text::entities::{Kind, entities};
use crate::text::measure::length;
use crate::text::rules::{FittedText, TextRules};

/// The most bytes read, 1 MiB: far above any platform's longest text.
const CAP: u64 = 1024 * 1024;

/// The options of `bugle measure`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The platform's word in the config.
    #[arg(long, value_name = "P", value_parser = PossibleValuesParser::new(platform::ALL.iter().map(|p| p.spec().id)))]
    platform: String,
}

/// Measures. The answer is the length alone, or with `--json` one object: `length`, `limit`, `fits`, `entities`.
///
/// # Errors
/// Where standard input cannot be read, or is no text.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let platform = platform::by_id(&args.platform)
        .ok_or_else(|| Trouble::wrong(format!("there is no platform {:?}", args.platform)))?;
    let rules = platform.spec().text;
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
        say(measured(text, rules))?
    } else {
        say(length(text, rules.unit))?
    }
    Ok(Exit::Done)
}

fn without_line_end(text: &str) -> &str {
    let Some(rest) = text.strip_suffix('\n') else { return text };
    rest.strip_suffix('\r').unwrap_or(rest)
}

fn measured(text: &str, rules: TextRules) -> Value {
    let entities: Vec<Value> = entities(text, rules.unit)
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
        "length": length(text, rules.unit),
        "limit": rules.limit,
        "fits": FittedText::new(text.to_owned(), rules).is_ok(),
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
        let rules = |id: &str| platform::by_id(id).unwrap().spec().text;
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
    }
}
