//! Which server software it is, told by its version text, and what follows for limits and lost answers.

use std::time::Duration;

use serde_json::Value;

use super::{LINK, SPEC};
use crate::platform::{Identity, Recovery};
use crate::text::limits;
use crate::text::rules::{TextRules, Unit};

/// How long Mastodon remembers a key. Source: PostStatusService, `idempotency_ttl`, 2026-08.
const MASTODON_WINDOW: Duration = Duration::from_secs(3600);

/// How long Pleroma and Akkoma do. Source: Pleroma's IdempotencyPlug cache, 6 h.
const PLEROMA_WINDOW: Duration = Duration::from_secs(6 * 3600);

/// Characters where Pleroma, Akkoma and GoToSocial state none. Source: their default configurations, 2025.
const PLEROMA_LIMIT: usize = limits::PLEROMA.rules.limit;

/// What a server is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kin {
    /// Mastodon, and its forks that kept its counting and its keys.
    Mastodon,
    /// Pleroma and Akkoma.
    Pleroma,
    /// Speaks the API, honours no key that we know of.
    Other,
}

/// Names that appear in version texts of other software.
const OTHERS: [&str; 17] = [
    "gotosocial",
    "snac",
    "pixelfed",
    "friendica",
    "misskey",
    "sharkey",
    "firefish",
    "iceshrimp",
    "calckey",
    "catodon",
    "takahe",
    "mitra",
    "hollo",
    "wordpress",
    "bookwyrm",
    "peertube",
    "wildebeest",
];

fn kin(server: Option<&str>) -> Kin {
    let Some(version) = server else { return Kin::Mastodon };
    let version = version.to_lowercase();
    if version.contains("pleroma") || version.contains("akkoma") {
        return Kin::Pleroma;
    }
    // GoToSocial gives a bare version of its own, below 1; Mastodon was at 1 in 2016.
    if version.contains("compatible;") || version.starts_with("0.") || OTHERS.iter().any(|name| version.contains(name))
    {
        return Kin::Other;
    }
    Kin::Mastodon
}

/// How a lost answer is settled. A server that never introduced itself may be one that ignores keys.
pub fn recovery(identity: Option<&Identity>) -> Recovery {
    let Some(identity) = identity else { return Recovery::Look };
    match kin(identity.server.as_deref()) {
        Kin::Mastodon => Recovery::Key { window: MASTODON_WINDOW },
        Kin::Pleroma => Recovery::Key { window: PLEROMA_WINDOW },
        Kin::Other => Recovery::Look,
    }
}

/// The limits of a text. Only Mastodon itself makes links and mentions cheap, whatever the others state: there every
/// code point counts, which is never less than what they count.
pub fn rules(identity: Option<&Identity>) -> TextRules {
    let limit = identity.and_then(|identity| identity.limit);
    match kin(identity.and_then(|identity| identity.server.as_deref())) {
        Kin::Mastodon => {
            let link = identity.and_then(|identity| identity.link_cost).unwrap_or(LINK);
            TextRules { limit: limit.unwrap_or(SPEC.text.limit), unit: Unit::Mastodon { link }, bytes: None }
        }
        Kin::Pleroma => TextRules { limit: limit.unwrap_or(PLEROMA_LIMIT), unit: Unit::CodePoints, bytes: None },
        Kin::Other => TextRules { limit: limit.unwrap_or(SPEC.text.limit), unit: Unit::CodePoints, bytes: None },
    }
}

/// The server's part of an identity, from its instance answer and the software name NodeInfo gives.
pub fn read(instance: &Value, software: Option<&str>) -> Identity {
    let statuses = &instance["configuration"]["statuses"];
    let number = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    Identity {
        limit: number(&statuses["max_characters"]).or_else(|| number(&instance["max_toot_chars"])),
        link_cost: number(&statuses["characters_reserved_per_url"]),
        server: version(instance["version"].as_str(), software),
        ..Identity::default()
    }
}

/// The version text, with the software's name where it is not Mastodon's and the text does not say so.
fn version(stated: Option<&str>, software: Option<&str>) -> Option<String> {
    let name = software.and_then(|text| text.split_whitespace().next()).unwrap_or("mastodon").to_lowercase();
    let native = ["mastodon", "hometown", "glitch-soc", "glitch"].contains(&name.as_str());
    match (stated, software) {
        (Some(stated), Some(software)) if !native && !stated.to_lowercase().contains(&name) => {
            Some(format!("{stated} (compatible; {software})"))
        }
        (Some(stated), _) => Some(stated.to_owned()),
        (None, Some(software)) if !native => Some(format!("(compatible; {software})")),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity(server: &str, limit: Option<usize>) -> Identity {
        Identity { server: Some(server.to_owned()), limit, ..Identity::default() }
    }

    #[test]
    fn the_version_decides_how_a_lost_answer_is_settled_and_a_text_counted() {
        let mastodon = Unit::Mastodon { link: 23 };
        let hour = Recovery::Key { window: Duration::from_secs(3600) };
        let six = Recovery::Key { window: Duration::from_secs(21_600) };
        let cases = [
            ("4.3.1", hour, mastodon, 500),
            ("4.7.0-alpha.2+glitch", hour, mastodon, 500),
            ("4.2.1+hometown-1.1.1", hour, mastodon, 500),
            ("2.7.2 (compatible; Pleroma 2.6.0)", six, Unit::CodePoints, 5000),
            ("2.7.2 (compatible; Akkoma 3.10.4-0-gabc)", six, Unit::CodePoints, 5000),
            ("0.19.1+git-1234567", Recovery::Look, Unit::CodePoints, 500),
            ("4.1.0 (compatible; gotosocial 0.19.1)", Recovery::Look, Unit::CodePoints, 500),
            ("4.0.0 (not true; snac/2.75)", Recovery::Look, Unit::CodePoints, 500),
            ("3.5.3 (compatible; Pixelfed 0.12.4)", Recovery::Look, Unit::CodePoints, 500),
            ("4.2.1 (compatible; Iceshrimp.NET/2024.1)", Recovery::Look, Unit::CodePoints, 500),
        ];
        for (server, expected, unit, limit) in cases {
            let stated = identity(server, None);
            assert_eq!(recovery(Some(&stated)), expected, "{server}");
            assert_eq!(rules(Some(&stated)), TextRules { limit, unit, bytes: None }, "{server}");
            assert_eq!(rules(Some(&identity(server, Some(1234)))).limit, 1234, "{server}");
        }
        assert_eq!(recovery(None), Recovery::Look, "it may be one that ignores keys");
        assert_eq!(rules(None), SPEC.text);
        let dear = Identity { link_cost: Some(30), ..identity("4.3.1", None) };
        assert_eq!(rules(Some(&dear)).unit, Unit::Mastodon { link: 30 });
    }

    #[test]
    fn limits_and_software_are_read_from_either_version_of_the_instance() {
        let second = json!({
            "version": "4.3.1",
            "configuration": {"statuses": {"max_characters": 1000, "characters_reserved_per_url": 23}},
        });
        let read_second = read(&second, Some("mastodon 4.3.1"));
        assert_eq!((read_second.limit, read_second.link_cost), (Some(1000), Some(23)));
        assert_eq!(read_second.server.as_deref(), Some("4.3.1"));
        let first = json!({"version": "2.7.2 (compatible; Pleroma 2.6.0)", "max_toot_chars": 5001});
        let read_first = read(&first, Some("pleroma 2.6.0"));
        assert_eq!(read_first.limit, Some(5001));
        assert_eq!(read_first.server.as_deref(), Some("2.7.2 (compatible; Pleroma 2.6.0)"));
        let disguised = read(&json!({"version": "3.5.3"}), Some("gotosocial 0.19.1"));
        assert_eq!(disguised.server.as_deref(), Some("3.5.3 (compatible; gotosocial 0.19.1)"));
        assert_eq!(recovery(Some(&disguised)), Recovery::Look);
        assert_eq!(read(&json!({}), None).server, None);
    }
}
