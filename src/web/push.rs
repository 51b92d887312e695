//! Where others push to us: hubs at their callbacks (`/websub/TOKEN`), the newsroom's own system at a source's door
//! (`/ingest/SOURCE`). Who pushes proves it by a signature or a token, so the gate that guards the pages does not stand
//! here: these paths are open wherever the port is. What becomes of a push is behind [`Inlet`].

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Path, RawQuery, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use tokio::sync::Semaphore;

use super::{Shared, Site};

/// The most bytes of a hub's push: as much as of a feed on the wire. Source: reliability.md section 6.
const PING_CAP: usize = 10 * 1024 * 1024;

/// How many bodies are held at the same time.
pub(super) struct Rooms {
    pings: Semaphore,
    doors: Semaphore,
}

impl Default for Rooms {
    /// 8 of up to 10 MiB, 64 of up to 1 MiB: what a small machine has to spare. Ours, 2026-11.
    fn default() -> Self {
        Self { pings: Semaphore::new(8), doors: Semaphore::new(64) }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body: JSON where it begins with `{`, else plain text.
    pub body: String,
}

/// What takes pushes in.
#[async_trait]
pub trait Inlet: Send + Sync {
    /// A hub asks at a callback whether we meant it.
    async fn verify(&self, token: &str, query: &str) -> Reply;
    /// Whether there is such a callback.
    async fn knows(&self, token: &str) -> bool;
    /// A hub pushes; `body` is `None` where it was too large.
    async fn ping(&self, token: &str, headers: &HeaderMap, body: Option<&[u8]>) -> Reply;
    /// Somebody pushes to a source's door.
    async fn ingest(&self, source: &str, headers: &HeaderMap, body: &[u8]) -> Reply;
}

/// The routes; `cap`: the most bytes of a push to a door.
pub(super) fn routes(cap: usize) -> Router<Arc<Site>> {
    Router::new()
        .route("/websub/{token}", get(verify).post(ping).layer(DefaultBodyLimit::max(PING_CAP)))
        .route("/ingest/{source}", post(ingest).layer(DefaultBodyLimit::max(cap)))
}

async fn verify(site: Shared, Path(token): Path<String>, RawQuery(query): RawQuery) -> Response {
    match inlet(&site) {
        Some(inlet) => answer(inlet.verify(&token, query.as_deref().unwrap_or_default()).await),
        None => not_here(),
    }
}

async fn ping(site: Shared, Path(token): Path<String>, headers: HeaderMap, request: Request) -> Response {
    let Some(inlet) = inlet(&site) else { return not_here() };
    // Before the body: it may be large, and the sender anybody.
    if !inlet.knows(&token).await {
        return answer(Reply { status: 410, body: "there is no such subscription\n".to_owned() });
    }
    let Ok(_room) = site.rooms.pings.try_acquire() else { return busy() };
    let body = match Bytes::from_request(request, &()).await {
        Ok(body) => Some(body),
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => None,
        // It broke off: the hub sends it again.
        Err(rejection) => return rejection.into_response(),
    };
    answer(inlet.ping(&token, &headers, body.as_deref()).await)
}

async fn ingest(site: Shared, Path(source): Path<String>, headers: HeaderMap, request: Request) -> Response {
    let Some(inlet) = inlet(&site) else { return not_here() };
    let Ok(_room) = site.rooms.doors.try_acquire() else { return busy() };
    let body: Result<Bytes, BytesRejection> = Bytes::from_request(request, &()).await;
    match body {
        Ok(body) => answer(inlet.ingest(&source, &headers, &body).await),
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let words = "expected at most 1 MiB: push fewer stories at a time\n";
            (StatusCode::PAYLOAD_TOO_LARGE, words).into_response()
        }
        Err(rejection) => rejection.into_response(),
    }
}

fn inlet(site: &Site) -> Option<Arc<dyn Inlet>> {
    site.state.inlet.borrow().clone()
}

/// Another process publishes, or this one has not begun yet: whoever pushes tries again.
fn not_here() -> Response {
    answer(Reply { status: 503, body: "this process does not take pushes now: send it again\n".to_owned() })
}

fn busy() -> Response {
    answer(Reply { status: 503, body: "too many pushes at once: send it again\n".to_owned() })
}

fn answer(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if reply.body.starts_with('{') { "application/json" } else { "text/plain; charset=utf-8" };
    let mut response = (status, [(header::CONTENT_TYPE, kind)], reply.body).into_response();
    let headers = response.headers_mut();
    match status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        _ => {}
    }
    response
}
