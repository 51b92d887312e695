//! `/sources`: how each source is, the troubled ones first.

use std::collections::HashSet;

use askama::Template;
use axum::extract::RawQuery;
use axum::response::Response;
use jiff::SignedDuration;

use super::asked::Asked;
use super::look::{self, Out, When};
use super::{Desk, Frame, Shared, Site, Trouble, acting, answer};
use crate::model::person::Role;
use crate::store::source::{self, SourceRow};
use crate::web::visitor::Visitor;

/// The most sources of a page.
const MOST: usize = 200;

/// A source, ready to be shown.
pub(super) struct Row {
    pub name: String,
    /// Its page.
    pub href: String,
    /// Where it is polled now; `None`: it cannot be, here and now.
    pub poll: Option<String>,
    pub tone: &'static str,
    pub word: &'static str,
    /// The host, or the file: an address may hold a key that is nobody's business.
    pub place: String,
    pub good: Option<When>,
    pub change: Option<When>,
    pub next: Option<When>,
    pub rhythm: Option<String>,
    pub trouble: Option<String>,
    pub since: Option<When>,
    pub way: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "web/sources.html")]
struct Sources {
    frame: Frame,
    rows: Vec<Row>,
    troubled: usize,
    /// A part of a name that was searched for.
    q: String,
    total: usize,
    may: bool,
    back: String,
    older: Option<String>,
    first: Option<String>,
}

pub(in crate::web) async fn page(site: Shared, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk, &visitor, &Asked::of(query.as_deref())).await)
}

/// The sources that can be polled by hand from here, by name.
pub(super) fn polled(site: &Site) -> HashSet<String> {
    let works = acting::works(site);
    let all = works.iter().flat_map(|works| &works.sources);
    all.filter(|source| source.nudge.is_some()).map(|source| source.name.to_string()).collect()
}

async fn build(site: &Site, desk: &Desk, visitor: &Visitor, asked: &Asked) -> Result<Sources, Trouble> {
    let mut conn = site.state.store.read().await?;
    let mut stored = std::collections::HashMap::new();
    for row in source::all(&mut conn).await? {
        stored.insert(row.name.clone(), row);
    }
    let polled = polled(site);
    let q = asked.text("q").to_lowercase();
    let named = desk.view.sources.iter().filter(|name| name.to_lowercase().contains(&q));
    let mut rows: Vec<Row> = named.map(|name| row(desk, name, stored.remove(name), &polled)).collect();
    rows.sort_by_key(|row| row.tone == "good");
    let (troubled, total) = (rows.iter().filter(|row| row.trouble.is_some()).count(), rows.len());
    let begin = asked.field("from").and_then(|from| from.parse::<usize>().ok()).unwrap_or(0).min(total);
    rows.drain(..begin);
    let more = rows.len() > MOST;
    rows.truncate(MOST);
    let next = (begin + MOST).to_string();
    Ok(Sources {
        frame: desk.frame("Sources", "/sources"),
        rows,
        troubled,
        total,
        q: asked.text("q"),
        may: visitor.may(Role::Editor),
        back: asked.address("/sources", &["q", "from"], &[]),
        older: more.then(|| asked.address("/sources", &["q"], &[("from", &next)])),
        first: (begin > 0).then(|| asked.address("/sources", &["q"], &[])),
    })
}

/// How a source is, from what is stored of it; `polled`: those that can be polled by hand.
pub(super) fn row(desk: &Desk, name: &str, stored: Option<SourceRow>, polled: &HashSet<String>) -> Row {
    let href = look::path("/sources", name);
    let poll = polled.contains(name).then(|| format!("{href}/poll"));
    let Some(stored) = stored else {
        return Row {
            name: name.to_owned(),
            href,
            poll,
            tone: "calm",
            word: "not read yet",
            place: String::new(),
            good: None,
            change: None,
            next: None,
            rhythm: None,
            trouble: None,
            since: None,
            way: None,
        };
    };
    let (tone, word) = match (stored.failures, stored.last_good) {
        (1.., _) => ("bad", "fails"),
        (_, None) => ("calm", "not read yet"),
        _ => ("good", "good"),
    };
    let when = |at: Option<jiff::Timestamp>| at.map(|at| desk.when(at));
    let trouble = stored.error.as_deref().filter(|_| stored.failures > 0).map(|error| {
        let times =
            if stored.failures == 1 { "once".to_owned() } else { format!("{} times in a row", stored.failures) };
        look::straight(&look::sentence(&format!("{error} ({times})")))
    });
    Row {
        name: name.to_owned(),
        href,
        poll,
        tone,
        word,
        good: when(stored.last_good),
        change: when(stored.last_change),
        next: when(Some(stored.next_poll)),
        rhythm: stored.rhythm.map(every),
        trouble,
        since: when(stored.failing_since),
        way: stored.way_out(),
        place: Out::read(&stored.url).map_or(stored.url, |out| out.host),
    }
}

/// A gap in the largest unit that says enough.
fn every(seconds: i64) -> String {
    let gap = SignedDuration::from_secs(seconds);
    match (gap.as_hours(), gap.as_mins()) {
        (48.., _) => format!("every {} days", gap.as_hours() / 24),
        (2.., _) => format!("every {} hours", gap.as_hours()),
        (_, 2..) => format!("every {} minutes", gap.as_mins()),
        _ => "more than one a minute".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_said_in_the_unit_that_fits() {
        for (seconds, said) in [
            (5, "more than one a minute"),
            (20 * 60, "every 20 minutes"),
            (119 * 60, "every 119 minutes"),
            (3 * 3_600, "every 3 hours"),
            (72 * 3_600, "every 3 days"),
        ] {
            assert_eq!(every(seconds), said);
        }
    }
}
