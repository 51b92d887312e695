//! What a timeline's posts are and where they live: a port of the seam, since a timeline's platform is Bugle's own store.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use url::Url;

use super::Card;
use crate::model::picture::Picture;

/// A timeline's posts in Bugle's own store.
#[async_trait]
pub trait Wall: Send + Sync {
    /// Puts a post up under that id; the same id again changes nothing and is no error.
    ///
    /// # Errors
    /// In words, where the store fails.
    async fn put(&self, id: &str, post: &WallPost) -> Result<(), String>;

    /// Replaces a post's text; `None` takes it down.
    ///
    /// # Errors
    /// In words, where the store fails.
    async fn change(&self, id: &str, post: Option<&WallPost>) -> Result<(), String>;

    /// Whether there is a post under that id.
    ///
    /// # Errors
    /// In words, where the store fails.
    async fn has(&self, id: &str) -> Result<bool, String>;
}

/// A post on a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WallPost {
    /// Its text.
    pub text: String,
    /// The article's link.
    pub link: Option<Url>,
    /// Its card.
    pub card: Option<Card>,
    /// The picture attached to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
    /// The further pictures of an album, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<Picture>,
    /// BCP 47 tag.
    pub language: Option<String>,
    /// What it counts, by the rules of the platform it is like.
    pub length: usize,
    /// What that platform allows.
    pub limit: usize,
    /// Its place in a thread, where it is a part of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Place>,
}

/// A part's place in its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Counts from 1.
    pub n: usize,
    /// How many parts there are.
    pub of: usize,
}
