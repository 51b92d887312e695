//! `/`: what needs a person, what goes out next, what went out lately. Read with a handful of statements that each take the
//! first rows of an index, however many posts are stored; see `store/listed.rs`.

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery};
use axum::response::Response;

use super::asked::{Asked, Choice, Narrow};
use super::look::{self, When};
use super::money::ChannelLine;
use super::shown::{self, Shown};
use super::{Desk, Frame, Shared, Site, Trouble, acting, answer, money, part};
use crate::model::channel::PauseScope;
use crate::model::person::Role;
use crate::publish::actions;
use crate::store::listed::{self, Filter, Order};
use crate::store::{Conn, StoreError, article, channel, notice, pause, source};
use crate::web::form::Form;
use crate::web::visitor::Visitor;

/// The most posts of each list; how many there are beyond is said. Ours: what is read without scrolling for long, and keeps
/// the page under 60 kB.
const MOST: usize = 15;

/// How far posts are counted.
const COUNTED: usize = 1_000;

/// The most notices, and sources in trouble, that are shown one by one.
const MATTERS: usize = 12;

/// Something that stands still, or that a person should know.
struct Matter {
    tone: &'static str,
    word: &'static str,
    subject: String,
    text: String,
    at: Option<When>,
    /// How often, where more than once.
    count: Option<i64>,
    /// Where it is decided, and the word for it.
    way: Option<(String, &'static str)>,
    /// The posts of a flood are decided together; where.
    flood: Option<String>,
}

/// A list that is cut.
struct List {
    rows: Vec<Shown>,
    total: usize,
    /// Where all of them are.
    all: String,
}

impl List {
    fn is_cut(&self) -> bool {
        self.total > self.rows.len()
    }

    fn total(&self) -> String {
        counted(self.total)
    }
}

/// A number that ends where counting ended.
fn counted(n: usize) -> String {
    if n > COUNTED { "1,000+".to_owned() } else { n.to_string() }
}

#[derive(Template)]
#[template(path = "web/today.html")]
struct Today {
    frame: Frame,
    day: String,
    narrow: Narrow,
    shows: Vec<Choice>,
    /// The address of this list, to come back to.
    back: String,
    /// Whether the visitor may decide.
    may: bool,
    matters: Vec<Matter>,
    waiting: Option<List>,
    next: Option<List>,
    lately: Option<List>,
    /// What channels spent, and how much of their limits is used up.
    money: Vec<ChannelLine>,
    /// Nothing was ever seen.
    empty: bool,
    sources: usize,
    channels: usize,
}

impl Today {
    fn open(&self) -> String {
        let matters = self.matters.iter().filter(|matter| matter.tone != "calm").count();
        counted(matters + self.waiting.as_ref().map_or(0, |list| list.total))
    }

    fn is_calm(&self) -> bool {
        self.matters.is_empty() && self.waiting.as_ref().is_none_or(|list| list.rows.is_empty())
    }
}

pub(in crate::web) async fn page(site: Shared, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk, &visitor, &Asked::of(query.as_deref())).await)
}

/// The parts of the page: what stands in the address, and its words.
const PARTS: [(&str, &str); 3] = [("person", "Needs a person"), ("next", "Goes out next"), ("out", "Went out")];
/// The fields that narrow it.
const FIELDS: [&str; 4] = ["show", "channel", "source", "q"];

async fn build(site: &Site, desk: &Desk, visitor: &Visitor, asked: &Asked) -> Result<Today, Trouble> {
    let mut conn = site.state.store.read().await?;
    let filter = asked.filter();
    let part = asked.field("show").filter(|part| PARTS.iter().any(|(word, _)| word == part));
    let shows = |word: &str| part.is_none_or(|part| part == word);
    let all = |view: &str| asked.address("/posts", &["channel", "source", "q"], &[("view", view)]);
    let list = async |conn: &mut Conn, states: &[&'static str], order, view: &str| {
        let rows = listed::posts(conn, states, order, &filter, None, MOST).await?;
        // What fits is counted already.
        let total =
            if rows.len() < MOST { rows.len() } else { listed::count(conn, states, &filter, COUNTED + 1).await? };
        Ok::<_, StoreError>(List { rows: shown::rows(conn, desk, &rows).await?, total, all: all(view) })
    };
    let mut waiting = None;
    let mut matters = Vec::new();
    if shows("person") {
        if filter.source.is_none() && filter.words.is_none() {
            matters = self::matters(&mut conn, desk, &filter).await?;
        }
        waiting = Some(list(&mut conn, &["held", "failed", "uncertain"], Order::Newest, "person").await?);
    }
    let mut next = None;
    if shows("next") {
        next = Some(list(&mut conn, &["publishing", "scheduled"], Order::Due, "queue").await?);
    }
    let mut lately = None;
    if shows("out") {
        let rows = listed::posts(&mut conn, &["published"], Order::Newest, &filter, None, MOST).await?;
        let rows = shown::rows(&mut conn, desk, &rows).await?;
        lately = Some(List { total: rows.len(), rows, all: all("published") });
    }
    let none = |list: &Option<List>| list.as_ref().is_none_or(|list| list.rows.is_empty());
    let open = part.is_none() && filter.is_open();
    let empty =
        open && none(&waiting) && none(&next) && none(&lately) && article::newest(&mut conn, 1).await?.is_empty();
    let back = asked.address("/", &FIELDS, &[]);
    Ok(Today {
        frame: desk.frame("Today", "/"),
        day: desk.now.to_zoned_datetime(desk.view.zone.clone()).strftime("%A, %-d %B %Y").to_string(),
        narrow: Narrow::new(desk, asked, "/"),
        shows: PARTS
            .iter()
            .map(|(value, word)| Choice {
                value: (*value).to_owned(),
                word: (*word).to_owned(),
                chosen: part == Some(value),
            })
            .collect(),
        back,
        may: visitor.may(Role::Editor),
        matters,
        waiting,
        next,
        lately,
        money: if open { money::lines(&mut conn, desk).await? } else { Vec::new() },
        empty,
        sources: desk.view.sources.len(),
        channels: desk.view.channels.len(),
    })
}

/// What stands still beside posts, worst first: channels, pauses, sources, notices.
async fn matters(conn: &mut Conn, desk: &Desk, filter: &Filter) -> Result<Vec<Matter>, StoreError> {
    let mut matters = Vec::new();
    let wanted = |name: &str| filter.channel.as_deref().is_none_or(|channel| channel == name);
    let place = |name: &str| (look::path("/channels", name), "Look at the channel");
    for row in channel::all(conn).await?.into_iter().filter(|row| wanted(&row.name)) {
        let Some(block) = &row.blocked else { continue };
        let after = if actions::is_lifted_by_hand(block) {
            "its posts wait behind it"
        } else {
            "once it is there, its posts go on by themselves"
        };
        matters.push(Matter {
            tone: "bad",
            word: "Blocked",
            subject: format!("Channel {}", row.name),
            text: look::sentence(&format!("{block}; {after}.")),
            at: row.closed_since.map(|at| desk.when(at)),
            count: None,
            way: Some(place(&row.name)),
            flood: None,
        });
    }
    for row in pause::all(conn).await?.into_iter().filter(|pause| pause.until.is_none_or(|t| t > desk.now)) {
        let (subject, way) = match &row.scope {
            PauseScope::All => ("Everything".to_owned(), Some(("/resume".to_owned(), "What resuming does"))),
            PauseScope::Channel(name) => (format!("Channel {name}"), Some(place(name))),
            PauseScope::Credential(_) => ("All channels of one account".to_owned(), None),
            PauseScope::App(_) => ("All channels of one developer app".to_owned(), None),
        };
        if matches!(&row.scope, PauseScope::Channel(name) if !wanted(name)) {
            continue;
        }
        let until = row
            .until
            .map_or_else(|| "until a person resumes".to_owned(), |at| format!("until {}", desk.when(at).short));
        let why = if row.why.is_empty() { "no reason was given" } else { &row.why };
        matters.push(Matter {
            tone: if row.until.is_none() { "warn" } else { "calm" },
            word: "Paused",
            subject,
            text: look::sentence(&format!("{why} ({until}, by {}).", row.by)),
            at: Some(desk.when(row.since)),
            count: None,
            way: way.filter(|_| row.until.is_none()),
            flood: None,
        });
    }
    if filter.channel.is_none() {
        matters.extend(sources(conn, desk).await?);
        matters.extend(notices(conn, desk).await?);
    }
    Ok(matters)
}

/// Sources of the config that fail, those that have failed for longest first.
async fn sources(conn: &mut Conn, desk: &Desk) -> Result<Vec<Matter>, StoreError> {
    let failing = source::failing(conn, 200).await?;
    let ours = failing.into_iter().filter(|row| desk.view.sources.contains(&row.name));
    let matters = ours.take(MATTERS).map(|row| Matter {
        tone: "warn",
        word: "Silent",
        text: look::sentence(&format!("{}.", row.error.as_deref().unwrap_or("it cannot be read"))),
        at: row.failing_since.map(|at| desk.when(at)),
        count: (row.failures > 1).then_some(row.failures),
        way: Some((look::path("/sources", &row.name), "Look at the source")),
        flood: None,
        subject: format!("Source {}", row.name),
    });
    Ok(matters.collect())
}

/// Notices, but those about what stands on the page by itself: a held post, a blocked channel, a source that fails.
async fn notices(conn: &mut Conn, desk: &Desk) -> Result<Vec<Matter>, StoreError> {
    let told = |key: &str| {
        let parts: Vec<&str> = key.splitn(2, '.').collect();
        match parts.as_slice() {
            ["post", rest] => rest.ends_with(".held") || rest.ends_with(".failed"),
            ["channel", rest] => rest.ends_with(".blocked"),
            ["source", rest] => desk.view.sources.iter().any(|name| name == rest),
            _ => false,
        }
    };
    let rows = notice::all(conn).await?.into_iter().filter(|row| !told(&row.key)).take(MATTERS);
    Ok(rows
        .map(|row| {
            let (tone, word) = match row.level.as_str() {
                "alarm" => ("bad", "Alarm"),
                "warn" => ("warn", "Warning"),
                _ => ("calm", "Notice"),
            };
            let at = match row.key.splitn(3, '.').collect::<Vec<_>>().as_slice() {
                ["source", name, _] => Some((look::path("/sources", name), "Look at the source")),
                ["channel", name, _] => Some((look::path("/channels", name), "Look at the channel")),
                ["article", id, _] => Some((look::path("/articles", id), "Look at the article")),
                ["post", id, _] => Some((look::path("/posts", id), "Look at the post")),
                _ => None,
            };
            Matter {
                tone,
                word,
                subject: String::new(),
                text: look::sentence(&row.text),
                at: Some(desk.when(row.first_at)),
                count: (row.count > 1).then_some(row.count),
                way: at,
                flood: row.key.strip_prefix("flood.").map(|group| look::path("/floods", group)),
            }
        })
        .collect())
}

/// `POST /floods/GROUP/approve`: all posts of a flood go out, as far as they are not too old.
pub(in crate::web) async fn approve_flood(
    site: Shared,
    visitor: Visitor,
    group: Result<Path<String>, PathRejection>,
    form: Form,
) -> Response {
    let done = actions::approve_group(&site.state.store, &acting::hand(&site, &visitor), &part(group)).await;
    acting::done(&site, form.back(), done, |rows| format!("{} go out.", acting::posts(rows.len())))
}

/// `POST /floods/GROUP/skip`: none of them does.
pub(in crate::web) async fn skip_flood(
    site: Shared,
    visitor: Visitor,
    group: Result<Path<String>, PathRejection>,
    form: Form,
) -> Response {
    let done = actions::skip_group(&site.state.store, &acting::hand(&site, &visitor), &part(group)).await;
    acting::done(&site, form.back(), done, |rows| format!("{} dropped.", acting::posts(rows.len())))
}
