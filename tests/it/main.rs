//! The one test binary. Pure code is tested beside itself; here is what crosses a process, a wire or the house rules.

mod fakes;
mod harness;
mod ledger;
mod proxy;
mod servers;
mod story_access;
mod story_answers;
mod story_doubt;
mod story_feeds;
mod story_limits;
mod story_once;
mod story_outage;
#[path = "../tidy.rs"]
mod tidy;
mod wire;
