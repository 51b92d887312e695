//! The calls: one function an endpoint, each with its page. What an answer means is `error`'s.

use std::sync::{Mutex, PoisonError};

use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::error::of_answer;
use super::session::is_dead;
use super::{Config, SPEC, content, value};
use crate::http::{Answer, Call};
use crate::model::receipt::Op;
use crate::platform::picture::WITHOUT;
use crate::platform::{Context, PublishError, wire};

/// One account's way to its homeserver.
pub(super) struct Api<'a> {
    pub(super) cx: &'a Context<'a>,
    config: &'a Config,
    token: Mutex<SecretString>,
}

impl<'a> Api<'a> {
    /// With the channel's token, or that of its login.
    ///
    /// # Errors
    /// `Auth` where there is none, and what a login says.
    pub(super) async fn new(cx: &'a Context<'a>, config: &'a Config) -> Result<Self, PublishError> {
        Ok(Self { cx, config, token: Mutex::new(config.access(cx).await?) })
    }

    /// Sends a message. Where the room is closed to the account it tries to join once (an invitation is accepted so) and
    /// sends again under the same transaction. A picture that is refused is left out, as its step's value says.
    /// <https://spec.matrix.org/latest/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid>
    pub(super) async fn send(
        &self,
        room: &str,
        txn: &str,
        body: &str,
        is_picture: bool,
    ) -> Result<Value, PublishError> {
        let sent = match self.put(room, txn, body).await {
            Err(PublishError::Forbidden { said, scope }) if self.join(room).await.is_ok() => {
                match self.put(room, txn, body).await {
                    Err(PublishError::Forbidden { .. }) => {
                        let said = match self.replaced_by(room).await {
                            Some(new) => format!("{said}; the room was replaced: write room = \"{new}\" in the config"),
                            None => format!("{said}; the account is in the room, and may not send messages there"),
                        };
                        Err(PublishError::Forbidden { said, scope })
                    }
                    other => other,
                }
            }
            other => other,
        };
        match sent {
            Err(PublishError::Rejected { said, .. }) if is_picture => Ok(json!({ "left_out": true, WITHOUT: said })),
            other => other,
        }
    }

    async fn put(&self, room: &str, txn: &str, body: &str) -> Result<Value, PublishError> {
        let path = format!("/v3/rooms/{}/send/m.room.message/{}", segment(room), segment(txn));
        let answer = self.change(Method::PUT, &path, body).await?;
        let sent = self.ok(&answer, Op::Create)?;
        event_id(&sent).map(|event| value(room, event))
    }

    /// Takes an event down. Repeated it changes nothing.
    /// <https://spec.matrix.org/latest/client-server-api/#put_matrixclientv3roomsroomidredacteventidtxnid>
    pub(super) async fn redact(&self, room: &str, event: &str) -> Result<Value, PublishError> {
        let txn = content::redact_txn(event);
        let path = format!("/v3/rooms/{}/redact/{}/{}", segment(room), segment(event), segment(&txn));
        let answer = self.change(Method::PUT, &path, "{}").await?;
        event_id(&self.ok(&answer, Op::Delete)?).map(|event| json!({ "event": event }))
    }

    /// Joins a room: harmless where the account is in it, accepts an invitation.
    /// <https://spec.matrix.org/latest/client-server-api/#post_matrixclientv3joinroomidoralias>
    pub(super) async fn join(&self, room: &str) -> Result<(), PublishError> {
        let answer = self.change(Method::POST, &format!("/v3/join/{}", segment(room)), "{}").await?;
        self.ok(&answer, Op::Upload).map(drop)
    }

    /// An event.
    /// <https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3roomsroomideventeventid>
    pub(super) async fn event(&self, room: &str, event: &str) -> Result<Value, PublishError> {
        self.read(&format!("/v3/rooms/{}/event/{}", segment(room), segment(event)), Op::Edit).await
    }

    /// A piece of a room's state; `None`: the room has none such.
    /// <https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3roomsroomidstateeventtypestatekey>
    pub(super) async fn state(&self, room: &str, kind: &str, key: &str) -> Result<Option<Value>, PublishError> {
        let path = format!("/v3/rooms/{}/state/{}/{}", segment(room), segment(kind), segment(key));
        let answer = self.get(&path).await?;
        let code = body(&answer)["errcode"].as_str().map(str::to_owned);
        if answer.status == 404 && code.as_deref() == Some("M_NOT_FOUND") {
            return Ok(None);
        }
        self.ok(&answer, Op::Upload).map(Some)
    }

    /// The room an alias stands for.
    /// <https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3directoryroomroomalias>
    pub(super) async fn directory(&self, alias: &str) -> Result<String, PublishError> {
        let found = self.read(&format!("/v3/directory/room/{}", segment(alias)), Op::Upload).await?;
        let room = found["room_id"].as_str().filter(|id| id.starts_with('!'));
        room.map(str::to_owned).ok_or_else(|| unreadable("a room's id", &found))
    }

    /// Messages of one account, newest first, from a place on.
    /// <https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3roomsroomidmessages>
    pub(super) async fn messages(&self, room: &str, user: &str, from: Option<&str>) -> Result<Value, PublishError> {
        let filter = json!({ "senders": [user], "types": ["m.room.message"] }).to_string();
        let mut path = format!("/v3/rooms/{}/messages?dir=b&limit=50&filter={}", segment(room), segment(&filter));
        if let Some(from) = from {
            path.push_str(&format!("&from={}", segment(from)));
        }
        self.read(&path, Op::Create).await
    }

    /// Whose token it is. <https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3accountwhoami>
    pub(super) async fn who(&self) -> Result<Value, PublishError> {
        self.read("/v3/account/whoami", Op::Upload).await
    }

    /// The most bytes of an upload, where the server tells.
    /// <https://spec.matrix.org/latest/client-server-api/#get_matrixclientv1mediaconfig>
    pub(super) async fn most_bytes(&self) -> Option<u64> {
        self.read("/v1/media/config", Op::Upload).await.ok()?["m.upload.size"].as_u64()
    }

    /// Where the homeserver of that domain is, as the domain says.
    /// <https://spec.matrix.org/latest/client-server-api/#getwell-knownmatrixclient>
    pub(super) async fn well_known(&self) -> Option<String> {
        let call = self.call(Method::GET, wire::endpoint(&self.config.server, "/.well-known/matrix/client").ok()?);
        let answer = self.cx.http.read(call).await.ok().filter(|answer| answer.status == 200)?;
        body(&answer)["m.homeserver"]["base_url"].as_str().map(wire::excerpt)
    }

    /// Uploads a picture; the value is its address.
    /// <https://spec.matrix.org/latest/client-server-api/#post_matrixmediav3upload>
    pub(super) async fn upload(&self, jpeg: &[u8]) -> Result<String, PublishError> {
        let at = wire::endpoint(&self.config.server, "/_matrix/media/v3/upload?filename=picture.jpg")?;
        let mut call = self.call(Method::POST, at).body("image/jpeg", jpeg);
        call.timeout = wire::scaled(self.cx, SPEC.media_deadline);
        let answer = self.ask(call, true).await?;
        let made = self.ok(&answer, Op::Upload)?;
        let uri = made["content_uri"].as_str().filter(|uri| uri.starts_with("mxc://"));
        uri.map(str::to_owned).ok_or_else(|| unreadable("a content_uri", &made))
    }

    /// The room that took the place of this one.
    pub(super) async fn replaced_by(&self, room: &str) -> Option<String> {
        let tombstone = self.state(room, "m.room.tombstone", "").await.ok()??;
        tombstone["replacement_room"].as_str().map(wire::excerpt)
    }

    fn call(&self, verb: Method, url: Url) -> Call {
        let mut call = Call::new(verb, url).header("accept", "application/json");
        call.timeout = wire::scaled(self.cx, SPEC.deadline);
        call
    }

    fn endpoint(&self, path: &str) -> Result<Url, PublishError> {
        wire::endpoint(&self.config.server, &format!("/_matrix/client{path}"))
    }

    async fn change(&self, verb: Method, path: &str, body: &str) -> Result<Answer, PublishError> {
        self.ask(self.call(verb, self.endpoint(path)?).body("application/json", body), true).await
    }

    async fn get(&self, path: &str) -> Result<Answer, PublishError> {
        self.ask(self.call(Method::GET, self.endpoint(path)?), false).await
    }

    /// Under the token; where it has run out (so that nothing was done) and the channel signs in, once more under a new one.
    async fn ask(&self, call: Call, changes: bool) -> Result<Answer, PublishError> {
        let stale = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = self.once(call.clone(), &stale, changes).await?;
        if !self.config.signs_in() || !is_dead(&answer) {
            return Ok(answer);
        }
        let fresh = self.config.renew(self.cx, &stale).await?;
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&fresh);
        self.once(call, &fresh, changes).await
    }

    async fn once(&self, call: Call, token: &SecretString, changes: bool) -> Result<Answer, PublishError> {
        let call = call.bearer(token);
        let answer = if changes { self.cx.http.change(call).await } else { self.cx.http.read(call).await };
        answer.map_err(wire::unanswered)
    }

    async fn read(&self, path: &str, op: Op) -> Result<Value, PublishError> {
        let answer = self.get(path).await?;
        self.ok(&answer, op)
    }

    fn ok(&self, answer: &Answer, op: Op) -> Result<Value, PublishError> {
        if answer.status != 200 {
            return Err(of_answer(answer, op, self.cx.clock.now()));
        }
        match body(answer) {
            Value::Object(fields) => Ok(Value::Object(fields)),
            other => Err(unreadable("an object", &other)),
        }
    }
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
}

/// The id of what was made.
fn event_id(answer: &Value) -> Result<&str, PublishError> {
    let id = answer["event_id"].as_str().filter(|id| id.starts_with('$'));
    id.ok_or_else(|| unreadable("an event_id", answer))
}

fn unreadable(expected: &str, found: &Value) -> PublishError {
    let found = if found.is_null() { "no JSON".to_owned() } else { wire::excerpt(&found.to_string()) };
    PublishError::Unknown { said: format!("expected {expected}, found {found}") }
}

/// An id as a part of a path or query.
pub(super) fn segment(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}
