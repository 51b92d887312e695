//! A signed web hook, whose receiver takes each id once: nothing is asked, everything may be repeated.

use bugle::clock::SharedClock;
use bugle::platform::Recovery;

use super::stand::{Class, Ends, Eye, Limit, Make, Proof, Refusal, Secrets, Server, Sign, Stand, last};
use crate::fakes::fault::Wait;
use crate::fakes::http::Reply;
use crate::fakes::webhook::{self as fake, FakeReceiver};

pub const STANDS: &[Make] = &[make];

fn make(clock: SharedClock) -> Box<dyn Stand> {
    Box::new(Webhook { fake: FakeReceiver::with_clock(clock) })
}

super::trials!(super::webhook::make);

struct Webhook {
    fake: FakeReceiver,
}

fn no(status: u16, why: &str) -> Reply {
    Reply::json(status, &serde_json::json!({ "error": why }))
}

impl Stand for Webhook {
    fn platform(&self) -> &'static str {
        "webhook"
    }

    fn keys(&self, secrets: &Secrets) -> Vec<(&'static str, String)> {
        vec![("url", format!("{:?}", self.fake.hook())), ("secret", secrets.put("secret", fake::SECRET))]
    }

    fn server(&self) -> Option<&dyn Server> {
        Some(&*self.fake)
    }

    fn ends(&self) -> Ends {
        Ends {
            create: &[fake::PUBLISHED],
            upload: &[fake::PUBLISHED],
            edit: &[fake::EDITED],
            delete: &[fake::DELETED],
            ..Ends::default()
        }
    }

    fn recovery(&self) -> Recovery {
        Recovery::OwnId
    }

    fn proof(&self) -> Proof {
        Proof::Status
    }

    fn counts(&self) -> bool {
        // A receiver has 20 kB for all of it; the text's limit is Bugle's own.
        false
    }

    fn at_limit(&self) -> Vec<String> {
        // Bytes of JSON: a quotation mark counts two.
        vec!["a".repeat(16_000), format!("{}\"aa", "字".repeat(5332))]
    }

    fn above_limit(&self) -> Vec<String> {
        self.at_limit().into_iter().map(|text| format!("{text}b")).collect()
    }

    fn refusals(&self) -> Vec<Refusal> {
        vec![
            Refusal::new(Class::Auth, no(401, "none of the signatures fits")),
            Refusal::new(Class::Forbidden, no(403, "not you")),
            Refusal::new(Class::Forbidden, no(404, "not here")),
            Refusal::new(Class::Gone, no(410, "gone")),
            Refusal::new(Class::Rejected, no(422, "no such thing")),
            Refusal::new(Class::Rejected, no(413, "too much")),
            Refusal::new(Class::Unlisted, no(418, "odd")),
        ]
    }

    fn lacks(&self) -> &'static [(Class, &'static str)] {
        &[(Class::Credits, "a receiver sells nothing"), (Class::Duplicate, "an id that was taken is answered with 2xx")]
    }

    fn too_many(&self, wait: Wait) -> Option<Reply> {
        Some(FakeReceiver::busy(429, wait))
    }

    fn more_limits(&self) -> Vec<Limit> {
        let reply = FakeReceiver::busy(503, Wait::Seconds(90));
        vec![Limit { what: "a 503 that says when", reply, rest: Some(90), reach: self.reach() }]
    }

    fn revoke(&self) -> bool {
        self.fake.rules().secrets.clear();
        true
    }

    fn restore(&self) {
        self.fake.rules().secrets.push(fake::SECRET.to_owned());
    }

    fn names_pictures(&self) -> bool {
        true
    }

    fn pictures(&self) -> Vec<String> {
        let body = last(&*self.fake, &[fake::PUBLISHED]).and_then(|request| request.json()).unwrap_or_default();
        let pictures = body["data"]["pictures"].as_array().cloned().unwrap_or_default();
        pictures.iter().map(|it| it["alt"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn marked(&self) -> Vec<Sign> {
        Vec::new()
    }

    fn eye(&self) -> Eye {
        // An event is data: its receiver shows a text as text.
        Eye::default()
    }
}
