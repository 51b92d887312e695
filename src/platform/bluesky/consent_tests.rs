//! Tests of `consent`: how we are known, what a token answer must say, and the calls to a server that wants nonces.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::testing::House;
use super::super::{Bluesky, Config};
use super::*;
use crate::http::testing::{Reply, Server};
use crate::platform::Platform as _;

const WHO: &str = "did:plc:abcdefghijklmnopqrstuvwx";

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

#[test]
fn we_are_known_by_our_own_page_or_as_a_program_on_this_machine() {
    let local = "http://localhost?redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2Fconnect%2Fcallback%2Fb\
                 &scope=atproto+transition%3Ageneric";
    for (redirect, expected) in [
        ("https://desk.example/connect/callback/b", Some("https://desk.example/connect/client/bluesky.json")),
        (
            "https://desk.example/bugle/connect/callback/b",
            Some("https://desk.example/bugle/connect/client/bluesky.json"),
        ),
        ("http://127.0.0.1:8080/connect/callback/b", Some(local)),
        // The protocol takes no name there, no address as our own, and nothing that can be read on the way.
        ("http://localhost:8080/connect/callback/b", None),
        ("http://desk.example/connect/callback/b", None),
        ("http://10.0.0.7:8080/connect/callback/b", None),
        ("https://203.0.113.7/connect/callback/b", None),
        ("https://desk.example/elsewhere", None),
        ("urn:ietf:wg:oauth:2.0:oob", None),
    ] {
        assert_eq!(client_id(&url(redirect)).ok().as_deref(), expected, "{redirect}");
    }
}

#[test]
fn our_page_says_what_the_profile_wants_of_a_client_without_secret() {
    let id = url("https://desk.example/connect/client/bluesky.json");
    let said = document(&id, &[url("https://desk.example/connect/callback/b")]);
    assert_eq!(
        said,
        json!({
            "client_id": "https://desk.example/connect/client/bluesky.json",
            "client_name": "Bugle",
            "client_uri": "https://desk.example/",
            "application_type": "web",
            "redirect_uris": ["https://desk.example/connect/callback/b"],
            "response_types": ["code"],
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": "atproto transition:generic",
            "token_endpoint_auth_method": "none",
            "dpop_bound_access_tokens": true,
        })
    );
}

fn grant(server: &str) -> Grant {
    let own = [
        (KEY, Key::fresh().written()),
        (DID, WHO.to_owned()),
        (PDS, server.to_owned()),
        (TOKEN, format!("{server}/token")),
        (REVOKE, format!("{server}/revoke")),
        (CLIENT, "https://desk.example/connect/client/bluesky.json".to_owned()),
    ];
    Grant {
        refresh: Some(SecretString::from("r3fresh")),
        ends: Some("2026-12-09T12:00:00Z".parse().unwrap()),
        scope: SCOPES.join(" "),
        own: own.map(|(word, value)| (word.to_owned(), value)).into(),
        ..Grant::of(SecretString::from("4ccess"))
    }
}

fn good() -> Value {
    json!({"access_token": "n3w", "token_type": "DPoP", "expires_in": 3600, "refresh_token": "n3xt",
           "scope": "atproto transition:generic", "sub": WHO})
}

#[test]
fn only_a_bound_token_of_the_account_with_what_posting_takes_is_a_grant() {
    let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
    let before = grant("https://pds.example");
    let answer = |body: &Value| Answer { status: 200, headers: Default::default(), body: body.to_string().into() };
    let made = read(&answer(&good()), &before, now).unwrap();
    assert_eq!((made.access.expose_secret(), made.refresh.unwrap().expose_secret()), ("n3w", "n3xt"));
    assert_eq!((made.expires, made.ends), (Some("2026-11-25T13:00:00Z".parse().unwrap()), before.ends));
    assert_eq!(made.own, before.own, "the key and the account stay");
    for (name, value, words) in [
        ("access_token", Value::Null, "access_token"),
        ("access_token", json!(" "), "access_token"),
        ("token_type", json!("Bearer"), "type DPoP"),
        ("token_type", Value::Null, "type DPoP"),
        ("sub", json!("did:plc:zzzzzzzzzzzzzzzzzzzzzzzz"), "expected a token of the account"),
        ("sub", Value::Null, "found one of none"),
        ("scope", json!("atproto"), "transition:generic"),
        ("scope", json!("transition:generic"), "scope atproto"),
        ("scope", json!("atprotos transition:generic"), "scope atproto"),
    ] {
        let mut body = good();
        body[name] = value.clone();
        let said = read(&answer(&body), &before, now).unwrap_err();
        assert!(said.contains(words) && !said.contains("n3w"), "{name} {value}: {said}");
    }
    let nobody = Grant { own: Default::default(), ..grant("https://pds.example") };
    let mut body = good();
    body["sub"] = json!("");
    assert!(read(&answer(&body), &nobody, now).is_err(), "no account is not every account");
}

#[test]
fn a_refused_renewal_has_its_class() {
    let class = |status, code| match unrenewed(status, code, String::new()) {
        RenewError::Spent(_) => "spent",
        RenewError::Lost(_) => "lost",
        RenewError::Later(_) => "later",
        RenewError::Declined(_) => "declined",
        RenewError::Never => "never",
    };
    for (status, code, expected) in [
        (400, Some("invalid_grant"), "spent"),
        (401, Some("invalid_grant"), "spent"),
        (400, Some("use_dpop_nonce"), "later"),
        (400, Some("invalid_dpop_proof"), "later"),
        (400, Some("invalid_client_metadata"), "later"),
        (401, Some("invalid_client"), "later"),
        (429, None, "later"),
        (403, None, "later"),
        (302, None, "later"),
        (200, None, "lost"),
        (500, Some("server_error"), "lost"),
        (502, None, "lost"),
    ] {
        assert_eq!(class(status, code), expected, "{status} {code:?}");
    }
}

fn repo(server: &str) -> Repo {
    let text = format!("server = {server:?}\ndirectory = {server:?}\nhandle = \"news.example\"\n");
    let config: Config = wire::keys(toml::de::DeTable::parse(&text).unwrap().into_inner()).unwrap();
    Repo { config, signing_in: tokio::sync::Mutex::new(()), nonces: dpop::Nonces::default() }
}

/// The form of a request.
fn form(request: &str) -> HashMap<String, String> {
    let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

/// An account's directory, data server and authorization server in one, that takes calls with a nonce only.
async fn world(token: Value) -> Server {
    let own = Arc::new(std::sync::Mutex::new(String::new()));
    let place = Arc::clone(&own);
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        let me = place.lock().unwrap().clone();
        let at = |path: &str| format!("{me}{path}");
        let ok = |body: Value| Reply::answer("200 OK", &[], body.to_string().as_bytes());
        let path = request.split(' ').nth(1).unwrap_or_default();
        let changes = matches!(path, "/par" | "/token" | "/revoke");
        if changes && asked.fetch_add(1, Ordering::Relaxed) == 0 {
            return Reply::answer("400 Bad Request", &["DPoP-Nonce: one"], br#"{"error":"use_dpop_nonce"}"#);
        }
        match path {
            "/xrpc/com.atproto.identity.resolveHandle?handle=news.example" => ok(json!({"did": WHO})),
            "/did:plc:abcdefghijklmnopqrstuvwx" => ok(json!({"id": WHO, "alsoKnownAs": ["at://news.example"],
                "service": [{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": me}]})),
            "/.well-known/oauth-protected-resource" => ok(json!({"resource": me, "authorization_servers": [me]})),
            "/.well-known/oauth-authorization-server" => ok(json!({
                "issuer": me, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
                "pushed_authorization_request_endpoint": at("/par"), "revocation_endpoint": at("/revoke"),
                "response_types_supported": ["code"], "grant_types_supported": ["authorization_code", "refresh_token"],
                "code_challenge_methods_supported": ["S256"], "token_endpoint_auth_methods_supported": ["none"],
                "dpop_signing_alg_values_supported": ["ES256"], "scopes_supported": ["atproto"],
                "authorization_response_iss_parameter_supported": true,
                "require_pushed_authorization_requests": true, "client_id_metadata_document_supported": true,
            })),
            "/par" => Reply::answer("201 Created", &[], br#"{"request_uri":"urn:r:1","expires_in":300}"#),
            "/token" => ok(token.clone()),
            "/revoke" => ok(json!({})),
            _ => Reply::answer("404 Not Found", &[], b""),
        }
    })
    .await;
    *own.lock().unwrap() = format!("http://{}", server.at);
    server
}

fn posts(server: &Server, path: &str) -> Vec<String> {
    server.seen().into_iter().filter(|request| request.starts_with(&format!("POST {path} "))).collect()
}

#[tokio::test]
async fn a_consent_goes_by_a_request_left_before_and_a_code_bound_to_us() {
    let server = world(good()).await;
    let me = format!("http://{}", server.at);
    let (repo, house) = (repo(&me), House::of(server.http()));
    let way = Way { redirect: url("http://127.0.0.1:8080/connect/callback/b"), state: "st4te".to_owned() };
    let asked = repo.ask(&house.cx(), &way).await.unwrap();
    assert_eq!(asked.issuer.as_deref(), Some(me.as_str()));
    let query: HashMap<_, _> = asked.url.query_pairs().into_owned().collect();
    assert_eq!((asked.url.path(), query["request_uri"].as_str(), query.len()), ("/authorize", "urn:r:1", 2));
    assert!(query["client_id"].starts_with("http://localhost?redirect_uri="), "{query:?}");
    let par = posts(&server, "/par");
    assert_eq!(par.len(), 2, "once for the nonce");
    let left = form(&par[1]);
    let verifier = &asked.proof.0[VERIFIER];
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&oauth2::PkceCodeVerifier::new(verifier.clone()));
    for (name, value) in [
        ("client_id", query["client_id"].as_str()),
        ("response_type", "code"),
        ("redirect_uri", "http://127.0.0.1:8080/connect/callback/b"),
        ("state", "st4te"),
        ("scope", "atproto transition:generic"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("login_hint", "news.example"),
    ] {
        assert_eq!(left[name], value, "{name}");
    }
    let shown = format!("{asked:?}");
    assert!(!shown.contains(verifier) && !shown.contains(&asked.proof.0[KEY]), "{shown}");

    let back = Back { code: SecretString::from(" c0de\n"), proof: asked.proof };
    let mut choices = repo.exchange(&house.cx(), &way, &back).await.unwrap();
    let grant = choices.remove(0).grant;
    let traded = form(&posts(&server, "/token")[0]);
    assert_eq!((traded["code"].as_str(), &traded["code_verifier"]), ("c0de", &back.proof.0[VERIFIER]));
    assert_eq!((own(&grant, DID), own(&grant, PDS)), (WHO, format!("{me}/").as_str()));
    assert!(!grant.own.contains_key(VERIFIER), "used");
    assert_eq!(grant.ends, Some("2026-12-09T12:00:00Z".parse().unwrap()), "two weeks");

    // Renewed with the refresh token and the same key, and taken back, both tokens.
    let renewed = repo.renew(&house.cx(), &grant).await.unwrap();
    assert_eq!((renewed.own, renewed.ends), (grant.own.clone(), grant.ends));
    let token = posts(&server, "/token");
    assert_eq!(form(token.last().unwrap())["refresh_token"], "n3xt");
    repo.revoke(&house.cx(), &grant).await.unwrap();
    let taken: Vec<String> = posts(&server, "/revoke").iter().map(|it| form(it)["token"].clone()).collect();
    assert_eq!(taken, ["n3xt", "n3w"]);
    assert!(server.seen().iter().filter(|it| it.starts_with("POST")).all(|it| it.contains("\r\ndpop: ")));
}

#[tokio::test]
async fn a_token_of_another_account_is_refused_and_given_back() {
    let mut token = good();
    token["sub"] = json!("did:plc:zzzzzzzzzzzzzzzzzzzzzzzz");
    let server = world(token).await;
    let (repo, house) = (repo(&format!("http://{}", server.at)), House::of(server.http()));
    let way = Way { redirect: url("http://127.0.0.1:8080/connect/callback/b"), state: "st4te".to_owned() };
    let asked = repo.ask(&house.cx(), &way).await.unwrap();
    let back = Back { code: SecretString::from("c0de"), proof: asked.proof };
    let said = repo.exchange(&house.cx(), &way, &back).await.unwrap_err().to_string();
    assert!(said.contains("expected a token of the account did:plc:abc") && !said.contains("n3w"), "{said}");
    assert_eq!(form(&posts(&server, "/revoke")[0])["token"], "n3w");
}

#[tokio::test]
async fn without_password_and_grant_a_person_is_asked_to_connect_and_with_both_the_password_counts() {
    let (repo, mut house) = (repo("http://127.0.0.1:9"), House::of(crate::http::testing::http(&[], &[])));
    let said = repo.access(&house.cx()).await.err().unwrap();
    assert!(said.to_string().contains("connect the channel"), "{said}");
    house.grant = Some(grant("https://pds.example"));
    let access = repo.access(&house.cx()).await.ok().unwrap();
    assert_eq!((access.did.as_str(), access.pds.as_str()), (WHO, "https://pds.example/"));
    let open = |text: &str| Bluesky.open(toml::de::DeTable::parse(text).unwrap().into_inner()).ok().unwrap();
    assert!(open("handle = \"news.example\"").consent().is_some());
    assert!(open("handle = \"news.example\"\npassword = { env = \"P\" }").consent().is_none());
    // Kept for another account than the config names now.
    let other = format!("handle = \"did:plc:{}\"", "z".repeat(24));
    let config: Config = wire::keys(toml::de::DeTable::parse(&other).unwrap().into_inner()).unwrap();
    let repo = Repo { config, signing_in: tokio::sync::Mutex::new(()), nonces: dpop::Nonces::default() };
    let said = repo.access(&house.cx()).await.err().unwrap();
    assert!(said.to_string().contains("connect again"), "{said}");
}
