//! Sessions: begun, looked up, turned over, ended. The secret is the browser's; what is kept is its hash.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Caller, People, fresh, hash};
use crate::model::post::Actor;
use crate::store::person::{self, PersonRow};
use crate::store::session::{self, SessionRow};
use crate::store::{Conn, StoreError, audit, job};

/// A session that is not used for so long has ended. 12 hours. Source: reliability.md section 8.
pub const IDLE: SignedDuration = SignedDuration::from_hours(12);
/// A session ends after so long, however much it is used. 7 days. Source: reliability.md section 8.
pub const LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long the second factor may take. 5 minutes, ours: a person fetches a telephone.
pub const HALF: SignedDuration = SignedDuration::from_mins(5);
/// Use is noted no more often than this: an open page asks all day. 5 minutes, ours; small beside the 12 hours.
const NOTED: SignedDuration = SignedDuration::from_mins(5);

/// A session that was just begun: the only time its secret is at hand.
#[derive(Clone)]
pub struct Opened {
    /// What the browser's cookie holds.
    pub secret: SecretString,
    /// Whose it is.
    pub person: PersonRow,
    /// Whether the second factor is still asked for.
    pub half: bool,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("person", &self.person).field("half", &self.half).finish_non_exhaustive()
    }
}

/// Whether a session is open to that person at that time.
pub fn is_open(session: &SessionRow, person: &PersonRow, now: Timestamp) -> bool {
    person.disabled.is_none() && now < session.until && now.duration_since(session.seen) < IDLE
}

/// Begins a session within the caller's transaction, and notes in the audit log that they signed in (unless the second
/// factor is still to come).
///
/// # Errors
/// The database's.
pub async fn begin(
    conn: &mut Conn,
    person: &PersonRow,
    (how, half): (&str, bool),
    from: &Caller,
    now: Timestamp,
) -> Result<SecretString, StoreError> {
    session::sweep(&mut *conn, now - IDLE, now).await?;
    let secret = fresh();
    let row = SessionRow {
        id: hash(secret.expose_secret()),
        person: person.id.clone(),
        half,
        how: how.to_owned(),
        address: from.address.to_string(),
        agent: from.agent.chars().filter(|c| !c.is_control()).take(300).collect(),
        begun: now,
        seen: now,
        until: now + if half { HALF } else { LIFE },
    };
    session::add(&mut *conn, &row).await?;
    if !half {
        person::set_signed_in(&mut *conn, &person.id, now).await?;
        let actor = Actor::Person(person.name.clone());
        let said = format!("signed in by {how} from {}", from.address);
        audit::add(conn, now, &actor, "sign-in", person.id.as_str(), (None, None), &said).await?;
    }
    Ok(secret)
}

impl People {
    /// The open session with that secret, and whose it is. A half one is given too: the caller looks at `half`.
    ///
    /// # Errors
    /// The database's.
    pub async fn session(&self, secret: &str) -> Result<Option<(SessionRow, PersonRow)>, StoreError> {
        let now = self.clock.now();
        let found = {
            let mut conn = self.store.read().await?;
            session::one(&mut conn, &hash(secret)).await?
        };
        let found = found.filter(|(session, person)| is_open(session, person, now));
        if let Some((session, _)) = &found
            && now.duration_since(session.seen) >= NOTED
        {
            let id = session.id.clone();
            let touch = job(move |conn| Box::pin(async move { session::touch(conn, &id, now).await }));
            // A store that cannot be written to is no reason to show nothing.
            if let Err(error) = self.store.write(touch).await {
                tracing::warn!(%error, "the use of a session was not noted");
            }
        }
        Ok(found)
    }

    /// Whether that session is still open: what is sent to a browser on and on asks again and again.
    ///
    /// # Errors
    /// The database's.
    pub async fn is_open(&self, id: &str) -> Result<bool, StoreError> {
        let mut conn = self.store.read().await?;
        let found = session::one(&mut conn, id).await?;
        Ok(found.is_some_and(|(session, person)| !session.half && is_open(&session, &person, self.clock.now())))
    }

    /// Begins a session for a person who has shown who they are.
    ///
    /// # Errors
    /// The database's.
    pub async fn open(
        &self,
        person: &PersonRow,
        how: &'static str,
        half: bool,
        from: &Caller,
    ) -> Result<Opened, StoreError> {
        let (now, owner, from) = (self.clock.now(), person.clone(), from.clone());
        let begun = job(move |conn| Box::pin(async move { begin(conn, &owner, (how, half), &from, now).await }));
        Ok(Opened { secret: self.store.write(begun).await?, person: person.clone(), half })
    }

    /// Ends a session and begins another in its place: after the second factor, and wherever a person may more than before.
    ///
    /// # Errors
    /// A conflict where the old one has ended; the database's.
    pub async fn turn_over(
        &self,
        old: &SessionRow,
        person: &PersonRow,
        how: &'static str,
        from: &Caller,
    ) -> Result<Opened, StoreError> {
        let (now, owner, from, id) = (self.clock.now(), person.clone(), from.clone(), old.id.clone());
        let turn = job(move |conn| {
            Box::pin(async move {
                if !session::end(&mut *conn, &id).await? {
                    return Err(StoreError::Conflict("this session has ended: sign in again".to_owned()));
                }
                begin(conn, &owner, (how, false), &from, now).await
            })
        });
        Ok(Opened { secret: self.store.write(turn).await?, person: person.clone(), half: false })
    }

    /// Signs out: the session ends here, whatever the browser keeps.
    ///
    /// # Errors
    /// The database's.
    pub async fn sign_out(&self, id: &str, person: &PersonRow) -> Result<(), StoreError> {
        let (now, id, owner, name) =
            (self.clock.now(), id.to_owned(), person.id.clone(), Actor::Person(person.name.clone()));
        let end = job(move |conn| {
            Box::pin(async move {
                if session::end(&mut *conn, &id).await? {
                    audit::add(conn, now, &name, "sign-in", owner.as_str(), (None, None), "signed out").await?;
                }
                Ok(())
            })
        });
        self.store.write(end).await
    }
}
