//! LinkedIn: a page, whose posts can be read, and a person's profile, where nobody can look.

use std::time::Duration;

use bugle::clock::SharedClock;
use bugle::model::picture::Carry;
use bugle::platform::{PauseScopeKind, Recovery};
use serde_json::json;

use super::stand::{Class, Ends, Eye, Make, Names, Proof, Refusal, Secrets, Server, Sign, Stand, WITH_SCHEME, last};
use crate::fakes::fault::Wait;
use crate::fakes::http::Reply;
use crate::fakes::linkedin::{self as fake, FakeLinkedIn};

pub const STANDS: &[Make] = &[make, profile::make];

fn make(clock: SharedClock) -> Box<dyn Stand> {
    Box::new(stand(clock, true))
}

super::trials!(super::linkedin::make);

mod profile {
    use super::*;

    pub fn make(clock: SharedClock) -> Box<dyn Stand> {
        Box::new(stand(clock, false))
    }

    super::super::trials!(super::profile::make);
}

fn stand(clock: SharedClock, page: bool) -> LinkedIn {
    let fake = FakeLinkedIn::with_clock(clock);
    {
        let mut rules = fake.rules();
        // So that a second post of the same words shows; and no picture is waited for.
        rules.duplicate_guard = false;
        rules.busy = 0;
    }
    let token = if page { fake.page(77) } else { fake.profile("anna") };
    LinkedIn { fake, page, token }
}

struct LinkedIn {
    fake: FakeLinkedIn,
    page: bool,
    token: String,
}

const CREATE: Names = &[fake::CREATE];

fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({ "status": status, "code": code, "message": message }))
}

impl Stand for LinkedIn {
    fn platform(&self) -> &'static str {
        "linkedin"
    }

    fn variant(&self) -> &'static str {
        if self.page { "page" } else { "profile" }
    }

    fn keys(&self, secrets: &Secrets) -> Vec<(&'static str, String)> {
        let mut keys = vec![
            ("server", format!("{:?}", self.fake.url())),
            ("token", secrets.put("token", &self.token)),
            ("accept_terms", "true".to_owned()),
        ];
        if self.page {
            keys.push(("organization", "77".to_owned()));
        }
        keys
    }

    fn server(&self) -> Option<&dyn Server> {
        Some(&*self.fake)
    }

    fn ends(&self) -> Ends {
        Ends {
            create: CREATE,
            upload: &[fake::INITIALIZE],
            find: if self.page { &[fake::LOOK] } else { &[] },
            edit: &[fake::EDIT],
            delete: &[fake::DELETE],
            who: if self.page { &[fake::PAGE] } else { &[fake::ME] },
            ..Ends::default()
        }
    }

    fn recovery(&self) -> Recovery {
        if self.page { Recovery::Look } else { Recovery::Blind }
    }

    fn proof(&self) -> Proof {
        Proof::Header
    }

    fn scale(&self) -> f64 {
        0.2
    }

    fn carry(&self) -> Carry {
        // A card's picture takes seconds to be processed.
        Carry::None
    }

    fn at_limit(&self) -> Vec<String> {
        // UTF-16 units as they are written: what is markup to LinkedIn is escaped and counts two.
        vec!["a".repeat(3000), format!("{}()aa", "\u{1f600}".repeat(1497))]
    }

    fn above_limit(&self) -> Vec<String> {
        self.at_limit().into_iter().map(|text| format!("{text}b")).collect()
    }

    fn refusals(&self) -> Vec<Refusal> {
        vec![
            Refusal::new(Class::Auth, error(401, "REVOKED_ACCESS_TOKEN", "The token has been revoked by the user")),
            Refusal::new(Class::Forbidden, error(403, "ACCESS_DENIED", "Not enough permissions to access")),
            Refusal::new(Class::Forbidden, error(426, "NONEXISTENT_VERSION", "Requested version is not active")),
            Refusal::new(Class::Rejected, error(400, "FIELD_LENGTH_TOO_LONG", "/commentary :: text is too long")),
            Refusal::new(Class::Rejected, error(422, "UNPROCESSABLE_ENTITY", "no")),
            Refusal::new(
                Class::Duplicate,
                Reply::json(
                    422,
                    &json!({"status": 422, "code": "UNPROCESSABLE_ENTITY", "message": "Content is a duplicate",
                        "errorDetails": {"inputErrors": [{"code": "DUPLICATE_POST", "description": "Content is a duplicate"}]}}),
                ),
            ),
            Refusal::new(Class::Unlisted, error(418, "SOMETHING_NOBODY_HAS_SEEN", "odd")),
            Refusal::new(Class::Unlisted, Reply::gateway(403)),
        ]
    }

    fn lacks(&self) -> &'static [(Class, &'static str)] {
        &[
            (Class::Credits, "the API costs nothing"),
            (Class::Gone, "a page that is gone is refused as one that one may not post to"),
        ]
    }

    fn too_many(&self, wait: Wait) -> Option<Reply> {
        matches!(wait, Wait::Absent).then(FakeLinkedIn::too_many)
    }

    fn reach(&self) -> PauseScopeKind {
        PauseScopeKind::Credential
    }

    fn revoke(&self) -> bool {
        self.fake.revoke(&self.token);
        true
    }

    fn restore(&self) {
        self.fake.give_back(&self.token);
    }

    fn lag(&self, by: Duration) -> bool {
        self.fake.rules().lag = by;
        self.page
    }

    fn twin(&self) -> bool {
        let Some(request) = last(&*self.fake, CREATE) else { return false };
        self.page && self.fake.replay(&request).status == 201
    }

    fn pictures(&self) -> Vec<String> {
        let body = last(&*self.fake, CREATE).and_then(|request| request.json()).unwrap_or_default();
        let media = &body["content"]["media"];
        let alt = media["altText"].as_str().unwrap_or_default().to_owned();
        if media.is_object() { vec![alt] } else { Vec::new() }
    }

    fn refused_picture(&self) -> Option<Reply> {
        Some(error(400, "INVALID_VALUE_FOR_FIELD", "no such picture"))
    }

    fn marked(&self) -> Vec<Sign> {
        let body = last(&*self.fake, CREATE).and_then(|request| request.json()).unwrap_or_default();
        let card = body["content"]["article"]["source"].as_str();
        card.map(|source| Sign::Link(source.to_owned())).into_iter().collect()
    }

    fn eye(&self) -> Eye {
        // Source: Microsoft Learn, "little text format": mentions and tags are written as markup, which the fake cuts a text
        // off at; links with a scheme are found.
        Eye { mention: None, link: Some(WITH_SCHEME), markup: None }
    }
}
