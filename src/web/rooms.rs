//! Every page and every act of the desk in one list, each with the least role that it asks for. The router is built from
//! it, and the tests that try every role against every route read it.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get};

use super::{Site, live, once, pages, said, standing};
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

/// All of them.
pub(super) const ROOMS: &[Room] = &[
    page("/", Role::Viewer, || get(pages::today::page)),
    page("/timelines/{name}", Role::Viewer, || get(pages::timeline::page)),
    page("/timelines/{name}/{post}/pictures/{n}", Role::Viewer, || get(pages::pictures::of_wall)),
    page("/posts/{id}/pictures/{n}", Role::Viewer, || get(pages::pictures::of_post)),
    page("/articles", Role::Viewer, || get(pages::articles::page)),
    page("/articles/{id}", Role::Viewer, || get(pages::article::page)),
    page("/sources", Role::Viewer, || get(pages::sources::page)),
    page("/channels", Role::Viewer, || get(pages::channels::page)),
    page("/live", Role::Viewer, || get(live::stream)),
    Room {
        path: "/pause",
        see: Some(Role::Editor),
        act: Some(Role::Editor),
        open: || get(pages::pause::page).post(pages::pause::act),
    },
    Room {
        path: "/resume",
        see: Some(Role::Viewer),
        act: Some(Role::Editor),
        open: || get(pages::resume::page).post(pages::resume::act),
    },
];

/// Their router.
pub(super) fn router(site: &Arc<Site>) -> Router<Arc<Site>> {
    ROOMS.iter().fold(Router::new(), |router, room| router.route(room.path, furnished(room, site)))
}

/// What answers at a room, with what each page has around it. The gate comes outside of it: all of it goes by who is there.
fn furnished(room: &Room, site: &Arc<Site>) -> MethodRouter<Arc<Site>> {
    (room.open)()
        .layer(from_fn_with_state(Arc::clone(site), standing::look))
        .layer(from_fn_with_state(Arc::clone(site), said::carry))
        .layer(from_fn_with_state(Arc::clone(site), once::share))
}
