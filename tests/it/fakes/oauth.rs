//! An OAuth 2.0 authorization server as a fake platform has one: exact redirect URIs, PKCE with S256 and nothing less, codes
//! of 30 s that serve once, access tokens that run out, refresh tokens that are good for one use: the replay of a spent
//! one ends the whole grant, as RFC 9700 section 4.14.2 asks. Written from RFC 6749, 7636, 7009 and 9207; knows no
//! platform: paths and the words of refusals are the caller's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::http::{Reply, Request};

/// An app as it is registered.
#[derive(Clone, Debug)]
pub struct App {
    /// Its id.
    pub id: String,
    /// Its secret; `None`: a public client.
    pub secret: Option<String>,
    /// Its redirect URIs, to the letter.
    pub redirects: Vec<String>,
}

#[derive(Clone, Debug)]
struct Code {
    app: String,
    redirect: String,
    challenge: String,
    scope: String,
    account: String,
    until: Timestamp,
    /// The grant it was traded for: one that comes twice ends it.
    grant: Option<usize>,
}

#[derive(Clone, Debug)]
struct Grant {
    app: String,
    account: String,
    scope: String,
    refresh: String,
    spent: BTreeSet<String>,
    access: BTreeMap<String, Timestamp>,
    ended: bool,
}

/// The server.
#[derive(Debug)]
pub struct OAuth {
    /// The apps it knows.
    pub apps: Vec<App>,
    /// Who is signed in at its page and allows everything; `None`: nothing is allowed.
    pub person: Option<String>,
    /// The issuer that it names in its answers (RFC 9207).
    pub issuer: Option<String>,
    /// How long an access token is good. X: two hours.
    pub life: Duration,
    codes: BTreeMap<String, Code>,
    grants: Vec<Grant>,
    /// Makes what it gives its own: no two servers give the same.
    mark: String,
    next: u64,
    /// Every refusal of its token endpoint, in words.
    pub refused: Vec<String>,
}

/// Codes live 30 s. Source: X's page on the authorization code flow, 2026-08.
const CODE_LIFE: SignedDuration = SignedDuration::from_secs(30);

impl OAuth {
    /// Without apps; `newsroom` is signed in.
    pub fn new() -> Self {
        Self {
            apps: Vec::new(),
            person: Some("newsroom".to_owned()),
            issuer: None,
            life: Duration::from_secs(7200),
            codes: BTreeMap::new(),
            grants: Vec::new(),
            mark: uuid::Uuid::now_v7().simple().to_string()[20..].to_owned(),
            next: 0,
            refused: Vec::new(),
        }
    }

    fn fresh(&mut self, what: &str) -> String {
        self.next += 1;
        format!("{what}.{}.{}", self.mark, self.next)
    }

    /// How many grants were ever given.
    pub fn given(&self) -> usize {
        self.grants.len()
    }

    /// How many of them are alive.
    pub fn alive(&self) -> usize {
        self.grants.iter().filter(|grant| !grant.ended).count()
    }

    /// Every code and token there ever was: what may stand in no log and no address but the code's own.
    pub fn secrets(&self) -> Vec<String> {
        let tokens = self.grants.iter().flat_map(|grant| {
            grant.access.keys().chain(&grant.spent).cloned().chain([grant.refresh.clone()]).collect::<Vec<_>>()
        });
        tokens.chain(self.codes.keys().cloned()).collect()
    }

    /// All access tokens run out now, their refresh tokens stay good.
    pub fn run_out(&mut self) {
        for grant in &mut self.grants {
            for until in grant.access.values_mut() {
                *until = Timestamp::UNIX_EPOCH;
            }
        }
    }

    /// The page where a person consents. What cannot be sent back (an unknown client or redirect URI) is shown; anything
    /// else goes back as an error.
    pub fn authorize(&mut self, request: &Request, now: Timestamp) -> Reply {
        let mut names: Vec<&str> = request.query.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Reply::text(400, "text/html", "a parameter twice");
        }
        let get = |name: &str| request.query(name).unwrap_or_default().to_owned();
        let redirect = get("redirect_uri");
        let known = self.apps.iter().any(|app| app.id == get("client_id") && app.redirects.contains(&redirect));
        let Some(mut to) = Url::parse(&redirect).ok().filter(|_| known) else {
            return Reply::text(400, "text/html", "no such client, or not its redirect_uri");
        };
        let state = get("state");
        let refusal = if get("response_type") != "code" {
            Some("unsupported_response_type")
        } else if state.is_empty() || state.len() > 500 || get("code_challenge").len() != 43 {
            // 43 characters: SHA-256 in Base64 without padding.
            Some("invalid_request")
        } else if get("code_challenge_method") != "S256" {
            Some("invalid_request")
        } else if get("scope").is_empty() {
            Some("invalid_scope")
        } else if self.person.is_none() {
            Some("access_denied")
        } else {
            None
        };
        match refusal {
            Some(error) => {
                to.query_pairs_mut().append_pair("error", error);
            }
            None => {
                let word = self.fresh("code");
                let code = Code {
                    app: get("client_id"),
                    redirect: redirect.clone(),
                    challenge: get("code_challenge"),
                    scope: get("scope"),
                    account: self.person.clone().unwrap_or_default(),
                    until: now + CODE_LIFE,
                    grant: None,
                };
                to.query_pairs_mut().append_pair("code", &word);
                self.codes.insert(word, code);
            }
        }
        to.query_pairs_mut().append_pair("state", &state);
        if let Some(issuer) = &self.issuer {
            to.query_pairs_mut().append_pair("iss", issuer);
        }
        Reply::empty(302).header("Location", to.as_str())
    }

    /// The app that a request of the token endpoint proves to be.
    fn app(&self, request: &Request, form: &BTreeMap<String, String>) -> Option<App> {
        let basic = request.header("authorization").and_then(|value| value.strip_prefix("Basic "));
        let pair = basic.and_then(|value| STANDARD.decode(value).ok()).and_then(|pair| String::from_utf8(pair).ok());
        let (id, secret) = match &pair {
            Some(pair) => {
                // Each half is encoded as in a form: RFC 6749 section 2.3.1.
                let (id, secret) = pair.split_once(':')?;
                let plain = |text: &str| {
                    let text = text.replace('+', " ");
                    percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
                };
                (plain(id), Some(plain(secret)))
            }
            None if request.header("authorization").is_some() => return None,
            None => (form.get("client_id")?.clone(), form.get("client_secret").cloned()),
        };
        self.apps.iter().find(|app| app.id == id && app.secret == secret).cloned()
    }

    fn refuse(&mut self, status: u16, error: &str, why: &str) -> Reply {
        self.refused.push(format!("{error}: {why}"));
        Reply::json(status, &json!({"error": error, "error_description": why})).header("Cache-Control", "no-store")
    }

    /// The token endpoint. `spent` is the error's word for a refresh token that is not good.
    pub fn token(&mut self, request: &Request, now: Timestamp, spent: &str) -> Reply {
        let Some(form) = form(request) else {
            return self.refuse(400, "invalid_request", "the body is no form with each name once");
        };
        let Some(app) = self.app(request, &form) else {
            return self.refuse(401, "invalid_client", "unknown client, or wrong secret");
        };
        let get = |name: &str| form.get(name).cloned().unwrap_or_default();
        match get("grant_type").as_str() {
            "authorization_code" => {
                let Some(code) = self.codes.get(&get("code")).cloned() else {
                    return self.refuse(400, "invalid_grant", "unknown code");
                };
                if let Some(grant) = code.grant {
                    // RFC 6749 section 4.1.2: what was given for it before ends too.
                    self.grants[grant].ended = true;
                    return self.refuse(400, "invalid_grant", "the code was used");
                }
                let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(get("code_verifier")));
                let why = if code.until <= now {
                    "the code is too old"
                } else if code.app != app.id {
                    "the code is another client's"
                } else if code.redirect != get("redirect_uri") {
                    "another redirect_uri"
                } else if digest != code.challenge {
                    "wrong code_verifier"
                } else {
                    ""
                };
                if !why.is_empty() {
                    return self.refuse(400, "invalid_grant", why);
                }
                let grant = Grant {
                    app: app.id,
                    account: code.account.clone(),
                    scope: code.scope.clone(),
                    refresh: String::new(),
                    spent: BTreeSet::new(),
                    access: BTreeMap::new(),
                    ended: false,
                };
                self.grants.push(grant);
                let at = self.grants.len() - 1;
                self.codes.get_mut(&get("code")).expect("it was there").grant = Some(at);
                self.give(at, now)
            }
            "refresh_token" => {
                let token = get("refresh_token");
                let of =
                    |grant: &Grant| grant.app == app.id && (grant.refresh == token || grant.spent.contains(&token));
                let Some(at) = self.grants.iter().position(of).filter(|_| !token.is_empty()) else {
                    return self.refuse(400, spent, "unknown refresh token");
                };
                if self.grants[at].ended {
                    return self.refuse(400, spent, "the grant has ended");
                }
                if self.grants[at].spent.contains(&token) {
                    self.grants[at].ended = true;
                    return self.refuse(400, spent, "a spent refresh token came again: the grant has ended");
                }
                self.give(at, now)
            }
            _ => self.refuse(400, "unsupported_grant_type", "neither a code nor a refresh token"),
        }
    }

    fn give(&mut self, at: usize, now: Timestamp) -> Reply {
        let (access, refresh) = (self.fresh("access"), self.fresh("refresh"));
        let until = now + SignedDuration::try_from(self.life).expect("a test's tokens do not live for ever");
        let life = self.life.as_secs();
        let grant = &mut self.grants[at];
        let offline = grant.scope.split(' ').any(|scope| scope == "offline.access");
        let old = std::mem::replace(&mut grant.refresh, refresh.clone());
        if !old.is_empty() {
            grant.spent.insert(old);
        }
        grant.access.insert(access.clone(), until);
        let mut json =
            json!({"token_type": "bearer", "expires_in": life, "access_token": access, "scope": grant.scope});
        if offline {
            json["refresh_token"] = Value::String(refresh);
        }
        Reply::json(200, &json).header("Cache-Control", "no-store")
    }

    /// The revocation endpoint (RFC 7009): either token ends the grant; one that is not known is as good as revoked.
    pub fn revoke(&mut self, request: &Request) -> Reply {
        let Some(form) = form(request) else { return self.refuse(400, "invalid_request", "the body is no form") };
        let Some(app) = self.app(request, &form) else {
            return self.refuse(401, "invalid_client", "unknown client, or wrong secret");
        };
        let token = form.get("token").cloned().unwrap_or_default();
        for grant in self.grants.iter_mut().filter(|grant| grant.app == app.id) {
            if grant.refresh == token || grant.access.contains_key(&token) {
                grant.ended = true;
            }
        }
        Reply::json(200, &json!({"revoked": true}))
    }

    /// Whose an access token is, and its scopes.
    pub fn holder(&self, token: &str, now: Timestamp) -> Result<(String, String), String> {
        let grant = self.grants.iter().find(|grant| grant.access.contains_key(token)).ok_or("unknown token")?;
        if grant.ended {
            return Err("the grant has ended".to_owned());
        }
        if grant.access[token] <= now {
            return Err("the token has run out".to_owned());
        }
        Ok((grant.account.clone(), grant.scope.clone()))
    }
}

/// A form with each name once.
fn form(request: &Request) -> Option<BTreeMap<String, String>> {
    if request.content_type() != "application/x-www-form-urlencoded" || !request.query.is_empty() {
        return None;
    }
    let mut form = BTreeMap::new();
    for (name, value) in request.form() {
        if form.insert(name, value).is_some() {
            return None;
        }
    }
    Some(form)
}
