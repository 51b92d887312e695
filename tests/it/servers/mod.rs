//! The real servers that `scripts/test.sh` starts before the tests: where they are, and how a test opens its own
//! database or account there. A test that misses one fails and says how to get it; none is ever skipped.

#[cfg(feature = "ghost")]
pub mod ghost;
pub mod hub;
pub mod oidc;
pub mod pds;
pub mod postgres;
pub mod snac;
pub mod synapse;

/// A variable that `scripts/servers.sh` exports.
///
/// # Panics
/// When it is not there: the tests were not started by `scripts/test.sh`.
#[expect(clippy::disallowed_methods, reason = "the one place where the tests read the environment")]
pub fn place(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: start the tests by `make test` or scripts/test.sh"))
}
