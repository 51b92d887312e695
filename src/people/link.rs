//! One-time links: for the first administrator, for new people, for a new password. Who has the link may use it once.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Caller, Fault, Opened, People, fresh, hash, name, password, session};
use crate::model::id::PersonId;
use crate::model::person::Role;
use crate::model::post::Actor;
use crate::store::invite::{self, For, LinkRow};
use crate::store::person::{self, PersonRow};
use crate::store::{Store, StoreError, audit, job};

/// How long an invitation, or a link for a new password, can be used. 72 hours, ours: over a weekend.
pub const WITHIN: SignedDuration = SignedDuration::from_hours(72);

/// The path of the page that makes the first administrator; the link's secret stands in its query as `token`.
pub const SETUP: &str = "/setup";
/// The path under which invitations, and links for a new password, are opened.
pub const INVITE: &str = "/invite";

/// Makes a link within one transaction; its secret is shown once.
async fn print(
    store: &Store,
    what: For,
    by: &str,
    now: Timestamp,
    until: Option<Timestamp>,
) -> Result<SecretString, StoreError> {
    let secret = fresh();
    let row = LinkRow { id: hash(secret.expose_secret()), what, by: by.to_owned(), made: now, until };
    let add = job(move |conn| {
        Box::pin(async move {
            invite::sweep(&mut *conn, now).await?;
            match &row.what {
                // Only the newest counts: who starts Bugle again has not seen the old one, or has lost it.
                For::Setup => invite::forget_setup(&mut *conn).await?,
                For::Reset(person) => invite::forget_resets(&mut *conn, person).await?,
                For::Invitation { .. } => {}
            }
            invite::add(conn, &row).await
        })
    });
    store.write(add).await?;
    Ok(secret)
}

/// A link's secret for setting up the first administrator; `None` where there is one.
///
/// # Errors
/// The store's.
pub async fn setup(store: &Store, now: Timestamp) -> Result<Option<SecretString>, StoreError> {
    let admins = {
        let mut conn = store.read().await?;
        person::admins(&mut conn).await?
    };
    match admins {
        0 => Ok(Some(print(store, For::Setup, "bugle", now, None).await?)),
        _ => Ok(None),
    }
}

/// What an invitation is for, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Who they will be.
    pub name: String,
    /// Their address, where it is known.
    pub email: Option<String>,
    /// What they will be allowed.
    pub role: Role,
}

/// Invites somebody; gives the link's secret, which is shown once.
///
/// # Errors
/// [`Fault::Name`]; a conflict where the name is taken; the store's.
pub async fn invite(store: &Store, asked: &Invitation, by: &str, now: Timestamp) -> Result<SecretString, Fault> {
    let name = name::read(&asked.name).map_err(Fault::Name)?;
    let (taken, said) = (name.clone(), format!("invited {name} as {}", asked.role.word()));
    let actor = Actor::Person(by.to_owned());
    let note = job(move |conn| {
        Box::pin(async move {
            if person::by_login(&mut *conn, &taken).await?.is_some() {
                return Err(StoreError::Conflict(format!("there is a person called {taken:?} already")));
            }
            audit::add(conn, now, &actor, "person", &taken, (None, None), &said).await
        })
    });
    store.write(note).await?;
    let email = asked.email.clone().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty());
    let what = For::Invitation { name, email, role: asked.role };
    Ok(print(store, what, by, now, Some(now + WITHIN)).await?)
}

/// Makes a link by which a person sets a new password; with `totp` their second factor is taken away as well, and their
/// sessions end. The old password stays good until the link is used.
///
/// # Errors
/// [`Fault::Nobody`]; the store's.
pub async fn reset(store: &Store, id: &PersonId, totp: bool, by: &str, now: Timestamp) -> Result<SecretString, Fault> {
    let (whose, actor) = (id.clone(), Actor::Person(by.to_owned()));
    let note = job(move |conn| {
        Box::pin(async move {
            if person::one(&mut *conn, &whose).await?.is_none() {
                return Ok(false);
            }
            let mut said = "a link for a new password was made".to_owned();
            if totp {
                person::set_totp(&mut *conn, &whose, None, None).await?;
                person::set_recovery(&mut *conn, &whose, &[]).await?;
                crate::store::session::end_of(&mut *conn, &whose, None).await?;
                said.push_str(", the second factor was taken away");
            }
            audit::add(conn, now, &actor, "person", whose.as_str(), (None, None), &said).await?;
            Ok(true)
        })
    });
    if !store.write(note).await? {
        return Err(Fault::Nobody);
    }
    Ok(print(store, For::Reset(id.clone()), by, now, Some(now + WITHIN)).await?)
}

impl People {
    /// What that link is for; `None` where it is not good (any more).
    ///
    /// # Errors
    /// The store's.
    pub async fn link(&self, secret: &str) -> Result<Option<LinkRow>, StoreError> {
        let mut conn = self.store.read().await?;
        invite::one(&mut conn, &hash(secret), self.clock.now()).await
    }

    /// Makes the first administrator and signs them in.
    ///
    /// # Errors
    /// [`Fault::Link`], [`Fault::SetUp`], [`Fault::Name`], [`Fault::Weak`]; the store's.
    pub async fn set_up(
        &self,
        secret: &str,
        typed: &str,
        password: SecretString,
        newsroom: &str,
        from: &Caller,
    ) -> Result<Opened, Fault> {
        let name = name::read(typed).map_err(Fault::Name)?;
        match self.link(secret).await? {
            Some(LinkRow { what: For::Setup, .. }) => {}
            _ => return Err(self.no_setup().await?),
        }
        password::judge(password.expose_secret(), &[&name, newsroom]).map_err(Fault::Weak)?;
        let now = self.clock.now();
        let row = PersonRow {
            password: Some(self.hasher.hash(password).await),
            password_at: Some(now),
            ..PersonRow::new(&name, Role::Admin, now)
        };
        let (person, id, from) = (row.clone(), hash(secret), from.clone());
        let make = job(move |conn| {
            Box::pin(async move {
                // Both inside the transaction: of two who use the link at once, one is the first.
                if !invite::take(&mut *conn, &id).await? || person::admins(&mut *conn).await? > 0 {
                    return Ok(None);
                }
                invite::forget_setup(&mut *conn).await?;
                add(&mut *conn, &row, "set up as the first administrator", now).await?;
                session::begin(conn, &row, ("link", false), &from, now).await.map(Some)
            })
        });
        match self.store.write(make).await? {
            Some(secret) => Ok(Opened { secret, person, half: false }),
            None => Err(self.no_setup().await?),
        }
    }

    /// Why a link for the first administrator is not good.
    async fn no_setup(&self) -> Result<Fault, StoreError> {
        Ok(if self.is_set_up().await? { Fault::SetUp } else { Fault::Link })
    }

    /// Whether there is an administrator.
    ///
    /// # Errors
    /// The store's.
    pub async fn is_set_up(&self) -> Result<bool, StoreError> {
        let mut conn = self.store.read().await?;
        Ok(person::admins(&mut conn).await? > 0)
    }

    /// Uses a link: an invited person comes in, or somebody sets a new password (which ends all their sessions). They are
    /// signed in; half, where they have a second factor.
    ///
    /// # Errors
    /// [`Fault::Link`], [`Fault::Weak`]; a conflict where the name was taken meanwhile; the store's.
    pub async fn use_link(
        &self,
        secret: &str,
        password: SecretString,
        newsroom: &str,
        from: &Caller,
    ) -> Result<Opened, Fault> {
        let now = self.clock.now();
        let link = self.link(secret).await?.ok_or(Fault::Link)?;
        let person = match &link.what {
            For::Setup => return Err(Fault::Link),
            For::Invitation { name, email, role } => {
                PersonRow { email: email.clone(), ..PersonRow::new(name, *role, now) }
            }
            For::Reset(id) => {
                let mut conn = self.store.read().await?;
                let known = person::one(&mut conn, id).await?;
                known.filter(|it| it.disabled.is_none()).ok_or(Fault::Link)?
            }
        };
        password::judge(password.expose_secret(), &[&person.name, newsroom]).map_err(Fault::Weak)?;
        let hashed = self.hasher.hash(password).await;
        let person = PersonRow { password: Some(hashed.clone()), password_at: Some(now), ..person };
        let (row, from, half) = (person.clone(), from.clone(), person.has_totp());
        let come = job(move |conn| {
            Box::pin(async move {
                if !invite::take(&mut *conn, &link.id).await? {
                    return Ok(None);
                }
                if let For::Reset(id) = &link.what {
                    crate::store::session::end_of(&mut *conn, id, None).await?;
                    person::set_password(&mut *conn, id, &hashed, now).await?;
                    let actor = Actor::Person(row.name.clone());
                    let said = format!("set a new password by a link that {} had made", link.by);
                    audit::add(&mut *conn, now, &actor, "person", id.as_str(), (None, None), &said).await?;
                } else {
                    add(&mut *conn, &row, &format!("came in, invited by {}", link.by), now).await?;
                }
                session::begin(conn, &row, ("link", half), &from, now).await.map(Some)
            })
        });
        let secret = self.store.write(come).await?.ok_or(Fault::Link)?;
        Ok(Opened { secret, person, half })
    }
}

/// Adds a person, and says so in the audit log in their name.
async fn add(conn: &mut crate::store::Conn, row: &PersonRow, said: &str, now: Timestamp) -> Result<(), StoreError> {
    person::add(&mut *conn, row).await?;
    let actor = Actor::Person(row.name.clone());
    audit::add(conn, now, &actor, "person", row.id.as_str(), (None, Some(row.role.word())), said).await
}
