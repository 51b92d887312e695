//! Secrets by reference: fetched just before they are used, from the environment, a file or a systemd credential. The config holds only where
//! they are; what is sealed in the store lives elsewhere in the vault.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::model::grant::SecretRef;

/// The most bytes of a secret: the largest private keys and certificate chains stay far below. 64 KiB.
const CAP: u64 = 64 * 1024;

/// Fetches the secret. Trailing line ends of a file are cut.
///
/// # Errors
/// In words for a person, naming where it was looked for; never a part of the secret.
pub fn resolve(reference: &SecretRef) -> Result<SecretString, String> {
    let text = match reference {
        SecretRef::Env(name) => from_env(name)?,
        SecretRef::File(path) => from_file(path)?,
        SecretRef::Credential(name) => from_file(&credential(name)?)?,
    };
    if text.is_empty() {
        return Err(format!("{reference} is empty"));
    }
    Ok(SecretString::from(text))
}

#[expect(clippy::disallowed_methods, reason = "the one place where secrets are read from the environment")]
fn from_env(name: &str) -> Result<String, String> {
    use std::env::VarError;
    match std::env::var(name) {
        Ok(text) if text.len() as u64 > CAP => Err(format!("environment variable {name} is longer than 64 KiB")),
        Ok(text) => Ok(text),
        Err(VarError::NotPresent) => Err(format!("environment variable {name} is not set")),
        Err(VarError::NotUnicode(_)) => Err(format!("environment variable {name} is not UTF-8")),
    }
}

/// Where systemd put the credential of that name.
///
/// # Errors
/// In words: no credentials were handed to this process, or the name is a path.
pub(super) fn credential(name: &str) -> Result<PathBuf, String> {
    if name.is_empty() || name.contains(['/', '\0']) || matches!(name, "." | "..") {
        return Err(format!("expected the name of a systemd credential, found {name:?}"));
    }
    let folder = from_env("CREDENTIALS_DIRECTORY").map_err(|_| {
        format!("systemd credential {name}: CREDENTIALS_DIRECTORY is not set: name it by LoadCredential= in the unit")
    })?;
    Ok(Path::new(&folder).join(name))
}

fn from_file(path: &Path) -> Result<String, String> {
    let named = || format!("file {}", path.display());
    let unreadable = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => format!("{} does not exist", named()),
        kind => format!("{} cannot be read: {kind}", named()),
    };
    // A pipe or a device could block for ever or never end.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(format!("{} is not a regular file", named()));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(CAP + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > CAP {
        return Err(format!("{} is longer than 64 KiB", named()));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", named()))?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn file(bytes: &[u8]) -> (tempfile::TempDir, SecretRef) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, bytes).unwrap();
        (folder, SecretRef::File(path))
    }

    #[test]
    fn trailing_line_ends_of_a_file_are_cut_and_nothing_else() {
        for (bytes, expected) in [
            ("hunter2", "hunter2"),
            ("hunter2\n", "hunter2"),
            ("hunter2\r\n\r\n", "hunter2"),
            (" hunter2 \n", " hunter2 "),
            ("-----BEGIN-----\nab\n-----END-----\n", "-----BEGIN-----\nab\n-----END-----"),
        ] {
            let (_folder, reference) = file(bytes.as_bytes());
            assert_eq!(resolve(&reference).unwrap().expose_secret(), expected);
        }
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused_without_showing_it() {
        let long = vec![b's'; 64 * 1024 + 1];
        for (bytes, expected) in [
            (&b"\n"[..], "is empty"),
            (&b""[..], "is empty"),
            (&b"hunter2\xff"[..], "is not UTF-8"),
            (&long[..], "is longer than 64 KiB"),
        ] {
            let (_folder, reference) = file(bytes);
            let said = resolve(&reference).unwrap_err();
            assert!(said.ends_with(expected), "{said}");
            assert!(!said.contains("hunter2") && !said.contains("sss"), "{said}");
        }
    }

    #[test]
    fn a_credential_is_a_plain_name() {
        for name in ["", ".", "..", "../bugle", "a/b", "/etc/passwd"] {
            let said = resolve(&SecretRef::Credential(name.to_owned())).unwrap_err();
            assert!(said.starts_with("expected the name of a systemd credential"), "{said}");
        }
        // Not started by systemd: no test sets the variable.
        let said = resolve(&SecretRef::Credential("bugle".to_owned())).unwrap_err();
        assert!(said.contains("CREDENTIALS_DIRECTORY is not set"), "{said}");
    }

    #[test]
    fn what_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("nothing");
        let said = resolve(&SecretRef::File(missing.clone())).unwrap_err();
        assert_eq!(said, format!("file {} does not exist", missing.display()));
        let said = resolve(&SecretRef::File(folder.path().to_owned())).unwrap_err();
        assert!(said.ends_with("is not a regular file"), "{said}");
        let said = resolve(&SecretRef::Env("BUGLE_TEST_SECRET_THAT_NOBODY_SETS".into())).unwrap_err();
        assert_eq!(said, "environment variable BUGLE_TEST_SECRET_THAT_NOBODY_SETS is not set");
    }
}
