//! Secrets that are made here and kept only as hashes: states, sessions of browsers and terminals, tickets.

use secrecy::{ExposeSecret as _, SecretString};
use sha2::Digest as _;

/// 256 bits by chance, in letters that may stand in a URL: twice what RFC 9700 and reliability.md section 4 ask for.
pub(super) fn fresh() -> SecretString {
    use base64::Engine as _;
    SecretString::from(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

/// SHA-256, in hex.
pub(super) fn hash(secret: &str) -> String {
    crate::text::plain::hex(&sha2::Sha256::digest(secret))
}

/// Whose a consent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Browser,
    Terminal,
}

/// One browser's, or one terminal's, hold on its consents: who has the secret may end what was begun with it.
#[derive(Clone)]
pub struct Session {
    kind: Kind,
    secret: SecretString,
}

impl Session {
    /// A new one of a browser.
    pub fn browser() -> Self {
        Self { kind: Kind::Browser, secret: fresh() }
    }

    /// A new one of a terminal.
    pub fn terminal() -> Self {
        Self { kind: Kind::Terminal, secret: fresh() }
    }

    /// The browser's with that secret.
    pub fn of_browser(secret: &str) -> Self {
        Self { kind: Kind::Browser, secret: SecretString::from(secret) }
    }

    /// What the browser's cookie holds.
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// As it is kept.
    pub(super) fn bound(&self) -> String {
        let kind = match self.kind {
            Kind::Browser => "browser",
            Kind::Terminal => TERMINAL,
        };
        format!("{kind}:{}", hash(self.secret.expose_secret()))
    }
}

const TERMINAL: &str = "terminal";

/// Whether a consent was begun in a terminal.
pub(super) fn is_terminal(bound: &str) -> bool {
    bound.split(':').next() == Some(TERMINAL)
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Session").field(&self.kind).finish()
    }
}
