//! Bugle, a newsroom's auto-poster. A source yields articles; a route picks channels; compose writes a text that fits;
//! schedule gives it a time; publish sends it once; a receipt proves it.
//!
//! The modules, in rows: an import only ever points up this list, and the modules of a row do not know each other
//! (`tests/tidy.rs` checks it). The flow runs through `source`, `model`, `route`, `compose`, `schedule` and `publish`:

pub mod clock;
pub mod crash;
pub mod expr;
pub mod telemetry;
pub mod text;
pub mod timetable;

pub mod http;
pub mod model;

pub mod card;
pub mod compose;
pub mod platform;
pub mod route;
pub mod schedule;
pub mod source;
pub mod store;
pub mod vault;

pub mod connect;
pub mod people;
pub mod publish;

pub mod engine;
pub mod web;

pub mod config;

pub mod cli;
