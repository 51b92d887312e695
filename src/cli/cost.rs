//! What a post of the queue costs: what was charged for it, else what it will cost as far as that can be told now.

use super::shop::Shop;
use crate::expr::Templates;
use crate::model::article::Article;
use crate::model::money::Price;
use crate::model::post::PostState;
use crate::platform::Payload;
use crate::publish::{identity_of, prepare};
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, channel, spend};

/// A post's cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// How much.
    pub price: Price,
    /// Whether it is spent; else it is what sending the post will cost.
    pub spent: bool,
}

/// The cost of that post; `None` where nothing is charged for, or its text cannot be composed.
///
/// # Errors
/// The database's.
pub async fn of(
    shop: &Shop,
    conn: &mut Conn,
    templates: &Templates,
    (row, article): (&PostRow, Option<&Article>),
) -> Result<Option<Cost>, StoreError> {
    if let Some(price) = spend::of_post(conn, row.id()).await? {
        return Ok(Some(Cost { price, spent: true }));
    }
    let Some(place) = shop.channel(row.post.channel.as_str()).filter(|place| place.account.prices().is_some()) else {
        return Ok(None);
    };
    if !matches!(row.post.state, PostState::Scheduled { .. } | PostState::Held { .. } | PostState::Failed { .. }) {
        return Ok(None);
    }
    let frozen = row.payload.as_deref().and_then(|text| serde_json::from_str::<Payload>(text).ok());
    let payload = match (frozen, article) {
        (Some(payload), _) => Some(payload),
        (None, None) => None,
        (None, Some(article)) => {
            let stored = channel::one(conn, place.name.as_str()).await?;
            let identity = identity_of(stored.and_then(|row| row.identity).as_deref());
            let setting = shop.place(&place, templates).setting;
            let now = shop.hand.now;
            let made = prepare::prepare(setting, &place, identity.as_ref(), article, &row.post, row.revision, now);
            made.ok().map(|prepared| prepared.payload)
        }
    };
    let price = payload.and_then(|payload| place.account.price(&payload));
    Ok(price.map(|price| Cost { price, spent: false }))
}
