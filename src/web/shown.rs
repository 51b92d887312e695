//! `/shown/NAME.jpg`: a picture on its way to a platform that fetches it by itself. The name is the only key; what is
//! over or was never there answers 404 alike.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::Shared;
use crate::publish::shelf;
use crate::store;
use crate::telemetry::field;

/// Answers with the picture.
pub(super) async fn picture(site: Shared, name: Result<Path<String>, PathRejection>) -> Response {
    let name = name.map(|Path(name)| name).unwrap_or_default();
    if !shelf::is_name(&name) {
        return nothing();
    }
    let now = site.state.clock.now();
    let found = match site.state.store.read().await {
        Ok(mut conn) => store::shown::get(&mut conn, &name, now).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(Some(jpeg)) => ([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response(),
        Ok(None) => nothing(),
        Err(error) => {
            tracing::warn!({ field::ERROR } = %error, "a picture could not be looked up");
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], "Please try again in a moment.\n")
                .into_response()
        }
    }
}

fn nothing() -> Response {
    (StatusCode::NOT_FOUND, "There is no such picture.\n").into_response()
}
