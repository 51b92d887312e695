//! The master key: 32 bytes, from the environment, from a file, or made once into a file that only its owner may read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Digest as _;

use super::VaultError;
use crate::model::grant::SecretRef;

/// Base64 as `openssl rand -base64 32` writes it; the padding may be missing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Bytes of a key of XChaCha20-Poly1305.
pub(super) const KEY_LEN: usize = 32;

/// Bytes of a key's id.
pub(super) const ID_LEN: usize = 4;

/// The master key. Wiped from memory when dropped; has no `Debug`.
pub(super) struct MasterKey(Zeroizing<[u8; KEY_LEN]>);

impl MasterKey {
    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// The first bytes of its SHA-256.
    pub(super) fn id(&self) -> [u8; ID_LEN] {
        let digest: [u8; 32] = sha2::Sha256::digest(*self.0).into();
        let [a, b, c, d, ..] = digest;
        [a, b, c, d]
    }
}

/// Reads a key's text: 64 hex digits, or Base64 of 32 bytes. Trailing line ends are cut.
pub(super) fn parse(text: &SecretString) -> Result<MasterKey, VaultError> {
    let text = text.expose_secret().trim_end_matches(['\r', '\n']);
    let mut key = Zeroizing::new([0; KEY_LEN]);
    let is_read = match text.len() {
        // 64 hex digits would also be Base64, but of 48 bytes.
        64 => unhex(text.as_bytes(), &mut key),
        _ => BASE64.decode(text).map(Zeroizing::new).is_ok_and(|bytes| {
            let fits = bytes.len() == KEY_LEN;
            if fits {
                key.copy_from_slice(&bytes);
            }
            fits
        }),
    };
    if is_read {
        return Ok(MasterKey(key));
    }
    let found = text.chars().count();
    Err(VaultError::Key(format!(
        "expected 64 hex digits or Base64 of 32 bytes, found {found} characters that are neither"
    )))
}

fn unhex(text: &[u8], into: &mut [u8; KEY_LEN]) -> bool {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.chunks_exact(2).zip(into.iter_mut()).all(|(pair, byte)| match (digit(pair[0]), digit(pair[1])) {
        (Some(high), Some(low)) => {
            *byte = high << 4 | low;
            true
        }
        _ => false,
    })
}

/// Takes the key from where the config says.
pub(super) fn fetch(place: &SecretRef) -> Result<MasterKey, VaultError> {
    let text = match place {
        SecretRef::Env(name) => variable(name).ok_or_else(|| format!("{place} is not set")),
        SecretRef::File(path) => fs::read_to_string(path).map_err(|e| format!("{place} cannot be read: {e}")),
        SecretRef::Credential(name) => super::secret::credential(name)
            .and_then(|path| fs::read_to_string(path).map_err(|e| format!("{place} cannot be read: {e}"))),
    };
    let text = text.map(SecretString::from).map_err(VaultError::Key)?;
    parse(&text).map_err(|e| at(place, e))
}

#[expect(clippy::disallowed_methods, reason = "the vault's own secret: nothing else hands it over")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Takes the key from that file, and makes it first where there is none.
pub(super) fn read_or_make(path: &Path) -> Result<MasterKey, VaultError> {
    let shown = path.display();
    let fault = |what: &str, e: &io::Error| VaultError::Key(format!("file {shown} cannot be {what}: {e}"));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            make(path).map_err(|e| fault("made", &e))?;
            File::open(path).map_err(|e| fault("read", &e))?
        }
        Err(e) => return Err(fault("read", &e)),
    };
    let mode = open_to_others(&file).map_err(|e| fault("looked at", &e))?;
    if let Some(mode) = mode {
        let said = format!("file {shown} is open to others (mode {mode:04o}), expected 0600: run chmod 600 {shown}");
        return Err(VaultError::Key(said));
    }
    let text = io::read_to_string(file).map(SecretString::from).map_err(|e| fault("read", &e))?;
    parse(&text).map_err(|e| at(&format_args!("file {shown}"), e))
}

fn at(place: &dyn std::fmt::Display, error: VaultError) -> VaultError {
    match error {
        VaultError::Key(why) => VaultError::Key(format!("{place}: {why}")),
        other => other,
    }
}

/// The file's mode, if it lets anyone but the owner do anything.
#[cfg(unix)]
fn open_to_others(file: &File) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata()?.permissions().mode() & 0o7777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

#[cfg(not(unix))]
fn open_to_others(_file: &File) -> io::Result<Option<u32>> {
    Ok(None)
}

/// Makes the file with a fresh key: it appears whole or not at all, and never in place of another.
fn make(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let key = Zeroizing::new(rand::random::<[u8; KEY_LEN]>());
    let mut text = Zeroizing::new(crate::text::plain::hex(&*key));
    text.push('\n');
    let draft = path.with_extension(format!("draft-{}", crate::text::plain::hex(&rand::random::<[u8; 8]>())));
    write_new(&draft, text.as_bytes())?;
    let linked = match fs::hard_link(&draft, path) {
        // Another process was faster: its key holds.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // A file system without hard links: whole unless the machine dies here, and then `parse` refuses what is left.
        Err(_) => write_new(path, text.as_bytes()).or_else(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            _ => Err(e),
        }),
        Ok(()) => Ok(()),
    };
    let removed = fs::remove_file(&draft);
    // So that the name survives a power cut; not every platform lets a folder be opened, and then there is no more to do.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    linked.and(removed)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn bytes(text: &str) -> Result<[u8; KEY_LEN], VaultError> {
        parse(&SecretString::from(text.to_owned())).map(|key| *key.bytes())
    }

    #[test]
    fn reads_hex_and_base64() {
        let expected: [u8; KEY_LEN] = std::array::from_fn(|n| u8::try_from(n).unwrap());
        for text in [
            HEX,
            &HEX.to_uppercase(),
            &format!("{HEX}\r\n"),
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n",
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "\n", "short", &HEX[1..], &HEX.replace('f', "g"), &format!(" {HEX}"), "AAECAwQF", "ä"] {
            let VaultError::Key(why) = bytes(text).unwrap_err() else { panic!("{text}") };
            assert!(why.contains("expected 64 hex digits or Base64 of 32 bytes"), "{why}");
            assert!(text.trim().is_empty() || !why.contains(text.trim()), "the error shows the key: {why}");
        }
    }

    #[test]
    fn a_keys_id_is_the_start_of_its_digest() {
        // printf of the 32 bytes above | sha256sum
        let key = parse(&SecretString::from(HEX.to_owned())).unwrap();
        assert_eq!(crate::text::plain::hex(&key.id()), "630dcd29");
    }

    #[test]
    fn a_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data").join("bugle.key");
        let first = *read_or_make(&path).unwrap().bytes();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!((text.len(), text.ends_with('\n')), (65, true));
        assert_ne!(first, [0; KEY_LEN]);
        assert_eq!(*read_or_make(&path).unwrap().bytes(), first);
        make(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "made again over an existing one");
        assert_eq!(fs::read_dir(folder.path().join("data")).unwrap().count(), 1, "a draft was left behind");
        let other = *read_or_make(&folder.path().join("other.key")).unwrap().bytes();
        assert_ne!(first, other);
    }

    #[test]
    fn a_malformed_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bugle.key");
        for text in ["", "half a key"] {
            let _ = fs::remove_file(&path);
            write_new(&path, text.as_bytes()).unwrap();
            let Err(VaultError::Key(why)) = read_or_make(&path) else { panic!("{text} was taken for a key") };
            assert!(why.contains("bugle.key: expected 64 hex digits"), "{why}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bugle.key");
        read_or_make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        for (mode, is_refused) in
            [(0o644, true), (0o640, true), (0o602, true), (0o601, true), (0o600, false), (0o400, false)]
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            match read_or_make(&path) {
                Ok(_) => assert!(!is_refused, "{mode:o}"),
                Err(VaultError::Key(why)) => {
                    assert!(
                        is_refused && why.contains(&format!("mode {mode:04o}")) && why.contains("chmod 600"),
                        "{why}"
                    );
                }
                Err(other) => panic!("{other}"),
            }
        }
        // A mounted secret is the secret store's: it may be readable.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        assert!(fetch(&SecretRef::File(path)).is_ok());
    }

    #[test]
    fn says_where_a_named_key_was_looked_for() {
        let missing = |place: &SecretRef| fetch(place).err().map(|e| e.to_string()).unwrap();
        let words = missing(&SecretRef::Env("BUGLE_TEST_NO_SUCH_KEY".to_owned()));
        assert_eq!(words, "master key: environment variable BUGLE_TEST_NO_SUCH_KEY is not set");
        let words = missing(&SecretRef::File("/no/such/bugle.key".into()));
        assert!(words.starts_with("master key: file /no/such/bugle.key cannot be read"), "{words}");
    }
}
