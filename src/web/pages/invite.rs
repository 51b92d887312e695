//! `/setup`, where the first administrator is made, and `/invite/TOKEN`, where invited people come in and new passwords
//! are set. Who has the one-time link may do it; without it nothing is shown.

use askama::Template;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::Response;

use super::sign_in::{fault, go_on, new_password, status};
use super::{Desk, Frame, Shared, field, html, look, part};
use crate::people::{Fault, password};
use crate::store::invite::{For, LinkRow};
use crate::store::person;
use crate::web::Site;
use crate::web::front::Front;

#[derive(Template)]
#[template(path = "web/setup.html")]
struct Setup {
    frame: Frame,
    token: String,
    name: String,
    wrong: Option<String>,
    least: usize,
}

#[derive(Template)]
#[template(path = "web/invite.html")]
struct Invite {
    frame: Frame,
    /// Where the form goes.
    action: String,
    name: String,
    /// The role of an invited person; `None`: this is about a new password.
    role: Option<&'static str>,
    wrong: Option<String>,
    least: usize,
}

/// `GET /setup?token=…`. Changes nothing: programs fetch addresses for their own reasons.
pub(in crate::web) async fn ask_setup(site: Shared, RawQuery(query): RawQuery) -> Response {
    let desk = Desk::new(&site);
    let token = field(query.unwrap_or_default().as_bytes(), "token").unwrap_or_default();
    match is_setup(&site, &token).await {
        Ok(()) => html(StatusCode::OK, &setup(&desk, token, String::new(), None)),
        Err(why) => fault(&desk, &why),
    }
}

async fn is_setup(site: &Site, token: &str) -> Result<(), Fault> {
    match site.people.link(token).await? {
        Some(LinkRow { what: For::Setup, .. }) => Ok(()),
        _ if site.people.is_set_up().await? => Err(Fault::SetUp),
        _ => Err(Fault::Link),
    }
}

fn setup(desk: &Desk, token: String, name: String, wrong: Option<String>) -> Setup {
    Setup { frame: desk.frame("Set up", ""), token, name, wrong, least: password::LEAST }
}

/// `POST /setup`.
pub(in crate::web) async fn set_up(site: Shared, front: Front, body: Bytes) -> Response {
    let desk = Desk::new(&site);
    let (token, name) = (field(&body, "link").unwrap_or_default(), field(&body, "name").unwrap_or_default());
    let made = match new_password(&body) {
        Ok(password) => site.people.set_up(&token, &name, password, &desk.view.newsroom, &front.caller()).await,
        Err(why) => Err(why),
    };
    match made {
        Ok(opened) => go_on(&front, &opened, "/"),
        Err(why @ (Fault::Weak(_) | Fault::Name(_))) => {
            let wrong = Some(look::sentence(&why.to_string()));
            html(status(&why), &setup(&desk, token, name, wrong))
        }
        Err(why) => fault(&desk, &why),
    }
}

/// `GET /invite/TOKEN`.
pub(in crate::web) async fn ask(site: Shared, token: Result<Path<String>, PathRejection>) -> Response {
    let (desk, token) = (Desk::new(&site), part(token));
    match about(&site, &token).await {
        Ok((name, role)) => html(StatusCode::OK, &invite(&desk, &token, name, role, None)),
        Err(why) => fault(&desk, &why),
    }
}

/// Whom a link is for, and as what.
async fn about(site: &Site, token: &str) -> Result<(String, Option<&'static str>), Fault> {
    match site.people.link(token).await?.ok_or(Fault::Link)?.what {
        For::Setup => Err(Fault::Link),
        For::Invitation { name, role, .. } => Ok((name, Some(role.word()))),
        For::Reset(id) => {
            let mut conn = site.state.store.read().await.map_err(Fault::Store)?;
            let person = person::one(&mut conn, &id).await?;
            person.filter(|it| it.disabled.is_none()).map(|it| (it.name, None)).ok_or(Fault::Link)
        }
    }
}

fn invite(desk: &Desk, token: &str, name: String, role: Option<&'static str>, wrong: Option<String>) -> Invite {
    let title = if role.is_some() { "Come in" } else { "A new password" };
    let action = look::path("/invite", token);
    Invite { frame: desk.frame(title, ""), action, name, role, wrong, least: password::LEAST }
}

/// `POST /invite/TOKEN`.
pub(in crate::web) async fn come_in(
    site: Shared,
    front: Front,
    token: Result<Path<String>, PathRejection>,
    body: Bytes,
) -> Response {
    let (desk, token) = (Desk::new(&site), part(token));
    let come = match new_password(&body) {
        Ok(password) => site.people.use_link(&token, password, &desk.view.newsroom, &front.caller()).await,
        Err(why) => Err(why),
    };
    let why = match come {
        Ok(opened) => return go_on(&front, &opened, "/"),
        Err(why) => why,
    };
    match (&why, about(&site, &token).await) {
        (Fault::Weak(_), Ok((name, role))) => {
            let wrong = Some(look::sentence(&why.to_string()));
            html(status(&why), &invite(&desk, &token, name, role, wrong))
        }
        (Fault::Weak(_), Err(gone)) => fault(&desk, &gone),
        _ => fault(&desk, &why),
    }
}
