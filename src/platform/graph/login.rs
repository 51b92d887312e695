//! Signing in: the dialog's address, and the ways from a code to a token that lasts. The code flow is secured by the app's
//! secret, the exact redirect URI and the one-time state: Instagram and Threads document no PKCE, and Facebook has it for
//! OpenID sign-ins only, marked as in testing.
//! Source: Meta's "Manually build a login flow" and "Long-lived tokens" guides; Threads' and Instagram's token pages; as of 2026-09.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::super::wire;
use super::{Pairs, Said, Wire, id_of, read};
use crate::http::Call;
use crate::model::grant::Grant;
use crate::platform::consent::{Asked, Back, Proof, RenewError, Way};
use crate::platform::{ConnectError, Context, PublishError};

/// A token of Instagram or Threads must be so old before it is renewed. Source: their token pages, as of 2026-09.
const RIPE: SignedDuration = SignedDuration::from_hours(24);

/// Pages of a person that are read: 10 times 100.
const LISTS: usize = 10;

/// A developer app on one of Meta's servers.
pub struct App<'a> {
    /// The network and the clock.
    pub cx: &'a Context<'a>,
    /// Its number.
    pub id: &'a str,
    /// Its secret.
    pub secret: &'a SecretString,
}

/// A token and its end.
pub struct Token {
    /// Opens the account.
    pub access: SecretString,
    /// When it runs out; `None`: never, or it was not said.
    pub expires: Option<Timestamp>,
    /// The account's id, where it was said.
    pub user: Option<String>,
    /// The scopes granted, where they were said.
    pub scope: String,
}

impl Token {
    /// As it is kept.
    pub fn grant(self, now: Timestamp) -> Grant {
        let mut grant = Grant { issued: Some(now), expires: self.expires, scope: self.scope, ..Grant::of(self.access) };
        grant.own.extend(self.user.map(|user| ("user".to_owned(), user)));
        grant
    }
}

/// The page a person opens.
///
/// # Errors
/// Where that is no address.
pub fn dialog(server: &Url, path: &str, client: &str, way: &Way, scope: &str) -> Result<Asked, ConnectError> {
    let mut url = wire::endpoint(server, path).map_err(|e| ConnectError::Refused(e.to_string()))?;
    url.query_pairs_mut()
        .append_pair("client_id", client)
        .append_pair("redirect_uri", way.redirect.as_str())
        .append_pair("scope", scope)
        .append_pair("response_type", "code")
        .append_pair("state", &way.state);
    Ok(Asked { url, proof: Proof::default(), issuer: None })
}

/// The code as it is traded: some of Meta's dialogs put `#_` or `#_=_` behind it.
pub fn code(back: &Back) -> SecretString {
    let code = back.code.expose_secret().trim();
    SecretString::from(code.split('#').next().unwrap_or(code).to_owned())
}

impl App<'_> {
    /// Trades by a form: nothing secret stands in an address.
    ///
    /// # Errors
    /// In words for a person.
    pub async fn trade(&self, server: &Url, path: &str, form: &Pairs<'_>) -> Result<Value, ConnectError> {
        let said = self.form(server, path, form).await.map_err(connect)?;
        said.map_err(|fault| ConnectError::Refused(fault.said()))
    }

    async fn form(&self, server: &Url, path: &str, form: &Pairs<'_>) -> Result<Said, PublishError> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut call = Call::new(reqwest::Method::POST, wire::endpoint(server, path)?)
            .header("accept", "application/json")
            .body("application/x-www-form-urlencoded", body);
        call.timeout = wire::scaled(self.cx, WITHIN);
        let answer = self.cx.http.change(call).await.map_err(wire::unanswered)?;
        let secrets: Vec<SecretString> =
            form.iter().map(|(_, value)| SecretString::from((*value).to_owned())).collect();
        // What is secret of a form is long; short values (a grant's type) may stand in a sentence.
        let long: Vec<&SecretString> = secrets.iter().filter(|it| it.expose_secret().len() > 24).collect();
        read(&answer, self.cx.clock.now(), &long)
    }

    /// Trades by a query, where the endpoint is documented as a `GET` only. The address is shown nowhere.
    ///
    /// # Errors
    /// Where no answer of the API came.
    pub async fn ask(&self, server: &Url, path: &str, query: &Pairs<'_>) -> Result<Said, PublishError> {
        ask(self.cx, server, path, query).await
    }

    /// A person's long-lived token out of the code of Facebook's dialog: code → short → long.
    ///
    /// # Errors
    /// In words for a person.
    pub async fn facebook(&self, server: &Url, version: &str, way: &Way, back: &Back) -> Result<Token, ConnectError> {
        let path = format!("/{version}/oauth/access_token");
        let code = code(back);
        let form = [
            ("client_id", self.id),
            ("client_secret", self.secret.expose_secret()),
            ("redirect_uri", way.redirect.as_str()),
            ("code", code.expose_secret()),
        ];
        let short = token(&self.trade(server, &path, &form).await?, self.cx.clock.now())?;
        let form = [
            ("grant_type", "fb_exchange_token"),
            ("client_id", self.id),
            ("client_secret", self.secret.expose_secret()),
            ("fb_exchange_token", short.access.expose_secret()),
        ];
        token(&self.trade(server, &path, &form).await?, self.cx.clock.now())
    }

    /// The Pages of a person, each with its own token.
    ///
    /// # Errors
    /// In words for a person.
    pub async fn pages(
        &self,
        server: &Url,
        version: &str,
        person: &Token,
        fields: &str,
    ) -> Result<Vec<Value>, ConnectError> {
        let prefix = format!("/{version}");
        let wire = Wire::new(self.cx, server, &prefix, person.access.clone(), Some(self.secret), WITHIN);
        let (mut pages, mut after) = (Vec::new(), None::<String>);
        for _ in 0..LISTS {
            let mut query = vec![("fields", fields), ("limit", "100")];
            query.extend(after.as_deref().map(|cursor| ("after", cursor)));
            let answer = wire.get("/me/accounts", &query).await.map_err(connect)?;
            let answer = answer.map_err(|fault| ConnectError::Refused(fault.said()))?;
            pages.extend(answer["data"].as_array().into_iter().flatten().cloned());
            let next = answer["paging"]["next"].is_string();
            after = answer["paging"]["cursors"]["after"].as_str().filter(|_| next).map(str::to_owned);
            if after.is_none() {
                break;
            }
        }
        Ok(pages)
    }

    /// What the server says of a token: whether it is good, until when, for what.
    pub async fn debug(&self, server: &Url, version: &str, of: &SecretString) -> Option<Value> {
        let own = format!("{}|{}", self.id, self.secret.expose_secret());
        let query = [("input_token", of.expose_secret()), ("access_token", own.as_str())];
        let answer = self.ask(server, &format!("/{version}/debug_token"), &query).await.ok()?.ok()?;
        answer.get("data").cloned()
    }
}

/// How long one call of a sign-in may take.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(25);

async fn ask(cx: &Context<'_>, server: &Url, path: &str, query: &Pairs<'_>) -> Result<Said, PublishError> {
    let mut url = wire::endpoint(server, path)?;
    url.query_pairs_mut().extend_pairs(query);
    let mut call = Call::get(url).header("accept", "application/json");
    call.timeout = wire::scaled(cx, WITHIN);
    let answer = cx.http.read(call).await.map_err(wire::unanswered)?;
    let secrets: Vec<SecretString> = query.iter().map(|(_, value)| SecretString::from((*value).to_owned())).collect();
    let long: Vec<&SecretString> = secrets.iter().filter(|it| it.expose_secret().len() > 24).collect();
    read(&answer, cx.clock.now(), &long)
}

/// Renews a 60-day token of Instagram or Threads: the old one opens the way to the new one, there is no other key.
///
/// # Errors
/// [`RenewError`] says whether trying again can help.
pub async fn renew(cx: &Context<'_>, server: &Url, grant_type: &str, grant: &Grant) -> Result<Grant, RenewError> {
    let now = cx.clock.now();
    ripe(grant, now)?;
    let query = [("grant_type", grant_type), ("access_token", grant.access.expose_secret())];
    let answer = match ask(cx, server, "/refresh_access_token", &query).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(fault)) => {
            return Err(match super::fault::common(&fault) {
                // The old token holds on until its own end, and renewing it twice does no harm.
                Some(PublishError::RateLimited { .. }) => RenewError::Later(fault.said()),
                Some(PublishError::Unknown { .. }) => RenewError::Lost(fault.said()),
                _ => RenewError::Spent(fault.said()),
            });
        }
        Err(PublishError::NotSent { said }) => return Err(RenewError::Later(said)),
        Err(other) => return Err(RenewError::Lost(other.to_string())),
    };
    let new = token(&answer, now).map_err(|e| RenewError::Lost(e.to_string()))?;
    let scope = if new.scope.is_empty() { grant.scope.clone() } else { new.scope };
    Ok(Grant { issued: Some(now), expires: new.expires, scope, own: grant.own.clone(), ..Grant::of(new.access) })
}

/// Whether a grant may be renewed now.
fn ripe(grant: &Grant, now: Timestamp) -> Result<(), RenewError> {
    if grant.expires.is_some_and(|end| end <= now) {
        return Err(RenewError::Spent("the token has run out: only a person can make a new one".to_owned()));
    }
    if grant.issued.is_some_and(|at| now < at + RIPE) {
        return Err(RenewError::Declined("a token is renewed only once it is 24 hours old".to_owned()));
    }
    Ok(())
}

/// Reads the answer of a trade.
///
/// # Errors
/// Where it holds no token.
pub fn token(answer: &Value, now: Timestamp) -> Result<Token, ConnectError> {
    // Instagram's code endpoint wraps its answer in a list.
    let answer = answer["data"].get(0).unwrap_or(answer);
    let access = answer["access_token"].as_str().filter(|text| !text.is_empty());
    let Some(access) = access else {
        return Err(ConnectError::Unreachable("expected an access_token, found none".to_owned()));
    };
    let seconds = answer["expires_in"].as_i64().filter(|seconds| *seconds > 0);
    let expires = seconds.and_then(|seconds| now.checked_add(SignedDuration::from_secs(seconds)).ok());
    let scope = match &answer["permissions"] {
        Value::String(text) => text.replace(',', " "),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    };
    let access = SecretString::from(access.to_owned());
    Ok(Token { access, expires, user: id_of(&answer["user_id"]), scope })
}

/// A failed call in words for a person.
pub fn connect(error: PublishError) -> ConnectError {
    super::introduce(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_has_the_way_back_and_the_state() {
        let way = Way { redirect: Url::parse("https://desk.example/back?a=1").unwrap(), state: "s".to_owned() };
        let server = Url::parse("https://www.facebook.com").unwrap();
        let asked = dialog(&server, "/v26.0/dialog/oauth", "7", &way, "a,b").unwrap();
        assert_eq!(
            asked.url.as_str(),
            "https://www.facebook.com/v26.0/dialog/oauth?client_id=7&redirect_uri=https%3A%2F%2Fdesk.example%2Fback%3Fa%3D1\
             &scope=a%2Cb&response_type=code&state=s"
        );
    }

    #[test]
    fn a_code_loses_what_the_dialog_hung_on_it() {
        for (sent, code_is) in [("AQD1", "AQD1"), ("AQD1#_", "AQD1"), (" AQD1#_=_\n", "AQD1")] {
            let back = Back { code: SecretString::from(sent), proof: Proof::default() };
            assert_eq!(code(&back).expose_secret(), code_is);
        }
    }

    #[test]
    fn answers_of_all_three_are_read() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let day = |text: &str| text.parse::<Timestamp>().ok();
        for (answer, user, expires, scope) in [
            (
                serde_json::json!({"access_token": "t", "token_type": "bearer", "expires_in": 5_184_000}),
                None,
                day("2027-01-24T12:00:00Z"),
                "",
            ),
            (serde_json::json!({"access_token": "t", "user_id": 17_841_405_u64}), Some("17841405"), None, ""),
            (
                serde_json::json!({"data": [{"access_token": "t", "user_id": "17", "permissions": "a,b"}]}),
                Some("17"),
                None,
                "a b",
            ),
            (serde_json::json!({"access_token": "t", "permissions": ["a", "b"], "expires_in": 0}), None, None, "a b"),
        ] {
            let token = token(&answer, now).unwrap();
            let found = (token.access.expose_secret(), token.user.as_deref(), token.expires, token.scope.as_str());
            assert_eq!(found, ("t", user, expires, scope));
        }
        assert!(token(&serde_json::json!({"access_token": ""}), now).is_err());
        assert!(token(&Value::Null, now).is_err());
    }

    #[test]
    fn a_young_token_waits_and_an_old_one_is_spent() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let grant = |issued: i64, expires: i64| Grant {
            issued: Some(now - SignedDuration::from_hours(issued)),
            expires: Some(now + SignedDuration::from_hours(expires)),
            ..Grant::of(SecretString::from("t"))
        };
        assert_eq!(ripe(&grant(24, 1), now), Ok(()));
        assert!(matches!(ripe(&grant(23, 1000), now), Err(RenewError::Declined(_))));
        assert!(matches!(ripe(&grant(1500, 0), now), Err(RenewError::Spent(_))));
        assert_eq!(ripe(&Grant::of(SecretString::from("t")), now), Ok(()));
    }
}
