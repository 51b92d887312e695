//! What can be made to go wrong between a client and a fake, and the queue that says when. Knows no platform: a
//! platform's own bodies for "too many requests" and the like are made in its file.

use std::time::Duration;

use jiff::Timestamp;

use super::http::{Reply, Request};

/// The endpoint name of a rule that strikes when a connection is accepted, before a byte of it is read.
pub const CONNECT: &str = "connect";
/// The endpoint name of a rule that strikes any request.
pub const ANY: &str = "*";

/// One thing that goes wrong. "Before": the request was not carried out. "After": it was.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The connection is reset; nothing was carried out.
    ResetBefore,
    /// The request is carried out, then the connection is reset without an answer.
    ResetAfter,
    /// Nothing is carried out and nothing answered, until the client gives up.
    HangBefore,
    /// The request is carried out, and nothing answered until the client gives up.
    HangAfter,
    /// This answer, and nothing is carried out.
    Instead(Reply),
    /// The request is carried out, but this is answered.
    After(Reply),
    /// The request is carried out; the answer breaks off in the middle of its body.
    HalfBody,
    /// The request is carried out; the answer comes one byte per this time.
    Drip(Duration),
    /// The request is carried out at once, its answer comes this much later.
    Slow(Duration),
    /// The request is carried out only after this time, even if the client has gone away meanwhile.
    Late(Duration),
}

impl Fault {
    /// A gateway's page with this status; nothing is carried out.
    pub fn status(status: u16) -> Self {
        Self::Instead(Reply::gateway(status))
    }

    /// The request is carried out, but a gateway's page with this status is answered.
    pub fn status_after(status: u16) -> Self {
        Self::After(Reply::gateway(status))
    }

    /// Carried out, answered with 200 and JSON that breaks off.
    pub fn malformed() -> Self {
        Self::After(Reply::text(200, "application/json", r#"{"data":{"id":"#))
    }

    /// Carried out, answered with 200 and a JSON object that holds nothing.
    pub fn without_id() -> Self {
        Self::After(Reply::text(200, "application/json", "{}"))
    }

    /// Carried out, answered with 200 and a page of HTML.
    pub fn wrong_type() -> Self {
        Self::After(Reply::gateway(200))
    }

    /// Whether the request is carried out.
    pub fn carries_out(&self) -> bool {
        !matches!(self, Self::ResetBefore | Self::HangBefore | Self::Instead(_))
    }
}

/// How an answer says when to come back.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    /// `Retry-After` in seconds.
    Seconds(u64),
    /// `Retry-After` as a date.
    Date(Timestamp),
    /// `Retry-After` that means nothing.
    Garbage,
    /// A reset header in unix seconds: `x-rate-limit-reset`, `RateLimit-Reset` …
    Unix(&'static str, Timestamp),
    /// A reset header as an ISO 8601 time: `X-RateLimit-Reset`.
    Iso(&'static str, Timestamp),
    /// No word of it.
    Absent,
}

impl Wait {
    /// Puts it on an answer.
    pub fn on(self, reply: Reply) -> Reply {
        match self {
            Self::Seconds(seconds) => reply.header("Retry-After", seconds.to_string()),
            Self::Date(at) => reply.header("Retry-After", http_date(at)),
            Self::Garbage => reply.header("Retry-After", "soon, perhaps"),
            Self::Unix(name, at) => reply.header(name, at.as_second().to_string()),
            Self::Iso(name, at) => reply.header(name, format!("{at:.6}")),
            Self::Absent => reply,
        }
    }
}

/// A time in the form HTTP wants.
pub fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A script: sees each request and its endpoint, and may say what goes wrong with it.
pub type Script = Box<dyn FnMut(&str, &Request) -> Option<Fault> + Send>;

/// What goes wrong when.
#[derive(Default)]
pub struct Plan {
    rules: Vec<Rule>,
    script: Option<Script>,
}

struct Rule {
    endpoint: &'static str,
    fault: Fault,
    left: Option<u32>,
}

impl Plan {
    /// The fault strikes the next `times` requests of that endpoint, or all to come where `None`. Rules of the same
    /// endpoint wait for each other.
    pub fn add(&mut self, endpoint: &'static str, times: Option<u32>, fault: Fault) {
        self.rules.push(Rule { endpoint, fault, left: times });
    }

    /// Asked for every request that no rule strikes.
    pub fn script(&mut self, script: Script) {
        self.script = Some(script);
    }

    /// Nothing goes wrong any more.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// What goes wrong with this request.
    pub fn strike(&mut self, endpoint: &str, request: &Request) -> Option<Fault> {
        let fits = |rule: &Rule| rule.endpoint == endpoint || (rule.endpoint == ANY && endpoint != CONNECT);
        if let Some(at) = self.rules.iter().position(fits) {
            let rule = &mut self.rules[at];
            let fault = rule.fault.clone();
            if let Some(left) = &mut rule.left {
                *left -= 1;
                if *left == 0 {
                    self.rules.remove(at);
                }
            }
            return Some(fault);
        }
        self.script.as_mut().filter(|_| endpoint != CONNECT).and_then(|script| script(endpoint, request))
    }
}
