//! What came of a campaign, by the ledger of the fake; the store is only asked what it claims.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use bugle::model::post::PostState;
use bugle::store::{article, post};

use super::campaign::{Campaign, Kind, headline};
use super::side::{Class, Side};
use crate::harness::{Books, Newsroom};

/// How long everything may take to settle after the last kill, at scale 0 and per scale: twice sent again after two
/// looks, on a busy machine.
const SETTLES: (f64, f64) = (60.0, 1500.0);

/// What of a log tells nothing here.
const NOISE: [&str; 2] = ["hyper_util::", "reqwest::"];
/// So many of the other lines are shown.
const LINES: usize = 200;

/// The sums of a campaign.
#[derive(Clone, Debug)]
pub struct Tally {
    pub campaign: Campaign,
    pub class: Class,
    pub seed: u64,
    pub kills: usize,
    /// Stories that appeared: each should be posted once.
    pub expected: usize,
    /// Never seen by readers, and not held in doubt either.
    pub lost: Vec<String>,
    /// Seen more than once.
    pub doubled: Vec<String>,
    /// Called published, never seen.
    pub falsely: Vec<String>,
    /// Held in doubt.
    pub held: Vec<String>,
    /// How often a post was in doubt: kills that hit.
    pub doubts: i64,
    /// How often one was sent again because of it.
    pub again: i64,
    /// How often a picture was sent.
    pub pictures: usize,
    /// Anything else that should not be.
    pub odd: Vec<String>,
    /// What became of the posts at fault.
    pub history: String,
}

/// Lets Bugle finish, then counts for each class.
pub async fn finish(
    campaign: &Campaign,
    newsroom: &Newsroom,
    sides: &[Side],
    links: &[String],
    kills: usize,
    seed: u64,
) -> Vec<Tally> {
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    let settled = async {
        loop {
            let posts = books.posts().await;
            let open = posts.iter().filter(|row| ["scheduled", "publishing", "uncertain"].contains(&row.state)).count();
            if open == 0 && posts.len() >= links.len() * sides.len() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let patience = Duration::from_secs_f64(SETTLES.0 + SETTLES.1 * campaign.scale);
    let in_time = tokio::time::timeout(patience, settled).await.is_ok();
    let log = bugle.log();
    let ended = bugle.term().await;

    let mut common = Vec::new();
    if !in_time {
        common.push(format!("not settled after {} s", patience.as_secs()));
    }
    if !ended.success() {
        common.push(format!("ended with {ended}"));
    }
    let mut tallies = Vec::new();
    for side in sides {
        let mut tally = count(campaign, &books, side, links, kills, seed, common.clone()).await;
        if !tally.history.is_empty() {
            let (block, pauses, notices) =
                (books.block(tally.class.channel()).await, books.pauses().await, books.notices().await);
            write!(tally.history, "block: {block:?}\npauses: {pauses:?}\nnotices: {notices:#?}\nthe last log:\n")
                .expect("a text grows");
            for line in log.lines().filter(|line| !NOISE.iter().any(|noise| line.contains(noise))).take(LINES) {
                writeln!(tally.history, "  {line}").expect("a text grows");
            }
        }
        tallies.push(tally);
    }
    tallies
}

async fn count(
    campaign: &Campaign,
    books: &Books,
    side: &Side,
    links: &[String],
    kills: usize,
    seed: u64,
    mut odd: Vec<String>,
) -> Tally {
    let class = side.class();
    let seen = side.ledger().count_by_link();
    let ours: BTreeSet<&String> = links.iter().collect();
    odd.extend(seen.keys().filter(|link| !ours.contains(link)).map(|link| format!("{link} is no story of ours")));
    let claims = claims(books, class.channel()).await;
    let notices: BTreeSet<String> = books.notices().await.into_iter().map(|notice| notice.key).collect();

    let (mut lost, mut doubled, mut falsely, mut held) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (n, link) in links.iter().enumerate() {
        let count = seen.get(link).copied().unwrap_or(0);
        if count > 1 {
            doubled.push(link.clone());
        }
        if class != Class::Blind {
            let state = claims.get(link).map(|(_, state)| state);
            match thread(side, n, link) {
                Err(Thread::Doubled) => doubled.push(link.clone()),
                Err(Thread::Wrong(why)) => odd.push(format!("{link} {why}")),
                Err(Thread::Unfinished) if matches!(state, Some(PostState::Published { .. })) => {
                    falsely.push(link.clone());
                }
                Err(Thread::Unfinished) => lost.push(link.clone()),
                Ok(()) => {}
            }
        }
        let Some((id, state)) = claims.get(link) else {
            lost.push(link.clone());
            continue;
        };
        match state {
            PostState::Published { .. } if count == 0 => falsely.push(link.clone()),
            PostState::Published { .. } => {}
            PostState::Held { why, .. } if why.is_doubt() => {
                held.push(link.clone());
                if !notices.contains(&format!("post.{id}.held")) {
                    odd.push(format!("{link} is held in doubt and no notice says so"));
                }
            }
            other => {
                if count == 0 {
                    lost.push(link.clone());
                }
                odd.push(format!("{link} was seen {count} times and is {other:?}"));
            }
        }
    }
    if class == Class::Blind && held.len() > kills {
        odd.push(format!("{} held in doubt after {kills} kills", held.len()));
    }
    let (doubts, again) = doubts(books, class.channel()).await;
    let mut tally = Tally {
        campaign: *campaign,
        class,
        seed,
        kills,
        expected: links.len(),
        lost,
        doubled,
        falsely,
        held,
        doubts,
        again,
        pictures: side.pictures(),
        odd,
        history: String::new(),
    };
    if !tally.faults().is_empty() {
        tally.history = history(books, &tally, &claims).await;
    }
    tally
}

/// What is wrong with a story's thread.
enum Thread {
    /// A part was seen more than once.
    Doubled,
    /// A later part is missing.
    Unfinished,
    /// It answers the wrong post, or came before it.
    Wrong(String),
}

/// How each later part of a thread begins.
const LATER: [&str; 4] = ["Second", "Third", "Fourth", "Fifth"];

/// Whether readers saw each later part of a thread once, each under the part before; a story that is none has none.
fn thread(side: &Side, n: usize, link: &str) -> Result<(), Thread> {
    let (title, kind) = headline(n);
    let all = side.ledger().posts();
    let of = |word: &str| -> Vec<_> {
        let words = format!("{word} part of {title}");
        all.iter().filter(|post| post.text.contains(&words)).collect()
    };
    let first: Vec<_> = all.iter().filter(|post| post.parent.is_none() && post.link.as_deref() == Some(link)).collect();
    let later = LATER.map(of);
    if later.iter().any(|found| found.len() > 1) {
        return Err(Thread::Doubled);
    }
    if kind != Kind::Thread {
        return match later.iter().all(Vec::is_empty) {
            true => Ok(()),
            false => Err(Thread::Wrong("became a thread".into())),
        };
    }
    let parts: Vec<_> = std::iter::once(&first).chain(&later).filter_map(|found| found.first().copied()).collect();
    if parts.len() <= LATER.len() {
        return Err(Thread::Unfinished);
    }
    let chain = parts.windows(2).all(|two| two[1].parent.as_deref() == Some(&two[0].id) && two[0].at <= two[1].at);
    let numbered = (1..).zip(&parts).all(|(n, part)| part.text.contains(&format!("{n}/{}", parts.len())));
    match chain && numbered {
        true => Ok(()),
        false => Err(Thread::Wrong(format!("is a thread in disorder: {parts:#?}"))),
    }
}

/// What the store claims, by the story's link: the post's id and state.
async fn claims(books: &Books, channel: &str) -> BTreeMap<String, (String, PostState)> {
    let mut conn = books.0.read().await.expect("the store can be read");
    let rows = post::list(&mut conn, &[], Some(channel), 100_000).await.expect("the posts can be read");
    let mut claims = BTreeMap::new();
    for row in rows {
        let found = article::one(&mut conn, row.post.article.as_str()).await.expect("the articles can be read");
        let link = found.and_then(|(article, _)| article.entry.link).map(String::from).unwrap_or_default();
        claims.insert(link, (row.id().to_owned(), row.post.state));
    }
    claims
}

/// How often a post of the channel was in doubt, and how often one was sent again because of it.
async fn doubts(books: &Books, channel: &str) -> (i64, i64) {
    let mut conn = books.0.read().await.expect("the store can be read");
    let mut numbers = [0, 0];
    for (n, sql) in [
        "SELECT count(*) FROM audit JOIN post ON post.id = subject WHERE channel = $1 AND went_to = 'uncertain'",
        "SELECT count(*) FROM audit JOIN post ON post.id = subject WHERE channel = $1 AND came_from = 'uncertain' \
         AND went_to = 'scheduled'",
    ]
    .into_iter()
    .enumerate()
    {
        let number = sqlx::query_scalar(sql).bind(channel).fetch_one(&mut *conn).await;
        numbers[n] = number.expect("the audit log can be read");
    }
    (numbers[0], numbers[1])
}

/// The audit trail and the attempts of the posts at fault.
async fn history(books: &Books, tally: &Tally, claims: &BTreeMap<String, (String, PostState)>) -> String {
    let mut conn = books.0.read().await.expect("the store can be read");
    let mut text = String::new();
    let odd = claims.keys().filter(|link| tally.odd.iter().any(|said| said.starts_with(&format!("{link} "))));
    let at_fault = tally.lost.iter().chain(&tally.doubled).chain(&tally.falsely).chain(&tally.held).chain(odd);
    for link in at_fault.collect::<BTreeSet<_>>() {
        let Some((id, state)) = claims.get(link) else { continue };
        writeln!(text, "{link} {id}: {state:?}").expect("a text grows");
        let sql = "SELECT CAST(at AS TEXT) || ' ' || coalesce(came_from, '-') || ' -> ' || coalesce(went_to, '-') || ': ' || why \
                   FROM audit WHERE subject = $1 ORDER BY at, id";
        let lines: Vec<String> =
            sqlx::query_scalar(sql).bind(id).fetch_all(&mut *conn).await.expect("the audit log can be read");
        for line in lines {
            writeln!(text, "  {line}").expect("a text grows");
        }
        for row in bugle::store::attempt::of(&mut conn, id).await.expect("the attempts can be read") {
            writeln!(text, "  attempt {:?}", row.attempt).expect("a text grows");
        }
    }
    text
}

impl Tally {
    /// Everything that should not be.
    pub fn faults(&self) -> Vec<String> {
        let list = |what: &str, links: &[String]| (!links.is_empty()).then(|| format!("{what}: {}", links.join(", ")));
        let mut faults = self.odd.clone();
        faults.extend(list("lost", &self.lost));
        faults.extend(list("doubled", &self.doubled));
        faults.extend(list("published by the store's word only", &self.falsely));
        if self.class != Class::Blind {
            faults.extend(list("held in doubt", &self.held));
        }
        faults
    }

    /// # Panics
    /// Where anything should not be.
    pub fn is_clean(&self) {
        let faults = self.faults();
        assert!(
            faults.is_empty(),
            "{} of {:?}\nafter {} kills, {} stories; BUGLE_KILLS_SEED={}\n{}\n{}",
            self.class.word(),
            self.campaign,
            self.kills,
            self.expected,
            self.seed,
            faults.join("\n"),
            self.history
        );
    }
}

/// The tallies of each class, engine and scale as one.
fn summed(tallies: &[Tally]) -> Vec<Tally> {
    let mut rows: Vec<Tally> = Vec::new();
    let of = |it: &Tally| (it.class, it.campaign.engine, it.campaign.scale);
    for it in tallies {
        let Some(row) = rows.iter_mut().find(|row| of(row) == of(it)) else {
            rows.push(it.clone());
            continue;
        };
        row.kills += it.kills;
        row.expected += it.expected;
        row.doubts += it.doubts;
        row.again += it.again;
        row.pictures += it.pictures;
        for (all, more) in [
            (&mut row.lost, &it.lost),
            (&mut row.doubled, &it.doubled),
            (&mut row.falsely, &it.falsely),
            (&mut row.held, &it.held),
            (&mut row.odd, &it.odd),
        ] {
            all.extend_from_slice(more);
        }
    }
    rows
}

/// The sums as people read them.
pub fn table(tallies: &[Tally]) -> String {
    let tallies = summed(tallies);
    let mut text = String::from(
        "class   engine    scale  kills  stories  pictures  in doubt  sent again  lost  doubled  falsely published  held in doubt  \
         other faults\n",
    );
    for it in &tallies {
        writeln!(
            text,
            "{:<7} {:<9} {:>5} {:>6} {:>8} {:>9} {:>9} {:>11} {:>5} {:>8} {:>18} {:>14} {:>13}",
            it.class.word(),
            format!("{:?}", it.campaign.engine).to_lowercase(),
            it.campaign.scale,
            it.kills,
            it.expected,
            it.pictures,
            it.doubts,
            it.again,
            it.lost.len(),
            it.doubled.len(),
            it.falsely.len(),
            it.held.len(),
            it.odd.len()
        )
        .expect("a text grows");
    }
    let sum = |count: fn(&Tally) -> usize| tallies.iter().map(count).sum::<usize>();
    let (kills, expected) = (sum(|it| it.kills), sum(|it| it.expected));
    write!(
        text,
        "all: {kills} kills, {expected} stories, {} lost, {} doubled, {} falsely published",
        sum(|it| it.lost.len()),
        sum(|it| it.doubled.len()),
        sum(|it| it.falsely.len())
    )
    .expect("a text grows");
    text
}
