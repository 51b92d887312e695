//! Passwords: whether one is good enough, and hashing it (Argon2id). What a guesser tries first is estimated from a list
//! of common words (`common.txt`) and from what people do to them: other letters, digits behind, walks on the keyboard.
//! That covers far more of what is common than a list of whole passwords, hardly any of which has 12 characters.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, OnceLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;

/// The fewest characters. Source: reliability.md section 8.
pub const LEAST: usize = 12;
/// The most characters. Ours; section 8 asks for at least 64.
pub const MOST: usize = 128;

/// Memory in KiB, passes and lanes. Source: OWASP Password Storage Cheat Sheet, Argon2id, 2026-11.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// How many are hashed at the same time: each takes 19 MiB and a core for some 20 ms. Source: dependencies.md.
const AT_ONCE: usize = 2;

/// What has to be unknown of a password, in tenths of a bit as [`surprise`] counts: 36 bits are 70 thousand million tries,
/// where 1,440 a day are possible. Ours.
const SURPRISE: u32 = 360;

/// Why a password is not good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// It is too short.
    #[error(
        "expected a password of at least {LEAST} characters, found {0}; four words that do not belong together are good"
    )]
    Short(usize),
    /// It is too long.
    #[error("expected a password of at most {MOST} characters, found {0}")]
    Long(usize),
    /// It would be guessed.
    #[error(
        "this password is among the first that are guessed: words, names and rows of keys that many use; four words that do not belong together are good"
    )]
    Common,
    /// It was typed twice, and differently.
    #[error("the two passwords are not the same")]
    Different,
}

/// Whether a password is good enough for somebody of whom `own` is known: their name, the newsroom's.
///
/// # Errors
/// Why it is not.
pub fn judge(password: &str, own: &[&str]) -> Result<(), Weak> {
    match password.chars().count() {
        count @ ..LEAST => Err(Weak::Short(count)),
        count if count > MOST => Err(Weak::Long(count)),
        _ if surprise(password, own) < SURPRISE => Err(Weak::Common),
        _ => Ok(()),
    }
}

static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common.txt").split_whitespace().filter(|word| word.chars().count() >= 3).collect());

/// Rows of keys, and what is counted off.
const ROWS: &[&str] = &[
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "azertyuiop",
    "qsdfghjklm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1q2w3e4r5t6y7u8i9o0p",
    "йцукенгшщзхъ",
    "фывапролджэ",
];

/// The longest piece that is looked up.
const LONGEST: usize = 24;

/// How little a guesser knows of it at most, in tenths of a bit: the cheapest way to put it together from common words
/// (some 600: 9 bits), rows of keys (6), repetitions (4), digits (3.3), letters (4.7) and other characters (4).
fn surprise(password: &str, own: &[&str]) -> u32 {
    let folded: Vec<char> = password.nfkc().flat_map(char::to_lowercase).collect();
    let plain: Vec<char> = folded.iter().map(|c| unleet(*c)).collect();
    let own: HashSet<String> = own
        .iter()
        .flat_map(|text| {
            let text = text.nfkc().collect::<String>().to_lowercase();
            let words: Vec<String> = text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect();
            [vec![words.concat()], words].concat()
        })
        .filter(|word| word.chars().count() >= 3)
        .collect();
    let known = |piece: &[char]| {
        let text: String = piece.iter().collect();
        COMMON.contains(text.as_str()) || own.contains(&text)
    };
    // best[n]: the least that the first n characters cost.
    let mut best = vec![u32::MAX; folded.len() + 1];
    best[0] = 0;
    for end in 1..=folded.len() {
        let last = folded[end - 1];
        best[end] = best[end - 1].saturating_add(match last {
            c if c.is_numeric() => 33,
            c if c.is_alphabetic() => 47,
            // A word's end: hardly anything is known by it.
            _ => 40,
        });
        for start in end.saturating_sub(LONGEST)..=end.saturating_sub(3).min(end) {
            let (piece, plain) = (&folded[start..end], &plain[start..end]);
            let cost = match () {
                () if piece.len() < 3 => continue,
                () if piece.iter().all(|c| *c == piece[0]) => 40,
                () if known(piece) => 90,
                () if known(plain) => 100,
                () if is_row(piece) => 60,
                () if is_year(piece) => 70,
                () => continue,
            };
            best[end] = best[end].min(best[start].saturating_add(cost));
        }
        // The same again: what stands before it is all there is to know.
        for length in 2..=end / 2 {
            let (before, again) = (&folded[end - 2 * length..end - length], &folded[end - length..end]);
            if before == again {
                best[end] = best[end].min(best[end - length].saturating_add(40));
            }
        }
    }
    best[folded.len()]
}

/// The letter that a digit or sign often stands for.
const fn unleet(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' | '€' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        '9' => 'g',
        other => other,
    }
}

fn is_row(piece: &[char]) -> bool {
    let text: String = piece.iter().collect();
    let back: String = piece.iter().rev().collect();
    ROWS.iter().any(|row| row.contains(&text) || row.contains(&back))
}

fn is_year(piece: &[char]) -> bool {
    let text: String = piece.iter().collect();
    text.len() == 4 && (text.starts_with("19") || text.starts_with("20")) && text.chars().all(|c| c.is_ascii_digit())
}

/// Hashes and verifies, a few at a time, away from the threads that answer. Cheap to clone.
#[derive(Clone)]
pub(super) struct Hasher(Arc<Semaphore>);

impl Default for Hasher {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

fn argon() -> Argon2<'static> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).expect("the costs are within what Argon2 takes");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// As it is hashed: the same characters, however a keyboard puts them together.
fn composed(password: &SecretString) -> SecretString {
    SecretString::from(password.expose_secret().nfkc().collect::<String>())
}

fn hash_now(password: &SecretString) -> String {
    let hash: PasswordHash = argon()
        .hash_password(composed(password).expose_secret().as_bytes())
        .expect("Argon2 takes every password within our limits, and the system has randomness");
    hash.to_string()
}

impl Hasher {
    /// The hash of a password, as a PHC string.
    pub(super) async fn hash(&self, password: SecretString) -> String {
        self.run(move || hash_now(&password)).await
    }

    /// Whether the password is the one of that hash. Without a hash it takes as long, and is not.
    pub(super) async fn verify(&self, password: SecretString, hash: Option<String>) -> bool {
        // Made once, of chance: nobody has this password.
        static NOBODY: OnceLock<String> = OnceLock::new();
        self.run(move || {
            let nobody = || NOBODY.get_or_init(|| hash_now(&super::fresh())).clone();
            let (known, hash) = (hash.is_some(), hash.unwrap_or_else(nobody));
            let password = composed(&password);
            let good = PasswordHash::new(&hash)
                .is_ok_and(|hash| argon().verify_password(password.expose_secret().as_bytes(), &hash).is_ok());
            known && good
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let _place = self.0.acquire().await.expect("this semaphore is never closed");
        tokio::task::spawn_blocking(work).await.expect("hashing does not panic, and is not aborted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guessed_first_is_refused() {
        let own = ["Günay Əliyeva", "AzerNews"];
        for password in [
            "password123456",
            "P@ssw0rd2026!!",
            "Passwort123456",
            "qwertyuiop[]12",
            "1q2w3e4r5t6y",
            "123456789012",
            "987654321098",
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "abcdefghijklmnop",
            "iloveyoubaby2026",
            "letmeinletmein",
            "Galatasaray1905",
            "superman-batman",
            "azernews2026!!",
            "əliyevagünay1",
            "GunelGunel2001",
            "adminadmin1234",
            "!!!!password!!!!",
            "qazwsxedcrfv",
            "йцукенгшщзхъ",
        ] {
            assert_eq!(judge(password, &own), Err(Weak::Common), "{password}: {}", surprise(password, &own));
        }
        for password in [
            "correct horse battery staple",
            "kvadrat xurma telefon dəniz",
            "x9#Lq2v!Tz7p",
            "tmbqzwrtgnsk",
            "482915736042",
            "Bakıda qar yağır bu gün",
            "mənim pişiyim mavidir",
        ] {
            assert_eq!(judge(password, &own), Ok(()), "{password}: {}", surprise(password, &own));
        }
    }

    #[test]
    fn length_is_counted_in_characters() {
        for (password, expected) in [
            (String::new(), Err(Weak::Short(0))),
            ("x9#Lq2v!Tz7".to_owned(), Err(Weak::Short(11))),
            ("şəığöüçİŞĞÇÖ".to_owned(), Ok(())),
            ("x9#Lq2v!Tz7p".repeat(10) + "12345678", Ok(())),
            ("x9#Lq2v!Tz7p".repeat(11), Err(Weak::Long(132))),
        ] {
            let found = judge(&password, &[]);
            match expected {
                // Ten times the same is still no more than once, which is enough.
                Ok(()) => assert_eq!(found, Ok(()), "{password}"),
                expected => assert_eq!(found, expected, "{password}"),
            }
        }
    }

    #[tokio::test]
    async fn a_hash_opens_to_its_own_password_only() {
        let hasher = Hasher::default();
        let secret = |text: &str| SecretString::from(text);
        let hash = hasher.hash(secret("kvadrat xurma dəniz")).await;
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hasher.verify(secret("kvadrat xurma dəniz"), Some(hash.clone())).await);
        // Put together in another way by another keyboard.
        assert!(hasher.verify(secret("kvadrat xurma d\u{259}niz"), Some(hash.clone())).await);
        assert!(!hasher.verify(secret("kvadrat xurma deniz"), Some(hash.clone())).await);
        assert!(!hasher.verify(secret(""), Some(hash.clone())).await);
        assert!(!hasher.verify(secret("kvadrat xurma dəniz"), None).await);
        assert!(!hasher.verify(secret("x"), Some("no hash".to_owned())).await);
        assert_ne!(hash, hasher.hash(secret("kvadrat xurma dəniz")).await, "each has a salt of its own");
    }
}
