//! Signing in with name and password.

use secrecy::{ExposeSecret as _, SecretString};

use super::password::MOST;
use super::throttle::Attempt;
use super::{Caller, Fault, Opened, People, session};
use crate::model::post::Actor;
use crate::store::person::{self, PersonRow};
use crate::store::{audit, job};

/// What the audit log says of a person nobody knows. Never the name that was typed: it may have been a password.
const UNKNOWN: &str = "somebody";

impl People {
    /// Signs a person in. The session is half where they have a second factor: it opens nothing but the page that asks
    /// for it. Unknown people, people without a password and people who are shut out are answered alike, after as long.
    ///
    /// # Errors
    /// [`Fault::Wrong`], [`Fault::Later`]; the store's.
    pub async fn sign_in(&self, name: &str, password: &SecretString, from: &Caller) -> Result<Opened, Fault> {
        let attempt = self.attempt(name, from.address).await?;
        let found = {
            let mut conn = self.store.read().await?;
            person::by_login(&mut conn, name).await?
        };
        let hash = found.as_ref().filter(|it| it.disabled.is_none()).and_then(|it| it.password.clone());
        let short = password.expose_secret().chars().count() <= MOST;
        let good = self.hasher.verify(password.clone(), hash.filter(|_| short)).await;
        let Some(person) = found.clone().filter(|_| good) else {
            self.note_failure(found.as_ref(), "password", from).await?;
            return Err(Fault::Wrong);
        };
        self.let_in(person, "password", attempt, from).await
    }

    /// Begins the session of a person who has shown who they are, half where a second factor is asked for.
    async fn let_in(
        &self,
        person: PersonRow,
        how: &'static str,
        attempt: Attempt,
        from: &Caller,
    ) -> Result<Opened, Fault> {
        let (now, half, from) = (self.clock.now(), person.has_totp(), from.clone());
        let owner = person.clone();
        let begin = job(move |conn| {
            Box::pin(async move {
                attempt.succeeded(&mut *conn, !half).await?;
                session::begin(conn, &owner, (how, half), &from, now).await
            })
        });
        Ok(Opened { secret: self.store.write(begin).await?, person, half })
    }

    /// Notes in the audit log that somebody failed to sign in: a person, or nobody we know.
    ///
    /// # Errors
    /// The store's.
    pub async fn note_failure(&self, person: Option<&PersonRow>, how: &str, from: &Caller) -> Result<(), Fault> {
        let now = self.clock.now();
        let (name, id) =
            person.map_or((UNKNOWN.to_owned(), UNKNOWN.to_owned()), |it| (it.name.clone(), it.id.as_str().to_owned()));
        let said = format!("failed to sign in by {how} from {}", from.address);
        let note = job(move |conn| {
            Box::pin(
                async move { audit::add(conn, now, &Actor::Person(name), "sign-in", &id, (None, None), &said).await },
            )
        });
        Ok(self.store.write(note).await?)
    }

    /// Whether that is the person's password. A try like any other.
    ///
    /// # Errors
    /// [`Fault::Wrong`], [`Fault::Later`]; the store's.
    pub async fn confirm(&self, person: &PersonRow, password: &SecretString, from: &Caller) -> Result<(), Fault> {
        let attempt = self.attempt(&person.name, from.address).await?;
        if !self.hasher.verify(password.clone(), person.password.clone()).await {
            self.note_failure(Some(person), "password", from).await?;
            return Err(Fault::Wrong);
        }
        let done = job(move |conn| Box::pin(async move { attempt.succeeded(conn, true).await }));
        Ok(self.store.write(done).await?)
    }
}
