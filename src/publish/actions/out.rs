//! Acts that change what readers see: edit, retract, and a post made by hand. A change to what is out is stored as a
//! wish that the channel's lane carries out.

use jiff::Timestamp;

use super::waiting::{anew, send_again};
use super::{Hand, Place, known, need, plain, refuse};
use crate::compose;
use crate::model::article::Article;
use crate::model::id::PostId;
use crate::model::post::{Occasion, Post, PostState, Urgency};
use crate::model::receipt::Receipt;
use crate::platform::{Identity, Payload};
use crate::publish::identity_of;
use crate::publish::prepare::prepare;
use crate::source::identity::{content_hash, keys, title_hash};
use crate::store::amend::AmendRow;
use crate::store::post::{PostRow, short};
use crate::store::short_link::{self, Link};
use crate::store::{Conn, Store, StoreError, amend, article, audit, channel, meta, notice, post};

/// What became of an edit.
#[derive(Clone, Debug)]
pub enum Edited {
    /// The post waits with its new text.
    Waiting(Box<PostRow>),
    /// The post is out: the change is asked for, under this id of a wish.
    Asked(String),
}

fn said(text: impl Into<String>) -> StoreError {
    StoreError::Conflict(text.into())
}

async fn identity(conn: &mut Conn, name: &str) -> Result<Option<Identity>, StoreError> {
    Ok(channel::one(conn, name).await?.and_then(|row| identity_of(row.identity.as_deref())))
}

/// Gives a post another text. One that waits keeps its place; a failed one goes out again; one that is out is changed
/// there, where the platform lets readers see that. `place`: the post's channel, if the config has it still.
///
/// # Errors
/// Where its state or its platform does not allow it, or the text does not fit; the database's.
pub async fn edit(
    store: &Store,
    hand: &Hand,
    place: Option<Place<'_>>,
    id: &str,
    text: &str,
) -> Result<Edited, StoreError> {
    let text = plain(text)?;
    let mut conn = store.read().await?;
    let row = need(&mut conn, id).await?;
    let identity = identity(&mut conn, row.post.channel.as_str()).await?;
    drop(conn);
    if let Some(place) = place {
        let account = &place.channel.account;
        compose::by_hand(&text, account.rules(identity.as_ref()), account.threads())
            .map_err(|e| said(format!("on {}: {e}", row.post.channel)))?;
    }
    if let PostState::Published { receipt } = &row.post.state {
        let place = place.ok_or_else(|| not_in_config(&row))?;
        return edit_out(store, hand, place, &row, receipt, identity.as_ref(), text).await.map(Edited::Asked);
    }
    let hand = hand.clone();
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            let row = need(conn, row.id()).await?;
            let row = edit_waiting(conn, &hand, row, text).await?;
            meta::touch(conn).await?;
            Ok(row)
        })
    });
    Ok(Edited::Waiting(Box::new(store.write(job).await?)))
}

async fn edit_waiting(conn: &mut Conn, hand: &Hand, row: PostRow, text: String) -> Result<PostRow, StoreError> {
    let known = known(conn, &row).await?;
    let failed = match &row.post.state {
        PostState::Held { why, .. } if !why.is_doubt() => false,
        PostState::Scheduled { .. } => false,
        PostState::Failed { .. } => true,
        _ => return Err(refuse(&row, "edit it", &known)),
    };
    // Another text would travel under another key: what may be out could appear a second time.
    if known.doubtful || !known.parts.is_empty() {
        return Err(refuse(&row, "edit it", &known));
    }
    if failed {
        return send_again(conn, hand, row, &known, Some(text), "edited by hand").await;
    }
    if row.verify && known.begun {
        return Err(said(format!(
            "cannot edit it: post {} came back with a backup and is looked up first, since it may be out already",
            short(row.id())
        )));
    }
    let mut next = row.clone();
    next.post.text = Some(text);
    anew(&mut next, &known);
    if let PostState::Scheduled { approval, .. } = &mut next.post.state {
        *approval = hand.approval(None);
    }
    let why = "edited by hand";
    let before = row.post.state.word();
    let same_state = row.post.state == next.post.state;
    let written = post::put(conn, &row, &next, hand.now, &hand.actor(), why).await?;
    if same_state {
        audit::add(conn, hand.now, &hand.actor(), "post", row.id(), (Some(before), Some(before)), why).await?;
    }
    notice::settle(conn, &format!("post.{}.held", row.id())).await?;
    Ok(written)
}

fn not_in_config(row: &PostRow) -> StoreError {
    said(format!("channel {} is not in the config: nobody could carry it out", row.post.channel))
}

fn known_id(row: &PostRow, receipt: &Receipt) -> Result<(), StoreError> {
    if receipt.remote_id.is_some() {
        return Ok(());
    }
    let at = receipt.url.as_deref().unwrap_or("on the platform");
    Err(said(format!(
        "the id of post {} on its platform is not known (a person confirmed it, or the platform gives none): change it by hand, {at}",
        short(row.id())
    )))
}

async fn edit_out(
    store: &Store,
    hand: &Hand,
    place: Place<'_>,
    row: &PostRow,
    receipt: &Receipt,
    identity: Option<&Identity>,
    text: String,
) -> Result<String, StoreError> {
    let spec = place.channel.account.spec();
    if !spec.edits {
        return Err(said(format!(
            "{} shows readers no changes of what is out: `bugle retract {1}` takes it down, `bugle post` sends it anew",
            spec.name,
            short(row.id())
        )));
    }
    known_id(row, receipt)?;
    let mut conn = store.read().await?;
    let found = article::one(&mut conn, row.post.article.as_str()).await?;
    drop(conn);
    let (article, _) = found.ok_or_else(|| said("its article is forgotten by now"))?;
    let wanted = Post { text: Some(text), ..row.post.clone() };
    let prepared = prepare(place.setting, place.channel, identity, &article, &wanted, row.revision, hand.now)
        .map_err(StoreError::Conflict)?;
    // Texts are compared, not what is out in all: an album's pictures have ids of their own.
    let frozen = row.payload.as_deref().and_then(|text| serde_json::from_str::<Payload>(text).ok());
    let ids = receipt.parts.len().max(1);
    let (out, new) = (frozen.map_or(ids, |it| it.parts().len().min(ids)), prepared.payload.parts().len());
    if out != new {
        return Err(said(format!(
            "post {0} is out in {out} parts, the new text has {new}: part it as often by a line of ---, or \
             `bugle retract {0}` takes it down and `bugle post` sends it anew",
            short(row.id())
        )));
    }
    let payload = crate::store::to_json(&prepared.payload);
    ask(store, hand, row.id(), "edit", Some((payload, prepared.short))).await
}

/// Asks for a post to be taken down. Returns the wish's id.
///
/// # Errors
/// Where it is not out, or the platform cannot; the database's.
pub async fn retract(store: &Store, hand: &Hand, place: Option<Place<'_>>, id: &str) -> Result<String, StoreError> {
    let mut conn = store.read().await?;
    let row = need(&mut conn, id).await?;
    let known = known(&mut conn, &row).await?;
    drop(conn);
    let PostState::Published { receipt } = &row.post.state else {
        return Err(refuse(&row, "take it down", &known));
    };
    let spec = place.ok_or_else(|| not_in_config(&row))?.channel.account.spec();
    if !spec.deletes {
        let at = receipt.url.as_deref().unwrap_or("there");
        return Err(said(format!("{} lets nobody take a post down from outside: do it by hand, {at}", spec.name)));
    }
    known_id(&row, receipt)?;
    ask(store, hand, id, "delete", None).await
}

async fn ask(
    store: &Store,
    hand: &Hand,
    id: &str,
    op: &'static str,
    payload: Option<(String, Option<Link>)>,
) -> Result<String, StoreError> {
    let (payload, link) = payload.map_or((None, None), |(payload, link)| (Some(payload), link));
    let (hand, id) = (hand.clone(), id.to_owned());
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            let row = need(conn, &id).await?;
            if !matches!(row.post.state, PostState::Published { .. }) {
                let known = known(conn, &row).await?;
                return Err(refuse(&row, "change it where it is out", &known));
            }
            if let Some(open) = amend::asked(conn, &id).await?.into_iter().find(|open| open.op == "delete") {
                let text = format!("post {} is being taken down already, asked by {}", short(&id), open.by_whom);
                return Err(said(text));
            }
            let wish = AmendRow {
                id: uuid::Uuid::now_v7().to_string(),
                post: id.clone(),
                channel: row.post.channel.as_str().to_owned(),
                op: op.to_owned(),
                payload,
                by_whom: hand.name.clone(),
                at: hand.now,
                due: hand.now,
                tries: 0,
                state: "asked".to_owned(),
                said: None,
            };
            if let Some(link) = &link
                && !short_link::put(conn, link, hand.now).await?
            {
                return Err(said(format!("the short link {} is another post's already", link.id)));
            }
            amend::ask(conn, &wish).await?;
            let why = if op == "delete" { "asked for it to be taken down" } else { "asked for it to be changed" };
            audit::add(conn, hand.now, &hand.actor(), "post", &id, (Some("published"), None), why).await?;
            notice::settle(conn, &format!("post.{id}.{op}")).await?;
            meta::touch(conn).await?;
            Ok(wish.id)
        })
    });
    store.write(job).await
}

/// A post that a person makes.
#[derive(Clone, Debug)]
pub struct ByHand {
    /// The story: one the store knows, or one of the post's own.
    pub article: Article,
    /// The text, where it is not the template's.
    pub text: Option<String>,
    /// The template.
    pub template: String,
    /// Its class of news.
    pub urgency: Urgency,
    /// Also where this story has a post on this channel that is out or may yet go out.
    pub again: bool,
}

/// Stores it as scheduled at once, approved by the person.
///
/// # Errors
/// Where it does not fit, or the story has a post there already; the database's.
pub async fn by_hand(store: &Store, hand: &Hand, place: Place<'_>, wish: ByHand) -> Result<PostRow, StoreError> {
    let name = place.channel.name.clone();
    let id = PostId::fresh();
    let post = Post {
        occasion: Occasion::ByHand(id.as_str().to_owned()),
        id,
        channel: name.clone(),
        article: wish.article.id.clone(),
        route: 0,
        template: wish.template,
        urgency: wish.urgency,
        created: hand.now,
        expires: wish.urgency.lifetime().map(|lasts| hand.now + lasts),
        due: hand.now,
        attempts: 0,
        text: wish.text.as_deref().map(plain).transpose()?,
        state: PostState::Scheduled { approval: hand.approval(None), retry: None },
    };
    let mut conn = store.read().await?;
    let identity = identity(&mut conn, name.as_str()).await?;
    drop(conn);
    prepare(place.setting, place.channel, identity.as_ref(), &wish.article, &post, 0, hand.now)
        .map_err(|why| said(format!("on {name}: {why}")))?;
    let (hand, platform) = (hand.clone(), place.channel.account.spec().id);
    let (article, again) = (wish.article, wish.again);
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            channel::ensure(conn, name.as_str(), platform, hand.now).await?;
            if article::one(conn, article.id.as_str()).await?.is_none() {
                let entry = &article.entry;
                article::insert(conn, &article, &content_hash(entry), &title_hash(&entry.title), &[]).await?;
                // A source that brings the same link later brings no new story.
                for key in keys(&article.source, entry).all.into_iter().filter(|key| key.scope.is_empty()) {
                    let key = article::Alias { scope: key.scope, value: key.value };
                    article::alias(conn, &key, article.id.as_str(), hand.now).await?;
                }
            } else if !again {
                only_one(conn, &article, name.as_str()).await?;
            }
            let row = PostRow::new(post);
            post::insert(conn, &row, hand.now, &hand.actor(), "made by hand").await?;
            meta::touch(conn).await?;
            need(conn, row.id()).await
        })
    });
    store.write(job).await
}

/// The hash of what a reader would see of a waiting post if it went out now; `None` where it cannot be composed, which
/// is told when it is claimed.
///
/// # Errors
/// The database's.
pub async fn seen(store: &Store, place: &Place<'_>, id: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
    let mut conn = store.read().await?;
    let Some(row) = post::one(&mut conn, id).await? else { return Ok(None) };
    if let Some(frozen) = row.payload.as_deref().and_then(|text| serde_json::from_str::<Payload>(text).ok()) {
        return Ok(Some(frozen.seen_hash()));
    }
    let Some((article, _)) = article::one(&mut conn, row.post.article.as_str()).await? else { return Ok(None) };
    let identity = identity(&mut conn, row.post.channel.as_str()).await?;
    drop(conn);
    let prepared = prepare(place.setting, place.channel, identity.as_ref(), &article, &row.post, row.revision, now);
    Ok(prepared.ok().map(|prepared| prepared.payload.seen_hash()))
}

async fn only_one(conn: &mut Conn, article: &Article, channel: &str) -> Result<(), StoreError> {
    for row in post::of_article(conn, article.id.as_str()).await? {
        let over = matches!(
            row.post.state,
            PostState::Skipped { .. } | PostState::Failed { .. } | PostState::Retracted { .. }
        );
        if row.post.channel.as_str() == channel && !over {
            return Err(said(format!(
                "this story has a post on {channel} already ({}, {}); --again makes another",
                short(row.id()),
                row.post.state.word()
            )));
        }
    }
    Ok(())
}

/// An article of a post's own.
pub fn own_article(entry: crate::model::article::Entry, now: Timestamp) -> Article {
    Article {
        id: crate::model::id::ArticleId::fresh(),
        source: crate::model::id::SourceName::new(BY_HAND),
        version: 1,
        first_seen: now,
        entry,
    }
}

/// The source of what no source brought.
pub const BY_HAND: &str = "by-hand";
