//! `/people`: who may sign in, and as what. For administrators. A link that is made here is shown once, on the page that
//! answers, and never again.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use axum::response::Response;
use secrecy::ExposeSecret as _;

use super::look::{self, When};
use super::sign_in::{fault, see_other};
use super::{Desk, Frame, Shared, Site, Trouble, answer, field, html, part};
use crate::model::id::PersonId;
use crate::model::person::Role;
use crate::people::{Fault, link, manage};
use crate::store::invite::{self, For};
use crate::store::{person, session};
use crate::web::front::Front;
use crate::web::visitor::Visitor;

struct Row {
    /// Under which path its acts are.
    href: String,
    name: String,
    email: Option<String>,
    role: Role,
    own: bool,
    disabled: bool,
    totp: bool,
    /// How they sign in.
    ways: &'static str,
    signed_in: Option<When>,
    sessions: usize,
}

struct Link {
    id: String,
    what: String,
    by: String,
    until: Option<When>,
}

#[derive(Template)]
#[template(path = "web/people.html")]
struct People {
    frame: Frame,
    rows: Vec<Row>,
    links: Vec<Link>,
    roles: [Role; 3],
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "web/link.html")]
struct Once {
    frame: Frame,
    words: String,
    url: String,
    hours: i64,
}

/// `GET /people`.
pub(in crate::web) async fn page(site: Shared, visitor: Visitor) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk, &visitor, None).await)
}

async fn build(site: &Site, desk: &Desk, visitor: &Visitor, wrong: Option<String>) -> Result<People, Trouble> {
    let mut conn = site.state.store.read().await?;
    let mut rows = Vec::new();
    let everybody = person::all(&mut conn).await?;
    for it in &everybody {
        let open = session::of(&mut conn, &it.id).await?;
        let open =
            open.iter().filter(|session| !session.half && crate::people::session::is_open(session, it, desk.now));
        rows.push(Row {
            href: look::path("/people", it.id.as_str()),
            name: it.name.clone(),
            email: it.email.clone(),
            role: it.role,
            own: it.id == visitor.id,
            disabled: it.disabled.is_some(),
            totp: it.has_totp(),
            ways: match (&it.password, &it.oidc) {
                (Some(_), Some(_)) => "password or sign-in service",
                (Some(_), None) => "password",
                (None, Some(_)) => "sign-in service",
                (None, None) => "no way yet",
            },
            signed_in: it.signed_in.map(|at| desk.when(at)),
            sessions: open.count(),
        });
    }
    let name = |id: &PersonId| everybody.iter().find(|it| it.id == *id).map_or("somebody", |it| it.name.as_str());
    let links = invite::all(&mut conn, desk.now).await?;
    let links = links.into_iter().filter_map(|it| {
        let what = match &it.what {
            For::Setup => return None,
            For::Invitation { name, role, .. } => format!("Invitation of {name} as {}", role.word()),
            For::Reset(id) => format!("New password for {}", name(id)),
        };
        Some(Link { id: it.id, what, by: it.by, until: it.until.map(|at| desk.when(at)) })
    });
    Ok(People { links: links.collect(), frame: desk.frame("People", "/people"), rows, roles: Role::ALL, wrong })
}

/// The whole address of an invitation, as this request reached us.
fn address(desk: &Desk, front: &Front, token: &str) -> String {
    let public = desk.view.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
    let base = public.or_else(|| front.origin()).unwrap_or_default();
    format!("{base}{}/{token}", link::INVITE)
}

fn once(desk: &Desk, front: &Front, token: &str, words: String) -> Response {
    let url = address(desk, front, token);
    let page = Once { frame: desk.frame("A one-time link", ""), words, url, hours: link::WITHIN.as_hours() };
    html(StatusCode::OK, &page)
}

/// `POST /people/invite`.
pub(in crate::web) async fn invite(site: Shared, front: Front, visitor: Visitor, body: Bytes) -> Response {
    let desk = Desk::new(&site);
    let text = |name: &str| field(&body, name).unwrap_or_default();
    let Some(role) = Role::of(&text("role")) else { return no_role(&desk) };
    let asked = link::Invitation { name: text("name"), email: Some(text("email")), role };
    match link::invite(&site.state.store, &asked, &visitor.name, desk.now).await {
        Ok(token) => {
            let words = format!(
                "Send this link to {}. Whoever opens it chooses a password and comes in as {}.",
                asked.name.trim(),
                role.word()
            );
            once(&desk, &front, token.expose_secret(), words)
        }
        Err(why @ (Fault::Name(_) | Fault::Store(crate::store::StoreError::Conflict(_)))) => {
            let wrong = Some(look::sentence(&why.to_string()));
            match build(&site, &desk, &visitor, wrong).await {
                Ok(page) => html(super::sign_in::status(&why), &page),
                Err(trouble) => answer::<People>(&desk, Err(trouble)),
            }
        }
        Err(why) => fault(&desk, &why),
    }
}

fn no_role(desk: &Desk) -> Response {
    let words = "Expected one of the roles viewer, editor and admin. Nothing was changed.";
    super::message(desk, StatusCode::UNPROCESSABLE_ENTITY, "Not done", words.to_owned())
}

type Id = Result<Path<String>, PathRejection>;

/// What came of an act: back to the list, or why not.
fn done(desk: &Desk, came: Result<(), Fault>) -> Response {
    match came {
        Ok(()) => see_other("/people"),
        Err(why) => fault(desk, &why),
    }
}

/// `POST /people/ID/role`.
pub(in crate::web) async fn role(site: Shared, visitor: Visitor, id: Id, body: Bytes) -> Response {
    let desk = Desk::new(&site);
    let Some(role) = field(&body, "role").as_deref().and_then(Role::of) else { return no_role(&desk) };
    let id = PersonId::new(part(id));
    done(&desk, manage::set_role(&site.state.store, &id, role, &visitor.name, desk.now).await)
}

/// `POST /people/ID/disable`.
pub(in crate::web) async fn disable(site: Shared, visitor: Visitor, id: Id) -> Response {
    let (desk, id) = (Desk::new(&site), PersonId::new(part(id)));
    done(&desk, manage::set_disabled(&site.state.store, &id, true, &visitor.name, desk.now).await)
}

/// `POST /people/ID/enable`.
pub(in crate::web) async fn enable(site: Shared, visitor: Visitor, id: Id) -> Response {
    let (desk, id) = (Desk::new(&site), PersonId::new(part(id)));
    done(&desk, manage::set_disabled(&site.state.store, &id, false, &visitor.name, desk.now).await)
}

/// `POST /people/ID/sign-out`: ends all their sessions.
pub(in crate::web) async fn sign_out(site: Shared, visitor: Visitor, id: Id) -> Response {
    let (desk, id) = (Desk::new(&site), PersonId::new(part(id)));
    let ended = manage::end_sessions(&site.state.store, &id, None, &visitor.name, desk.now).await;
    done(&desk, ended.map(drop))
}

/// `POST /people/ID/reset`: a link for a new password.
pub(in crate::web) async fn reset(site: Shared, front: Front, visitor: Visitor, id: Id, body: Bytes) -> Response {
    let (desk, id) = (Desk::new(&site), PersonId::new(part(id)));
    let totp = field(&body, "totp").is_some();
    match link::reset(&site.state.store, &id, totp, &visitor.name, desk.now).await {
        Ok(token) => {
            let words =
                "Send this link to them. Whoever opens it chooses a new password; until then the old one is good.";
            once(&desk, &front, token.expose_secret(), words.to_owned())
        }
        Err(why) => fault(&desk, &why),
    }
}

/// `POST /people/links/withdraw`.
pub(in crate::web) async fn withdraw(site: Shared, visitor: Visitor, body: Bytes) -> Response {
    let desk = Desk::new(&site);
    let id = field(&body, "link").unwrap_or_default();
    done(&desk, manage::withdraw(&site.state.store, &id, &visitor.name, desk.now).await.map(drop))
}
