//! Tests of `oauth`, against a server that answers what it is told.

use std::collections::HashMap;
use std::sync::Arc;

use super::*;
use crate::clock::{Clock as _, FakeClock};
use crate::http::testing::{Reply, Server};
use crate::model::grant::Credential;
use crate::platform::{Keep, NoMeter, NoStudio, Wall, WallPost};

/// Keeps nothing: these calls ask for nothing kept.
struct Nowhere;

#[async_trait::async_trait]
impl Keep for Nowhere {
    async fn get(&self, _word: &str) -> Result<Option<SecretString>, String> {
        Ok(None)
    }

    async fn put(&self, _word: &str, _secret: &SecretString) -> Result<(), String> {
        Err("nothing is kept here".to_owned())
    }
}

#[async_trait::async_trait]
impl Wall for Nowhere {
    async fn put(&self, _id: &str, _post: &WallPost) -> Result<(), String> {
        Err("nothing is posted here".to_owned())
    }

    async fn change(&self, _id: &str, _post: Option<&WallPost>) -> Result<(), String> {
        Err("nothing is posted here".to_owned())
    }

    async fn has(&self, _id: &str) -> Result<bool, String> {
        Ok(false)
    }
}

fn client(server: &str) -> Client {
    let at = |path: &str| Url::parse(&format!("http://{server}{path}")).unwrap();
    let secret = Some(SecretString::from("cl13nt s3cret"));
    Client::new(at("/authorize"), at("/token"), "app id".to_owned(), secret, "read write")
}

fn way() -> Way {
    Way { redirect: Url::parse("https://desk.example/connect/callback/x").unwrap(), state: "st4te".to_owned() }
}

fn proof() -> Proof {
    Proof([(VERIFIER.to_owned(), "v3rifier".to_owned())].into())
}

/// A server that answers every request with this, and what it was asked.
async fn server(status: &'static str, body: &'static str) -> (Server, Http, Arc<FakeClock>) {
    let server =
        Server::start(move |_| Reply::answer(status, &["Content-Type: application/json"], body.as_bytes())).await;
    let clock = Arc::new(FakeClock::at("2026-11-25T10:00:00Z".parse().unwrap()));
    let http = server.http();
    (server, http, clock)
}

fn context<'a>(http: &'a Http, clock: &'a FakeClock, credential: &'a Credential) -> Context<'a> {
    Context {
        http,
        credential,
        keep: &Nowhere,
        wall: &Nowhere,
        studio: &NoStudio,
        clock,
        scale: 1.0,
        identity: None,
        meter: &NoMeter,
    }
}

#[test]
fn the_person_is_sent_there_with_a_state_a_challenge_and_the_exact_redirect() {
    let mut client = client("a.example");
    client.extra.push(("audience".to_owned(), "posts".to_owned()));
    let asked = ask(&client, &way());
    let query: HashMap<_, _> = asked.url.query_pairs().into_owned().collect();
    assert_eq!(asked.url.path(), "/authorize");
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "app id"),
        ("redirect_uri", "https://desk.example/connect/callback/x"),
        ("scope", "read write"),
        ("state", "st4te"),
        ("code_challenge_method", "S256"),
        ("audience", "posts"),
    ] {
        assert_eq!(query[name], value);
    }
    let verifier = &asked.proof.0[VERIFIER];
    assert!(verifier.len() >= 43, "RFC 7636 section 4.1");
    let expected = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.clone()));
    assert_eq!(query["code_challenge"], expected.as_str());
    assert_ne!(ask(&client, &way()).proof.0[VERIFIER], *verifier);
    assert!(!asked.url.as_str().contains(verifier) && !asked.url.as_str().contains("s3cret"));
    let shown = format!("{client:?} {asked:?}");
    assert!(!shown.contains("s3cret") && !shown.contains(verifier), "{shown}");
    // Scopes joined otherwise, and a server that takes no challenge.
    (client.separator, client.pkce) = (',', false);
    let asked = ask(&client, &way());
    assert!(asked.url.query_pairs().any(|(name, value)| name == "scope" && value == "read,write"));
    assert!(!asked.url.query_pairs().any(|(name, _)| name == "code_challenge") && asked.proof.0.is_empty());
}

#[tokio::test]
async fn a_code_is_traded_with_its_verifier_and_what_is_said_of_time_is_kept() {
    let body = r#"{"access_token":"t0ken","token_type":"bearer","expires_in":7200,"refresh_token":"r3fresh",
        "refresh_token_expires_in":86400,"scope":"write","user":"7"}"#;
    let (server, http, clock) = server("200 OK", body).await;
    let credential = Credential::default();
    let cx = context(&http, &clock, &credential);
    let back = Back { code: SecretString::from(" c0de\n"), proof: proof() };
    let given = trade(&cx, &client(&server.at.to_string()), &way(), &back).await.unwrap();
    let asked = server.seen().pop().unwrap();
    assert!(asked.starts_with("POST /token "), "{asked}");
    for part in [
        "grant_type=authorization_code",
        "code=c0de&",
        "code_verifier=v3rifier",
        "redirect_uri=https%3A%2F%2Fdesk.example%2Fconnect%2Fcallback%2Fx",
    ] {
        assert!(asked.contains(part), "{part} in {asked}");
    }
    // "app+id:cl13nt+s3cret", each part encoded as in a form.
    assert!(asked.to_lowercase().contains("authorization: basic"), "{asked}");
    assert!(asked.contains("YXBwK2lkOmNsMTNudCtzM2NyZXQ="), "{asked}");
    let now = clock.now();
    let grant = given.grant;
    assert_eq!((grant.access.expose_secret(), grant.scope.as_str()), ("t0ken", "write"));
    assert_eq!(grant.refresh.unwrap().expose_secret(), "r3fresh");
    assert_eq!(grant.issued, Some(now));
    assert_eq!(grant.expires, Some(now + SignedDuration::from_secs(7200)));
    assert_eq!(grant.ends, Some(now + SignedDuration::from_secs(86400)));
    assert_eq!(given.rest["user"], "7");
    // Without its proof a code is not sent at all.
    let back = Back { code: SecretString::from("c0de"), proof: Proof::default() };
    assert!(trade(&cx, &client(&server.at.to_string()), &way(), &back).await.is_err());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_renewal_keeps_what_is_not_said_again() {
    let (server, http, clock) =
        server("200 OK", r#"{"access_token":"n3w","token_type":"Bearer","expires_in":60}"#).await;
    let credential = Credential::default();
    let cx = context(&http, &clock, &credential);
    let ends = Some("2027-01-01T00:00:00Z".parse().unwrap());
    let old = Grant {
        refresh: Some(SecretString::from("r3fresh")),
        ends,
        scope: "write".to_owned(),
        own: [("page".to_owned(), "1".to_owned())].into(),
        ..Grant::of(SecretString::from("old"))
    };
    let client = client(&server.at.to_string());
    let new = renew(&cx, &client, &old).await.unwrap();
    assert_eq!((new.access.expose_secret(), new.refresh.as_ref().unwrap().expose_secret()), ("n3w", "r3fresh"));
    assert_eq!((new.ends, new.scope.as_str(), new.own["page"].as_str()), (ends, "write", "1"));
    let asked = server.seen().pop().unwrap();
    assert!(asked.contains("grant_type=refresh_token&refresh_token=r3fresh"), "{asked}");
    let bare = Grant { refresh: None, ..old };
    assert_eq!(renew(&cx, &client, &bare).await.unwrap_err(), RenewError::Never);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_refused_renewal_has_its_class() {
    let (spent, lost, later) = ("spent", "lost", "later");
    let declined = "declined";
    for (status, code, expected) in [
        (400, Some("invalid_grant"), spent),
        (401, Some("invalid_grant"), spent),
        (400, Some("invalid_request"), spent),
        (400, Some("invalid_client"), declined),
        (401, Some("invalid_client"), declined),
        (400, Some("unauthorized_client"), declined),
        (400, Some("temporarily_unavailable"), later),
        (403, None, later),
        (302, None, lost),
        (307, Some("invalid_grant"), lost),
        (408, None, lost),
        (408, Some("timeout"), lost),
        (429, None, later),
        (429, Some("invalid_grant"), later),
        (500, Some("server_error"), lost),
        (502, None, lost),
        (503, None, lost),
        (200, None, lost),
    ] {
        let word = match renewal(status, code, &["invalid_request"], String::new()) {
            RenewError::Spent(_) => spent,
            RenewError::Lost(_) => lost,
            RenewError::Later(_) => later,
            RenewError::Declined(_) => declined,
            RenewError::Never => "never",
        };
        assert_eq!(word, expected, "{status} {code:?}");
    }
    assert!(matches!(renewal(400, Some("invalid_request"), &[], String::new()), RenewError::Declined(_)));
}

#[tokio::test]
async fn no_secret_is_in_an_error_even_where_the_server_repeats_it() {
    for (status, body) in [
        (
            "400 Bad Request",
            r#"{"error":"invalid_grant","error_description":"c0de v3rifier cl13nt s3cret r3fresh t0ken"}"#,
        ),
        ("200 OK", r#"{"access_token":"t0ken","token_type":"mac"}"#),
        ("200 OK", r#"{"access_token":"t0ken","refresh_token":"r3fresh"}"#),
        ("200 OK", "c0de v3rifier cl13nt s3cret r3fresh t0ken"),
        ("500 Oops", "c0de v3rifier cl13nt s3cret r3fresh t0ken"),
        ("302 Found", ""),
    ] {
        let (server, http, clock) = server(status, body).await;
        let credential = Credential::default();
        let cx = context(&http, &clock, &credential);
        let client = client(&server.at.to_string());
        let back = Back { code: SecretString::from("c0de"), proof: proof() };
        let grant = Grant { refresh: Some(SecretString::from("r3fresh")), ..Grant::of(SecretString::from("t0ken")) };
        let exchange = exchange(&cx, &client, &way(), &back).await.unwrap_err();
        let renew = renew(&cx, &client, &grant).await.unwrap_err();
        let at = Url::parse(&format!("http://{}/revoke", server.at)).unwrap();
        let revoke = revoke(&cx, &client, &at, &grant).await.err();
        // What a call sends, and the client's secret, is not in what it says.
        for (said, sent) in [
            (format!("{exchange} {exchange:?} {back:?}"), &["c0de", "v3rifier", "cl13nt s3cret"][..]),
            (format!("{renew} {renew:?} {grant:?}"), &["r3fresh", "t0ken", "cl13nt s3cret"]),
            (format!("{revoke:?}"), &["r3fresh", "t0ken", "cl13nt s3cret"]),
        ] {
            for canary in sent {
                assert!(!said.contains(canary), "{canary} in {said}");
            }
            // And a body that is no refusal by the standard is not repeated at all.
            assert!(body.contains("error_description") || revoke.is_some() || !said.contains("c0de"), "{said}");
        }
    }
}

#[tokio::test]
async fn a_grant_is_taken_back_whole() {
    let (server, http, clock) = server("200 OK", "{}").await;
    let credential = Credential::default();
    let cx = context(&http, &clock, &credential);
    let mut client = client(&server.at.to_string());
    let grant = Grant { refresh: Some(SecretString::from("r3fresh")), ..Grant::of(SecretString::from("t0ken")) };
    let at = Url::parse(&format!("http://{}/revoke", server.at)).unwrap();
    revoke(&cx, &client, &at, &grant).await.unwrap();
    client.secret = None;
    revoke(&cx, &client, &at, &Grant::of(SecretString::from("t0ken"))).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen[0].contains("token=r3fresh&token_type_hint=refresh_token"), "{}", seen[0]);
    assert!(seen[1].contains("token=t0ken&token_type_hint=access_token"), "{}", seen[1]);
    assert!(seen[0].contains("YXBwK2lkOmNsMTNudCtzM2NyZXQ="), "{}", seen[0]);
    assert!(seen[2].contains("client_id=app+id") && !seen[2].to_lowercase().contains("authorization"), "{}", seen[2]);
}

#[test]
fn a_token_request_keeps_its_form_and_its_address() {
    let request = HttpRequest::new(b"grant_type=authorization_code".to_vec());
    let (mut head, body) = request.into_parts();
    head.method = reqwest::Method::POST;
    head.uri = "https://m.example/oauth/token".parse().unwrap();
    head.headers.insert("content-type", FORM.parse().unwrap());
    head.headers.insert("accept", "application/json".parse().unwrap());
    let call = translate(HttpRequest::from_parts(head, body)).unwrap();
    assert_eq!((call.method.as_str(), call.url.as_str()), ("POST", "https://m.example/oauth/token"));
    assert_eq!(call.body.unwrap(), (FORM.to_owned(), b"grant_type=authorization_code".to_vec()));
    assert_eq!(call.headers.len(), 1);
}
