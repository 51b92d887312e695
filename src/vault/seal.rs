//! One sealed secret with an envelope of its own, as the first version of this program made all of them: a fresh data key
//! seals the secret, the master key seals the data key, both with XChaCha20-Poly1305 and bound to the place the secret
//! belongs to. What is kept for a channel is sealed under the channel's own data key now (`data_key`); these are still
//! opened.
//!
//! The bytes: version (1), id of the master key (4), nonce (24) and sealed data key (48), nonce (24) and sealed secret.
//! The data key's seal is bound to the version, the master key's id and the place; the secret's to the version and the
//! place only, so that another master key can take over by sealing the data key anew.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use super::VaultError;
use super::key::{ID_LEN, KEY_LEN, MasterKey};

/// The layout above.
pub(super) const VERSION: u8 = 1;

/// Bytes of a nonce of XChaCha20-Poly1305: enough that chance never repeats one.
const NONCE_LEN: usize = 24;

/// Bytes that a seal adds: Poly1305's tag.
const TAG_LEN: usize = 16;

/// What a seal is for, first in its associated data: one can never stand for the other.
#[derive(Clone, Copy)]
pub(super) enum Use {
    DataKey = 1,
    Secret = 2,
}

/// Seals a secret.
pub(super) fn seal(master: &MasterKey, place: &str, plain: &SecretString) -> Vec<u8> {
    let data_key = Zeroizing::new(rand::random::<[u8; KEY_LEN]>());
    let id = master.id();
    let mut out = vec![VERSION];
    out.extend(id);
    out.extend(shut(master.bytes(), &data_key[..], &bound(Use::DataKey, &id, place)));
    out.extend(shut(&data_key, plain.expose_secret().as_bytes(), &bound(Use::Secret, &[], place)));
    out
}

/// What is said of bytes that no key of ours opens, although it should.
pub(super) const DAMAGED: VaultError = VaultError::Sealed("they were changed, cut off or sealed for another place");

/// The id of the master key that a sealed secret of this layout names.
pub(super) fn master_of(sealed: &[u8]) -> Option<[u8; ID_LEN]> {
    let (&version, rest) = sealed.split_first()?;
    rest.split_first_chunk::<ID_LEN>().map(|(id, _)| *id).filter(|_| version == VERSION)
}

/// Opens a sealed secret with whichever of the keys it names.
pub(super) fn open(masters: &[&MasterKey], place: &str, sealed: &[u8]) -> Result<SecretString, VaultError> {
    let damaged = DAMAGED;
    let (&version, rest) = sealed.split_first().ok_or(VaultError::Sealed("there are none"))?;
    if version != VERSION {
        return Err(VaultError::Sealed("they have a layout that this version does not know"));
    }
    let (found, rest) = rest.split_first_chunk::<ID_LEN>().ok_or(damaged.clone())?;
    let Some(master) = masters.iter().find(|master| master.id() == *found) else {
        return Err(other_key(&[*found], masters));
    };
    let ours = *found;
    let (wrapped, secret) = rest.split_at_checked(NONCE_LEN + KEY_LEN + TAG_LEN).ok_or(damaged.clone())?;
    let data_key = unshut(master.bytes(), wrapped, &bound(Use::DataKey, &ours, place)).ok_or(damaged.clone())?;
    let data_key: &[u8; KEY_LEN] = data_key.as_slice().try_into().map_err(|_| damaged.clone())?;
    let plain = unshut(data_key, secret, &bound(Use::Secret, &[], place)).ok_or(damaged)?;
    let text = std::str::from_utf8(&plain).map_err(|_| VaultError::Sealed("they hold no text"))?;
    Ok(SecretString::from(text))
}

/// It was sealed under other master keys than ours.
pub(super) fn other_key(found: &[[u8; ID_LEN]], ours: &[&MasterKey]) -> VaultError {
    let hex = |ids: Vec<String>| ids.join(", ");
    VaultError::OtherKey {
        found: hex(found.iter().map(|id| crate::text::plain::hex(id)).collect()),
        ours: hex(ours.iter().map(|key| crate::text::plain::hex(&key.id())).collect()),
    }
}

/// The associated data of one seal.
fn bound(used: Use, id: &[u8], place: &str) -> Vec<u8> {
    [&[VERSION, used as u8], id, place.as_bytes()].concat()
}

/// A fresh nonce and what it seals.
pub(super) fn shut(key: &[u8; KEY_LEN], plain: &[u8], aad: &[u8]) -> Vec<u8> {
    let nonce = rand::random::<[u8; NONCE_LEN]>();
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad })
        .expect("only a text of more than 256 GiB cannot be sealed");
    [&nonce[..], &sealed].concat()
}

pub(super) fn unshut(key: &[u8; KEY_LEN], sealed: &[u8], aad: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, msg) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let plain = XChaCha20Poly1305::new(key.into()).decrypt(&XNonce::from(*nonce), Payload { msg, aad }).ok()?;
    Some(Zeroizing::new(plain))
}

#[cfg(test)]
mod tests {
    use super::super::{Vault, aad};
    use super::*;

    fn vault(digit: &str) -> Vault {
        Vault::with_key(&SecretString::from(digit.repeat(64))).unwrap()
    }

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[test]
    fn opens_what_it_sealed() {
        let vault = vault("a");
        for text in ["", "t", "{\"access\":\"a\",\"refresh\":\"r\"} ☃", &"x".repeat(100_000)] {
            let sealed = vault.seal("sealed|bluesky|bytes|1", &secret(text));
            assert_eq!(sealed.len(), 1 + 4 + 24 + 48 + 24 + text.len() + 16);
            assert_eq!(vault.open("sealed|bluesky|bytes|1", &sealed).unwrap().expose_secret(), text);
        }
    }

    #[test]
    fn opens_what_an_older_bugle_sealed() {
        // Made with the layout of version 1 by another implementation; a change of the layout needs a new version.
        let hex = GOLDEN.split_whitespace().collect::<String>();
        let sealed: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        let opened = vault("a").open("sealed|x|bytes|1", &sealed).unwrap();
        assert_eq!(opened.expose_secret(), "a token");
    }

    const GOLDEN: &str =
        "01e0e77a506465666768696a6b6c6d6e6f707172737475767778797a7be691bf0c996ac6b1c1be0275288c302b7e2799
        9d50c88d34dc3540023da15d85a345ebd7b721c9d2740141f7b37777a5c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9da
        dbdcdddedf18485ceb2917127c5ccdcd5ecd4f474cbfcd72fa92e221";

    #[test]
    fn two_seals_of_one_secret_share_nothing() {
        let vault = vault("a");
        let (one, two) = (vault.seal("p", &secret("token")), vault.seal("p", &secret("token")));
        assert_eq!(one[..5], two[..5]);
        assert!(one[5..].iter().zip(&two[5..]).filter(|(a, b)| a == b).count() < 20);
        assert!(!one.windows(5).any(|part| part == b"token"));
    }

    #[test]
    fn another_place_cannot_be_opened() {
        let vault = vault("a");
        let sealed = vault.seal(&aad("sealed", "x", "bytes", 1), &secret("token"));
        for place in ["", "sealed|y|bytes|1", "sealed|x|bytes|2", "wall|x|bytes|1", "sealed|x|bytes|1 "] {
            assert!(matches!(vault.open(place, &sealed), Err(VaultError::Sealed(_))), "{place}");
        }
        assert!(vault.open("sealed|x|bytes|1", &sealed).is_ok());
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let vault = vault("a");
        let sealed = vault.seal("p", &secret("a token"));
        for end in 0..sealed.len() {
            assert!(vault.open("p", &sealed[..end]).is_err(), "cut at {end}");
        }
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.open("p", &changed).is_err(), "changed at {at}");
        }
        let mut longer = sealed.clone();
        longer.push(0);
        assert!(vault.open("p", &longer).is_err());
        assert!(vault.open("p", &[0; 200]).is_err());
    }

    #[test]
    fn parts_of_two_seals_do_not_mix() {
        let vault = vault("a");
        let (one, two) = (vault.seal("p", &secret("one")), vault.seal("p", &secret("two")));
        let mixed = [&one[..77], &two[77..]].concat();
        assert!(matches!(vault.open("p", &mixed), Err(VaultError::Sealed(_))));
    }

    #[test]
    fn another_master_key_is_named() {
        let (a, b) = (vault("a"), vault("b"));
        let sealed = a.seal("p", &secret("token"));
        let expected = VaultError::OtherKey { found: a.key_id(), ours: b.key_id() };
        assert_eq!(b.open("p", &sealed).err(), Some(expected));
    }

    #[test]
    fn nothing_is_shown() {
        assert_eq!(format!("{:?}", vault("a")), "Vault");
        assert_eq!(vault("a").key_id().len(), 8);
    }
}
