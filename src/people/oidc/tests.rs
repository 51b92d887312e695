//! The settings, and a service as the tests have it.

use super::*;

pub(super) fn settings() -> Settings {
    Settings {
        issuer: "https://id.example".to_owned(),
        client_id: "bugle".to_owned(),
        client_secret: None,
        name: None,
        allow: vec!["@news.example".to_owned()],
        role: Role::Viewer,
        role_claim: None,
        roles: Roles::default(),
        scopes: Vec::new(),
    }
}

#[test]
fn a_config_that_lets_in_nobody_or_everybody_is_a_fault() {
    let words = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let roles = Roles { admin: words(&["it"]), ..Roles::default() };
    for (settings, expected) in [
        (settings(), vec![]),
        (Settings { issuer: "http://127.0.0.1:8000/realm".to_owned(), ..settings() }, vec![]),
        (Settings { issuer: "http://localhost:8000".to_owned(), ..settings() }, vec![]),
        (Settings { issuer: "http://id.example".to_owned(), ..settings() }, vec!["issuer"]),
        (Settings { issuer: "https://id.example/?a=b".to_owned(), ..settings() }, vec!["issuer"]),
        (Settings { issuer: "https://me@id.example/".to_owned(), ..settings() }, vec!["issuer"]),
        (Settings { issuer: "id.example".to_owned(), ..settings() }, vec!["issuer"]),
        (Settings { issuer: "ftp://id.example".to_owned(), ..settings() }, vec!["issuer"]),
        (Settings { client_id: " ".to_owned(), ..settings() }, vec!["client_id"]),
        (Settings { allow: words(&[]), ..settings() }, vec!["allow"]),
        (Settings { allow: words(&["ann@news.example", "@news.example"]), ..settings() }, vec![]),
        (Settings { allow: words(&["news.example", "@", "a b@c", "a@b@c"]), ..settings() }, vec!["allow"; 4]),
        (Settings { role_claim: Some("groups".to_owned()), ..settings() }, vec!["role_claim"]),
        (Settings { roles: roles.clone(), ..settings() }, vec!["role_claim"]),
        (Settings { role_claim: Some("groups".to_owned()), roles, ..settings() }, vec![]),
    ] {
        let found: Vec<&str> = settings.faults().into_iter().map(|(key, _)| key).collect();
        assert_eq!(found, expected, "{settings:?}");
    }
}

#[test]
fn the_button_names_the_service() {
    assert_eq!(settings().label(), "id.example");
    assert_eq!(Settings { name: Some("Newsroom account".to_owned()), ..settings() }.label(), "Newsroom account");
}

#[test]
fn each_parameter_stands_once() {
    assert_eq!(once_each("code=a&state=b").unwrap().len(), 2);
    assert_eq!(once_each("state=a&code=b&state=a"), Err(Fault::Twice("state".to_owned())));
}
