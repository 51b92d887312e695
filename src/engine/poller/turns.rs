//! Whose turn it is: at most two polls a host and a bound over all hosts; hosts that asked to be left alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use crate::http::{PER_HOST, host_of};

/// Polls at the same time over all hosts: bounds memory, since each may hold a whole feed.
const AT_ONCE: usize = 32;
/// As many more of sources whose last poll failed. They have places of their own, so that those which hang or drip can
/// only make each other wait.
const DOUBTFUL: usize = 8;

/// Keeps to the limits per host and over all.
pub struct Polite {
    good: Arc<Semaphore>,
    doubtful: Arc<Semaphore>,
    hosts: Mutex<HashMap<String, Host>>,
}

struct Host {
    turns: Arc<Semaphore>,
    /// Until when nobody asks it, by the reading that never goes back.
    rests: Option<Instant>,
}

/// A turn; it lasts until it is dropped.
pub struct Turn {
    _host: Option<OwnedSemaphorePermit>,
    _all: OwnedSemaphorePermit,
}

impl Default for Polite {
    fn default() -> Self {
        Self {
            good: Arc::new(Semaphore::new(AT_ONCE)),
            doubtful: Arc::new(Semaphore::new(DOUBTFUL)),
            hosts: Mutex::default(),
        }
    }
}

impl Polite {
    /// Waits for a turn at that address. `doubtful`: its last poll failed.
    pub async fn turn(&self, address: &str, doubtful: bool) -> Option<Turn> {
        let turns = key(address).map(|host| self.with(host, |host| Arc::clone(&host.turns)));
        // The host first: a slow host's queue must not use up the places of all others.
        let host = match turns {
            Some(turns) => Some(turns.acquire_owned().await.ok()?),
            None => None,
        };
        let all = if doubtful { &self.doubtful } else { &self.good };
        Some(Turn { _host: host, _all: Arc::clone(all).acquire_owned().await.ok()? })
    }

    /// Nobody asks that address's host for so long; a longer rest stays.
    pub fn rest(&self, address: &str, wait: Duration, reading: Instant) {
        let Some(host) = key(address) else { return };
        let until = reading.checked_add(wait);
        self.with(host, |host| host.rests = host.rests.max(until));
    }

    /// How much longer the host of that address is to be left alone.
    pub fn rests(&self, address: &str, reading: Instant) -> Option<Duration> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.get_mut(&key(address)?)?;
        let left = host.rests?.saturating_duration_since(reading);
        if left.is_zero() {
            host.rests = None;
            return None;
        }
        Some(left)
    }

    fn with<T>(&self, host: String, act: impl FnOnce(&mut Host) -> T) -> T {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        act(hosts.entry(host).or_insert_with(|| Host { turns: Arc::new(Semaphore::new(PER_HOST)), rests: None }))
    }
}

/// The host of an address; `None` for a file.
fn key(address: &str) -> Option<String> {
    Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https")).map(|url| host_of(&url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock as _, SystemClock};

    /// Whether a turn is to be had at once.
    async fn at_once(polite: &Polite, address: &str, doubtful: bool) -> Option<Turn> {
        tokio::select! {
            biased;
            turn = polite.turn(address, doubtful) => turn,
            () = std::future::ready(()) => None,
        }
    }

    #[tokio::test]
    async fn two_a_host_and_a_bound_over_all() {
        let polite = Polite::default();
        let mut held = Vec::new();
        for n in 0..AT_ONCE / 2 {
            let address = format!("https://h{n}.example/");
            held.push(at_once(&polite, &address, false).await.expect("the first of its host"));
            held.push(at_once(&polite, &address, false).await.expect("the second"));
            assert!(at_once(&polite, &address, false).await.is_none(), "{address}: the third");
        }
        assert!(at_once(&polite, "https://new.example/", false).await.is_none(), "all places are taken");
        assert!(at_once(&polite, "feed.xml", false).await.is_none(), "a file takes a place too");
        // What failed last has its own places, and takes none of the others.
        for n in 0..DOUBTFUL {
            held.push(at_once(&polite, &format!("https://bad{n}.example/"), true).await.expect("a place"));
        }
        assert!(at_once(&polite, "https://bad.example/", true).await.is_none());
        held.remove(0);
        assert!(at_once(&polite, "https://h0.example/", false).await.is_some());
    }

    #[test]
    fn a_host_is_left_alone_as_long_as_the_longest_wait() {
        let (polite, now) = (Polite::default(), SystemClock::new().monotonic());
        let at = |seconds| now + Duration::from_secs(seconds);
        polite.rest("https://a.example/one", Duration::from_secs(60), now);
        polite.rest("https://a.example/two", Duration::from_secs(30), now);
        polite.rest("feed.xml", Duration::from_secs(30), now);
        for (address, reading, left) in [
            ("https://A.example/three", at(0), Some(60)),
            ("http://a.example/", at(59), Some(1)),
            ("https://b.example/", at(0), None),
            ("feed.xml", at(0), None),
            ("https://a.example/", at(60), None),
        ] {
            assert_eq!(polite.rests(address, reading), left.map(Duration::from_secs), "{address}");
        }
    }
}
