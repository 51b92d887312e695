//! Who is answered: the method, the name the request was sent to, who is signed in, what they may, and whether a page of
//! ours sent it. Every page and act stands behind [`enter`] (`rooms.rs` sees to it); the few pages for people who are not
//! signed in yet behind [`greet`].

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use secrecy::{ExposeSecret as _, SecretString};

use super::csrf::{self, Verdict};
use super::front::{self, Front};
use super::visitor::{Visitor, while_here};
use super::{Site, cookie, pages};
use crate::model::person::Role;
use crate::store::StoreError;
use crate::telemetry::field;

/// Browsers that came over https come over nothing else from now on: a year. Source: hstspreload.org, 2026-11.
const HSTS: &str = "max-age=31536000";

/// Around everything but what machines push: notes where the request comes from, and whether its name is one of ours.
pub(super) async fn check(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    if ![Method::GET, Method::HEAD, Method::POST].contains(request.method()) {
        let words = "Only GET, HEAD and POST are answered.\n";
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD, POST")], words).into_response();
    }
    let (mut parts, body) = request.into_parts();
    let front = {
        let view = site.state.view.borrow();
        let peer = front::peer(&parts);
        let front = Front::of(peer, &parts.headers, &parts.uri, &view.trusted_proxies, view.public_url.as_ref());
        // A port that the network reaches anyway has nothing to hide behind its name, and its probes are asked by names
        // we cannot know: `http://bugle:8080/metrics`. Who signed in did it under one name, and the cookie is for it.
        if site.local && !front.is_ours(view.public_url.as_ref()) {
            let words = "This name is not one of this service's: ask for localhost, for an address, or for the host of \
                         [web] public_url.\n";
            return (StatusCode::MISDIRECTED_REQUEST, words).into_response();
        }
        front
    };
    let https = front.https;
    parts.extensions.insert(front);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if https {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    response
}

/// A page or act, and who may.
#[derive(Clone)]
pub(super) struct Guard {
    pub site: Arc<Site>,
    pub see: Option<Role>,
    pub act: Option<Role>,
}

/// Who is signed in, as far as the cookie says.
enum Known {
    Nobody,
    /// The second factor is still asked for.
    Half,
    In(Visitor),
}

async fn known(site: &Site, secret: Option<SecretString>) -> Result<Known, StoreError> {
    let Some(secret) = secret else { return Ok(Known::Nobody) };
    Ok(match site.people.session(secret.expose_secret()).await? {
        None => Known::Nobody,
        Some((session, _)) if session.half => Known::Half,
        Some((session, person)) => Known::In(Visitor {
            id: person.id,
            name: person.name,
            role: person.role,
            session: session.id,
            token: csrf::token(&secret),
        }),
    })
}

fn front_of(request: &Request) -> Option<Front> {
    request.extensions().get::<Front>().cloned()
}

/// The origins under which our pages are reached, for this request.
pub(super) fn own_origins(site: &Site, front: &Front) -> Vec<String> {
    let public = site.state.view.borrow().public_url.as_ref().map(|url| url.origin().ascii_serialization());
    front.origin().into_iter().chain(public).collect()
}

/// Before a page or an act.
pub(super) async fn enter(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let site = &guard.site;
    let changes = request.method() == Method::POST;
    let (least, other) = match changes {
        true => (guard.act, "GET, HEAD"),
        false => (guard.see, "POST"),
    };
    let Some(least) = least else {
        let words = format!("Nothing answers {} here.\n", request.method());
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, other)], words).into_response();
    };
    // Without the outer gate there is no telling what came from where.
    let Some(front) = front_of(&request) else { return StatusCode::FORBIDDEN.into_response() };
    let verdict = if changes { csrf::judge(request.headers(), &own_origins(site, &front)) } else { Verdict::Own };
    if let Verdict::Foreign(why) = verdict {
        return foreign(site, why);
    }
    let secret = cookie::read(request.headers(), &front);
    let visitor = match known(site, secret).await {
        Ok(Known::In(visitor)) => visitor,
        Ok(Known::Half) if !changes => return Redirect::to(&to_sign_in("/sign-in/totp", &request)).into_response(),
        Ok(Known::Nobody | Known::Half) => return nobody(site, &request),
        Err(error) => return failed(site, &error),
    };
    let answer = async {
        if !visitor.may(least) {
            tracing::info!(person = %visitor.name, path = request.uri().path(), "refused: another role is needed");
            let words = format!("This is for people with the role {}; yours is {}.", least.word(), visitor.role.word());
            return pages::refuse(site, StatusCode::FORBIDDEN, "Not yours to do", words);
        }
        let mut request = match verdict {
            Verdict::Unsaid => match with_token(request, &visitor.token).await {
                Ok(request) => request,
                Err(Some(why)) => return foreign(site, why),
                Err(None) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            },
            _ => request,
        };
        request.extensions_mut().insert(visitor.clone());
        next.run(request).await
    };
    while_here(Some(visitor.clone()), answer).await
}

/// Before a page for people who may not be signed in yet: they are known where they are, and forms are our own.
pub(super) async fn greet(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let Some(front) = front_of(&request) else { return StatusCode::FORBIDDEN.into_response() };
    if request.method() == Method::POST {
        match csrf::judge(request.headers(), &own_origins(&site, &front)) {
            Verdict::Own => {}
            Verdict::Foreign(why) => return foreign(&site, why),
            // Before signing in there is no session that a token could be of.
            Verdict::Unsaid => return foreign(&site, "the form does not say where it was sent from (Origin)"),
        }
    }
    let secret = cookie::read(request.headers(), &front);
    let visitor = match known(&site, secret).await {
        Ok(Known::In(visitor)) => Some(visitor),
        Ok(_) => None,
        Err(error) => return failed(&site, &error),
    };
    if let Some(visitor) = &visitor {
        request.extensions_mut().insert(visitor.clone());
    }
    while_here(visitor, next.run(request)).await
}

/// The request, if its form holds the session's token; else why not (`None`: it is too large to be looked at).
async fn with_token(request: Request, token: &str) -> Result<Request, Option<&'static str>> {
    let (parts, body) = request.into_parts();
    let bytes = Bytes::from_request(Request::new(body), &()).await.map_err(|_| None)?;
    if !csrf::holds(&bytes, token) {
        return Err(Some("the form says neither where it was sent from (Origin) nor which session it is of"));
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

fn foreign(site: &Site, why: &'static str) -> Response {
    tracing::info!(why, "a form of another site was turned away");
    pages::refuse(site, StatusCode::FORBIDDEN, "Not from here", format!("Nothing was changed: {why}."))
}

/// Nobody is signed in: a page leads to where one signs in; anything else says so.
fn nobody(site: &Site, request: &Request) -> Response {
    let fetched = request.headers().get("sec-fetch-dest").is_some_and(|it| it != "document");
    if request.method() != Method::POST && !fetched {
        return Redirect::to(&to_sign_in("/sign-in", request)).into_response();
    }
    let words = "You are not signed in (any more), and nothing was changed. Go back to copy what you wrote, sign in in \
                 another tab, then send it again.";
    pages::refuse(site, StatusCode::UNAUTHORIZED, "Sign in first", words.to_owned())
}

/// Where one signs in, and comes back from.
fn to_sign_in(page: &str, request: &Request) -> String {
    let here = request.uri().path_and_query().map_or("/", |it| it.as_str());
    match here {
        "/" => page.to_owned(),
        here => {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            format!("{page}?{}", query.append_pair("back", here).finish())
        }
    }
}

fn failed(site: &Site, error: &StoreError) -> Response {
    tracing::warn!({ field::ERROR } = %error, "nobody can be let in: the store failed");
    let words =
        "The store does not answer as it should; the log says why. Nothing is lost: what is stored stays stored.";
    pages::refuse(site, StatusCode::SERVICE_UNAVAILABLE, "No answer from the store", words.to_owned())
}
