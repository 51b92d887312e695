//! The rules of identity as fetches of an imagined source, one after the other.

use super::*;
use crate::model::article::Image;

const NOW: &str = "2026-11-25T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn hours_ago(hours: i64) -> Option<Timestamp> {
    Some(at(NOW) - SignedDuration::from_hours(hours))
}

fn story(n: usize, hours: i64) -> Entry {
    Entry {
        guid: Some(format!("http://example.org/?p={n}")),
        title: format!("Story {n}"),
        link: Some(format!("https://example.org/news/{n}").parse().unwrap()),
        published: hours_ago(hours),
        ..Entry::default()
    }
}

fn stories(count: usize) -> Vec<Entry> {
    (0..count).map(|n| story(n, 1 + n as i64)).collect()
}

/// What a newsroom remembers between fetches.
struct Memory {
    known: HashMap<AliasKey, ArticleId>,
    titles: HashSet<String>,
    source: SourceName,
    first: bool,
    start: Start,
    last_good: Option<Timestamp>,
}

impl Memory {
    fn new(start: Start) -> Self {
        let source = SourceName::from("site");
        Self { known: HashMap::new(), titles: HashSet::new(), source, first: true, start, last_good: None }
    }

    /// A newsroom that has read `entries` an hour ago.
    fn after(entries: &[Entry]) -> Self {
        let mut memory = Self::new(Start::FromNow);
        memory.fetch(entries);
        memory
    }

    fn batch<'a>(&'a self, entries: &'a [Entry]) -> Batch<'a> {
        Batch {
            source: &self.source,
            entries,
            partial: false,
            known: &self.known,
            titles: &self.titles,
            first_seen: self.first,
            first_run: self.first,
            last_good: self.last_good,
            start: self.start,
            now: at(NOW),
        }
    }

    /// Judges and stores, as an engine would; each verdict as a short word.
    fn fetch(&mut self, entries: &[Entry]) -> Vec<String> {
        // As a store does it: only what is asked for is there.
        let all = self.known.clone();
        let asked: HashSet<AliasKey> = lookup(&self.source, entries).into_iter().collect();
        self.known.retain(|key, _| asked.contains(key));
        let judged = judge(&self.batch(entries));
        self.known = all;
        let mut articles: Vec<ArticleId> = Vec::new();
        for (one, entry) in judged.iter().zip(entries) {
            let article = match &one.call {
                Call::Known { article, .. } => article.clone(),
                Call::New { .. } => ArticleId::from(format!("{}-{}", self.source, self.known.len()).as_str()),
                Call::Duplicate { of } => articles[*of].clone(),
            };
            for key in &one.keys.all {
                self.known.entry(key.clone()).or_insert(article.clone());
            }
            articles.push(article);
            self.titles.insert(title_hash(&entry.title));
        }
        self.first = false;
        self.last_good = hours_ago(1);
        judged.iter().map(|one| word(&one.call)).collect()
    }
}

fn word(call: &Call) -> String {
    match call {
        Call::Known { changed_candidate: true, .. } => "known".to_owned(),
        Call::Known { .. } => "known elsewhere".to_owned(),
        Call::Duplicate { of } => format!("duplicate of {of}"),
        Call::New { verdict: Verdict::Flood { evidence } } => format!("flood {evidence:?}"),
        Call::New { verdict } => format!("{verdict:?}"),
    }
}

fn all(words: &[String], expected: &str) {
    assert!(!words.is_empty() && words.iter().all(|w| w == expected), "expected {expected}, found {words:?}");
}

#[test]
fn a_first_run_publishes_nothing_or_what_is_asked_for() {
    all(&Memory::new(Start::FromNow).fetch(&stories(50)), "Backfill");

    let mut feed = stories(50);
    feed[10].published = Some(at("9999-12-30T00:00:00Z"));
    feed[20].published = hours_ago(-3);
    feed[0].published = None;
    let words = Memory::new(Start::Last(3)).fetch(&feed);
    let chosen: Vec<usize> = (0..50).filter(|i| words[*i] == "FirstRunChosen").collect();
    // The two of the future count as now, then comes the newest; the undated one is last.
    assert_eq!(chosen, [1, 10, 20]);
    assert_eq!(words.iter().filter(|w| *w == "Backfill").count(), 47);

    all(&Memory::new(Start::Last(9_999)).fetch(&stories(50)), "FirstRunChosen");
    let undated: Vec<Entry> = stories(5).into_iter().map(|e| Entry { published: None, ..e }).collect();
    let words = Memory::new(Start::Last(2)).fetch(&undated);
    assert_eq!(words, ["FirstRunChosen", "FirstRunChosen", "Backfill", "Backfill", "Backfill"]);
}

#[test]
fn a_source_starts_over_without_a_flood() {
    // Imported, restored or renamed; or not read for more than a week. `start` counts at first sight only.
    let mut restored = Memory::after(&stories(3));
    (restored.first, restored.start) = (false, Start::Last(5));
    let feed = stories(10);
    let words: Vec<String> =
        judge(&Batch { first_run: true, ..restored.batch(&feed) }).iter().map(|j| word(&j.call)).collect();
    all(&words[..3], "known");
    all(&words[3..], "Backfill");
    restored.last_good = hours_ago(7 * 24 + 1);
    all(&restored.fetch(&feed)[3..], "Backfill");
}

#[test]
fn new_stories_are_news_however_many() {
    let mut memory = Memory::after(&stories(5));
    let mut election: Vec<Entry> = (100..140).map(|n| story(n, 0)).collect();
    election.extend(stories(5));
    let words = memory.fetch(&election);
    all(&words[..40], "Fresh");
    all(&words[40..], "known");
    all(&memory.fetch(&election), "known");
}

#[test]
fn the_flood_guard_sees_through_new_clothes() {
    type Change = fn(usize, &mut Entry);
    let cases: [(&str, Change, &str); 9] = [
        ("all guids change, links stay", |n, e| e.guid = Some(format!("new-{n}")), "known elsewhere"),
        ("guid scheme http to https", |n, e| e.guid = Some(format!("https://example.org/?p={n}")), "known"),
        ("guids move to another host", |n, e| e.guid = Some(format!("https://www.example.com/?p={n}")), "known"),
        ("guids vanish", |_, e| e.guid = None, "known"),
        ("links get tracking", |_, e| e.link.as_mut().unwrap().set_query(Some("utm_source=rss")), "known"),
        ("titles change", |_, e| e.title.push('!'), "known"),
        (
            "guids, links and dates change: issued anew",
            |n, e| {
                e.guid = Some(format!("new-{n}"));
                e.link = Some(format!("https://example.com/{n}").parse().unwrap());
                e.published = hours_ago(0);
            },
            "flood Title",
        ),
        (
            "guids and links change, dates are old",
            |n, e| {
                e.guid = Some(format!("new-{n}"));
                e.link = Some(format!("https://example.com/{n}").parse().unwrap());
                e.title.push('!');
                e.published = hours_ago(72 + n as i64);
            },
            "flood Old",
        ),
        (
            "other stories, all without a date",
            |n, e| *e = Entry { published: None, title: format!("Other {n}"), ..story(n + 500, 0) },
            "flood Undated",
        ),
    ];
    for (name, change, expected) in cases {
        let mut memory = Memory::after(&stories(20));
        let mut feed = stories(20);
        feed.iter_mut().enumerate().for_each(|(n, e)| change(n, e));
        let words = memory.fetch(&feed);
        assert!(words.iter().all(|w| w == expected), "{name}: expected {expected}, found {words:?}");
    }
}

#[test]
fn a_daily_title_is_a_new_story_each_day() {
    let rates = |day: usize, hours| Entry { title: "Exchange rates".to_owned(), ..story(day, hours) };
    let mut memory = Memory::after(&[rates(1, 40), story(50, 41)]);
    assert_eq!(memory.fetch(&[rates(2, 0), rates(1, 40), story(50, 41)]), ["Fresh", "known", "known"]);
    // Under the same link as yesterday's nobody can tell: a person decides.
    let same_link = |n: usize, hours| Entry { link: story(1, 0).link, ..rates(n, hours) };
    assert_eq!(memory.fetch(&[same_link(3, 0), same_link(1, 40)]), ["flood Link", "known"]);
}

#[test]
fn one_story_that_comes_late_is_held() {
    let mut memory = Memory::after(&stories(3));
    let mut feed = stories(3);
    feed.insert(0, story(9, 48 + 2));
    feed.insert(0, story(8, 48));
    assert_eq!(memory.fetch(&feed)[..2], ["Fresh", "flood Old"]);
}

#[test]
fn a_feed_without_dates_goes_on() {
    let undated = |range: std::ops::Range<usize>| -> Vec<Entry> {
        range.map(|n| Entry { published: None, ..story(n, 0) }).collect()
    };
    let mut memory = Memory::after(&undated(0..30));
    let words = memory.fetch(&[undated(30..35), undated(0..25)].concat());
    all(&words[..5], "Fresh");
    all(&words[5..], "known");
    all(&memory.fetch(&undated(100..130)), "flood Undated");
    // In a part that names only what is new, nothing else can be expected.
    let (part, other) = (undated(200..205), Memory::after(&undated(0..30)));
    let words = |partial| -> Vec<String> {
        judge(&Batch { partial, ..other.batch(&part) }).iter().map(|j| word(&j.call)).collect()
    };
    all(&words(true), "Fresh");
    all(&words(false), "flood Undated");
    // One pushed alone.
    let alone = Entry { published: None, ..story(900, 0) };
    all(&memory.fetch(std::slice::from_ref(&alone)), "Fresh");
    all(&memory.fetch(&[Entry { guid: Some("x".to_owned()), link: None, ..alone }]), "flood Title");
}

#[test]
fn nothing_is_forgotten() {
    let mut memory = Memory::after(&stories(5));
    assert_eq!(memory.fetch(&[]).len(), 0);
    all(&memory.fetch(&stories(5)), "known");
    for count in [3, 5, 3, 5] {
        all(&memory.fetch(&stories(count)), "known");
    }
}

#[test]
fn future_dates_are_news_once() {
    let mut memory = Memory::after(&stories(5));
    let feed = [
        Entry { published: Some(Timestamp::MAX), ..story(70, 0) },
        Entry { published: hours_ago(-100), ..story(71, 0) },
    ];
    all(&memory.fetch(&feed), "Fresh");
    all(&memory.fetch(&feed), "known");
}

#[test]
fn entries_without_guid_are_known_by_link_or_print() {
    let bare = |n: usize| Entry { guid: None, ..story(n, n as i64) };
    let home = |n: usize| Entry { link: Some("https://example.org/".parse().unwrap()), ..bare(n) };
    let same = |n: usize| Entry { link: Some("https://example.org/live".parse().unwrap()), ..bare(n) };
    let none = |n: usize| Entry { link: None, ..bare(n) };
    for (name, make) in [
        ("links", &bare as &dyn Fn(usize) -> Entry),
        ("the home page", &home),
        ("one link for all", &same),
        ("no link", &none),
    ] {
        let mut memory = Memory::after(&[make(1), make(2), make(3)]);
        let words = memory.fetch(&[make(0), make(1), make(2), make(3)]);
        assert_eq!(words, ["Fresh", "known", "known", "known"], "{name}");
    }
}

#[test]
fn repetitions_within_a_fetch_count_once() {
    let mut memory = Memory::after(&stories(3));
    let again = Entry { guid: Some("https://example.org/other-id".to_owned()), ..story(7, 0) };
    let apart = Entry { guid: again.guid.clone(), title: "Apart".to_owned(), ..story(7, 5) };
    let feed = [story(7, 0), story(7, 0), again, Entry { title: "Story 7, updated".to_owned(), ..story(7, 0) }];
    assert_eq!(memory.fetch(&feed), ["Fresh", "duplicate of 0", "duplicate of 0", "duplicate of 0"]);
    // The second guid is remembered too: listed alone it is no news.
    let alone = Entry { guid: Some("https://example.org/other-id".to_owned()), link: None, ..story(7, 0) };
    assert_eq!(memory.fetch(&[alone]), ["known"]);
    // One link, two guids, two titles: two stories, and the link names neither.
    let mut memory = Memory::after(&stories(3));
    let feed = [story(7, 0), apart];
    assert_eq!(memory.fetch(&feed), ["Fresh", "Fresh"]);
    assert!(memory.known.keys().all(|key| key.value != "link:example.org/news/7"));
    all(&memory.fetch(&feed), "known");
}

#[test]
fn a_guid_over_all_stories_is_none() {
    let same = |n: usize, hours| Entry { guid: Some("https://example.org".to_owned()), ..story(n, hours) };
    let mut memory = Memory::after(&[same(1, 1), same(2, 2), same(3, 3)]);
    let words = memory.fetch(&[same(0, 0), same(1, 1), same(2, 2)]);
    assert_eq!(words, ["Fresh", "known", "known"]);
}

#[test]
fn two_sources_with_one_link_are_one_story() {
    let mut memory = Memory::after(&stories(3));
    memory.source = SourceName::from("wire");
    let other = Entry {
        guid: Some("wire-1".to_owned()),
        link: Some("http://EXAMPLE.org:80/news/1/?utm_medium=x#top".parse().unwrap()),
        title: "The same, as the wire has it".to_owned(),
        ..story(1, 0)
    };
    assert_eq!(memory.fetch(&[other, story(60, 0)]), ["known elsewhere", "Fresh"]);
    // The same guid in two sources says nothing.
    assert_ne!(keys(&SourceName::from("a"), &story(1, 0)).primary, keys(&SourceName::from("b"), &story(1, 0)).primary);
}

#[test]
fn a_path_names_no_story_where_hosts_are_mixed() {
    let on = |host: &str, n: usize| Entry {
        guid: Some(format!("https://{host}/?p={n}")),
        link: Some(format!("https://{host}/story-{n}").parse().unwrap()),
        title: format!("{host} {n}"),
        ..story(n, 0)
    };
    let mut memory = Memory::after(&[on("a.example", 1), on("b.example", 2)]);
    assert_eq!(memory.fetch(&[on("b.example", 1), on("a.example", 1)]), ["Fresh", "known"]);
}

#[test]
fn links_become_keys() {
    for (link, expected) in [
        ("HTTPS://Example.ORG:443/A/b/?utm_source=x&id=7&fbclid=y&a=b#top", Some("example.org/A/b?id=7&a=b")),
        ("http://example.org:8080/a", Some("example.org:8080/a")),
        ("https://example.org/a/", Some("example.org/a")),
        ("https://example.org/?p=12", Some("example.org?p=12")),
        ("https://example.org/#!/story/1", Some("example.org#!/story/1")),
        ("https://example.org/?utm_campaign=x", None),
        ("https://example.org", None),
    ] {
        assert_eq!(canonical(&link.parse().unwrap()).as_deref(), expected, "{link}");
    }
    let long = Entry { guid: Some("x".repeat(60_000)), ..Entry::default() };
    assert!(keys(&SourceName::from("a"), &long).primary.value.len() < 100);
}

#[test]
fn new_stories_go_out_oldest_first() {
    let memory = Memory::after(&[story(90, 30)]);
    let order = |entries: &[Entry]| {
        let batch = memory.batch(entries);
        oldest_first(&batch, &judge(&batch))
    };
    let undated = Entry { published: None, ..story(5, 0) };
    // The undated one is as old as the one above it.
    assert_eq!(order(&[story(1, 1), story(2, 2), story(90, 30), undated, story(3, 3)]), [3, 4, 1, 0]);
    assert_eq!(order(&[story(3, 3), story(2, 2), story(1, 1)]), [0, 1, 2]);
    // One of the future is no later than now.
    assert_eq!(order(&[Entry { published: Some(Timestamp::MAX), ..story(1, 0) }, story(2, 0)]), [1, 0]);
}

#[test]
fn a_change_shows_in_the_hash() {
    let entry = story(1, 1);
    let changed = [
        Entry { title: "Other".to_owned(), ..entry.clone() },
        Entry { summary: Some("S".to_owned()), ..entry.clone() },
        Entry { content: Some("S".to_owned()), ..entry.clone() },
        Entry { image: Some(Image::at("https://example.org/a.png".parse().unwrap())), ..entry.clone() },
        Entry { link: None, ..entry.clone() },
    ];
    for other in changed {
        assert_ne!(content_hash(&entry), content_hash(&other));
        assert_eq!(other.differs_from(&entry).len(), 1, "{other:?}");
    }
    assert_eq!(content_hash(&entry), content_hash(&Entry { published: None, guid: None, ..entry.clone() }));
}
