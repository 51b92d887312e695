//! Many open pages of a kind cost one rendering. When something changes, each of them fetches itself again at the same
//! moment, only for its live parts; they say so in a header ([`LIVE`]), and all of a role are given the same answer.
//!
//! Such an answer is built for nobody in particular: without the cookies and without the name of the first that asked, so
//! nothing of a person's own can be in it. Pages that show something of a person's own are not in [`COMMON`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::OnceCell;

use super::Site;
use super::visitor::{Visitor, while_here};
use crate::model::person::Role;

/// What a page says that fetches itself again for its live parts.
pub(super) const LIVE: HeaderName = HeaderName::from_static("bugle-part");

/// The pages that look the same to all of a role: whole paths, and folders that end in `/`.
pub(super) const COMMON: &[&str] = &["/", "/posts", "/articles", "/sources", "/channels", "/timelines/"];

/// The most answers kept. Ours: they live for seconds.
const MOST: usize = 64;
/// The longest address that is kept.
const LONGEST: usize = 300;
/// The most bytes of an answer. 2 MiB, ours: far above any page.
const CAP: usize = 2 * 1024 * 1024;
/// How long an answer is given while nothing changes: times on a page grow old without a change. 10 s, ours.
const LASTS_MS: i64 = 10_000;

#[derive(Clone)]
struct Kept {
    status: StatusCode,
    kind: Option<HeaderValue>,
    body: Bytes,
}

type Key = (String, Role);

/// The answers of the moment.
#[derive(Default)]
pub(super) struct Kitchen(Mutex<(Moment, Places)>);

/// An answer is built in its place once, whoever asks meanwhile.
type Places = HashMap<Key, Arc<OnceCell<Kept>>>;

/// The number of the last change, and the piece of time.
type Moment = (u64, i64);

impl Kitchen {
    /// The place of that answer; `None`: there are too many already.
    fn place(&self, moment: Moment, key: Key) -> Option<Arc<OnceCell<Kept>>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0 != moment {
            *kept = (moment, Places::new());
        }
        if kept.1.len() >= MOST && !kept.1.contains_key(&key) {
            return None;
        }
        Some(Arc::clone(kept.1.entry(key).or_default()))
    }
}

fn is_common(path: &str) -> bool {
    COMMON.iter().any(|it| path == *it || (it.len() > 1 && it.ends_with('/') && path.starts_with(it)))
}

/// The layer.
pub(super) async fn share(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    if request.method() != Method::GET || !request.headers().contains_key(&LIVE) || !is_common(request.uri().path()) {
        return next.run(request).await;
    }
    let address = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let visitor = request.extensions().get::<Visitor>().cloned();
    let (Some(visitor), true) = (visitor, address.len() <= LONGEST) else { return next.run(request).await };
    let moment =
        (site.state.store.changes().borrow().number(), site.state.clock.now().as_millisecond().div_euclid(LASTS_MS));
    let Some(place) = site.kitchen.place(moment, (address, visitor.role)) else { return next.run(request).await };
    let kept = place.get_or_init(|| build(visitor.role, request, next)).await.clone();
    let mut answer = (kept.status, Body::from(kept.body)).into_response();
    if let Some(kind) = kept.kind {
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    answer
}

async fn build(role: Role, mut request: Request, next: Next) -> Kept {
    request.headers_mut().remove(header::COOKIE);
    let nobody = Visitor { id: "".into(), name: String::new(), role, session: String::new(), token: String::new() };
    request.extensions_mut().insert(nobody.clone());
    let answer = while_here(Some(nobody), next.run(request)).await;
    let (status, kind) = (answer.status(), answer.headers().get(header::CONTENT_TYPE).cloned());
    match to_bytes(answer.into_body(), CAP).await {
        Ok(body) => Kept { status, kind, body },
        Err(_) => Kept { status: StatusCode::INTERNAL_SERVER_ERROR, kind: None, body: Bytes::new() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_persons_own_are_not_shared() {
        for (path, common) in [
            ("/", true),
            ("/posts", true),
            ("/timelines/trial", true),
            ("/posts/1", false),
            ("/account", false),
            ("/people", false),
            ("/live", false),
            ("/sources/", false),
            ("/timelines", false),
        ] {
            assert_eq!(is_common(path), common, "{path}");
        }
    }

    #[test]
    fn an_answer_is_of_one_moment_and_there_are_not_too_many() {
        let kitchen = Kitchen::default();
        let key = |n: usize| (format!("/?{n}"), Role::Viewer);
        let first = kitchen.place((1, 1), key(0)).unwrap();
        assert!(Arc::ptr_eq(&first, &kitchen.place((1, 1), key(0)).unwrap()));
        assert!(!Arc::ptr_eq(&first, &kitchen.place((1, 1), ("/?0".to_owned(), Role::Admin)).unwrap()));
        assert!(!Arc::ptr_eq(&first, &kitchen.place((2, 1), key(0)).unwrap()), "something changed");
        assert!(!Arc::ptr_eq(&first, &kitchen.place((2, 2), key(0)).unwrap()), "time went on");
        for n in 1..MOST {
            assert!(kitchen.place((2, 2), key(n)).is_some(), "{n}");
        }
        assert!(kitchen.place((2, 2), key(MOST)).is_none());
        assert!(kitchen.place((2, 2), key(1)).is_some(), "what is there is still given");
    }
}
