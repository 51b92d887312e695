//! The one test binary. Pure code is tested beside itself; here is what crosses a process, a wire or the house rules.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod cli;
mod conformance;
mod fakes;
mod harness;
mod kills;
mod lane;
mod ledger;
mod post_states;
mod proxy;
mod servers;
mod store;
mod story_access;
mod story_clocks;
mod story_disk;
mod story_door;
mod story_doubt;
mod story_feeds;
#[cfg(feature = "ghost")]
mod story_ghost;
mod story_hostile;
mod story_limits;
mod story_once;
mod story_outage;
mod story_pages;
mod story_pictures;
mod story_polite;
mod story_push;
mod story_real;
mod story_secrets;
mod story_threads;
mod story_words;
#[path = "../tidy.rs"]
mod tidy;
mod wire;
