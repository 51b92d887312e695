//! `kill -9` at every crash point and at random moments, for every recovery class and both engines. The judge is the
//! fakes' ledger, never Bugle's own store: nothing lost, nothing twice, nothing called published that readers never saw.
//! Where nobody can look (blind), a post in doubt is held and shown instead, at most one a kill.
//!
//! `BUGLE_KILLS_SEED=N` replays a failed run (each failure names its seed); `BUGLE_KILLS=N` is how often each campaign
//! kills at random, `BUGLE_TORTURE=N` how often [`torture`] does.

mod campaign;
mod judge;
mod pauses;
mod side;

use std::io::Write as _;
use std::rc::Rc;

use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use self::campaign::{Blows, Campaign};
use self::judge::Tally;
use self::side::Class;
use crate::harness::Engine;

/// Waits are this much shorter in the usual run. A platform's deadline of 25 s becomes half a second.
const QUICK: f64 = 0.02;
/// Kills at random moments of each class and engine in the usual run.
const RANDOM: u32 = 14;
/// Of a long run, so many kills of each class happen at scale 1.
const REAL_TIME: u32 = 20;
/// A run is long from so many kills on.
const REAL_TIME_FROM: usize = 500;
/// The most kills of one campaign of a long run: with more, its one account would post in minutes what a newsroom posts in
/// weeks, and no look-up reads that far back.
const MOST_KILLS: u32 = 160;
/// Campaigns at the same time in a long run: more starve each other, and half-second deadlines with them.
const AT_ONCE: usize = 4;

macro_rules! kills {
    ($($name:ident: $($class:ident)+, $engine:ident;)*) => {
        $(mod $name {
            use super::*;

            #[tokio::test]
            async fn at_random_moments() {
                let it = Campaign { classes: &[$(Class::$class),+], engine: Engine::$engine, scale: QUICK, blows: Blows::Random(random()) };
                are_clean(&it.run(seed(stringify!($name))).await);
            }

            #[tokio::test]
            async fn at_every_crash_point() {
                let it = Campaign { classes: &[$(Class::$class),+], engine: Engine::$engine, scale: QUICK, blows: Blows::Points };
                are_clean(&it.run(seed(stringify!($name))).await);
            }
        })*
    };
}

kills! {
    own_id_sqlite: OwnId, Sqlite;
    own_id_postgres: OwnId, Postgres;
    container_sqlite: Container, Sqlite;
    container_postgres: Container, Postgres;
    key_sqlite: Key, Sqlite;
    key_postgres: Key, Postgres;
    look_sqlite: Look, Sqlite;
    look_postgres: Look, Postgres;
    blind_sqlite: Blind, Sqlite;
    blind_postgres: Blind, Postgres;
    all_sqlite: OwnId Container Key Look Blind, Sqlite;
    all_postgres: OwnId Container Key Look Blind, Postgres;
}

fn are_clean(tallies: &[Tally]) {
    tallies.iter().for_each(Tally::is_clean);
}

/// A number from the environment.
#[expect(clippy::disallowed_methods, reason = "how long to go on and what to replay is said there")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: expected a number, found {text}")))
}

fn random() -> u32 {
    number("BUGLE_KILLS").and_then(|n| u32::try_from(n).ok()).unwrap_or(RANDOM)
}

/// The seed of a run: what the environment says, else another one each time.
fn seed(name: &str) -> u64 {
    let salt = name.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    number("BUGLE_KILLS_SEED").unwrap_or_else(|| rand::random::<u64>() ^ salt)
}

/// `BUGLE_TORTURE` kills over all classes and engines, some of them in real time, with a table of what came of them;
/// without it one of each class and engine.
#[tokio::test]
async fn torture() {
    let each: [&'static [Class]; 5] =
        [&[Class::OwnId], &[Class::Container], &[Class::Key], &[Class::Look], &[Class::Blind]];
    let both = |classes| [Engine::Sqlite, Engine::Postgres].map(|engine| (classes, engine));
    let all: Vec<_> = each.into_iter().flat_map(both).collect();
    let wanted = number("BUGLE_TORTURE").map_or(all.len(), |n| usize::try_from(n).unwrap_or(usize::MAX));
    let each = u32::try_from(wanted.div_ceil(all.len())).unwrap_or(u32::MAX);
    let real = if wanted >= REAL_TIME_FROM { REAL_TIME / 2 } else { 0 };
    let at_once = Rc::new(Semaphore::new(AT_ONCE));
    let here = LocalSet::new();
    let mut runs = Vec::new();
    for (scale, kills) in [(QUICK, each - real), (1.0, real)] {
        for (classes, engine) in all.iter().copied() {
            for done in (0..kills).step_by(MOST_KILLS as usize) {
                let it = Campaign { classes, engine, scale, blows: Blows::Random(MOST_KILLS.min(kills - done)) };
                let at_once = Rc::clone(&at_once);
                runs.push(here.spawn_local(async move {
                    // Those in real time wait most of the time and may do so together.
                    let _place = if scale < 1.0 { at_once.acquire().await.ok() } else { None };
                    it.run(seed("torture")).await
                }));
            }
        }
    }
    let tallies: Vec<Tally> = here
        .run_until(async {
            let mut tallies = Vec::new();
            for run in runs {
                tallies.extend(run.await.expect("a campaign that cannot go on says why"));
            }
            tallies
        })
        .await;
    writeln!(std::io::stderr(), "{}", judge::table(&tallies)).expect("the table can be shown");
    tallies.iter().for_each(Tally::is_clean);
}
