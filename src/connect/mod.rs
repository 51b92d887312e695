//! Connecting an account: OAuth in the terminal. Each platform's flow is a file; asking the person and keeping the grant
//! are the caller's.

pub mod mastodon;
