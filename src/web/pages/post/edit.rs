//! What a post says, changed on the desk: its form, its counter, and what happens when two people change it at once.

use askama::Template;
use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;

use super::writing::{self, Counter, Filled, Writing, alt, count, digest, options};
use super::{Around, Typed, again, no_post};
use crate::model::article::Article;
use crate::model::post::PostState;
use crate::publish::actions::{self, Change, Edited, Place, Sight};
use crate::store::post::PostRow;
use crate::store::{StoreError, audit, post, to_json};
use crate::text::plain::hex;
use crate::text::thread;
use crate::web::form::Form;
use crate::web::pages::look::{self, When};
use crate::web::pages::{Desk, Frame, Shared, Site, Trouble, answer, html, part};
use crate::web::said;
use crate::web::visitor::Visitor;

/// What a form that changes a post is built on: the words and pictures that a person decided, and the article's version.
/// What else happens to the post meanwhile (a try, a look-up) is no reason to ask again.
pub(super) fn base(row: &PostRow, article: Option<&Article>) -> String {
    use sha2::Digest as _;
    let version = article.map_or(0, |article| article.version);
    let text = format!("{}\n{}\n{version}", to_json(&row.post.text), to_json(&row.post.picture));
    hex(&sha2::Sha256::digest(text))[..16].to_owned()
}

/// The post with what was filled in, as it would be made.
pub(super) fn wanted(row: &PostRow, filled: &Filled) -> PostRow {
    let mut wanted = PostRow { payload: None, payload_hash: None, ..row.clone() };
    if let Some(text) = &filled.text {
        wanted.post.text = actions::plain(text).ok();
    }
    if let Some(picture) = &filled.picture {
        wanted.post.picture = picture.clone();
    }
    wanted
}

/// The text that a page shows of a post to be written at.
fn text_shown(row: &PostRow, sight: Option<&Sight>, article: Option<&Article>) -> String {
    let made = match sight {
        Some(Sight::Composed(made)) => Some(thread::join(made.composed.parts().map(|part| part.as_str()))),
        Some(Sight::Frozen(payload)) => Some(payload.text.clone()),
        _ => None,
    };
    let own = || row.post.text.clone();
    // What cannot be composed is begun with the least.
    let least = || {
        let entry = &article?.entry;
        let link = entry.link.as_ref().map(ToString::to_string).unwrap_or_default();
        Some(format!("{}\n\n{link}", entry.title).trim().to_owned())
    };
    made.or_else(own).or_else(least).unwrap_or_default()
}

/// The fields to write at. `seen`: what it would be as it is, and the post with what was typed, if anything.
pub(super) fn writing(
    place: &Place<'_>,
    around: &Around,
    row: &PostRow,
    (sight, typed): (Option<&Sight>, Option<&PostRow>),
    now: Timestamp,
) -> Writing {
    let article = around.article.as_ref();
    let text_was = text_shown(row, sight, article);
    let shown = typed.unwrap_or(row);
    let text = match typed {
        Some(typed) if typed.post.text != row.post.text => typed.post.text.clone().unwrap_or_default(),
        _ => text_was.clone(),
    };
    let mut counted = shown.post.clone();
    if shown.payload.is_some() || typed.is_some() {
        counted.text = Some(text.clone());
    }
    let is_out = matches!(row.post.state, PostState::Published { .. });
    let media = place.channel.account.media();
    Writing {
        key: String::new(),
        channel: String::new(),
        counter: count(place, around.identity.as_ref(), article, &counted, row.revision, now),
        measure: format!("{}/measure", look::path("/posts", row.id())),
        options: if is_out { Vec::new() } else { options(place, article, &shown.post) },
        alt: alt(place, article, &shown.post),
        alt_was: digest(&alt(place, article, &row.post)),
        alt_most: if media.max == 0 || is_out { 0 } else { media.alt },
        own: row.post.text.is_some() && !is_out,
        text_was: digest(&text_was),
        text,
    }
}

#[derive(Template)]
#[template(path = "web/clash.html")]
struct Clash {
    frame: Frame,
    href: String,
    act: String,
    /// Who changed it, when, and what they did.
    who: String,
    what: String,
    at: Option<When>,
    /// The words as they are now, and as this person wrote them.
    theirs: String,
    mine: String,
    /// What else the form said.
    fields: Vec<(&'static str, String)>,
    base: String,
    text_was: String,
}

/// `POST /posts/ID/edit`: stores another wording or picture, or only shows it (`do=look`).
pub(in crate::web) async fn edit(
    site: Shared,
    visitor: Visitor,
    id: Result<Path<String>, PathRejection>,
    form: Form,
) -> Response {
    let id = part(id);
    let desk = Desk::new(&site);
    match work(&site, &desk, &visitor, &id, &form).await {
        Ok(answer) => answer,
        Err(trouble) => answer::<Clash>(&desk, Err(trouble)),
    }
}

async fn work(site: &Site, desk: &Desk, visitor: &Visitor, id: &str, form: &Form) -> Result<Response, Trouble> {
    let store = &site.state.store;
    let mut conn = store.read().await?;
    let row = post::one(&mut conn, id).await?.ok_or_else(no_post)?;
    let around = Around::of(site, &mut conn, &row).await?;
    drop(conn);
    let Some(works) = around.works.clone() else { return Ok(said::not_here()) };
    let page = look::path("/posts", id);
    let back = if form.back().is_empty() { page.as_str() } else { form.back() };
    let filled = match writing::filled(form, "", &row.post.picture, around.article.as_ref()) {
        Ok(filled) => filled,
        Err(error) => {
            let text = Some(form.text("text").to_owned());
            let typed = Typed { filled: Filled { text, picture: None }, error: Some(error) };
            return Ok(again(site, visitor, id, typed).await);
        }
    };
    let asked = form.text("do");
    if asked == "look" {
        return Ok(again(site, visitor, id, Typed { filled, error: None }).await);
    }
    if form.has("base") && form.text("base") != base(&row, around.article.as_ref()) {
        return clash(site, desk, &row, &around, form).await;
    }
    let change = match asked {
        "reset" => Change { text: Some(None), picture: None, version: Some(row.version()) },
        _ => Change {
            text: filled.text.clone().map(Some),
            picture: filled.picture.clone(),
            version: Some(row.version()),
        },
    };
    if change.text.is_none() && change.picture.is_none() && !matches!(row.post.state, PostState::Failed { .. }) {
        return Ok(said::ok(back, "Nothing was changed."));
    }
    let hand = actions::Hand { name: visitor.name.clone(), now: desk.now };
    let place = around.channel(&row).map(|channel| works.place(channel));
    match actions::change(store, &hand, place, id, change).await {
        Ok(Edited::Waiting(row)) => {
            works.wake();
            let words = match &row.post.state {
                PostState::Held { .. } => "Saved. It is still held: approve it to let it go out.",
                _ => "Saved.",
            };
            Ok(said::ok(back, words))
        }
        Ok(Edited::Asked(_)) => {
            works.wake();
            Ok(said::ok(back, "Asked for: the change shows on the platform in a moment, or this page says why not."))
        }
        Err(StoreError::Conflict(words)) => {
            let mut conn = store.read().await?;
            let newer = post::one(&mut conn, id).await?.ok_or_else(no_post)?;
            drop(conn);
            if base(&newer, around.article.as_ref()) != base(&row, around.article.as_ref()) {
                return clash(site, desk, &newer, &around, form).await;
            }
            let error = Some(format!("Not saved: {words}."));
            Ok(again(site, visitor, id, Typed { filled, error }).await)
        }
        Err(error) => Err(error.into()),
    }
}

/// Somebody else changed the words meanwhile: both are shown, and the person chooses.
async fn clash(site: &Site, desk: &Desk, row: &PostRow, around: &Around, form: &Form) -> Result<Response, Trouble> {
    let store = &site.state.store;
    let place = around.works.as_ref().zip(around.channel(row)).map(|(works, channel)| works.place(channel));
    let sight = match &place {
        Some(place) => Some(actions::sight(store, place, row, desk.now).await?),
        None => None,
    };
    let mut conn = store.read().await?;
    let log = audit::of(&mut conn, row.id()).await?;
    let story = audit::of(&mut conn, row.post.article.as_str()).await?;
    // The words change by an edit, or with the article.
    let edits = log.into_iter().filter(|line| line.why.contains("edited"));
    let last = edits.chain(story.into_iter().filter(|line| line.what == "article")).max_by_key(|line| line.at);
    let theirs = text_shown(row, sight.as_ref(), around.article.as_ref());
    let page = Clash {
        frame: desk.frame("Changed by two at once", ""),
        href: look::path("/posts", row.id()),
        act: format!("{}/edit", look::path("/posts", row.id())),
        who: last.as_ref().map_or_else(|| "Somebody".to_owned(), |line| line.actor.clone()),
        what: last.as_ref().map(|line| look::sentence(&line.why)).unwrap_or_default(),
        at: last.as_ref().map(|line| desk.when(line.at)),
        mine: form.text("text").to_owned(),
        fields: ["picture", "alt", "alt_was", "back"]
            .into_iter()
            .filter(|name| form.has(name))
            .map(|name| (name, form.text(name).to_owned()))
            .collect(),
        base: base(row, around.article.as_ref()),
        text_was: digest(&theirs),
        theirs,
    };
    Ok(html(StatusCode::CONFLICT, &page))
}

#[derive(Template)]
#[template(path = "web/counter.html")]
struct Count {
    counter: Counter,
}

/// How a counter is answered: as JSON where that is asked for, else as the few elements that stand on the page.
pub(in crate::web::pages) fn counted(counter: Counter, headers: &HeaderMap) -> Response {
    let asked = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if asked.contains("application/json") {
        Json(counter).into_response()
    } else {
        html(StatusCode::OK, &Count { counter })
    }
}

/// `POST /posts/ID/measure`: what the text counts on its channel, by the measure of composing. Changes nothing.
pub(in crate::web) async fn measure(
    site: Shared,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let desk = Desk::new(&site);
    let made = async {
        let mut conn = site.state.store.read().await?;
        let row = post::one(&mut conn, &part(id)).await?.ok_or_else(no_post)?;
        let around = Around::of(&site, &mut conn, &row).await?;
        Ok::<_, Trouble>((row, around))
    };
    let (row, around) = match made.await {
        Ok(made) => made,
        Err(trouble) => return answer::<Count>(&desk, Err(trouble)),
    };
    let Some(works) = around.works.clone() else { return said::not_here() };
    let Some(channel) = around.channel(&row) else { return said::not_here() };
    let text = actions::plain(form.text("text")).unwrap_or_default();
    let filled = writing::filled(&form, "", &row.post.picture, around.article.as_ref()).unwrap_or_default();
    let mut post = row.post.clone();
    post.text = Some(text);
    post.picture = filled.picture.unwrap_or(post.picture);
    let place = works.place(channel);
    let counter = count(&place, around.identity.as_ref(), around.article.as_ref(), &post, row.revision, desk.now);
    counted(counter, &headers)
}
