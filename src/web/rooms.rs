//! Every page and every act of the desk in one list, each with the least role that it asks for. The router is built from
//! it, and the tests that try every role against every route read it.

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, get, post};

use super::{Site, pages};
use crate::model::person::Role;

/// A page, or an act, at one path.
pub(super) struct Room {
    /// Its path, with the variable parts in braces.
    pub path: &'static str,
    /// Who may see it; `None`: nothing is shown there.
    pub see: Option<Role>,
    /// Who may act there by POST; `None`: nothing can be done there.
    pub act: Option<Role>,
    /// What answers.
    pub open: fn() -> MethodRouter<Arc<Site>>,
}

const fn page(path: &'static str, see: Role, open: fn() -> MethodRouter<Arc<Site>>) -> Room {
    Room { path, see: Some(see), act: None, open }
}

const fn act(path: &'static str, act: Role, open: fn() -> MethodRouter<Arc<Site>>) -> Room {
    Room { path, see: None, act: Some(act), open }
}

/// All of them.
pub(super) const ROOMS: &[Room] = &[
    page("/", Role::Viewer, || get(pages::today::page)),
    page("/timelines/{name}", Role::Viewer, || get(pages::timeline::page)),
    page("/articles", Role::Viewer, || get(pages::articles::page)),
    page("/articles/{id}", Role::Viewer, || get(pages::article::page)),
    page("/sources", Role::Viewer, || get(pages::sources::page)),
    page("/channels", Role::Viewer, || get(pages::channels::page)),
    // Lists.
    page("/posts", Role::Viewer, || get(pages::posts::page)),
    act("/floods/{group}/approve", Role::Editor, || post(pages::today::approve_flood)),
    act("/floods/{group}/skip", Role::Editor, || post(pages::today::skip_flood)),
    act("/articles/{id}/take-down", Role::Editor, || post(pages::article::take_down)),
    page("/sources/{name}", Role::Viewer, || get(pages::source::page)),
    page("/sources/{name}/raw", Role::Viewer, || get(pages::source::raw)),
    act("/sources/{name}/poll", Role::Editor, || post(pages::source::poll)),
    page("/channels/{name}", Role::Viewer, || get(pages::channel::page)),
    act("/channels/{name}/pause", Role::Editor, || post(pages::channel::pause)),
    act("/channels/{name}/resume", Role::Editor, || post(pages::channel::resume)),
    act("/channels/{name}/disconnect", Role::Admin, || post(pages::channel::disconnect)),
    page("/audit", Role::Viewer, || get(pages::audit::page)),
    page("/audit.jsonl", Role::Admin, || get(pages::audit::export)),
];

/// Their router.
pub(super) fn router() -> Router<Arc<Site>> {
    ROOMS.iter().fold(Router::new(), |router, room| router.route(room.path, (room.open)()))
}
