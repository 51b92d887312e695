//! Another wording or other pictures for a post, by a person's hand.

use unicode_segmentation::UnicodeSegmentation as _;

use super::out::{edit_out, not_in_config};
use super::waiting::{anew, send_again};
use super::{Hand, Place, known, need, plain, refuse, said};
use crate::compose;
use crate::model::article::Article;
use crate::model::picture::Chosen;
use crate::model::post::{Post, PostState};
use crate::publish::prepare;
use crate::store::post::{PostRow, short};
use crate::store::{Conn, Store, StoreError, article, audit, meta, notice, post};

/// What became of an edit.
#[derive(Clone, Debug)]
pub enum Edited {
    /// The post waits with its new text.
    Waiting(Box<PostRow>),
    /// The post is out: the change is asked for, under this id of a wish.
    Asked(String),
}

/// What a person changes about a post; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The text: another one, or (`Some(None)`) the template's again.
    pub text: Option<Option<String>>,
    /// The pictures and what is said of them.
    pub picture: Option<Chosen>,
    /// The version of the post that they had before their eyes; a later one is not written over. `None`: any.
    pub version: Option<i64>,
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
    let change = Change { text: Some(Some(text.to_owned())), ..Change::default() };
    self::change(store, hand, place, id, change).await
}

/// Changes a post as [`edit`] does, its pictures too.
///
/// # Errors
/// As [`edit`]; where somebody changed it since it was looked at.
pub async fn change(
    store: &Store,
    hand: &Hand,
    place: Option<Place<'_>>,
    id: &str,
    mut change: Change,
) -> Result<Edited, StoreError> {
    if let Some(Some(text)) = &change.text {
        change.text = Some(Some(plain(text)?));
    }
    let mut conn = store.read().await?;
    let row = need(&mut conn, id).await?;
    let identity = super::identity(&mut conn, row.post.channel.as_str()).await?;
    let found = article::one(&mut conn, row.post.article.as_str()).await?.map(|(article, _)| article);
    drop(conn);
    let wanted = wanted(&row.post, &change);
    if let Some(place) = place {
        fits(place, identity.as_ref(), found.as_ref(), &wanted)?;
    }
    if let PostState::Published { receipt } = &row.post.state {
        let place = place.ok_or_else(|| not_in_config(&row))?;
        let text = match change {
            Change { text: Some(Some(text)), picture, .. }
                if picture.as_ref().is_none_or(|it| *it == row.post.picture) =>
            {
                text
            }
            _ => return Err(said("of a post that is out only the text can be changed")),
        };
        return edit_out(store, hand, place, &row, receipt, identity.as_ref(), text).await.map(Edited::Asked);
    }
    let hand = hand.clone();
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            let row = need(conn, row.id()).await?;
            let row = change_waiting(conn, &hand, row, &change).await?;
            meta::touch(conn).await?;
            Ok(row)
        })
    });
    Ok(Edited::Waiting(Box::new(store.write(job).await?)))
}

/// The post with the change.
fn wanted(post: &Post, change: &Change) -> Post {
    let mut wanted = post.clone();
    if let Some(text) = &change.text {
        wanted.text.clone_from(text);
    }
    if let Some(picture) = &change.picture {
        wanted.picture = picture.clone();
    }
    wanted
}

/// Whether what a person wrote is within the limits. Whether the whole can be sent shows when it is composed.
fn fits(
    place: Place<'_>,
    identity: Option<&crate::platform::Identity>,
    article: Option<&Article>,
    wanted: &Post,
) -> Result<(), StoreError> {
    let (channel, account) = (place.channel, &place.channel.account);
    let pictures = article.map(|article| prepare::pictures(place.setting, channel, article, wanted));
    let beside = pictures.is_some_and(|pictures| !pictures.is_empty());
    if let Some(text) = &wanted.text {
        compose::by_hand(text, prepare::rules(channel, identity, beside), account.threads())
            .map_err(|e| said(format!("on {}: {e}", channel.name)))?;
    }
    let (counts, most) =
        (wanted.picture.alt.as_ref().map_or(0, |alt| alt.graphemes(true).count()), account.media().alt);
    if beside && counts > most {
        let text = format!("on {}: the alternative text counts {counts} where {most} are allowed", channel.name);
        return Err(said(text));
    }
    Ok(())
}

async fn change_waiting(conn: &mut Conn, hand: &Hand, row: PostRow, change: &Change) -> Result<PostRow, StoreError> {
    super::same(conn, &row, change.version).await?;
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
    let wanted = wanted(&row.post, change);
    let why = told(&row.post, &wanted);
    if failed {
        return send_again(conn, hand, row, &known, Some(wanted), &why).await;
    }
    if row.verify && known.begun {
        return Err(said(format!(
            "cannot edit it: post {} came back with a backup and is looked up first, since it may be out already",
            short(row.id())
        )));
    }
    let mut next = PostRow { post: wanted, ..row.clone() };
    anew(&mut next, &known);
    if let PostState::Scheduled { approval, .. } = &mut next.post.state {
        *approval = hand.approval(None);
    }
    let before = row.post.state.word();
    let same_state = row.post.state == next.post.state;
    let written = post::put(conn, &row, &next, hand.now, &hand.actor(), &why).await?;
    if same_state {
        audit::add(conn, hand.now, &hand.actor(), "post", row.id(), (Some(before), Some(before)), &why).await?;
    }
    notice::settle(conn, &format!("post.{}.held", row.id())).await?;
    Ok(written)
}

/// What the log keeps of an edit: also the words that stood there before, so that none are lost.
fn told(before: &Post, after: &Post) -> String {
    let mut said = vec!["edited by hand".to_owned()];
    if before.picture != after.picture {
        said.push("another picture".to_owned());
    }
    match (&before.text, &after.text) {
        (Some(before), after) if after.as_ref() != Some(before) => said.push(format!("before: {before}")),
        _ => {}
    }
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::picture::Which;

    fn post(text: Option<&str>) -> Post {
        let now = jiff::Timestamp::UNIX_EPOCH;
        Post {
            id: "p1".into(),
            channel: "x".into(),
            article: "a1".into(),
            occasion: crate::model::post::Occasion::First,
            route: 1,
            template: "headline".to_owned(),
            urgency: crate::model::post::Urgency::Normal,
            created: now,
            expires: None,
            due: now,
            attempts: 0,
            text: text.map(str::to_owned),
            picture: Chosen::default(),
            state: PostState::Held { since: now, why: crate::model::post::HoldReason::Approval },
        }
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name_and_the_log_keeps_what_was_there() {
        let none = Chosen { which: Some(Which::None), alt: None };
        let text = |text: Option<&str>| Change { text: Some(text.map(str::to_owned)), ..Change::default() };
        let picture = Change { picture: Some(none.clone()), ..Change::default() };
        for (before, change, after, pictures, log) in [
            (None, text(Some("b")), Some("b"), false, "edited by hand"),
            (Some("a"), text(Some("b")), Some("b"), false, "edited by hand; before: a"),
            (Some("a"), text(None), None, false, "edited by hand; before: a"),
            (Some("a"), text(Some("a")), Some("a"), false, "edited by hand"),
            (Some("a"), picture, Some("a"), true, "edited by hand; another picture"),
        ] {
            let (old, new) = (post(before), wanted(&post(before), &change));
            assert_eq!((new.text.as_deref(), new.picture == none), (after, pictures), "{change:?}");
            assert_eq!(told(&old, &new), log, "{change:?}");
        }
    }
}
