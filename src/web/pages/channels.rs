//! `/channels`: each channel with its account, how it is, how long its token is good for, and what its platform's terms
//! ask. Connecting itself is `connect`'s.

use askama::Template;
use axum::response::Response;
use jiff::Timestamp;

use super::look::{self, When};
use super::shown::platform_name;
use super::{Desk, Frame, Shared, Site, Trouble, answer};
use crate::connect::Connector;
use crate::model::channel::Block;
use crate::model::grant::Grant;
use crate::platform::{Identity, by_id};
use crate::store::channel::{self, ChannelRow};

struct Row {
    name: String,
    platform: String,
    account: Option<String>,
    tone: &'static str,
    word: &'static str,
    trouble: Option<String>,
    token: Option<Token>,
    /// Where it is connected, and the word for it; `None`: by keys in the config.
    connect: Option<(String, &'static str)>,
    terms: &'static str,
    source: &'static str,
    read: &'static str,
}

/// How long a token is good for.
struct Token {
    said: String,
    at: Option<When>,
}

#[derive(Template)]
#[template(path = "web/channels.html")]
struct Channels {
    frame: Frame,
    rows: Vec<Row>,
}

pub(in crate::web) async fn page(site: Shared) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk).await)
}

async fn build(site: &Site, desk: &Desk) -> Result<Channels, Trouble> {
    let stored = {
        let mut conn = site.state.store.read().await?;
        channel::all(&mut conn).await?
    };
    let connector = site.state.connector.borrow().clone();
    let mut rows = Vec::new();
    for view in &desk.view.channels {
        let known = stored.iter().find(|row| row.name == view.name);
        let grant = match &connector {
            Some(connector) => grant(connector, &view.name).await,
            None => None,
        };
        rows.push(row(desk, view, known, connector.as_deref(), grant.as_ref()));
    }
    Ok(Channels { frame: desk.frame("Channels", "/channels"), rows })
}

/// The kept grant of a channel that is opened by consent.
async fn grant(connector: &Connector, name: &str) -> Option<Grant> {
    connector.subject(name).ok()?.consent().ok()?;
    let kept = connector.keeps.of(name).get(Grant::WORD).await.ok()??;
    Grant::read(&kept)
}

fn row(
    desk: &Desk,
    view: &crate::web::ChannelView,
    stored: Option<&ChannelRow>,
    connector: Option<&Connector>,
    grant: Option<&Grant>,
) -> Row {
    let identity = stored.and_then(|row| row.identity.as_deref());
    let identity = identity.and_then(|text| serde_json::from_str::<Identity>(text).ok());
    let by_consent = connector.is_some_and(|it| it.subject(&view.name).is_ok_and(|it| it.consent().is_ok()));
    let blocked = stored.and_then(|row| row.blocked.as_ref());
    let (tone, word) = match blocked {
        Some(Block::NotInConfig | Block::MissingSecret { .. }) => ("calm", "waits"),
        Some(_) => ("bad", "blocked"),
        None if by_consent && grant.is_none() => ("calm", "not connected"),
        None => ("good", "good"),
    };
    let terms = by_id(&view.platform).map_or(crate::platform::Terms::NONE, |platform| platform.spec().terms);
    let href = format!("{}/connect", look::path("/channels", &view.name));
    Row {
        name: view.name.clone(),
        platform: platform_name(&view.platform),
        account: identity.map(|it| it.handle).or_else(|| view.label.clone()).map(|name| look::straight(&name)),
        tone,
        word,
        trouble: blocked.map(|block| look::straight(&look::sentence(&block.to_string()))),
        token: grant.map(|grant| token(desk, grant)),
        connect: by_consent.then(|| (href, if grant.is_some() { "Reconnect" } else { "Connect" })),
        terms: terms.ask,
        source: terms.source,
        read: terms.read,
    }
}

fn token(desk: &Desk, grant: &Grant) -> Token {
    let (at, renewed) = match (grant.ends, &grant.refresh) {
        (Some(ends), _) => (Some(ends), false),
        (None, Some(_)) => (None, true),
        (None, None) => (grant.expires, false),
    };
    let said = match at {
        Some(at) => left(at, desk.now),
        None if renewed => "its token is renewed by itself".to_owned(),
        None => "its token does not run out".to_owned(),
    };
    Token { said, at: at.map(|at| desk.when(at)) }
}

/// How many days a token is good for.
fn left(at: Timestamp, now: Timestamp) -> String {
    match at.duration_since(now).as_hours() {
        ..0 => "its token has run out".to_owned(),
        hours @ 0..48 => format!("its token is good for {hours} more hours"),
        hours => format!("its token is good for {} more days", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_of_a_token_are_counted_whole() {
        let now: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        for (at, said) in [
            ("2026-11-24T10:00:00Z", "its token has run out"),
            ("2026-11-25T12:30:00Z", "its token is good for 2 more hours"),
            ("2026-11-27T09:59:00Z", "its token is good for 47 more hours"),
            ("2026-11-27T10:00:00Z", "its token is good for 2 more days"),
            ("2027-01-24T09:00:00Z", "its token is good for 59 more days"),
        ] {
            assert_eq!(left(at.parse().unwrap(), now), said, "{at}");
        }
    }
}
