//! `/`: what needs a person, what goes out next, what went out lately.

use askama::Template;
use axum::response::Response;

use super::look::{self, When};
use super::money::ChannelLine;
use super::shown::{Shown, Titles};
use super::{Desk, Frame, Shared, Site, Trouble, answer, money};
use crate::model::channel::{Block, PauseScope};
use crate::store::{article, channel, notice, pause, post};

/// The most posts of each list; how many there are beyond is said.
const MOST: usize = 25;

/// The most posts of a list that are read, to say how many there are.
const READ: i64 = 1000;

/// Something that stands still, or that a person should know.
struct Matter {
    tone: &'static str,
    word: &'static str,
    subject: String,
    text: String,
    at: Option<When>,
    /// How often, where more than once.
    count: Option<i64>,
    way: Option<String>,
}

/// A list that is cut.
struct List {
    rows: Vec<Shown>,
    total: usize,
}

impl List {
    const fn more(&self) -> usize {
        self.total - self.rows.len()
    }
}

#[derive(Template)]
#[template(path = "web/today.html")]
struct Today {
    frame: Frame,
    day: String,
    matters: Vec<Matter>,
    waiting: List,
    next: List,
    lately: Vec<Shown>,
    /// What channels spent, and how much of their limits is used up.
    money: Vec<ChannelLine>,
    /// Nothing was ever seen.
    empty: bool,
    sources: usize,
    channels: usize,
}

impl Today {
    fn open(&self) -> usize {
        self.matters.iter().filter(|matter| matter.tone != "calm").count() + self.waiting.total
    }
}

pub(in crate::web) async fn page(site: Shared) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk).await)
}

/// Whether it ends by itself once the config or a secret is put right.
const fn is_config(block: &Block) -> bool {
    matches!(block, Block::NotInConfig | Block::MissingSecret { .. })
}

async fn build(site: &Site, desk: &Desk) -> Result<Today, Trouble> {
    let mut conn = site.state.store.read().await?;
    let mut titles = Titles::default();
    let waiting = post::list(&mut conn, &["held", "failed", "uncertain"], None, READ).await?;
    let next = post::list(&mut conn, &["scheduled", "publishing"], None, READ).await?;
    let lately = post::list(&mut conn, &["published"], None, i64::try_from(MOST).unwrap_or(i64::MAX)).await?;
    let empty = article::newest(&mut conn, 1).await?.is_empty() && waiting.is_empty() && next.is_empty();
    let mut matters = Vec::new();
    for row in channel::all(&mut conn).await? {
        let Some(block) = &row.blocked else { continue };
        matters.push(Matter {
            tone: "bad",
            word: "Blocked",
            subject: format!("Channel {}", row.name),
            text: look::sentence(&format!("{block}. Its posts wait behind it.")),
            at: row.closed_since.map(|at| desk.when(at)),
            count: None,
            way: (!is_config(block)).then(|| format!("bugle resume {}", row.name)),
        });
    }
    for row in pause::all(&mut conn).await?.into_iter().filter(|pause| pause.until.is_none_or(|t| t > desk.now)) {
        let (subject, way) = match &row.scope {
            PauseScope::All => ("Everything".to_owned(), Some("bugle resume".to_owned())),
            PauseScope::Channel(name) => (format!("Channel {name}"), Some(format!("bugle resume {name}"))),
            PauseScope::Credential(_) => ("All channels of one account".to_owned(), None),
            PauseScope::App(_) => ("All channels of one developer app".to_owned(), None),
        };
        let until = row
            .until
            .map_or_else(|| "until a person resumes".to_owned(), |at| format!("until {}", desk.when(at).short));
        matters.push(Matter {
            tone: if row.until.is_none() { "warn" } else { "calm" },
            word: "Paused",
            subject,
            text: look::sentence(&format!("{} ({until}, by {}).", row.why, row.by)),
            at: Some(desk.when(row.since)),
            count: None,
            way: way.filter(|_| row.until.is_none()),
        });
    }
    for row in notice::all(&mut conn).await? {
        let (tone, word) = match row.level.as_str() {
            "alarm" => ("bad", "Alarm"),
            "warn" => ("warn", "Warning"),
            _ => ("calm", "Notice"),
        };
        matters.push(Matter {
            tone,
            word,
            subject: String::new(),
            text: look::sentence(&row.text),
            at: Some(desk.when(row.first_at)),
            count: (row.count > 1).then_some(row.count),
            way: None,
        });
    }
    Ok(Today {
        frame: desk.frame("Today", "/"),
        day: desk.now.to_zoned_datetime(desk.view.zone.clone()).strftime("%A, %-d %B %Y").to_string(),
        matters,
        waiting: List {
            rows: titles.show(&mut conn, desk, &waiting[..waiting.len().min(MOST)]).await?,
            total: waiting.len(),
        },
        next: List { rows: titles.show(&mut conn, desk, &next[..next.len().min(MOST)]).await?, total: next.len() },
        lately: titles.show(&mut conn, desk, &lately).await?,
        money: money::lines(&mut conn, desk).await?,
        empty,
        sources: desk.view.sources.len(),
        channels: desk.view.channels.len(),
    })
}
