//! What a source's task remembers: the row as stored, and what is observed over several polls. No network, no store.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::engine::Source;
use crate::source::fetch::{FailKind, Validators};
use crate::source::habit::Habit;
use crate::source::politeness::{Gone, Hints, Move, Rest, Sight};
use crate::store::source::SourceRow;

/// What is observed of a source over several polls, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watched {
    /// The address it moved to for good.
    pub adopted: Option<Url>,
    /// A move under observation.
    pub moving: Move,
    /// 410s under observation.
    pub gone: Gone,
    /// How seldom the source itself asks to be asked, in seconds.
    pub every: Option<u64>,
    /// When it asks not to be asked.
    #[serde(skip_serializing_if = "Rest::is_none")]
    pub rest: Rest,
    /// When its last articles came out.
    pub habit: Habit,
    /// A person was told that it has been silent for long.
    pub silent: bool,
    /// Stopped: gone for good.
    pub stopped: bool,
}

impl Watched {
    /// What it asks for, and what its rhythm suggests. `cache`: how long its last answer is fresh.
    pub fn hints(&self, cache: Option<SignedDuration>, now: Timestamp) -> Hints {
        let every = self.every.and_then(|seconds| i64::try_from(seconds).ok());
        Hints { own: self.habit.wait(now), feed: every.map(SignedDuration::from_secs), cache, rest: self.rest }
    }

    /// A good answer; `moved`: where its permanent redirects led.
    pub fn answered(&mut self, moved: Option<&Url>, now: Timestamp) {
        let (moving, adopt) = std::mem::take(&mut self.moving).saw(moved, now);
        self.moving = moving;
        if adopt.is_some() {
            self.adopted = adopt;
        }
        self.gone = std::mem::take(&mut self.gone).saw(Sight::There, now).0;
        self.stopped = false;
    }

    /// No good answer.
    pub fn failed(&mut self, kind: Option<&FailKind>, now: Timestamp) {
        let sight = if kind == Some(&FailKind::Gone410) { Sight::Gone } else { Sight::Nothing };
        let (gone, stop) = self.gone.saw(sight, now);
        self.gone = gone;
        self.stopped |= stop;
    }
}

/// A source as its task knows it. The row's own copy of what is watched is empty: it is written out when it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The row.
    pub row: SourceRow,
    /// What is observed.
    pub seen: Watched,
    /// The validators are newer than those in the store.
    pub unstored: bool,
}

impl Known {
    /// From the store.
    pub fn of(mut row: SourceRow) -> Self {
        let polite = std::mem::take(&mut row.polite);
        Self { seen: serde_json::from_str(&polite).unwrap_or_default(), row, unstored: false }
    }

    /// One that was never asked.
    pub fn fresh(source: &Source, now: Timestamp) -> Self {
        let row = SourceRow::new(source.name.as_str(), &source.address, now);
        Self { row, seen: Watched::default(), unstored: false }
    }

    /// As it is stored.
    pub fn stored(&self) -> SourceRow {
        SourceRow { polite: crate::store::to_json(&self.seen), ..self.row.clone() }
    }

    /// Where to ask: the config's address, or the one it moved to for good. A new address in the config is a person's
    /// word: what was adopted before does not count any more.
    pub fn address(&self, source: &Source) -> String {
        match &self.seen.adopted {
            Some(adopted) if self.row.url == source.address => adopted.as_str().to_owned(),
            _ => source.address.clone(),
        }
    }

    /// What a conditional request compares with. A source that starts afresh must be read whole.
    pub fn validators(&self) -> Validators {
        if self.row.fresh {
            return Validators::default();
        }
        Validators {
            etag: self.row.etag.clone(),
            last_modified: self.row.last_modified.clone(),
            body_hash: self.row.body_hash.clone(),
        }
    }

    /// The source as it is to be asked now: another place under the same name is not the one that was observed, and
    /// what it lists is not news until it was seen once.
    pub fn at_its_address(&self, source: &Source) -> Self {
        let mut next = self.clone();
        if next.row.url != source.address {
            next.seen = Watched::default();
            (next.row.etag, next.row.last_modified, next.row.body_hash) = (None, None, None);
            next.row.rhythm = None;
            next.row.fresh = next.row.last_good.is_some();
            next.row.url.clone_from(&source.address);
        }
        next
    }

    /// Takes a good answer into the row.
    pub fn is_well(&mut self, validators: Validators, now: Timestamp) {
        let row = &mut self.row;
        row.etag = validators.etag;
        row.last_modified = validators.last_modified;
        row.body_hash = validators.body_hash;
        row.last_good = Some(now);
        row.failures = 0;
        row.failing_since = None;
        (row.error, row.trouble, row.status) = (None, None, None);
    }

    /// For how long it has brought nothing, where that is longer than a source which publishes daily should be silent.
    pub fn odd_silence(&self, now: Timestamp) -> Option<SignedDuration> {
        let patience = self.seen.habit.patience()?;
        let silence = now.duration_since(self.row.last_change?);
        (silence > patience).then_some(silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::identity::Start;

    fn now() -> Timestamp {
        "2026-11-25T12:00:00Z".parse().unwrap()
    }

    fn source(address: &str) -> Source {
        Source {
            name: "wire".into(),
            address: address.to_owned(),
            rhythm: None,
            start: Start::FromNow,
            language: None,
            categories: Vec::new(),
            websub: true,
            hub: None,
            door: None,
            nudge: std::sync::Arc::default(),
            layout: None,
            article_page: crate::source::page::ArticlePage::default(),
            page_wait: SignedDuration::ZERO,
            hosts: Vec::new(),
        }
    }

    fn hours(n: i64) -> SignedDuration {
        SignedDuration::from_hours(n)
    }

    #[test]
    fn a_new_address_in_the_config_starts_afresh() {
        let mut known = Known::fresh(&source("https://old.example/"), now());
        known.seen.adopted = "https://adopted.example/".parse().ok();
        known.row.etag = Some("\"1\"".to_owned());
        known.row.last_good = Some(now());
        assert_eq!(known.address(&source("https://old.example/")), "https://adopted.example/");
        let same = known.at_its_address(&source("https://old.example/"));
        assert_eq!(same, known);

        let elsewhere = source("https://new.example/");
        assert_eq!(known.address(&elsewhere), "https://new.example/");
        let next = known.at_its_address(&elsewhere);
        assert!(next.row.fresh && next.row.etag.is_none() && next.seen == Watched::default(), "{next:?}");
        assert_eq!(next.validators(), Validators::default());
        // One that never answered well brings news at first, as its `start` says.
        known.row.last_good = None;
        assert!(!known.at_its_address(&elsewhere).row.fresh);
    }

    #[test]
    fn what_is_watched_outlasts_the_process() {
        let mut known = Known::fresh(&source("https://a.example/"), now());
        known.seen.rest = Rest::new(&[1, 2], &[6]);
        known.seen.habit.learn([now(), now() - hours(1)], now());
        known.seen.answered(Some(&"https://b.example/".parse().unwrap()), now());
        known.seen.failed(Some(&FailKind::Gone410), now());
        assert_eq!(Known::of(known.stored()), known);
        // What an earlier version stored reads as well, and what nobody can read counts as nothing.
        let row = SourceRow { polite: r#"{"every":600,"stopped":false}"#.to_owned(), ..known.row.clone() };
        assert_eq!(Known::of(row).seen, Watched { every: Some(600), ..Watched::default() });
        let row = SourceRow { polite: "?".to_owned(), ..known.row.clone() };
        assert_eq!(Known::of(row).seen, Watched::default());
    }

    #[test]
    fn a_daily_source_that_is_silent_for_long() {
        let mut known = Known::fresh(&source("https://a.example/"), now());
        for (name, articles, last_change, odd) in [
            ("nothing known", vec![], Some(100), None),
            ("daily, and a night", (0..96).collect::<Vec<i64>>(), Some(12), None),
            ("daily, and a day", (0..96).collect(), Some(25), Some(25)),
            ("weekly", (0..8).map(|n| n * 168).collect(), Some(400), None),
            ("never brought anything", (0..96).collect(), None, None),
        ] {
            known.seen.habit = Habit::default();
            // As it was before it fell silent.
            let silent = hours(last_change.unwrap_or_default());
            known.seen.habit.learn(articles.iter().map(|n| now() - silent - hours(*n)), now());
            known.row.last_change = last_change.map(|n| now() - hours(n));
            assert_eq!(known.odd_silence(now()).map(|it| it.as_hours()), odd, "{name}");
        }
    }
}
