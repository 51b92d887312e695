//! How small things look: times in the newsroom's zone, links that may be clicked, sentences.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// An instant, for the eye and for machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct When {
    /// As short as it is clear today.
    pub short: String,
    /// In full, with the offset.
    pub full: String,
    /// In UTC, for `datetime`.
    pub machine: String,
}

impl When {
    pub fn new(at: Timestamp, now: Timestamp, zone: &TimeZone) -> Self {
        let here = at.to_zoned_datetime(zone.clone());
        let today = now.to_zoned_datetime(zone.clone()).date();
        let day = here.date();
        let short = if day == today {
            here.strftime("%H:%M")
        } else if today.yesterday().is_ok_and(|d| d == day) {
            here.strftime("yesterday %H:%M")
        } else if today.tomorrow().is_ok_and(|d| d == day) {
            here.strftime("tomorrow %H:%M")
        } else if day.year() == today.year() {
            here.strftime("%-d %b, %H:%M")
        } else {
            here.strftime("%-d %b %Y, %H:%M")
        };
        Self { short: short.to_string(), ..Self::exact(at, zone) }
    }

    /// The same with the date and to the second.
    pub fn exact(at: Timestamp, zone: &TimeZone) -> Self {
        let here = at.to_zoned_datetime(zone.clone());
        let machine = at.round(Unit::Second).unwrap_or(at).to_string();
        let full = here.strftime("%A, %-d %B %Y, %H:%M:%S (UTC%:z)").to_string();
        Self { short: here.strftime("%A, %-d %B %Y, %H:%M:%S").to_string(), full, machine }
    }
}

/// A link that leads out of here: http or https only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Out {
    pub href: String,
    pub host: String,
}

impl Out {
    pub fn new(url: &Url) -> Option<Self> {
        let host = url.host_str()?;
        let host = host.strip_prefix("www.").unwrap_or(host).to_owned();
        matches!(url.scheme(), "http" | "https").then(|| Self { href: url.as_str().to_owned(), host })
    }

    pub fn read(text: &str) -> Option<Self> {
        Url::parse(text).ok().as_ref().and_then(Self::new)
    }
}

/// What a name keeps in a path of ours.
const KEPT: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The place of a timeline's post on its page.
pub(super) fn anchor(id: &str) -> String {
    format!("#post-{}", utf8_percent_encode(id, KEPT))
}

/// A path of ours with a name in it, whatever the name holds.
pub(super) fn path(under: &str, name: &str) -> String {
    format!("{under}/{}", utf8_percent_encode(name, KEPT))
}

/// Words of a log or a platform as a sentence begins.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Without the characters that turn the direction of text: where no element can end their effect, as in a window's title.
pub(super) fn straight(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')).collect()
}

/// What stands in an avatar.
pub(super) fn initial(name: &str) -> String {
    let first = name.chars().find(|c| c.is_alphanumeric());
    first.map_or_else(|| "#".to_owned(), |c| c.to_uppercase().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_as_short_as_it_is_clear_in_the_newsrooms_zone() {
        let baku = TimeZone::get("Asia/Baku").unwrap();
        let now: Timestamp = "2026-03-12T21:30:00Z".parse().unwrap(); // 01:30 on the 13th in Baku
        for (at, short) in [
            ("2026-03-12T21:00:00Z", "01:00"),
            ("2026-03-12T19:59:00Z", "yesterday 23:59"),
            ("2026-03-13T20:05:00Z", "tomorrow 00:05"),
            ("2026-03-01T06:00:00Z", "1 Mar, 10:00"),
            ("2025-12-31T20:30:00Z", "1 Jan, 00:30"),
            ("2025-12-31T19:30:00Z", "31 Dec 2025, 23:30"),
        ] {
            assert_eq!(When::new(at.parse().unwrap(), now, &baku).short, short, "{at}");
        }
        let exact = When::exact(now, &baku);
        assert_eq!(exact.short, "Friday, 13 March 2026, 01:30:00");
        assert_eq!(exact.full, "Friday, 13 March 2026, 01:30:00 (UTC+04:00)");
        assert_eq!(exact.machine, "2026-03-12T21:30:00Z");
    }

    #[test]
    fn only_web_links_lead_out() {
        let host = |text| Out::read(text).map(|out| out.host);
        assert_eq!(host("https://www.news.example/a?b").as_deref(), Some("news.example"));
        assert_eq!(host("http://127.0.0.1:81/"), Some("127.0.0.1".to_owned()));
        for text in
            ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "at://did:plc:a/b", "nonsense", ""]
        {
            assert_eq!(host(text), None, "{text}");
        }
    }

    #[test]
    fn names_keep_to_their_part_of_a_path() {
        assert_eq!(path("/timelines", "x-main_2.0"), "/timelines/x-main_2.0");
        assert_eq!(path("/timelines", "a/b?c#\"Ə"), "/timelines/a%2Fb%3Fc%23%22%C6%8F");
    }

    #[test]
    fn words_become_sentences() {
        assert_eq!(sentence("waits for approval"), "Waits for approval");
        assert_eq!(sentence(""), "");
        assert_eq!(straight("a\u{202e}b\u{2066}\u{5e9}"), "ab\u{5e9}");
        assert_eq!((initial("@azernews").as_str(), initial("—").as_str()), ("A", "#"));
    }
}
