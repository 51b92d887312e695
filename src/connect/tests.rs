//! What is judged of a consent, case by case.

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;

use super::secret::{Session, fresh, hash};
use super::{Fault, back, keep};
use crate::model::channel::Block;
use crate::platform::consent::SHOWN;
use crate::store::consent::ConsentRow;

#[test]
fn a_new_grant_lifts_what_is_about_the_grant() {
    let said = || "s".to_owned();
    for (block, kept) in [
        (Block::Token { said: said() }, false),
        (Block::MissingSecret { what: said() }, false),
        (Block::OtherAccount { expected: said(), found: said() }, false),
        (Block::Alarm { what: said() }, true),
        (Block::NotInConfig, true),
    ] {
        assert_eq!(keep::stays(&block), kept, "{block:?}");
    }
}

fn now() -> Timestamp {
    "2026-11-25T10:00:00Z".parse().unwrap()
}

fn row(session: &Session) -> ConsentRow {
    ConsentRow {
        state: hash("st4te"),
        channel: "x".to_owned(),
        bound: session.bound(),
        redirect: "https://desk.example/connect/callback/x".to_owned(),
        page: "https://x.example/authorize".to_owned(),
        issuer: None,
        who: "ana".to_owned(),
        ticket: None,
        choosing: false,
        expires: now() + super::WITHIN,
    }
}

#[test]
fn secrets_are_long_differ_and_are_kept_hashed() {
    let (one, two) = (fresh(), fresh());
    assert_ne!(one.expose_secret(), two.expose_secret());
    // 32 bytes in Base64 without padding.
    assert_eq!(one.expose_secret().len(), 43);
    let session = Session::browser();
    let secret = session.secret().expose_secret();
    assert!(!session.bound().contains(secret) && !format!("{session:?}").contains(secret));
    assert_eq!(Session::of_browser(secret).bound(), session.bound());
    assert_ne!(Session::terminal().bound(), Session::terminal().bound());
}

#[test]
fn only_its_own_session_takes_a_consent_in_time_and_at_its_own_address() {
    let (mine, other) = (Session::browser(), Session::browser());
    let row = row(&mine);
    let judged = |row: &ConsentRow, channel: &str, session: Option<&Session>, at| {
        back::judge(row, channel, session.map(Session::bound).as_deref(), at)
    };
    assert_eq!(judged(&row, "x", Some(&mine), now()), Ok(()));
    assert_eq!(judged(&row, "x", Some(&other), now()), Err(Fault::Foreign));
    assert_eq!(judged(&row, "x", None, now()), Err(Fault::Foreign));
    assert_eq!(judged(&row, "m", Some(&mine), now()), Err(Fault::Elsewhere));
    assert_eq!(judged(&row, "x", Some(&mine), row.expires), Err(Fault::Late));
    assert_eq!(judged(&row, "x", Some(&mine), row.expires - SignedDuration::from_millis(1)), Ok(()));
    let waiting = ConsentRow { choosing: true, ..row.clone() };
    assert_eq!(judged(&waiting, "x", Some(&mine), now()), Err(Fault::Unknown));
    let terminal = Session::terminal();
    let row = ConsentRow { bound: terminal.bound(), ..row };
    assert_eq!(judged(&row, "x", Some(&terminal), now()), Ok(()));
    assert_eq!(judged(&row, "x", Some(&mine), now()), Err(Fault::Terminal));
    // The same secret in a cookie is not the terminal.
    let copied = Session::of_browser(terminal.secret().expose_secret());
    assert_eq!(judged(&row, "x", Some(&copied), now()), Err(Fault::Terminal));
}

#[test]
fn what_comes_back_is_read_once_and_nothing_else_of_it() {
    let read = |query: &str| {
        back::read(query).map(|it| (it.state, it.iss, it.result.map(|code| code.expose_secret().to_owned())))
    };
    let state = || "s".to_owned();
    assert_eq!(read("code=c&state=s"), Ok((state(), None, Ok("c".to_owned()))));
    assert_eq!(
        read("code=a%2Bb&state=s&iss=https%3A%2F%2Fi.example&return=//evil.example"),
        Ok((state(), Some("https://i.example".to_owned()), Ok("a+b".to_owned())))
    );
    assert_eq!(
        read("error=access_denied&state=s&error_uri=https://evil.example"),
        Ok((state(), None, Err(Fault::Denied)))
    );
    assert_eq!(
        read("error=server_error&error_description=later&state=s"),
        Ok((state(), None, Err(Fault::Refused("server_error: later".to_owned()))))
    );
    assert_eq!(
        read("code=c&error=access_denied&state=s").unwrap().2,
        Err(Fault::Refused("both a code and an error".to_owned()))
    );
    assert_eq!(read("state=s").unwrap().2, Err(Fault::NoCode));
    assert_eq!(read("code=&state=s").unwrap().2, Err(Fault::NoCode));
    for query in ["", "code=c", "code=c&state=", "code=c&State=s"] {
        assert_eq!(read(query), Err(Fault::NoState), "{query}");
    }
    for query in
        ["code=c&code=d&state=s", "code=c&code=c&state=s", "code=c&state=s&state=t", "code=c&state=s&iss=a&iss=b"]
    {
        assert!(matches!(read(query), Err(Fault::Twice(_))), "{query}");
    }
    assert!(read(&format!("state=s&code={}", "c".repeat(9000))).is_err());
}

#[test]
fn a_person_pastes_the_whole_address_or_the_shown_code() {
    let to = "https://desk.example/connect/callback/x";
    let read = |text: &str, redirect: &str| {
        back::pasted(text, redirect, "s").and_then(|it| Ok((it.state, it.result?.expose_secret().to_owned())))
    };
    let good = Ok(("t".to_owned(), "c".to_owned()));
    assert_eq!(read(" https://desk.example/connect/callback/x?state=t&code=c#_=_ \n", to), good);
    for text in [
        "c",
        "",
        "state=t&code=c",
        "https://desk.example/connect/callback/x.evil.example?state=t&code=c",
        "https://desk.example/connect/callback/x/?state=t&code=c",
        "https://desk.example/connect/callback/x/../y?state=t&code=c",
        "https://desk.example.evil.example/connect/callback/x?state=t&code=c",
        "https://desk.example@evil.example/connect/callback/x?state=t&code=c",
        "https://evil@desk.example/connect/callback/x?state=t&code=c",
        "https://desk.example:444/connect/callback/x?state=t&code=c",
        "http://desk.example/connect/callback/x?state=t&code=c",
        "https://desk.example/connect/callback/X?state=t&code=c",
    ] {
        assert_eq!(read(text, to), Err(Fault::NotTheAddress(to.to_owned())), "{text}");
    }
    assert_eq!(read(" c0de\n", SHOWN), Ok(("s".to_owned(), "c0de".to_owned())));
    assert_eq!(read(" \n", SHOWN), Err(Fault::NoCode));
}

#[test]
fn an_answer_names_the_issuer_that_was_asked() {
    let plain = row(&Session::browser());
    let stated = ConsentRow { issuer: Some("https://i.example".to_owned()), ..plain.clone() };
    for (row, iss, good) in [
        (&stated, Some("https://i.example"), true),
        (&stated, Some("https://i.example/"), false),
        (&stated, Some("https://i.example.evil.example"), false),
        (&stated, Some("HTTPS://I.EXAMPLE"), false),
        (&stated, Some(""), false),
        (&stated, None, false),
        (&plain, None, true),
        (&plain, Some("https://x.example"), true),
        (&plain, Some("https://x.example/oauth"), true),
        (&plain, Some("https://evil.example"), false),
        (&plain, Some("http://x.example"), false),
        (&plain, Some("https://x.example:444"), false),
        (&plain, Some("https://x.example.evil.example"), false),
        (&plain, Some("https://x.example@evil.example"), false),
        (&plain, Some("x.example"), false),
        (&plain, Some("data:,x"), false),
        (&plain, Some(""), false),
    ] {
        assert_eq!(back::issuer(row, iss).is_ok(), good, "{:?} {iss:?}", row.issuer);
    }
}
