//! Signatures after the Standard Webhooks specification (<https://www.standardwebhooks.com>, 2026-08): HMAC-SHA256 over id,
//! time and body, as `webhook-signature` carries them. For what is sent; what comes in is checked by `source`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};

use super::Call;

/// The bytes a secret begun with `whsec_` may have. Source: the specification, "Signature scheme", 2026-08.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The call with the three headers and the body that they sign: by each of the secrets, so that a receiver goes on while
/// one takes the other's place; without one it goes unsigned. `second` is that of this attempt.
#[must_use]
pub fn signed(call: Call, secrets: &[&SecretString], id: &str, second: i64, body: &str) -> Call {
    let call = call.header("webhook-id", id).header("webhook-timestamp", &second.to_string());
    let list: Vec<String> = secrets.iter().map(|secret| sign(secret, id, second, body)).collect();
    let call = if list.is_empty() { call } else { call.header("webhook-signature", &list.join(" ")) };
    call.body("application/json", body)
}

/// What is wrong with a secret, as far as its form tells.
pub fn flaw(secret: &SecretString) -> Option<String> {
    let rest = secret.expose_secret().strip_prefix("whsec_")?;
    match STANDARD.decode(rest) {
        Err(_) => Some("expected padded Base64 after whsec_, found something else".to_owned()),
        Ok(key) if !BYTES.contains(&key.len()) => {
            Some(format!("expected a key of {} to {} bytes, found {}", BYTES.start(), BYTES.end(), key.len()))
        }
        Ok(_) => None,
    }
}

/// One signature. A secret begun with `whsec_` is Base64, as the specification writes it; any other is taken as it is.
fn sign(secret: &SecretString, id: &str, second: i64, body: &str) -> String {
    let text = secret.expose_secret();
    let key = text.strip_prefix("whsec_").and_then(|rest| STANDARD.decode(rest).ok());
    let key = key.unwrap_or_else(|| text.as_bytes().to_vec());
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{second}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn signs_as_the_specification_says() {
        let body = r#"{"test": 2432232314}"#;
        let signed = sign(&SecretString::from(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_sign_twice_and_none_not_at_all() {
        let call = || Call::new(reqwest::Method::POST, "https://e.org/hook".parse().expect("a URL"));
        let (new, old) = (SecretString::from(SECRET), SecretString::from("an older one"));
        let header = |secrets: &[&SecretString]| {
            let call = signed(call(), secrets, "msg_1", 1_760_000_000, r#"{"a":1}"#);
            let texts = |name: &str| call.headers.get(name).and_then(|it| it.to_str().ok()).map(str::to_owned);
            (texts("webhook-id"), texts("webhook-timestamp"), texts("webhook-signature"))
        };
        let (id, at, both) = header(&[&new, &old]);
        assert_eq!((id.as_deref(), at.as_deref()), (Some("msg_1"), Some("1760000000")));
        let (one, two) =
            (sign(&new, "msg_1", 1_760_000_000, r#"{"a":1}"#), sign(&old, "msg_1", 1_760_000_000, r#"{"a":1}"#));
        assert_eq!(both, Some(format!("{one} {two}")));
        assert_ne!(one, two);
        assert_eq!(header(&[]).2, None);
    }

    #[test]
    fn a_secret_that_cannot_be_one_is_told() {
        for (secret, words) in [
            (SECRET, None),
            ("any text", None),
            ("whsec_not base64", Some("padded Base64")),
            ("whsec_AAAA", Some("24 to 64 bytes, found 3")),
        ] {
            let said = flaw(&SecretString::from(secret));
            assert_eq!(
                said.as_deref().map(|said| words.is_some_and(|it| said.contains(it))),
                words.map(|_| true),
                "{secret}"
            );
        }
    }
}
