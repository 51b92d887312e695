//! One channel's worker: everything done on the channel, one thing at a time. It never sleeps by itself: the engine
//! calls [`Lane::turn`] again at the time a turn names, or when something changed.

mod doubt;
mod next;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::meter::{Jotted, Notes, Origin};
use super::ports::{SealedKeep, StoreWall};
use super::settle::{self, Fate, Settlement};
use super::{Channel, House, amend, call, identity_of, retry, tokens};
use crate::model::channel::Block;
use crate::model::grant::Credential;
use crate::model::limit::Said;
use crate::model::post::Actor;
use crate::platform::{ConnectError, Context, Identity};
use crate::store::channel::ChannelRow;
use crate::store::{StoreError, channel, notice};
use crate::telemetry::PostOutcome;

/// How long an answered introduction is trusted before the server is asked again.
const TRUSTED: SignedDuration = SignedDuration::from_hours(24);
/// How much earlier a channel's daily introduction may be, by its name, in seconds. Ours, 2026-11.
const EARLIER: f64 = 3_600.0;
/// How long to wait after an introduction that was not answered, in seconds under `[timing] scale`.
const ASK_AGAIN: f64 = 60.0;
/// Posts in a row after which take-downs and look-ups get their turn.
const STREAK: u32 = 16;

/// What a turn came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Something was done: ask again at once.
    Again,
    /// Nothing to do before that instant, or (`None`) before something changes.
    Idle(Option<Timestamp>),
}

/// The worker.
pub struct Lane {
    house: Arc<House>,
    channel: Channel,
    /// The last post's outcome, kept for the commit that claims the next.
    pending: Option<Settlement>,
    /// Failures to reach the platform in a row, and until when the channel backs off.
    unreachable: u32,
    backs_off: Option<Timestamp>,
    /// Unknown outcomes in a row; and the breaker: harmless calls that failed, and when to try the next.
    unknowns: u32,
    breaker: Option<(u32, Timestamp)>,
    /// When to introduce ourselves again.
    introduce: Option<Timestamp>,
    /// Look-ups in a row that told nothing.
    blind_looks: u32,
    /// Posts claimed together with the outcome of the one before, in a row.
    streak: u32,
    /// The channel's row as the last claim took it: what the next turn of a streak works with. A claim checks again
    /// whatever may have changed since.
    taken: Option<ChannelRow>,
    /// What was last stored of the platform's limits, by their words.
    said: HashMap<String, Said>,
}

/// What one turn works with.
struct Hands {
    /// A pause is in force: nothing new is shown, what is out may come down.
    is_paused: bool,
    identity: Option<Identity>,
    credential: Credential,
    keep: SealedKeep,
    wall: StoreWall,
    /// What is noted in this turn of limits and reads.
    notes: Notes,
    now: Timestamp,
}

impl Lane {
    /// A worker for that channel.
    pub fn new(house: Arc<House>, channel: Channel) -> Self {
        Self {
            house,
            channel,
            pending: None,
            unreachable: 0,
            backs_off: None,
            unknowns: 0,
            breaker: None,
            introduce: None,
            blind_looks: 0,
            streak: 0,
            taken: None,
            said: HashMap::new(),
        }
    }

    /// The channel's name.
    pub fn name(&self) -> &str {
        self.channel.name.as_str()
    }

    /// Does the next thing there is to do.
    ///
    /// # Errors
    /// The database's; nothing is lost, the next turn or the sweep takes it up.
    pub async fn turn(&mut self) -> Result<Turn, StoreError> {
        let Some(hands) = self.hands().await? else {
            // When the channel opens again, who it belongs to is asked before anything else.
            self.introduce = None;
            self.flush().await?;
            return Ok(Turn::Idle(Some(self.house.clock.now() + retry::scaled(15.0, self.house.scale))));
        };
        let turn = self.work(&hands).await;
        // What no outcome took with it.
        let noted = self.noted(&hands);
        if !noted.is_empty() {
            let now = self.house.clock.now();
            let job = crate::store::job(move |conn| Box::pin(async move { noted.keep(conn, now).await }));
            self.house.store.write(job).await?;
        }
        turn
    }

    async fn work(&mut self, hands: &Hands) -> Result<Turn, StoreError> {
        self.streak += 1;
        if self.streak >= STREAK {
            self.flush().await?;
        }
        if self.pending.is_none() {
            self.streak = 0;
            if let Some(turn) = self.introduce(hands).await? {
                return Ok(turn);
            }
            if self.amend(hands).await? || self.reconcile(hands).await? {
                return Ok(Turn::Again);
            }
        }
        let turn = self.publish_next(hands).await;
        if turn != Ok(Turn::Again) && self.pending.is_some() {
            self.flush().await?;
            // What was stored just now may be work itself (a post in doubt), and the turn's time is from before it.
            return turn.map(|_| Turn::Again);
        }
        turn
    }

    /// What was noted since, ready for the store.
    fn noted(&mut self, hands: &Hands) -> Jotted {
        if hands.notes.is_empty() {
            return Jotted::default();
        }
        let account = &self.channel.account;
        let of = Origin {
            channel: self.channel.name.as_str(),
            app: account.app_scope(&hands.credential),
            scope: &|kind| self.channel.scope(kind, &hands.credential),
            ahead: account.server().and_then(|server| self.house.http.clock_ahead(server)),
            zone: &self.house.zone,
        };
        hands.notes.take(&of, &mut self.said, self.house.clock.now())
    }

    /// Stores what is still kept back: before the process ends, or when there is nothing to claim with it.
    ///
    /// # Errors
    /// The database's.
    pub async fn flush(&mut self) -> Result<(), StoreError> {
        let Some(settlement) = self.pending.take() else { return Ok(()) };
        let (first, second) = (settlement.clone(), settlement.clone());
        let job = crate::store::job(move |conn| Box::pin(async move { settle::write(conn, &first).await }));
        match self.house.store.write(job).await {
            Err(StoreError::Conflict(_)) => {
                let job =
                    crate::store::job(move |conn| Box::pin(async move { settle::write_late(conn, &second).await }));
                self.house.store.write(job).await?;
            }
            Err(e) => {
                self.pending = Some(settlement);
                return Err(e);
            }
            Ok(()) => {}
        }
        self.recorded(&settlement);
        Ok(())
    }

    fn recorded(&self, settlement: &Settlement) {
        crate::crash::point("recorded");
        let platform = self.channel.account.spec().id;
        let row = &settlement.row;
        match &settlement.fate {
            Fate::Published(receipt) => {
                tracing::info!(post.id = row.id(), channel.id = self.name(), platform, url = receipt.url, "published");
            }
            Fate::Back { why, .. } => {
                tracing::info!(
                    post.id = row.id(),
                    channel.id = self.name(),
                    platform,
                    why,
                    "not sent; tried again later"
                );
            }
            Fate::Uncertain { said } => {
                tracing::warn!(
                    post.id = row.id(),
                    channel.id = self.name(),
                    platform,
                    said,
                    "sent, but the answer was lost"
                );
            }
            Fate::Failed(reason) => {
                tracing::warn!(post.id = row.id(), channel.id = self.name(), platform, said = reason.said, "refused");
            }
            Fate::Held(why) => {
                tracing::warn!(post.id = row.id(), channel.id = self.name(), platform, %why, "held");
            }
        }
        let outcome = match settlement.fate {
            Fate::Published(_) => Some(PostOutcome::Published),
            Fate::Back { .. } => None,
            Fate::Uncertain { .. } => Some(PostOutcome::Uncertain),
            Fate::Failed(_) => Some(PostOutcome::Failed),
            Fate::Held(_) => Some(PostOutcome::Held),
        };
        if let Some(outcome) = outcome {
            self.house.metrics.post(platform, outcome);
        }
        crate::crash::point("followed");
    }

    /// The channel's row and secrets; `None` while it is blocked.
    async fn hands(&mut self) -> Result<Option<Hands>, StoreError> {
        let now = self.house.clock.now();
        let streak = self.taken.take().filter(|_| self.pending.is_some());
        let (row, pauses) = match streak {
            Some(row) => (row, Vec::new()),
            None => {
                let mut conn = self.house.store.read().await?;
                let Some(row) = channel::one(&mut conn, self.name()).await? else { return Ok(None) };
                (row, crate::store::pause::all(&mut conn).await?)
            }
        };
        let credential = match (self.channel.credential(), &row.blocked) {
            (Err(what), None) => {
                self.block(Block::MissingSecret { what }, now).await?;
                return Ok(None);
            }
            (Err(_), Some(_)) => return Ok(None),
            (Ok(_), Some(Block::MissingSecret { .. })) => {
                self.unblock(now).await?;
                return Ok(None);
            }
            (Ok(_), Some(_)) => return Ok(None),
            (Ok(credential), None) => credential,
        };
        let (store, name) = (self.house.store.clone(), self.name().to_owned());
        let clock = self.house.clock.clone();
        let keep = SealedKeep {
            store: store.clone(),
            vault: self.house.vault.clone(),
            channel: name.clone(),
            clock: clock.clone(),
        };
        let identity = identity_of(row.identity.as_deref());
        let scopes = self.channel.scopes(&credential);
        let is_paused = pauses.iter().any(|it| scopes.contains(&it.scope) && it.until.is_none_or(|until| until > now));
        let wall = StoreWall { store, channel: name, clock };
        Ok(Some(Hands { is_paused, identity, credential, keep, wall, notes: Notes::default(), now }))
    }

    fn context<'a>(&'a self, hands: &'a Hands) -> Context<'a> {
        Context {
            http: &self.house.http,
            credential: &hands.credential,
            keep: &hands.keep,
            wall: &hands.wall,
            studio: &self.house.studio,
            clock: &*self.house.clock,
            scale: self.house.scale,
            identity: hands.identity.as_ref(),
            meter: &hands.notes,
        }
    }

    async fn block(&self, block: Block, now: Timestamp) -> Result<(), StoreError> {
        let name = self.name().to_owned();
        let job = crate::store::job(move |conn| {
            Box::pin(async move {
                channel::set_blocked(conn, &name, Some(&block), now).await?;
                channel::set_closed(conn, &name, Some(now)).await?;
                notice::raise(conn, &settle::blocked(&name, &block), now).await?;
                let why = block.to_string();
                crate::store::audit::add(conn, now, &Actor::Bugle, "channel", &name, (None, Some("blocked")), &why)
                    .await
            })
        });
        self.house.store.write(job).await
    }

    async fn unblock(&self, now: Timestamp) -> Result<(), StoreError> {
        let name = self.name().to_owned();
        let job = crate::store::job(move |conn| {
            Box::pin(async move {
                channel::set_blocked(conn, &name, None, now).await?;
                notice::settle(conn, &format!("channel.{name}.blocked")).await?;
                let why = "the cause is gone";
                crate::store::audit::add(conn, now, &Actor::Bugle, "channel", &name, (Some("blocked"), None), why).await
            })
        });
        self.house.store.write(job).await
    }

    /// Asks the server who we are, at start and daily; a channel never posts under another account than its first.
    async fn introduce(&mut self, hands: &Hands) -> Result<Option<Turn>, StoreError> {
        if self.introduce.is_some_and(|at| still(at, hands.now, TRUSTED)) {
            return Ok(None);
        }
        let asked = call::whoami(&self.house, &self.channel, &self.context(hands)).await;
        let identity = match asked {
            Ok(identity) => {
                self.probed(None, hands.now).await?;
                identity
            }
            Err(ConnectError::Unreachable(said)) => {
                // Posting does not wait for it: the send itself tells whether the platform can be reached.
                tracing::debug!(channel.id = self.name(), said, "the account could not introduce itself");
                self.introduce = Some(hands.now + retry::scaled(ASK_AGAIN, self.house.scale));
                return Ok(None);
            }
            Err(ConnectError::Forbidden(said)) => {
                self.probed(Some(said.clone()), hands.now).await?;
                self.block(Block::Forbidden { said }, hands.now).await?;
                return Ok(Some(Turn::Again));
            }
            Err(ConnectError::Refused(said)) => {
                self.probed(Some(said.clone()), hands.now).await?;
                self.block(Block::Token { said }, hands.now).await?;
                return Ok(Some(Turn::Again));
            }
        };
        // Not all channels at the same time of the day.
        let own = f64::from(tokens::spread(self.name())) / f64::from(u16::MAX);
        self.introduce = Some(hands.now + TRUSTED - retry::scaled(EARLIER * own, 1.0));
        if let Some(first) = hands.identity.as_ref().filter(|first| first.id != identity.id) {
            let block = Block::OtherAccount {
                expected: format!("{} ({})", first.handle, first.id),
                found: format!("{} ({})", identity.handle, identity.id),
            };
            self.block(block, hands.now).await?;
            return Ok(Some(Turn::Again));
        }
        if hands.identity.as_ref() == Some(&identity) {
            return Ok(None);
        }
        let (name, text) = (self.name().to_owned(), crate::store::to_json(&identity));
        let job =
            crate::store::job(move |conn| Box::pin(async move { channel::set_identity(conn, &name, &text).await }));
        self.house.store.write(job).await?;
        Ok(Some(Turn::Again))
    }

    /// Notes what came of an introduction.
    async fn probed(&self, refused: Option<String>, now: Timestamp) -> Result<(), StoreError> {
        let name = self.name().to_owned();
        let job = crate::store::job(move |conn| {
            Box::pin(async move { crate::store::token::probed(conn, &name, refused.as_deref(), now).await })
        });
        self.house.store.write(job).await
    }

    async fn amend(&self, hands: &Hands) -> Result<bool, StoreError> {
        let mut conn = self.house.store.read().await?;
        let wish = crate::store::amend::next(&mut conn, self.name(), hands.now, hands.is_paused).await?;
        drop(conn);
        let Some(wish) = wish else { return Ok(false) };
        amend::carry_out(&self.house, &self.channel, &self.context(hands), wish).await?;
        Ok(true)
    }
}

/// Whether a wait until then still holds: one that is further away than its longest was set before the clock was put
/// back.
fn still(until: Timestamp, now: Timestamp, longest: SignedDuration) -> bool {
    until > now && until.duration_since(now) <= longest
}
