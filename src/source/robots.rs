//! robots.txt: whether a page may be fetched. Asked for pages and article pages only: a feed or sitemap is published to
//! be read by programs. Source: RFC 9309, 2022-09.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;
use robotxt::{AccessResult, robots_url};
use url::Url;

use super::fetch::{FailKind, Manner, Visit, visit};
use crate::http::{Http, Trust};

/// The name by which robots.txt files call us.
pub const AGENT: &str = "Bugle";
/// How long an answer counts. Source: RFC 9309 section 2.4.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long no answer counts: until then nothing of the host is fetched.
const BAD_FOR: SignedDuration = SignedDuration::from_secs(15);
/// The most hosts remembered.
const MAX_HOSTS: usize = 512;
/// The most bytes of a robots.txt that are fetched; the first 500 KiB are read.
const CAP: usize = 1024 * 1024;

/// What robots.txt files say, as far as they were asked.
#[derive(Default)]
pub struct Robots {
    kept: Mutex<HashMap<String, Kept>>,
    /// When a page of a host was last fetched whose robots.txt asks for a pause between two.
    visits: Mutex<HashMap<String, Timestamp>>,
}

#[derive(Clone)]
struct Kept {
    at: Timestamp,
    rules: Result<Arc<robotxt::Robots>, Silence>,
}

/// Why there are no rules.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Silence {
    said: String,
    answers: bool,
}

/// Why a page may not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The file says so.
    #[error("robots.txt of {host} forbids it to {AGENT}")]
    Forbidden {
        /// The site.
        host: String,
    },
    /// The file cannot be had now: nothing is fetched until it can. Source: RFC 9309 section 2.3.1.4.
    #[error("robots.txt of {host} cannot be read now ({said})")]
    Unknown {
        /// The site.
        host: String,
        /// What happened instead.
        said: String,
        /// Whether the site answers at all.
        answers: bool,
    },
}

impl Robots {
    /// Whether a page may be fetched; asks the site where that is not known.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn may(&self, http: &Http, page: &Url, trust: Trust) -> Result<(), Denied> {
        let host = page.host_str().unwrap_or_default().to_owned();
        match self.rules(http, page, trust).await {
            Ok(rules) if rules.is_url_allowed(page) => Ok(()),
            Ok(_) => Err(Denied::Forbidden { host }),
            Err(Silence { said, answers }) => Err(Denied::Unknown { host, said, answers }),
        }
    }

    /// From when on a page may be fetched, by the `Crawl-delay` of its site; `None`: now, which counts as a visit. To be asked
    /// after [`may`](Self::may). Source: no standard has it; many sites of newsrooms write it, and other robots obey it.
    pub async fn turn(&self, http: &Http, page: &Url, trust: Trust) -> Option<Timestamp> {
        let delay = SignedDuration::try_from(self.rules(http, page, trust).await.ok()?.crawl_delay()?).ok()?;
        let (host, now) = (page.host_str().unwrap_or_default().to_owned(), http.now());
        let mut visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        let until = turn(visits.get(&host).copied(), delay, now);
        if until.is_none() {
            if visits.len() >= MAX_HOSTS {
                visits.clear();
            }
            visits.insert(host, now);
        }
        until
    }

    /// The sitemaps that a site's robots.txt names.
    pub async fn sitemaps(&self, http: &Http, page: &Url, trust: Trust) -> Vec<Url> {
        self.rules(http, page, trust).await.map(|rules| rules.sitemaps().to_vec()).unwrap_or_default()
    }

    async fn rules(&self, http: &Http, page: &Url, trust: Trust) -> Result<Arc<robotxt::Robots>, Silence> {
        let place = robots_url(page).map_err(|error| Silence { said: error.to_string(), answers: false })?;
        let now = http.now();
        let known = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(place.as_str()).cloned();
        if let Some(kept) = known.filter(|kept| is_fresh(kept, now)) {
            return kept.rules;
        }
        let manner = Manner { trust, cap: CAP, accept: "text/plain, */*;q=0.1" };
        let rules = judge(visit(http, place.clone(), HeaderMap::new(), &manner).await).map(Arc::new);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_HOSTS {
            kept.clear();
        }
        kept.insert(place.into(), Kept { at: now, rules: rules.clone() });
        rules
    }
}

/// When the pause since the last visit is over, if it is not. A visit that lies ahead was noted before the clock was put
/// back.
fn turn(last: Option<Timestamp>, delay: SignedDuration, now: Timestamp) -> Option<Timestamp> {
    let until = last.filter(|last| *last <= now)?.checked_add(delay).ok()?;
    (until > now).then_some(until)
}

/// One that lies ahead was noted before the clock was put back.
fn is_fresh(kept: &Kept, now: Timestamp) -> bool {
    let age = now.duration_since(kept.at);
    !age.is_negative() && age < if kept.rules.is_ok() { GOOD_FOR } else { BAD_FOR }
}

/// What an answer means: none to be had (4xx) allows all, a server at fault (5xx, 429) or silent forbids all for now.
fn judge(answer: Result<Visit, (FailKind, String)>) -> Result<robotxt::Robots, Silence> {
    let none = || robotxt::Robots::from_access(AccessResult::Unavailable, AGENT);
    match answer {
        Ok(visit) => match visit.answer.status {
            200..=299 => Ok(robotxt::Robots::parse(&visit.answer.body, AGENT)),
            status @ (429 | 500..=599) => Err(Silence { said: format!("the server answers {status}"), answers: true }),
            _ => Ok(none()),
        },
        Err((FailKind::TooManyRedirects | FailKind::TooLarge | FailKind::Http { .. }, _)) => Ok(none()),
        Err((kind, said)) => Err(Silence { said, answers: kind == FailKind::Broken }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<Visit, (FailKind, String)> {
        let answer = crate::http::Answer { status, headers: HeaderMap::new(), body: body.into() };
        Ok(Visit { answer, url: Url::parse("https://n.example/robots.txt").unwrap(), hops: 0, permanent: true })
    }

    #[test]
    fn what_an_answer_means() {
        let ours = "User-agent: *\nDisallow: /\n\nUser-agent: bugle\nDisallow: /private\nAllow: /private/open\n";
        for (name, got, path, expected) in [
            ("nothing there", answer(404, ""), "/a", Ok(true)),
            ("not for us to see", answer(403, ""), "/a", Ok(true)),
            ("empty", answer(200, ""), "/a", Ok(true)),
            ("all forbidden", answer(200, "User-agent: *\nDisallow: /"), "/a", Ok(false)),
            ("our group counts alone", answer(200, ours), "/a", Ok(true)),
            ("our group forbids", answer(200, ours), "/private/a", Ok(false)),
            ("the longest rule wins", answer(200, ours), "/private/open/a", Ok(true)),
            ("an HTML page", answer(200, "<html><body>Disallow: /</body></html>"), "/a", Ok(true)),
            ("server at fault", answer(503, ""), "/a", Err("the server answers 503")),
            ("asked too often", answer(429, ""), "/a", Err("the server answers 429")),
            ("silent", Err((FailKind::Unreachable, "no connection".to_owned())), "/a", Err("no connection")),
            ("a circle", Err((FailKind::TooManyRedirects, String::new())), "/a", Ok(true)),
        ] {
            let found = judge(got).map(|rules| rules.is_allowed(path)).map_err(|silence| silence.said);
            assert_eq!(found, expected.map_err(str::to_owned), "{name}");
        }
    }

    #[test]
    fn the_pause_a_site_asks_for_is_kept() {
        let noon: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let at = |seconds| noon + SignedDuration::from_secs(seconds);
        for (last, delay, expected) in [
            (None, 10, None),
            (Some(at(-3)), 10, Some(at(7))),
            (Some(at(-10)), 10, None),
            (Some(at(0)), 0, None),
            (Some(at(3600)), 10, None),
            (Some(at(-1)), i64::MAX, None),
        ] {
            assert_eq!(turn(last, SignedDuration::from_secs(delay), noon), expected, "{last:?} {delay}");
        }
    }

    #[test]
    fn how_long_it_counts() {
        let noon: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let good = Kept { at: noon, rules: Ok(Arc::new(robotxt::Robots::allow_all())) };
        let bad = Kept { at: noon, rules: Err(Silence { said: String::new(), answers: true }) };
        for (seconds, fresh, still_bad) in
            [(0, true, true), (14, true, true), (16, true, false), (86_401, false, false), (-1, false, false)]
        {
            let now = noon + SignedDuration::from_secs(seconds);
            assert_eq!((is_fresh(&good, now), is_fresh(&bad, now)), (fresh, still_bad), "{seconds}");
        }
    }
}
