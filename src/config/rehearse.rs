//! A config turned into its rehearsal: the same sources, routes and schedules against local timelines, with a store, a
//! key and a port of its own, so that it may run beside the service; and nothing leaves.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Channel, Config};
use crate::platform::Account;

impl Config {
    /// The rehearsal of this config. `timeline` makes the account of a timeline like the channel it is given.
    #[must_use]
    pub fn rehearsal(&self, timeline: impl Fn(&Channel) -> Arc<dyn Account>) -> Self {
        let mut rehearsal = self.clone();
        rehearsal.store.url = store_url(&self.store.url);
        rehearsal.web.listen = next_port(self.web.listen);
        rehearsal.web.public_url = None;
        // Nothing leaves, and nothing could come back.
        rehearsal.sign_in = crate::people::oidc::SignIn::default();
        rehearsal.notify = None;
        rehearsal.vault.key = None;
        rehearsal.vault.old_keys = Vec::new();
        rehearsal.vault.generated = PathBuf::from("data/bugle-rehearsal.key");
        for channel in &mut rehearsal.channels {
            channel.account = timeline(channel);
            channel.platform = channel.account.spec();
            // A timeline costs nothing.
            channel.budget = None;
        }
        rehearsal
    }
}

/// `sqlite:data/bugle.db` → `sqlite:data/bugle-rehearsal.db`; a server's place is taken by a file, so that no second
/// database has to be made there.
fn store_url(url: &str) -> String {
    let Some(file) = url.strip_prefix("sqlite:") else { return "sqlite:data/bugle-rehearsal.db".to_owned() };
    let (path, options) = file.split_once('?').map_or((file, String::new()), |(path, rest)| (path, format!("?{rest}")));
    let name_at = path.rfind('/').map_or(0, |slash| slash + 1);
    let (folder, name) = path.split_at(name_at);
    let (stem, ending) = match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    };
    format!("sqlite:{folder}{stem}-rehearsal{ending}{options}")
}

/// The port above, or below the last one; 0 (any) stays.
fn next_port(listen: SocketAddr) -> SocketAddr {
    let port = match listen.port() {
        0 => 0,
        u16::MAX => u16::MAX - 1,
        port => port + 1,
    };
    SocketAddr::new(listen.ip(), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_its_own() {
        for (url, expected) in [
            ("sqlite:data/bugle.db", "sqlite:data/bugle-rehearsal.db"),
            ("sqlite:///srv/a.b/bugle", "sqlite:///srv/a.b/bugle-rehearsal"),
            ("sqlite:.bugle?mode=rwc", "sqlite:.bugle-rehearsal?mode=rwc"),
            ("postgres://bugle@db/bugle", "sqlite:data/bugle-rehearsal.db"),
        ] {
            assert_eq!(store_url(url), expected);
        }
    }

    #[test]
    fn a_port_of_its_own() {
        for (port, expected) in [(8080, 8081), (0, 0), (u16::MAX, u16::MAX - 1)] {
            assert_eq!(next_port(SocketAddr::from(([127, 0, 0, 1], port))).port(), expected);
        }
    }
}
