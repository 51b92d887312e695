//! What may be done to people who are here: another role, shut out and let in again, their sessions ended, a new password.
//! Whoever may less or more than before is signed out everywhere.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Caller, Fault, Opened, People, password, session as sessions};
use crate::model::id::PersonId;
use crate::model::person::Role;
use crate::model::post::Actor;
use crate::store::invite;
use crate::store::person::{self, PersonRow};
use crate::store::{Conn, Store, audit, job, session};

/// The person, unless nobody who may do everything would be left without them.
async fn spared(conn: &mut Conn, id: &PersonId) -> Result<Result<PersonRow, Fault>, crate::store::StoreError> {
    let Some(row) = person::one(&mut *conn, id).await? else { return Ok(Err(Fault::Nobody)) };
    let is_admin = row.role == Role::Admin && row.disabled.is_none();
    if is_admin && person::admins(conn).await? <= 1 {
        return Ok(Err(Fault::Last(row.name)));
    }
    Ok(Ok(row))
}

/// Gives a person another role and ends their sessions.
///
/// # Errors
/// [`Fault::Nobody`], [`Fault::Last`]; the store's.
pub async fn set_role(store: &Store, id: &PersonId, role: Role, by: &str, now: Timestamp) -> Result<(), Fault> {
    let (id, actor) = (id.clone(), Actor::Person(by.to_owned()));
    let change = job(move |conn| {
        Box::pin(async move {
            let known = match role {
                Role::Admin => person::one(&mut *conn, &id).await?.ok_or(Fault::Nobody),
                _ => match person::one(&mut *conn, &id).await? {
                    Some(row) if row.role == role => Ok(row),
                    _ => spared(&mut *conn, &id).await?,
                },
            };
            let row = match known {
                Ok(row) if row.role == role => return Ok(Ok(())),
                Ok(row) => row,
                Err(fault) => return Ok(Err(fault)),
            };
            person::set_role(&mut *conn, &id, role).await?;
            session::end_of(&mut *conn, &id, None).await?;
            let arrow = (Some(row.role.word()), Some(role.word()));
            let said = format!("{} is {} now", row.name, role.word());
            audit::add(conn, now, &actor, "person", id.as_str(), arrow, &said).await?;
            Ok(Ok(()))
        })
    });
    store.write(change).await?
}

/// Shuts a person out: they cannot sign in, their sessions end, their links are void. Or lets them in again.
///
/// # Errors
/// [`Fault::Nobody`], [`Fault::Last`]; the store's.
pub async fn set_disabled(store: &Store, id: &PersonId, shut: bool, by: &str, now: Timestamp) -> Result<(), Fault> {
    let (id, actor) = (id.clone(), Actor::Person(by.to_owned()));
    let change = job(move |conn| {
        Box::pin(async move {
            let known = match shut {
                true => spared(&mut *conn, &id).await?,
                false => person::one(&mut *conn, &id).await?.ok_or(Fault::Nobody),
            };
            let row = match known {
                Ok(row) if row.disabled.is_some() == shut => return Ok(Ok(())),
                Ok(row) => row,
                Err(fault) => return Ok(Err(fault)),
            };
            person::set_disabled(&mut *conn, &id, shut.then_some(now)).await?;
            session::end_of(&mut *conn, &id, None).await?;
            invite::forget_resets(&mut *conn, &id).await?;
            let said = format!("{} may {} sign in", row.name, if shut { "no longer" } else { "again" });
            audit::add(conn, now, &actor, "person", id.as_str(), (None, None), &said).await?;
            Ok(Ok(()))
        })
    });
    store.write(change).await?
}

/// Ends all sessions of a person, but for the one that is named. Gives how many.
///
/// # Errors
/// The store's.
pub async fn end_sessions(
    store: &Store,
    id: &PersonId,
    but: Option<&str>,
    by: &str,
    now: Timestamp,
) -> Result<u64, Fault> {
    let (id, but, actor) = (id.clone(), but.map(str::to_owned), Actor::Person(by.to_owned()));
    let end = job(move |conn| {
        Box::pin(async move {
            let ended = session::end_of(&mut *conn, &id, but.as_deref()).await?;
            if ended > 0 {
                let said = match ended {
                    1 => "one session was ended".to_owned(),
                    n => format!("{n} sessions were ended"),
                };
                audit::add(conn, now, &actor, "sign-in", id.as_str(), (None, None), &said).await?;
            }
            Ok(ended)
        })
    });
    Ok(store.write(end).await?)
}

/// Ends one session, if it is that person's. Gives whether it was there.
///
/// # Errors
/// The store's.
pub async fn end_session(store: &Store, whose: &PersonRow, id: &str, now: Timestamp) -> Result<bool, Fault> {
    let (owner, id, actor) = (whose.id.clone(), id.to_owned(), Actor::Person(whose.name.clone()));
    let end = job(move |conn| {
        Box::pin(async move {
            // Whoever names another person's session is told that there is none.
            let own = session::one(&mut *conn, &id).await?.is_some_and(|(_, person)| person.id == owner);
            if !own || !session::end(&mut *conn, &id).await? {
                return Ok(false);
            }
            audit::add(conn, now, &actor, "sign-in", owner.as_str(), (None, None), "one session was ended").await?;
            Ok(true)
        })
    });
    Ok(store.write(end).await?)
}

/// Takes an invitation, or a link for a new password, back. Gives whether it was there.
///
/// # Errors
/// The store's.
pub async fn withdraw(store: &Store, id: &str, by: &str, now: Timestamp) -> Result<bool, Fault> {
    let (id, actor) = (id.to_owned(), Actor::Person(by.to_owned()));
    let take = job(move |conn| {
        Box::pin(async move {
            let Some(link) = invite::one(&mut *conn, &id, now).await? else { return Ok(false) };
            let (subject, said) = match &link.what {
                // Not a thing of the desk: the first administrator takes it away.
                invite::For::Setup => return Ok(false),
                invite::For::Invitation { name, .. } => {
                    (name.clone(), format!("the invitation of {name} was taken back"))
                }
                invite::For::Reset(person) => {
                    (person.as_str().to_owned(), "the link for a new password was taken back".to_owned())
                }
            };
            invite::take(&mut *conn, &id).await?;
            audit::add(conn, now, &actor, "person", &subject, (None, None), &said).await?;
            Ok(true)
        })
    });
    Ok(store.write(take).await?)
}

impl People {
    /// A person changes their own password: the old one is asked for, all their sessions end, and a new one begins here.
    ///
    /// # Errors
    /// [`Fault::Wrong`], [`Fault::Later`], [`Fault::Weak`]; the store's.
    pub async fn change_password(
        &self,
        person: &PersonRow,
        (old, new): (&SecretString, SecretString),
        newsroom: &str,
        from: &Caller,
    ) -> Result<Opened, Fault> {
        // First, so that a weak new one costs no try.
        password::judge(new.expose_secret(), &[&person.name, newsroom]).map_err(Fault::Weak)?;
        self.confirm(person, old, from).await?;
        let (hash, now) = (self.hasher.hash(new).await, self.clock.now());
        let (row, from) = (person.clone(), from.clone());
        let change = job(move |conn| {
            Box::pin(async move {
                person::set_password(&mut *conn, &row.id, &hash, now).await?;
                session::end_of(&mut *conn, &row.id, None).await?;
                invite::forget_resets(&mut *conn, &row.id).await?;
                let actor = Actor::Person(row.name.clone());
                let said = "changed their password; all sessions were ended";
                audit::add(&mut *conn, now, &actor, "person", row.id.as_str(), (None, None), said).await?;
                sessions::begin(conn, &row, ("password", false), &from, now).await
            })
        });
        Ok(Opened { secret: self.store.write(change).await?, person: person.clone(), half: false })
    }
}
