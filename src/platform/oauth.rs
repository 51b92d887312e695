//! OAuth 2.0 as most platforms speak it: the code flow with PKCE (S256) and a state of the caller's, a code traded for
//! a token, a token renewed, a token revoked. What a platform does otherwise (Meta's exchanges, a choice of pages) is in
//! its own folder; the state, the browser's session and where a grant is kept are `connect`'s.
//!
//! No error and no `Debug` of this file shows a token, a code or a secret, not even where the server repeats one.
//!
//! Pages: RFC 6749 (the flow), RFC 7636 (PKCE), RFC 7009 (revocation), RFC 9700 (what to watch for).

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use oauth2::basic::{BasicErrorResponse, BasicTokenType};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken,
    RequestTokenError, Scope, StandardRevocableToken, StandardTokenResponse, TokenResponse as _, TokenUrl,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::consent::{Asked, Back, Proof, RenewError, Way};
use super::{ConnectError, Context, wire};
use crate::http::{Answer, Call, CallError, Http};
use crate::model::grant::Grant;

/// How long one call to a token endpoint may take. 25 s: the common deadline of reliability.md section 1.
const DEADLINE: Duration = Duration::from_secs(25);

/// The word of the PKCE verifier in a [`Proof`].
const VERIFIER: &str = "verifier";

/// How the client proves who it is at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// HTTP Basic.
    Basic,
    /// `client_id` and `client_secret` in the form.
    Body,
}

/// An app as one authorization server knows it, and what the server differs in.
#[derive(Clone)]
pub struct Client {
    /// The page where a person consents.
    pub authorize: Url,
    /// Where codes and refresh tokens are traded.
    pub token: Url,
    /// The app's name there.
    pub id: String,
    /// What proves that we are that app; `None`: a public client, which PKCE alone protects.
    pub secret: Option<SecretString>,
    /// How the secret is sent.
    pub auth: ClientAuth,
    /// What is asked for, and no more.
    pub scopes: Vec<String>,
    /// What stands between scopes: a blank, by the standard; a comma at some.
    pub separator: char,
    /// Whether the server takes a PKCE challenge. One that ignores it may be sent it; `false` only where it refuses.
    pub pkce: bool,
    /// Further parameters of the consent page.
    pub extra: Vec<(String, String)>,
    /// Error codes beside `invalid_grant` by which this server says that a refresh token is spent.
    pub spent: &'static [&'static str],
}

impl Client {
    /// An app by the standard: HTTP Basic where there is a secret, blanks between scopes, PKCE.
    pub fn new(authorize: Url, token: Url, id: String, secret: Option<SecretString>, scopes: &str) -> Self {
        Self {
            authorize,
            token,
            id,
            secret,
            auth: ClientAuth::Basic,
            scopes: scopes.split_whitespace().map(str::to_owned).collect(),
            separator: ' ',
            pkce: true,
            extra: Vec::new(),
            spent: &[],
        }
    }

    /// Whom errors name.
    fn place(&self) -> &str {
        self.token.host_str().unwrap_or("the server")
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("authorize", &self.authorize.as_str())
            .field("token", &self.token.as_str())
            .field("id", &self.id)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// What a token endpoint says beside the standard's own words.
#[derive(Default, Serialize, Deserialize)]
struct Further {
    #[serde(default)]
    refresh_token_expires_in: Option<u64>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl std::fmt::Debug for Further {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Further")
    }
}

impl ExtraTokenFields for Further {}

type Answered = StandardTokenResponse<Further, BasicTokenType>;
type Inner = oauth2::Client<
    BasicErrorResponse,
    Answered,
    oauth2::basic::BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    oauth2::basic::BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;
type Refusal = RequestTokenError<CallError, BasicErrorResponse>;

/// A grant, and what else the token endpoint said: an id, a name.
#[derive(Debug)]
pub struct Given {
    /// The grant.
    pub grant: Grant,
    /// The other fields of the answer.
    pub rest: Map<String, Value>,
}

/// The page where the person consents, with the state the way has, and the proof to keep until the code is there.
pub fn ask(client: &Client, way: &Way) -> Asked {
    let state = way.state.clone();
    let inner = inner(client).set_redirect_uri(RedirectUrl::from_url(way.redirect.clone()));
    let mut request = inner.authorize_url(move || CsrfToken::new(state));
    if client.separator == ' ' {
        request = request.add_scopes(client.scopes.iter().cloned().map(Scope::new));
    } else if !client.scopes.is_empty() {
        request = request.add_extra_param("scope", client.scopes.join(&client.separator.to_string()));
    }
    for (name, value) in &client.extra {
        request = request.add_extra_param(name.clone(), value.clone());
    }
    let mut proof = Proof::default();
    if client.pkce {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        request = request.set_pkce_challenge(challenge);
        proof.0.insert(VERIFIER.to_owned(), verifier.into_secret());
    }
    Asked { url: request.url().0, proof, issuer: None }
}

/// Trades a code for a grant. A code works once.
///
/// # Errors
/// In words for a person.
pub async fn exchange(cx: &Context<'_>, client: &Client, way: &Way, back: &Back) -> Result<Grant, ConnectError> {
    Ok(trade(cx, client, way, back).await?.grant)
}

/// The same, with what else the server said.
///
/// # Errors
/// In words for a person.
pub async fn trade(cx: &Context<'_>, client: &Client, way: &Way, back: &Back) -> Result<Given, ConnectError> {
    let verifier = back.proof.0.get(VERIFIER);
    if client.pkce && verifier.is_none() {
        return Err(ConnectError::Refused("the proof of this consent is missing: connect again".to_owned()));
    }
    let inner = inner(client).set_redirect_uri(RedirectUrl::from_url(way.redirect.clone()));
    let sender = Sender::new(cx);
    let code = back.code.expose_secret().trim().to_owned();
    let mut request = inner.exchange_code(AuthorizationCode::new(code.clone()));
    if let Some(verifier) = verifier {
        request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier.clone()));
    }
    let secrets =
        [Some(code.as_str()), verifier.map(String::as_str), client.secret.as_ref().map(|s| s.expose_secret())];
    match request.request_async(&sender).await {
        Ok(answered) => given(&answered, client, None, cx.clock.now()).map_err(ConnectError::Refused),
        Err(refusal) => Err(unexchanged(client, refusal, &secrets)),
    }
}

/// Trades the grant's refresh token for a new pair. Called once at a time; what it gives is committed before it is used.
///
/// # Errors
/// `Never` without a refresh token; `Spent` where the server refuses it for good; `Lost` where the request may have
/// been carried out; else `Later`.
pub async fn renew(cx: &Context<'_>, client: &Client, grant: &Grant) -> Result<Grant, RenewError> {
    let Some(refresh) = &grant.refresh else { return Err(RenewError::Never) };
    let inner = inner(client);
    let sender = Sender::new(cx);
    let token = RefreshToken::new(refresh.expose_secret().to_owned());
    let secrets = [
        Some(refresh.expose_secret()),
        Some(grant.access.expose_secret()),
        client.secret.as_ref().map(|secret| secret.expose_secret()),
    ];
    let request = inner.exchange_refresh_token(&token);
    match request.request_async(&sender).await {
        // A 200 that gives no usable pair: the old one may be spent by it.
        Ok(answered) => match given(&answered, client, Some(grant), cx.clock.now()) {
            Ok(given) => Ok(given.grant),
            Err(said) => Err(RenewError::Lost(said)),
        },
        Err(refusal) => Err(unrenewed(client, refusal, sender.status(), &secrets)),
    }
}

/// Takes a grant back (RFC 7009): the refresh token first, which ends the whole grant where the server is right, then
/// the access token.
///
/// # Errors
/// In words for a person, where one of them may still work.
pub async fn revoke(cx: &Context<'_>, client: &Client, at: &Url, grant: &Grant) -> Result<(), ConnectError> {
    let tokens = [(grant.refresh.as_ref(), "refresh_token"), (Some(&grant.access), "access_token")];
    let secrets = [
        grant.refresh.as_ref().map(|token| token.expose_secret()),
        Some(grant.access.expose_secret()),
        client.secret.as_ref().map(|secret| secret.expose_secret()),
    ];
    for (token, hint) in tokens {
        let Some(token) = token else { continue };
        let call = revocation(cx, client, at, token, hint);
        let answer = cx.http.change(call).await.map_err(|e| {
            ConnectError::Unreachable(format!("cannot take the {hint} back at {}: {e}", client.place()))
        })?;
        revoked(&answer, client, hint, &secrets)?;
    }
    Ok(())
}

fn revocation(cx: &Context<'_>, client: &Client, at: &Url, token: &SecretString, hint: &str) -> Call {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", token.expose_secret()).append_pair("token_type_hint", hint);
    let mut call = Call::new(reqwest::Method::POST, at.clone()).header("accept", "application/json");
    match (&client.secret, client.auth) {
        (Some(secret), ClientAuth::Basic) => {
            // Each encoded as in a form before they are joined: RFC 6749 section 2.3.1.
            let part = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", part(&client.id), part(secret.expose_secret()));
            let value = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
            if let Ok(mut value) = reqwest::header::HeaderValue::from_str(&value) {
                value.set_sensitive(true);
                call.headers.insert(reqwest::header::AUTHORIZATION, value);
            }
        }
        (secret, _) => {
            form.append_pair("client_id", &client.id);
            if let Some(secret) = secret {
                form.append_pair("client_secret", secret.expose_secret());
            }
        }
    }
    call.timeout = wire::scaled(cx, DEADLINE);
    call.body(FORM, form.finish())
}

const FORM: &str = "application/x-www-form-urlencoded";

/// A token that is not known any more counts as taken back: the server answers 200 for it (RFC 7009 section 2.2).
fn revoked(answer: &Answer, client: &Client, hint: &str, secrets: &[Option<&str>]) -> Result<(), ConnectError> {
    if matches!(answer.status, 200 | 204) {
        return Ok(());
    }
    let said = wire::excerpt(&without(&answer.text(), secrets));
    Err(ConnectError::Refused(format!("{} does not take the {hint} back: {} {said}", client.place(), answer.status)))
}

fn inner(client: &Client) -> Inner {
    let auth = match client.auth {
        ClientAuth::Basic => AuthType::BasicAuth,
        ClientAuth::Body => AuthType::RequestBody,
    };
    let mut inner = oauth2::Client::new(ClientId::new(client.id.clone()));
    if let Some(secret) = &client.secret {
        inner = inner.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()));
    }
    inner
        .set_auth_type(auth)
        .set_auth_uri(AuthUrl::from_url(client.authorize.clone()))
        .set_token_uri(TokenUrl::from_url(client.token.clone()))
}

/// The grant that an answer gives. Where it renews an `old` one, what is not said stays as it was.
fn given(answered: &Answered, client: &Client, old: Option<&Grant>, now: Timestamp) -> Result<Given, String> {
    if *answered.token_type() != BasicTokenType::Bearer {
        return Err(format!("expected a bearer token from {}, found another kind", client.place()));
    }
    if answered.access_token().secret().trim().is_empty() {
        return Err(format!("expected a token from {}, found none", client.place()));
    }
    let after = |seconds: u64| {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
    };
    let fresh = answered.refresh_token().map(|token| SecretString::from(token.secret().as_str()));
    let further = answered.extra_fields();
    let ends = match (further.refresh_token_expires_in, &fresh) {
        (Some(seconds), _) => Some(after(seconds)),
        // The old refresh token goes on, and with it its end.
        (None, None) => old.and_then(|old| old.ends),
        (None, Some(_)) => None,
    };
    let scope = match answered.scopes() {
        // By the standard: left out where it is what was asked for.
        None => old.map_or_else(|| client.scopes.join(" "), |old| old.scope.clone()),
        Some(all) => {
            let all: Vec<&str> = all.iter().flat_map(|scope| scope.split(client.separator)).collect();
            all.join(" ")
        }
    };
    let grant = Grant {
        refresh: fresh.or_else(|| old.and_then(|old| old.refresh.clone())),
        issued: Some(now),
        expires: answered.expires_in().map(|life| after(life.as_secs())),
        ends,
        scope,
        own: old.map(|old| old.own.clone()).unwrap_or_default(),
        ..Grant::of(SecretString::from(answered.access_token().secret().as_str()))
    };
    Ok(Given { grant, rest: further.rest.clone() })
}

/// What a refused exchange is to a person.
fn unexchanged(client: &Client, refusal: Refusal, secrets: &[Option<&str>]) -> ConnectError {
    let place = client.place();
    match refusal {
        RequestTokenError::ServerResponse(said) => {
            ConnectError::Refused(format!("{place} refuses the code: {}", words(&said, secrets)))
        }
        RequestTokenError::Request(e) => ConnectError::Unreachable(format!("cannot ask {place} for a token: {e}")),
        // The body may hold the token itself: it is not repeated.
        RequestTokenError::Parse(..) => {
            ConnectError::Unreachable(format!("expected a token from {place}, found something else"))
        }
        RequestTokenError::Other(said) => {
            ConnectError::Unreachable(format!("cannot ask {place} for a token: {}", without(&said, secrets)))
        }
    }
}

/// What a refused renewal means for the grant.
fn unrenewed(client: &Client, refusal: Refusal, status: u16, secrets: &[Option<&str>]) -> RenewError {
    let place = client.place();
    match refusal {
        RequestTokenError::ServerResponse(said) => {
            let code = said.error().to_string();
            let words = format!("{place} refuses to renew: {}", words(&said, secrets));
            renewal(status, Some(&code), client.spent, words)
        }
        RequestTokenError::Request(CallError::NotSent(said)) => RenewError::Later(said),
        RequestTokenError::Request(CallError::Unclear(said)) => RenewError::Lost(said),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            let words = format!("expected a token from {place}, found status {status} and something else");
            renewal(status, None, client.spent, words)
        }
    }
}

/// The class of a renewal that was answered, but not with a token: by status and `error` (RFC 6749 section 5.2).
fn renewal(status: u16, code: Option<&str>, spent: &[&str], said: String) -> RenewError {
    match (status, code) {
        // Asked to wait: nothing was carried out.
        (429, _) => RenewError::Later(said),
        // A server that breaks, gives up waiting or points elsewhere may have spent the token before it did.
        (500.., _) | (200..=399, _) | (408, _) => RenewError::Lost(said),
        (400..=499, Some("invalid_grant")) => RenewError::Spent(said),
        (400..=499, Some(code)) if spent.contains(&code) => RenewError::Spent(said),
        // The app's own keys are refused (invalid_client, unauthorized_client …): the grant is as it was.
        (400..=499, Some("temporarily_unavailable")) => RenewError::Later(said),
        (400..=499, Some(_)) => RenewError::Declined(said),
        // A wall or a proxy: not the token endpoint's word.
        _ => RenewError::Later(said),
    }
}

/// The server's own words.
fn words(said: &BasicErrorResponse, secrets: &[Option<&str>]) -> String {
    let more = said.error_description().map(|text| format!(": {text}")).unwrap_or_default();
    wire::excerpt(&without(&format!("{}{more}", said.error()), secrets))
}

/// A text of the server's without any of these secrets in it.
fn without(text: &str, secrets: &[Option<&str>]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().flatten().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "…");
    }
    text
}

/// Our own client in the shape the flow's crate asks for.
struct Sender {
    http: Http,
    timeout: Duration,
    status: AtomicU16,
}

impl Sender {
    fn new(cx: &Context<'_>) -> Self {
        Self { http: cx.http.clone(), timeout: wire::scaled(cx, DEADLINE), status: AtomicU16::new(0) }
    }

    /// The status of the last answer; 0: none.
    fn status(&self) -> u16 {
        self.status.load(Ordering::Relaxed)
    }
}

impl<'c> oauth2::AsyncHttpClient<'c> for Sender {
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, CallError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let mut call = translate(request)?;
            call.timeout = self.timeout;
            let answer = self.http.change(call).await?;
            self.status.store(answer.status, Ordering::Relaxed);
            let mut response = HttpResponse::new(answer.body);
            // A status that is none cannot have come over HTTP.
            *response.status_mut() = reqwest::StatusCode::from_u16(answer.status)
                .map_err(|e| CallError::Unclear(format!("expected a status, found {}: {e}", answer.status)))?;
            *response.headers_mut() = answer.headers;
            Ok(response)
        })
    }
}

/// A request of the flow's crate as one of ours.
fn translate(request: HttpRequest) -> Result<Call, CallError> {
    let (head, body) = request.into_parts();
    let url = Url::parse(&head.uri.to_string()).map_err(|e| CallError::NotSent(format!("expected a URL: {e}")))?;
    let mut call = Call::new(head.method, url);
    let kind = head.headers.get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok().map(str::to_owned));
    call.headers = head.headers;
    call.headers.remove(reqwest::header::CONTENT_TYPE);
    if let Some(value) = call.headers.get_mut(reqwest::header::AUTHORIZATION) {
        value.set_sensitive(true);
    }
    call.body = Some((kind.unwrap_or_else(|| FORM.to_owned()), body));
    Ok(call)
}

#[cfg(test)]
#[path = "oauth_tests.rs"]
mod tests;
