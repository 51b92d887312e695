//! `/account`: a person's own password and sessions.

use askama::Template;
use axum::body::Bytes;
use axum::response::Response;
use secrecy::SecretString;

use super::look::{self, When};
use super::sign_in::{fault, new_password, see_other, status};
use super::{Desk, Frame, Shared, Site, Trouble, answer, field, html};
use crate::people::{Fault, manage, password};
use crate::store::person::{self, PersonRow};
use crate::store::session;
use crate::web::cookie;
use crate::web::front::Front;
use crate::web::visitor::Visitor;

/// A session, for its owner to tell it from the others.
struct Row {
    id: String,
    agent: String,
    address: String,
    how: &'static str,
    begun: When,
    seen: When,
    here: bool,
}

#[derive(Template)]
#[template(path = "web/account.html")]
struct Account {
    frame: Frame,
    name: String,
    role: &'static str,
    email: Option<String>,
    has_password: bool,
    has_totp: bool,
    password_at: Option<When>,
    sessions: Vec<Row>,
    others: bool,
    wrong: Option<String>,
    least: usize,
}

/// `GET /account`.
pub(in crate::web) async fn page(site: Shared, visitor: Visitor) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk, &visitor, None).await)
}

async fn build(site: &Site, desk: &Desk, visitor: &Visitor, wrong: Option<String>) -> Result<Account, Trouble> {
    let mut conn = site.state.store.read().await?;
    let nobody = || Trouble::Nothing("There is no such person any more.".to_owned());
    let person = person::one(&mut conn, &visitor.id).await?.ok_or_else(nobody)?;
    let sessions = session::of(&mut conn, &visitor.id).await?;
    let open = sessions.into_iter().filter(|it| !it.half && crate::people::session::is_open(it, &person, desk.now));
    let rows: Vec<Row> = open
        .map(|it| Row {
            agent: browser(&it.agent),
            address: it.address,
            how: how(&it.how),
            begun: desk.when(it.begun),
            seen: desk.when(it.seen),
            here: it.id == visitor.session,
            id: it.id,
        })
        .collect();
    Ok(Account {
        frame: desk.frame("Your account", "/account"),
        name: person.name.clone(),
        role: person.role.word(),
        email: person.email.clone(),
        has_password: person.password.is_some(),
        has_totp: person.has_totp(),
        password_at: person.password_at.map(|at| desk.when(at)),
        others: rows.iter().any(|row| !row.here),
        sessions: rows,
        wrong,
        least: password::LEAST,
    })
}

/// `POST /account/password`.
pub(in crate::web) async fn password(site: Shared, front: Front, visitor: Visitor, body: Bytes) -> Response {
    let desk = Desk::new(&site);
    let old = SecretString::from(field(&body, "old").unwrap_or_default());
    let changed = async {
        let person = own(&site, &visitor).await?;
        let new = new_password(&body)?;
        site.people.change_password(&person, (&old, new), &desk.view.newsroom, &front.caller()).await
    };
    let why = match changed.await {
        Ok(opened) => return cookie::give(see_other("/account"), &front, &opened.secret),
        Err(why) => why,
    };
    let said = match &why {
        Fault::Wrong => "This is not your present password".to_owned(),
        Fault::Weak(_) | Fault::Later(_) => look::sentence(&why.to_string()),
        other => return fault(&desk, other),
    };
    match build(&site, &desk, &visitor, Some(said)).await {
        Ok(page) => html(status(&why), &page),
        Err(trouble) => answer::<Account>(&desk, Err(trouble)),
    }
}

async fn own(site: &Site, visitor: &Visitor) -> Result<PersonRow, Fault> {
    let mut conn = site.state.store.read().await.map_err(Fault::Store)?;
    person::one(&mut conn, &visitor.id).await?.ok_or(Fault::Nobody)
}

/// `POST /account/sessions/end`.
pub(in crate::web) async fn end(site: Shared, front: Front, visitor: Visitor, body: Bytes) -> Response {
    let desk = Desk::new(&site);
    let id = field(&body, "session").unwrap_or_default();
    let ended = async {
        let person = own(&site, &visitor).await?;
        manage::end_session(&site.state.store, &person, &id, desk.now).await
    };
    match ended.await {
        Ok(_) if id == visitor.session => cookie::take(see_other("/sign-in"), &front),
        // Ended already, or never theirs: it is not there, which is what was asked for.
        Ok(_) => see_other("/account"),
        Err(why) => fault(&desk, &why),
    }
}

/// `POST /account/sessions/end-others`.
pub(in crate::web) async fn end_others(site: Shared, visitor: Visitor) -> Response {
    let (desk, store) = (Desk::new(&site), &site.state.store);
    match manage::end_sessions(store, &visitor.id, Some(&visitor.session), &visitor.name, desk.now).await {
        Ok(_) => see_other("/account"),
        Err(why) => fault(&desk, &why),
    }
}

fn how(word: &str) -> &'static str {
    match word {
        "totp" => "by password and code",
        "oidc" => "by the sign-in service",
        "recovery" => "by password and recovery code",
        "link" => "by a one-time link",
        _ => "by password",
    }
}

/// A browser and its system in two words, of what it says it is; else what it says, cut.
fn browser(agent: &str) -> String {
    // The order counts: each of them also says that it is one of those after it.
    const BROWSERS: [(&str, &str); 6] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let found = |list: &[(&str, &'static str)]| list.iter().find(|(mark, _)| agent.contains(mark)).map(|it| it.1);
    match (found(&BROWSERS), found(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ if agent.is_empty() => "a program without a name".to_owned(),
        _ => agent.chars().take(60).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_apart() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge on Windows",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Safari/604.1",
                "Safari on iPhone",
            ),
            ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
            ("curl/8.0", "curl/8.0"),
            ("", "a program without a name"),
        ] {
            assert_eq!(browser(agent), expected);
        }
    }
}
