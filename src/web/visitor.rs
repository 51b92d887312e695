//! Who a request comes from, once the gate has let it in.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use crate::model::id::PersonId;
use crate::model::person::Role;

/// A person who is signed in. Only the gate puts one into a request.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    /// Who.
    pub id: PersonId,
    /// The name that the audit log and other people see.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The id of their session: what goes on for long asks whether it is still open.
    pub session: String,
    /// The token of this session's forms.
    pub token: String,
}

tokio::task_local! {
    /// Whom the request that this task answers comes from: the frame around a page says who is signed in, and no page has
    /// to hand that on.
    static HERE: Option<Visitor>;
}

impl Visitor {
    /// Whether what asks for that role is theirs to do.
    pub fn may(&self, least: Role) -> bool {
        self.role >= least
    }
}

/// Whom the request comes from that is being answered.
pub(super) fn current() -> Option<Visitor> {
    HERE.try_with(Clone::clone).ok().flatten()
}

/// Answers a request of theirs.
pub(super) async fn while_here<T>(visitor: Option<Visitor>, answer: impl Future<Output = T>) -> T {
    HERE.scope(visitor, answer).await
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // A page outside the gate that asks who is there would be a bug, and must not answer as if somebody were.
        parts.extensions.get::<Self>().cloned().ok_or((StatusCode::FORBIDDEN, "Nobody is signed in here.\n"))
    }
}
