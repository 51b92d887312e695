//! What the frame of every page says of the newsroom as a whole: whether everything is paused. Read anew before each
//! page is built, since the command line pauses beside us.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use super::Site;
use crate::model::channel::{Pause, PauseScope};
use crate::store::{StoreError, pause};
use crate::telemetry::field;

/// The pause of everything, as it was last read.
#[derive(Default)]
pub(super) struct Standing(Mutex<Option<Pause>>);

impl Standing {
    /// It, if there is one.
    pub fn pause(&self) -> Option<Pause> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The layer: reads it before a page is built. Where the store fails the page itself says so.
pub(super) async fn look(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    if request.method() == Method::GET
        && request.uri().path() != "/live"
        && let Err(error) = read(&site).await
    {
        tracing::debug!({ field::ERROR } = %error, "the pauses could not be read");
    }
    next.run(request).await
}

async fn read(site: &Site) -> Result<(), StoreError> {
    let now = site.state.clock.now();
    let mut conn = site.state.store.read().await?;
    let found = pause::all(&mut conn).await?.into_iter().find(|it| it.scope == PauseScope::All);
    let found = found.filter(|it| it.until.is_none_or(|until| until > now));
    *site.standing.0.lock().unwrap_or_else(PoisonError::into_inner) = found;
    Ok(())
}
