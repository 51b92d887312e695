//! The second factor: time-based one-time codes (RFC 6238) as authenticator apps show them, the address and picture that
//! bring the secret into an app, and the recovery codes for the day the phone is gone.
//!
//! Pure but for chance. Not here: sealing the secret and noting which step was used (the store's), asking for a code (the
//! desk's).

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use sha1::Sha1;
use sha2::Digest as _;
use subtle::ConstantTimeEq as _;

/// Seconds of a step. Source: RFC 6238 section 5.2, the recommended value; authenticator apps know no other.
const STEP: i64 = 30;
/// Digits of a code. Source: RFC 4226 section 5.3, at least six; what authenticator apps show.
const DIGITS: u32 = 6;
/// Steps before and after the present one whose codes count, for clocks that differ. Source: RFC 6238 section 5.2
/// recommends at most one.
const DRIFT: i64 = 1;
/// Bytes of a secret. Source: RFC 4226 section 4, R6: 160 bits recommended.
const SECRET_LEN: usize = 20;
/// How many recovery codes there are at once. Ours: enough for years of lost phones, and fits on a slip of paper.
pub const RECOVERY_CODES: usize = 10;
/// Bytes of a recovery code: 80 bits, far beyond guessing with any throttle. Ours.
const RECOVERY_LEN: usize = 10;

/// What stays readable in the parts of the address.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A new secret, in Base32 as people type it into an app.
pub fn fresh() -> SecretString {
    SecretString::from(base32(&rand::random::<[u8; SECRET_LEN]>()))
}

/// The step of a time.
pub fn step(now: Timestamp) -> i64 {
    now.as_second().div_euclid(STEP)
}

/// The step whose code was typed, where that code is to be accepted: of this step or one beside it, and of a later step
/// than the one accepted last, so that a code that somebody read over a shoulder is worth nothing. Blanks in it do not
/// matter. `None` too where the secret is none.
pub fn accepted(secret: &SecretString, typed: &str, now: Timestamp, last: Option<i64>) -> Option<i64> {
    let key = unbase32(secret.expose_secret())?;
    let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    let here = step(now);
    // All are compared, whatever is found.
    let found = (here - DRIFT..=here + DRIFT).fold(None, |found, step| {
        let is_it = bool::from(code(&key, step).as_bytes().ct_eq(typed.as_bytes()));
        let is_new = last.is_none_or(|last| step > last);
        if is_it && is_new { Some(step) } else { found }
    });
    found.filter(|step| *step >= 0)
}

/// The code of a step.
fn code(key: &[u8], step: i64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let digest: [u8; 20] = mac.finalize().into_bytes().into();
    // RFC 4226 section 5.3: the last four bits say where the 31 bits of the code begin.
    let at = usize::from(digest[19] & 0x0f);
    let number = u32::from_be_bytes([digest[at] & 0x7f, digest[at + 1], digest[at + 2], digest[at + 3]]);
    format!("{:0width$}", number % 10_u32.pow(DIGITS), width = DIGITS as usize)
}

/// The code that an app would show for that secret, for tests that sign in.
#[cfg(test)]
pub(crate) fn shown(secret: &str, now: Timestamp) -> String {
    code(&unbase32(secret).expect("Base32"), step(now))
}

/// The address that brings a secret into an authenticator app, in the form all of them read.
/// Source: github.com/google/google-authenticator/wiki/Key-Uri-Format.
pub fn address(newsroom: &str, person: &str, secret: &SecretString) -> SecretString {
    let part = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
    // A colon stands between the two: none may be in them.
    let (issuer, name) = (part(&newsroom.replace(':', " ")), part(&person.replace(':', " ")));
    let secret = secret.expose_secret();
    SecretString::from(format!(
        "otpauth://totp/{issuer}:{name}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP}"
    ))
}

/// A QR code as the path of an SVG: a square for each dark module, in a field of `size` by `size` with the quiet zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Modules of a side, quiet zone included.
    pub size: i32,
    /// The `d` of the path: digits, blanks, commas, and letters of path commands only.
    pub path: String,
}

/// The quiet zone in modules. Source: ISO/IEC 18004: four.
const QUIET: i32 = 4;

/// Draws an address; `None` where it is too long for a QR code.
pub fn picture(address: &SecretString) -> Option<Picture> {
    use std::fmt::Write as _;
    let code = qrcodegen::QrCode::encode_text(address.expose_secret(), qrcodegen::QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            // Dark modules beside each other are one bar, which keeps the page small.
            let run = (x..code.size()).take_while(|x| code.get_module(*x, y)).count();
            let run = i32::try_from(run).unwrap_or(i32::MAX);
            if run > 0 {
                write!(path, "M{},{}h{run}v1h-{run}z", x + QUIET, y + QUIET).ok()?;
            }
            x += run.max(1);
        }
    }
    Some(Picture { size: code.size() + 2 * QUIET, path })
}

/// A secret in groups of four, as it is easier to type.
pub fn grouped(secret: &SecretString) -> SecretString {
    let groups: Vec<&str> = chunks(secret.expose_secret());
    SecretString::from(groups.join(" "))
}

/// New recovery codes, each shown once and good once: `abcd-efgh-ijkl-mnop`.
pub fn recovery_codes() -> Vec<SecretString> {
    let one = || {
        let text = base32(&rand::random::<[u8; RECOVERY_LEN]>()).to_ascii_lowercase();
        SecretString::from(chunks(&text).join("-"))
    };
    std::iter::repeat_with(one).take(RECOVERY_CODES).collect()
}

/// A recovery code as it is kept, however it was typed: SHA-256, in hex. `None` where it cannot be one.
pub fn recovery_hash(typed: &str) -> Option<String> {
    let plain: String = typed.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let is_one = plain.len() == RECOVERY_LEN * 8 / 5 && unbase32(&plain).is_some();
    is_one.then(|| crate::text::plain::hex(&sha2::Sha256::digest(plain)))
}

/// Text of ASCII in groups of four.
fn chunks(text: &str) -> Vec<&str> {
    (0..text.len()).step_by(4).map(|at| &text[at..text.len().min(at + 4)]).collect()
}

/// The letters of Base32. Source: RFC 4648 section 6.
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Base32 without padding, as authenticator apps take it.
fn base32(bytes: &[u8]) -> String {
    let (mut out, mut held, mut bits) = (String::new(), 0_u32, 0);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(LETTERS[((held >> bits) & 31) as usize]));
        }
    }
    if bits > 0 {
        out.push(char::from(LETTERS[((held << (5 - bits)) & 31) as usize]));
    }
    out
}

/// The bytes of Base32, small letters, blanks and padding allowed.
fn unbase32(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for c in text.bytes().filter(|c| !matches!(c, b' ' | b'=')) {
        let value = LETTERS.iter().position(|letter| *letter == c.to_ascii_uppercase())?;
        held = (held << 5) | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from((held >> bits) & 255).ok()?);
        }
    }
    Some(out).filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238 appendix B (the 20 bytes `12345678901234567890`).
    const RFC: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238 appendix B, SHA1; the last six of its eight digits.
        for (second, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(shown(RFC, at(second)), expected, "{second}");
            assert_eq!(accepted(&secret(RFC), expected, at(second), None), Some(second / 30), "{second}");
        }
    }

    #[test]
    fn a_code_counts_for_one_step_around_and_once() {
        let now = at(1_234_567_890);
        let here = step(now);
        let typed = |step: i64| code(&unbase32(RFC).unwrap(), step);
        for (step, last, expected) in [
            (here, None, true),
            (here - 1, None, true),
            (here + 1, None, true),
            (here - 2, None, false),
            (here + 2, None, false),
            (here, Some(here - 1), true),
            (here, Some(here), false),
            (here - 1, Some(here), false),
            (here - 1, Some(here - 1), false),
            (here + 1, Some(here), true),
            (here, Some(here + 1), false),
        ] {
            let found = accepted(&secret(RFC), &typed(step), now, last);
            assert_eq!(found, expected.then_some(step), "{} after {last:?}", step - here);
        }
    }

    #[test]
    fn what_is_no_code_is_not_accepted() {
        let now = at(1_234_567_890);
        for typed in
            ["", "5924", "05924", "0005924", "005925", "00592a", "００５９２４", "005924\0", "-05924", "+05924"]
        {
            assert_eq!(accepted(&secret(RFC), typed, now, None), None, "{typed:?}");
        }
        assert!(accepted(&secret(RFC), " 005 924 ", now, None).is_some(), "as some apps show it");
        for none in ["", "0189", "!", "===="] {
            assert_eq!(accepted(&secret(none), "005924", now, None), None, "no secret: {none:?}");
        }
    }

    #[test]
    fn base32_is_that_of_the_rfc() {
        // RFC 4648 section 10, without the padding.
        for (plain, coded) in [
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(plain.as_bytes()), coded);
            assert_eq!(unbase32(coded).unwrap(), plain.as_bytes());
            assert_eq!(unbase32(&format!(" {}==", coded.to_lowercase())).unwrap(), plain.as_bytes());
        }
    }

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (one, two) = (fresh(), fresh());
        assert_eq!(unbase32(one.expose_secret()).unwrap().len(), SECRET_LEN);
        assert_ne!(one.expose_secret(), two.expose_secret());
        assert_eq!(grouped(&secret("ABCDEFGHIJ")).expose_secret(), "ABCD EFGH IJ");
    }

    #[test]
    fn the_address_keeps_foreign_words_in_their_place() {
        let address = address("Xəbər: & <Co>", "Ann?secret=x:y", &secret("ABCD"));
        let url = url::Url::parse(address.expose_secret()).unwrap();
        assert_eq!((url.scheme(), url.host_str()), ("otpauth", Some("totp")));
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let expected =
            [("secret", "ABCD"), ("issuer", "Xəbər  & <Co>"), ("algorithm", "SHA1"), ("digits", "6"), ("period", "30")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(url.path().matches(':').count(), 1, "{url}");
    }

    #[test]
    fn the_picture_is_a_qr_code_with_its_quiet_zone() {
        let address = address("Newsroom", "Ann", &secret(RFC));
        let picture = picture(&address).unwrap();
        let drawn = qrcodegen::QrCode::encode_text(address.expose_secret(), qrcodegen::QrCodeEcc::Medium).unwrap();
        assert_eq!(picture.size, drawn.size() + 8);
        // The bars, walked again, are the dark modules and nothing else.
        let mut dark = std::collections::BTreeSet::new();
        for bar in picture.path.split('M').skip(1) {
            let (x, rest) = bar.split_once(',').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let (run, rest) = rest.split_once('v').unwrap();
            assert_eq!(rest, format!("1h-{run}z"));
            let (x, y, run): (i32, i32, i32) = (x.parse().unwrap(), y.parse().unwrap(), run.parse().unwrap());
            dark.extend((x..x + run).map(|x| (x - QUIET, y - QUIET)));
        }
        for y in 0..drawn.size() {
            for x in 0..drawn.size() {
                assert_eq!(dark.contains(&(x, y)), drawn.get_module(x, y), "{x},{y}");
            }
        }
        assert!(super::picture(&secret(&"x".repeat(4_000))).is_none());
    }

    #[test]
    fn recovery_codes_are_typed_as_people_do() {
        let codes = recovery_codes();
        assert_eq!(codes.len(), RECOVERY_CODES);
        let all: std::collections::BTreeSet<&str> = codes.iter().map(|code| code.expose_secret()).collect();
        assert_eq!(all.len(), RECOVERY_CODES);
        let code = codes[0].expose_secret();
        assert_eq!((code.len(), code.matches('-').count()), (19, 3));
        let hash = recovery_hash(code).unwrap();
        assert_eq!(hash.len(), 64);
        for typed in [code.to_uppercase(), code.replace('-', ""), format!(" {} ", code.replace('-', " "))] {
            assert_eq!(recovery_hash(&typed).as_ref(), Some(&hash), "{typed}");
        }
        for typed in ["", "123456", "abcd-efgh-ijkl", "abcd-efgh-ijkl-mno1", "abcd-efgh-ijkl-mnop-a"] {
            assert_eq!(recovery_hash(typed), None, "{typed}");
        }
    }
}
