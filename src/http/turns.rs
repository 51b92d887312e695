//! At most two polite calls to one host at the same time: feeds, the hops of their redirects, pages. Who asks more waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

/// Calls to one host at the same time. Source: reliability.md section 5.
pub const PER_HOST: usize = 2;
/// From so many hosts on, those that nobody asks are forgotten. Ours: some 100 bytes each.
const KEPT: usize = 4_096;

/// The hosts that are being asked.
#[derive(Debug, Default)]
pub struct Turns {
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Turns {
    /// Waits for a turn at the URL's host; it lasts until it is dropped.
    pub async fn take(&self, url: &Url) -> Option<OwnedSemaphorePermit> {
        let host = {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            if hosts.len() >= KEPT {
                hosts.retain(|_, host| Arc::strong_count(host) > 1);
            }
            hosts.entry(host_of(url)).or_insert_with(|| Arc::new(Semaphore::new(PER_HOST))).clone()
        };
        host.acquire_owned().await.ok()
    }
}

/// What counts as one host: its name, and its port where that is another than the web's two.
pub fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    match url.port_or_known_default() {
        Some(80 | 443) | None => host,
        Some(port) => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_urls_are_of_one_host() {
        for (url, host) in [
            ("https://News.example/feed", "news.example"),
            ("http://news.example:443/feed?x", "news.example"),
            ("http://news.example.:80/", "news.example"),
            ("http://news.example:8080/", "news.example:8080"),
            ("http://[::1]:81/", "[::1]:81"),
        ] {
            assert_eq!(host_of(&url.parse().unwrap()), host, "{url}");
        }
    }

    #[tokio::test]
    async fn the_third_waits_for_one_of_the_two() {
        let turns = Turns::default();
        let (here, there) = ("https://a.example/1".parse().unwrap(), "https://b.example/".parse().unwrap());
        let first = turns.take(&here).await;
        let second = turns.take(&"http://A.example/2".parse().unwrap()).await;
        assert!(first.is_some() && second.is_some());
        let mut third = Box::pin(turns.take(&here));
        tokio::select! {
            biased;
            _ = &mut third => panic!("three at once"),
            () = std::future::ready(()) => {}
        }
        assert!(turns.take(&there).await.is_some(), "another host is another queue");
        drop(first);
        assert!(third.await.is_some());
        assert_eq!(turns.hosts.lock().unwrap().len(), 2);
    }
}
