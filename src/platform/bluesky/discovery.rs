//! Who the account is and where it consents: handle → DID → data server → authorization server, each step checked, since
//! what is believed here decides who gets to see a person's password page and our tokens.
//!
//! Here: the look-ups, and as pure functions what their answers must say. Pages: <https://atproto.com/specs/oauth>,
//! <https://atproto.com/specs/did>, <https://atproto.com/specs/handle>, RFC 8414, RFC 9728.

use serde_json::Value;
use url::{Host, Url};

use super::{Config, api, dpop, wire};
use crate::http::{Call, Trust};
use crate::platform::{ConnectError, Context};

/// What posting takes. `transition:generic` may do what an app password may; narrower scopes are not known to all hosts.
/// Source: the platform's pages on scopes, 2026-08.
pub const SCOPES: [&str; 2] = ["atproto", "transition:generic"];

/// The account, and where it consents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its unchanging id.
    pub did: String,
    /// Its own data server.
    pub pds: Url,
    /// Who signs its owner in.
    pub server: Server,
}

/// An authorization server, as its metadata have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name: an origin.
    pub issuer: String,
    /// The page where a person consents.
    pub authorize: Url,
    /// Where a request is left before (RFC 9126).
    pub par: Url,
    /// Where codes and refresh tokens are traded.
    pub token: Url,
    /// Where tokens are taken back, if anywhere.
    pub revoke: Option<Url>,
}

/// Finds both.
///
/// # Errors
/// In words for a person.
pub async fn find(cx: &Context<'_>, config: &Config) -> Result<Found, ConnectError> {
    let did = did(cx, config).await?;
    let document = read(cx, config, &document_url(&did, &config.directory).map_err(ConnectError::Refused)?).await?;
    let handle = Some(config.handle.as_str()).filter(|handle| !handle.starts_with("did:"));
    let pds = data_server(&document, &did, handle, &config.server).map_err(ConnectError::Refused)?;
    let at = |base: &Url, path: &str| wire::endpoint(base, path).map_err(|e| ConnectError::Refused(e.to_string()));
    let resource = read(cx, config, &at(&pds, "/.well-known/oauth-protected-resource")?).await?;
    let issuer = issuer(&resource, &pds, &config.server).map_err(ConnectError::Refused)?;
    let metadata = read(cx, config, &at(&issuer, "/.well-known/oauth-authorization-server")?).await?;
    let server = server(&metadata, &issuer, &config.server).map_err(ConnectError::Refused)?;
    Ok(Found { did, pds, server })
}

/// The DID of the config, or of its handle.
async fn did(cx: &Context<'_>, config: &Config) -> Result<String, ConnectError> {
    if config.handle.starts_with("did:") {
        return Ok(config.handle.clone());
    }
    let mut url = wire::endpoint(&config.server, "/xrpc/com.atproto.identity.resolveHandle")
        .map_err(|e| ConnectError::Refused(e.to_string()))?;
    url.query_pairs_mut().append_pair("handle", &config.handle);
    // What comes of it is checked against the document.
    let answer = read(cx, config, &url).await?;
    let did = answer["did"].as_str().filter(|did| did.starts_with("did:"));
    did.map(str::to_owned).ok_or_else(|| {
        ConnectError::Refused(format!("{} knows no account of the handle {}", config.server, config.handle))
    })
}

/// Reads a JSON document: 200 and nothing else, redirects included.
async fn read(cx: &Context<'_>, config: &Config, url: &Url) -> Result<Value, ConnectError> {
    let mut call = Call::get(url.clone()).header("accept", "application/json");
    call.trust = trust(url, config);
    call.timeout = wire::scaled(cx, super::SPEC.deadline);
    let answer = cx.http.read(call).await.map_err(|e| ConnectError::Unreachable(e.to_string()))?;
    let found = api::json_body(&answer.body);
    match answer.status {
        200 if found.is_object() => Ok(found),
        200 => Err(ConnectError::Unreachable(format!("expected a JSON object from {url}, found something else"))),
        status => {
            let said = found["message"].as_str().map(|it| format!(": {}", wire::excerpt(it))).unwrap_or_default();
            Err(ConnectError::Unreachable(format!("expected a document from {url}, found status {status}{said}")))
        }
    }
}

/// What a URL may reach: what the config names itself more than what came out of an answer.
pub fn trust(url: &Url, config: &Config) -> Trust {
    let named = [&config.server, &config.directory];
    if named.iter().any(|it| it.origin() == url.origin()) { Trust::Config } else { Trust::Content }
}

/// Where a DID's document is. Two kinds are used here; a name in one can hold nothing but a host.
fn document_url(did: &str, directory: &Url) -> Result<Url, String> {
    let bad = || format!("expected a DID such as did:plc:… or did:web:host.example, found {did:?}");
    if let Some(id) = did.strip_prefix("did:plc:") {
        let plain = id.len() == 24 && id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
        let url = Url::parse(&format!("{}/{did}", directory.as_str().trim_end_matches('/')));
        return url.ok().filter(|_| plain).ok_or_else(bad);
    }
    let host = did.strip_prefix("did:web:").ok_or_else(bad)?;
    let plain = host.contains('.') && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    Url::parse(&format!("https://{host}/.well-known/did.json")).ok().filter(|_| plain).ok_or_else(bad)
}

/// The data server that an account's document names; `handle`: the one that must be its own.
fn data_server(document: &Value, did: &str, handle: Option<&str>, configured: &Url) -> Result<Url, String> {
    if document["id"] != did {
        return Err(format!("expected the document of {did}, found that of {}", shown(&document["id"])));
    }
    if let Some(handle) = handle {
        let names = document["alsoKnownAs"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let own: Vec<&str> = names.filter_map(|name| name.strip_prefix("at://")).collect();
        if !own.iter().any(|name| name.eq_ignore_ascii_case(handle)) {
            let found = own.first().map_or_else(|| "none".to_owned(), |name| wire::excerpt(name));
            return Err(format!("expected the handle {handle} in the document of {did}, found {found}"));
        }
    }
    let services = document["service"].as_array().into_iter().flatten();
    let service = services.into_iter().find(|service| {
        service["type"] == "AtprotoPersonalDataServer"
            && service["id"].as_str().is_some_and(|id| id == "#atproto_pds" || id == format!("{did}#atproto_pds"))
    });
    let service = service.ok_or_else(|| format!("expected a data server in the document of {did}, found none"))?;
    origin(&service["serviceEndpoint"], "a data server", configured)
}

/// The one authorization server that a data server names.
fn issuer(resource: &Value, pds: &Url, configured: &Url) -> Result<Url, String> {
    let named = origin(&resource["resource"], "the data server's own name", configured)?;
    if named != *pds {
        return Err(format!("expected the metadata of {pds}, found those of {named}"));
    }
    match resource["authorization_servers"].as_array().map(Vec::as_slice) {
        Some([one]) => origin(one, "an authorization server", configured),
        other => Err(format!("expected one authorization server of {pds}, found {}", other.map_or(0, <[_]>::len))),
    }
}

/// An authorization server's metadata, where it is the issuer that was asked for and does all that the profile wants.
fn server(metadata: &Value, issuer: &Url, configured: &Url) -> Result<Server, String> {
    let named = metadata["issuer"].as_str().unwrap_or_default();
    // The very text: RFC 8414 section 3.3. An origin has no path, so a slash at its end is another name.
    let expected = issuer.as_str().trim_end_matches('/');
    if named != expected {
        return Err(format!("expected the issuer {expected}, found {}", shown(&metadata["issuer"])));
    }
    let has = |key: &str, wanted: &str| {
        metadata[key].as_array().is_some_and(|all| all.iter().any(|it| it == wanted)).then_some(()).ok_or_else(|| {
            format!("expected {wanted} in {key} of {expected}, found none: the account cannot be opened by consent")
        })
    };
    has("response_types_supported", "code")?;
    has("grant_types_supported", "authorization_code")?;
    has("grant_types_supported", "refresh_token")?;
    has("code_challenge_methods_supported", "S256")?;
    has("token_endpoint_auth_methods_supported", "none")?;
    has("dpop_signing_alg_values_supported", dpop::ALGORITHM)?;
    has("scopes_supported", SCOPES[0])?;
    for flag in [
        "authorization_response_iss_parameter_supported",
        "require_pushed_authorization_requests",
        "client_id_metadata_document_supported",
    ] {
        if metadata[flag] != true {
            return Err(format!("expected {flag} of {expected} to be true, found {}", shown(&metadata[flag])));
        }
    }
    let at = |key: &str| safe(&metadata[key], key, configured);
    Ok(Server {
        issuer: expected.to_owned(),
        authorize: at("authorization_endpoint")?,
        par: at("pushed_authorization_request_endpoint")?,
        token: at("token_endpoint")?,
        revoke: match &metadata["revocation_endpoint"] {
            Value::Null => None,
            _ => Some(at("revocation_endpoint")?),
        },
    })
}

/// A URL that is an origin: scheme, host and port, nothing else.
fn origin(value: &Value, what: &str, configured: &Url) -> Result<Url, String> {
    let url = safe(value, what, configured)?;
    if url.path() == "/" && url.query().is_none() {
        return Ok(url);
    }
    Err(format!("expected {what} without a path, found {}", shown(value)))
}

/// A URL over TLS; without it only on this machine, where the config itself names that very place.
fn safe(value: &Value, what: &str, configured: &Url) -> Result<Url, String> {
    let url = value.as_str().and_then(|text| Url::parse(text).ok());
    let url = url.ok_or_else(|| format!("expected {what} as a URL, found {}", shown(value)))?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none() && url.has_host();
    if plain && (url.scheme() == "https" || is_loopback(&url) && url.origin() == configured.origin()) {
        return Ok(url);
    }
    Err(format!("expected {what} over https, found {}", shown(value)))
}

/// Whether it is plain http to this machine.
pub fn is_loopback(url: &Url) -> bool {
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && here
}

/// What was found instead, for a person.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => format!("{:?}", wire::excerpt(text)),
        other => wire::excerpt(&other.to_string()),
    }
}

#[cfg(test)]
#[path = "discovery_tests.rs"]
mod tests;
