//! Posts that a person makes: of a story the store knows, or of one of their own.

use jiff::Timestamp;
use url::Url;

use super::later::UNDO;
use super::{Hand, Place, need, plain, said};
use crate::model::article::Article;
use crate::model::id::{ChannelName, PostId};
use crate::model::picture::Chosen;
use crate::model::post::{HoldReason, Occasion, Post, PostState, Urgency};
use crate::publish::prepare::prepare;
use crate::source::identity::{canonical, content_hash, keys, title_hash};
use crate::store::post::{PostRow, Undo, short};
use crate::store::{Conn, Store, StoreError, article, channel, meta, post};

/// A post that a person makes.
#[derive(Clone, Debug)]
pub struct ByHand {
    /// The story: one the store knows, or one of the post's own.
    pub article: Article,
    /// The text, where it is not the template's.
    pub text: Option<String>,
    /// What the person decided about its pictures.
    pub picture: Chosen,
    /// The template.
    pub template: String,
    /// Its class of news.
    pub urgency: Urgency,
    /// Also where this story has a post on this channel that is out or may yet go out.
    pub again: bool,
    /// When it goes.
    pub start: Start,
}

/// When a post that a person makes goes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// As soon as its channel lets it out.
    #[default]
    Queued,
    /// In some seconds, ahead of the queue; until then it can be taken back.
    Soon,
    /// Not before then.
    At(Timestamp),
    /// When somebody approves it.
    Held,
}

/// The post as it is stored.
fn fresh(hand: &Hand, channel: &ChannelName, wish: &ByHand) -> Result<PostRow, StoreError> {
    let id = PostId::fresh();
    let held = PostState::Held { since: hand.now, why: HoldReason::Person { by: hand.name.clone() } };
    let scheduled = PostState::Scheduled { approval: hand.approval(None), retry: None };
    let mut row = PostRow::new(Post {
        occasion: Occasion::ByHand(id.as_str().to_owned()),
        id,
        channel: channel.clone(),
        article: wish.article.id.clone(),
        route: 0,
        template: wish.template.clone(),
        urgency: wish.urgency,
        created: hand.now,
        expires: wish.urgency.lifetime().map(|lasts| hand.now + lasts),
        due: hand.now,
        attempts: 0,
        text: wish.text.as_deref().map(plain).transpose()?,
        picture: wish.picture.clone(),
        state: scheduled,
    });
    let (due, expires, urgency) = (row.post.due, row.post.expires, row.post.urgency);
    match wish.start {
        Start::Queued => {}
        Start::Held => row.post.state = held,
        Start::At(at) if at <= hand.now => return Err(said(format!("expected a time to come, found {at}"))),
        Start::At(at) => {
            row.post.due = at;
            row.post.expires = wish.urgency.lifetime().map(|lasts| at + lasts);
        }
        Start::Soon => {
            row.post.due = hand.now + UNDO;
            row.post.urgency = Urgency::Breaking;
            row.undo = Some(Undo { at: hand.now, until: row.post.due, state: held, due, expires, urgency });
        }
    }
    Ok(row)
}

/// Stores it, approved by the person.
///
/// # Errors
/// Where it does not fit, or the story has a post there already; the database's.
pub async fn by_hand(store: &Store, hand: &Hand, place: Place<'_>, wish: ByHand) -> Result<PostRow, StoreError> {
    let made = all_by_hand(store, hand, vec![(place, wish)]).await?;
    made.into_iter().next().ok_or_else(|| said("expected a channel, found none"))
}

/// Stores posts of one story on several channels: all of them, or none.
///
/// # Errors
/// As [`by_hand`], of the first that is at fault.
pub async fn all_by_hand(
    store: &Store,
    hand: &Hand,
    wishes: Vec<(Place<'_>, ByHand)>,
) -> Result<Vec<PostRow>, StoreError> {
    let mut made = Vec::with_capacity(wishes.len());
    for (place, wish) in wishes {
        let name = &place.channel.name;
        let row = fresh(hand, name, &wish)?;
        let mut conn = store.read().await?;
        let identity = super::identity(&mut conn, name.as_str()).await?;
        drop(conn);
        prepare(place.setting, place.channel, identity.as_ref(), &wish.article, &row.post, 0, hand.now)
            .map_err(|why| said(format!("on {name}: {why}")))?;
        made.push((row, place.channel.account.spec().id, wish.article, wish.again));
    }
    let hand = hand.clone();
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            let mut rows = Vec::with_capacity(made.len());
            for (row, platform, article, again) in made {
                rows.push(keep(conn, &hand, (&row, platform), &article, again).await?);
            }
            meta::touch(conn).await?;
            Ok(rows)
        })
    });
    store.write(job).await
}

async fn keep(
    conn: &mut Conn,
    hand: &Hand,
    (row, platform): (&PostRow, &str),
    article: &Article,
    again: bool,
) -> Result<PostRow, StoreError> {
    let name = row.post.channel.as_str();
    channel::ensure(conn, name, platform, hand.now).await?;
    if article::one(conn, article.id.as_str()).await?.is_none() {
        let entry = &article.entry;
        article::insert(conn, article, &content_hash(entry), &title_hash(&entry.title), &[]).await?;
        let keys = keys(&article.source, entry).all.into_iter().filter(|key| key.scope.is_empty());
        let keys: Vec<_> = keys.map(|key| article::Alias { scope: key.scope, value: key.value }).collect();
        let known = article::known(conn, &keys).await?;
        // A source that brings the same link later brings no new story. A person may write of a story that is known: its
        // link stays that story's.
        for key in keys.iter().filter(|key| !known.iter().any(|(other, ..)| other == *key)) {
            article::alias(conn, key, article.id.as_str(), hand.now).await?;
        }
    } else if !again {
        only_one(conn, article, name).await?;
    }
    post::insert(conn, row, hand.now, &hand.actor(), "made by hand").await?;
    need(conn, row.id()).await
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

/// The story that a source brought under that address.
///
/// # Errors
/// The database's.
pub async fn by_link(conn: &mut Conn, url: &Url) -> Result<Option<Article>, StoreError> {
    let mut texts = vec![url.to_string()];
    texts.extend(canonical(url).map(|link| format!("link:{link}")));
    for text in texts {
        if let Some((article, _)) = article::meant(conn, &text).await?.into_iter().next() {
            return Ok(Some(article));
        }
    }
    Ok(None)
}

/// The first link a person wrote: the one that becomes clickable, and by which the post is found again.
pub fn link_in(text: &str) -> Option<Url> {
    let words = text.split_whitespace().filter(|word| word.starts_with("https://") || word.starts_with("http://"));
    words
        .map(|word| word.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '"', '\'']))
        .find_map(|word| Url::parse(word).ok())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_link_counts() {
        for (text, link) in [
            ("Bread (https://a.example/1). And https://b.example/", Some("https://b.example/")),
            ("Bread https://a.example/1, again", Some("https://a.example/1")),
            ("ftp://a.example http://", None),
        ] {
            assert_eq!(link_in(text).as_ref().map(Url::as_str), link, "{text}");
        }
    }
}
