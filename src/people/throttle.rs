//! How long the next try to sign in has to wait. Tries are counted for each account and for each address, in the store,
//! before the password is looked at: tries that come at the same time cannot slip by together, and a restart forgets none.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use super::{Fault, People, hash};
use crate::store::person::login;
use crate::store::session::{self, Tries};
use crate::store::{Conn, StoreError, job};

/// How waits grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Curve {
    /// So many failed tries cost nothing.
    free: i64,
    /// The longest wait, in seconds.
    most: i64,
}

/// Of one account. Ours: a person mistypes a few times; and since anybody can fail in another's name, no wait is so long
/// that its owner could be kept out, while one try a minute is 1,440 a day against a password of 12 characters.
const ACCOUNT: Curve = Curve { free: 5, most: 60 };
/// Of one address. Ours: a whole newsroom may share one.
const ADDRESS: Curve = Curve { free: 20, most: 15 * 60 };
/// Failures are forgotten after a day without one. Ours.
const FORGET: SignedDuration = SignedDuration::from_hours(24);

impl Curve {
    /// How long to wait after that many failures: 1 s, 2 s, 4 s … up to the most.
    fn wait(self, failures: i64) -> SignedDuration {
        let over = failures - self.free;
        if over <= 0 {
            return SignedDuration::ZERO;
        }
        SignedDuration::from_secs(1_i64.checked_shl(u32::try_from(over - 1).unwrap_or(u32::MAX)).map_or(
            self.most,
            // The sign bit is a shift away.
            |seconds| if seconds <= 0 { self.most } else { seconds.min(self.most) },
        ))
    }

    /// A try now: what is noted of it, as if it failed; or how long it has to wait.
    fn attempt(self, known: Option<&Tries>, now: Timestamp) -> Result<Tries, SignedDuration> {
        // A clock that was put back makes nobody wait for longer than the most.
        let left = known.map_or(SignedDuration::ZERO, |tries| tries.until.duration_since(now));
        if left > SignedDuration::ZERO && left <= SignedDuration::from_secs(self.most) {
            return Err(left);
        }
        let counts = |tries: &&Tries| now.duration_since(tries.last) < FORGET;
        let failures = known.filter(counts).map_or(0, |tries| tries.failures).saturating_add(1);
        Ok(Tries { failures, last: now, until: now + self.wait(failures) })
    }
}

/// Whom addresses are counted for: one of IPv4, a network of 64 bits of IPv6, of which one host has billions.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(it) => it.to_string(),
        IpAddr::V6(it) => {
            let [a, b, c, d, ..] = it.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// A try that may be made, and is noted as failed until it succeeds.
#[derive(Clone, Debug)]
pub struct Attempt {
    account: String,
    address: String,
}

impl Attempt {
    /// It succeeded. The account's failures are forgotten with `all`, else as many as before this try (where a second factor
    /// is still to come, guessing has not ended); the address's are what they were before. (Who has an account of their own
    /// must not be able to forget an address's failures by it.)
    ///
    /// # Errors
    /// The database's.
    pub async fn succeeded(&self, conn: &mut Conn, all: bool) -> Result<(), StoreError> {
        take_back(&mut *conn, &self.address).await?;
        match all {
            true => session::forget_tries(conn, &self.account).await,
            false => take_back(conn, &self.account).await,
        }
    }
}

/// One failure less.
async fn take_back(conn: &mut Conn, id: &str) -> Result<(), StoreError> {
    let Some(tries) = session::tries(&mut *conn, id).await? else { return Ok(()) };
    session::set_tries(conn, id, &Tries { failures: (tries.failures - 1).max(0), until: tries.last, ..tries }).await
}

impl People {
    /// Notes a try to sign in to that account from that address. `account` is a name as it was typed, or a word and an id:
    /// it is kept as a hash, since people type passwords into the wrong field.
    ///
    /// # Errors
    /// [`Fault::Later`]; the database's.
    pub async fn attempt(&self, account: &str, address: IpAddr) -> Result<Attempt, Fault> {
        let attempt = Attempt {
            account: format!("who:{}", hash(&login(account))),
            address: format!("from:{}", network(address)),
        };
        let (now, noted) = (self.clock.now(), attempt.clone());
        let note = job(move |conn| {
            Box::pin(async move {
                session::sweep_tries(&mut *conn, now - FORGET).await?;
                let account = ACCOUNT.attempt(session::tries(&mut *conn, &noted.account).await?.as_ref(), now);
                let address = ADDRESS.attempt(session::tries(&mut *conn, &noted.address).await?.as_ref(), now);
                // What may not be tried is not counted: waiting is enough.
                let (account, address) = match (account, address) {
                    (Ok(account), Ok(address)) => (account, address),
                    (Err(a), Err(b)) => return Ok(Some(a.max(b))),
                    (Err(left), Ok(_)) | (Ok(_), Err(left)) => return Ok(Some(left)),
                };
                session::set_tries(&mut *conn, &noted.account, &account).await?;
                session::set_tries(conn, &noted.address, &address).await?;
                Ok(None)
            })
        });
        match self.store.write(note).await? {
            Some(left) => Err(Fault::Later(left)),
            None => Ok(attempt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bearable() {
        for (curve, failures, seconds) in [
            (ACCOUNT, 0, 0),
            (ACCOUNT, 5, 0),
            (ACCOUNT, 6, 1),
            (ACCOUNT, 7, 2),
            (ACCOUNT, 11, 32),
            (ACCOUNT, 12, 60),
            (ACCOUNT, 69, 60),
            (ACCOUNT, 70, 60),
            (ACCOUNT, i64::MAX, 60),
            (ADDRESS, 20, 0),
            (ADDRESS, 21, 1),
            (ADDRESS, 30, 512),
            (ADDRESS, 31, 900),
            (ADDRESS, 1_000_000, 900),
        ] {
            assert_eq!(curve.wait(failures).as_secs(), seconds, "{curve:?} after {failures}");
        }
    }

    #[test]
    fn a_try_is_counted_before_its_outcome_is_known() {
        let now: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        let at = |seconds| now + SignedDuration::from_secs(seconds);
        let tries = |failures, last, until| Tries { failures, last: at(last), until: at(until) };
        for (known, expected) in [
            (None, Ok(tries(1, 0, 0))),
            (Some(tries(4, -9, -9)), Ok(tries(5, 0, 0))),
            (Some(tries(5, -9, -9)), Ok(tries(6, 0, 1))),
            (Some(tries(8, -3, 1)), Err(1)),
            (Some(tries(8, -4, 0)), Ok(tries(9, 0, 8))),
            // A day later all is forgotten.
            (Some(tries(50, -86_400, -86_340)), Ok(tries(1, 0, 0))),
            // The clock was put back by a year: nobody waits for it.
            (Some(tries(8, 31_536_000, 31_536_060)), Ok(tries(9, 0, 8))),
        ] {
            let found = ACCOUNT.attempt(known.as_ref(), now).map_err(|left| left.as_secs());
            assert_eq!(found, expected, "{known:?}");
        }
    }

    #[test]
    fn addresses_are_counted_by_who_holds_them() {
        for (address, counted) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
            ("::1", "0:0:0:0::/64"),
        ] {
            assert_eq!(network(address.parse().unwrap()), counted);
        }
    }
}
