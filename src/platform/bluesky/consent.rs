//! Opening an account by its owner's consent: the AT Protocol's profile of OAuth 2.1. The request is left with the server
//! before (PAR, RFC 9126), PKCE S256 binds the code to us, DPoP each token to a key of the grant's own; refresh tokens are
//! good for once.
//!
//! Bugle is known by a URL: that of its own metadata on the newsroom's public address, which `web` serves, or, where there
//! is none, the protocol's client for programs on a person's own machine. Page: <https://atproto.com/specs/oauth>.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use oauth2::PkceCodeChallenge;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::{Host, Url};

use super::discovery::{self, Found, SCOPES};
use super::dpop::{self, Key, Purpose};
use super::{Repo, SPEC, api, wire};
use crate::http::{Answer, Call, CallError};
use crate::model::grant::Grant;
use crate::platform::consent::{Asked, Back, CLIENT_PAGES, Choice, Consent, Proof, RenewError, Way};
use crate::platform::{ConnectError, Context};

/// Words of what is kept between asking and the answer, and beside a token. They are in stores: they do not change.
pub(super) const KEY: &str = "dpop_key";
pub(super) const DID: &str = "did";
pub(super) const PDS: &str = "pds";
const ISSUER: &str = "issuer";
const TOKEN: &str = "token_endpoint";
const REVOKE: &str = "revocation_endpoint";
const CLIENT: &str = "client_id";
const VERIFIER: &str = "verifier";

/// The words of a consent that its grant keeps.
const KEPT: [&str; 7] = [KEY, DID, PDS, ISSUER, TOKEN, REVOKE, CLIENT];

/// How long a grant of a client without a secret of its own can be renewed: then its owner has to consent again. 14 days;
/// source: <https://atproto.com/specs/oauth>, tokens and session lifetime, 2026-08.
const ENDS: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What proves that we are who asked: beside each request to the authorization server.
struct Hold<'a> {
    key: &'a Key,
    client: &'a str,
}

#[async_trait]
impl Consent for Repo {
    async fn ask(&self, cx: &Context<'_>, way: &Way) -> Result<Asked, ConnectError> {
        let client = client_id(&way.redirect).map_err(ConnectError::Refused)?;
        let Found { did, pds, server } = discovery::find(cx, &self.config).await?;
        let key = Key::fresh();
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let scope = SCOPES.join(" ");
        let pairs = [
            ("response_type", "code"),
            ("redirect_uri", way.redirect.as_str()),
            ("state", way.state.as_str()),
            ("scope", scope.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("login_hint", self.config.handle.as_str()),
        ];
        let hold = Hold { key: &key, client: &client };
        let answer = self.form(cx, &hold, &server.par, &pairs).await.map_err(|e| unreachable(&server.par, &e))?;
        let left = api::json_body(&answer.body);
        let request = match (answer.status, left["request_uri"].as_str()) {
            (200 | 201, Some(request)) if !request.is_empty() => request.to_owned(),
            _ => return Err(refused(&server.par, "takes no request", &answer, &[])),
        };
        let mut url = server.authorize.clone();
        url.query_pairs_mut().append_pair("client_id", &client).append_pair("request_uri", &request);
        let mut proof = Proof::default();
        let words = [
            (KEY, key.written()),
            (DID, did),
            (PDS, pds.to_string()),
            (ISSUER, server.issuer.clone()),
            (TOKEN, server.token.to_string()),
            (CLIENT, client),
            (VERIFIER, verifier.into_secret()),
        ];
        let revoke = server.revoke.map(|url| (REVOKE, url.to_string()));
        proof.0.extend(words.into_iter().chain(revoke).map(|(word, value)| (word.to_owned(), value)));
        // Whoever else answers to that state is not believed: RFC 9207.
        Ok(Asked { url, proof, issuer: Some(server.issuer) })
    }

    async fn exchange(&self, cx: &Context<'_>, way: &Way, back: &Back) -> Result<Vec<Choice>, ConnectError> {
        let word = |word: &str| back.proof.0.get(word).map(String::as_str).unwrap_or_default();
        let lost = || ConnectError::Refused("the proof of this consent is missing: connect again".to_owned());
        let key = Key::read(word(KEY)).ok_or_else(lost)?;
        let at = Url::parse(word(TOKEN)).map_err(|_| lost())?;
        let code = back.code.expose_secret().trim();
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", way.redirect.as_str()),
            ("code_verifier", word(VERIFIER)),
        ];
        let hold = Hold { key: &key, client: word(CLIENT) };
        let answer = self.form(cx, &hold, &at, &pairs).await.map_err(|e| unreachable(&at, &e))?;
        if answer.status != 200 {
            return Err(refused(&at, "refuses the code", &answer, &[code, word(VERIFIER)]));
        }
        let mut own = back.proof.0.clone();
        own.retain(|word, _| KEPT.contains(&word.as_str()));
        let now = cx.clock.now();
        let before = Grant { ends: now.checked_add(ENDS).ok(), own, ..Grant::of(SecretString::from("")) };
        let given = read(&answer, &before, now);
        match given {
            Ok(grant) => Ok(vec![Choice { id: word(DID).to_owned(), name: self.config.handle.clone(), grant }]),
            Err(said) => {
                // Good for somebody else, or for less: given back, as far as that goes.
                if let Some(token) = api::json_body(&answer.body)["access_token"].as_str() {
                    let grant = Grant { access: SecretString::from(token), ..before };
                    let _ = self.revoke(cx, &grant).await;
                }
                Err(ConnectError::Refused(said))
            }
        }
    }

    async fn renew(&self, cx: &Context<'_>, grant: &Grant) -> Result<Grant, RenewError> {
        let Some(refresh) = &grant.refresh else { return Err(RenewError::Never) };
        let (key, at) = held(grant, TOKEN).map_err(RenewError::Spent)?;
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose_secret())];
        let hold = Hold { key: &key, client: own(grant, CLIENT) };
        let answer = match self.form(cx, &hold, &at, &pairs).await {
            Ok(answer) => answer,
            Err(CallError::NotSent(said)) => return Err(RenewError::Later(said)),
            Err(CallError::Unclear(said)) => return Err(RenewError::Lost(said)),
        };
        if answer.status == 200 {
            // A 200 that gives no usable pair: the old one may be spent by it.
            return read(&answer, grant, cx.clock.now()).map_err(RenewError::Lost);
        }
        let code = api::json_body(&answer.body)["error"].as_str().map(str::to_owned);
        let secrets = [refresh.expose_secret(), grant.access.expose_secret()];
        let said = format!("{} refuses to renew: {}", place(&at), words(&answer, &secrets));
        Err(unrenewed(answer.status, code.as_deref(), said))
    }

    async fn revoke(&self, cx: &Context<'_>, grant: &Grant) -> Result<(), ConnectError> {
        let (key, at) = held(grant, REVOKE).map_err(ConnectError::Refused)?;
        let hold = Hold { key: &key, client: own(grant, CLIENT) };
        let tokens = [(grant.refresh.as_ref(), "refresh_token"), (Some(&grant.access), "access_token")];
        for (token, hint) in tokens {
            let Some(token) = token else { continue };
            let pairs = [("token", token.expose_secret()), ("token_type_hint", hint)];
            let answer = self.form(cx, &hold, &at, &pairs).await.map_err(|e| unreachable(&at, &e))?;
            // A token that is not known any more counts as taken back: RFC 7009 section 2.2.
            if !matches!(answer.status, 200 | 204) {
                let what = format!("does not take the {hint} back");
                return Err(refused(&at, &what, &answer, &[token.expose_secret()]));
            }
        }
        Ok(())
    }

    fn client_document(&self, id: &Url, redirects: &[Url]) -> Option<Value> {
        Some(document(id, redirects))
    }
}

impl Repo {
    /// A form to the authorization server, with the client's name and a proof.
    async fn form(
        &self,
        cx: &Context<'_>,
        hold: &Hold<'_>,
        at: &Url,
        pairs: &[(&str, &str)],
    ) -> Result<Answer, CallError> {
        // In one expression: the serializer may not be kept across the call.
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", hold.client)
            .extend_pairs(pairs)
            .finish();
        let mut call = Call::new(reqwest::Method::POST, at.clone())
            .header("accept", "application/json")
            .body("application/x-www-form-urlencoded", form);
        call.trust = discovery::trust(at, &self.config);
        // Short enough that a call refused for its nonce and the repeated one fit into what the engine allows.
        call.timeout = wire::scaled(cx, SPEC.deadline / 2);
        dpop::send(cx, (hold.key, &self.nonces), None, call, Purpose::Change).await
    }
}

/// How the protocol knows us: by the URL of our metadata beside the redirect, or on this machine by the redirect itself.
fn client_id(redirect: &Url) -> Result<String, String> {
    let base = redirect.as_str().split_once("/connect/callback/").map(|(base, _)| base);
    match (redirect.scheme(), redirect.host(), base) {
        ("https", Some(Host::Domain(_)), Some(base)) => Ok(format!("{base}{CLIENT_PAGES}{}.json", SPEC.id)),
        ("http", Some(Host::Ipv4(_) | Host::Ipv6(_)), Some(_)) if discovery::is_loopback(redirect) => {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("redirect_uri", redirect.as_str())
                .append_pair("scope", &SCOPES.join(" "))
                .finish();
            // Without a slash and with this name, whatever the port: the protocol's own spelling.
            Ok(format!("http://localhost?{query}"))
        }
        _ => Err(format!(
            "Bluesky takes a [web] public_url of https with a name, or on this machine http://127.0.0.1: found {redirect}"
        )),
    }
}

/// What a server reads about us under our client id.
fn document(id: &Url, redirects: &[Url]) -> Value {
    let mut home = id.clone();
    home.set_path("");
    json!({
        "client_id": id, "client_name": "Bugle", "client_uri": home, "application_type": "web",
        "redirect_uris": redirects, "response_types": ["code"],
        "grant_types": ["authorization_code", "refresh_token"], "scope": SCOPES.join(" "),
        "token_endpoint_auth_method": "none", "dpop_bound_access_tokens": true,
    })
}

/// A word that a grant keeps.
pub(super) fn own<'a>(grant: &'a Grant, word: &str) -> &'a str {
    grant.own.get(word).map(String::as_str).unwrap_or_default()
}

/// A grant's key, and one of its endpoints.
fn held(grant: &Grant, endpoint: &str) -> Result<(Key, Url), String> {
    let key = Key::read(own(grant, KEY)).ok_or("the key of this grant is missing: connect again")?;
    let at = Url::parse(own(grant, endpoint)).map_err(|_| format!("the server of this account names no {endpoint}"))?;
    Ok((key, at))
}

/// The grant of a token answer: bound to our key, of the account that was asked for, with what posting takes. What it does
/// not say stays as in the grant before.
fn read(answer: &Answer, before: &Grant, now: Timestamp) -> Result<Grant, String> {
    let body = api::json_body(&answer.body);
    let text = |name: &str| body[name].as_str().filter(|text| !text.trim().is_empty());
    let access = text("access_token").ok_or("expected an access_token, found none")?;
    // A bearer token would be good for whoever finds it.
    if !text("token_type").is_some_and(|it| it.eq_ignore_ascii_case("DPoP")) {
        return Err("expected a token of the type DPoP, found another".to_owned());
    }
    let (did, sub) = (own(before, DID), text("sub").unwrap_or_default());
    if sub != did || did.is_empty() {
        let found = if sub.is_empty() { "none".to_owned() } else { wire::excerpt(sub) };
        return Err(format!("expected a token of the account {did}, found one of {found}"));
    }
    let scope = text("scope").unwrap_or(&before.scope).to_owned();
    if let Some(missing) = SCOPES.into_iter().find(|wanted| !scope.split(' ').any(|it| it == *wanted)) {
        return Err(format!("expected the scope {missing}, which posting takes, found \"{}\"", wire::excerpt(&scope)));
    }
    let life = body["expires_in"].as_i64().filter(|seconds| *seconds > 0).map(SignedDuration::from_secs);
    Ok(Grant {
        refresh: text("refresh_token").map(SecretString::from).or_else(|| before.refresh.clone()),
        issued: Some(now),
        expires: life.and_then(|life| now.checked_add(life).ok()),
        ends: before.ends,
        scope,
        own: before.own.clone(),
        ..Grant::of(SecretString::from(access))
    })
}

/// The class of a renewal that was answered, but not with a token.
fn unrenewed(status: u16, code: Option<&str>, said: String) -> RenewError {
    match (status, code) {
        // A server that breaks may have spent the token before it did.
        (500.., _) | (200..=299, _) => RenewError::Lost(said),
        (400..=499, Some("invalid_grant")) => RenewError::Spent(said),
        // Too often, our metadata not to be had, a clock that is off, a proxy's word: the grant is as it was.
        _ => RenewError::Later(said),
    }
}

fn place(url: &Url) -> &str {
    url.host_str().unwrap_or("the server")
}

fn unreachable(at: &Url, error: &CallError) -> ConnectError {
    ConnectError::Unreachable(format!("no answer of {}: {error}", place(at)))
}

fn refused(at: &Url, what: &str, answer: &Answer, secrets: &[&str]) -> ConnectError {
    let said = format!("{} {what}: {}", place(at), words(answer, secrets));
    match answer.status {
        400 | 401 | 403 => ConnectError::Refused(said),
        _ => ConnectError::Unreachable(said),
    }
}

/// The server's own words, without any of these secrets in them.
fn words(answer: &Answer, secrets: &[&str]) -> String {
    let body = api::json_body(&answer.body);
    let word = |name: &str| body[name].as_str().unwrap_or_default();
    let mut said = match (word("error"), word("error_description")) {
        ("", _) => format!("status {} without an explanation that could be read", answer.status),
        (error, "") => error.to_owned(),
        (error, more) => format!("{error}: {more}"),
    };
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        said = said.replace(secret, "…");
    }
    wire::excerpt(&said)
}

#[cfg(test)]
#[path = "consent_tests.rs"]
mod tests;
