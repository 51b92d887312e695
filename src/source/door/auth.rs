//! Who may push: a bearer token, a signature as Standard Webhooks has it, or Ghost's own. Pure; every comparison of a
//! secret takes the same time whatever it is compared with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// How far a signed time may be off, either way. 5 minutes. Source: the reference libraries of Standard Webhooks,
/// 2026-08.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// The most signatures of one header that are tried.
const MOST: usize = 16;
/// The longest id of a message.
const LONGEST_ID: usize = 256;

/// What a source's door opens to.
#[derive(Clone, Default)]
pub struct Keys {
    /// The bearer token.
    pub token: Option<SecretString>,
    /// The secret of signatures.
    pub secret: Option<SecretString>,
}

/// What a request says of its sender: the values of these headers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claim<'r> {
    /// `Authorization`.
    pub authorization: Option<&'r str>,
    /// `webhook-id`.
    pub id: Option<&'r str>,
    /// `webhook-timestamp`.
    pub timestamp: Option<&'r str>,
    /// `webhook-signature`.
    pub signature: Option<&'r str>,
    /// `x-ghost-signature`.
    pub ghost: Option<&'r str>,
}

/// Who it is, if it is anyone we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// It may push. The id tells a repeated message, where the sender gives one that is signed.
    Yes {
        /// `webhook-id`.
        id: Option<String>,
    },
    /// It may not; why, without a word about the secret.
    No(&'static str),
}

/// Judges a request: a signature where it brings one, else the token.
pub fn verify(keys: &Keys, claim: &Claim<'_>, body: &[u8], now: Timestamp) -> Verified {
    let ok = |yes: bool, why, id: Option<&str>| {
        if yes { Verified::Yes { id: id.map(str::to_owned) } } else { Verified::No(why) }
    };
    match (&keys.secret, claim) {
        (Some(secret), Claim { id: Some(id), timestamp: Some(at), signature: Some(list), .. }) => {
            if id.is_empty() || id.len() > LONGEST_ID || id.contains('.') {
                return Verified::No("webhook-id: expected 1 to 256 bytes without a dot");
            }
            if !timely(at.parse().ok().and_then(|s| Timestamp::from_second(s).ok()), now) {
                return Verified::No("webhook-timestamp: expected seconds since 1970 within 5 minutes of now");
            }
            ok(standard(secret, id, at, list, body), "webhook-signature: none of its signatures fits", Some(id))
        }
        (Some(secret), Claim { ghost: Some(ghost), .. }) => match ghost_signature(ghost) {
            Some((_, at)) if !timely(Timestamp::from_millisecond(at).ok(), now) => {
                Verified::No("x-ghost-signature: expected a time within 5 minutes of now")
            }
            // Ghost's messages have no id; its signature is of the millisecond, so the same one is the same message.
            Some((hex, at)) => ok(by_ghost(secret, hex, at, body), "x-ghost-signature: it does not fit", Some(hex)),
            None => Verified::No("x-ghost-signature: expected sha256=HEX, t=MILLISECONDS"),
        },
        _ => match (&keys.token, claim.authorization) {
            (Some(token), Some(given)) => ok(bearer(token, given), "Authorization: the token does not fit", None),
            (None, Some(_)) => Verified::No("Authorization: this source takes signed pushes only"),
            (Some(_), None) => Verified::No("expected Authorization: Bearer TOKEN, found none"),
            (None, None) => Verified::No("expected webhook-id, webhook-timestamp and webhook-signature, found none"),
        },
    }
}

fn timely(at: Option<Timestamp>, now: Timestamp) -> bool {
    at.is_some_and(|at| now.duration_since(at).abs() <= TOLERANCE)
}

/// Compares digests, so that not even the length of a token shows.
fn bearer(token: &SecretString, given: &str) -> bool {
    let Some((word, given)) = given.split_once(' ') else { return false };
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    word.eq_ignore_ascii_case("bearer") && bool::from(digest(given.trim()).ct_eq(&digest(token.expose_secret())))
}

/// `v1,BASE64` of HMAC-SHA256 over id, time and body; one of several fits while a secret is replaced.
fn standard(secret: &SecretString, id: &str, at: &str, list: &str, body: &[u8]) -> bool {
    let text = secret.expose_secret();
    let key = text.strip_prefix("whsec_").and_then(|rest| STANDARD.decode(rest).ok());
    let key = key.unwrap_or_else(|| text.as_bytes().to_vec());
    let expected = mac(&key, &[id.as_bytes(), b".", at.as_bytes(), b".", body]);
    let given = list.split(' ').filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok()).take(MOST);
    given.fold(false, |found, one| found | bool::from(one.ct_eq(&expected)))
}

/// `sha256=HEX, t=MILLISECONDS`.
fn ghost_signature(header: &str) -> Option<(&str, i64)> {
    let mut parts = header.split(',').filter_map(|part| part.trim().split_once('='));
    let find = |name: &str| parts.clone().find(|(key, _)| *key == name).map(|(_, value)| value);
    let found = (find("sha256")?, find("t")?.parse().ok()?);
    parts.next().map(|_| found)
}

/// Ghost signs the body and the time behind it.
fn by_ghost(secret: &SecretString, hex: &str, at: i64, body: &[u8]) -> bool {
    let expected = mac(secret.expose_secret().as_bytes(), &[body, at.to_string().as_bytes()]);
    unhex(hex).is_some_and(|given| bool::from(given.ct_eq(&expected)))
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// Hex -> bytes.
pub(in crate::source) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let whole = digits.len().is_multiple_of(2);
    whole.then(|| digits.chunks(2).filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn keys(token: Option<&str>, secret: Option<&str>) -> Keys {
        Keys { token: token.map(SecretString::from), secret: secret.map(SecretString::from) }
    }

    #[test]
    fn standard_webhooks() {
        // The example of the specification.
        let keys = keys(None, Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let two = format!("v1,AAAA v1a,xx {right}");
        for (name, id, time, list, body, now, fits) in [
            ("right", id, "1614265330", right, BODY, 1_614_265_330, true),
            ("one of several", id, "1614265330", &two, BODY, 1_614_265_330, true),
            ("five minutes late", id, "1614265330", right, BODY, 1_614_265_630, true),
            ("five minutes early", id, "1614265330", right, BODY, 1_614_265_030, true),
            ("later", id, "1614265330", right, BODY, 1_614_265_631, false),
            ("earlier", id, "1614265330", right, BODY, 1_614_265_029, false),
            ("another time", id, "1614265331", right, BODY, 1_614_265_330, false),
            ("another id", "msg_other", "1614265330", right, BODY, 1_614_265_330, false),
            ("another body", id, "1614265330", right, b"{}", 1_614_265_330, false),
            ("no time", id, "soon", right, BODY, 1_614_265_330, false),
            ("a time beyond all", id, "99999999999999999", right, BODY, 1_614_265_330, false),
            ("an id with a dot", "msg.x", "1614265330", right, BODY, 1_614_265_330, false),
            ("no signature", id, "1614265330", "", BODY, 1_614_265_330, false),
            ("another version", id, "1614265330", &right.replace("v1", "v2"), BODY, 1_614_265_330, false),
            ("cut", id, "1614265330", &right[..20], BODY, 1_614_265_330, false),
        ] {
            let claim = Claim { id: Some(id), timestamp: Some(time), signature: Some(list), ..Claim::default() };
            let found = verify(&keys, &claim, body, at(now));
            assert_eq!(matches!(&found, Verified::Yes { id: Some(it) } if it == id), fits, "{name}: {found:?}");
        }
    }

    #[test]
    fn ghosts_own_signature() {
        let keys = keys(None, Some("a secret of Ghost's"));
        let time = 1_764_000_000_000i64;
        let right = crate::text::plain::hex(&mac(b"a secret of Ghost's", &[BODY, time.to_string().as_bytes()]));
        for (name, header, now, fits) in [
            ("right", format!("sha256={right}, t={time}"), 1_764_000_000, true),
            ("without a blank", format!("sha256={right},t={time}"), 1_764_000_000, true),
            ("late", format!("sha256={right}, t={time}"), 1_764_000_300, true),
            ("too old", format!("sha256={right}, t={time}"), 1_764_000_301, false),
            ("another time", format!("sha256={right}, t={}", time + 1), 1_764_000_000, false),
            ("no time", format!("sha256={right}"), 1_764_000_000, false),
            ("no hex", format!("sha256=xyz, t={time}"), 1_764_000_000, false),
            ("odd hex", format!("sha256={}, t={time}", &right[1..]), 1_764_000_000, false),
            ("empty", String::new(), 1_764_000_000, false),
        ] {
            let claim = Claim { ghost: Some(&header), ..Claim::default() };
            let found = verify(&keys, &claim, BODY, at(now));
            assert_eq!(matches!(&found, Verified::Yes { id: Some(id) } if *id == right), fits, "{name}: {found:?}");
        }
    }

    #[test]
    fn tokens() {
        for (token, secret, given, fits) in [
            (Some("t0ken"), None, Some("Bearer t0ken"), true),
            (Some("t0ken"), None, Some("bearer t0ken"), true),
            (Some("t0ken"), Some("s"), Some("Bearer t0ken"), true),
            (Some("t0ken"), None, Some("Bearer t0ken2"), false),
            (Some("t0ken"), None, Some("Bearer "), false),
            (Some("t0ken"), None, Some("t0ken"), false),
            (Some("t0ken"), None, Some("Basic t0ken"), false),
            (Some("t0ken"), None, None, false),
            (None, Some("s"), Some("Bearer s"), false),
            (None, None, Some("Bearer "), false),
            (None, None, None, false),
        ] {
            let claim = Claim { authorization: given, ..Claim::default() };
            let found = verify(&keys(token, secret), &claim, BODY, at(0));
            assert_eq!(found == Verified::Yes { id: None }, fits, "{token:?} {secret:?} {given:?}: {found:?}");
        }
    }

    #[test]
    fn a_signature_that_does_not_fit_is_not_made_good_by_nothing() {
        // With a bad signature the token still counts only if no secret is set: whoever signs is judged by that.
        let claim = Claim {
            authorization: Some("Bearer t"),
            id: Some("m"),
            timestamp: Some("0"),
            signature: Some("v1,AAAA"),
            ..Claim::default()
        };
        assert!(matches!(verify(&keys(Some("t"), Some("s")), &claim, BODY, at(0)), Verified::No(_)));
        assert_eq!(verify(&keys(Some("t"), None), &claim, BODY, at(0)), Verified::Yes { id: None });
    }
}
