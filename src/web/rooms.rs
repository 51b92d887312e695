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
use super::{ANSWER_WITHIN, CONNECT_WITHIN, Site, live, once, pages, said, standing};
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
    page("/posts/{id}", Role::Viewer, || get(pages::post::page)),
    act("/posts/{id}/approve", Role::Editor, || post(pages::post::does::approve)),
    act("/posts/{id}/send", Role::Editor, || post(pages::post::does::send)),
    act("/posts/{id}/take-back", Role::Editor, || post(pages::post::does::take_back)),
    act("/posts/{id}/schedule", Role::Editor, || post(pages::post::does::schedule)),
    act("/posts/{id}/edit", Role::Editor, || post(pages::post::edit::edit)),
    act("/posts/{id}/measure", Role::Editor, || post(pages::post::edit::measure)),
    act("/posts/{id}/hold", Role::Editor, || post(pages::post::does::hold)),
    act("/posts/{id}/skip", Role::Editor, || post(pages::post::does::skip)),
    act("/posts/{id}/retry", Role::Editor, || post(pages::post::does::retry)),
    act("/posts/{id}/confirm", Role::Editor, || post(pages::post::does::confirm)),
    act("/posts/{id}/retract", Role::Editor, || post(pages::post::does::retract)),
    Room {
        path: "/new",
        see: Some(Role::Editor),
        act: Some(Role::Editor),
        open: || get(pages::make::page).post(pages::make::make),
    },
    act("/new/preview", Role::Editor, || post(pages::make::preview)),
    act("/new/measure", Role::Editor, || post(pages::make::measure)),
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
const SLOW: &[&str] = &["/channels/{name}/connect", "/new", "/new/preview", oidc::BEGIN, oidc::BACK];

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
        let open: MethodRouter<Arc<Site>> = furnished(room, site).layer(from_fn_with_state(guard, gate::enter));
        router.route(room.path, open.layer(within(time_of(room.path))))
    });
    DOORS.iter().fold(rooms, |router, door| {
        let open: MethodRouter<Arc<Site>> = (door.open)().layer(from_fn_with_state(Arc::clone(site), gate::greet));
        router.route(door.path, open.layer(within(time_of(door.path))))
    })
}

/// What answers at a room, with what each page has around it. The gate comes outside of it: all of it goes by who is there.
fn furnished(room: &Room, site: &Arc<Site>) -> MethodRouter<Arc<Site>> {
    (room.open)()
        .layer(from_fn_with_state(Arc::clone(site), standing::look))
        .layer(from_fn_with_state(Arc::clone(site), said::carry))
        .layer(from_fn_with_state(Arc::clone(site), once::share))
}
