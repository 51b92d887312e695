//! The pages of the second factor: `/sign-in/totp` asks for a code after the password, `/account/totp` sets the second
//! factor up and takes it away. What becomes of a code is `web/second.rs`'s.

use askama::Template;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use secrecy::{ExposeSecret as _, SecretString};

use super::look::When;
use super::sign_in::see_other;
use super::{Desk, Frame, Shared, Site, Trouble, answer, back, html};
use crate::people::{Fault, totp};
use crate::store::StoreError;
use crate::store::person::{self, PersonRow};
use crate::store::session::SessionRow;
use crate::web::cookie;
use crate::web::form::Form;
use crate::web::front::Front;
use crate::web::second;
use crate::web::visitor::Visitor;

#[derive(Template)]
#[template(path = "web/second.html")]
struct Ask {
    frame: Frame,
    name: String,
    back: String,
    wrong: Option<String>,
}

/// Where somebody stands with their second factor.
enum Step {
    /// There is none.
    Off { asks_password: bool },
    /// It waits for its first code.
    Waiting { picture: Option<totp::Picture>, letters: String },
    /// It was put in force, or its codes made anew, just now.
    Codes { codes: Vec<String> },
    /// It is in force.
    On { since: When, left: i64 },
}

#[derive(Template)]
#[template(path = "web/account_totp.html")]
struct Account {
    frame: Frame,
    wrong: Option<String>,
    step: Step,
}

/// `GET /sign-in/totp`.
pub(in crate::web) async fn ask(site: Shared, front: Front, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let desk = Desk::new(&site);
    let query = Form::of(query.unwrap_or_default().as_bytes());
    let back = back(Some(query.back())).to_owned();
    match half(&site, &front, &headers).await {
        Ok(Some((_, person))) => html(StatusCode::OK, &page(&desk, person.name, back, None)),
        // Signed in whole, or not at all: where that belongs.
        Ok(None) => Redirect::to("/sign-in").into_response(),
        Err(error) => answer::<Ask>(&desk, Err(Trouble::Store(error))),
    }
}

/// `POST /sign-in/totp`.
pub(in crate::web) async fn check(site: Shared, front: Front, headers: HeaderMap, form: Form) -> Response {
    let desk = Desk::new(&site);
    let back = back(Some(form.back())).to_owned();
    let (session, person) = match half(&site, &front, &headers).await {
        Ok(Some(found)) => found,
        Ok(None) => return Redirect::to("/sign-in").into_response(),
        Err(error) => return answer::<Ask>(&desk, Err(Trouble::Store(error))),
    };
    let (people, from) = (&site.people, front.caller());
    let opened = match second::check(people, &person, form.text("code"), &from).await {
        // A new session: what was known of the half one opens nothing.
        Ok(how) => people.turn_over(&session, &person, how, &from).await.map_err(Fault::from),
        Err(fault) => Err(fault),
    };
    let wrong =
        |status, fault: &Fault| html(status, &page(&desk, person.name.clone(), back.clone(), Some(words(fault))));
    match opened {
        Ok(opened) => cookie::give(see_other(&back), &front, &opened.secret),
        Err(fault) => match status(&fault) {
            // Nobody is signed in yet: a wrong code is what a wrong password is.
            Some(StatusCode::UNPROCESSABLE_ENTITY) => wrong(StatusCode::UNAUTHORIZED, &fault),
            Some(status) => wrong(status, &fault),
            None => answer::<Ask>(&desk, Err(trouble(fault))),
        },
    }
}

fn page(desk: &Desk, name: String, back: String, wrong: Option<String>) -> Ask {
    Ask { frame: desk.frame("One more step", ""), name, back, wrong }
}

/// The half session that the browser brings, and whose it is.
async fn half(site: &Site, front: &Front, headers: &HeaderMap) -> Result<Option<(SessionRow, PersonRow)>, StoreError> {
    let Some(secret) = cookie::read(headers, front) else { return Ok(None) };
    let found = site.people.session(secret.expose_secret()).await?;
    Ok(found.filter(|(session, _)| session.half))
}

/// `GET /account/totp`.
pub(in crate::web) async fn account(site: Shared, visitor: Visitor) -> Response {
    let desk = Desk::new(&site);
    match person(&site, &visitor).await {
        Ok(person) => present(&site, &desk, &person, None).await,
        Err(error) => answer::<Account>(&desk, Err(Trouble::Store(error))),
    }
}

/// `POST /account/totp`: makes a secret, after the password.
pub(in crate::web) async fn begin(site: Shared, visitor: Visitor, front: Front, form: Form) -> Response {
    let desk = Desk::new(&site);
    let person = match person(&site, &visitor).await {
        Ok(person) => person,
        Err(error) => return answer::<Account>(&desk, Err(Trouble::Store(error))),
    };
    let people = &site.people;
    let begun = async {
        // Who found a desk open must not be able to shut its owner out. Who has no password here came by the service.
        if person.password.is_some() {
            people.confirm(&person, &SecretString::from(form.text("password")), &front.caller()).await?;
        }
        second::begin(people, &person).await
    };
    match begun.await {
        Ok(()) => Redirect::to("/account/totp").into_response(),
        Err(fault) => again(&site, &desk, &person, fault, "This is not your password.").await,
    }
}

/// `POST /account/totp/confirm`: the first code puts it in force.
pub(in crate::web) async fn confirm(site: Shared, visitor: Visitor, front: Front, form: Form) -> Response {
    let desk = Desk::new(&site);
    let person = match person(&site, &visitor).await {
        Ok(person) => person,
        Err(error) => return answer::<Account>(&desk, Err(Trouble::Store(error))),
    };
    match second::confirm(&site.people, &person, form.text("code"), &visitor.session, &front.caller()).await {
        Ok(codes) => shown_once(&desk, &codes),
        Err(fault) => again(&site, &desk, &person, fault, NOT_THE_CODE).await,
    }
}

/// `POST /account/totp/codes`: new recovery codes, for a code.
pub(in crate::web) async fn codes(site: Shared, visitor: Visitor, front: Front, form: Form) -> Response {
    let desk = Desk::new(&site);
    let person = match person(&site, &visitor).await {
        Ok(person) => person,
        Err(error) => return answer::<Account>(&desk, Err(Trouble::Store(error))),
    };
    let made = match second::check(&site.people, &person, form.text("code"), &front.caller()).await {
        Ok(_) => second::new_codes(&site.people, &person).await,
        Err(fault) => Err(fault),
    };
    match made {
        Ok(codes) => shown_once(&desk, &codes),
        Err(fault) => again(&site, &desk, &person, fault, NOT_THE_CODE).await,
    }
}

/// `POST /account/totp/remove`: takes it away, for a code.
pub(in crate::web) async fn remove(site: Shared, visitor: Visitor, front: Front, form: Form) -> Response {
    let desk = Desk::new(&site);
    let person = match person(&site, &visitor).await {
        Ok(person) => person,
        Err(error) => return answer::<Account>(&desk, Err(Trouble::Store(error))),
    };
    let removed = match second::check(&site.people, &person, form.text("code"), &front.caller()).await {
        Ok(_) => second::remove(&site.people, &person.id, &person.name).await,
        Err(fault) => Err(fault),
    };
    match removed {
        Ok(()) => Redirect::to("/account/totp").into_response(),
        Err(fault) => again(&site, &desk, &person, fault, NOT_THE_CODE).await,
    }
}

const NOT_THE_CODE: &str = "This code does not fit, or was used already. The app shows a new one every 30 seconds; if it \
                            never fits, set the phone's clock right.";

/// The visitor as the store has them now.
async fn person(site: &Site, visitor: &Visitor) -> Result<PersonRow, StoreError> {
    let mut conn = site.state.store.read().await?;
    let row = person::one(&mut conn, &visitor.id).await?;
    row.ok_or_else(|| StoreError::Conflict("this person is no more".to_owned()))
}

/// The page as things stand.
async fn present(site: &Site, desk: &Desk, person: &PersonRow, wrong: Option<(StatusCode, String)>) -> Response {
    let step = async {
        if let Some(since) = person.totp_at.filter(|_| person.has_totp()) {
            let left = second::codes_left(&site.people, person).await?;
            return Ok::<_, Fault>(Step::On { since: desk.when(since), left });
        }
        Ok(match second::waiting(&site.people, person).await? {
            Some(secret) => {
                let address = totp::address(&desk.view.newsroom, &person.name, &secret);
                let letters = totp::grouped(&secret).expose_secret().to_owned();
                Step::Waiting { picture: totp::picture(&address), letters }
            }
            None => Step::Off { asks_password: person.password.is_some() },
        })
    };
    let step = match step.await {
        Ok(step) => step,
        Err(fault) => return answer::<Account>(desk, Err(trouble(fault))),
    };
    let (status, wrong) = wrong.map_or((StatusCode::OK, None), |(status, words)| (status, Some(words)));
    html(status, &Account { frame: desk.frame("Second factor", "/account/totp"), wrong, step })
}

/// The page again, with what was wrong.
async fn again(site: &Site, desk: &Desk, person: &PersonRow, fault: Fault, wrong: &str) -> Response {
    let said = match &fault {
        Fault::Wrong => wrong.to_owned(),
        other => words(other),
    };
    match status(&fault) {
        Some(status) => present(site, desk, person, Some((status, said))).await,
        None => answer::<Account>(desk, Err(trouble(fault))),
    }
}

fn shown_once(desk: &Desk, codes: &[SecretString]) -> Response {
    let codes = codes.iter().map(|code| code.expose_secret().to_owned()).collect();
    // Without an address to load again: they are shown once.
    html(StatusCode::OK, &Account { frame: desk.frame("Second factor", ""), wrong: None, step: Step::Codes { codes } })
}

/// The status of a refusal; `None`: nobody refused, the store failed.
const fn status(fault: &Fault) -> Option<StatusCode> {
    match fault {
        Fault::Later(_) => Some(StatusCode::TOO_MANY_REQUESTS),
        Fault::Store(StoreError::Conflict(_)) => Some(StatusCode::CONFLICT),
        Fault::Store(_) => None,
        _ => Some(StatusCode::UNPROCESSABLE_ENTITY),
    }
}

fn words(fault: &Fault) -> String {
    let mut words = match fault {
        Fault::Wrong => return NOT_THE_CODE.to_owned(),
        Fault::Store(StoreError::Conflict(said)) => said.clone(),
        other => other.to_string(),
    };
    if let Some(first) = words.get(..1).map(str::to_uppercase) {
        words.replace_range(..1, &first);
    }
    words + "."
}

fn trouble(fault: Fault) -> Trouble {
    match fault {
        Fault::Store(error) => Trouble::Store(error),
        other => Trouble::Nothing(other.to_string()),
    }
}
