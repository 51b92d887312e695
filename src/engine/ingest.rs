//! From a fetch to planned posts, in one transaction: the articles, their posts and the source's validators are stored
//! together or not at all. Nothing is "seen" before it is stored.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::revise::{Update, update};
use super::{Setup, Source, pages, tombstones};
use crate::compose;
use crate::model::article::{Article, Entry};
use crate::model::id::{ArticleId, ChannelName, PostId, SourceName};
use crate::model::notice::{Level, Notice};
use crate::model::post::{Actor, Approval, HoldReason, Occasion, Post, PostState, SkipReason, Urgency};
use crate::route::{Chosen, Plan, plan};
use crate::schedule::expiry;
use crate::source::feed::Tombstone;
use crate::source::identity::{
    AliasKey, Batch, Call, Evidence, Judged, OLD, Start, Verdict, judge, lookup, oldest_first, stated_hash, title_hash,
};
use crate::store::article::{Alias, RELIST, alias, insert, known, known_titles};
use crate::store::post::PostRow;
use crate::store::source::SourceRow;
use crate::store::{Conn, StoreError, article, meta, notice, post, source};

/// Without a good fetch for this long, what a source brings is treated as at first sight. Source: reliability.md
/// section 5.
const STRANGER: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A source that was asked this long after its time counts as unwatched meanwhile. Source: the heartbeat's limit of
/// reliability.md section 1.
const UNWATCHED: SignedDuration = SignedDuration::from_mins(15);

/// What a fetch brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// New articles.
    pub new: u64,
    /// New versions of known ones.
    pub changed: u64,
    /// Posts planned.
    pub posts: u64,
    /// Entries of a push of which only a poll can tell whether they are newer than what is stored.
    pub unsure: u64,
}

/// How what a source brought came here: decides what may be concluded from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// We asked, and this is all of it.
    Whole,
    /// A hub pushed a part of the feed. It may be late or out of order: an older wording never replaces a newer one, and
    /// where the dates do not tell which it is, the next poll does.
    Ping,
    /// The newsroom's own system pushed it and says all of the story: also that it may be used, and from when.
    Door,
}

/// What a fetch brought beside its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// It is a part of the listing: nothing follows from what it does not name.
    pub partial: bool,
    /// What it takes back.
    pub tombstones: Vec<Tombstone>,
}

/// A fetch on its way into the store.
pub struct Catch {
    /// How it came.
    pub listing: Listing,
    /// The source.
    pub source: Source,
    /// Its row as it shall be stored, new validators included; `first_seen` is now for a new one.
    pub row: SourceRow,
    /// Whether the source is seen for the first time.
    pub first_seen: bool,
    /// Whether the fetches before this one failed.
    pub failed_before: bool,
    /// When it last answered well, before this fetch.
    pub last_good: Option<Timestamp>,
    /// When it was to be asked: a fetch that comes much later means that nobody watched meanwhile.
    pub due: Option<Timestamp>,
    /// What it brought, in its own order.
    pub entries: Vec<Entry>,
    /// And what beside them.
    pub beside: Beside,
    /// Now.
    pub now: Timestamp,
}

impl Catch {
    /// Whether Bugle was down, or the source unreadable, for so long that what came out meanwhile may be old news. A
    /// source that is asked every hour is watched all the same.
    fn was_unwatched(&self) -> bool {
        let late = |since: Timestamp| self.now.duration_since(since) > UNWATCHED;
        let failed = self.failed_before && self.last_good.is_some_and(late);
        failed || self.due.is_some_and(late)
    }
}

/// Stores it. Runs inside the one writer's transaction, so that two sources with the same story cannot both be first.
///
/// # Errors
/// The database's.
pub async fn store(conn: &mut Conn, setup: &Arc<Setup>, catch: &mut Catch) -> Result<Brought, StoreError> {
    let name = catch.source.name.clone();
    if meta::get(conn, meta::LEADER).await?.is_some_and(|leader| leader != setup.house.worker.as_str()) {
        return Err(StoreError::Conflict("another process publishes from this store now".to_owned()));
    }
    let found = recall(conn, &name, &catch.entries).await?;
    let hashes: Vec<String> = catch.entries.iter().map(|entry| title_hash(&entry.title)).collect();
    let titles: HashSet<String> = known_titles(conn, name.as_str(), &hashes).await?.into_iter().collect();
    let articles: HashMap<AliasKey, ArticleId> =
        found.iter().map(|(key, (article, _))| (key.clone(), article.clone())).collect();
    let starts_over = match catch.listing {
        // Who pushes to the door chooses each story: nothing is there "already".
        Listing::Door => false,
        _ => catch.row.fresh || catch.last_good.is_none_or(|good| catch.now.duration_since(good) > STRANGER),
    };
    if starts_over && catch.listing == Listing::Ping {
        // What is new in a part of a feed that was not read for long cannot be told: the poll settles it.
        return Ok(Brought { unsure: catch.entries.len() as u64, ..Brought::default() });
    }
    let batch = Batch {
        source: &name,
        entries: &catch.entries,
        partial: catch.beside.partial,
        known: &articles,
        titles: &titles,
        first_seen: catch.first_seen,
        first_run: starts_over,
        last_good: catch.last_good,
        start: if catch.first_seen { catch.source.start } else { Start::FromNow },
        now: catch.now,
    };
    let judged = judge(&batch);
    let order = oldest_first(&batch, &judged);
    let mut brought = Brought::default();
    let mut ids: HashMap<usize, ArticleId> = HashMap::new();
    for n in order {
        let Some(Call::New { verdict }) = judged.get(n).map(|it| &it.call) else { continue };
        let article = Article {
            id: ArticleId::fresh(),
            source: name.clone(),
            version: 1,
            first_seen: catch.now,
            entry: settled(&catch.entries[n], setup, &catch.source),
        };
        let planned = Planning { verdict, title: &hashes[n], unwatched: catch.was_unwatched() };
        brought.posts += add(conn, setup, &article, &planned).await?;
        brought.new += 1;
        ids.insert(n, article.id);
    }
    for (n, it) in judged.iter().enumerate() {
        let owner = match &it.call {
            Call::New { .. } => ids.get(&n).cloned(),
            Call::Duplicate { of } => ids.get(of).cloned().or_else(|| owner_of(&judged, *of)),
            Call::Known { article, changed_candidate } => {
                if *changed_candidate {
                    if speaks(conn, setup, article, &name).await? {
                        let entry = settled(&catch.entries[n], setup, &catch.source);
                        match update(conn, setup, article, &entry, &hashes[n], catch).await? {
                            Update::Same => {}
                            Update::Unsure => brought.unsure += 1,
                            Update::Changed { freed } => {
                                brought.changed += 1;
                                brought.posts += freed;
                            }
                        }
                    }
                } else if !starts_over
                    && !it.keys.all.iter().any(|key| !key.scope.is_empty() && found.contains_key(key))
                {
                    brought.posts += join(conn, setup, article, &name, catch.now).await?;
                }
                Some(article.clone())
            }
        };
        let Some(owner) = owner else { continue };
        for key in &it.keys.all {
            // A key that another story has already tells the two apart no more: it stays with the first.
            if found.get(key).is_some_and(|(first, _)| *first != owner) {
                continue;
            }
            let listed = found.get(key).map(|(_, at)| *at);
            if listed.is_none_or(|at| catch.now.duration_since(at) > RELIST) {
                let key = Alias { scope: key.scope.clone(), value: key.value.clone() };
                alias(conn, &key, owner.as_str(), catch.now).await?;
            }
        }
    }
    let stones = &catch.beside.tombstones;
    brought.posts += tombstones::bury(conn, setup, &name, stones, &catch.entries, catch.now).await?;
    let news = brought.new + brought.changed > 0;
    if catch.listing != Listing::Whole {
        // Validators and health are the poller's, who may be at work right now.
        if catch.listing == Listing::Door && source::one(conn, name.as_str()).await?.is_none() {
            source::put(conn, &catch.row).await?;
        }
        if news {
            source::brought(conn, name.as_str(), catch.now).await?;
        }
        return Ok(brought);
    }
    catch.row.fresh = false;
    if news {
        catch.row.last_change = Some(catch.now);
    }
    source::put(conn, &catch.row).await?;
    Ok(brought)
}

type Found = HashMap<AliasKey, (ArticleId, Timestamp)>;

async fn recall(conn: &mut Conn, name: &SourceName, entries: &[Entry]) -> Result<Found, StoreError> {
    let keys: Vec<Alias> =
        lookup(name, entries).into_iter().map(|key| Alias { scope: key.scope, value: key.value }).collect();
    let rows = known(conn, &keys).await?;
    Ok(rows
        .into_iter()
        .map(|(key, article, at)| (AliasKey { scope: key.scope, value: key.value }, (article, at)))
        .collect())
}

fn owner_of(judged: &[Judged], of: usize) -> Option<ArticleId> {
    match judged.get(of).map(|it| &it.call) {
        Some(Call::Known { article, .. }) => Some(article.clone()),
        _ => None,
    }
}

/// The entry with what its source and the newsroom lend it.
fn settled(entry: &Entry, setup: &Setup, source: &Source) -> Entry {
    let mut entry = entry.clone();
    crate::source::lend(&mut entry, source.language.as_deref(), setup.house.language.as_deref(), &source.categories);
    entry
}

/// Whether a source's words are the story's: those of the source that brought it first, as long as the config has that.
/// Two sources that word one story differently would change it back and forth with every poll.
async fn speaks(conn: &mut Conn, setup: &Setup, id: &ArticleId, source: &SourceName) -> Result<bool, StoreError> {
    let first = article::source(conn, id.as_str()).await?;
    Ok(first.is_none_or(|first| first == *source || setup.sources.iter().all(|known| known.name != first)))
}

/// How an article came in.
struct Planning<'a> {
    verdict: &'a Verdict,
    title: &'a str,
    /// Nobody could read the source for a while before this fetch.
    unwatched: bool,
}

impl Planning<'_> {
    /// Whether it came out while nobody watched and is older than its class of news allows: an outage of a day must not
    /// end in a flood of yesterday's news. While a source is watched its dates are not trusted that far: many are off by
    /// hours.
    fn missed(&self, article: &Article, urgency: Urgency) -> bool {
        let late = article.entry.published.zip(urgency.lifetime());
        self.unwatched
            && late.is_some_and(|(published, lifetime)| article.first_seen.duration_since(published) > lifetime)
    }
}

/// How long a story of another source is news for the routes of this one.
const JOINS: SignedDuration = SignedDuration::from_hours(48);

/// A story that another source (or a person) brought first comes from this one too: its routes may lead where the other's
/// do not. Channels that have a post of the story keep it as it is. Returns how many posts were planned.
async fn join(
    conn: &mut Conn,
    setup: &Setup,
    id: &ArticleId,
    source: &SourceName,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let Some((article, _)) = article::one(conn, id.as_str()).await? else { return Ok(0) };
    if !article.entry.standing.is_usable() {
        return Ok(0);
    }
    let date = article.entry.published.unwrap_or(article.first_seen).min(article.first_seen);
    if article.source == *source || now.duration_since(date) > JOINS {
        return Ok(0);
    }
    let house = &setup.house;
    let scene = compose::scene(&article, &house.newsroom, &house.zone, "", "");
    let taken = post::of_article(conn, id.as_str()).await?;
    let chosen = plan(&setup.routes, source, &scene, &setup.channel_names()).chosen;
    let mut count = 0;
    for chosen in chosen.into_iter().filter(|it| taken.iter().all(|row| row.post.channel != it.channel)) {
        let state = planned_state(setup, &chosen, now);
        count += u64::from(store_post(conn, &article, chosen, state, now).await?);
    }
    Ok(count)
}

/// Stores a new article and its posts. Returns how many posts may go out.
async fn add(conn: &mut Conn, setup: &Setup, article: &Article, planning: &Planning<'_>) -> Result<u64, StoreError> {
    let (verdict, title) = (planning.verdict, planning.title);
    let house = &setup.house;
    let scene = compose::scene(article, &house.newsroom, &house.zone, "", "");
    let plan = plan(&setup.routes, &article.source, &scene, &setup.channel_names());
    let mut verdicts = verdicts_of(&plan);
    let standing = article.entry.standing;
    if *verdict == Verdict::Backfill {
        let why = SkipReason::Backfill.to_string();
        verdicts.extend(plan.chosen.iter().map(|c| article::Verdict::new(c.channel.as_str(), &why)));
    } else if !standing.is_usable() {
        // Its routes are asked when it may be used: by then it may be another story.
        let why = format!("its source says {}: not planned until it is usable", standing.word());
        let wait =
            |name: ChannelName| article::Verdict { until_usable: true, ..article::Verdict::new(name.as_str(), &why) };
        verdicts = setup.channel_names().into_iter().map(wait).collect();
    }
    insert(conn, article, &stated_hash(&article.entry), title, &verdicts).await?;
    if *verdict == Verdict::Backfill || !standing.is_usable() {
        return Ok(0);
    }
    store_posts(conn, setup, article, plan.chosen, planning, article.first_seen).await
}

fn verdicts_of(plan: &Plan) -> Vec<article::Verdict> {
    plan.verdicts.iter().map(|v| article::Verdict::new(v.channel.as_str(), &v.why)).collect()
}

/// Plans a story that came in while it might not be used, now that it may: as if it came in now. Nothing happens where
/// it was planned before. Returns how many posts may go out.
///
/// # Errors
/// The database's.
pub(super) async fn replan(
    conn: &mut Conn,
    setup: &Setup,
    article: &Article,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let Some((_, verdicts)) = article::one(conn, article.id.as_str()).await? else { return Ok(0) };
    if !verdicts.iter().any(|verdict| verdict.until_usable) {
        return Ok(0);
    }
    let house = &setup.house;
    let scene = compose::scene(article, &house.newsroom, &house.zone, "", "");
    let plan = plan(&setup.routes, &article.source, &scene, &setup.channel_names());
    article::judge_anew(conn, article.id.as_str(), &verdicts_of(&plan)).await?;
    let old = article.entry.published.is_some_and(|at| now.duration_since(at) > OLD);
    let verdict = if old { Verdict::Flood { evidence: Evidence::Old } } else { Verdict::Fresh };
    let planning = Planning { verdict: &verdict, title: "", unwatched: false };
    store_posts(conn, setup, article, plan.chosen, &planning, now).await
}

async fn store_posts(
    conn: &mut Conn,
    setup: &Setup,
    article: &Article,
    chosen: Vec<Chosen>,
    planning: &Planning<'_>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let verdict = planning.verdict;
    let mut count = 0;
    let mut held = Vec::new();
    for chosen in chosen {
        let state = match verdict {
            Verdict::Flood { evidence } => {
                let group = format!("{}@{}", article.source, now.as_second());
                PostState::Held { since: now, why: HoldReason::Flood { group, evidence: evidence.to_string() } }
            }
            Verdict::Fresh if planning.missed(article, chosen.urgency) => {
                PostState::Skipped { at: now, why: SkipReason::Expired }
            }
            _ => planned_state(setup, &chosen, now),
        };
        if let PostState::Held { why, .. } = &state {
            held.push(why.clone());
        }
        count += u64::from(store_post(conn, article, chosen, state, now).await?);
    }
    pages::plan(conn, setup, article, now).await?;
    tell(conn, article, &held, now).await?;
    Ok(count)
}

/// A person who has to decide is told: once for a flood, once for all that waits for approval.
async fn tell(conn: &mut Conn, article: &Article, held: &[HoldReason], now: Timestamp) -> Result<(), StoreError> {
    let Some(first) = held.first() else { return Ok(()) };
    let notice = match first {
        HoldReason::Flood { group, evidence } => Notice::new(
            Level::Warn,
            format!("flood.{group}"),
            format!(
                "source {} brings old stories as new ({evidence}): held; `bugle approve --group {group}` or \
                 `bugle skip --group {group}`",
                article.source
            ),
        ),
        HoldReason::Approval | HoldReason::Terms { .. } => Notice::new(
            Level::Info,
            APPROVALS,
            "posts wait for approval: `bugle queue --state held`, then `bugle approve POST`",
        ),
        other => Notice::new(
            Level::Warn,
            format!("article.{}.held", article.id),
            format!("posts of {:?} wait for a person: {other}", article.entry.title),
        ),
    };
    notice::raise(conn, &notice, now).await.map(drop)
}

/// The key of the one notice about posts that wait for approval.
pub const APPROVALS: &str = "approvals";

/// What a chosen channel's post begins as, where nothing speaks against it.
fn planned_state(setup: &Setup, chosen: &Chosen, now: Timestamp) -> PostState {
    let held = |why| PostState::Held { since: now, why };
    let channel = setup.channels.iter().find(|channel| channel.name == chosen.channel);
    let terms = channel.and_then(|channel| channel.account.must_approve());
    match (&chosen.hold, terms, chosen.needs_approval) {
        (Some(why), ..) => held(HoldReason::Unfit { why: why.clone() }),
        (None, Some(why), _) => held(HoldReason::Terms { why: why.to_owned() }),
        (None, None, true) => held(HoldReason::Approval),
        (None, None, false) => {
            PostState::Scheduled { approval: Approval { by: Actor::Route, at: now, payload: None }, retry: None }
        }
    }
}

async fn store_post(
    conn: &mut Conn,
    article: &Article,
    chosen: Chosen,
    state: PostState,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let why = match &state {
        PostState::Held { why, .. } => why.to_string(),
        PostState::Skipped { .. } => "came out while the source could not be read, and is old news by now".to_owned(),
        _ => format!("route {}", chosen.route),
    };
    let embargo = article.entry.embargo.filter(|until| *until > now);
    let why = embargo.map_or_else(|| why.clone(), |until| format!("{why}; embargoed until {until}"));
    let due = embargo.unwrap_or(now);
    let post = Post {
        id: PostId::fresh(),
        channel: chosen.channel,
        article: article.id.clone(),
        occasion: Occasion::First,
        route: chosen.route,
        template: chosen.template,
        urgency: chosen.urgency,
        created: now,
        // What may be told only later, or could not be used before, is news from then on.
        expires: expiry(chosen.urgency, due.max(article.first_seen)),
        due,
        attempts: 0,
        text: None,
        picture: Default::default(),
        state,
    };
    post::insert(conn, &PostRow::new(post), now, &Actor::Route, &why).await
}
