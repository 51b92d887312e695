//! `/timelines/NAME`: the posts of a timeline channel, as people would meet them on the platform it is like.

use askama::Template;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;

use super::look::{self, Out, When};
use super::manners;
use super::pictures::Carried;
use super::preview::{Matter, Part, Preview, Whose};
use super::shown::platform_name;
use super::{Desk, Frame, Shared, Site, TIMELINE, Trouble, answer, part};
use crate::platform::WallPost;
use crate::store::{StoreError, wall};
use crate::web::ChannelView;

/// The most posts of a page.
const MOST: i64 = 100;

/// A post, ready to be shown.
struct Post {
    /// Its id on the timeline, so that it can be linked to.
    id: String,
    down: Option<When>,
    /// Its link, where it has no card and the text does not show it.
    link: Option<Out>,
    preview: Preview,
}

#[derive(Template)]
#[template(path = "web/timeline.html")]
struct Timeline {
    frame: Frame,
    name: String,
    handle: String,
    initial: String,
    /// The class of its platform's looks.
    manner: &'static str,
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
    // A process that does not publish makes no pictures: there they are said in words.
    let draws = site.state.works.borrow().is_some();
    let posts = rows.iter().map(|row| post(desk, channel, row, draws)).collect::<Result<Vec<_>, _>>()?;
    let handle = channel.label.clone().unwrap_or_else(|| desk.view.newsroom.clone());
    Ok(Timeline {
        frame: desk.frame(format!("Timeline {name}"), look::path("/timelines", name)),
        name: name.to_owned(),
        initial: look::initial(&handle),
        handle,
        manner: manners::of(channel.like.as_deref().unwrap_or_default()).word,
        like: channel.like.as_deref().map(platform_name),
        full: rows.len() >= usize::try_from(MOST).unwrap_or(usize::MAX),
        posts,
    })
}

fn post(desk: &Desk, channel: &ChannelView, row: &wall::Stored, draws: bool) -> Result<Post, StoreError> {
    let stored: WallPost = serde_json::from_str(&row.post).map_err(|e| StoreError::Corrupt {
        table: "wall",
        column: "post",
        id: row.id.clone(),
        said: e.to_string(),
    })?;
    let whose = Whose {
        like: channel.like.as_deref().unwrap_or_default(),
        newsroom: &desk.view.newsroom,
        handle: channel.label.as_deref().unwrap_or(&channel.name),
    };
    let shown_at = draws.then(|| look::path(&look::path("/timelines", &channel.name), &row.id) + "/pictures");
    let carried = Carried::on_wall(&stored);
    let texts = [(stored.text, stored.length)];
    let matter = Matter {
        texts: &texts,
        limit: stored.limit,
        card: stored.card.as_ref(),
        pictures: &carried.own,
        shown_at: shown_at.as_deref(),
        language: stored.language.as_deref(),
    };
    let mut preview = Preview::of(whose, matter).at(desk.when(row.at));
    let is_linked =
        |part: &Part| part.card.is_some() || part.runs.iter().chain(&part.rest).any(|run| run.out.is_some());
    let link = stored.link.as_ref().filter(|_| !preview.parts.iter().any(is_linked)).and_then(Out::new);
    for (part, place) in preview.parts.iter_mut().zip(stored.part) {
        part.place = Some(format!("Part {} of {}", place.n, place.of));
    }
    Ok(Post { id: row.id.clone(), down: row.down.map(|at| desk.when(at)), link, preview })
}
