//! The journal: every changing call of an adapter goes through it, so that its intent is stored before the first byte
//! leaves and its outcome before the next step begins. A step whose outcome is stored is never sent again.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::PublishError;
use crate::model::receipt::Step;

/// The store behind a journal; implemented by `publish`.
#[async_trait]
pub trait StepBook: Send {
    /// The stored value of a step that was done before, by this or an earlier claim.
    fn done(&self, step: Step) -> Option<Value>;

    /// Commits the intent durably, renews the lease and checks that it covers `deadline`. `hash`: SHA-256 of the
    /// request, in hex.
    ///
    /// # Errors
    /// `NotSent` where the store fails or the lease is lost or too short: then nothing may be sent.
    async fn begin(&mut self, step: Step, hash: &str, deadline: Duration) -> Result<(), PublishError>;

    /// Stores the outcome of the begun step. The last step's outcome may be kept back for the commit that also stores
    /// the post's new state.
    async fn record(&mut self, step: Step, outcome: &Result<Value, PublishError>);
}

/// The journal of one publish.
pub struct Journal<'a> {
    book: &'a mut dyn StepBook,
}

impl<'a> Journal<'a> {
    /// A journal over that store.
    pub fn new(book: &'a mut dyn StepBook) -> Self {
        Self { book }
    }

    /// The stored value of a step, if it was done.
    pub fn done(&self, step: Step) -> Option<Value> {
        self.book.done(step)
    }

    /// begin → lease check → send → record. `request` is what is about to be sent, as bytes: its hash is stored.
    /// `send` is only called when the intent is durable and the lease covers `deadline`; it is cut off at the deadline,
    /// and what was cut off is [`PublishError::Unknown`].
    ///
    /// # Errors
    /// What `send` says; `NotSent` where it was not called; `Unknown` at the deadline.
    pub async fn step<F>(
        &mut self,
        step: Step,
        request: &[u8],
        deadline: Duration,
        send: impl FnOnce() -> F + Send,
    ) -> Result<Value, PublishError>
    where
        F: Future<Output = Result<Value, PublishError>> + Send,
    {
        use sha2::Digest as _;
        if let Some(value) = self.book.done(step) {
            return Ok(value);
        }
        let hash = crate::text::plain::hex(&sha2::Sha256::digest(request));
        self.book.begin(step, &hash, deadline).await?;
        let outcome = match tokio::time::timeout(deadline, crate::crash::in_flight(send())).await {
            Ok(outcome) => outcome,
            Err(_) => Err(PublishError::Unknown { said: format!("no answer within {} s", deadline.as_secs_f64()) }),
        };
        self.book.record(step, &outcome).await;
        outcome
    }
}
