//! Signing in by the service of `[sign_in.oidc]`: the way there and the way back. What is believed of what comes back is
//! `people::oidc`'s to say; here it becomes a session's cookie, or a sentence.

use std::sync::Arc;

use axum::extract::RawQuery;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use secrecy::ExposeSecret as _;

use super::sign_in::go_on;
use super::{Desk, Shared, Site, message};
use crate::people::oidc::{Fault, Oidc, WITHIN};
use crate::telemetry::field as log;
use crate::web::cookie;
use crate::web::front::Front;

/// The cookie of a browser that is at the service: over https a name that only this very host can set.
const COOKIE: &str = "__Host-bugle-oidc";
/// The same on a loopback address without https.
const PLAIN_COOKIE: &str = "bugle-oidc";

/// The longest path to come back to. 1,000 bytes, ours.
const LONGEST: usize = 1_000;

/// What the button on the sign-in page says, if there is such a service.
pub(in crate::web) fn button(site: &Site) -> Option<String> {
    service(site).map(|oidc| oidc.label())
}

fn service(site: &Site) -> Option<Arc<Oidc>> {
    site.state.sign_in.borrow().clone()
}

/// `GET /sign-in/oidc`: leads to the service. It changes nothing of anybody, but that a sign-in is noted as begun; so a
/// link on our own page, or an address that is typed, begins one, and another site's link does not.
pub(in crate::web) async fn begin(
    site: Shared,
    front: Front,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let desk = Desk::new(&site);
    let Some(oidc) = service(&site) else { return none(&desk) };
    if headers.get("sec-fetch-site").is_some_and(|from| from != "same-origin" && from != "none") {
        let words = "Another site led here. Open the desk by its address and sign in there.";
        return message(&desk, StatusCode::FORBIDDEN, "Not from here", words.to_owned());
    }
    let asked = super::field(query.unwrap_or_default().as_bytes(), "back").filter(|path| path.len() <= LONGEST);
    match oidc.begin(&site.state.store, super::back(asked.as_deref())).await {
        Ok(begun) => {
            let to = Redirect::to(begun.url.as_str()).into_response();
            with_cookie(to, &front, begun.cookie.expose_secret(), WITHIN.as_secs())
        }
        Err(fault) => refuse(&desk, &fault),
    }
}

/// `GET /sign-in/oidc/callback`: what the service sends the browser back with.
pub(in crate::web) async fn back(
    site: Shared,
    front: Front,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let desk = Desk::new(&site);
    let Some(oidc) = service(&site) else { return none(&desk) };
    let held = cookie::one(&headers, cookie_name(&front)).map(str::to_owned);
    let (store, people, from) = (site.state.store.clone(), site.people.clone(), front.caller());
    // A task of its own: a browser that goes away must not break off what has begun.
    let came = tokio::spawn(async move {
        let query = query.unwrap_or_default();
        let (who, page) = match oidc.returned(&store, &query, held.as_deref()).await {
            Ok(found) => found,
            Err(fault) => {
                // What belongs to no sign-in of ours is nobody's try.
                if !is_nobodys(&fault)
                    && let Err(error) = people.note_failure(None, "oidc", &from).await
                {
                    tracing::warn!({ log::ERROR } = %error, "a failed sign-in was not noted");
                }
                return Err(fault);
            }
        };
        let opened = people.enter(oidc.issuer(), who, &from).await?;
        Ok((opened, page))
    });
    let response = match came.await {
        Ok(Ok((opened, page))) => go_on(&front, &opened, super::back(Some(&page))),
        // It used nothing up: a sign-in that is under way in this browser stays, whoever led here.
        Ok(Err(fault)) if is_nobodys(&fault) => return refuse(&desk, &fault),
        Ok(Err(fault)) => refuse(&desk, &fault),
        Err(_) => {
            let words = "This broke; the log says why. Sign in again.";
            message(&desk, StatusCode::INTERNAL_SERVER_ERROR, "Not signed in", words.to_owned())
        }
    };
    with_cookie(response, &front, "", 0)
}

/// Whether what came back belongs to no sign-in of this browser.
const fn is_nobodys(fault: &Fault) -> bool {
    matches!(fault, Fault::Unknown | Fault::Twice(_) | Fault::Foreign)
}

fn none(desk: &Desk) -> Response {
    let words = "People sign in by name and password here; there is no other service.";
    message(desk, StatusCode::NOT_FOUND, "Not found", words.to_owned())
}

/// What went wrong, in words. The status tells machines; the sentence is for the person.
fn refuse(desk: &Desk, fault: &Fault) -> Response {
    let status = match fault {
        Fault::Refused(_)
        | Fault::Closed
        | Fault::Denied(_)
        | Fault::Foreign
        | Fault::Forged(_)
        | Fault::Issuer { .. } => StatusCode::FORBIDDEN,
        Fault::Service(_) => StatusCode::BAD_GATEWAY,
        Fault::Store(_) | Fault::Secret(_) => StatusCode::SERVICE_UNAVAILABLE,
        Fault::Unknown | Fault::Twice(_) | Fault::Late | Fault::NoCode => StatusCode::BAD_REQUEST,
    };
    tracing::info!(%fault, "nobody was signed in by the sign-in service");
    let mut words = match fault {
        Fault::Store(_) => "the store does not answer as it should; the log says why".to_owned(),
        other => other.to_string(),
    };
    if let Some(first) = words.get(..1).map(str::to_uppercase) {
        words.replace_range(..1, &first);
    }
    message(desk, status, "Not signed in", format!("{words}."))
}

const fn cookie_name(front: &Front) -> &'static str {
    if front.https { COOKIE } else { PLAIN_COOKIE }
}

fn with_cookie(mut response: Response, front: &Front, value: &str, seconds: i64) -> Response {
    let secure = if front.https { "; Secure" } else { "" };
    // Lax: the way back is a navigation from another site, and has to bring it.
    let cookie = format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", cookie_name(front));
    if let Ok(mut value) = HeaderValue::from_str(&cookie) {
        value.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
