//! The nouns: plain data, no I/O, no async. What a thing *is* lives here; what is done with it lives further down `lib.rs`.

pub mod article;
pub mod channel;
pub mod grant;
pub mod id;
pub mod limit;
pub mod money;
pub mod notice;
pub mod person;
pub mod picture;
pub mod post;
pub mod receipt;
