//! Between the port and the engine: what is pushed to the one, handed to the other.

use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderName};

use crate::engine::receive::{self, Receiver};
use crate::source::door::auth::Claim;
use crate::web::push::{Inlet, Reply};

/// Hands pushes to a generation of loops.
pub struct Handed(pub Receiver);

fn reply(from: receive::Reply) -> Reply {
    Reply { status: from.status, body: from.body }
}

fn text<'h>(headers: &'h HeaderMap, name: &'static str) -> Option<&'h str> {
    headers.get(HeaderName::from_static(name))?.to_str().ok()
}

#[async_trait]
impl Inlet for Handed {
    async fn verify(&self, token: &str, query: &str) -> Reply {
        reply(self.0.verify(token, query).await)
    }

    async fn knows(&self, token: &str) -> bool {
        self.0.knows(token).await
    }

    async fn ping(&self, token: &str, headers: &HeaderMap, body: Option<&[u8]>) -> Reply {
        let kind = text(headers, "content-type");
        reply(self.0.ping(token, kind, text(headers, "x-hub-signature"), body).await)
    }

    async fn ingest(&self, source: &str, headers: &HeaderMap, body: &[u8]) -> Reply {
        let claim = Claim {
            authorization: text(headers, "authorization"),
            id: text(headers, "webhook-id"),
            timestamp: text(headers, "webhook-timestamp"),
            signature: text(headers, "webhook-signature"),
            ghost: text(headers, "x-ghost-signature"),
        };
        reply(self.0.ingest(source, claim, body).await)
    }
}
