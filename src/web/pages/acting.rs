//! What acts of lists share: whose hand it is, and what is said once it is done.

use std::sync::Arc;

use axum::response::Response;

use super::Site;
use crate::publish::actions::Hand;
use crate::store::StoreError;
use crate::web::visitor::Visitor;
use crate::web::{Works, said};

/// The visitor at work, now.
pub(super) fn hand(site: &Site, visitor: &Visitor) -> Hand {
    Hand { name: visitor.name.clone(), now: site.state.clock.now() }
}

/// What acts work with that need more than the store; `None`: another process publishes.
pub(super) fn works(site: &Site) -> Option<Arc<Works>> {
    site.state.works.borrow().clone()
}

/// Leads back, and says what became of it; the lanes look again.
pub(super) fn done<T>(
    site: &Site,
    back: &str,
    done: Result<T, StoreError>,
    words: impl FnOnce(T) -> String,
) -> Response {
    match done {
        Ok(value) => {
            if let Some(works) = works(site) {
                works.wake();
            }
            said::ok(back, words(value))
        }
        Err(error) => said::refused(back, &error),
    }
}

/// So many posts, in words.
pub(super) fn posts(n: usize) -> String {
    if n == 1 { "1 post".to_owned() } else { format!("{n} posts") }
}
