//! The gate over a real listener: every room against every role, forms of other sites, what signing in sets, who is told
//! what.

use super::rooms::{DOORS, ROOMS};
use super::tests::{Answer, Desk};
use super::*;
use crate::clock::Clock as _;
use crate::model::person::Role;
use crate::people::{hash, link, manage};
use crate::store::{self, person};
use secrecy::ExposeSecret as _;

const GOOD: &str = "kvadrat xurma telefon";

/// A path of a room, with something in its variable parts.
fn filled(path: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { "none".to_owned() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// A request written by hand.
async fn raw(desk: &Desk, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    desk.send(&format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}",
        desk.at
    ))
    .await
}

fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("a session is given");
    set.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie has a value").1.to_owned()
}

#[tokio::test]
async fn every_room_asks_for_its_role() {
    let desk = Desk::open("127.0.0.1").await;
    for (n, room) in ROOMS.iter().enumerate() {
        let path = filled(room.path);
        for (method, least) in [("GET", room.see), ("POST", room.act)] {
            for role in [None, Some(Role::Viewer), Some(Role::Editor), Some(Role::Admin)] {
                // A new person each time: some rooms end sessions.
                let session = match role {
                    Some(role) => desk.person(&format!("{} {n} {method}", role.word()), role).await,
                    None => String::new(),
                };
                let answer = desk.ask_as(&session, method, &path, &[]).await;
                let case = format!("{method} {path} as {role:?}: {} {}", answer.status, answer.body);
                match (least, role) {
                    (None, _) => assert_eq!(answer.status, 405, "{case}"),
                    (Some(_), None) if method == "GET" => {
                        assert_eq!(answer.status, 303, "{case}");
                        assert!(answer.header("location").is_some_and(|to| to.starts_with("/sign-in")), "{case}");
                    }
                    (Some(_), None) => assert_eq!(answer.status, 401, "{case}"),
                    (Some(least), Some(role)) if role < least => assert_eq!(answer.status, 403, "{case}"),
                    (Some(_), Some(_)) => assert!(![401, 403, 405, 500].contains(&answer.status), "{case}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing_anywhere() {
    let desk = Desk::open("127.0.0.1").await;
    let own = format!("http://{}", desk.at);
    let acts = ROOMS.iter().filter(|room| room.act.is_some()).map(|room| room.path);
    let mut seen = 0;
    for path in acts.chain(DOORS.iter().map(|door| door.path)).chain(["/connect/x", "/connect/choose/x"]) {
        let path = filled(path);
        let session = format!("bugle-session={}", desk.session);
        for headers in [
            &[("Origin", "https://evil.example")][..],
            &[("Origin", "null")],
            &[("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")],
            &[("Origin", own.as_str()), ("Sec-Fetch-Site", "cross-site")],
            &[("Origin", own.as_str()), ("Sec-Fetch-Site", "same-site")],
            &[("Sec-Fetch-Site", "none")],
            &[("Origin", own.as_str()), ("Origin", "https://evil.example")],
            &[],
        ] {
            let all = [headers, &[("Cookie", session.as_str())]].concat();
            let answer = raw(&desk, "POST", &path, &all, "token=wrong").await;
            let expected = if path.starts_with("/connect/") { &[403, 503][..] } else { &[403] };
            assert!(expected.contains(&answer.status), "{path} {headers:?}: {} {}", answer.status, answer.body);
            seen += 1;
        }
    }
    assert!(seen >= 8 * 10);
    assert_eq!(desk.get("/account").await.status, 200, "still signed in");
    // Without either header the session's own token counts, and no other one.
    let token = super::csrf::token(&secrecy::SecretString::from(desk.session.as_str()));
    let session = format!("bugle-session={}", desk.session);
    for (body, status) in [(format!("token={token}"), 303), (format!("token={}", "0".repeat(64)), 403)] {
        let path = "/account/sessions/end-others";
        assert_eq!(raw(&desk, "POST", path, &[("Cookie", &session)], &body).await.status, status, "{body}");
    }
    let page = desk.get("/account").await.body;
    assert!(!page.contains(&format!("value=\"{}\"", desk.session)));
}

#[tokio::test]
async fn the_first_administrator_comes_in_by_the_link_and_by_nothing_else() {
    let desk = Desk::open("127.0.0.1").await;
    // As on a first start.
    let empty = store::job(|conn| {
        Box::pin(async move { Ok(sqlx::query("DELETE FROM person").execute(conn).await.map(drop)?) })
    });
    desk.store.write(empty).await.unwrap();
    assert!(desk.get("/sign-in").await.body.contains("prints a one-time link"));
    assert_eq!(desk.get("/setup").await.status, 404);
    assert_eq!(desk.get("/setup?token=guess").await.status, 404);
    let link = link::setup(&desk.store, desk.clock.now()).await.unwrap().unwrap();
    let link = link.expose_secret();
    let page = desk.get(&format!("/setup?token={link}")).await;
    assert!(page.status == 200 && page.body.contains(link), "{}", page.body);
    let form = |name: &'static str, password: &'static str, again: &'static str| {
        vec![
            ("link", link.to_owned()),
            ("name", name.to_owned()),
            ("password", password.to_owned()),
            ("again", again.to_owned()),
        ]
    };
    for (name, password, again, words) in [
        ("Ana", "short", "short", "at least 12"),
        ("Ana", "password123456", "password123456", "first that are guessed"),
        ("Ana", GOOD, "another xurma telefon", "not the same"),
        ("", GOOD, GOOD, "expected a name"),
    ] {
        let form = form(name, password, again);
        let form: Vec<_> = form.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let answer = desk.ask_as("", "POST", "/setup", &form).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (422, None), "{words}");
        assert!(answer.body.to_lowercase().contains(words), "{words}: {}", answer.body);
        assert!(!answer.body.contains(GOOD), "no password is sent back");
    }
    let form = form("Günay Əliyeva", GOOD, GOOD);
    let form: Vec<_> = form.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let answer = desk.ask_as("", "POST", "/setup", &form).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{}", answer.body);
    let session = cookie(&answer);
    let page = desk.ask_as(&session, "GET", "/", &[]).await;
    assert!(page.status == 200 && page.body.contains("Günay Əliyeva") && page.body.contains("/people"));
    assert!(desk.ask_as("", "POST", "/setup", &form).await.body.contains("set up already"));
    assert!(desk.get(&format!("/setup?token={link}")).await.body.contains("set up already"));
}

#[tokio::test]
async fn signing_in_leads_back_and_out_again() {
    let desk = Desk::open("127.0.0.1").await;
    let asked = link::Invitation { name: "Bea".to_owned(), email: None, role: Role::Editor };
    let link = link::invite(&desk.store, &asked, "Ana", desk.clock.now()).await.unwrap();
    let path = format!("/invite/{}", link.expose_secret());
    let page = desk.ask_as("", "GET", &path, &[]).await;
    assert!(page.status == 200 && page.body.contains("Bea") && page.body.contains("editor"), "{}", page.body);
    let first = desk.ask_as("", "POST", &path, &[("password", GOOD), ("again", GOOD)]).await;
    assert_eq!((first.status, first.header("location")), (303, Some("/")), "{}", first.body);
    assert_eq!(desk.ask_as("", "GET", &path, &[]).await.status, 404, "once");

    let to = desk.ask_as("", "GET", "/articles?q=a%20b&x=1", &[]).await;
    let to = to.header("location").unwrap().to_owned();
    assert_eq!(to, "/sign-in?back=%2Farticles%3Fq%3Da%2520b%26x%3D1");
    assert!(desk.ask_as("", "GET", &to, &[]).await.body.contains("value=\"/articles?q=a%20b&#38;x=1\""));
    let sign_in = |name: &'static str, password: &'static str, back: &'static str| {
        let desk = &desk;
        async move {
            desk.ask_as("planted", "POST", "/sign-in", &[("name", name), ("password", password), ("back", back)]).await
        }
    };
    let (wrong, unknown) = (sign_in("Bea", "wrong", "/").await, sign_in("Eve", "wrong", "/").await);
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
    assert_eq!((unknown.status, unknown.body.replace("Eve", "Bea")), (401, wrong.body), "the same answer");
    for (back, location) in [("/articles?q=1", "/articles?q=1"), ("//evil.example", "/"), ("https://evil.example", "/")]
    {
        let answer = sign_in("bea", GOOD, back).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some(location)), "{}", answer.body);
        let session = cookie(&answer);
        assert_ne!(session, "planted");
        assert_eq!(session.len(), 43, "256 bits");
        let out = desk.ask_as(&session, "POST", "/sign-out", &[]).await;
        assert_eq!(out.header("location"), Some("/sign-in"));
        assert!(out.header("set-cookie").is_some_and(|it| it.contains("Max-Age=0")));
        assert_eq!(desk.ask_as(&session, "GET", "/", &[]).await.status, 303, "ended here too");
    }
    for _ in 0..6 {
        sign_in("bea", "wrong", "/").await;
    }
    let later = sign_in("bea", GOOD, "/").await;
    assert_eq!((later.status, later.header("retry-after")), (429, Some("2")), "{}", later.body);
}

#[tokio::test]
async fn the_cookie_and_the_headers_are_those_of_the_way_it_came() {
    let desk = Desk::open("127.0.0.1").await;
    let asked = link::Invitation { name: "Bea".to_owned(), email: None, role: Role::Viewer };
    let invite = async || {
        let link = link::invite(&desk.store, &asked, "Ana", desk.clock.now()).await.unwrap();
        format!("/invite/{}", link.expose_secret())
    };
    let come = async |host: &str, origin: &str, more: &str| {
        let (path, body) = (invite().await, "password=kvadrat+xurma+telefon");
        let length = body.len();
        desk.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nOrigin: {origin}\r\n{more}\
             Content-Length: {length}\r\n\r\n{body}"
        ))
        .await
    };
    let forget = async || {
        let sql = "DELETE FROM person WHERE login = 'bea'";
        let job = store::job(move |conn| Box::pin(async move { Ok(sqlx::query(sql).execute(conn).await.map(drop)?) }));
        desk.store.write(job).await.unwrap();
    };
    let plain = come(&desk.at.to_string(), &format!("http://{}", desk.at), "").await;
    let set = plain.header("set-cookie").unwrap();
    assert!(set.starts_with("bugle-session=") && !set.contains("Secure") && set.contains("HttpOnly"), "{set}");
    assert_eq!(plain.header("strict-transport-security"), None);
    forget().await;
    let tls = come("desk.example", "https://desk.example", "").await;
    let set = tls.header("set-cookie").unwrap();
    assert!(set.starts_with("__Host-bugle-session=") && set.ends_with("SameSite=Lax; Secure"), "{set}");
    assert_eq!(tls.header("strict-transport-security"), Some("max-age=31536000"));
    forget().await;
    // What a proxy says is believed of the one in the config only.
    let forwarded = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: other.example\r\nX-Forwarded-For: 192.0.2.7\r\n";
    assert_eq!(come(&desk.at.to_string(), "https://other.example", forwarded).await.status, 403);
    desk.view.send_modify(|view| {
        let view = Arc::make_mut(view);
        view.trusted_proxies = vec![Net::try_from("127.0.0.1/32".to_owned()).unwrap()];
        view.public_url = Url::parse("https://other.example").ok();
    });
    let through = come(&desk.at.to_string(), "https://other.example", forwarded).await;
    assert_eq!(through.status, 303, "{}", through.body);
    assert!(through.header("set-cookie").unwrap().starts_with("__Host-bugle-session="));
    let mut conn = desk.store.read().await.unwrap();
    let bea = person::by_login(&mut conn, "bea").await.unwrap().unwrap();
    let sessions = store::session::of(&mut conn, &bea.id).await.unwrap();
    assert_eq!(sessions[0].address, "192.0.2.7");
}

#[tokio::test]
async fn a_persons_sessions_and_password_are_their_own() {
    let desk = Desk::open("127.0.0.1").await;
    let other = desk.person("Eve", Role::Admin).await;
    let mine = hash(&desk.session);
    // Another person's session is not there for them.
    desk.ask_as(&other, "POST", "/account/sessions/end", &[("session", &mine)]).await;
    assert_eq!(desk.get("/account").await.status, 200);
    assert!(!desk.ask_as(&other, "GET", "/account", &[]).await.body.contains(&mine));
    // Ending one's own signs out.
    let answer = desk.post("/account/sessions/end", &[("session", &mine)]).await;
    assert_eq!(answer.header("location"), Some("/sign-in"));
    assert_eq!(desk.get("/account").await.status, 303);
    // Who has no password cannot guess one.
    let form = [("old", ""), ("password", GOOD), ("again", GOOD)];
    let answer = desk.ask_as(&other, "POST", "/account/password", &form).await;
    assert!(answer.status == 401 && answer.body.contains("not your present password"), "{}", answer.body);
}

#[tokio::test]
async fn people_are_invited_changed_and_shut_out() {
    let desk = Desk::open("127.0.0.1").await;
    let form = [("name", "Cem <b>"), ("email", ""), ("role", "viewer")];
    let answer = desk.post("/people/invite", &form).await;
    assert!(answer.status == 422 && answer.body.contains("letters, digits"), "{}", answer.body);
    assert_eq!(desk.post("/people/invite", &[("name", "Ana"), ("role", "viewer")]).await.status, 409);
    assert_eq!(desk.post("/people/invite", &[("name", "Cem"), ("role", "owner")]).await.status, 422);
    let answer =
        desk.post("/people/invite", &[("name", "Cem"), ("email", "cem@news.example"), ("role", "viewer")]).await;
    // The public address, wherever the administrator is.
    let (_, rest) = answer.body.split_once("https://desk.example/invite/").expect("the link is shown");
    let token = rest.split('<').next().unwrap();
    let page = desk.get("/people").await.body;
    assert!(page.contains("Invitation of Cem as viewer") && !page.contains(token), "{page}");
    let came = desk.ask_as("", "POST", &format!("/invite/{token}"), &[("password", GOOD)]).await;
    let cem = cookie(&came);
    let id = {
        let mut conn = desk.store.read().await.unwrap();
        person::by_login(&mut conn, "cem").await.unwrap().unwrap().id
    };
    let in_as = async |session: &str, path: &str| desk.ask_as(session, "GET", path, &[]).await.status;
    assert_eq!((in_as(&cem, "/").await, in_as(&cem, "/people").await), (200, 403));
    let act = |what: &str| format!("/people/{id}/{what}");
    assert_eq!(desk.post(&act("role"), &[("role", "admin")]).await.header("location"), Some("/people"));
    assert_eq!(in_as(&cem, "/").await, 303, "signed out by it");
    let sign_in = [("name", "Cem"), ("password", GOOD)];
    let cem = cookie(&desk.ask_as("", "POST", "/sign-in", &sign_in).await);
    assert_eq!(in_as(&cem, "/people").await, 200);
    desk.post(&act("sign-out"), &[]).await;
    assert_eq!(in_as(&cem, "/people").await, 303);
    desk.post(&act("disable"), &[]).await;
    assert_eq!(desk.ask_as("", "POST", "/sign-in", &sign_in).await.status, 401);
    let page = desk.get("/people").await.body;
    assert!(page.contains("shut out") && page.contains(&act("enable")), "{page}");
    // The last administrator cannot lock everybody out.
    let ana = {
        let mut conn = desk.store.read().await.unwrap();
        person::by_login(&mut conn, "ana").await.unwrap().unwrap().id
    };
    let answer = desk.post(&format!("/people/{ana}/role"), &[("role", "viewer")]).await;
    assert!(answer.status == 409 && answer.body.contains("last administrator"), "{}", answer.body);
    desk.post(&act("enable"), &[]).await;
    let reset = desk.post(&act("reset"), &[]).await.body;
    let (_, rest) = reset.split_once("https://desk.example/invite/").expect("the link is shown");
    let token = rest.split('<').next().unwrap();
    let link = hash(token);
    assert_eq!(desk.post("/people/links/withdraw", &[("link", &link)]).await.status, 303);
    assert_eq!(desk.ask_as("", "GET", &format!("/invite/{token}"), &[]).await.status, 404);
    assert_eq!(desk.post("/people/none/role", &[("role", "viewer")]).await.status, 404);
    // All of it is in the audit log.
    let mut conn = desk.store.read().await.unwrap();
    let log = store::audit::of(&mut conn, id.as_str()).await.unwrap();
    let said: Vec<String> = log.into_iter().map(|it| format!("{}: {}", it.actor, it.why)).collect();
    for words in [
        "Cem: came in, invited by Ana",
        "Ana: Cem is admin now",
        "Ana: Cem may no longer sign in",
        "Ana: Cem may again sign in",
    ] {
        assert!(said.iter().any(|it| it == words), "{words}: {said:#?}");
    }
    assert!(manage::withdraw(&desk.store, &link, "Ana", desk.clock.now()).await.is_ok_and(|there| !there));
}

#[tokio::test]
async fn what_is_fetched_by_a_script_is_not_led_astray() {
    let desk = Desk::open("127.0.0.1").await;
    let answer = raw(&desk, "GET", "/", &[("Sec-Fetch-Dest", "empty")], "").await;
    assert_eq!(answer.status, 401);
    assert!(!answer.body.contains("trial"), "nothing of the newsroom's channels: {}", answer.body);
    let answer = raw(&desk, "GET", "/", &[("Sec-Fetch-Dest", "document")], "").await;
    assert_eq!(answer.status, 303);
}
