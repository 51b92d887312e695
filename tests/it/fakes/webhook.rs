//! A receiver after Standard Webhooks (spec 1.0, 2026-08-17), as strict as its reference libraries: the signature over the
//! bytes as they came, a time within five minutes either way, each `webhook-id` once. It puts up what it is told, so that
//! its ledger shows what readers of the receiving system saw.

use std::collections::BTreeMap;
use std::ops::Deref;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bugle::clock::SharedClock;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::fault::Wait;
use super::http::{Reply, Request};
use super::{Fake, Rules};
use crate::ledger::{Entry, Event, Ledger};

/// A post is out.
pub const PUBLISHED: &str = "post.published";
/// A post was changed.
pub const EDITED: &str = "post.edited";
/// A post was taken down.
pub const DELETED: &str = "post.deleted";
/// Anything else.
pub const OTHER: &str = "other";

/// The example of the specification: shared with whoever sends.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// How far a time may be off, in seconds. Source: the reference libraries.
const TOLERANCE: i64 = 300;
/// Bytes of an event. Source: the specification's "under 20 kB".
const MOST: usize = 20_000;

/// The state behind the door.
pub struct Receiver {
    ledger: Ledger,
    /// The secrets that fit.
    pub secrets: Vec<String>,
    /// What was taken, by its `webhook-id`.
    pub taken: BTreeMap<String, Value>,
    /// What came again under an id that was taken.
    pub again: usize,
    /// Why what was refused was refused.
    pub refused: Vec<String>,
    /// Whether ids are forgotten at once, as by a receiver that does not follow the specification.
    pub forgets: bool,
}

/// A running receiver.
pub struct FakeReceiver(Fake<Receiver>);

impl Deref for FakeReceiver {
    type Target = Fake<Receiver>;
    fn deref(&self) -> &Fake<Receiver> {
        &self.0
    }
}

impl FakeReceiver {
    /// With [`SECRET`].
    pub fn start() -> Self {
        Self::with_clock(super::machine_clock())
    }

    /// With a clock shared with the test.
    pub fn with_clock(clock: SharedClock) -> Self {
        Self(Fake::with_clock(clock, |ledger| Receiver {
            ledger,
            secrets: vec![SECRET.to_owned()],
            taken: BTreeMap::new(),
            again: 0,
            refused: Vec::new(),
            forgets: false,
        }))
    }

    /// Where events go.
    pub fn hook(&self) -> String {
        format!("{}/hook?site=news", self.url())
    }

    /// An endpoint that asks for patience.
    pub fn busy(status: u16, wait: Wait) -> Reply {
        wait.on(Reply::json(status, &json!({"error": "busy"})))
    }
}

impl Receiver {
    /// Whether it is signed as it should be; by its id.
    fn verified(&self, request: &Request, now: Timestamp) -> Result<String, String> {
        let header = |name: &str| request.header(name).ok_or_else(|| format!("no {name}"));
        let (id, time, list) = (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
        if id.is_empty() || id.contains('.') {
            return Err(format!("webhook-id {id:?}"));
        }
        let seconds: i64 = time.parse().map_err(|_| format!("webhook-timestamp {time:?}"))?;
        if (now.as_second() - seconds).abs() > TOLERANCE {
            return Err(format!("webhook-timestamp {time} is off"));
        }
        let fits = self.secrets.iter().any(|secret| {
            let key = secret.strip_prefix("whsec_").and_then(|it| STANDARD.decode(it).ok()).unwrap_or_default();
            list.split(' ').filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok()).any(|given| {
                let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
                mac.update(id.as_bytes());
                mac.update(b".");
                mac.update(time.as_bytes());
                mac.update(b".");
                mac.update(&request.body);
                mac.verify_slice(&given).is_ok()
            })
        });
        match fits {
            true => Ok(id.to_owned()),
            false => Err(format!("none of {} signatures fits", list.split(' ').count())),
        }
    }

    fn carry_out(&self, event: &Value, now: Timestamp) -> Result<String, String> {
        let (kind, data) = (event["type"].as_str().unwrap_or_default(), &event["data"]);
        let id = data["id"].as_str().filter(|id| !id.is_empty()).ok_or("no data.id")?.to_owned();
        event["timestamp"].as_str().and_then(|at| at.parse::<Timestamp>().ok()).ok_or("no timestamp")?;
        if event.as_object().is_none_or(|it| it.len() != 3) {
            return Err("an event is type, timestamp and data".to_owned());
        }
        let text = data["text"].as_str().unwrap_or_default().to_owned();
        let link = data["url"].as_str().map(str::to_owned);
        let event = match kind {
            PUBLISHED if !text.is_empty() => Event::Published { text, link, parent: None },
            EDITED if !text.is_empty() => Event::Edited { text, link },
            DELETED => Event::Deleted,
            _ => return Err(format!("type {kind:?}")),
        };
        self.ledger.write(Entry {
            platform: "webhook",
            account: "receiver".to_owned(),
            id: id.clone(),
            event,
            at: now,
        });
        Ok(id)
    }
}

impl Rules for Receiver {
    fn endpoint(&self, request: &Request) -> &'static str {
        let kind = request.json().and_then(|it| it["type"].as_str().map(str::to_owned)).unwrap_or_default();
        [PUBLISHED, EDITED, DELETED].into_iter().find(|known| *known == kind).unwrap_or(OTHER)
    }

    fn answer(&mut self, request: &Request, now: Timestamp) -> Reply {
        let no = |status: u16, why: &str| Reply::json(status, &json!({ "error": why }));
        if request.method != "POST" || request.path != "/hook" || request.query("site") != Some("news") {
            return no(404, "not found");
        }
        if request.content_type() != "application/json" || request.body.len() > MOST {
            self.refused.push("no JSON, or too much of it".to_owned());
            return no(413, "no JSON, or too much of it");
        }
        let id = match self.verified(request, now) {
            Ok(id) => id,
            Err(why) => {
                self.refused.push(why.clone());
                return no(401, &why);
            }
        };
        let Some(event) = request.json() else { return no(400, "no JSON") };
        if self.taken.contains_key(&id) && !self.forgets {
            self.again += 1;
            return Reply::empty(204);
        }
        match self.carry_out(&event, now) {
            Ok(post) => {
                self.taken.insert(id, event);
                Reply::json(201, &json!({ "url": format!("https://site.example/{post}") }))
            }
            Err(why) => {
                self.refused.push(why.clone());
                no(422, &why)
            }
        }
    }
}
