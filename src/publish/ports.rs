//! The narrow ports that the platform seam asks for, with the store and the vault behind them.

use async_trait::async_trait;
use secrecy::SecretString;

use super::safe;
use crate::clock::SharedClock;
use crate::platform::{Keep, Wall, WallPost};
use crate::store::{Store, sealed, wall};
use crate::vault::Vault;

/// What a channel keeps, sealed.
pub struct SealedKeep {
    /// The store.
    pub store: Store,
    /// What seals.
    pub vault: std::sync::Arc<Vault>,
    /// The channel.
    pub channel: String,
    /// The time.
    pub clock: SharedClock,
}

#[async_trait]
impl Keep for SealedKeep {
    async fn get(&self, word: &str) -> Result<Option<SecretString>, String> {
        let mut conn = self.store.read().await.map_err(|e| e.to_string())?;
        let Some(bytes) = sealed::get(&mut conn, &self.channel, word).await.map_err(|e| e.to_string())? else {
            return Ok(None);
        };
        let place = safe::kept(&self.channel, word);
        let opened = safe::open(&mut conn, &self.vault, &self.channel, place, &bytes).await;
        opened.map(Some).map_err(|e| e.to_string())
    }

    async fn put(&self, word: &str, secret: &SecretString) -> Result<(), String> {
        let (channel, word, now) = (self.channel.clone(), word.to_owned(), self.clock.now());
        let (vault, secret) = (self.vault.clone(), secret.clone());
        let job = crate::store::job(move |conn| {
            Box::pin(async move {
                let place = safe::kept(&channel, &word);
                let bytes = safe::seal(conn, &vault, &channel, place, &secret, now).await?;
                sealed::put(conn, &channel, &word, &bytes, now).await
            })
        });
        self.store.write(job).await.map_err(|e| e.to_string())
    }
}

/// A timeline's posts.
pub struct StoreWall {
    /// The store.
    pub store: Store,
    /// The channel.
    pub channel: String,
    /// The time.
    pub clock: SharedClock,
}

#[async_trait]
impl Wall for StoreWall {
    async fn put(&self, id: &str, post: &WallPost) -> Result<(), String> {
        let (channel, id, now) = (self.channel.clone(), id.to_owned(), self.clock.now());
        let text = serde_json::to_string(post).map_err(|e| e.to_string())?;
        let job =
            crate::store::job(move |conn| Box::pin(async move { wall::put(conn, &channel, &id, &text, now).await }));
        self.store.write(job).await.map_err(|e| e.to_string())
    }

    async fn change(&self, id: &str, post: Option<&WallPost>) -> Result<(), String> {
        let (channel, id, now) = (self.channel.clone(), id.to_owned(), self.clock.now());
        let text = post.map(serde_json::to_string).transpose().map_err(|e| e.to_string())?;
        let job = crate::store::job(move |conn| {
            Box::pin(async move {
                match text {
                    Some(text) => wall::change(conn, &channel, &id, &text).await,
                    None => wall::take_down(conn, &channel, &id, now).await,
                }
            })
        });
        self.store.write(job).await.map_err(|e| e.to_string())
    }

    async fn has(&self, id: &str) -> Result<bool, String> {
        let mut conn = self.store.read().await.map_err(|e| e.to_string())?;
        wall::has(&mut conn, &self.channel, id).await.map_err(|e| e.to_string())
    }
}
