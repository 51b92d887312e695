//! Is this entry a story we know, a new one, or a flood of old ones in new clothes? Pure: what is known comes in, a
//! verdict per entry goes out. Rules: reliability.md section 5.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use url::Url;

use crate::model::article::Entry;
use crate::model::id::{ArticleId, SourceName};
use crate::text::plain::hex;

/// An entry older than this before the last good fetch is no news of today. Source: reliability.md section 5, 2026-11.
const OLD: SignedDuration = SignedDuration::from_hours(48);
/// After so long without a good fetch a source starts over. Source: reliability.md section 5, 2026-11.
const STALE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// From so many new entries of one fetch on, what is odd about each is odd about all: "many".
const MANY: usize = 3;
/// The longest value of a key kept as it stands, bytes; longer ones are hashed.
const LONGEST_KEY: usize = 500;
/// The most articles `start = "last N"` may ask for. Source: product.md, 2026-11.
pub const MAX_LAST: usize = 500;

/// Parameters that tell where a reader came from, never what is read. Those ending in `*` are prefixes.
const TRACKING: [&str; 24] = [
    "utm_*",
    "fbclid",
    "gclid",
    "gclsrc",
    "dclid",
    "gbraid",
    "wbraid",
    "msclkid",
    "yclid",
    "ysclid",
    "twclid",
    "igshid",
    "igsh",
    "mc_cid",
    "mc_eid",
    "mkt_tok",
    "_openstat",
    "at_medium",
    "at_campaign",
    "ocid",
    "cmpid",
    "pk_*",
    "mtm_*",
    "_hs*",
];

/// One name an article is known by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AliasKey {
    /// The source in which it counts; empty where it counts in the whole newsroom.
    pub scope: String,
    /// What kind of name, a colon, and the name: `guid:`, `path:`, `link:` or `hash:`.
    pub value: String,
}

/// The names of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// What it is: its guid, else its link, else a hash of title, link and date.
    pub primary: AliasKey,
    /// All names it may be known by, the primary first.
    pub all: Vec<AliasKey>,
}

/// Where a source that is seen for the first time starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing of what is there already.
    FromNow,
    /// The newest so many of what is there, at most [`MAX_LAST`].
    Last(usize),
}

/// What is known about a source and what it brought.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The source.
    pub source: &'a SourceName,
    /// What it brought, in document order.
    pub entries: &'a [Entry],
    /// What is stored for the keys that [`lookup`] gives for these entries; more does no harm.
    pub known: &'a HashMap<AliasKey, ArticleId>,
    /// [`title_hash`] of the titles this source has brought before.
    pub titles: &'a HashSet<String>,
    /// Whether this source has never been read before: only then does `start` count.
    pub first_seen: bool,
    /// Whether it starts over: never read, imported, restored, renamed.
    pub first_run: bool,
    /// When it was last read without fault.
    pub last_good: Option<Timestamp>,
    /// What the config says of its start.
    pub start: Start,
    /// Now.
    pub now: Timestamp,
}

/// Why an entry looks like an old story under a new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// Dated well before the last good fetch.
    Old,
    /// Without a date, among many such.
    Undated,
    /// Its link is known, though it can stand for more than one story.
    Link,
    /// Its title is known.
    Title,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Old => "new to us, but dated more than 48 hours before the last good fetch",
            Self::Undated => "new to us, without a date, among many such",
            Self::Link => "new to us, but its link is known",
            Self::Title => "new to us, but its title is known",
        })
    }
}

/// What to do with a story that is new to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// News: publish it.
    Fresh,
    /// Of a first run: store it, publish nothing.
    Backfill,
    /// Hold it together with its like until a person decides.
    Flood {
        /// Why.
        evidence: Evidence,
    },
    /// Of a first run, and among the newest the config asks for: publish it.
    FirstRunChosen,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// A story we have.
    Known {
        /// Which.
        article: ArticleId,
        /// Whether this source speaks for it, so that a different [`content_hash`] is a change of the story. Not so
        /// where only a link that others share tells: the same story as another source words it.
        changed_candidate: bool,
    },
    /// A story we have not.
    New {
        /// What to do with it.
        verdict: Verdict,
    },
    /// The same entry once more in one fetch.
    Duplicate {
        /// The index of its first occurrence.
        of: usize,
    },
}

/// One entry, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Its names that hold in this fetch. Store all of them for its article, new or known; those of a duplicate for
    /// the article of its first occurrence.
    pub keys: Keys,
    /// What it is.
    pub call: Call,
}

/// The names of an entry, looked at alone.
pub fn keys(source: &SourceName, entry: &Entry) -> Keys {
    let own = |kind: &str, value: &str| AliasKey { scope: source.as_str().to_owned(), value: key(kind, value) };
    let mut all = Vec::new();
    if let Some(guid) = &entry.guid {
        all.push(own("guid", guid));
        all.extend(path_of(guid).map(|path| own("path", &path)));
    }
    if let Some(link) = entry.link.as_ref().and_then(canonical) {
        all.push(AliasKey { scope: String::new(), value: key("link", &link) });
    }
    // Without a link, a guid that is made anew for each fetch would make the same story new each time.
    if entry.guid.is_none() || (date(entry).is_some() && entry.link.as_ref().and_then(canonical).is_none()) {
        all.push(own("hash", &fingerprint(entry)));
    }
    Keys { primary: all[0].clone(), all }
}

/// Every key that [`judge`] may ask for when it judges these entries, each once.
pub fn lookup(source: &SourceName, entries: &[Entry]) -> Vec<AliasKey> {
    let bare = |entry: &Entry| keys(source, &Entry { guid: None, ..entry.clone() }).all;
    let all: BTreeSet<AliasKey> =
        entries.iter().flat_map(|entry| keys(source, entry).all.into_iter().chain(bare(entry))).collect();
    all.into_iter().collect()
}

fn key(kind: &str, value: &str) -> String {
    if value.len() <= LONGEST_KEY { format!("{kind}:{value}") } else { format!("{kind}:sha256:{}", digest([value])) }
}

/// A guid that is an address, without scheme and host, so that a move to https or another host changes nothing. The
/// home page stands for no story.
fn path_of(guid: &str) -> Option<String> {
    let url = Url::parse(guid).ok().filter(|u| matches!(u.scheme(), "http" | "https"))?;
    let path = &url[url::Position::BeforePath..];
    (path.len() > 1).then(|| path.to_owned())
}

/// Whether a parameter of a query only tells where a reader came from.
fn tracks(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or("").to_ascii_lowercase();
    TRACKING.iter().any(|known| match known.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *known,
    })
}

/// Whether a link carries parameters that only tell where a reader came from.
pub fn is_tracked(link: &Url) -> bool {
    link.query().is_some_and(|query| query.split('&').any(tracks))
}

/// The link without such parameters; the others keep their order.
pub fn without_tracking(link: &Url) -> Url {
    let mut link = link.clone();
    let kept = link.query().map(|query| query.split('&').filter(|pair| !tracks(pair)).collect::<Vec<_>>().join("&"));
    link.set_query(kept.as_deref().filter(|query| !query.is_empty()));
    link
}

/// A link as a key, never to be followed: without scheme, default port, fragment, tracking and the last slash of a
/// path. Other parameters keep their order. The home page stands for no story.
pub fn canonical(link: &Url) -> Option<String> {
    let host = link.host_str()?.trim_end_matches('.').to_ascii_lowercase();
    let port = link.port().map(|p| format!(":{p}")).unwrap_or_default();
    let query: Vec<&str> = link.query().unwrap_or("").split('&').filter(|p| !p.is_empty() && !tracks(p)).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let path = link.path().strip_suffix('/').unwrap_or(link.path());
    // A fragment with a path in it is the address of a page that scripts build.
    let fragment = link.fragment().filter(|f| f.starts_with('!') || f.contains('/'));
    let fragment = fragment.map(|f| format!("#{f}")).unwrap_or_default();
    (!(path.is_empty() && query.is_empty() && fragment.is_empty()))
        .then(|| format!("{host}{port}{path}{query}{fragment}"))
}

/// Title, link and date as one: what is left to know an entry by.
fn fingerprint(entry: &Entry) -> String {
    let link = entry.link.as_ref().map(|l| canonical(l).unwrap_or_else(|| l.as_str().to_owned()));
    let date = entry.published.map(|p| p.as_second().to_string());
    let text = if entry.title.is_empty() { entry.summary.as_deref().unwrap_or("") } else { &entry.title };
    digest([text, link.as_deref().unwrap_or(""), date.as_deref().unwrap_or("")])
}

/// A title as evidence: case and blanks do not count.
pub fn title_hash(title: &str) -> String {
    digest([title.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ").as_str()])
}

/// What a reader sees of an entry: a different value is a change of the story.
pub fn content_hash(entry: &Entry) -> String {
    digest([
        entry.title.as_str(),
        // Signatures and session ids in links and pictures change with each fetch and change nothing.
        &entry.link.as_ref().map_or_else(String::new, |link| canonical(link).unwrap_or_else(|| link.to_string())),
        entry.summary.as_deref().unwrap_or(""),
        entry.image.as_ref().map_or("", |image| &image.url[..url::Position::AfterPath]),
    ])
}

/// SHA-256 over texts with their lengths, so that none can run into the next.
fn digest<const N: usize>(parts: [&str; N]) -> String {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update((part.len() as u64).to_le_bytes());
        sum.update(part.as_bytes());
    }
    hex(&sum.finalize())
}

/// Judges what a source brought; the answers stand in the order of the entries.
pub fn judge(batch: &Batch) -> Vec<Judged> {
    let (all_keys, duplicates) = names(batch);
    let mut judged: Vec<Judged> = all_keys
        .into_iter()
        .zip(duplicates)
        .zip(batch.entries)
        .map(|((keys, duplicate), entry)| {
            let call = match duplicate {
                Some(of) => Call::Duplicate { of },
                None => known(batch, &keys, entry).unwrap_or(Call::New { verdict: Verdict::Fresh }),
            };
            Judged { keys, call }
        })
        .collect();
    let new: Vec<usize> = (0..judged.len()).filter(|i| matches!(judged[*i].call, Call::New { .. })).collect();
    let verdicts = if starts_over(batch) { first_run(batch, &new) } else { guard(batch, &judged, &new) };
    for (at, verdict) in new.into_iter().zip(verdicts) {
        judged[at].call = Call::New { verdict };
    }
    judged
}

/// The new stories of a judged batch in the order to store and publish them: oldest first. Among equals, and among
/// those without a date, the one further down a feed that lists the newest first is the older.
pub fn oldest_first(batch: &Batch, judged: &[Judged]) -> Vec<usize> {
    let dates: Vec<_> = batch.entries.iter().filter_map(date).collect();
    let rising = dates.first() < dates.last();
    let mut above = batch.now;
    let aged: Vec<Timestamp> = batch
        .entries
        .iter()
        .map(|entry| {
            above = date(entry).map_or(above, |d| d.min(batch.now));
            above
        })
        .collect();
    let mut order: Vec<usize> = (0..judged.len()).filter(|i| matches!(judged[*i].call, Call::New { .. })).collect();
    if !rising {
        order.reverse();
    }
    order.sort_by_key(|at| aged[*at]);
    order
}

fn date(entry: &Entry) -> Option<Timestamp> {
    entry.published.or(entry.updated)
}

fn starts_over(batch: &Batch) -> bool {
    batch.first_run || batch.first_seen || batch.last_good.is_none_or(|at| batch.now.duration_since(at) > STALE)
}

/// The keys of each entry that hold beside the others, and of which earlier entry it is a repetition.
fn names(batch: &Batch) -> (Vec<Keys>, Vec<Option<usize>>) {
    let entries = batch.entries;
    let mut all: Vec<Keys> = entries.iter().map(|entry| keys(batch.source, entry)).collect();
    let prints: Vec<String> = entries.iter().map(fingerprint).collect();

    // A guid that stands over many different stories, or over all (the site's address, a constant), is none. Over
    // two of many it is one story, listed in two versions.
    let mut by_guid: HashMap<&AliasKey, Vec<usize>> = HashMap::new();
    for (at, entry) in entries.iter().enumerate().filter(|(_, e)| e.guid.is_some()) {
        let differs = |other: &usize| {
            let other = &entries[*other];
            let apart = |a: &Url, b: &Url| canonical(a) != canonical(b) || canonical(a).is_none();
            title_hash(&other.title) != title_hash(&entry.title)
                && other.link.as_ref().zip(entry.link.as_ref()).is_none_or(|(a, b)| apart(a, b))
        };
        let group = by_guid.entry(&all[at].primary).or_default();
        if group.len() > 1 || group.iter().all(differs) {
            group.push(at);
        }
    }
    let false_guids: HashSet<AliasKey> = by_guid
        .into_iter()
        .filter(|(_, g)| g.len() >= MANY || g.len() > 1 && g.len() == entries.len())
        .map(|(key, _)| key.clone())
        .collect();
    for at in 0..all.len() {
        if false_guids.contains(&all[at].primary) {
            all[at] = keys(batch.source, &Entry { guid: None, ..entries[at].clone() });
        }
    }

    // The same entry twice: by its print, or by a guid that is one. A shared link alone makes no repetition.
    let mut first: HashMap<String, usize> = HashMap::new();
    let duplicates: Vec<Option<usize>> = (0..all.len())
        .map(|at| {
            let primary = &all[at].primary;
            let guid = primary.value.starts_with("guid:").then(|| primary.value.clone());
            let mine: Vec<String> = guid.into_iter().chain([prints[at].clone()]).collect();
            let of = mine.iter().find_map(|name| first.get(name).copied());
            for name in mine {
                first.entry(name).or_insert(of.unwrap_or(at));
            }
            of
        })
        .collect();

    // A path tells stories apart only where the feed keeps to one host: two sites may both have a "/?p=12".
    let hosts: HashSet<String> = entries
        .iter()
        .filter_map(|e| Url::parse(e.guid.as_deref()?).ok())
        .filter_map(|u| u.host_str().map(|h| h.trim_start_matches("www.").to_owned()))
        .collect();
    let mut uses: HashMap<AliasKey, usize> = HashMap::new();
    for (keys, _) in all.iter().zip(&duplicates).filter(|(_, d)| d.is_none()) {
        for key in &keys.all {
            *uses.entry(key.clone()).or_default() += 1;
        }
    }
    for keys in &mut all {
        keys.all.retain(|key| {
            let shared = uses.get(key).is_some_and(|n| *n > 1);
            !(shared || key.value.starts_with("path:") && hosts.len() > 1)
        });
        // What is left first is what it is; a hash always is, since an entry with the same one is a repetition.
        match keys.all.first() {
            Some(first) => keys.primary = first.clone(),
            None => keys.all.push(keys.primary.clone()),
        }
    }
    (all, duplicates)
}

/// The article an entry is already known as.
fn known(batch: &Batch, keys: &Keys, entry: &Entry) -> Option<Call> {
    keys.all.iter().find_map(|key| {
        let article = batch.known.get(key)?.clone();
        // A path alone tells little in a feed that gathers from several sites ("/?p=12"): the title must be known too.
        if key.value.starts_with("path:") && !batch.titles.contains(&title_hash(&entry.title)) {
            return None;
        }
        // A link belongs to the newsroom: the entry speaks for the story only if a link is all it has.
        let changed_candidate = !key.scope.is_empty() || keys.primary == *key;
        Some(Call::Known { article, changed_candidate })
    })
}

/// A first run stores all and publishes none, or the newest so many if the source is seen for the first time.
fn first_run(batch: &Batch, new: &[usize]) -> Vec<Verdict> {
    let count = match batch.start {
        Start::Last(count) if batch.first_seen => count.min(MAX_LAST),
        _ => 0,
    };
    // Dated ones first, a date in the future counting as now; then as the feed has them.
    let mut newest: Vec<usize> = new.to_vec();
    newest.sort_by_key(|at| (std::cmp::Reverse(date(&batch.entries[*at]).map(|d| d.min(batch.now))), *at));
    newest.truncate(count);
    let verdict = |at: &usize| if newest.contains(at) { Verdict::FirstRunChosen } else { Verdict::Backfill };
    new.iter().map(verdict).collect()
}

/// The flood guard: one verdict for each new entry.
///
/// With a fresh date an entry is news, unless its link is known as well as its title, or it is one of many whose
/// titles are known: then the feed has been issued anew. Without a date, a known title or link tells; else it is one
/// of many: in a feed that has dates elsewhere, three such are many; in a feed that never has any, three are many
/// when they outnumber those that are known.
fn guard(batch: &Batch, judged: &[Judged], new: &[usize]) -> Vec<Verdict> {
    let oldest = batch.last_good.and_then(|at| at.checked_sub(OLD).ok());
    let seen_title = |at: usize| {
        let title = &batch.entries[at].title;
        !title.is_empty() && batch.titles.contains(&title_hash(title))
    };
    let seen_link = |at: usize| {
        let keys = keys(batch.source, &batch.entries[at]);
        keys.all.iter().any(|key| key.scope.is_empty() && batch.known.contains_key(key))
    };
    let repeated = new.iter().filter(|at| seen_title(**at)).count();
    let issued_anew = repeated >= MANY && repeated * 2 > new.len();
    let undated = new.iter().filter(|at| date(&batch.entries[**at]).is_none()).count();
    let known = judged.iter().filter(|j| matches!(j.call, Call::Known { .. })).count();
    let ever_dated = batch.entries.iter().any(|entry| date(entry).is_some());
    let undated_flood = undated >= MANY && (ever_dated || undated > known);
    new.iter()
        .map(|&at| {
            let evidence = match date(&batch.entries[at]) {
                Some(date) if oldest.is_some_and(|oldest| date < oldest) => Some(Evidence::Old),
                Some(_) if seen_title(at) && seen_link(at) => Some(Evidence::Link),
                Some(_) if seen_title(at) && issued_anew => Some(Evidence::Title),
                Some(_) => None,
                None if seen_link(at) => Some(Evidence::Link),
                None if seen_title(at) => Some(Evidence::Title),
                None => undated_flood.then_some(Evidence::Undated),
            };
            evidence.map_or(Verdict::Fresh, |evidence| Verdict::Flood { evidence })
        })
        .collect()
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
