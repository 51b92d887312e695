//! Acts on what is out: edit it there, take it down. Such a change is stored as a wish that the channel's lane carries out.

use jiff::Timestamp;

use super::{Hand, Place, known, need, refuse, said};
use crate::model::post::{Post, PostState};
use crate::model::receipt::Receipt;
use crate::platform::{Identity, Payload};
use crate::publish::prepare::{Prepared, prepare};
use crate::store::amend::AmendRow;
use crate::store::post::{PostRow, short};
use crate::store::short_link::{self, Link};
use crate::store::{Store, StoreError, amend, article, audit, meta, notice, post};

pub(super) fn not_in_config(row: &PostRow) -> StoreError {
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

pub(super) async fn edit_out(
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
            // The words that stood there stay in the log.
            let before = row.payload.as_deref().and_then(|text| serde_json::from_str::<Payload>(text).ok());
            let why = match (op, before) {
                ("delete", _) => "asked for it to be taken down".to_owned(),
                (_, Some(before)) => format!("asked for it to be changed; before: {}", before.text),
                (_, None) => "asked for it to be changed".to_owned(),
            };
            audit::add(conn, hand.now, &hand.actor(), "post", &id, (Some("published"), None), &why).await?;
            notice::settle(conn, &format!("post.{id}.{op}")).await?;
            meta::touch(conn).await?;
            Ok(wish.id)
        })
    });
    store.write(job).await
}

/// What would go out of a waiting post if it went now.
#[derive(Clone, Debug)]
pub enum Sight {
    /// It is fixed already: something was begun with it.
    Frozen(Box<Payload>),
    /// It is composed anew until then.
    Composed(Box<Prepared>),
    /// It cannot be composed: why.
    Unfit(String),
}

impl Sight {
    /// What would be sent.
    pub fn payload(&self) -> Option<&Payload> {
        match self {
            Self::Frozen(payload) => Some(payload),
            Self::Composed(prepared) => Some(&prepared.payload),
            Self::Unfit(_) => None,
        }
    }

    /// The hash of what a reader would see: what an approval binds to.
    pub fn hash(&self) -> Option<String> {
        self.payload().map(Payload::seen_hash)
    }
}

/// What would go out of that post if it went now.
///
/// # Errors
/// The database's.
pub async fn sight(store: &Store, place: &Place<'_>, row: &PostRow, now: Timestamp) -> Result<Sight, StoreError> {
    if let Some(frozen) = row.payload.as_deref().and_then(|text| serde_json::from_str::<Payload>(text).ok()) {
        return Ok(Sight::Frozen(Box::new(frozen)));
    }
    let mut conn = store.read().await?;
    let Some((article, _)) = article::one(&mut conn, row.post.article.as_str()).await? else {
        return Ok(Sight::Unfit("its article is forgotten by now".to_owned()));
    };
    let identity = super::identity(&mut conn, row.post.channel.as_str()).await?;
    drop(conn);
    let made = prepare(place.setting, place.channel, identity.as_ref(), &article, &row.post, row.revision, now);
    Ok(made.map_or_else(Sight::Unfit, |prepared| Sight::Composed(Box::new(prepared))))
}

/// The hash of what a reader would see of a waiting post if it went out now; `None` where it cannot be composed, which
/// is told when it is claimed.
///
/// # Errors
/// The database's.
pub async fn seen(store: &Store, place: &Place<'_>, id: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
    let mut conn = store.read().await?;
    let Some(row) = post::one(&mut conn, id).await? else { return Ok(None) };
    drop(conn);
    Ok(sight(store, place, &row, now).await?.hash())
}
