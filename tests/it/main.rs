//! The one test binary. Pure code is tested beside itself; here is what crosses a process, a wire or the house rules.

mod fakes;
mod lane;
mod ledger;
mod post_states;
mod proxy;
mod servers;
mod store;
#[path = "../tidy.rs"]
mod tidy;
mod wire;
