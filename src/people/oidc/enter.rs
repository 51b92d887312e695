//! The person and the session that come of the service's word.

use super::{Fault, Who};
use crate::model::person::Role;
use crate::model::post::Actor;
use crate::people::{Caller, Opened, People, session};
use crate::store::invite::{self, For};
use crate::store::person::{self, PersonRow};
use crate::store::{self, Conn, StoreError, audit, job};

/// Words of the audit log.
const BY: &str = "oidc";

impl People {
    /// Lets in whom the service vouches for. Known are people by issuer and subject: who gets an old
    /// colleague's address must not get the account with it. Somebody new becomes a person here. The session is half
    /// where they have a second factor here.
    ///
    /// # Errors
    /// [`Fault::Closed`]; the store's.
    pub async fn enter(&self, issuer: &str, who: Who, from: &Caller) -> Result<Opened, Fault> {
        let (now, issuer, from) = (self.clock.now(), issuer.to_owned(), from.clone());
        let enter = job(move |conn| {
            Box::pin(async move {
                let known = person::by_oidc(&mut *conn, &issuer, &who.subject).await?;
                // An administrator who wrote this address beside a person has said who comes by it.
                let known = match known {
                    Some(person) => Some(person),
                    None => meant(&mut *conn, &who).await?,
                };
                let person = match known {
                    Some(person) if person.disabled.is_some() => return Ok(Err(person)),
                    Some(person) => again(&mut *conn, person, &who, &issuer, now).await?,
                    None => new(&mut *conn, &who, &issuer, now).await?,
                };
                let half = person.has_totp();
                let secret = session::begin(&mut *conn, &person, (BY, half), &from, now).await?;
                store::meta::touch(conn).await?;
                Ok(Ok(Opened { secret, person, half }))
            })
        });
        match self.store.write(enter).await? {
            Ok(opened) => Ok(opened),
            Err(closed) => {
                tracing::info!(person = closed.id.as_str(), "a closed account was refused");
                Err(Fault::Closed)
            }
        }
    }
}

/// Somebody who is here: known to the service from now on, with its address, and its role where it says one.
async fn again(
    conn: &mut Conn,
    mut person: PersonRow,
    who: &Who,
    issuer: &str,
    now: jiff::Timestamp,
) -> Result<PersonRow, StoreError> {
    if person.oidc.is_none() {
        let actor = Actor::Person(person.name.clone());
        let said = format!("came by the sign-in service as {} for the first time", who.email);
        audit::add(&mut *conn, now, &actor, "person", person.id.as_str(), (None, None), &said).await?;
    }
    if person.oidc.is_none() || person.email.as_deref() != Some(who.email.as_str()) {
        person::set_oidc(&mut *conn, &person.id, (issuer, &who.subject), Some(&who.email)).await?;
        person.oidc = Some((issuer.to_owned(), who.subject.clone()));
        person.email = Some(who.email.clone());
    }
    if !who.is_told || who.role == person.role {
        return Ok(person);
    }
    // Whatever the service says: somebody must be left who may do everything.
    let is_last = person.role == Role::Admin && person::admins(&mut *conn).await? <= 1;
    if is_last {
        tracing::warn!("the sign-in service would take the last administrator away; they stay one");
        return Ok(person);
    }
    person::set_role(&mut *conn, &person.id, who.role).await?;
    // What is open under the old role ends.
    store::session::end_of(&mut *conn, &person.id, None).await?;
    let (old, new) = (person.role.word(), who.role.word());
    let said = "the sign-in service says so";
    let actor = Actor::Person(person.name.clone());
    audit::add(conn, now, &actor, "person", person.id.as_str(), (Some(old), Some(new)), said).await?;
    person.role = who.role;
    Ok(person)
}

/// The person beside whom an administrator wrote that address, where nobody has come by it yet.
async fn meant(conn: &mut Conn, who: &Who) -> Result<Option<PersonRow>, StoreError> {
    let everybody = person::all(conn).await?;
    Ok(everybody.into_iter().find(|it| it.oidc.is_none() && is_same(it.email.as_deref(), &who.email)))
}

/// Somebody new: as an invitation with their address has them, else as the service does.
async fn new(conn: &mut Conn, who: &Who, issuer: &str, now: jiff::Timestamp) -> Result<PersonRow, StoreError> {
    let (mut invited, mut role) = (None, who.role);
    for link in invite::all(&mut *conn, now).await? {
        if let For::Invitation { name, email, role: meant } = link.what
            && is_same(email.as_deref(), &who.email)
            && invite::take(&mut *conn, &link.id).await?
        {
            role = if who.is_told { who.role } else { meant };
            invited = Some(name);
            break;
        }
    }
    let name = free_name(&mut *conn, invited, who).await?;
    let mut person = PersonRow::new(&name, role, now);
    person.email = Some(who.email.clone());
    person.oidc = Some((issuer.to_owned(), who.subject.clone()));
    person::add(&mut *conn, &person).await?;
    let actor = Actor::Person(person.name.clone());
    let said = format!("came by the sign-in service as {}", who.email);
    audit::add(conn, now, &actor, "person", person.id.as_str(), (None, Some(role.word())), &said).await?;
    Ok(person)
}

/// Whether an address that an administrator wrote is the one that the service has verified.
fn is_same(written: Option<&str>, verified: &str) -> bool {
    written.is_some_and(|written| written.trim().eq_ignore_ascii_case(verified))
}

/// A name that nobody has: the invitation's, what the service calls them, else the address, else the address with a number.
async fn free_name(conn: &mut Conn, invited: Option<String>, who: &Who) -> Result<String, StoreError> {
    let plain: String =
        who.email.chars().map(|c| if c.is_alphanumeric() || "._-@".contains(c) { c } else { '-' }).collect();
    let plain: String = plain.chars().take(56).collect();
    let numbered = (2..1_000).map(|n| format!("{plain} {n}"));
    for name in invited.into_iter().chain(who.name.clone()).chain([plain.clone()]).chain(numbered) {
        if person::by_login(&mut *conn, &name).await?.is_none() {
            return Ok(name);
        }
    }
    Err(StoreError::Conflict(format!("there are too many people called {plain:?}")))
}
