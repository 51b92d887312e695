//! Secrets that are made here and kept only as hashes: sessions, one-time links.

use secrecy::SecretString;
use sha2::Digest as _;

/// 256 bits by chance, in letters that may stand in a URL and in a cookie. Source: reliability.md section 8 asks for 128.
pub fn fresh() -> SecretString {
    use base64::Engine as _;
    SecretString::from(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

/// SHA-256, in hex. A fast hash suffices for what has 256 bits of chance.
pub fn hash(secret: &str) -> String {
    crate::text::plain::hex(&sha2::Sha256::digest(secret))
}
