//! What adapters note of limits and of reads that cost, on its way into the store: gathered during a turn of a lane, kept
//! together with the outcome it came with, so that it costs no commit of its own.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::model::channel::{Pause, PauseScope};
use crate::model::limit::{Said, WHOLE};
use crate::model::money::Price;
use crate::platform::{Meter, PauseScopeKind, Usage};
use crate::schedule::limits;
use crate::store::spend::Charge;
use crate::store::{Conn, StoreError, limit, pause, spend};

/// What was noted since it was last taken.
#[derive(Debug, Default)]
pub struct Notes {
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    usages: Vec<Usage>,
    reads: Vec<(&'static str, Price)>,
}

impl Notes {
    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        let noted = self.lock();
        noted.usages.is_empty() && noted.reads.is_empty()
    }

    /// Takes everything, made ready for the store.
    pub fn take(&self, of: &Origin<'_>, stored: &mut HashMap<String, Said>, now: Timestamp) -> Jotted {
        let Noted { usages, reads } = std::mem::take(&mut *self.lock());
        let mut jotted = Jotted::default();
        for usage in &usages {
            let said = of.said(usage, now);
            if limits::is_news(stored.get(&said.word), &said) {
                stored.insert(said.word.clone(), said.clone());
                // Of several answers of one turn, the last is what counts.
                jotted.said.retain(|earlier| earlier.word != said.word);
                jotted.said.push(said);
            }
        }
        let charged = reads.into_iter().filter(|(_, price)| !price.is_zero());
        jotted.reads.extend(charged.map(|(what, price)| of.charge(what, price, now)));
        jotted
    }
}

impl Meter for Notes {
    fn note(&self, usage: Usage) {
        self.lock().usages.push(usage);
    }

    fn spend(&self, what: &'static str, price: Price) {
        self.lock().reads.push((what, price));
    }
}

/// Whose notes they are.
pub struct Origin<'a> {
    /// The channel's name.
    pub channel: &'a str,
    /// The digest of the developer app that pays.
    pub app: Option<String>,
    /// How a limit's reach becomes a scope.
    pub scope: &'a dyn Fn(PauseScopeKind) -> PauseScope,
    /// How far the platform's clock is ahead of ours, where that is known.
    pub ahead: Option<SignedDuration>,
    /// The newsroom's zone.
    pub zone: &'a TimeZone,
}

impl Origin<'_> {
    fn said(&self, usage: &Usage, now: Timestamp) -> Said {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 0 to 100 times the whole"
        )]
        #[expect(clippy::cast_precision_loss, reason = "a million")]
        let used = (usage.used * WHOLE as f64).clamp(0.0, WHOLE as f64 * 100.0).round() as u64;
        let ahead = self.ahead.unwrap_or(SignedDuration::ZERO);
        Said {
            word: usage.limit.to_owned(),
            scope: (self.scope)(usage.scope),
            channel: self.channel.to_owned(),
            used,
            left: usage.left,
            resets: usage.resets.map(|resets| resets.checked_sub(ahead).unwrap_or(resets)),
            at: now,
        }
    }

    fn charge(&self, what: &str, price: Price, now: Timestamp) -> Charge {
        Charge {
            id: uuid::Uuid::now_v7().to_string(),
            channel: self.channel.to_owned(),
            app: self.app.clone(),
            post: None,
            what: what.to_owned(),
            price,
            day: self.zone.to_datetime(now).date(),
            at: now,
        }
    }
}

/// Notes ready for the store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Jotted {
    /// What was said of limits.
    pub said: Vec<Said>,
    /// What reading cost.
    pub reads: Vec<Charge>,
}

impl Jotted {
    /// Whether there is nothing to keep.
    pub const fn is_empty(&self) -> bool {
        self.said.is_empty() && self.reads.is_empty()
    }

    /// Keeps it; a limit that is used up pauses its scope, before the platform has to refuse anything.
    ///
    /// # Errors
    /// The database's.
    pub async fn keep(&self, conn: &mut Conn, now: Timestamp) -> Result<(), StoreError> {
        for said in &self.said {
            limit::put(conn, said, limits::is_tight(said)).await?;
            if let Some(until) = limits::rest(said, now) {
                let why = format!("{}: used up until it counts anew", said.describe());
                let by = "the platform's own limit".to_owned();
                pause::put(conn, &Pause { scope: said.scope.clone(), until: Some(until), why, by, since: now }).await?;
            }
        }
        for charge in &self.reads {
            spend::add(conn, charge).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_become_words_of_our_clock_and_repeats_are_left_out() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let zone = TimeZone::get("Asia/Baku").unwrap();
        let scope = |kind| match kind {
            PauseScopeKind::App => PauseScope::App("a".to_owned()),
            _ => PauseScope::Channel("x".to_owned()),
        };
        let ahead = Some(SignedDuration::from_secs(30));
        let of = Origin { channel: "x", app: Some("a".to_owned()), scope: &scope, ahead, zone: &zone };
        let notes = Notes::default();
        let usage = |left: u64| Usage {
            limit: "calls",
            scope: PauseScopeKind::App,
            #[expect(clippy::cast_precision_loss, reason = "small")]
            used: 1.0 - left as f64 / 100.0,
            left: Some(left),
            resets: Some(now + SignedDuration::from_secs(90)),
        };
        let mut stored = HashMap::new();
        notes.note(usage(99));
        notes.spend("own posts read", Price::micros(25_000));
        notes.spend("own posts read", Price::ZERO);
        let first = notes.take(&of, &mut stored, now);
        let [said] = &first.said[..] else { panic!("{first:?}") };
        assert_eq!((said.used, said.left, &said.scope), (10_000, Some(99), &PauseScope::App("a".to_owned())));
        assert_eq!(said.resets, Some(now + SignedDuration::from_secs(60)));
        let [read] = &first.reads[..] else { panic!("{first:?}") };
        assert_eq!((read.price, read.day.to_string().as_str()), (Price::micros(25_000), "2027-01-15"));
        assert!(notes.take(&of, &mut stored, now).is_empty());
        notes.note(usage(98));
        assert!(notes.take(&of, &mut stored, now).is_empty(), "hardly another");
        notes.note(usage(2));
        notes.note(usage(0));
        assert_eq!(notes.take(&of, &mut stored, now).said[0].left, Some(0), "the last word counts");
    }
}
