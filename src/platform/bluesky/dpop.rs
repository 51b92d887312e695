//! DPoP (RFC 9449): each call of a grant carries a proof, signed with the grant's own key, of who sends it. A server gives
//! nonces that the proof has to hold; one that is missing or old costs one more call, which is safe: the first was refused.
//!
//! Here: the key, the proof, the nonces by origin, and how a call is sent with them. What a refusal means is the caller's.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::Digest as _;
use url::Url;

use super::api;
use crate::http::{Answer, Call, CallError};
use crate::platform::Context;

/// The one algorithm every server of the AT Protocol takes. Source: its OAuth profile, 2026-08.
pub const ALGORITHM: &str = "ES256";

/// The most bytes of a nonce that is kept. 1 KiB, ours: the reference server's have 43.
const NONCE_BYTES: usize = 1024;

/// A grant's private key (P-256).
pub struct Key(SigningKey);

impl Key {
    /// A new one by chance.
    pub fn fresh() -> Self {
        loop {
            // Zero, and what is above the curve's order (1 in 2^32), is no key.
            if let Ok(key) = SigningKey::from_slice(&rand::random::<[u8; 32]>()) {
                return Self(key);
            }
        }
    }

    /// As it is kept in a sealed grant.
    pub fn written(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.to_bytes())
    }

    /// Reads what [`written`](Self::written) wrote.
    pub fn read(text: &str) -> Option<Self> {
        SigningKey::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok().map(Self)
    }

    /// The public half as a JSON Web Key.
    fn public(&self) -> Value {
        let point = self.0.verifying_key().to_sec1_point(false);
        // 0x04, then x and y of 32 bytes each.
        let (x, y) = point.as_bytes().get(1..).unwrap_or_default().split_at(32);
        json!({"kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
    }

    /// The proof for one call: RFC 9449 section 4.2. `jti` is used once.
    fn proof(
        &self,
        call: &Call,
        at: Timestamp,
        jti: &str,
        nonce: Option<&str>,
        token: Option<&SecretString>,
    ) -> String {
        let header = json!({"typ": "dpop+jwt", "alg": ALGORITHM, "jwk": self.public()});
        let mut to = call.url.clone();
        to.set_query(None);
        to.set_fragment(None);
        let mut claims = json!({"jti": jti, "htm": call.method.as_str(), "htu": to.as_str(), "iat": at.as_second()});
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        if let Some(token) = token {
            claims["ath"] = json!(URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(token.expose_secret())));
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature: Signature = self.0.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

/// Shows nothing of the key.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// The last nonce of each origin.
#[derive(Default)]
pub struct Nonces(Mutex<HashMap<String, String>>);

impl Nonces {
    fn of(&self, url: &Url) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&url.origin().ascii_serialization()).cloned()
    }

    /// Keeps what an answer brings; whether it brings one.
    fn note(&self, url: &Url, answer: &Answer) -> bool {
        let Some(nonce) = answer.header("dpop-nonce").filter(|it| !it.is_empty() && it.len() <= NONCE_BYTES) else {
            return false;
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(url.origin().ascii_serialization(), nonce.to_owned());
        true
    }
}

/// Whether the answer refuses a call for its nonce alone, so that nothing was done: RFC 9449 sections 8 and 9.
pub fn is_nonce_wanted(answer: &Answer) -> bool {
    const WORD: &str = "use_dpop_nonce";
    match answer.status {
        // An authorization server.
        400 => api::json_body(&answer.body)["error"] == WORD,
        // A resource server says it in a header, the reference server in the body as well.
        401 => {
            api::json_body(&answer.body)["error"] == WORD
                || answer.header("www-authenticate").is_some_and(|it| it.contains(&format!("error=\"{WORD}\"")))
        }
        _ => false,
    }
}

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It reads.
    Read,
    /// It changes something: never sent twice by the client.
    Change,
}

/// Sends a call with a proof, and with the token it proves the hold of, where there is one. Where the server wants another
/// nonce, which it names, the call is sent once more; never a third time.
///
/// # Errors
/// [`CallError`] of the last call.
pub async fn send(
    cx: &Context<'_>,
    (key, nonces): (&Key, &Nonces),
    token: Option<&SecretString>,
    call: Call,
    purpose: Purpose,
) -> Result<Answer, CallError> {
    let first = once(cx, (key, nonces), token, call.clone(), purpose).await?;
    if nonces.note(&call.url, &first) && is_nonce_wanted(&first) {
        let second = once(cx, (key, nonces), token, call.clone(), purpose).await?;
        nonces.note(&call.url, &second);
        return Ok(second);
    }
    Ok(first)
}

async fn once(
    cx: &Context<'_>,
    (key, nonces): (&Key, &Nonces),
    token: Option<&SecretString>,
    call: Call,
    purpose: Purpose,
) -> Result<Answer, CallError> {
    let nonce = nonces.of(&call.url);
    let jti = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>());
    let proof = key.proof(&call, cx.clock.now(), &jti, nonce.as_deref(), token);
    let mut call = call.header("dpop", &proof);
    if let Some(token) = token {
        match reqwest::header::HeaderValue::from_str(&format!("DPoP {}", token.expose_secret())) {
            Ok(mut value) => {
                value.set_sensitive(true);
                call.headers.insert(reqwest::header::AUTHORIZATION, value);
            }
            Err(_) => call.faulty.push("authorization"),
        }
    }
    match purpose {
        Purpose::Read => cx.http.read(call).await,
        Purpose::Change => cx.http.change(call).await,
    }
}

#[cfg(test)]
#[path = "dpop_tests.rs"]
mod tests;
