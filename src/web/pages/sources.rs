//! `/sources`: how each source is, the troubled ones first.

use askama::Template;
use axum::response::Response;
use jiff::SignedDuration;

use super::look::{self, Out, When};
use super::{Desk, Frame, Shared, Site, Trouble, answer};
use crate::store::source::{self, SourceRow};

/// The most sources of a page; how many there are beyond is said.
const MOST: usize = 500;

struct Row {
    name: String,
    tone: &'static str,
    word: &'static str,
    /// The host, or the file: an address may hold a key that is nobody's business.
    place: String,
    good: Option<When>,
    change: Option<When>,
    next: Option<When>,
    rhythm: Option<String>,
    trouble: Option<String>,
    since: Option<When>,
    way: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "web/sources.html")]
struct Sources {
    frame: Frame,
    rows: Vec<Row>,
    troubled: usize,
    more: usize,
}

pub(in crate::web) async fn page(site: Shared) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk).await)
}

async fn build(site: &Site, desk: &Desk) -> Result<Sources, Trouble> {
    let mut conn = site.state.store.read().await?;
    let mut stored = std::collections::HashMap::new();
    for row in source::all(&mut conn).await? {
        stored.insert(row.name.clone(), row);
    }
    let mut rows: Vec<Row> = desk.view.sources.iter().map(|name| row(desk, name, stored.remove(name))).collect();
    rows.sort_by_key(|row| row.tone == "good");
    let troubled = rows.iter().filter(|row| row.trouble.is_some()).count();
    let more = rows.len().saturating_sub(MOST);
    rows.truncate(MOST);
    Ok(Sources { frame: desk.frame("Sources", "/sources"), rows, troubled, more })
}

fn row(desk: &Desk, name: &str, stored: Option<SourceRow>) -> Row {
    let Some(stored) = stored else {
        return Row {
            name: name.to_owned(),
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
