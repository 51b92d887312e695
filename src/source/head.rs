//! What a feed of RSS or Atom says of itself: its name, its language, when it may be asked again, where it can be
//! followed, and which of its entries it takes back. Its items are `entry`.

use std::time::Duration;

use jiff::tz::TimeZone;
use url::Url;

use super::feed::{Feed, LONGEST_TTL, Tombstone};
use super::tree::{Node, Space};
use super::{date, entry};

/// The most entries that one fetch takes back; as many as are kept.
const MAX_TOMBSTONES: usize = super::feed::MAX_KEPT;
/// The most hubs kept; one does.
const MAX_HUBS: usize = 8;

/// What is gathered until the feed is read whole.
#[derive(Default)]
pub(super) struct Head {
    /// The site the feed belongs to, where it is RSS: its links are relative to that.
    pub link: Option<Url>,
    /// Whom the entries of an Atom feed inherit.
    pub authors: Vec<String>,
    ttl: Option<Duration>,
    period: Option<u64>,
    frequency: Option<u32>,
}

impl Head {
    /// Whether an element outside of all items is one that [`Head::read`] knows.
    pub fn knows(space: Space, name: &str) -> bool {
        match space {
            Space::Feed => matches!(name, "title" | "link" | "language" | "ttl" | "author" | "skiphours" | "skipdays"),
            Space::DublinCore => matches!(name, "title" | "language"),
            Space::Syndication => matches!(name, "updateperiod" | "updatefrequency"),
            Space::Tombstones => name == "deleted-entry",
            _ => false,
        }
    }

    /// Reads one element. `base` is what its links are relative to, `atom` whether the feed is one of Atom.
    pub fn read(&mut self, node: &Node, base: &Url, atom: bool, feed: &mut Feed) {
        match (node.space, node.name.as_str()) {
            (Space::Feed | Space::DublinCore, "title") => {
                let title = node.html().map(|html| entry::line(&html)).filter(|t| !t.is_empty());
                feed.title = feed.title.take().or(title);
            }
            (Space::Feed, "link") => self.link(node, base, atom, feed),
            (Space::Feed | Space::DublinCore, "language") => {
                feed.language = feed.language.take().or_else(|| entry::language(&node.text()));
            }
            (Space::Feed, "ttl") => {
                let minutes = node.text().parse::<u32>().ok().filter(|m| *m > 0);
                self.ttl = minutes.map(|m| Duration::from_secs(u64::from(m) * 60)).or(self.ttl);
            }
            (Space::Feed, "skiphours") => {
                let hours = node.all(Space::Feed, "hour").filter_map(|hour| hour.text().parse::<u8>().ok());
                // Some count from 1 to 24.
                feed.skip_hours = sorted(hours.filter(|hour| *hour <= 24).map(|hour| hour % 24));
            }
            (Space::Feed, "skipdays") => {
                feed.skip_days = sorted(node.all(Space::Feed, "day").filter_map(|day| weekday(&day.text())));
            }
            (Space::Feed, "author") if atom => self.authors.extend(entry::person(node)),
            (Space::Syndication, "updateperiod") => self.period = period(&node.text()),
            (Space::Syndication, "updatefrequency") => self.frequency = node.text().parse().ok(),
            (Space::Tombstones, "deleted-entry") => bury(node, feed),
            _ => {}
        }
    }

    fn link(&mut self, node: &Node, base: &Url, atom: bool, feed: &mut Feed) {
        let Some(href) = node.attribute("href") else {
            if !atom && self.link.is_none() {
                self.link = entry::resolve(&node.text(), base);
            }
            return;
        };
        let rel = node.attribute("rel").unwrap_or("alternate").to_ascii_lowercase();
        for rel in rel.split_whitespace() {
            match rel {
                "hub" => keep_hub(feed, entry::resolve(href, base)),
                "self" => feed.own = feed.own.take().or_else(|| entry::resolve(href, base)),
                _ => {}
            }
        }
    }

    /// How long the feed asks to be left alone: the shorter where it says so in two ways.
    pub fn rest(&self) -> Option<Duration> {
        let rhythm = self.period.map(|seconds| seconds / u64::from(self.frequency.unwrap_or(1).clamp(1, 60)));
        self.ttl.into_iter().chain(rhythm.map(Duration::from_secs)).min().map(|rest| rest.min(LONGEST_TTL))
    }
}

/// Keeps a hub, each once.
pub(super) fn keep_hub(feed: &mut Feed, hub: Option<Url>) {
    if let Some(hub) = hub.filter(|hub| feed.hubs.len() < MAX_HUBS && !feed.hubs.contains(hub)) {
        feed.hubs.push(hub);
    }
}

/// Notes an entry that was taken back.
fn bury(node: &Node, feed: &mut Feed) {
    let guid = node.attribute("ref").map(str::trim).filter(|guid| !guid.is_empty());
    let Some(guid) = guid.filter(|_| feed.tombstones.len() < MAX_TOMBSTONES) else { return };
    let comment = node.all(Space::Tombstones, "comment").find_map(Node::html).map(|html| entry::line(&html));
    feed.tombstones.push(Tombstone {
        guid: entry::cut(guid.to_owned()),
        at: node.attribute("when").and_then(|when| date::read(when, &TimeZone::UTC)),
        comment: comment.filter(|comment| !comment.is_empty()),
    });
}

/// The seconds of a `sy:updatePeriod`.
fn period(word: &str) -> Option<u64> {
    match word.to_ascii_lowercase().as_str() {
        "hourly" => Some(3_600),
        "daily" => Some(86_400),
        "weekly" => Some(604_800),
        "monthly" => Some(30 * 86_400),
        "yearly" => Some(365 * 86_400),
        _ => None,
    }
}

/// A day by its English name, from 0 for Monday.
fn weekday(text: &str) -> Option<u8> {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let text = text.to_ascii_lowercase();
    (0..).zip(days).find_map(|(n, day)| text.starts_with(day).then_some(n))
}

fn sorted(numbers: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut numbers: Vec<u8> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

#[cfg(test)]
mod tests {
    use super::super::feed::read;
    use super::*;

    fn feed(head: &str) -> Feed {
        let text = format!(
            "<rss xmlns:a='http://www.w3.org/2005/Atom' xmlns:sy='http://purl.org/rss/1.0/modules/syndication/' \
             xmlns:at='http://purl.org/atompub/tombstones/1.0'><channel>{head}<item><title>x</title></item></channel></rss>"
        );
        read(text.as_bytes(), None, &"https://fetched.example/feed".parse().unwrap()).unwrap()
    }

    #[test]
    fn the_shorter_rest_counts() {
        for (head, seconds) in [
            ("<ttl>15</ttl>", Some(900)),
            ("<ttl>0</ttl>", None),
            ("<ttl>-5</ttl><ttl>soon</ttl>", None),
            ("<ttl>15</ttl><sy:updatePeriod>hourly</sy:updatePeriod>", Some(900)),
            ("<ttl>1440</ttl><sy:updatePeriod> Hourly </sy:updatePeriod>", Some(3_600)),
            ("<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>6</sy:updateFrequency>", Some(600)),
            ("<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>", Some(86_400)),
            ("<sy:updatePeriod>monthly</sy:updatePeriod><sy:updateFrequency>30</sy:updateFrequency>", Some(86_400)),
            ("<sy:updatePeriod>yearly</sy:updatePeriod>", Some(LONGEST_TTL.as_secs())),
            ("<ttl>99999999</ttl>", Some(LONGEST_TTL.as_secs())),
            ("", None),
        ] {
            assert_eq!(feed(head).ttl.map(|ttl| ttl.as_secs()), seconds, "{head}");
        }
    }

    #[test]
    fn finds_where_it_can_be_followed_and_when_not() {
        let feed = feed(
            "<link>https://site.example/</link><a:link rel='self' href='/own.xml'/><a:link rel='hub' href='https://hub.example/'/>\
             <a:link rel='HUB' href='https://hub.example/'/><a:link rel='hub' href='ftp://no.example/'/>\
             <skipHours><hour>24</hour><hour>3</hour><hour>3</hour><hour>25</hour><hour>x</hour></skipHours>\
             <skipDays><day>Sunday</day><day>saturday</day><day>Someday</day></skipDays>",
        );
        assert_eq!(feed.own.unwrap().as_str(), "https://site.example/own.xml");
        assert_eq!(feed.hubs.iter().map(Url::as_str).collect::<Vec<_>>(), ["https://hub.example/"]);
        assert_eq!((feed.skip_hours, feed.skip_days), (vec![0, 3], vec![5, 6]));
    }

    #[test]
    fn reads_what_is_taken_back() {
        let feed = feed(
            "<at:deleted-entry ref='urn:1' when='2026-11-25T09:30:00Z'><at:comment>Wrong &lt;b>name&lt;/b></at:comment>\
             </at:deleted-entry><at:deleted-entry ref=' '/><at:deleted-entry ref='urn:2' when='soon'/>",
        );
        let told: Vec<_> = feed
            .tombstones
            .iter()
            .map(|t| (t.guid.as_str(), t.at.map(|at| at.to_string()), t.comment.as_deref()))
            .collect();
        assert_eq!(
            told,
            [("urn:1", Some("2026-11-25T09:30:00Z".to_owned()), Some("Wrong name")), ("urn:2", None, None)]
        );
        assert_eq!(feed.entries.len(), 1);
        let many = (0..2_000).map(|n| format!("<at:deleted-entry ref='{n}'/>")).collect::<String>();
        assert_eq!(self::feed(&many).tombstones.len(), MAX_TOMBSTONES);
    }
}
