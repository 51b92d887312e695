//! The loop that fetches the pages of articles, and what it means for posts: which articles need their page, which posts
//! wait for it and how long, and how what a page says gets into its article. A post that waits goes out at the end of its
//! wait by itself, whatever becomes of the page or of this process.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::poller::Polite;
use super::{Setup, Source, rest};
use crate::http::Trust;
use crate::model::article::{Article, Entry};
use crate::model::id::{ArticleId, SourceName};
use crate::model::picture::{CardTime, Carry};
use crate::model::post::{Actor, HoldReason, PostState, SkipReason, Urgency};
use crate::publish::prepare::{Setting, carry, prepare};
use crate::publish::{Channel, identity_of, retry};
use crate::source::identity;
use crate::source::page::merge::{is_own_address, is_wanted, merge, probe};
use crate::source::page::visit::{Outcome, Read};
use crate::source::page::{ArticlePage, PageFacts, Rule, WaitFor};
use crate::store::article::{Alias, alias, known};
use crate::store::page::{PageRow, PageWait};
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, article, channel, meta, page, post};

/// The longest a breaking post waits. A breaking story is worth more than its picture.
const BRIEF: SignedDuration = SignedDuration::from_secs(10);
/// How long a page is asked for that no post waits for.
const PATIENCE: SignedDuration = SignedDuration::from_secs(90);
/// The longest that a post waits for the page its card is made of. Ours: what is cached behind a news site is rarely older.
const CARD: SignedDuration = SignedDuration::from_mins(5);
/// The first and the longest pause between two tries, in seconds.
const AGAIN: (f64, f64) = (2.0, 30.0);
/// Pages fetched at the same time, over all hosts.
const AT_ONCE: usize = 16;
/// The longest sleep: clock jumps and suspends are noticed within it.
const LONGEST: Duration = Duration::from_secs(30);
/// How long a story of another source is news for the posts of this one.
const JOINS: SignedDuration = SignedDuration::from_hours(48);

/// Decides, in the transaction that stores a new article and its posts, whether its page is fetched and which of its
/// posts wait for that: those that would look different with what a page can say.
///
/// # Errors
/// The database's.
pub async fn plan(conn: &mut Conn, setup: &Setup, article: &Article, now: Timestamp) -> Result<(), StoreError> {
    let Some(source) = source_of(setup, &article.source) else { return Ok(()) };
    let Some(link) = &article.entry.link else { return Ok(()) };
    // Most articles ask for neither: they cost no statement.
    let wanted = is_wanted(source.article_page, &article.entry);
    if !wanted && setup.channels.iter().all(|channel| channel.card == CardTime::Now) {
        return Ok(());
    }
    let rows = post::of_article(conn, article.id.as_str()).await?;
    for_cards(conn, setup, source, article, link, &rows, now).await?;
    if !wanted {
        return Ok(());
    }
    // Not for what a flood holds: those are many, and most of them old.
    let may_go = |state: &PostState| match state {
        PostState::Scheduled { .. } => true,
        PostState::Held { why, .. } => !matches!(why, HoldReason::Flood { .. }),
        _ => false,
    };
    if !rows.iter().any(|row| may_go(&row.post.state)) {
        return Ok(());
    }
    let scaled = |wait: SignedDuration| retry::scaled(wait.as_secs_f64(), setup.house.scale);
    let waits = !source.page_wait.is_zero();
    let until = now + scaled(if waits { source.page_wait } else { PATIENCE });
    let brief = until.min(now + scaled(BRIEF));
    let wait = PageWait {
        article: article.id.as_str().to_owned(),
        reason: WaitFor::Page.word().to_owned(),
        url: link.to_string(),
        due: now,
        brief,
        until,
        tries: 0,
        said: None,
    };
    page::put_wait(conn, &wait).await?;
    if !waits {
        return Ok(());
    }
    let all = source.article_page == ArticlePage::Always || !is_own_address(link);
    let changed = Article { entry: probe(&article.entry), ..article.clone() };
    let identities: HashMap<String, Option<String>> =
        channel::all(conn).await?.into_iter().map(|row| (row.name, row.identity)).collect();
    for row in rows.iter().filter(|row| matches!(row.post.state, PostState::Scheduled { .. })) {
        if all || would_differ(setup, &identities, row, article, &changed, now) {
            let end = if row.post.urgency == Urgency::Breaking { brief } else { until };
            page::hold_back(conn, row.id(), end).await?;
        }
    }
    Ok(())
}

/// Makes the posts of channels with `card = "wait"` wait until the page that their card is made of is up.
async fn for_cards(
    conn: &mut Conn,
    setup: &Setup,
    source: &Source,
    article: &Article,
    link: &Url,
    rows: &[PostRow],
    now: Timestamp,
) -> Result<(), StoreError> {
    let waits = |row: &&PostRow| {
        matches!(row.post.state, PostState::Scheduled { .. })
            && setup.channels.iter().any(|it| it.name == row.post.channel && shows_card(setup, it, row, article))
    };
    let rows: Vec<&PostRow> = rows.iter().filter(waits).collect();
    if rows.is_empty() {
        return Ok(());
    }
    // Longer than the wait for what the page says, so that the end of a post's wait tells which it waits for.
    let most = CARD.max(source.page_wait + SignedDuration::from_secs(1));
    let scaled = |wait: SignedDuration| retry::scaled(wait.as_secs_f64(), setup.house.scale);
    let until = now + scaled(most);
    let wait = PageWait {
        article: article.id.as_str().to_owned(),
        reason: WaitFor::Card.word().to_owned(),
        url: link.to_string(),
        due: now,
        brief: until.min(now + scaled(BRIEF)),
        until,
        tries: 0,
        said: None,
    };
    page::put_wait(conn, &wait).await?;
    for row in rows {
        let end = if row.post.urgency == Urgency::Breaking { wait.brief } else { wait.until };
        page::hold_back(conn, row.id(), end).await?;
    }
    Ok(())
}

/// Whether a post of that channel shows the card of its link, and shall wait for it: an attached picture takes its place.
fn shows_card(setup: &Setup, channel: &Channel, row: &PostRow, article: &Article) -> bool {
    let attached = match carry(&setup.house.words, channel, row.post.route) {
        Carry::None | Carry::Card => false,
        Carry::Photo => !crate::card::best(&article.entry).is_empty(),
        Carry::Headline => true,
    };
    channel.card == CardTime::Wait && !attached
}

/// Whether a post of the article would be another one if the article had what a page can say.
fn would_differ(
    setup: &Setup,
    identities: &HashMap<String, Option<String>>,
    row: &PostRow,
    article: &Article,
    changed: &Article,
    now: Timestamp,
) -> bool {
    let house = &setup.house;
    let Some(channel) = setup.channels.iter().find(|channel| channel.name == row.post.channel) else { return false };
    let identity = identities.get(channel.name.as_str()).and_then(|text| identity_of(text.as_deref()));
    let setting = Setting {
        templates: &house.templates,
        newsroom: &house.newsroom,
        zone: &house.zone,
        words: &house.words,
        digest: &[],
        look: &house.studio.brand.settings,
    };
    let made = |article: &Article| {
        prepare(setting, channel, identity.as_ref(), article, &row.post, row.revision, now).map(|made| made.payload)
    };
    made(article) != made(changed)
}

fn source_of<'s>(setup: &'s Setup, name: &SourceName) -> Option<&'s Source> {
    setup.sources.iter().find(|source| source.name == *name)
}

/// What a source says of an article anew, completed by what the article's page said, if it was read.
///
/// # Errors
/// The database's.
pub async fn completed(
    conn: &mut Conn,
    setup: &Setup,
    source: &SourceName,
    article: &ArticleId,
    entry: &Entry,
) -> Result<Entry, StoreError> {
    let mut entry = entry.clone();
    if let Some(row) = page::of_article(conn, article.as_str()).await?
        && let Ok(facts) = serde_json::from_str::<PageFacts>(&row.facts)
    {
        let found = Url::parse(&row.found).ok();
        with_rule(source_of(setup, source), |rule| merge(&mut entry, &facts, found.as_ref(), rule));
    }
    Ok(entry)
}

fn with_rule<T>(source: Option<&Source>, run: impl FnOnce(Rule<'_>) -> T) -> T {
    let address = source.and_then(|source| Url::parse(&source.address).ok()).filter(Url::has_host);
    let hosts = source.map_or(&[][..], |source| &source.hosts);
    run(Rule { source: address.as_ref(), hosts })
}

/// Runs until stopped.
pub async fn drive(setup: Arc<Setup>, polite: Arc<Polite>, stop: CancellationToken) {
    let mut changed = setup.changed.subscribe();
    let mut tasks = JoinSet::new();
    let mut busy: HashMap<tokio::task::Id, (String, String)> = HashMap::new();
    let mut failures = 0u32;
    while !stop.is_cancelled() {
        changed.mark_unchanged();
        let taken: HashSet<(&str, &str)> = busy.values().map(|(a, r)| (a.as_str(), r.as_str())).collect();
        let room = AT_ONCE.saturating_sub(tasks.len());
        let sleep = match look(&setup, &taken, room).await {
            Ok((rows, sleep)) => {
                failures = 0;
                for row in rows {
                    let key = (row.article.clone(), row.reason.clone());
                    let handle = tasks.spawn(one(setup.clone(), polite.clone(), row));
                    busy.insert(handle.id(), key);
                }
                sleep
            }
            Err(error) => {
                failures += 1;
                if failures.is_power_of_two() {
                    tracing::warn!(%error, failures, "the store failed; tried again");
                }
                Duration::from_millis(100) * failures.min(100)
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            _ = changed.changed() => {}
            Some(ended) = tasks.join_next_with_id() => match ended {
                Ok((id, ())) => drop(busy.remove(&id)),
                // A bug. The row stays taken in this generation: its posts go out at the end of their wait.
                Err(error) => tracing::error!(%error, "fetching a page failed"),
            },
            () = tokio::time::sleep(sleep) => {}
        }
    }
    // Reads are safe to drop: what was handed to the store is stored all the same, the rows of the others stay.
    tasks.shutdown().await;
}

/// What is due and not taken, and how long there is nothing else to do.
async fn look(
    setup: &Setup,
    taken: &HashSet<(&str, &str)>,
    room: usize,
) -> Result<(Vec<PageWait>, Duration), StoreError> {
    let now = setup.house.clock.now();
    let mut conn = setup.house.store.read().await?;
    let most = i64::try_from(taken.len() + room).unwrap_or(i64::MAX);
    let mut rows = page::due(&mut conn, now, most).await?;
    rows.retain(|row| !taken.contains(&(row.article.as_str(), row.reason.as_str())));
    rows.truncate(room);
    let next = page::next(&mut conn, now).await?;
    let sleep = next.map_or(LONGEST, |next| Duration::try_from(next.duration_since(now)).unwrap_or_default());
    Ok((rows, sleep.clamp(Duration::from_millis(1), LONGEST)))
}

/// One try, stored.
async fn one(setup: Arc<Setup>, polite: Arc<Polite>, wait: PageWait) {
    let house = &setup.house;
    let source = match source_name(&setup, &wait).await {
        Ok(source) => source,
        Err(error) => {
            tracing::warn!(%error, "the store failed; tried again");
            tokio::time::sleep(Duration::from_millis(500)).await;
            return;
        }
    };
    let source = source.and_then(|name| source_of(&setup, &name));
    let url = Url::parse(&wait.url).ok();
    let (pages, robots) = (&setup.gather.pages, &setup.gather.robots);
    let outcome = match (url, source, WaitFor::of(&wait.reason)) {
        _ if house.clock.now() >= wait.until => Outcome::Never { said: "it did not come up in time".to_owned() },
        (Some(url), Some(it), Some(WaitFor::Page)) if it.article_page != ArticlePage::Never => {
            let permits = polite.turn(&wait.url, false).await;
            let outcome = pages.read(&house.http, robots, &url, Trust::Content, &house.zone).await;
            drop(permits);
            outcome
        }
        (Some(url), Some(_), Some(WaitFor::Card)) => {
            let permits = polite.turn(&wait.url, false).await;
            let outcome = pages.preview(&house.http, robots, &url, Trust::Content, &house.zone).await;
            drop(permits);
            outcome
        }
        _ => Outcome::Never { said: "the config does not ask for it any more".to_owned() },
    };
    crate::crash::point("page_read");
    let now = house.clock.now();
    let again = wait.clone();
    let inner = setup.clone();
    let job = crate::store::job(move |conn| Box::pin(async move { settle(conn, &inner, &wait, &outcome, now).await }));
    match house.store.write(job).await {
        Ok(0) => {}
        Ok(posts) => {
            tracing::debug!(article.id = %again.article, posts, "posts need not wait for the page any more");
            setup.wake();
        }
        Err(error) => {
            tracing::warn!(article.id = %again.article, %error, "what the page says could not be stored; fetched again");
            rest(Duration::from_secs(1), &CancellationToken::new()).await;
        }
    }
}

async fn source_name(setup: &Setup, wait: &PageWait) -> Result<Option<SourceName>, StoreError> {
    let mut conn = setup.house.store.read().await?;
    Ok(article::one(&mut conn, &wait.article).await?.map(|(article, _)| article.source))
}

/// Stores what came of a try. Returns how many posts were let go.
///
/// # Errors
/// The database's.
async fn settle(
    conn: &mut Conn,
    setup: &Setup,
    wait: &PageWait,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<u64, StoreError> {
    if meta::get(conn, meta::LEADER).await?.is_some_and(|leader| leader != setup.house.worker.as_str()) {
        return Err(StoreError::Conflict("another process publishes from this store now".to_owned()));
    }
    match outcome {
        Outcome::Read(read) => {
            if wait.reason == WaitFor::Page.word() {
                arrived(conn, setup, wait, read, now).await?;
            }
            page::settle(conn, wait).await?;
            page::release(conn, wait).await
        }
        Outcome::Never { said } => {
            tracing::debug!(article.id = %wait.article, said, "the article goes without its page");
            page::settle(conn, wait).await?;
            page::release(conn, wait).await
        }
        Outcome::Later { said, until, answers } => {
            tracing::debug!(article.id = %wait.article, said, tries = wait.tries + 1, "the page is not up yet");
            let next = again(wait.tries, setup.house.scale);
            let due = until.map_or(now + next, |until| until.max(now + next)).min(wait.until.max(now));
            let next = PageWait { due, tries: wait.tries + 1, said: Some(said.clone()), ..wait.clone() };
            page::put_wait(conn, &next).await?;
            if *answers { Ok(0) } else { page::release(conn, wait).await }
        }
    }
}

/// How long to wait after the `n`th try (from 0).
fn again(n: i64, scale: f64) -> SignedDuration {
    let (first, most) = AGAIN;
    let doubled = first * 2f64.powi(i32::try_from(n.clamp(0, 30)).unwrap_or(30));
    retry::scaled(doubled.min(most), scale)
}

/// What the page says goes into its article: no new version, no second article. Its own address becomes a name of the
/// story; where that is another story's already, the two are one, and it goes out once.
async fn arrived(
    conn: &mut Conn,
    setup: &Setup,
    wait: &PageWait,
    read: &Read,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some((article, _)) = article::one(conn, &wait.article).await? else { return Ok(()) };
    let facts = crate::store::to_json(&read.facts);
    let row = PageRow { url: wait.url.clone(), found: read.at.to_string(), at: now, facts };
    page::keep(conn, article.id.as_str(), &row).await?;
    let mut entry = article.entry.clone();
    let source = source_of(setup, &article.source);
    if !with_rule(source, |rule| merge(&mut entry, &read.facts, Some(&read.at), rule)) {
        return Ok(());
    }
    article::enrich(conn, article.id.as_str(), &entry, &identity::title_hash(&entry.title)).await?;
    if entry.link == article.entry.link {
        return Ok(());
    }
    let name = identity::keys(&article.source, &Entry { guid: None, ..entry }).all;
    for key in name.into_iter().filter(|key| key.scope.is_empty()) {
        let key = Alias { scope: key.scope, value: key.value };
        match known(conn, std::slice::from_ref(&key)).await?.into_iter().next() {
            None => alias(conn, &key, article.id.as_str(), now).await?,
            Some((_, owner, _)) if owner == article.id => {}
            Some((_, owner, _)) => same_story(conn, &article, &owner, now).await?,
        }
    }
    Ok(())
}

/// The article is the same story as another one: what waits of it is dropped where the other has a post, and everywhere
/// once the other is old news.
async fn same_story(conn: &mut Conn, ours: &Article, other: &ArticleId, now: Timestamp) -> Result<(), StoreError> {
    let Some((first, _)) = article::one(conn, other.as_str()).await? else { return Ok(()) };
    let is_old = now.duration_since(first.date()) > JOINS;
    let taken = post::of_article(conn, other.as_str()).await?;
    for row in post::of_article(conn, ours.id.as_str()).await? {
        let waits = matches!(row.post.state, PostState::Scheduled { .. } | PostState::Held { .. });
        let untried = row.payload.is_none() && row.post.attempts == 0 && row.resends == 0;
        let has = taken.iter().any(|it| it.post.channel == row.post.channel);
        if !waits || !untried || !(is_old || has) {
            continue;
        }
        let why = SkipReason::SameStory { article: other.as_str().to_owned() };
        let Ok(skipped) = row.post.clone().skip(why, now) else { continue };
        let next = PostRow { post: skipped, ..row.clone() };
        post::put(conn, &row, &next, now, &Actor::Bugle, "its page is that of a story known already").await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_between_tries() {
        let seconds: Vec<i64> = (0..7).map(|n| again(n, 1.0).as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(again(i64::MAX, 0.1).as_secs(), 3);
    }
}
