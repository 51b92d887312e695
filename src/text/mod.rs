//! Pure text work: counting as platforms count, cleaning what feeds bring, and texts proved to fit.

mod bluesky;
mod clusters;
mod emoji;
pub mod entities;
pub mod escape;
pub mod language;
pub mod limits;
mod links;
mod markup;
mod mastodon;
pub mod measure;
mod misskey;
pub mod plain;
mod punycode;
pub mod rules;
mod telegram;
pub mod thread;
pub mod tlds;
pub mod tracking;
mod web;
mod x;
