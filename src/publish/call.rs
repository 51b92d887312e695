//! How an account is called: a refused token is renewed once and the call repeated once, and the channel's secrets are
//! taken out of the platform's words before anything keeps them. Every call of publishing goes through here.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::renew::{Renewed, renew};
use super::{Channel, House};
use crate::model::grant::{Credential, Grant};
use crate::model::receipt::{Receipt, Step};
use crate::platform::scrub::Watched;
use crate::platform::{
    Amend, ConnectError, Context, Identity, Journal, Lookup, Payload, PublishError, Sought, StepBook,
};

/// A book that hands on what a platform says without the channel's secrets.
struct Clean<'a, B: ?Sized> {
    book: &'a mut B,
    watched: &'a Watched<'a>,
    credential: &'a Credential,
}

#[async_trait]
impl<B: StepBook + ?Sized> StepBook for Clean<'_, B> {
    fn done(&self, step: Step) -> Option<Value> {
        self.book.done(step)
    }

    async fn begin(&mut self, step: Step, hash: &str, deadline: Duration) -> Result<(), PublishError> {
        self.book.begin(step, hash, deadline).await
    }

    async fn record(&mut self, step: Step, outcome: &Result<Value, PublishError>) {
        match outcome {
            Ok(_) => self.book.record(step, outcome).await,
            Err(error) => {
                let clean = self.watched.scrub(self.credential).error(error.clone());
                self.book.record(step, &Err(clean)).await;
            }
        }
    }
}

/// As [`Account::publish`](crate::platform::Account::publish).
///
/// # Errors
/// The same.
pub async fn publish<B: StepBook>(
    house: &House,
    channel: &Channel,
    cx: &Context<'_>,
    payload: &Payload,
    book: &mut B,
) -> Result<Receipt, PublishError> {
    let watched = Watched::new(cx.keep);
    let cx = Context { keep: &watched, ..*cx };
    let mut clean = Clean { book, watched: &watched, credential: cx.credential };
    let mut outcome = channel.account.publish(&cx, payload, &mut Journal::new(&mut clean)).await;
    if let Err(PublishError::Auth { said }) = outcome {
        outcome = match renewed(house, channel, &cx, &watched, said).await {
            Ok(()) => channel.account.publish(&cx, payload, &mut Journal::new(&mut clean)).await,
            Err(error) => Err(error),
        };
    }
    outcome.map_err(|error| watched.scrub(cx.credential).error(error))
}

/// As [`Account::amend`](crate::platform::Account::amend).
///
/// # Errors
/// The same.
pub async fn amend<B: StepBook>(
    house: &House,
    channel: &Channel,
    cx: &Context<'_>,
    what: &Amend,
    book: &mut B,
) -> Result<Receipt, PublishError> {
    let watched = Watched::new(cx.keep);
    let cx = Context { keep: &watched, ..*cx };
    let mut clean = Clean { book, watched: &watched, credential: cx.credential };
    let mut outcome = channel.account.amend(&cx, what, &mut Journal::new(&mut clean)).await;
    if let Err(PublishError::Auth { said }) = outcome {
        outcome = match renewed(house, channel, &cx, &watched, said).await {
            Ok(()) => channel.account.amend(&cx, what, &mut Journal::new(&mut clean)).await,
            Err(error) => Err(error),
        };
    }
    outcome.map_err(|error| watched.scrub(cx.credential).error(error))
}

/// As [`Account::find`](crate::platform::Account::find), each try within the platform's deadline.
///
/// # Errors
/// The same.
pub async fn find(
    house: &House,
    channel: &Channel,
    cx: &Context<'_>,
    sought: &Sought<'_>,
) -> Result<Lookup, PublishError> {
    let watched = Watched::new(cx.keep);
    let cx = Context { keep: &watched, ..*cx };
    let deadline = channel.account.spec().deadline;
    let once = async || match tokio::time::timeout(deadline, channel.account.find(&cx, sought)).await {
        Ok(answer) => answer,
        Err(_) => Err(PublishError::Unknown { said: "the look-up had no answer in time".to_owned() }),
    };
    let mut outcome = once().await;
    if let Err(PublishError::Auth { said }) = outcome {
        outcome = match renewed(house, channel, &cx, &watched, said).await {
            Ok(()) => once().await,
            Err(error) => Err(error),
        };
    }
    let scrub = watched.scrub(cx.credential);
    outcome.map(|found| scrub.lookup(found)).map_err(|error| scrub.error(error))
}

/// As [`Account::whoami`](crate::platform::Account::whoami), each try within the platform's deadline.
///
/// # Errors
/// The same.
pub async fn whoami(house: &House, channel: &Channel, cx: &Context<'_>) -> Result<Identity, ConnectError> {
    let watched = Watched::new(cx.keep);
    let cx = Context { keep: &watched, ..*cx };
    let deadline = channel.account.spec().deadline;
    let once = async || match tokio::time::timeout(deadline, channel.account.whoami(&cx)).await {
        Ok(said) => said,
        Err(_) => Err(ConnectError::Unreachable("no answer in time".to_owned())),
    };
    let mut outcome = once().await;
    if let Err(ConnectError::Refused(said)) = outcome {
        outcome = match renewed(house, channel, &cx, &watched, said).await {
            Ok(()) => once().await,
            Err(PublishError::Auth { said }) => Err(ConnectError::Refused(said)),
            Err(error) => Err(ConnectError::Unreachable(error.to_string())),
        };
    }
    outcome.map_err(|error| watched.scrub(cx.credential).connect_error(error))
}

/// What follows a refused token: `Ok`, and the call may be repeated once; else what it comes to.
async fn renewed(
    house: &House,
    channel: &Channel,
    cx: &Context<'_>,
    watched: &Watched<'_>,
    said: String,
) -> Result<(), PublishError> {
    // The token that was refused is that of the grant as the call read it last.
    let used = watched.last(Grant::WORD).as_ref().and_then(Grant::read);
    let Some(used) = used else { return Err(PublishError::Auth { said }) };
    match renew(house, channel, cx, Some(&used.access)).await {
        Ok(Renewed::Fresh) => Ok(()),
        Ok(Renewed::Later(why)) => {
            Err(PublishError::NotSent { said: format!("the token is refused ({said}) and not renewed yet: {why}") })
        }
        // The platform was asked and declines: the token stays refused, and the channel is asked again by the hour.
        Ok(Renewed::Declined(why)) => Err(PublishError::Auth { said: format!("{said}; it is not renewed now: {why}") }),
        Ok(Renewed::Dead(why)) if why == said => Err(PublishError::Auth { said }),
        Ok(Renewed::Dead(why)) => Err(PublishError::Auth { said: format!("{said}; it cannot be renewed: {why}") }),
        Ok(Renewed::Nothing) => Err(PublishError::Auth { said }),
        Err(error) => Err(PublishError::NotSent { said: format!("the token is refused ({said}): {error}") }),
    }
}
