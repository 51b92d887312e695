//! `/posts/ID`: one post as it will look and as it went, what can be done with it, and everything that happened to it.
//!
//! `does.rs` does it, `edit.rs` changes what it says; `acts.rs` decides what is offered, `writing.rs` what can be written,
//! `sight.rs` what readers would see, `evidence.rs` what a person needs to judge a doubt or a changed article.

mod acts;
pub(in crate::web) mod does;
pub(in crate::web) mod edit;
mod evidence;
pub(super) mod sight;
pub(super) mod writing;

use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use axum::response::Response;

use self::acts::{Act, Facts, acts};
use self::evidence::{Doubt, Versions};
use self::sight::Seen;
use self::writing::{Filled, Writing};
use super::history::{self, Line};
use super::look::{self, Out, When};
use super::preview::{Preview, Whose};
use super::shown::{self, Shown, platform_name};
use super::{Desk, Frame, Shared, Site, Trouble, answer, html, money, part};
use crate::model::article::Article;
use crate::model::channel::{Pause, PauseScope};
use crate::model::person::Role;
use crate::model::post::PostState;
use crate::platform::Identity;
use crate::publish::actions::{self, Sight};
use crate::publish::identity_of;
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, amend, article, channel, pause, post};
use crate::timetable::civil;
use crate::web::visitor::Visitor;
use crate::web::works::Works;

#[derive(Template)]
#[template(path = "web/one.html")]
struct OnePost {
    frame: Frame,
    shown: Shown,
    id: String,
    /// The page of its article.
    story: String,
    article: Option<Out>,
    platform: String,
    /// The account, as its platform knows it.
    account: String,
    /// What readers would see, or saw.
    seen: Option<Preview>,
    /// Why it cannot be composed.
    unfit: Option<String>,
    /// Why nothing can be done here now.
    closed: Option<&'static str>,
    acts: Vec<Act>,
    /// What an approval binds to.
    hash: String,
    writing: Option<Writing>,
    /// What the page is built on, for the form that changes it.
    base: String,
    /// What a person typed that was not stored, and why.
    error: Option<String>,
    /// A text was typed and is only looked at.
    unsaved: bool,
    /// It goes then, unless it is taken back.
    undo: Option<When>,
    /// The value of the field for a time.
    at_field: String,
    zone_note: String,
    /// What holds the channel up.
    pauses: Vec<String>,
    embargo: Option<When>,
    wishes: Vec<Wish>,
    doubt: Option<Doubt>,
    versions: Option<Versions>,
    clicks: Option<String>,
    /// Where another post of the story is made.
    again: String,
    history: Vec<Line>,
}

/// A change to what is out that is under way.
struct Wish {
    what: &'static str,
    by: String,
    at: When,
    said: String,
}

impl OnePost {
    fn can(&self, act: &str) -> bool {
        let named = |it: &Act| match it {
            Act::Approve => "approve",
            Act::SendNow => "send",
            Act::TakeBack => "take-back",
            Act::Schedule => "schedule",
            Act::Edit => "edit",
            Act::Hold => "hold",
            Act::Confirm => "confirm",
            Act::Retry => "retry",
            Act::Skip => "skip",
            Act::Retract => "retract",
            Act::Again => "again",
        };
        self.acts.iter().any(|it| named(it) == act)
    }

    fn failed(&self) -> bool {
        self.shown.state == "Failed"
    }

    fn is_out(&self) -> bool {
        self.shown.state == "Published"
    }
}

pub(in crate::web) async fn page(site: Shared, visitor: Visitor, id: Result<Path<String>, PathRejection>) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk, &visitor, &part(id), None).await)
}

/// What a person typed and did not store: shown with the page again, so that nothing of it is lost.
#[derive(Clone, Debug, Default)]
struct Typed {
    filled: Filled,
    error: Option<String>,
}

/// The page with what was typed.
async fn again(site: &Site, visitor: &Visitor, id: &str, typed: Typed) -> Response {
    let desk = Desk::new(site);
    let status = if typed.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    match build(site, &desk, visitor, id, Some(typed)).await {
        Ok(page) => html(status, &page),
        Err(trouble) => answer::<OnePost>(&desk, Err(trouble)),
    }
}

fn no_post() -> Trouble {
    Trouble::Nothing("There is no post of that id; old ones are forgotten after the time [store] keep says.".into())
}

/// What is known of a post beside its row.
struct Around {
    works: Option<Arc<Works>>,
    article: Option<Article>,
    identity: Option<Identity>,
    may_be_out: bool,
}

impl Around {
    async fn of(site: &Site, conn: &mut Conn, row: &PostRow) -> Result<Self, StoreError> {
        let works = site.state.works.borrow().clone();
        let stored = channel::one(conn, row.post.channel.as_str()).await?;
        Ok(Self {
            works,
            article: article::one(conn, row.post.article.as_str()).await?.map(|(article, _)| article),
            identity: stored.and_then(|stored| identity_of(stored.identity.as_deref())),
            may_be_out: actions::may_be_out(conn, row).await?,
        })
    }

    fn channel(&self, row: &PostRow) -> Option<&crate::publish::Channel> {
        self.works.as_ref().and_then(|works| works.channel(row.post.channel.as_str()))
    }
}

async fn build(
    site: &Site,
    desk: &Desk,
    visitor: &Visitor,
    id: &str,
    typed: Option<Typed>,
) -> Result<OnePost, Trouble> {
    let mut conn = site.state.store.read().await?;
    let row = post::one(&mut conn, id).await?.ok_or_else(no_post)?;
    let around = Around::of(site, &mut conn, &row).await?;
    let name = row.post.channel.as_str().to_owned();
    let place = around.works.as_ref().zip(around.channel(&row)).map(|(works, channel)| works.place(channel));
    let sight = match &place {
        Some(place) => Some(actions::sight(&site.state.store, place, &row, desk.now).await?),
        None => None,
    };
    let wanted = typed.as_ref().map(|typed| edit::wanted(&row, &typed.filled));
    let looked_at = match (&place, &wanted) {
        (Some(place), Some(wanted)) => Some(actions::sight(&site.state.store, place, wanted, desk.now).await?),
        _ => None,
    };
    let showing = looked_at.as_ref().or(sight.as_ref());
    let facts = Facts {
        may_be_out: around.may_be_out,
        fits: !matches!(sight, None | Some(Sight::Unfit(_))),
        edits: place.is_some_and(|place| place.channel.account.spec().edits),
        deletes: place.is_some_and(|place| place.channel.account.spec().deletes),
    };
    let closed = match () {
        () if !visitor.may(Role::Editor) => Some("You can look at this post; editors decide about it."),
        () if around.works.is_none() => {
            Some("Nothing can be done here now: another process publishes, or this one has just begun. Load again.")
        }
        () if place.is_none() => {
            Some("Its channel is not in the config any more: put it back there to send this post.")
        }
        () => None,
    };
    let acts = match closed {
        None => acts(&row, facts),
        // What is dropped needs no channel.
        Some(_) if visitor.may(Role::Editor) && around.works.is_some() => {
            acts(&row, facts).into_iter().filter(|act| *act == Act::Skip).collect()
        }
        Some(_) => Vec::new(),
    };
    let writing = match &place {
        Some(place) if acts.contains(&Act::Edit) => {
            let typed = wanted.as_ref();
            Some(edit::writing(place, &around, &row, (sight.as_ref(), typed), desk.now))
        }
        _ => None,
    };
    let seen = match (&place, showing) {
        (Some(place), Some(showing)) => sight::seen(
            place,
            around.identity.as_ref(),
            around.article.as_ref(),
            (showing, &wanted.as_ref().unwrap_or(&row).post),
            wanted.is_none().then_some(row.id()),
        ),
        _ => None,
    };
    let unfit = match showing {
        Some(Sight::Unfit(why)) if typed.as_ref().is_none_or(|typed| typed.error.is_none()) => {
            Some(look::sentence(why))
        }
        _ => None,
    };
    let title = around.article.as_ref().map(|it| (it.entry.title.clone(), it.entry.language.clone()));
    let cost = money::cost(&mut conn, desk, &row).await?;
    let shown = Shown { cost, ..Shown::new(desk, &row, title) };
    let channel = desk.view.channels.iter().find(|channel| channel.name == name);
    let clicks = history::clicks(&mut conn, row.id()).await?;
    let wishes = amend::asked(&mut conn, id).await?.into_iter().map(|wish| Wish {
        what: if wish.op == "delete" { "taken down" } else { "changed" },
        by: wish.by_whom,
        at: desk.when(wish.at),
        said: look::sentence(&wish.said.unwrap_or_default()),
    });
    let doubt = match acts.contains(&Act::Confirm) || matches!(row.post.state, PostState::Uncertain { .. }) {
        true => Some(evidence::doubt(&mut conn, desk, &row).await?),
        false => None,
    };
    let versions = match &around.article {
        Some(article) => evidence::versions(&mut conn, desk, article, &row).await?,
        None => None,
    };
    let pauses = pauses(&mut conn, desk, &name, &row).await?;
    let undo = actions::waits_for_undo(&row).map(|undo| desk.when(undo.until));
    let later = row.post.due.max(desk.now + jiff::SignedDuration::from_hours(1));
    let account = match (&around.identity, channel.and_then(|channel| channel.label.clone())) {
        (Some(identity), _) if !identity.handle.is_empty() => identity.handle.clone(),
        (_, label) => label.unwrap_or_default(),
    };
    // Where its channel is gone from the config, the words that were sent are there still.
    let seen = seen.or_else(|| Seen::words(shown::parts(&row))).map(|seen| {
        // A timeline's account says what it is; readers would see the name it stands for.
        let label = channel.filter(|it| it.like.is_some()).map(|it| it.label.as_deref().unwrap_or(&name));
        let handle = label.unwrap_or(if account.is_empty() { &name } else { &account });
        let whose = Whose {
            like: channel.map_or("", |it| it.like.as_deref().unwrap_or(&it.platform)),
            newsroom: &desk.view.newsroom,
            handle,
        };
        let preview = seen.preview(whose, around.article.as_ref().and_then(|it| it.entry.language.as_deref()));
        match &row.post.state {
            PostState::Published { receipt } => preview.at(desk.when(receipt.at)),
            _ => preview,
        }
    });
    Ok(OnePost {
        story: look::path("/articles", row.post.article.as_str()),
        frame: desk.frame(format!("{} on {name}", shown.title), look::path("/posts", id)),
        platform: channel.map_or_else(|| "not in the config".to_owned(), |it| platform_name(&it.platform)),
        account,
        article: around.article.as_ref().and_then(|it| it.entry.link.as_ref()).and_then(Out::new),
        hash: sight.as_ref().and_then(Sight::hash).unwrap_or_default(),
        base: edit::base(&row, around.article.as_ref()),
        embargo: around
            .article
            .as_ref()
            .and_then(|it| it.entry.embargo)
            .filter(|until| *until > desk.now)
            .map(|until| desk.when(until)),
        error: typed.as_ref().and_then(|typed| typed.error.clone()),
        unsaved: typed.is_some(),
        id: id.to_owned(),
        at_field: civil::field(later, &desk.view.zone),
        zone_note: desk.view.zone.iana_name().unwrap_or("UTC").to_owned(),
        history: history::of(&mut conn, desk, id).await?,
        wishes: wishes.collect(),
        seen,
        shown,
        unfit,
        closed,
        acts,
        writing,
        again: format!(
            "/new?{}",
            url::form_urlencoded::Serializer::new(String::new())
                .append_pair("article", row.post.article.as_str())
                .append_pair("to", &name)
                .finish()
        ),
        undo,
        pauses,
        doubt,
        versions,
        clicks,
    })
}

/// What keeps a post from going although it is due.
async fn pauses(conn: &mut Conn, desk: &Desk, channel: &str, row: &PostRow) -> Result<Vec<String>, StoreError> {
    if !matches!(row.post.state, PostState::Scheduled { .. } | PostState::Held { .. }) {
        return Ok(Vec::new());
    }
    let mut out = Vec::new();
    if let Some(block) = channel::one(conn, channel).await?.and_then(|stored| stored.blocked) {
        out.push(format!("The channel is blocked: {block}."));
    }
    let concerns = |pause: &Pause| match &pause.scope {
        PauseScope::All => Some("Everything"),
        PauseScope::Channel(of) if of == channel => Some("This channel"),
        _ => None,
    };
    for pause in pause::all(conn).await?.into_iter().filter(|pause| pause.until.is_none_or(|until| until > desk.now)) {
        let Some(what) = concerns(&pause) else { continue };
        let why = if pause.why.is_empty() { String::new() } else { format!(": {}", pause.why) };
        out.push(format!("{what} is paused by {}{why}.", pause.by));
    }
    Ok(out)
}
