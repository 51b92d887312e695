//! `/timelines/NAME`: the posts of a timeline channel, as people would meet them on the platform it is like.

use askama::Template;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;

use super::look::{self, Out, When};
use super::shown::platform_name;
use super::{Desk, Frame, Shared, Site, TIMELINE, Trouble, answer, part};
use crate::model::picture::{Origin, Picture};
use crate::platform::WallPost;
use crate::store::{StoreError, wall};

/// The most posts of a page.
const MOST: i64 = 100;

/// A post, ready to be shown.
struct Post {
    /// Its id on the timeline, so that it can be linked to.
    id: String,
    at: When,
    down: Option<When>,
    text: String,
    lang: Option<String>,
    card: Option<Card>,
    /// Its pictures, in order.
    pictures: Vec<Shown>,
    /// Its link, where it has no card.
    link: Option<Out>,
    /// Which part of a thread it is, as "Part 2 of 3".
    part: Option<String>,
    length: usize,
    limit: usize,
    /// Length of limit, in percent, at most 100.
    share: usize,
}

/// A picture that is attached, in words: it is not loaded either.
struct Shown {
    /// Where it is; `None`: it is drawn.
    out: Option<Out>,
    /// What is said of it to people who do not see it.
    alt: String,
    /// What is drawn, as "headline card, 16:9".
    drawn: Option<String>,
}

/// A link card.
struct Card {
    out: Out,
    title: String,
    description: String,
    /// The host of its picture, which is not loaded: nothing is fetched from elsewhere.
    picture: Option<String>,
}

#[derive(Template)]
#[template(path = "web/timeline.html")]
struct Timeline {
    frame: Frame,
    name: String,
    handle: String,
    initial: String,
    /// The platform it is like, as that writes itself.
    like: Option<String>,
    posts: Vec<Post>,
    full: bool,
}

pub(in crate::web) async fn page(site: Shared, name: Result<Path<String>, PathRejection>) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk, &part(name)).await)
}

async fn build(site: &Site, desk: &Desk, name: &str) -> Result<Timeline, Trouble> {
    let channel = desk.view.channels.iter().find(|channel| channel.platform == TIMELINE && channel.name == name);
    let channel = channel.ok_or_else(|| {
        Trouble::Nothing(
            "The config has no timeline of that name. A channel with platform = \"timeline\" is one.".into(),
        )
    })?;
    let mut conn = site.state.store.read().await?;
    let rows = wall::list(&mut conn, name, MOST).await?;
    let posts = rows.iter().map(|row| post(desk, row)).collect::<Result<Vec<_>, _>>()?;
    let handle = channel.label.clone().unwrap_or_else(|| desk.view.newsroom.clone());
    Ok(Timeline {
        frame: desk.frame(format!("Timeline {name}"), look::path("/timelines", name)),
        name: name.to_owned(),
        initial: look::initial(&handle),
        handle,
        like: channel.like.as_deref().map(platform_name),
        full: rows.len() >= usize::try_from(MOST).unwrap_or(usize::MAX),
        posts,
    })
}

fn post(desk: &Desk, row: &wall::Stored) -> Result<Post, StoreError> {
    let stored: WallPost = serde_json::from_str(&row.post).map_err(|e| StoreError::Corrupt {
        table: "wall",
        column: "post",
        id: row.id.clone(),
        said: e.to_string(),
    })?;
    let own = stored.card.as_ref().and_then(|card| {
        Some(Card {
            out: Out::new(&card.url)?,
            title: card.title.clone(),
            description: card.description.clone(),
            picture: card.image.as_ref().and_then(Out::new).map(|out| out.host),
        })
    });
    // As on the platforms: a picture of the post's own stands where the card would be.
    let own = own.filter(|_| stored.picture.is_none());
    let link = if own.is_none() { stored.link.as_ref().and_then(Out::new) } else { None };
    Ok(Post {
        id: row.id.clone(),
        at: desk.when(row.at),
        down: row.down.map(|at| desk.when(at)),
        card: own,
        pictures: stored.picture.iter().chain(&stored.further).map(shown).collect(),
        link,
        part: stored.part.map(|place| format!("Part {} of {}", place.n, place.of)),
        length: stored.length,
        limit: stored.limit,
        share: stored.length.saturating_mul(100).checked_div(stored.limit).unwrap_or(100).min(100),
        text: stored.text,
        lang: stored.language,
    })
}

fn shown(picture: &Picture) -> Shown {
    let (out, drawn) = match &picture.origin {
        Origin::Photo { urls } => (urls.first().and_then(Out::new), None),
        Origin::Headline(card) => (None, Some(format!("headline card, {}", card.ratio.word()))),
    };
    Shown { out, alt: picture.alt.clone(), drawn }
}
