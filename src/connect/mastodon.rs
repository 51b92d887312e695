//! Opening a Mastodon account: an app registered with the instance, the person's consent in a browser, the code traded
//! for a token. Code flow with PKCE (S256); the code is shown by the instance and typed by the person, so there is no
//! redirect and nothing listens.
//!
//! Pages: <https://docs.joinmastodon.org/methods/apps/#create>, <https://docs.joinmastodon.org/methods/oauth/>.

use std::future::Future;
use std::pin::Pin;

use oauth2::basic::{BasicClient, BasicErrorResponseType};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse as _,
    TokenUrl,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use crate::http::{Answer, Call, CallError, Http};
use crate::model::grant::Grant;
use crate::platform::ConnectError;

/// The code is shown to the person instead of being sent anywhere.
const SHOWN: &str = "urn:ietf:wg:oauth:2.0:oob";

/// What posting, editing, deleting and looking up take, and no more.
const SCOPES: &str = "read:accounts read:statuses write:statuses write:media";

/// The same on servers that know no parts of scopes.
const WIDE_SCOPES: &str = "read write";

/// Bugle as registered with one instance.
#[derive(Clone)]
pub struct App {
    /// The instance.
    pub server: Url,
    /// Its name for us.
    pub client_id: String,
    /// What proves that we are that.
    pub client_secret: SecretString,
    /// The scopes it was registered with, blanks between.
    pub scopes: String,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("server", &self.server.as_str())
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// A consent under way.
pub struct Asked {
    /// The page the person opens; it shows a code after consent.
    pub url: Url,
    /// Proves to the instance that the code comes back to who asked; needed by [`exchange`].
    pub verifier: SecretString,
}

/// Registers Bugle with an instance.
///
/// # Errors
/// In words for a person.
pub async fn register(http: &Http, server: &Url) -> Result<App, ConnectError> {
    let narrow = registration(http, server, SCOPES).await?;
    if let Some(app) = app(&narrow, server, SCOPES) {
        return Ok(app);
    }
    // Servers that know no parts of scopes refuse them: ask for the whole.
    let wide = if matches!(narrow.status, 400 | 422) { registration(http, server, WIDE_SCOPES).await? } else { narrow };
    app(&wide, server, WIDE_SCOPES).ok_or_else(|| {
        let said = format!("{server} does not register apps: expected a client id, found status {}", wide.status);
        ConnectError::Unreachable(said)
    })
}

/// The page where the person consents, and the proof to keep until the code is there.
///
/// # Errors
/// Where the server's address makes no URL.
pub fn authorize_url(app: &App) -> Result<Asked, ConnectError> {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let client = client(app)?;
    let scopes = app.scopes.split_whitespace().map(|scope| Scope::new(scope.to_owned()));
    let (url, _state) =
        client.authorize_url(CsrfToken::new_random).add_scopes(scopes).set_pkce_challenge(challenge).url();
    Ok(Asked { url, verifier: SecretString::from(verifier.into_secret()) })
}

/// Trades the code that the person typed for a token. A code works once.
///
/// # Errors
/// In words for a person.
pub async fn exchange(http: &Http, app: &App, code: &str, verifier: &SecretString) -> Result<Grant, ConnectError> {
    let client = client(app)?;
    let send = Sender(http.clone());
    let answer = client
        .exchange_code(AuthorizationCode::new(code.trim().to_owned()))
        .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose_secret().to_owned()))
        .request_async(&send)
        .await
        .map_err(|e| refused(&app.server, e))?;
    let scope = answer.scopes().map(|all| all.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "));
    let access = SecretString::from(answer.access_token().secret().as_str());
    Ok(Grant { scope: scope.unwrap_or_default(), ..Grant::of(access) })
}

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

fn client(app: &App) -> Result<Client, ConnectError> {
    let at = |path: &str| format!("{}{path}", app.server.as_str().trim_end_matches('/'));
    let wrong =
        |e: url::ParseError| ConnectError::Unreachable(format!("expected a server's URL, found {}: {e}", app.server));
    Ok(BasicClient::new(ClientId::new(app.client_id.clone()))
        .set_client_secret(ClientSecret::new(app.client_secret.expose_secret().to_owned()))
        // In the form, not in a header: what the documents show, and all that the smaller servers read.
        .set_auth_type(AuthType::RequestBody)
        .set_auth_uri(AuthUrl::new(at("/oauth/authorize")).map_err(wrong)?)
        .set_token_uri(TokenUrl::new(at("/oauth/token")).map_err(wrong)?)
        .set_redirect_uri(RedirectUrl::new(SHOWN.to_owned()).expect("a constant URL")))
}

async fn registration(http: &Http, server: &Url, scopes: &str) -> Result<Answer, ConnectError> {
    let wrong = |e: url::ParseError| ConnectError::Unreachable(format!("expected a server's URL, found {server}: {e}"));
    let url = Url::parse(&format!("{}/api/v1/apps", server.as_str().trim_end_matches('/'))).map_err(wrong)?;
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_name", "Bugle")
        .append_pair("redirect_uris", SHOWN)
        .append_pair("scopes", scopes)
        .finish();
    let call = Call::new(reqwest::Method::POST, url)
        .header("accept", "application/json")
        .body("application/x-www-form-urlencoded", form);
    http.change(call).await.map_err(|e| ConnectError::Unreachable(format!("cannot register with {server}: {e}")))
}

fn app(answer: &Answer, server: &Url, scopes: &str) -> Option<App> {
    let body: Value = serde_json::from_slice(&answer.body).ok().filter(|_| matches!(answer.status, 200 | 201))?;
    Some(App {
        server: server.clone(),
        client_id: body["client_id"].as_str()?.to_owned(),
        client_secret: SecretString::from(body["client_secret"].as_str()?),
        scopes: scopes.to_owned(),
    })
}

fn refused(
    server: &Url,
    error: RequestTokenError<CallError, oauth2::StandardErrorResponse<BasicErrorResponseType>>,
) -> ConnectError {
    match error {
        RequestTokenError::ServerResponse(said) => {
            let more = said.error_description().map(|text| format!(": {text}")).unwrap_or_default();
            ConnectError::Refused(format!("{server} refuses the code: {}{more}", said.error()))
        }
        RequestTokenError::Request(e) => ConnectError::Unreachable(format!("cannot ask {server} for a token: {e}")),
        // The body may hold the token itself: it is not repeated.
        RequestTokenError::Parse(e, _) => {
            ConnectError::Unreachable(format!("expected a token from {server}, found something else at {}", e.path()))
        }
        RequestTokenError::Other(said) => ConnectError::Unreachable(format!("cannot ask {server} for a token: {said}")),
    }
}

/// Our own client in the shape the flow's crate asks for.
struct Sender(Http);

impl<'c> oauth2::AsyncHttpClient<'c> for Sender {
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, CallError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let answer = self.0.change(translate(request)?).await?;
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
    let form = "application/x-www-form-urlencoded".to_owned();
    let kind = head.headers.get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok().map(str::to_owned));
    call.headers = head.headers;
    call.headers.remove(reqwest::header::CONTENT_TYPE);
    call.body = Some((kind.unwrap_or(form), body));
    Ok(call)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn registered() -> App {
        App {
            server: Url::parse("https://m.example/sub/").unwrap(),
            client_id: "id 1".to_owned(),
            client_secret: SecretString::from("s3cret"),
            scopes: SCOPES.to_owned(),
        }
    }

    #[test]
    fn the_consent_page_carries_the_challenge_and_never_the_proof() {
        let asked = authorize_url(&registered()).unwrap();
        assert!(asked.url.as_str().starts_with("https://m.example/sub/oauth/authorize?"));
        let query: HashMap<String, String> = asked.url.query_pairs().into_owned().collect();
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["client_id"], "id 1");
        assert_eq!(query["redirect_uri"], SHOWN);
        assert_eq!(query["scope"], SCOPES);
        assert_eq!(query["code_challenge_method"], "S256");
        assert_ne!(
            query["state"],
            authorize_url(&registered()).unwrap().url.query_pairs().find(|(k, _)| k == "state").unwrap().1
        );
        let verifier = asked.verifier.expose_secret();
        let expected = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.to_owned()));
        assert_eq!(query["code_challenge"], expected.as_str());
        assert!(!asked.url.as_str().contains(verifier) && !asked.url.as_str().contains("s3cret"));
        assert!(!format!("{:?}", registered()).contains("s3cret"));
    }

    #[test]
    fn only_an_answer_with_an_id_and_a_secret_registers() {
        let server = Url::parse("https://m.example").unwrap();
        let answer =
            |status, body: &str| Answer { status, headers: Default::default(), body: body.as_bytes().to_vec() };
        let good = app(&answer(200, r#"{"client_id":"a","client_secret":"b"}"#), &server, SCOPES).unwrap();
        assert_eq!((good.client_id.as_str(), good.client_secret.expose_secret()), ("a", "b"));
        for (status, body) in
            [(200, r#"{"client_id":"a"}"#), (200, "<html>"), (422, r#"{"client_id":"a","client_secret":"b"}"#)]
        {
            assert!(app(&answer(status, body), &server, SCOPES).is_none(), "{status} {body}");
        }
    }

    #[test]
    fn a_token_request_keeps_its_form_and_its_address() {
        let request = HttpRequest::new(b"grant_type=authorization_code".to_vec());
        let (mut head, body) = request.into_parts();
        head.method = reqwest::Method::POST;
        head.uri = "https://m.example/oauth/token".parse().unwrap();
        head.headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        head.headers.insert("accept", "application/json".parse().unwrap());
        let call = translate(HttpRequest::from_parts(head, body)).unwrap();
        assert_eq!((call.method.as_str(), call.url.as_str()), ("POST", "https://m.example/oauth/token"));
        assert_eq!(
            call.body.unwrap(),
            ("application/x-www-form-urlencoded".to_owned(), b"grant_type=authorization_code".to_vec())
        );
        assert_eq!(call.headers.len(), 1);
    }
}
