//! Every page and every act of the desk in one list, each with the least role that it asks for. The router is built from
//! it, the gate stands before each of them, and the tests that try every role against every route read it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use tower_http::timeout::TimeoutLayer;

use super::gate::{self, Guard};
use super::{ANSWER_WITHIN, CONNECT_WITHIN, Site, pages};
use crate::model::person::Role;
use crate::people::oidc;

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

/// A page that is open to people who are not signed in.
pub(super) struct Door {
    /// Its path.
    pub path: &'static str,
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
    act("/channels/{name}/connect", Role::Admin, || post(pages::connect::begin_signed_in)),
    act("/sign-out", Role::Viewer, || post(pages::sign_in::out)),
    page("/account", Role::Viewer, || get(pages::account::page)),
    act("/account/password", Role::Viewer, || post(pages::account::password)),
    act("/account/sessions/end", Role::Viewer, || post(pages::account::end)),
    act("/account/sessions/end-others", Role::Viewer, || post(pages::account::end_others)),
    Room {
        path: "/account/totp",
        see: Some(Role::Viewer),
        act: Some(Role::Viewer),
        open: || get(pages::second::account).post(pages::second::begin),
    },
    act("/account/totp/confirm", Role::Viewer, || post(pages::second::confirm)),
    act("/account/totp/codes", Role::Viewer, || post(pages::second::codes)),
    act("/account/totp/remove", Role::Viewer, || post(pages::second::remove)),
    page("/people", Role::Admin, || get(pages::people::page)),
    act("/people/invite", Role::Admin, || post(pages::people::invite)),
    act("/people/links/withdraw", Role::Admin, || post(pages::people::withdraw)),
    act("/people/{id}/role", Role::Admin, || post(pages::people::role)),
    act("/people/{id}/disable", Role::Admin, || post(pages::people::disable)),
    act("/people/{id}/enable", Role::Admin, || post(pages::people::enable)),
    act("/people/{id}/reset", Role::Admin, || post(pages::people::reset)),
    act("/people/{id}/sign-out", Role::Admin, || post(pages::people::sign_out)),
];

/// What is open to people who are not signed in.
pub(super) const DOORS: &[Door] = &[
    Door { path: "/setup", open: || get(pages::invite::ask_setup).post(pages::invite::set_up) },
    Door { path: "/sign-in", open: || get(pages::sign_in::ask).post(pages::sign_in::sign_in) },
    Door { path: "/sign-in/totp", open: || get(pages::second::ask).post(pages::second::check) },
    Door { path: oidc::BEGIN, open: || get(pages::oidc::begin) },
    Door { path: oidc::BACK, open: || get(pages::oidc::back) },
    Door { path: "/invite/{token}", open: || get(pages::invite::ask).post(pages::invite::come_in) },
];

/// Rooms that ask somebody elsewhere before they answer, and may take as long as connecting.
const SLOW: &[&str] = &["/channels/{name}/connect", oidc::BEGIN, oidc::BACK];

fn time_of(path: &str) -> Duration {
    if SLOW.contains(&path) { CONNECT_WITHIN } else { ANSWER_WITHIN }
}

fn within(time: Duration) -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, time)
}

/// Their router.
pub(super) fn router(site: &Arc<Site>) -> Router<Arc<Site>> {
    let rooms = ROOMS.iter().fold(Router::new(), |router, room| {
        let guard = Guard { site: Arc::clone(site), see: room.see, act: room.act };
        let open: MethodRouter<Arc<Site>> = (room.open)().layer(from_fn_with_state(guard, gate::enter));
        router.route(room.path, open.layer(within(time_of(room.path))))
    });
    DOORS.iter().fold(rooms, |router, door| {
        let open: MethodRouter<Arc<Site>> = (door.open)().layer(from_fn_with_state(Arc::clone(site), gate::greet));
        router.route(door.path, open.layer(within(time_of(door.path))))
    })
}
