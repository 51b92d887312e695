//! Dates and waits in HTTP headers: `Date`, `Retry-After`. Pure.

use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// The longest wait that is believed. Source: reliability.md section 3.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// Reads an HTTP date in any of its three forms (RFC 9110 section 5.6.7).
pub fn http_date(text: &str) -> Option<Timestamp> {
    static PARSER: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);
    let text = text.trim();
    if let Ok(at) = PARSER.parse_timestamp(text) {
        return Some(at);
    }
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .into_iter()
        .find_map(|form| DateTime::strptime(form, text).ok())
        .and_then(|at| at.to_zoned_datetime(TimeZone::UTC).ok())
        .map(|at| at.timestamp())
}

/// The server's `Date`.
pub fn server_date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

/// Until when `Retry-After` asks to wait: seconds or a date, at most 24 h from `now`. A date is taken as a distance from
/// the server's own `Date`, where it sends one, so that a wrong clock on either side does no harm. `None` where the
/// header is absent, is garbage, or asks for no wait at all.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let wait = if digits(whole) && digits(fraction) {
        // Some servers give a fraction: rounded up, never down. What does not fit a number is longer than a day.
        let more = i64::from(fraction.bytes().any(|b| b != b'0'));
        SignedDuration::from_secs(whole.parse::<i64>().unwrap_or(i64::MAX - 1).saturating_add(more))
    } else {
        let until = http_date(text)?;
        until.duration_since(server_date(headers).unwrap_or(now))
    };
    if wait.is_positive() { now.checked_add(wait.min(LONGEST_WAIT)).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_three_forms_and_none() {
        let at: Timestamp = "1994-11-06T08:49:37Z".parse().unwrap();
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(at)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(at)),
            ("Sun Nov  6 08:49:37 1994", Some(at)),
            ("Mon, 06 Nov 1994 08:49:37 GMT", Some(at)),
            (" Sun, 06 Nov 1994 08:49:37 GMT ", Some(at)),
            ("yesterday", None),
            ("", None),
            ("Sun, 99 Nov 1994 08:49:37 GMT", None),
        ] {
            assert_eq!(http_date(text), expected, "{text}");
        }
    }

    #[test]
    fn waits_are_read_capped_and_garbage_is_none() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        for (value, date, seconds) in [
            ("120", "", Some(120)),
            (" 7 ", "", Some(7)),
            ("1.2", "", Some(2)),
            ("3.0", "", Some(3)),
            ("86401", "", Some(86_400)),
            ("31536000", "", Some(86_400)),
            ("99999999999999999999999", "", Some(86_400)),
            ("0", "", None),
            ("-5", "", None),
            ("soon", "", None),
            ("", "", None),
            ("1.", "", None),
            ("Wed, 25 Nov 2026 12:01:00 GMT", "", Some(60)),
            ("Wed, 25 Nov 2026 11:59:00 GMT", "", None),
            ("Thu, 25 Nov 2027 12:00:00 GMT", "", Some(86_400)),
            // The server's clock is two hours behind: the distance counts.
            ("Wed, 25 Nov 2026 10:01:00 GMT", "Wed, 25 Nov 2026 10:00:00 GMT", Some(60)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            if !date.is_empty() {
                headers.insert(DATE, date.parse().unwrap());
            }
            let expected = seconds.map(|s| now + SignedDuration::from_secs(s));
            assert_eq!(retry_after(&headers, now), expected, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
