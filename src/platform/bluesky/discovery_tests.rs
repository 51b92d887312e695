//! Tables of what the documents on the way to a consent must say.

use serde_json::json;

use super::*;

const DID: &str = "did:plc:abcdefghijklmnopqrstuvwx";

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// `document` with `value` at the JSON pointer; `null` takes it away.
fn with(document: &Value, pointer: &str, value: Value) -> Value {
    let mut document = document.clone();
    *document.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
    document
}

#[test]
fn a_did_leads_to_its_document_and_nowhere_else() {
    let directory = url("https://plc.directory");
    for (did, expected) in [
        (DID, Some("https://plc.directory/did:plc:abcdefghijklmnopqrstuvwx")),
        ("did:web:news.example", Some("https://news.example/.well-known/did.json")),
        ("did:plc:short", None),
        ("did:plc:abcdefghijklmnopqrstuvw1", None),
        ("did:plc:../../admin/of/the/server", None),
        ("did:web:news.example:users:a", None),
        ("did:web:news.example%3A8080", None),
        ("did:web:news.example/../x", None),
        ("did:web:user@news.example", None),
        ("did:web:localhost", None),
        ("did:key:zabc", None),
        ("", None),
    ] {
        assert_eq!(document_url(did, &directory).ok().as_ref().map(Url::as_str), expected, "{did}");
    }
    let own = document_url(DID, &url("http://127.0.0.1:2582/")).unwrap();
    assert_eq!(own.as_str(), format!("http://127.0.0.1:2582/{DID}"));
}

#[test]
fn a_document_names_its_own_account_its_handle_and_a_data_server_over_tls() {
    let bluesky = url("https://bsky.social");
    let good = json!({
        "id": DID, "alsoKnownAs": ["at://News.example"],
        "service": [{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": "https://pds.example"}],
    });
    let read = |document: &Value| data_server(document, DID, Some("news.example"), &bluesky);
    assert_eq!(read(&good).unwrap().as_str(), "https://pds.example/");
    assert!(data_server(&good, DID, None, &bluesky).is_ok());
    let long = with(&good, "/service/0/id", json!(format!("{DID}#atproto_pds")));
    assert!(read(&long).is_ok());
    for (pointer, value, words) in [
        ("/id", json!("did:plc:zzzzzzzzzzzzzzzzzzzzzzzz"), "expected the document of"),
        ("/alsoKnownAs", json!(["at://other.example"]), "expected the handle news.example"),
        ("/alsoKnownAs", json!([]), "found none"),
        ("/alsoKnownAs", json!(["https://news.example"]), "found none"),
        ("/service", json!([]), "expected a data server"),
        ("/service/0/type", json!("Other"), "expected a data server"),
        ("/service/0/id", json!("#evil#atproto_pds"), "expected a data server"),
        ("/service/0/serviceEndpoint", json!("http://pds.example"), "over https"),
        ("/service/0/serviceEndpoint", json!("http://127.0.0.1:2583"), "over https"),
        ("/service/0/serviceEndpoint", json!("https://pds.example/path"), "without a path"),
        ("/service/0/serviceEndpoint", json!("https://u:p@pds.example"), "over https"),
        ("/service/0/serviceEndpoint", json!(7), "as a URL"),
    ] {
        let said = read(&with(&good, pointer, value.clone())).unwrap_err();
        assert!(said.contains(words), "{pointer} {value}: {said}");
    }
    // Without TLS on this machine only, and only where the config names that very place.
    let local = with(&good, "/service/0/serviceEndpoint", json!("http://localhost:2583"));
    for (configured, good) in [
        ("http://localhost:2583", true),
        ("http://localhost:2584", false),
        ("http://127.0.0.1:2583", false),
        ("https://bsky.social", false),
    ] {
        assert_eq!(data_server(&local, DID, None, &url(configured)).is_ok(), good, "{configured}");
    }
    let inside = with(&good, "/service/0/serviceEndpoint", json!("http://pds.internal"));
    assert!(data_server(&inside, DID, None, &url("http://pds.internal")).is_err(), "no loopback");
}

#[test]
fn a_data_server_names_itself_and_one_authorization_server() {
    let (pds, bluesky) = (url("https://pds.example"), url("https://bsky.social"));
    let good = json!({"resource": "https://pds.example", "authorization_servers": ["https://bsky.social"]});
    assert_eq!(issuer(&good, &pds, &bluesky).unwrap().as_str(), "https://bsky.social/");
    for (pointer, value, words) in [
        ("/resource", json!("https://other.example"), "expected the metadata of https://pds.example/"),
        ("/resource", Value::Null, "as a URL"),
        ("/authorization_servers", json!([]), "found 0"),
        ("/authorization_servers", Value::Null, "found 0"),
        ("/authorization_servers", json!(["https://a.example", "https://b.example"]), "found 2"),
        ("/authorization_servers", json!(["http://bsky.social"]), "over https"),
        ("/authorization_servers", json!(["https://bsky.social/tenant"]), "without a path"),
    ] {
        let said = issuer(&with(&good, pointer, value.clone()), &pds, &bluesky).unwrap_err();
        assert!(said.contains(words), "{pointer} {value}: {said}");
    }
}

fn metadata() -> Value {
    json!({
        "issuer": "https://bsky.social",
        "authorization_endpoint": "https://bsky.social/oauth/authorize",
        "token_endpoint": "https://bsky.social/oauth/token",
        "pushed_authorization_request_endpoint": "https://bsky.social/oauth/par",
        "revocation_endpoint": "https://bsky.social/oauth/revoke",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "dpop_signing_alg_values_supported": ["RS256", "ES256"],
        "scopes_supported": ["atproto", "transition:generic"],
        "authorization_response_iss_parameter_supported": true,
        "require_pushed_authorization_requests": true,
        "client_id_metadata_document_supported": true,
    })
}

#[test]
fn an_authorization_server_is_the_one_that_was_asked_for_and_does_all_of_the_profile() {
    let (asked, configured) = (url("https://bsky.social"), url("https://bsky.social"));
    let read = |document: &Value| server(document, &asked, &configured);
    let found = read(&metadata()).unwrap();
    assert_eq!((found.issuer.as_str(), found.par.path()), ("https://bsky.social", "/oauth/par"));
    assert!(found.revoke.is_some());
    assert!(read(&with(&metadata(), "/revocation_endpoint", Value::Null)).unwrap().revoke.is_none());
    for (pointer, value, words) in [
        ("/issuer", json!("https://evil.example"), "expected the issuer https://bsky.social, found"),
        ("/issuer", json!("https://bsky.social/"), "expected the issuer"),
        ("/issuer", json!("https://bsky.social.evil.example"), "expected the issuer"),
        ("/issuer", json!("http://bsky.social"), "expected the issuer"),
        ("/issuer", Value::Null, "found none"),
        ("/authorization_endpoint", json!("http://bsky.social/oauth/authorize"), "authorization_endpoint over https"),
        ("/authorization_endpoint", json!("javascript:alert(1)"), "authorization_endpoint over https"),
        ("/token_endpoint", json!("http://bsky.social/oauth/token"), "token_endpoint over https"),
        ("/token_endpoint", json!("http://127.0.0.1/oauth/token"), "token_endpoint over https"),
        ("/token_endpoint", Value::Null, "token_endpoint as a URL"),
        ("/pushed_authorization_request_endpoint", Value::Null, "pushed_authorization_request_endpoint as a URL"),
        ("/revocation_endpoint", json!("http://bsky.social/r"), "revocation_endpoint over https"),
        ("/response_types_supported", json!(["token"]), "expected code"),
        ("/grant_types_supported", json!(["authorization_code"]), "expected refresh_token"),
        ("/code_challenge_methods_supported", json!(["plain"]), "expected S256"),
        ("/token_endpoint_auth_methods_supported", json!(["private_key_jwt"]), "expected none"),
        ("/dpop_signing_alg_values_supported", json!(["RS256"]), "expected ES256"),
        ("/dpop_signing_alg_values_supported", Value::Null, "expected ES256"),
        ("/scopes_supported", json!(["openid"]), "expected atproto"),
        ("/authorization_response_iss_parameter_supported", json!(false), "iss_parameter_supported"),
        ("/require_pushed_authorization_requests", Value::Null, "found none"),
        ("/client_id_metadata_document_supported", json!("true"), "client_id_metadata_document_supported"),
    ] {
        let said = read(&with(&metadata(), pointer, value.clone())).unwrap_err();
        assert!(said.contains(words), "{pointer} {value}: {said}");
    }
}
