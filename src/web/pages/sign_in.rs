//! `/sign-in` and `/sign-out`.

use askama::Template;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Desk, Frame, Shared, Site, back, field, html};
use crate::people::{Fault, Opened};
use crate::store::person;
use crate::telemetry::field as log;
use crate::web::cookie;
use crate::web::front::Front;
use crate::web::visitor::Visitor;

#[derive(Template)]
#[template(path = "web/sign_in.html")]
struct Ask {
    frame: Frame,
    /// Where one goes on to.
    back: String,
    /// The name as it was typed.
    name: String,
    /// Why it did not work.
    wrong: Option<String>,
    /// Nobody can sign in yet.
    empty: bool,
    /// What the button of the sign-in service says, and where it leads.
    service: Option<(String, String)>,
}

/// The button of the sign-in service, if there is one.
fn service(site: &Site, back: &str) -> Option<(String, String)> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let to = format!("{}?{}", crate::people::oidc::BEGIN, query.append_pair("back", back).finish());
    super::oidc::button(site).map(|label| (label, to))
}

/// `GET /sign-in`.
pub(in crate::web) async fn ask(site: Shared, RawQuery(query): RawQuery) -> Response {
    let desk = Desk::new(&site);
    let back = back(field(query.unwrap_or_default().as_bytes(), "back").as_deref()).to_owned();
    let service = service(&site, &back);
    let page = Ask { frame: desk.frame("Sign in", ""), back, name: String::new(), wrong: None, empty: false, service };
    match site.people.is_set_up().await {
        Ok(set_up) => html(StatusCode::OK, &Ask { empty: !set_up, ..page }),
        Err(error) => fault(&desk, &error.into()),
    }
}

/// `POST /sign-in`.
pub(in crate::web) async fn sign_in(site: Shared, front: Front, body: Bytes) -> Response {
    let desk = Desk::new(&site);
    let name = field(&body, "name").unwrap_or_default();
    let password = SecretString::from(field(&body, "password").unwrap_or_default());
    let back = back(field(&body, "back").as_deref()).to_owned();
    match site.people.sign_in(&name, &password, &front.caller()).await {
        Ok(opened) => go_on(&front, &opened, &back),
        Err(fault @ (Fault::Wrong | Fault::Later(_))) => {
            let wrong = Some(super::look::sentence(&fault.to_string()));
            let service = service(&site, &back);
            let page = Ask { frame: desk.frame("Sign in", ""), back, name, wrong, empty: false, service };
            refused(&fault, html(status(&fault), &page))
        }
        Err(other) => self::fault(&desk, &other),
    }
}

/// `POST /sign-out`.
pub(in crate::web) async fn out(site: Shared, front: Front, visitor: Visitor) -> Response {
    let known = async {
        let mut conn = site.state.store.read().await?;
        person::one(&mut conn, &visitor.id).await
    };
    let done = match known.await {
        Ok(Some(person)) => site.people.sign_out(&visitor.session, &person).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => cookie::take(Redirect::to("/sign-in").into_response(), &front),
        Err(error) => fault(&Desk::new(&site), &error.into()),
    }
}

/// Where a person goes who has just come in: to the second factor, or on.
pub(super) fn go_on(front: &Front, opened: &Opened, back: &str) -> Response {
    let to = match opened.half {
        true => {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            format!("/sign-in/totp?{}", query.append_pair("back", back).finish())
        }
        false => back.to_owned(),
    };
    cookie::give(see_other(&to), front, &opened.secret)
}

/// On to a page of ours.
pub(super) fn see_other(to: &str) -> Response {
    match header::HeaderValue::from_str(to) {
        Ok(to) => (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response(),
        // Letters of other scripts, typed into the address: the first page will do.
        Err(_) => Redirect::to("/").into_response(),
    }
}

/// The status of a refusal.
pub(super) fn status(fault: &Fault) -> StatusCode {
    match fault {
        Fault::Wrong => StatusCode::UNAUTHORIZED,
        Fault::Later(_) => StatusCode::TOO_MANY_REQUESTS,
        Fault::Weak(_) | Fault::Name(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Fault::Link | Fault::SetUp | Fault::Nobody => StatusCode::NOT_FOUND,
        Fault::Last(_) | Fault::Store(crate::store::StoreError::Conflict(_)) => StatusCode::CONFLICT,
        Fault::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Says also to programs when it is worth another try.
fn refused(fault: &Fault, mut response: Response) -> Response {
    if let Fault::Later(left) = fault {
        let seconds = left.as_secs().max(0) + 1;
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(seconds));
    }
    response
}

/// What went wrong, as a page of its own.
pub(super) fn fault(desk: &Desk, fault: &Fault) -> Response {
    let status = status(fault);
    let words = match fault {
        Fault::Store(crate::store::StoreError::Conflict(said)) => format!("{}.", super::look::sentence(said)),
        Fault::Store(error) => {
            tracing::warn!({ log::ERROR } = %error, "nothing was changed: the store failed");
            "The store does not answer as it should; the log says why. Nothing was changed.".to_owned()
        }
        other => format!("{}.", super::look::sentence(&other.to_string())),
    };
    super::message(desk, status, "Not done", words)
}

/// The new password of a form, typed twice.
pub(super) fn new_password(form: &[u8]) -> Result<SecretString, Fault> {
    let once = SecretString::from(field(form, "password").unwrap_or_default());
    // Browsers that make a password up fill one field only on some pages; where the second is missing it is not asked for.
    match field(form, "again") {
        Some(again) if again != once.expose_secret() => Err(Fault::Weak(crate::people::password::Weak::Different)),
        _ => Ok(once),
    }
}
