//! For how long a server calls its answer fresh (RFC 9111 section 4.2). Pure.

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{AGE, CACHE_CONTROL, EXPIRES, HeaderMap, HeaderName};

use crate::http::{http_date, server_date};

/// `max-age` less `Age`, else `Expires` less `Date`. `None` where it says nothing, says that it is not to be kept, or is
/// stale already: that sets no least wait. What it says for shared caches (`s-maxage`) is not for us.
pub fn fresh_for(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let mut stated = None;
    for value in headers.get_all(CACHE_CONTROL) {
        for directive in value.to_str().ok()?.split(',') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" | "no-cache" => return None,
                "max-age" if stated.is_none() => stated = Some(seconds(value.trim().trim_matches('"'))?),
                _ => {}
            }
        }
    }
    let age = text(headers, AGE).and_then(seconds).unwrap_or_default();
    let left = match stated {
        Some(stated) => stated - age,
        None => {
            let until = http_date(text(headers, EXPIRES)?)?;
            until.duration_since(server_date(headers).unwrap_or(now))
        }
    };
    left.is_positive().then_some(left)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// A number of seconds; one that does not fit is very long (RFC 9111 section 1.2.2).
fn seconds(text: &str) -> Option<SignedDuration> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| SignedDuration::from_secs(text.parse::<i64>().map_or(1 << 31, |n| n.min(1 << 31))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_an_answer_is_fresh() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        for (name, lines, expected) in [
            ("nothing", &[][..], None),
            ("max-age", &[("cache-control", "public, max-age=600")], Some(600)),
            ("max-age in quotes, any case", &[("cache-control", "Public, Max-Age=\"600\"")], Some(600)),
            ("max-age less age", &[("cache-control", "max-age=600"), ("age", "100")], Some(500)),
            ("older than that", &[("cache-control", "max-age=600"), ("age", "601")], None),
            ("on two lines", &[("cache-control", "public"), ("cache-control", "max-age=60")], Some(60)),
            ("for shared caches only", &[("cache-control", "s-maxage=600")], None),
            ("nothing at all", &[("cache-control", "max-age=0")], None),
            ("no-cache", &[("cache-control", "no-cache, max-age=600")], None),
            ("no-store", &[("cache-control", "max-age=600, no-store")], None),
            ("garbage", &[("cache-control", "max-age=soon"), ("expires", "Wed, 25 Nov 2026 12:10:00 GMT")], None),
            ("a year", &[("cache-control", "max-age=31536000")], Some(31_536_000)),
            ("without end", &[("cache-control", "max-age=99999999999999999999")], Some(1 << 31)),
            ("expires", &[("expires", "Wed, 25 Nov 2026 12:10:00 GMT")], Some(600)),
            // The server's clock is an hour behind: the distance counts.
            (
                "expires and date",
                &[("expires", "Wed, 25 Nov 2026 11:10:00 GMT"), ("date", "Wed, 25 Nov 2026 11:00:00 GMT")],
                Some(600),
            ),
            (
                "max-age beats expires",
                &[("cache-control", "max-age=5"), ("expires", "Wed, 25 Nov 2026 12:10:00 GMT")],
                Some(5),
            ),
            ("expired", &[("expires", "Wed, 25 Nov 2026 11:10:00 GMT")], None),
            ("zero", &[("expires", "0")], None),
        ] {
            let mut headers = HeaderMap::new();
            for (line, value) in lines {
                headers.append(HeaderName::from_static(line), value.parse().unwrap());
            }
            assert_eq!(fresh_for(&headers, now).map(|it| it.as_secs()), expected, "{name}");
        }
    }
}
