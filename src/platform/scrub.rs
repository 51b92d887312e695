//! Taking a channel's secrets out of a platform's words: some servers repeat the `Authorization` header, or the whole
//! request, in their errors. What a platform says goes through here once, before anything of Bugle keeps or shows it.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::consent::RenewError;
use super::{ConnectError, Keep, Lookup, PublishError};
use crate::model::grant::Credential;

/// What stands in a secret's place.
const GONE: &str = "[secret]";

/// What is shorter is no secret worth the name, and taking it out would make a riddle of the rest. Ours, 2026-11.
const SHORTEST: usize = 6;

/// A piece of a secret of that many bytes is taken out as well: servers and we ourselves cut texts off. Ours, 2026-11.
const PIECE: usize = 12;

/// Parts of the names under which kept values are secrets; what else an account keeps (ids, handles, addresses) is not.
const SECRET_NAMES: &[&str] =
    &["token", "secret", "key", "jwt", "access", "refresh", "password", "verifier", "proof", "code", "session", "auth"];

/// The secrets of a channel, in every spelling that is looked for.
#[derive(Default)]
pub struct Scrub {
    spellings: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Scrub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scrub")
    }
}

impl Scrub {
    /// That of the config's secrets.
    pub fn of(credential: &Credential) -> Self {
        let mut scrub = Self::default();
        for (_, secret) in &credential.0 {
            scrub.add(secret.expose_secret());
        }
        scrub
    }

    /// One more secret.
    pub fn add(&mut self, secret: &str) {
        let secret = secret.trim();
        if secret.len() < SHORTEST {
            return;
        }
        let mut all = vec![secret.to_owned()];
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        all.push(form.replace('+', "%20"));
        all.push(form);
        let quoted = Value::from(secret).to_string();
        all.push(quoted[1..quoted.len() - 1].to_owned());
        // In Base64 a secret reads differently by its place among the others (`user:secret`); its outermost signs depend
        // on its neighbours.
        for before in 0..3 {
            let bytes = [&[0; 3][..before], secret.as_bytes()].concat();
            for encoded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
                let first = (before * 8).div_ceil(6);
                let last = bytes.len() * 8 / 6;
                all.extend(encoded.get(first..last).filter(|core| core.len() >= SHORTEST).map(str::to_owned));
            }
        }
        all.extend(all.clone().into_iter().map(|it| it.to_lowercase()).filter(|it| it.contains('%')));
        self.spellings.extend(all.into_iter().map(String::into_bytes));
        self.spellings.sort();
        self.spellings.dedup();
    }

    /// What was kept under a word: a token, or JSON with secrets among its values.
    fn add_kept(&mut self, text: &str) {
        fn walk(scrub: &mut Scrub, name: &str, value: &Value) {
            match value {
                Value::String(text) => {
                    let name = name.to_lowercase();
                    if SECRET_NAMES.iter().any(|part| name.contains(part)) && !text.contains("://") {
                        scrub.add(text);
                    }
                }
                Value::Array(all) => all.iter().for_each(|value| walk(scrub, name, value)),
                Value::Object(all) => all.iter().for_each(|(name, value)| walk(scrub, name, value)),
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        match serde_json::from_str::<Value>(text) {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => walk(self, "", &value),
            _ => self.add(text),
        }
    }

    /// The text without the secrets, and without pieces of them.
    pub fn text(&self, text: String) -> String {
        let bytes = text.as_bytes();
        let mut is_secret = vec![false; bytes.len()];
        for spelling in &self.spellings {
            let size = spelling.len().min(PIECE);
            let pieces: HashSet<&[u8]> = spelling.windows(size).collect();
            for (at, window) in bytes.windows(size).enumerate() {
                if pieces.contains(window) {
                    is_secret[at..at + size].fill(true);
                }
            }
        }
        if !is_secret.contains(&true) {
            return text;
        }
        let mut clean = String::with_capacity(text.len());
        let mut inside = false;
        for (at, sign) in text.char_indices() {
            match is_secret[at] {
                true if !inside => clean.push_str(GONE),
                true => {}
                false => clean.push(sign),
            }
            inside = is_secret[at];
        }
        clean
    }

    /// An error without them.
    pub fn error(&self, error: PublishError) -> PublishError {
        match error {
            PublishError::NotSent { said } => PublishError::NotSent { said: self.text(said) },
            PublishError::RateLimited { until, scope, said } => {
                PublishError::RateLimited { until, scope, said: self.text(said) }
            }
            PublishError::Auth { said } => PublishError::Auth { said: self.text(said) },
            PublishError::Forbidden { scope, said } => PublishError::Forbidden { scope, said: self.text(said) },
            PublishError::Duplicate { said } => PublishError::Duplicate { said: self.text(said) },
            PublishError::Rejected { reason, said } => PublishError::Rejected { reason, said: self.text(said) },
            PublishError::Gone { said } => PublishError::Gone { said: self.text(said) },
            PublishError::Unknown { said } => PublishError::Unknown { said: self.text(said) },
        }
    }

    /// An answer to a look-up without them.
    pub fn lookup(&self, found: Lookup) -> Lookup {
        match found {
            Lookup::CannotTell(why) => Lookup::CannotTell(self.text(why)),
            other => other,
        }
    }

    /// An error without them.
    pub fn connect_error(&self, error: ConnectError) -> ConnectError {
        match error {
            ConnectError::Unreachable(said) => ConnectError::Unreachable(self.text(said)),
            ConnectError::Refused(said) => ConnectError::Refused(self.text(said)),
            ConnectError::Forbidden(said) => ConnectError::Forbidden(self.text(said)),
        }
    }

    /// An error without them.
    pub fn renew_error(&self, error: RenewError) -> RenewError {
        match error {
            RenewError::Spent(said) => RenewError::Spent(self.text(said)),
            RenewError::Lost(said) => RenewError::Lost(self.text(said)),
            RenewError::Later(said) => RenewError::Later(self.text(said)),
            RenewError::Declined(said) => RenewError::Declined(self.text(said)),
            RenewError::Never => RenewError::Never,
        }
    }
}

/// A keep that remembers what went through it, so that it can be taken out of the platform's words afterwards.
pub struct Watched<'a> {
    keep: &'a dyn Keep,
    seen: Mutex<Vec<(String, SecretString)>>,
}

impl<'a> Watched<'a> {
    /// Around that keep.
    pub fn new(keep: &'a dyn Keep) -> Self {
        Self { keep, seen: Mutex::default() }
    }

    fn note(&self, word: &str, secret: &SecretString) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.iter().any(|(known, it)| known == word && it.expose_secret() == secret.expose_secret()) {
            seen.push((word.to_owned(), secret.clone()));
        }
    }

    /// What was read or put last under that word.
    pub fn last(&self, word: &str) -> Option<SecretString> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().rev().find(|(known, _)| known == word).map(|(_, secret)| secret.clone())
    }

    /// Takes out the config's secrets and all that went through.
    pub fn scrub(&self, credential: &Credential) -> Scrub {
        let mut scrub = Scrub::of(credential);
        for (_, secret) in self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            scrub.add_kept(secret.expose_secret());
        }
        scrub
    }
}

#[async_trait]
impl Keep for Watched<'_> {
    async fn get(&self, word: &str) -> Result<Option<SecretString>, String> {
        let found = self.keep.get(word).await?;
        if let Some(secret) = &found {
            self.note(word, secret);
        }
        Ok(found)
    }

    async fn put(&self, word: &str, secret: &SecretString) -> Result<(), String> {
        self.note(word, secret);
        self.keep.put(word, secret).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrub(secrets: &[&str]) -> Scrub {
        let mut scrub = Scrub::default();
        secrets.iter().for_each(|secret| scrub.add(secret));
        scrub
    }

    #[test]
    fn a_secret_is_taken_out_in_every_spelling() {
        let secret = "s3cr€t/tok+en=\"9f8e7d6c5b4a\"";
        let scrub = scrub(&[secret]);
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let basic = |user: &str| base64::engine::general_purpose::STANDARD.encode(format!("{user}:{secret}"));
        for (name, spelling) in [
            ("plain", secret.to_owned()),
            ("form", form.clone()),
            ("percent", form.replace('+', "%20")),
            ("lower", form.to_lowercase()),
            ("JSON", Value::from(secret).to_string()),
            ("Base64", base64::engine::general_purpose::STANDARD.encode(secret)),
            ("Base64 for URLs", URL_SAFE_NO_PAD.encode(secret)),
            ("Basic, one sign before", basic("")),
            ("Basic, two signs before", basic("a")),
            ("Basic, three signs before", basic("ab")),
        ] {
            let text = scrub.text(format!("you sent {spelling} and that is wrong"));
            assert!(text.starts_with("you sent ") && text.ends_with(" and that is wrong"), "{name}: {text}");
            assert!(text.contains(GONE), "{name}: {text}");
            for piece in spelling.as_bytes().windows(PIECE) {
                let held = text.as_bytes().windows(PIECE).any(|window| window == piece);
                assert!(!held, "{name}: {text} holds {}", String::from_utf8_lossy(piece));
            }
        }
    }

    #[test]
    fn a_piece_of_a_secret_is_taken_out_and_the_rest_stays() {
        let scrub = scrub(&["0123456789abcdefghijklmnopqrstuvwxyz", "short", "sixsix"]);
        for (text, expected) in [
            ("nothing of it", "nothing of it"),
            ("cut off: 0123456789abcdefg", "cut off: [secret]"),
            ("cut in front: qrstuvwxyz, no: mnopqrstuvwxyz", "cut in front: qrstuvwxyz, no: [secret]"),
            (
                "0123456789abcdefghijklmnopqrstuvwxyz twice 0123456789abcdefghijklmnopqrstuvwxyz",
                "[secret] twice [secret]",
            ),
            ("short is too short, sixsix is not", "short is too short, [secret] is not"),
            ("ünïcödé 0123456789abcdefghijklmnopqrstuvwxyz ünïcödé", "ünïcödé [secret] ünïcödé"),
            ("", ""),
        ] {
            assert_eq!(scrub.text(text.to_owned()), expected);
        }
    }

    #[test]
    fn of_what_is_kept_only_secrets_are_taken_out() {
        let mut scrub = Scrub::default();
        scrub.add_kept(
            r#"{"identifier":"news.example.com","server":"https://pds.example/","did":"did:plc:abcdefgh","access":"acc3ss-t0ken",
               "own":{"page_token":"p4ge-t0ken","page":"123456789","dpop_key":["k3y-bytes"]}}"#,
        );
        let said = "news.example.com at https://pds.example/ (did:plc:abcdefgh, 123456789)";
        assert_eq!(scrub.text(said.to_owned()), said);
        assert_eq!(scrub.text("acc3ss-t0ken p4ge-t0ken k3y-bytes".to_owned()), "[secret] [secret] [secret]");
        scrub.add_kept("a bare token");
        assert_eq!(scrub.text("a bare token".to_owned()), "[secret]");
        assert_eq!(format!("{scrub:?}"), "Scrub");
    }
}
