//! Connecting in the browser: `/connect/CHANNEL` (where a person brings the ticket of `bugle connect`), the callback of
//! each channel's platform, the choice among several accounts, and what platforms read about us.
//!
//! An administrator who is signed in begins with a button on Channels ([`begin_signed_in`]). The other paths stand outside
//! the gate, for whoever has a terminal of this machine: each asks for a secret of its own, a one-time ticket that was
//! printed there, then the session cookie that the ticket, or the button, was traded for. Without them nothing is shown
//! but a form, and nothing changes. See docs/adr/0015-connecting.md.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use secrecy::ExposeSecret as _;
use url::Url;

use super::{Desk, Frame, Shared, Site, field, html, message};
use crate::connect::{Begun, Came, Connected, Connector, Fault, Offer, Session, WITHIN};
use crate::platform::consent::CLIENT_PAGES;
use crate::web::csrf::{self, Verdict};
use crate::web::front::Front;
use crate::web::visitor::Visitor;
use crate::web::{cookie, gate};

/// The most bytes of a form: a ticket, or an id. 4 KiB, ours.
const CAP: usize = 4 * 1024;

/// The cookie of a browser that connects: over https a name that only this very host can set.
const COOKIE: &str = "__Host-bugle-connect";
/// The same on a loopback address without https.
const PLAIN_COOKIE: &str = "bugle-connect";

pub(in crate::web) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/connect/{channel}", get(ask).post(begin))
        .route("/connect/callback/{channel}", get(callback))
        .route("/connect/choose/{channel}", post(choose))
        .route(&format!("{CLIENT_PAGES}{{file}}"), get(client))
        .layer(DefaultBodyLimit::max(CAP))
}

#[derive(Template)]
#[template(path = "web/connect.html")]
struct Ask {
    frame: Frame,
    channel: String,
    platform: &'static str,
    terms: &'static str,
    source: &'static str,
    read: &'static str,
    ticket: String,
    way_off: Option<String>,
}

#[derive(Template)]
#[template(path = "web/consent.html")]
struct Go {
    frame: Frame,
    channel: String,
    platform: &'static str,
    url: String,
    host: String,
}

#[derive(Template)]
#[template(path = "web/choose.html")]
struct Choose {
    frame: Frame,
    channel: String,
    offers: Vec<Offer>,
}

/// `GET /connect/CHANNEL`: shows what the platform asks, and a form for the ticket. Changes nothing: a browser may fetch
/// an address for its own reasons, and must not use the ticket up by it.
async fn ask(site: Shared, Path(channel): Path<String>, RawQuery(query): RawQuery) -> Response {
    let desk = Desk::new(&site);
    let Some(connector) = connector(&site) else { return not_here(&desk) };
    let subject = match connector.subject(&channel).and_then(|subject| subject.consent().map(|_| subject)) {
        Ok(subject) => subject,
        Err(fault) => return refuse(&desk, &fault),
    };
    let ticket = field(query.as_deref().unwrap_or_default().as_bytes(), "ticket").unwrap_or_default();
    let terms = subject.platform.terms;
    let page = Ask {
        frame: desk.frame(format!("Connect {channel}"), ""),
        platform: subject.platform.name,
        terms: terms.ask,
        source: terms.source,
        read: terms.read,
        ticket,
        way_off: connector.page(&channel).err().map(|fault| fault.to_string()),
        channel,
    };
    html(StatusCode::OK, &page)
}

/// `POST /connect/CHANNEL`: takes the ticket and gives the browser a session; shows the way to the platform.
async fn begin(site: Shared, front: Front, Path(channel): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let desk = Desk::new(&site);
    let Some(connector) = connector(&site) else { return not_here(&desk) };
    if let Err(why) = is_own(&site, &front, &headers) {
        return foreign(&desk, why);
    }
    let ticket = field(&body, "ticket").unwrap_or_default();
    let session = Session::browser();
    // A task of its own: a browser that goes away must not break off what has begun.
    let (name, held, with) = (channel.clone(), session.clone(), Arc::clone(&connector));
    let begun = tokio::spawn(async move { with.begin_with(&name, ticket.trim(), &held).await }).await;
    lead_on(&desk, &connector, channel, begun, &session)
}

/// `POST /channels/CHANNEL/connect`: an administrator begins; the gate has seen to it. Shows the way to the platform as a
/// page with a link: a form that is answered by a redirect to another site would not be followed (`form-action`).
pub(in crate::web) async fn begin_signed_in(
    site: Shared,
    front: Front,
    visitor: Visitor,
    Path(channel): Path<String>,
) -> Response {
    let desk = Desk::new(&site);
    let Some(connector) = connector(&site) else { return not_here(&desk) };
    if let Some(way) = other_way(&connector, &front) {
        let words = format!("The platform leads the browser back to {way}: open the desk there, then connect.");
        return message(&desk, StatusCode::CONFLICT, "At another address", words);
    }
    let session = Session::browser();
    let (name, held, with) = (channel.clone(), session.clone(), Arc::clone(&connector));
    let begun = tokio::spawn(async move { with.begin_at_desk(&name, &held, &visitor.name).await }).await;
    lead_on(&desk, &connector, channel, begun, &session)
}

/// Where the desk has to be opened for what comes back to find the browser's cookie; `None`: it is there.
fn other_way(connector: &Connector, front: &Front) -> Option<String> {
    let back = connector.desk_origin();
    (front.origin().as_deref() != Some(back.as_str())).then_some(back)
}

/// Shows the way to the platform, and gives the browser its hold on what was begun.
fn lead_on(
    desk: &Desk,
    connector: &Connector,
    channel: String,
    begun: Result<Result<Begun, Fault>, tokio::task::JoinError>,
    session: &Session,
) -> Response {
    let (begun, subject) = match begun {
        Ok(Ok(begun)) => match connector.subject(&channel) {
            Ok(subject) => (begun, subject),
            Err(fault) => return refuse(desk, &fault),
        },
        Ok(Err(fault)) => return refuse(desk, &fault),
        Err(_) => return broke(desk),
    };
    let page = Go {
        frame: desk.frame(format!("Connect {channel}"), ""),
        platform: subject.platform.name,
        host: begun.url.host_str().unwrap_or_default().to_owned(),
        url: begun.url.to_string(),
        channel,
    };
    with_cookie(html(StatusCode::OK, &page), connector.public_url.as_ref(), session.secret().expose_secret())
}

/// `GET /connect/callback/CHANNEL`: what the platform sends the browser back with.
async fn callback(
    site: Shared,
    Path(channel): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let desk = Desk::new(&site);
    let Some(connector) = connector(&site) else { return not_here(&desk) };
    let session = session(&headers, connector.public_url.as_ref());
    let (name, with) = (channel.clone(), Arc::clone(&connector));
    let came =
        tokio::spawn(async move { with.returned(&name, query.as_deref().unwrap_or_default(), session.as_ref()).await });
    match came.await {
        Ok(Ok(Came::Connected(connected))) => done(&desk, &connected),
        Ok(Ok(Came::Choose(offers))) => {
            let frame = desk.frame(format!("Connect {channel}"), "");
            html(StatusCode::OK, &Choose { frame, channel, offers })
        }
        Ok(Err(fault)) => refuse(&desk, &fault),
        Err(_) => broke(&desk),
    }
}

/// `POST /connect/choose/CHANNEL`: the account the person chose.
async fn choose(site: Shared, front: Front, Path(channel): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let desk = Desk::new(&site);
    let Some(connector) = connector(&site) else { return not_here(&desk) };
    if let Err(why) = is_own(&site, &front, &headers) {
        return foreign(&desk, why);
    }
    let Some(session) = session(&headers, connector.public_url.as_ref()) else {
        return refuse(&desk, &Fault::Foreign);
    };
    let id = field(&body, "id").unwrap_or_default();
    match tokio::spawn(async move { connector.choose(&channel, &id, &session).await }).await {
        Ok(Ok(connected)) => done(&desk, &connected),
        Ok(Err(fault)) => refuse(&desk, &fault),
        Err(_) => broke(&desk),
    }
}

/// `GET /connect/client/PLATFORM.json`: what a platform reads about us that knows us by this very address. Holds no secret,
/// only where its channels' consents come back to.
async fn client(site: Shared, Path(file): Path<String>) -> Response {
    let desk = Desk::new(&site);
    let Some(connector) = connector(&site) else { return not_here(&desk) };
    let nowhere = || message(&desk, StatusCode::NOT_FOUND, "Not found", "There is nothing here.".to_owned());
    let (Some(platform), Some(base)) = (file.strip_suffix(".json"), &connector.public_url) else { return nowhere() };
    let Ok(id) = Url::parse(&format!("{}{CLIENT_PAGES}{file}", base.as_str().trim_end_matches('/'))) else {
        return nowhere();
    };
    let mine = || connector.channels.iter().filter(|it| it.platform.id == platform);
    let consents = || mine().filter_map(|it| it.consent().ok().map(|consent| (it, consent)));
    let redirects: Vec<Url> = consents().map(|(it, _)| connector.redirect(it)).collect();
    match consents().find_map(|(_, consent)| consent.client_document(&id, &redirects)) {
        Some(document) => axum::Json(document).into_response(),
        None => nowhere(),
    }
}

fn connector(site: &Site) -> Option<Arc<Connector>> {
    site.state.connector.borrow().clone()
}

fn done(desk: &Desk, connected: &Connected) -> Response {
    let Connected { channel, handle, blocked, .. } = connected;
    let mut words = format!("The channel {channel} is connected as {handle}. This window can be closed.");
    if let Some(what) = blocked {
        words.push_str(&format!(" It stays blocked: {what}."));
    }
    message(desk, StatusCode::OK, "Connected", words)
}

/// What went wrong, in words. The status tells machines; the sentence is for the person.
fn refuse(desk: &Desk, fault: &Fault) -> Response {
    let status = match fault {
        Fault::NoChannel(_) | Fault::ByKeys(_) => StatusCode::NOT_FOUND,
        Fault::Ticket | Fault::Foreign | Fault::Elsewhere | Fault::Issuer { .. } => StatusCode::FORBIDDEN,
        Fault::Platform(_) => StatusCode::BAD_GATEWAY,
        Fault::Store(_) | Fault::Keep(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    tracing::info!(%fault, "an account was not connected");
    let mut words = match fault {
        // Not with the name: it is whatever somebody wrote into the address.
        Fault::NoChannel(_) => "there is no such channel".to_owned(),
        other => other.to_string(),
    };
    if let Some(first) = words.get(..1).map(str::to_uppercase) {
        words.replace_range(..1, &first);
    }
    message(desk, status, "Not connected", format!("{words}."))
}

fn foreign(desk: &Desk, why: &'static str) -> Response {
    tracing::info!(why, "a form of another site was turned away");
    message(desk, StatusCode::FORBIDDEN, "Not from here", format!("Nothing was changed: {why}."))
}

fn not_here(desk: &Desk) -> Response {
    let words = "This process does not connect accounts now: another one publishes, or it has just begun. Load again.";
    message(desk, StatusCode::SERVICE_UNAVAILABLE, "Not now", words.to_owned())
}

fn broke(desk: &Desk) -> Response {
    message(desk, StatusCode::INTERNAL_SERVER_ERROR, "Not connected", "This broke; the log says why.".to_owned())
}

/// Whether a form was sent by our own page.
fn is_own(site: &Site, front: &Front, headers: &HeaderMap) -> Result<(), &'static str> {
    match csrf::judge(headers, &gate::own_origins(site, front)) {
        Verdict::Own => Ok(()),
        Verdict::Foreign(why) => Err(why),
        Verdict::Unsaid => Err("the form does not say where it was sent from (Origin)"),
    }
}

/// The session that the browser's cookie holds.
fn session(headers: &HeaderMap, public: Option<&Url>) -> Option<Session> {
    let name = cookie_name(public);
    cookie::one(headers, name).map(Session::of_browser)
}

fn cookie_name(public: Option<&Url>) -> &'static str {
    match public.map(Url::scheme) {
        Some("https") => COOKIE,
        _ => PLAIN_COOKIE,
    }
}

fn with_cookie(mut response: Response, public: Option<&Url>, secret: &str) -> Response {
    let name = cookie_name(public);
    let secure = if name == COOKIE { "; Secure" } else { "" };
    // Lax: the callback is a navigation from another site, and has to bring it.
    let cookie = format!("{name}={secret}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}", WITHIN.as_secs() * 2);
    if let Ok(mut value) = HeaderValue::from_str(&cookie) {
        value.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in list {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn a_session_is_in_one_cookie_of_that_name() {
        let https = Url::parse("https://desk.example").unwrap();
        let found = |cookies: &[(&'static str, &str)]| {
            session(&headers(cookies), Some(&https)).map(|it| it.secret().expose_secret().to_owned())
        };
        assert_eq!(found(&[("cookie", "a=b; __Host-bugle-connect=s3ss; c=d")]).as_deref(), Some("s3ss"));
        for cookies in [
            &[][..],
            &[("cookie", "bugle-connect=s3ss")],
            &[("cookie", "__Host-bugle-connect=")],
            &[("cookie", "__Host-bugle-connect=a; __Host-bugle-connect=b")],
            &[("cookie", "__Host-bugle-connect=a"), ("cookie", "__Host-bugle-connect=b")],
            &[("cookie", "__host-bugle-connect=a")],
        ] {
            assert_eq!(found(cookies), None, "{cookies:?}");
        }
    }

    #[test]
    fn the_cookie_is_for_this_host_and_no_script() {
        let made = |public: &str| {
            let public = Url::parse(public).unwrap();
            let response = with_cookie(Response::new(axum::body::Body::empty()), Some(&public), "s3ss");
            response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned()
        };
        assert_eq!(
            made("https://desk.example"),
            "__Host-bugle-connect=s3ss; Path=/; Max-Age=1200; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(made("http://127.0.0.1:8080"), "bugle-connect=s3ss; Path=/; Max-Age=1200; HttpOnly; SameSite=Lax");
    }
}
