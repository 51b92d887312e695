//! The one test binary. Pure code is tested beside itself; here is what crosses a process, a wire or the house rules.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod browser;
mod chromium;
mod cli;
mod conformance;
mod fakes;
mod harness;
mod kills;
mod lane;
mod ledger;
mod meta_accounts;
mod payloads;
mod post_states;
mod proxy;
mod servers;
mod store;
mod story_access;
mod story_albums;
mod story_bluesky_oauth;
mod story_canary;
mod story_chat;
mod story_clocks;
mod story_connect;
mod story_connect_attacks;
mod story_desk_browser;
mod story_desk_door;
mod story_desk_lists;
mod story_desk_looks;
mod story_desk_payloads;
mod story_desk_post;
mod story_desk_signin;
mod story_desk_tour;
mod story_disk;
mod story_door;
mod story_doubt;
mod story_feeds;
#[cfg(feature = "ghost")]
mod story_ghost;
mod story_hostile;
mod story_limits;
mod story_linkedin;
mod story_looks;
mod story_matrix;
mod story_meta;
mod story_money;
mod story_once;
mod story_outage;
mod story_pages;
mod story_pictures;
mod story_polite;
mod story_push;
mod story_real;
mod story_renewal;
mod story_renewals;
mod story_secrets;
mod story_synapse;
mod story_threads;
mod story_tokens;
mod story_vault;
mod story_words;
#[path = "../tidy.rs"]
mod tidy;
mod wire;
