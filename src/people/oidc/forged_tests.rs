//! A service that keeps to the standard, and every way we know in which a token, an answer or a description is not what it
//! should be: forged, changed, old, repeated, of somebody else. None of them lets anybody in.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{KeyInit as _, Mac as _};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::clock::{Clock as _, FakeClock};
use crate::http::testing::{Reply, Server};

const CLIENT: &str = "bugle";
const ACCESS: &str = "the access token";

/// A key of the service, or of somebody who would like to be it.
fn key(n: u8) -> SigningKey {
    SigningKey::from_slice(&[n; 32]).unwrap()
}

fn jwk(n: u8, kid: &str) -> Value {
    let point = key(n).verifying_key().to_sec1_point(false);
    let (x, y) = point.as_bytes()[1..].split_at(32);
    json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid,
           "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// How a token is signed.
#[derive(Clone, Copy)]
enum Sign {
    /// With that key.
    Key(u8),
    /// With a shared secret.
    Shared(&'static [u8]),
    /// Not at all.
    Not,
}

fn token(header: &Value, claims: &Value, sign: Sign) -> String {
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = match sign {
        Sign::Key(n) => {
            let signature: Signature = key(n).sign(signed.as_bytes());
            URL_SAFE_NO_PAD.encode(signature.to_bytes())
        }
        Sign::Shared(secret) => {
            let mut mac = hmac::Hmac::<Sha256>::new_from_slice(secret).unwrap();
            mac.update(signed.as_bytes());
            URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
        }
        Sign::Not => String::new(),
    };
    format!("{signed}.{signature}")
}

/// What the service answers.
#[derive(Clone)]
struct Plan {
    description: Value,
    keys: Value,
    token: (&'static str, Value),
    info: (&'static str, Value),
}

struct Stand {
    server: Server,
    plan: Arc<Mutex<Plan>>,
    clock: Arc<FakeClock>,
    store: Store,
    oidc: Oidc,
    _folder: tempfile::TempDir,
}

impl Stand {
    async fn open() -> Self {
        Self::with(|settings| settings).await
    }

    async fn with(change: impl FnOnce(Settings) -> Settings) -> Self {
        let plan = Arc::new(Mutex::new(Plan {
            description: Value::Null,
            keys: json!({"keys": [jwk(1, "one")]}),
            token: ("200 OK", Value::Null),
            info: ("200 OK", Value::Null),
        }));
        let script = Arc::clone(&plan);
        let server = Server::start(move |request| {
            let plan = script.lock().unwrap().clone();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let (status, body) = match path {
                "/.well-known/openid-configuration" => ("200 OK", plan.description),
                "/keys" => ("200 OK", plan.keys),
                "/token" => plan.token,
                "/me" => plan.info,
                _ => ("404 Not Found", Value::Null),
            };
            Reply::answer(status, &["Content-Type: application/json"], body.to_string().as_bytes())
        })
        .await;
        let issuer = format!("http://{}", server.at);
        plan.lock().unwrap().description = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/me"),
            "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
            "authorization_response_iss_parameter_supported": true,
        });
        let clock = Arc::new(FakeClock::at("2026-11-25T12:00:00Z".parse().unwrap()));
        let settings = change(Settings { issuer, client_id: CLIENT.to_owned(), ..tests::settings() });
        let redirect = "https://desk.example/sign-in/oidc/callback".parse().unwrap();
        let shared: SharedClock = Arc::<FakeClock>::clone(&clock);
        let oidc = Oidc::new(settings, redirect, server.http(), shared);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("bugle.db").display())).await.unwrap();
        Self { server, plan, clock, store, oidc, _folder: folder }
    }

    fn issuer(&self) -> String {
        format!("http://{}", self.server.at)
    }

    /// A sign-in that is under way: its state, its nonce, its cookie.
    async fn begin(&self) -> Flow {
        let begun = self.oidc.begin(&self.store, "/posts").await.unwrap();
        let pairs: BTreeMap<String, String> = begun.url.query_pairs().into_owned().collect();
        Flow {
            state: pairs["state"].clone(),
            nonce: pairs["nonce"].clone(),
            challenge: pairs["code_challenge"].clone(),
            cookie: begun.cookie.expose_secret().to_owned(),
        }
    }

    /// The claims of a token that is as it should be.
    fn claims(&self, flow: &Flow) -> Value {
        let now = self.clock.now().as_second();
        let half = &Sha256::digest(ACCESS)[..16];
        json!({"iss": self.issuer(), "sub": "ann-1", "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": flow.nonce,
               "at_hash": URL_SAFE_NO_PAD.encode(half), "email": "ann@news.example", "email_verified": true,
               "name": "Ann Smith"})
    }

    /// The service gives that token.
    fn gives(&self, token: &str) {
        let body = json!({"access_token": ACCESS, "token_type": "Bearer", "expires_in": 300, "id_token": token});
        self.plan.lock().unwrap().token = ("200 OK", body);
    }

    /// The service gives a token of these claims that is as it should be else.
    fn gives_good(&self, claims: &Value) {
        self.gives(&token(&json!({"alg": "ES256", "kid": "one"}), claims, Sign::Key(1)));
    }

    async fn back(&self, flow: &Flow) -> Result<(Who, String), Fault> {
        let query = format!("code=c0de&state={}&iss={}", flow.state, self.issuer());
        self.oidc.returned(&self.store, &query, Some(&flow.cookie)).await
    }

    fn asked(&self, path: &str) -> Vec<String> {
        self.server.seen().into_iter().filter(|it| it.split(' ').nth(1) == Some(path)).collect()
    }
}

#[derive(Clone)]
struct Flow {
    state: String,
    nonce: String,
    challenge: String,
    cookie: String,
}

#[tokio::test]
async fn a_good_answer_lets_in_and_proves_what_it_has_to() {
    let stand = Stand::open().await;
    let begun = stand.oidc.begin(&stand.store, "/posts").await.unwrap();
    let pairs: BTreeMap<String, String> = begun.url.query_pairs().into_owned().collect();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", "https://desk.example/sign-in/oidc/callback"),
        ("scope", "openid email profile"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(pairs[name], value, "{name}");
    }
    for secret in ["state", "nonce"] {
        assert_eq!(pairs[secret].len(), 43, "256 bits");
    }
    assert_ne!(pairs["state"], pairs["nonce"]);

    let flow = stand.begin().await;
    stand.gives_good(&stand.claims(&flow));
    let (who, page) = stand.back(&flow).await.unwrap();
    assert_eq!((who.subject.as_str(), who.email.as_str()), ("ann-1", "ann@news.example"));
    assert_eq!((who.name.as_deref(), who.role, who.is_told), (Some("Ann Smith"), Role::Viewer, false));
    assert_eq!(page, "/posts");
    // The code goes with the verifier whose hash the page was sent.
    let sent = stand.asked("/token").pop().unwrap();
    let body: BTreeMap<String, String> =
        url::form_urlencoded::parse(sent.split("\r\n\r\n").nth(1).unwrap().as_bytes()).into_owned().collect();
    assert_eq!(URL_SAFE_NO_PAD.encode(Sha256::digest(&body["code_verifier"])), flow.challenge);
    assert_eq!((body["code"].as_str(), body["grant_type"].as_str()), ("c0de", "authorization_code"));
    assert!(stand.asked("/me").is_empty(), "the token said it all");
}

#[tokio::test]
async fn a_forged_or_foreign_token_lets_in_nobody() {
    type Change = fn(&mut Value, &mut Value, i64);
    const SAME: Change = |_, _, _| {};
    let stand = Stand::open().await;
    let set: [(&str, Sign, Change); 33] = [
        ("another key", Sign::Key(2), SAME),
        ("another key that calls itself new", Sign::Key(2), |head, _, _| head["kid"] = json!("two")),
        ("a key in its own header", Sign::Key(2), |head, _, _| head["jwk"] = jwk(2, "one")),
        ("a place of keys in its own header", Sign::Key(2), |head, _, _| {
            head["jku"] = json!("https://evil.example/keys")
        }),
        ("no signature", Sign::Not, SAME),
        ("an algorithm of none", Sign::Not, |head, _, _| head["alg"] = json!("none")),
        ("an algorithm of none, otherwise written", Sign::Not, |head, _, _| head["alg"] = json!("None")),
        ("the public key as a shared secret", Sign::Shared(b"public"), |head, _, _| head["alg"] = json!("HS256")),
        ("our own secret as a shared secret", Sign::Shared(b"s3cret"), |head, _, _| head["alg"] = json!("HS256")),
        ("an empty shared secret", Sign::Shared(b""), |head, _, _| head["alg"] = json!("HS256")),
        ("another algorithm's name", Sign::Key(1), |head, _, _| head["alg"] = json!("RS256")),
        ("a critical header", Sign::Key(1), |head, _, _| head["crit"] = json!(["exp"])),
        ("a token in a token", Sign::Key(1), |head, _, _| head["cty"] = json!("JWT")),
        ("an access token's type", Sign::Key(1), |head, _, _| head["typ"] = json!("at+jwt")),
        ("another issuer", Sign::Key(1), |_, it, _| it["iss"] = json!("https://evil.example")),
        ("nearly our issuer", Sign::Key(1), |_, it, _| it["iss"] = json!(format!("{}/", it["iss"].as_str().unwrap()))),
        ("no issuer", Sign::Key(1), |_, it, _| drop(it.as_object_mut().unwrap().remove("iss"))),
        ("another audience", Sign::Key(1), |_, it, _| it["aud"] = json!("another")),
        ("no audience", Sign::Key(1), |_, it, _| it["aud"] = json!([])),
        ("an audience too many", Sign::Key(1), |_, it, _| it["aud"] = json!([CLIENT, "another"])),
        ("another party", Sign::Key(1), |_, it, _| it["azp"] = json!("another")),
        ("the end was a second ago", Sign::Key(1), |_, it, now| it["exp"] = json!(now)),
        ("no end", Sign::Key(1), |_, it, _| drop(it.as_object_mut().unwrap().remove("exp"))),
        ("issued in an hour", Sign::Key(1), |_, it, now| it["iat"] = json!(now + 3_600)),
        ("issued an hour ago", Sign::Key(1), |_, it, now| it["iat"] = json!(now - 3_600)),
        ("another nonce", Sign::Key(1), |_, it, _| it["nonce"] = json!("another")),
        ("no nonce", Sign::Key(1), |_, it, _| drop(it.as_object_mut().unwrap().remove("nonce"))),
        ("an empty nonce", Sign::Key(1), |_, it, _| it["nonce"] = json!("")),
        ("another access token", Sign::Key(1), |_, it, _| it["at_hash"] = json!("AAAAAAAAAAAAAAAAAAAAAA")),
        ("nobody", Sign::Key(1), |_, it, _| it["sub"] = json!("")),
        ("no subject", Sign::Key(1), |_, it, _| drop(it.as_object_mut().unwrap().remove("sub"))),
        ("a subject that is a number", Sign::Key(1), |_, it, _| it["sub"] = json!(1)),
        ("no claims", Sign::Key(1), |_, it, _| *it = json!({})),
    ];
    let mut accepted = Vec::new();
    for (what, sign, change) in set {
        let flow = stand.begin().await;
        let (mut header, mut claims) = (json!({"alg": "ES256", "kid": "one"}), stand.claims(&flow));
        change(&mut header, &mut claims, stand.clock.now().as_second());
        stand.gives(&token(&header, &claims, sign));
        match stand.back(&flow).await {
            Ok(_) => accepted.push(what),
            Err(Fault::Forged(_) | Fault::Service(_)) => {}
            Err(other) => panic!("{what}: {other:?}"),
        }
        // The same sign-in does not work a second time, not even with a good token.
        stand.gives_good(&stand.claims(&flow));
        assert_eq!(stand.back(&flow).await, Err(Fault::Unknown), "{what}");
    }
    assert_eq!(accepted, [""; 0]);
    // Parts of good tokens, put together anew.
    let (one, two) = (stand.begin().await, stand.begin().await);
    let header = json!({"alg": "ES256", "kid": "one"});
    let good = |flow: &Flow| token(&header, &stand.claims(flow), Sign::Key(1));
    let (a, b) = (good(&one), good(&two));
    let parts = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (a, b) = (parts(&a), parts(&b));
    for mixed in [
        format!("{}.{}.{}", a[0], a[1], b[2]),
        format!("{}.{}.{}", a[0], b[1], a[2]),
        format!("{}.{}", a[0], a[1]),
        format!("{}.{}.{}.x", a[0], a[1], a[2]),
        format!("{}.{}.{}", a[0], a[1], &a[2][..a[2].len() - 4]),
        String::new(),
    ] {
        let flow = stand.begin().await;
        stand.gives(&mixed);
        let came = stand.back(&flow).await;
        assert!(matches!(came, Err(Fault::Forged(_) | Fault::Service(_))), "{came:?}");
    }
    // No identity token at all.
    let flow = stand.begin().await;
    stand.plan.lock().unwrap().token = ("200 OK", json!({"access_token": ACCESS, "token_type": "Bearer"}));
    assert!(matches!(stand.back(&flow).await, Err(Fault::Forged(_))));
    // And the very same service lets in with a good one: it was not the stand that refused.
    let flow = stand.begin().await;
    stand.gives_good(&stand.claims(&flow));
    assert!(stand.back(&flow).await.is_ok());
}

#[tokio::test]
async fn an_answer_of_another_sign_in_lets_in_nobody() {
    let stand = Stand::open().await;
    let (mine, theirs) = (stand.begin().await, stand.begin().await);
    let issuer = stand.issuer();
    stand.gives_good(&stand.claims(&mine));
    let state = &mine.state;
    for (query, cookie, expected) in [
        (String::new(), Some(&mine.cookie), Fault::Unknown),
        (format!("code=c&iss={issuer}"), Some(&mine.cookie), Fault::Unknown),
        (format!("code=c&state=&iss={issuer}"), Some(&mine.cookie), Fault::Unknown),
        (format!("code=c&state=made-up&iss={issuer}"), Some(&mine.cookie), Fault::Unknown),
        // What is kept of a state is no state.
        (format!("code=c&state={}&iss={issuer}", hash(state)), Some(&mine.cookie), Fault::Unknown),
        (format!("code=c&state={state}&iss={issuer}"), None, Fault::Foreign),
        (format!("code=c&state={state}&iss={issuer}"), Some(&theirs.cookie), Fault::Foreign),
        (format!("code=c&state={state}&iss={issuer}"), Some(&mine.state), Fault::Foreign),
        (format!("code=c&state={state}&state={state}"), Some(&mine.cookie), Fault::Twice("state".to_owned())),
        (format!("code=c&code=d&state={state}"), Some(&mine.cookie), Fault::Twice("code".to_owned())),
    ] {
        let came = stand.oidc.returned(&stand.store, &query, cookie.map(String::as_str)).await;
        assert_eq!(came, Err(expected), "{query}");
    }
    assert!(stand.asked("/token").is_empty(), "no code was traded");
    // Another browser could not use it up: its owner comes in, once.
    assert!(stand.back(&mine).await.is_ok());
    assert_eq!(stand.back(&mine).await, Err(Fault::Unknown), "used");
    // A code of another person's sign-in brings a token with that one's nonce.
    stand.gives_good(&stand.claims(&mine));
    assert!(matches!(stand.back(&theirs).await, Err(Fault::Forged(_))));
    for (query, expected) in [
        ("code=c".to_owned(), Fault::Issuer { expected: issuer.clone(), found: "none".to_owned() }),
        (
            "code=c&iss=https://evil.example".to_owned(),
            Fault::Issuer { expected: issuer.clone(), found: "https://evil.example".to_owned() },
        ),
        (
            format!("error=access_denied&error_description=No%0Away&iss={issuer}"),
            Fault::Denied("access_denied: No way".to_owned()),
        ),
        (format!("iss={issuer}"), Fault::NoCode),
    ] {
        let flow = stand.begin().await;
        let query = format!("{query}&state={}", flow.state);
        let came = stand.oidc.returned(&stand.store, &query, Some(&flow.cookie)).await;
        assert_eq!(came, Err(expected), "{query}");
    }
    // Ten minutes and no more.
    let late = stand.begin().await;
    stand.clock.advance(WITHIN);
    stand.gives_good(&stand.claims(&late));
    assert_eq!(stand.back(&late).await, Err(Fault::Late));
}

#[tokio::test]
async fn the_address_is_the_services_verified_word() {
    let stand = Stand::open().await;
    let info = |value: Value| stand.plan.lock().unwrap().info = ("200 OK", value);
    let good = json!({"sub": "ann-1", "email": "ann@news.example", "email_verified": true});
    for (claims, said, expected) in [
        // Only the place of the person's data tells it.
        (json!({}), good.clone(), Ok("ann@news.example")),
        (json!({}), json!({"sub": "eve-1", "email": "ann@news.example", "email_verified": true}), Err("forged")),
        (json!({}), json!({"email": "ann@news.example", "email_verified": true}), Err("service")),
        (json!({}), json!({"sub": "ann-1", "email": "ann@news.example"}), Err("unverified")),
        (json!({}), json!({"sub": "ann-1", "email": "ann@news.example", "email_verified": false}), Err("unverified")),
        (json!({}), json!({"sub": "ann-1"}), Err("none")),
        (json!({"email": "eve@evil.example", "email_verified": true}), good.clone(), Err("not allowed")),
        (json!({"email": "ann@news.example", "email_verified": false}), good.clone(), Err("unverified")),
        // One's address does not get the other's word.
        (json!({"email": "boss@news.example"}), good.clone(), Err("unverified")),
        (json!({"email": "ann@news.example"}), good.clone(), Ok("ann@news.example")),
    ] {
        let flow = stand.begin().await;
        let mut token = stand.claims(&flow);
        for name in ["email", "email_verified"] {
            token.as_object_mut().unwrap().remove(name);
        }
        token.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        stand.gives_good(&token);
        info(said.clone());
        let came = stand.back(&flow).await.map(|(who, _)| who.email).map_err(|fault| match fault {
            Fault::Forged(_) => "forged",
            Fault::Service(_) => "service",
            Fault::Refused(Refused::NoEmail) => "none",
            Fault::Refused(Refused::Unverified) => "unverified",
            Fault::Refused(Refused::NotAllowed) => "not allowed",
            other => panic!("{other:?}"),
        });
        assert_eq!(came, expected.map(str::to_owned), "{claims} {said}");
    }
}

#[tokio::test]
async fn a_role_may_stand_in_a_claim_of_either() {
    let stand = Stand::with(|settings| Settings {
        role_claim: Some("groups".to_owned()),
        roles: Roles { editor: vec!["desk".to_owned()], ..Roles::default() },
        ..settings
    })
    .await;
    for (claims, said, expected) in [
        (json!({"groups": ["desk"]}), json!({"sub": "ann-1"}), Role::Editor),
        (json!({}), json!({"sub": "ann-1", "groups": ["desk"]}), Role::Editor),
        (json!({"sid": "x"}), json!({"sub": "ann-1", "groups": ["desk"]}), Role::Editor),
        // The signed word goes before the other.
        (json!({"groups": []}), json!({"sub": "ann-1", "groups": ["desk"]}), Role::Viewer),
    ] {
        let flow = stand.begin().await;
        let mut token = stand.claims(&flow);
        token.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        stand.gives_good(&token);
        stand.plan.lock().unwrap().info = ("200 OK", said.clone());
        let (who, _) = stand.back(&flow).await.unwrap();
        assert_eq!((who.role, who.is_told), (expected, true), "{claims} {said}");
    }
}

#[tokio::test]
async fn a_new_key_of_the_service_is_fetched_once() {
    let stand = Stand::open().await;
    let flow = stand.begin().await;
    let header = json!({"alg": "ES256", "kid": "two"});
    let good = |flow: &Flow| token(&header, &stand.claims(flow), Sign::Key(2));
    stand.gives(&good(&flow));
    assert!(matches!(stand.back(&flow).await, Err(Fault::Forged(_))), "not a key of the service yet");
    assert_eq!(stand.asked("/keys").len(), 1, "read a moment ago: not asked for again");
    stand.plan.lock().unwrap().keys = json!({"keys": [jwk(1, "one"), jwk(2, "two")]});
    stand.clock.advance(SignedDuration::from_secs(31));
    let flow = stand.begin().await;
    stand.gives(&good(&flow));
    assert!(stand.back(&flow).await.is_ok());
    assert_eq!(stand.asked("/keys").len(), 2);
}

#[tokio::test]
async fn a_service_that_is_not_what_the_config_names_is_not_asked() {
    for (key, value) in [
        ("issuer", json!("https://evil.example")),
        ("token_endpoint", Value::Null),
        ("token_endpoint", json!("http://evil.example/token")),
        ("authorization_endpoint", json!("http://evil.example/authorize")),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("jwks_uri", json!("http://127.0.0.1:1/keys")),
        ("userinfo_endpoint", json!("ftp://evil.example/me")),
    ] {
        let stand = Stand::open().await;
        stand.plan.lock().unwrap().description[key] = value.clone();
        let begun = stand.oidc.begin(&stand.store, "/").await.err();
        assert!(matches!(begun, Some(Fault::Service(_))), "{key} {value}: {begun:?}");
    }
    // A token that is refused names neither the code nor the secret.
    let stand = Stand::open().await;
    let flow = stand.begin().await;
    let said = json!({"error": "invalid_grant", "error_description": "c0de is spent"});
    stand.plan.lock().unwrap().token = ("400 Bad Request", said);
    assert_eq!(stand.back(&flow).await, Err(Fault::Denied("invalid_grant: … is spent".to_owned())));
}

#[tokio::test]
async fn thousands_that_are_begun_do_not_fill_the_store() {
    let stand = Stand::open().await;
    let now = stand.clock.now();
    let fill = job(move |conn| {
        Box::pin(async move {
            for n in 0..1_200 {
                let until = now + SignedDuration::from_secs(n);
                let text = n.to_string();
                let row = FlowRow {
                    state: text.clone(),
                    bound: text.clone(),
                    nonce: text.clone(),
                    verifier: text,
                    back: "/".to_owned(),
                    until,
                };
                oidc_flow::add(conn, &row, MOST, now).await?;
            }
            Ok(sqlx::query_scalar::<_, i64>("SELECT count(*) FROM oidc_flow").fetch_one(conn).await?)
        })
    });
    assert_eq!(stand.store.write(fill).await.unwrap(), MOST);
}
