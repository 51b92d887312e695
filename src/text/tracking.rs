//! Parameters of a link that tell where a reader came from, never what is read: found, taken out, and our own put in.
//! Which story a link stands for is in `source::identity`.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// The names; those ending in `*` are prefixes. Any case. Sources, each read 2026-11: the tools' own pages (Google
/// Analytics and Ads: `utm_*`, `gclid`, `gclsrc`, `dclid`, `gbraid`, `wbraid`; Microsoft Advertising: `msclkid`; Yandex
/// Metrica and Direct: `yclid`, `ysclid`, `_openstat`; Meta: `fbclid`, `igshid`, `igsh`; X: `twclid`; Mailchimp: `mc_cid`,
/// `mc_eid`; Marketo: `mkt_tok`; HubSpot: `_hs*`; AT Internet: `at_medium`, `at_campaign`; Matomo: `pk_*`, `mtm_*`; Adobe
/// Analytics as news sites use it: `ocid`, `cmpid`). `mc_*` as a whole is not taken: shops use it for other things.
const TRACKING: [&str; 24] = [
    "utm_*",
    "fbclid",
    "gclid",
    "gclsrc",
    "dclid",
    "gbraid",
    "wbraid",
    "msclkid",
    "yclid",
    "ysclid",
    "twclid",
    "igshid",
    "igsh",
    "mc_cid",
    "mc_eid",
    "mkt_tok",
    "_openstat",
    "at_medium",
    "at_campaign",
    "ocid",
    "cmpid",
    "pk_*",
    "mtm_*",
    "_hs*",
];

/// What stands unescaped in a value of ours: what every platform keeps inside a link. Source: RFC 3986, unreserved; `~` is
/// left out as some platforms end a link at it.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Whether a parameter, as `name=value`, only tells where a reader came from.
pub fn is_tracking(pair: &str) -> bool {
    let name = name_of(pair).to_ascii_lowercase();
    TRACKING.iter().any(|known| match known.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *known,
    })
}

fn name_of(pair: &str) -> &str {
    pair.split('=').next().unwrap_or_default()
}

/// The link without such parameters; the others keep their order and their spelling, the fragment stays.
pub fn stripped(link: &Url) -> Url {
    let mut out = link.clone();
    if let Some(query) = link.query().filter(|query| query.split('&').any(is_tracking)) {
        let kept: Vec<&str> = query.split('&').filter(|pair| !is_tracking(pair)).collect();
        out.set_query(Some(kept.join("&")).filter(|query| !query.is_empty()).as_deref());
    }
    out
}

/// The link with these parameters at the end of its query. One that it has already stays as the publisher wrote it, an
/// empty value adds nothing.
pub fn with_params(link: &Url, params: &[(String, String)]) -> Url {
    let mut query = link.query().unwrap_or_default().to_owned();
    for (name, value) in params {
        let there = query.split('&').any(|pair| decoded(name_of(pair)) == name.as_str());
        if there || value.is_empty() {
            continue;
        }
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&format!("{}={}", utf8_percent_encode(name, ESCAPED), utf8_percent_encode(value, ESCAPED)));
    }
    let mut out = link.clone();
    if link.query().unwrap_or_default() != query {
        out.set_query(Some(&query));
    }
    out
}

fn decoded(name: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(name).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::entities::{Kind, entities};
    use crate::text::rules::Unit;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn only_what_tracks_is_taken_out() {
        for (link, want) in [
            ("https://e.org/a", "https://e.org/a"),
            ("https://e.org/a?utm_source=rss&id=5&fbclid=x&page=2#c", "https://e.org/a?id=5&page=2#c"),
            ("https://e.org/a?utm_source=rss", "https://e.org/a"),
            ("https://e.org/a?UTM_Source=rss&b", "https://e.org/a?b"),
            ("https://e.org/a?id=a%20b+c&gclid=1&id=2", "https://e.org/a?id=a%20b+c&id=2"),
            ("https://e.org/a?source=x&ref=y&mc_id=3", "https://e.org/a?source=x&ref=y&mc_id=3"),
            ("https://e.org/a?igsh=1&_hsenc=2&at_medium=rss&yclid=3", "https://e.org/a"),
            ("https://e.org/?", "https://e.org/?"),
        ] {
            assert_eq!(stripped(&url(link)).as_str(), want, "{link}");
        }
    }

    #[test]
    fn own_parameters_come_last_and_never_twice() {
        let own = [("utm_source", "x"), ("utm_medium", "social"), ("utm_campaign", "Nation & İş"), ("empty", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        for (link, want) in [
            (
                "https://e.org/a",
                "https://e.org/a?utm_source=x&utm_medium=social&utm_campaign=Nation%20%26%20%C4%B0%C5%9F",
            ),
            (
                "https://e.org/a?id=5&utm_medium=mail#top",
                "https://e.org/a?id=5&utm_medium=mail&utm_source=x&utm_campaign=Nation%20%26%20%C4%B0%C5%9F#top",
            ),
        ] {
            let made = with_params(&url(link), &own);
            assert_eq!(made.as_str(), want);
            assert_eq!(with_params(&made, &own), made, "never twice");
        }
        assert_eq!(with_params(&url("https://e.org/a?"), &[]).as_str(), "https://e.org/a?");
    }

    #[test]
    fn a_link_with_parameters_is_one_link_everywhere() {
        let own = [("utm_campaign".to_owned(), "a (b) ~c*'\"!,".to_owned())];
        let link = with_params(&url("https://example.org/a"), &own);
        let text = format!("T {link} t");
        for unit in [Unit::Weighted, Unit::Mastodon { link: 23 }, Unit::Graphemes, Unit::Utf16, Unit::CodePoints] {
            let found = entities(&text, unit);
            assert!(matches!(&found[..], [one] if one.kind == Kind::Link && one.text == link.as_str()), "{found:?}");
        }
    }
}
