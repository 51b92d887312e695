//! What resuming will do, before it is done: which posts go out and when, which grew stale and need a choice, which wait
//! for something else. It only reads, and uses the very rules of the claim; what comes in between is not foreseen.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::model::channel::{Block, Pause, PauseScope};
use crate::model::post::{HoldReason, PostState};
use crate::publish::claim;
use crate::schedule::{Decision, Facts, Policy, decide};
use crate::store::channel::ChannelRow;
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, channel, pause as pauses, post};

/// The most posts of a channel whose times are reckoned.
pub const MOST: usize = 20;

/// The most posts of a channel that are looked at.
const READ: i64 = 1_000;

/// What is asked.
pub struct Asked {
    /// One channel, or the newsroom.
    pub channel: Option<String>,
    /// Which pauses would end.
    pub scopes: Vec<PauseScope>,
    /// The rules of the channels in the config, by name.
    pub policies: Vec<(String, Arc<Policy>)>,
    /// The newsroom's zone.
    pub zone: TimeZone,
    /// Now.
    pub now: Timestamp,
    /// `[timing] scale`.
    pub scale: f64,
}

/// What would come of it.
#[derive(Clone, Debug, Default)]
pub struct Foreseen {
    /// The pauses that would end.
    pub ends: Vec<Pause>,
    /// The block of the channel that would be lifted.
    pub lifts: Option<Block>,
    /// Each channel that has something to wait for.
    pub channels: Vec<Ahead>,
}

/// What lies ahead of a channel.
#[derive(Clone, Debug)]
pub struct Ahead {
    /// Its name.
    pub name: String,
    /// The first posts that go out, each with the time it may; in the order they go.
    pub next: Vec<(PostRow, Timestamp)>,
    /// How many of all are due already.
    pub due: usize,
    /// How many fall due later.
    pub later: usize,
    /// Those that are too late to go out unasked, newest first.
    pub stale: Vec<PostRow>,
    /// Why nothing goes out from it even then.
    pub still: Option<String>,
}

/// Looks ahead.
///
/// # Errors
/// The database's.
pub async fn foresee(conn: &mut Conn, asked: &Asked) -> Result<Foreseen, StoreError> {
    let in_force: Vec<Pause> =
        pauses::all(conn).await?.into_iter().filter(|it| it.until.is_none_or(|until| until > asked.now)).collect();
    let (ends, stays): (Vec<Pause>, Vec<Pause>) =
        in_force.into_iter().partition(|it| asked.scopes.contains(&it.scope) && !super::door::is_limit(it));
    let since = ends.iter().map(|it| it.since).min();
    let mut out = Foreseen { ends, ..Foreseen::default() };
    for row in channel::all(conn).await? {
        if asked.channel.as_ref().is_some_and(|name| *name != row.name) {
            continue;
        }
        if asked.channel.is_some() {
            out.lifts = row.blocked.clone().filter(super::door::can_lift);
        }
        let ahead = ahead(conn, asked, &row, since, &stays).await?;
        if !ahead.next.is_empty() || !ahead.stale.is_empty() || ahead.due + ahead.later > 0 {
            out.channels.push(ahead);
        }
    }
    Ok(out)
}

async fn ahead(
    conn: &mut Conn,
    asked: &Asked,
    row: &ChannelRow,
    paused: Option<Timestamp>,
    stays: &[Pause],
) -> Result<Ahead, StoreError> {
    let name = row.name.as_str();
    let mut waiting = post::list(conn, &["scheduled"], Some(name), READ).await?;
    let mut stale = post::list(conn, &["held"], Some(name), READ).await?;
    stale.retain(|row| matches!(row.post.state, PostState::Held { why: HoldReason::Stale, .. }));
    let before = asked.now - claim::stale_after(asked.scale);
    if row.closed_since.into_iter().chain(paused).min().is_some_and(|since| since <= before) {
        let (late, rest) = waiting.into_iter().partition(|row| row.post.due < before);
        waiting = rest;
        stale.extend::<Vec<PostRow>>(late);
    }
    stale.sort_by(|a, b| b.post.due.cmp(&a.post.due).then_with(|| b.id().cmp(a.id())));
    // Resuming the channel by its name lifts a block, but for those that only the config ends.
    let stays_blocked = row.blocked.as_ref().filter(|block| asked.channel.is_none() || !super::door::can_lift(block));
    let blocked = stays_blocked.map(|block| format!("it is blocked: {block}"));
    let held_up = || {
        let concerns = |it: &&Pause| match &it.scope {
            PauseScope::All => true,
            PauseScope::Channel(of) => of == name,
            PauseScope::Credential(_) | PauseScope::App(_) => {
                asked.channel.is_some() && asked.scopes.contains(&it.scope)
            }
        };
        stays.iter().find(concerns).map(super::door::in_words)
    };
    let due = waiting.iter().filter(|row| row.post.due <= asked.now).count();
    let later = waiting.len() - due;
    let policy = asked.policies.iter().find(|(of, _)| of == name).map(|(_, policy)| Arc::clone(policy));
    let next = match &policy {
        Some(policy) => {
            let sent = post::sent_since(conn, name, asked.now - SignedDuration::from_hours(25)).await?;
            reckon(policy, waiting, sent, row.last_slot, asked)
        }
        None => Vec::new(),
    };
    Ok(Ahead { name: name.to_owned(), next, due, later, stale, still: blocked.or_else(held_up) })
}

/// When the posts go out, one by one: what the lane would decide, with nothing new in between and each send at once.
fn reckon(
    policy: &Policy,
    mut waiting: Vec<PostRow>,
    mut sent: Vec<Timestamp>,
    mut last_slot: Option<Timestamp>,
    asked: &Asked,
) -> Vec<(PostRow, Timestamp)> {
    let mut out = Vec::new();
    let mut now = asked.now;
    // Each turn sends a post, drops one or moves on in time; a rule that waits again and again is given up on.
    for _ in 0..MOST * 10 {
        waiting.retain(|row| row.post.expires.is_none_or(|expires| expires > now));
        let best = (0..waiting.len()).filter(|n| waiting[*n].post.due <= now).min_by_key(|n| {
            let row = &waiting[*n];
            (row.post.urgency.rank(), row.post.due, row.id().to_owned())
        });
        let Some(best) = best else {
            match waiting.iter().map(|row| row.post.due).min() {
                Some(due) => now = due,
                None => break,
            }
            continue;
        };
        let facts = Facts {
            now,
            zone: &asked.zone,
            urgency: waiting[best].post.urgency,
            ready: waiting[best].post.due,
            last_slot,
            sent: &sent,
        };
        match decide(policy, &facts) {
            Decision::Wait { until, .. } => now = until,
            Decision::Go { slot } => {
                last_slot = slot.or(last_slot);
                sent.insert(0, now);
                out.push((waiting.remove(best), now));
                if out.len() == MOST {
                    break;
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::{ArticleId, ChannelName, PostId};
    use crate::model::post::{Actor, Approval, Occasion, Post, Urgency};
    use crate::schedule::{Pace, Settings};

    fn at(text: &str) -> Timestamp {
        format!("2026-03-12T{text}:00Z").parse().unwrap()
    }

    fn row(id: &str, due: &str, urgency: Urgency, expires: Option<&str>) -> PostRow {
        let approval = Approval { by: Actor::Route, at: at("08:00"), payload: None };
        PostRow::new(Post {
            id: PostId::new(id),
            channel: ChannelName::new("x"),
            article: ArticleId::new(id),
            occasion: Occasion::First,
            route: 1,
            template: "headline".to_owned(),
            urgency,
            created: at("08:00"),
            expires: expires.map(at),
            due: at(due),
            attempts: 0,
            text: None,
            state: PostState::Scheduled { approval, retry: None },
        })
    }

    fn times(settings: &Settings, waiting: Vec<PostRow>, sent: &[&str]) -> Vec<String> {
        let asked = Asked {
            channel: None,
            scopes: Vec::new(),
            policies: Vec::new(),
            zone: TimeZone::UTC,
            now: at("10:00"),
            scale: 1.0,
        };
        let policy = Policy::from_settings(settings).unwrap();
        let sent = sent.iter().map(|text| at(text)).collect();
        let out = reckon(&policy, waiting, sent, None, &asked);
        out.iter().map(|(row, when)| format!("{} {}", row.id(), when.strftime("%H:%M"))).collect()
    }

    #[test]
    fn posts_go_out_as_the_channels_rules_let_them() {
        let three = || {
            vec![
                row("late", "09:30", Urgency::Normal, None),
                row("loud", "09:40", Urgency::Breaking, None),
                row("soon", "10:30", Urgency::Normal, None),
            ]
        };
        let free = Settings::default();
        assert_eq!(times(&free, three(), &[]), ["loud 10:00", "late 10:00", "soon 10:30"], "breaking first, at once");

        let gap = Pace { gap: Some("15m".to_owned()), ..Pace::default() };
        let gap = Settings { pace: Some(gap), ..Settings::default() };
        assert_eq!(times(&gap, three(), &["09:55"]), ["loud 10:00", "late 10:15", "soon 10:30"]);

        let hour = Pace { per_hour: Some(1), ..Pace::default() };
        let hour = Settings { pace: Some(hour), ..Settings::default() };
        assert_eq!(times(&hour, three(), &["09:30"]), ["loud 10:30", "late 11:30", "soon 12:30"]);

        let quiet = Settings { quiet: Some("09:00-11:00".to_owned()), ..Settings::default() };
        assert_eq!(times(&quiet, three(), &[]), ["loud 10:00", "late 11:00", "soon 11:00"]);

        let slots = Settings { slots: Some("*/20 * * * *".to_owned()), ..Settings::default() };
        let two = vec![row("a", "09:30", Urgency::Normal, None), row("b", "09:31", Urgency::Normal, None)];
        assert_eq!(times(&slots, two, &[]), ["a 10:00", "b 10:20"]);
    }

    #[test]
    fn what_is_too_old_by_then_does_not_go_out_and_the_list_ends() {
        let hour = Pace { per_hour: Some(1), ..Pace::default() };
        let hour = Settings { pace: Some(hour), ..Settings::default() };
        let waiting = vec![
            row("a", "09:00", Urgency::Normal, None),
            row("b", "09:01", Urgency::Normal, Some("10:30")),
            row("c", "09:02", Urgency::Normal, None),
        ];
        assert_eq!(times(&hour, waiting, &[]), ["a 10:00", "c 11:00"]);
        let many = (0..50).map(|n| row(&format!("{n:02}"), "09:00", Urgency::Normal, None)).collect();
        assert_eq!(times(&Settings::default(), many, &[]).len(), MOST);
    }

    #[tokio::test]
    async fn what_is_foreseen_is_what_resuming_does_story_by_story() {
        use crate::publish::actions::{Hand, Release, Reopen, pause, resume};
        use crate::store::Store;

        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("bugle.db").display())).await.unwrap();
        let fill = crate::store::job(|conn| {
            Box::pin(async move {
                channel::ensure(conn, "x", "x", at("08:00")).await?;
                for (id, due) in [("a", "10:00"), ("b", "10:10"), ("c", "13:30"), ("d", "16:00")] {
                    let post = row(id, due, Urgency::Normal, None);
                    post::insert(conn, &post, at("08:00"), &Actor::Route, "planned").await?;
                }
                Ok(())
            })
        });
        store.write(fill).await.unwrap();
        let look = async |now: Timestamp| {
            let asked = Asked {
                channel: None,
                scopes: vec![PauseScope::All],
                policies: vec![("x".to_owned(), Arc::new(Policy::default()))],
                zone: TimeZone::UTC,
                now,
                scale: 1.0,
            };
            let mut conn = store.read().await.unwrap();
            let found = foresee(&mut conn, &asked).await.unwrap();
            let ids = |rows: Vec<&PostRow>| rows.iter().map(|row| row.id().to_owned()).collect::<Vec<_>>().join(" ");
            let of = found.channels.first().unwrap().clone();
            let next = ids(of.next.iter().map(|(row, _)| row).collect());
            (found.ends.len(), next, of.due, of.later, ids(of.stale.iter().collect()))
        };
        let hand = |now| Hand { name: "ana".to_owned(), now };
        pause(&store, &hand(at("09:00")), PauseScope::All, "", None).await.unwrap();
        assert_eq!(look(at("09:30")).await, (1, "a b c d".to_owned(), 0, 4, String::new()), "nothing is late yet");
        assert_eq!(look(at("14:00")).await, (1, "c d".to_owned(), 1, 1, "b a".to_owned()));

        let wish = Reopen {
            channel: None,
            scopes: vec![PauseScope::All],
            release: Release::These(vec!["a".to_owned(), "nobody's".to_owned()]),
            new_account: false,
            scale: 1.0,
        };
        let out = resume(&store, &hand(at("14:00")), wish).await.unwrap();
        assert_eq!(out.released.iter().map(PostRow::id).collect::<Vec<_>>(), ["a"]);
        assert_eq!((out.ended.len(), out.left), (1, 1));
        assert_eq!(
            look(at("14:00")).await,
            (0, "c a d".to_owned(), 2, 1, "b".to_owned()),
            "the other waits for a person"
        );
    }
}
