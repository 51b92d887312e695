//! What became of a post whose answer was lost: pure decisions by recovery class (reliability.md section 2).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{OnUncertain, retry};
use crate::model::post::HoldReason;
use crate::model::receipt::{Op, Outcome, Step};
use crate::platform::Recovery;
use crate::store::attempt::AttemptRow;

/// Earliest first and second look-up after the attempt, in seconds: a request given up may still be processed, and a
/// look-up may lag. Source: reliability.md section 2, classes key and look.
const LOOKS_AFTER: (f64, f64) = (60.0, 300.0);
/// How often a post may be sent again after proof of absence. Source: reliability.md section 1, state `uncertain`.
const RESENDS: i64 = 2;
/// After this long in doubt a person decides, in seconds. Source: reliability.md section 2.
const GIVE_UP: f64 = 86_400.0;
/// How long the old owner may be alive or unreachable before a person decides, in seconds.
const OWNER: f64 = 3600.0;

/// What is known of a post in doubt.
#[derive(Clone, Debug)]
pub struct Doubt {
    /// How the account can settle it.
    pub recovery: Recovery,
    /// What to do where it cannot.
    pub on_uncertain: OnUncertain,
    /// The step in doubt.
    pub step: Step,
    /// When the first attempt with this payload was begun: the platform's key lives from then on.
    pub first_begun: Timestamp,
    /// When the last attempt was begun.
    pub begun: Timestamp,
    /// Since when it is in doubt.
    pub since: Timestamp,
    /// Look-ups that found it absent.
    pub looks: i64,
    /// How often it was sent again.
    pub resends: i64,
    /// Whether the process that sent it has let go of it: it stored an end, or is proved dead.
    pub let_go: bool,
    /// The platform said "already posted".
    pub duplicate: bool,
    /// After this instant late news is not sent.
    pub expires: Option<Timestamp>,
    /// Now.
    pub now: Timestamp,
    /// `[timing] scale`.
    pub scale: f64,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Nothing before that instant.
    Wait(Timestamp),
    /// Ask the platform.
    Look,
    /// It may be sent again, not before that instant.
    Again(Timestamp),
    /// A person decides.
    Hold(HoldReason),
}

/// What a look-up said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Not there.
    Absent,
    /// The platform answered, but the answer settles nothing: several matches, another text.
    Ambiguous(String),
    /// No usable answer: unreachable, rate limited, an error.
    Nothing(String),
}

fn hold(evidence: impl Into<String>) -> Move {
    Move::Hold(HoldReason::Doubt { evidence: evidence.into() })
}

/// Whether a key first sent at `begun` is still remembered for certain; a sixth of the window is left as margin for the
/// repeat.
pub fn key_lives(window: Duration, begun: Timestamp, now: Timestamp, scale: f64) -> bool {
    let safe = window.mul_f64(scale * 5.0 / 6.0);
    now < begun + SignedDuration::try_from(safe).unwrap_or(SignedDuration::ZERO)
}

/// What an absence means for a post that was sent under a key which does not live any more, and whose repeat was refused:
/// such a post counts as look. `looks`: absences seen before this one since then; `begun`: when it was last sent.
/// `None`: absent; else when it is to be looked for again.
pub fn late_absence(looks: i64, begun: Timestamp, now: Timestamp, scale: f64) -> Option<Timestamp> {
    let second = begun + retry::scaled(LOOKS_AFTER.1, scale);
    let again = second.max(now + retry::scaled(LOOKS_AFTER.0, scale));
    (looks < 1 || now < second).then_some(again)
}

impl Doubt {
    fn after(&self, seconds: f64) -> Timestamp {
        self.begun + retry::scaled(seconds, self.scale)
    }

    fn key_lives(&self, window: Duration) -> bool {
        key_lives(window, self.first_begun, self.now, self.scale)
    }

    /// Before any look-up.
    pub fn next(&self) -> Move {
        if self.now >= self.first_begun + retry::scaled(GIVE_UP, self.scale) {
            return hold("nothing could settle for 24 hours whether it was posted");
        }
        if self.expires.is_some_and(|expires| self.now >= expires) {
            return hold("its news is old by now, and nothing could settle whether it was posted");
        }
        let wait_or_look = |at| if self.now < at { Move::Wait(at) } else { Move::Look };
        match self.recovery {
            Recovery::OwnId => Move::Look,
            Recovery::Key { .. } => wait_or_look(self.after(LOOKS_AFTER.0)),
            Recovery::Look => wait_or_look(self.after(if self.looks == 0 { LOOKS_AFTER.0 } else { LOOKS_AFTER.1 })),
            Recovery::Blind => match self.on_uncertain {
                OnUncertain::Repost if self.resends < RESENDS => Move::Again(self.now),
                OnUncertain::Repost => hold("sent again twice, each time without a clear answer"),
                OnUncertain::Hold => {
                    hold("the answer was lost, and this platform shows nobody what was posted; look at it there")
                }
            },
        }
    }

    /// After a look-up that did not find it; `failures` counts those in a row that told nothing.
    pub fn after_look(&self, seen: &Seen, failures: u32) -> Move {
        let again = Move::Again(self.pause_before_resend());
        match (self.recovery, seen) {
            (_, Seen::Absent | Seen::Ambiguous(_)) if self.duplicate => {
                hold("the platform says it was posted already, but it is not to be found")
            }
            (Recovery::OwnId, Seen::Absent) => again,
            // The same key again is harmless, whatever the look-up says.
            (Recovery::Key { window }, _) if self.key_lives(window) => again,
            (Recovery::OwnId | Recovery::Key { .. } | Recovery::Look | Recovery::Blind, Seen::Ambiguous(why)) => {
                hold(why.clone())
            }
            (_, Seen::Nothing(_)) => Move::Wait(self.now + retry::look_again(failures, self.scale)),
            (Recovery::Key { .. } | Recovery::Look | Recovery::Blind, Seen::Absent) => self.believe_absent(),
        }
    }

    fn believe_absent(&self) -> Move {
        let second = self.after(LOOKS_AFTER.1);
        if self.looks + 1 < 2 || self.now < second {
            return Move::Wait(second.max(self.now + retry::scaled(1.0, self.scale)));
        }
        if !self.let_go {
            if self.now >= self.since + retry::scaled(OWNER, self.scale) {
                return hold("the process that sent it cannot be proved to have let go of it");
            }
            return Move::Wait(self.now + retry::look_again(0, self.scale));
        }
        if self.resends >= RESENDS {
            return hold("sent again twice, each time without a clear answer");
        }
        Move::Again(self.now)
    }

    /// Repeats that are harmless are still paced, so that a server which answers every request with an error is not
    /// flooded.
    fn pause_before_resend(&self) -> Timestamp {
        match u32::try_from(self.resends) {
            Ok(0) | Err(_) => self.now,
            Ok(n) => self.now + retry::backoff(n, 0.999, self.scale),
        }
    }
}

/// The visible step that is in doubt, from a post's attempts of one revision: the last one begun and not done.
pub fn in_doubt(attempts: &[AttemptRow], revision: u16) -> Option<(Step, &AttemptRow, Timestamp)> {
    let mine =
        || attempts.iter().filter(move |row| row.attempt.revision == revision && row.attempt.step.op == Op::Create);
    let last = mine().next_back()?;
    if matches!(last.attempt.outcome, Some(Outcome::Done { .. })) {
        return None;
    }
    let step = last.attempt.step;
    let first = mine().find(|row| row.attempt.step == step).map_or(last.attempt.begun, |row| row.attempt.begun);
    Some((step, last, first))
}

/// How far back of an attempt a match counts where the platform's clock was not known. Source: reliability.md section 2.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(25);
/// The margin where it was known. Same source.
const MARGIN: SignedDuration = SignedDuration::from_mins(2);

/// From when on, by the platform's clock, what it shows may be one of our attempts at that step.
pub fn shown_since(attempts: &[AttemptRow], revision: u16, step: Step) -> Option<Timestamp> {
    let mine = attempts.iter().filter(|row| row.attempt.revision == revision && row.attempt.step == step);
    mine.map(|row| match row.clock_ahead {
        Some(ahead) => row.attempt.begun + ahead - MARGIN,
        None => row.attempt.begun - WINDOW,
    })
    .min()
}

/// Whether the platform answered the attempt with "already posted".
pub fn said_duplicate(row: &AttemptRow) -> bool {
    matches!(&row.attempt.outcome, Some(Outcome::Not { class, .. }) if class == "duplicate")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("in range")
    }

    fn doubt(recovery: Recovery, now: i64) -> Doubt {
        Doubt {
            recovery,
            on_uncertain: OnUncertain::Hold,
            step: crate::platform::ONLY,
            first_begun: at(0),
            begun: at(0),
            since: at(1),
            looks: 0,
            resends: 0,
            let_go: true,
            duplicate: false,
            expires: Some(at(12 * 3600)),
            now: at(now),
            scale: 1.0,
        }
    }

    const KEY: Recovery = Recovery::Key { window: Duration::from_secs(3600) };

    #[test]
    fn a_key_that_died_takes_two_looks() {
        for (looks, now, again) in [
            (0, 110, Some(300)),
            (0, 290, Some(350)),
            (0, 4000, Some(4060)),
            (1, 299, Some(359)),
            (1, 300, None),
            (2, 4000, None),
        ] {
            assert_eq!(late_absence(looks, at(0), at(now), 1.0), again.map(at), "{looks} {now}");
        }
    }

    #[test]
    fn each_class_looks_when_it_may() {
        assert_eq!(doubt(Recovery::OwnId, 1).next(), Move::Look);
        assert_eq!(doubt(KEY, 1).next(), Move::Wait(at(60)));
        assert_eq!(doubt(KEY, 60).next(), Move::Look);
        assert_eq!(doubt(Recovery::Look, 59).next(), Move::Wait(at(60)));
        assert_eq!(Doubt { looks: 1, ..doubt(Recovery::Look, 100) }.next(), Move::Wait(at(300)));
        assert!(matches!(doubt(Recovery::Blind, 1).next(), Move::Hold(_)));
        let repost = Doubt { on_uncertain: OnUncertain::Repost, ..doubt(Recovery::Blind, 1) };
        assert_eq!(repost.next(), Move::Again(at(1)));
        assert!(matches!(Doubt { resends: 2, ..repost }.next(), Move::Hold(_)));
    }

    #[test]
    fn absence_is_believed_only_after_two_looks_and_with_the_owner_gone() {
        let first = doubt(Recovery::Look, 61);
        assert_eq!(first.after_look(&Seen::Absent, 0), Move::Wait(at(300)));
        let second = Doubt { looks: 1, ..doubt(Recovery::Look, 300) };
        assert_eq!(second.after_look(&Seen::Absent, 0), Move::Again(at(300)));
        let alive = Doubt { let_go: false, ..second.clone() };
        assert!(matches!(alive.after_look(&Seen::Absent, 0), Move::Wait(_)));
        let long = Doubt { now: at(3602), ..alive };
        assert!(matches!(long.after_look(&Seen::Absent, 0), Move::Hold(_)));
        let often = Doubt { resends: 2, ..second };
        assert!(matches!(often.after_look(&Seen::Absent, 0), Move::Hold(_)));
    }

    #[test]
    fn a_key_is_repeated_inside_its_window_only() {
        for seen in [Seen::Absent, Seen::Nothing("503".into()), Seen::Ambiguous("two".into())] {
            assert_eq!(doubt(KEY, 61).after_look(&seen, 0), Move::Again(at(61)), "{seen:?}");
        }
        // 3000 s = five sixths of the hour: from there on it counts as look.
        let late = Doubt { looks: 0, ..doubt(KEY, 3000) };
        assert!(matches!(late.after_look(&Seen::Absent, 0), Move::Wait(_)));
        assert!(matches!(late.after_look(&Seen::Ambiguous("two".into()), 0), Move::Hold(_)));
    }

    #[test]
    fn no_answer_is_never_absence() {
        for recovery in [Recovery::OwnId, Recovery::Look] {
            let moved = Doubt { looks: 1, ..doubt(recovery, 400) }.after_look(&Seen::Nothing("429".into()), 2);
            assert_eq!(moved, Move::Wait(at(400 + 240)), "{recovery:?}");
        }
    }

    #[test]
    fn the_window_opens_with_the_first_attempt_by_the_platforms_clock() {
        let row = |begun: i64, ahead: Option<i64>, revision: u16, n: u16| AttemptRow {
            attempt: crate::model::receipt::Attempt {
                id: crate::model::id::AttemptId::fresh(),
                post: "p".into(),
                step: Step { op: Op::Create, n },
                revision,
                fence: 1,
                begun: at(begun),
                ended: None,
                hash: String::new(),
                outcome: None,
            },
            owner: "me".to_owned(),
            deadline: at(begun + 60),
            clock_ahead: ahead.map(SignedDuration::from_secs),
        };
        let day = 25 * 3600;
        for (rows, expected) in [
            (vec![], None),
            (vec![row(0, Some(0), 0, 0)], Some(-120)),
            (vec![row(0, Some(3600), 0, 0)], Some(3480)),
            (vec![row(0, Some(-3600), 0, 0)], Some(-3720)),
            (vec![row(0, None, 0, 0)], Some(-day)),
            // Sent again: the first may have come through late. Its clock was another one.
            (vec![row(0, Some(0), 0, 0), row(600, Some(0), 0, 0)], Some(-120)),
            (vec![row(0, Some(7200), 0, 0), row(600, Some(0), 0, 0)], Some(480)),
            (vec![row(0, Some(0), 0, 0), row(600, None, 0, 0)], Some(600 - day)),
            // Other revisions and parts are none of its business.
            (vec![row(0, None, 1, 0), row(0, None, 0, 1), row(600, Some(0), 0, 0)], Some(480)),
        ] {
            let said = format!("{rows:?}");
            let step = Step { op: Op::Create, n: 0 };
            assert_eq!(shown_since(&rows, 0, step), expected.map(at), "{said}");
        }
    }

    #[test]
    fn late_news_and_day_old_doubts_go_to_a_person() {
        assert!(matches!(doubt(Recovery::Look, 12 * 3600).next(), Move::Hold(_)));
        let evergreen = Doubt { expires: None, ..doubt(Recovery::OwnId, 86_402) };
        assert!(matches!(evergreen.next(), Move::Hold(_)));
    }

    #[test]
    fn a_reported_duplicate_that_is_not_found_is_never_sent_again() {
        for recovery in [Recovery::OwnId, KEY, Recovery::Look] {
            let it = Doubt { duplicate: true, looks: 1, ..doubt(recovery, 400) };
            assert!(matches!(it.after_look(&Seen::Absent, 0), Move::Hold(_)), "{recovery:?}");
        }
    }
}
