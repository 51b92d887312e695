//! The second factor of a person: set up, asked for, taken away. The codes themselves are `people::totp`'s; here they are
//! brought together with the store, which keeps the secret sealed. `pages/second.rs` shows it.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::model::id::PersonId;
use crate::model::post::Actor;
use crate::people::{Caller, Fault, People, totp};
use crate::publish::safe::{self, PEOPLE, SafeError, of_person};
use crate::store::person::{self, PersonRow};
use crate::store::{Conn, StoreError, audit, job, session};

/// What the audit log calls it.
const WHAT: &str = "second-factor";

/// The secret of a person, if there is one; in force or not.
///
/// # Errors
/// Where it cannot be opened; the database's.
async fn secret(conn: &mut Conn, people: &People, person: &PersonRow) -> Result<Option<SecretString>, SafeError> {
    let Some(sealed) = &person.totp else { return Ok(None) };
    Ok(Some(safe::open(conn, &people.vault, PEOPLE, of_person(person.id.as_str()), sealed).await?))
}

async fn note(conn: &mut Conn, person: &PersonRow, said: &str, now: Timestamp) -> Result<(), StoreError> {
    let actor = Actor::Person(person.name.clone());
    audit::add(conn, now, &actor, WHAT, person.id.as_str(), (None, None), said).await
}

/// Makes a secret for a person who has none in force. It counts once [`confirm`] has seen a code of it.
///
/// # Errors
/// A conflict where one is in force; the store's.
pub(super) async fn begin(people: &People, person: &PersonRow) -> Result<(), Fault> {
    let (now, id, vault) = (people.clock.now(), person.id.clone(), people.vault.clone());
    let begin = job(move |conn| {
        Box::pin(async move {
            let row = one(&mut *conn, &id).await?;
            if row.has_totp() {
                return Err(StoreError::Conflict("there is a second factor already: take it away first".to_owned()));
            }
            let sealed = safe::seal(&mut *conn, &vault, PEOPLE, of_person(id.as_str()), &totp::fresh(), now).await?;
            person::set_totp(conn, &id, Some(&sealed), None).await
        })
    });
    Ok(people.store.write(begin).await?)
}

/// The secret that waits for its first code.
///
/// # Errors
/// The store's.
pub(super) async fn waiting(people: &People, person: &PersonRow) -> Result<Option<SecretString>, Fault> {
    if person.totp_at.is_some() {
        return Ok(None);
    }
    let mut conn = people.store.read().await?;
    // Sealed under a key that is gone: as if it had never been begun.
    match secret(&mut conn, people, person).await {
        Ok(secret) => Ok(secret),
        Err(SafeError::Vault(_)) => Ok(None),
        Err(SafeError::Store(error)) => Err(error.into()),
    }
}

/// Puts the second factor in force: the first code of it was typed. Gives the recovery codes, which are shown once. The
/// person's other sessions end: they were begun without it.
///
/// # Errors
/// [`Fault::Wrong`], [`Fault::Later`]; the store's.
pub(super) async fn confirm(
    people: &People,
    person: &PersonRow,
    typed: &str,
    here: &str,
    from: &Caller,
) -> Result<Vec<SecretString>, Fault> {
    let attempt = people.attempt(&person.name, from.address).await?;
    let now = people.clock.now();
    let step = waiting(people, person).await?.and_then(|secret| totp::accepted(&secret, typed, now, None));
    let Some(step) = step else { return Err(Fault::Wrong) };
    let codes = totp::recovery_codes();
    let hashes = hashes(&codes);
    let (whose, here) = (person.clone(), here.to_owned());
    let sealed = person.totp.clone();
    let done = job(move |conn| {
        Box::pin(async move {
            let row = one(&mut *conn, &whose.id).await?;
            // Begun anew in another window meanwhile: the code was that of a secret which is no more.
            if row.has_totp() || row.totp != sealed {
                return Err(StoreError::Conflict("it was changed in another window: load this page again".to_owned()));
            }
            attempt.succeeded(&mut *conn, true).await?;
            person::set_totp(&mut *conn, &whose.id, sealed.as_deref(), Some(now)).await?;
            person::use_step(&mut *conn, &whose.id, step).await?;
            person::set_recovery(&mut *conn, &whose.id, &hashes).await?;
            session::end_of(&mut *conn, &whose.id, Some(&here)).await?;
            note(conn, &whose, "set up", now).await
        })
    });
    people.store.write(done).await?;
    Ok(codes)
}

/// Whether that is a code of the person's second factor, or a recovery code of theirs; either works once. Gives how they
/// proved it, for the session and the audit log.
///
/// # Errors
/// [`Fault::Wrong`], [`Fault::Later`]; the store's.
pub(super) async fn check(
    people: &People,
    person: &PersonRow,
    typed: &str,
    from: &Caller,
) -> Result<&'static str, Fault> {
    let attempt = people.attempt(&person.name, from.address).await?;
    let now = people.clock.now();
    let recovery = totp::recovery_hash(typed);
    let opened = {
        let mut conn = people.store.read().await?;
        secret(&mut conn, people, person).await
    };
    let secret = match opened {
        Ok(secret) => secret,
        Err(SafeError::Store(error)) => return Err(error.into()),
        // The recovery codes still open the door; the log says why nothing else does.
        Err(SafeError::Vault(error)) => {
            tracing::error!(person = person.id.as_str(), %error, "a second factor cannot be opened");
            None
        }
    };
    let step = secret.and_then(|secret| totp::accepted(&secret, typed, now, person.totp_step));
    let whose = person.clone();
    let used = job(move |conn| {
        Box::pin(async move {
            // Two windows with one code: the store lets one of them through.
            let how = match (step, recovery) {
                (Some(step), _) if person::use_step(&mut *conn, &whose.id, step).await? => "totp",
                (None, Some(code)) if person::use_recovery(&mut *conn, &whose.id, &code, now).await? => "recovery",
                _ => return Ok(None),
            };
            attempt.succeeded(&mut *conn, true).await?;
            if how == "recovery" {
                let left = person::recovery_left(&mut *conn, &whose.id).await?;
                note(conn, &whose, &format!("a recovery code was used, {left} are left"), now).await?;
            }
            Ok(Some(how))
        })
    });
    match people.store.write(used).await? {
        Some(how) => Ok(how),
        None => {
            people.note_failure(Some(person), "second factor", from).await?;
            Err(Fault::Wrong)
        }
    }
}

/// New recovery codes in the place of the old ones.
///
/// # Errors
/// The store's.
pub(super) async fn new_codes(people: &People, person: &PersonRow) -> Result<Vec<SecretString>, Fault> {
    let codes = totp::recovery_codes();
    let (now, whose, hashes) = (people.clock.now(), person.clone(), hashes(&codes));
    let put = job(move |conn| {
        Box::pin(async move {
            if !one(&mut *conn, &whose.id).await?.has_totp() {
                return Err(StoreError::Conflict("there is no second factor: set one up first".to_owned()));
            }
            person::set_recovery(&mut *conn, &whose.id, &hashes).await?;
            note(conn, &whose, "new recovery codes", now).await
        })
    });
    people.store.write(put).await?;
    Ok(codes)
}

/// Takes a person's second factor away, and its recovery codes.
///
/// # Errors
/// The store's.
pub(super) async fn remove(people: &People, id: &PersonId, by: &str) -> Result<(), Fault> {
    let (now, id, by) = (people.clock.now(), id.clone(), by.to_owned());
    let remove = job(move |conn| {
        Box::pin(async move {
            let row = one(&mut *conn, &id).await?;
            person::set_totp(&mut *conn, &id, None, None).await?;
            person::set_recovery(&mut *conn, &id, &[]).await?;
            if row.has_totp() {
                let said = format!("taken away from {}", row.name);
                audit::add(conn, now, &Actor::Person(by), WHAT, id.as_str(), (None, None), &said).await?;
            }
            Ok(())
        })
    });
    Ok(people.store.write(remove).await?)
}

/// How many recovery codes a person has left.
///
/// # Errors
/// The database's.
pub(super) async fn codes_left(people: &People, person: &PersonRow) -> Result<i64, StoreError> {
    let mut conn = people.store.read().await?;
    person::recovery_left(&mut conn, &person.id).await
}

fn hashes(codes: &[SecretString]) -> Vec<String> {
    codes.iter().filter_map(|code| totp::recovery_hash(code.expose_secret())).collect()
}

/// The person as they are now.
async fn one(conn: &mut Conn, id: &PersonId) -> Result<PersonRow, StoreError> {
    let row = person::one(conn, id).await?;
    row.ok_or_else(|| StoreError::Conflict("there is no such person any more".to_owned()))
}
