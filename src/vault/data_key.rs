//! A channel's data key, and what is sealed under it. The master key seals the data key, the data key seals the channel's
//! secrets, both with XChaCha20-Poly1305; so another master key takes over by sealing the data keys anew.
//!
//! A sealed secret: version (1), the data key's version (4, big end first), nonce (24), sealed text. Bound to the layout,
//! and to `table|row|column|key version`. A sealed data key: version (1), nonce (24), sealed key (48). Bound to the
//! layout, the master key's id and `data_key|scope|key|version`. Where both are kept is the store's.

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use super::key::{ID_LEN, KEY_LEN, MasterKey};
use super::seal::{DAMAGED, Use, shut, unshut};
use super::{VaultError, aad};

/// The layouts above.
pub(super) const VERSION: u8 = 2;

/// Where a secret belongs: it opens there and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The table.
    pub table: &'a str,
    /// The row.
    pub row: &'a str,
    /// The column, or what stands for one.
    pub column: &'a str,
}

/// A data key, open. Wiped from memory when dropped; has no `Debug`.
pub struct DataKey {
    scope: String,
    version: u32,
    bytes: Zeroizing<[u8; KEY_LEN]>,
}

impl DataKey {
    /// A fresh one.
    pub fn fresh(scope: impl Into<String>, version: u32) -> Self {
        Self { scope: scope.into(), version, bytes: Zeroizing::new(rand::random()) }
    }

    /// Counts from 1; what is sealed names it.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Whose it is.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Seals a secret.
    pub fn seal(&self, place: Place<'_>, plain: &SecretString) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend(self.version.to_be_bytes());
        out.extend(shut(&self.bytes, plain.expose_secret().as_bytes(), &self.bound(place)));
        out
    }

    /// Opens a secret.
    ///
    /// # Errors
    /// [`VaultError::Sealed`].
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<SecretString, VaultError> {
        if version_of(sealed) != Some(self.version) {
            return Err(DAMAGED);
        }
        let rest = sealed.get(1 + 4..).ok_or(DAMAGED)?;
        let plain = unshut(&self.bytes, rest, &self.bound(place)).ok_or(DAMAGED)?;
        let text = std::str::from_utf8(&plain).map_err(|_| VaultError::Sealed("they hold no text"))?;
        Ok(SecretString::from(text))
    }

    fn bound(&self, place: Place<'_>) -> Vec<u8> {
        let place = aad(place.table, place.row, place.column, self.version);
        [&[VERSION, Use::Secret as u8], place.as_bytes()].concat()
    }
}

/// The version of the data key that sealed bytes name; `None`: they were not sealed under one.
pub fn version_of(sealed: &[u8]) -> Option<u32> {
    let (&version, rest) = sealed.split_first()?;
    rest.split_first_chunk::<4>().map(|(key, _)| u32::from_be_bytes(*key)).filter(|_| version == VERSION)
}

/// What a sealed data key is bound to.
fn wrap_bound(master: &[u8; ID_LEN], scope: &str, version: u32) -> Vec<u8> {
    let place = aad("data_key", scope, "key", version);
    [&[VERSION, Use::DataKey as u8], &master[..], place.as_bytes()].concat()
}

/// Seals a data key.
pub(super) fn wrap(master: &MasterKey, key: &DataKey) -> Vec<u8> {
    let bound = wrap_bound(&master.id(), &key.scope, key.version);
    [&[VERSION][..], &shut(master.bytes(), &key.bytes[..], &bound)].concat()
}

/// Opens a sealed data key.
pub(super) fn unwrap(master: &MasterKey, scope: &str, version: u32, sealed: &[u8]) -> Result<DataKey, VaultError> {
    let (&layout, rest) = sealed.split_first().ok_or(DAMAGED)?;
    if layout != VERSION {
        return Err(VaultError::Sealed("they have a layout that this version does not know"));
    }
    let plain = unshut(master.bytes(), rest, &wrap_bound(&master.id(), scope, version)).ok_or(DAMAGED)?;
    let bytes: [u8; KEY_LEN] = plain.as_slice().try_into().map_err(|_| DAMAGED)?;
    Ok(DataKey { scope: scope.to_owned(), version, bytes: Zeroizing::new(bytes) })
}

#[cfg(test)]
mod tests {
    use super::super::Vault;
    use super::*;

    fn vault(digit: &str) -> Vault {
        Vault::with_key(&SecretString::from(digit.repeat(64))).unwrap()
    }

    const PLACE: Place<'_> = Place { table: "sealed", row: "x", column: "grant" };

    #[test]
    fn a_secret_opens_under_its_own_data_key_at_its_own_place_only() {
        let (key, other) = (DataKey::fresh("x", 1), DataKey::fresh("x", 1));
        let next = DataKey { version: 2, bytes: key.bytes.clone(), scope: "x".to_owned() };
        let sealed = key.seal(PLACE, &SecretString::from("a token"));
        assert_eq!(key.open(PLACE, &sealed).unwrap().expose_secret(), "a token");
        assert_eq!(version_of(&sealed), Some(1));
        for place in [
            Place { table: "wall", ..PLACE },
            Place { row: "y", ..PLACE },
            Place { column: "session", ..PLACE },
            Place { row: "x|grant", column: "", ..PLACE },
        ] {
            assert!(key.open(place, &sealed).is_err(), "{place:?}");
        }
        assert!(other.open(PLACE, &sealed).is_err());
        // The same key under another version: a row cannot be passed off as one of a later key.
        assert!(next.open(PLACE, &sealed).is_err());
        let mut passed_off = sealed.clone();
        passed_off[4] = 2;
        assert!(next.open(PLACE, &passed_off).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(PLACE, &changed).is_err(), "changed at {at}");
            assert!(key.open(PLACE, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_data_key_opens_under_its_own_master_key_for_its_own_scope_only() {
        let (a, b) = (vault("a"), vault("b"));
        let key = DataKey::fresh("x", 3);
        let (master, bytes) = a.wrap(&key);
        assert_eq!(master, a.key_id());
        let copies = [(master.as_str(), bytes.as_slice())];
        let sealed = key.seal(PLACE, &SecretString::from("t"));
        let opened = a.unwrap("x", 3, copies).unwrap();
        assert_eq!((opened.scope(), opened.version()), ("x", 3));
        assert_eq!(opened.open(PLACE, &sealed).unwrap().expose_secret(), "t");
        assert!(matches!(a.unwrap("y", 3, copies), Err(VaultError::Sealed(_))));
        assert!(matches!(a.unwrap("x", 2, copies), Err(VaultError::Sealed(_))));
        let expected = VaultError::OtherKey { found: a.key_id(), ours: b.key_id() };
        assert_eq!(b.unwrap("x", 3, copies).err(), Some(expected));
        // Passed off as sealed under the other master key.
        assert!(matches!(b.unwrap("x", 3, [(b.key_id().as_str(), bytes.as_slice())]), Err(VaultError::Sealed(_))));
    }

    #[test]
    fn while_a_master_key_is_turned_over_either_opens() {
        let (old, new) = (vault("a"), vault("b"));
        let key = DataKey::fresh("x", 1);
        let (one, two) = (old.wrap(&key), new.wrap(&key));
        let copies = || [(one.0.as_str(), one.1.as_slice()), (two.0.as_str(), two.1.as_slice())];
        assert!(old.unwrap("x", 1, copies()).is_ok());
        assert!(new.unwrap("x", 1, copies()).is_ok());
        // And a vault that knows both opens what only the old one sealed.
        let both =
            Vault::with_keys(&SecretString::from("b".repeat(64)), &[SecretString::from("a".repeat(64))]).unwrap();
        assert!(both.unwrap("x", 1, [(one.0.as_str(), one.1.as_slice())]).is_ok());
        assert_eq!(both.key_id(), new.key_id());
        let first = old.seal("p", &SecretString::from("of the first version"));
        assert_eq!(both.open("p", &first).unwrap().expose_secret(), "of the first version");
    }

    #[test]
    fn a_vault_takes_over_the_keys_of_another() {
        let (running, new) = (vault("a"), vault("b"));
        let sealed = new.seal("p", &SecretString::from("t"));
        assert!(running.open("p", &sealed).is_err());
        running.take_over(new);
        assert!(running.open("p", &sealed).is_ok());
    }
}
