//! Pure text work: counting as platforms count, cleaning what feeds bring, and texts proved to fit.

pub mod entities;
mod links;
mod markup;
pub mod measure;
pub mod plain;
pub mod rules;
mod telegram;
pub mod thread;
pub mod tlds;
