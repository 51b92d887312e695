//! Asking the service: its description and keys, its page for a person, a code traded for an identity token, who that
//! token is about. The crate `openidconnect` builds and checks; what is sent goes through our own client.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use jiff::SignedDuration;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClientAuthMethod,
    CoreErrorResponseType, CoreGenderClaim, CoreGrantType, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreSubjectIdentifierType, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AdditionalProviderMetadata, AsyncHttpClient, AuthType, AuthorizationCode,
    ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, DiscoveryError, EmptyExtraTokenFields,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IdTokenClaims, IdTokenFields, IssuerUrl,
    Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata, RedirectUrl,
    RequestTokenError, Scope, SignatureVerificationError, StandardErrorResponse, StandardTokenResponse,
    TokenResponse as _, UserInfoClaims,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::judge::{Told, find};
use super::{Fault, Oidc, is_safe};
use crate::http::{Call, CallError, Http, Trust};
use crate::platform::wire::excerpt;
use crate::store::oidc_flow::FlowRow;

/// How long one call may take. 10 s, ours: a person waits in front of the page.
const DEADLINE: Duration = Duration::from_secs(10);
/// The most bytes of an answer: 256 KiB, far above any description, key set or token.
const CAP: usize = 256 * 1024;
/// How long a description and its keys are used before they are read again. 10 minutes, ours.
const KEPT: Duration = Duration::from_secs(10 * 60);
/// How long at least between two looks for a key that a token names and we do not know. 30 s, ours: whoever brings
/// made-up tokens must not make us ask without end.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// How far the service's clock may be ahead of ours. 2 minutes, ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(2);
/// A token that was issued longer ago is not the answer to a sign-in of now. 10 minutes: as long as a sign-in may take.
const OLD: SignedDuration = super::WITHIN;

/// The algorithms that a token may be signed by: those of key pairs. `none` and those of shared secrets (RFC 8725 section
/// 2.1) are not among them.
const SIGNED_BY: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// What a service's description says beside what the crate reads.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Further {
    /// RFC 9207 section 3.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Further {}

/// Claims beside the standard's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Rest(Map<String, Value>);

impl AdditionalClaims for Rest {}

/// A service's description, with its keys.
pub(super) type Service = ProviderMetadata<
    Further,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Fields = IdTokenFields<
    Rest,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Answered = StandardTokenResponse<Fields, CoreTokenType>;
type Said = StandardErrorResponse<CoreErrorResponseType>;
type Claims = IdTokenClaims<Rest, CoreGenderClaim>;
type Client = openidconnect::Client<
    Rest,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    Said,
    Answered,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A description that was read.
pub(super) struct Known {
    service: Arc<Service>,
    /// On the clock that never jumps.
    at: std::time::Instant,
}

/// Whether the service says that its answers name it.
pub(super) fn names_itself(service: &Service) -> bool {
    service.additional_metadata().authorization_response_iss_parameter_supported
}

impl Oidc {
    /// The service's description: that which is known, unless it is old; or one that was read after `not`, where that
    /// one did not do, and was not read a moment ago.
    pub(super) async fn service(&self, not: Option<&Arc<Service>>) -> Result<Arc<Service>, Fault> {
        let mut known = self.known.lock().await;
        let now = self.clock.monotonic();
        if let Some(it) = &*known {
            let age = now.saturating_duration_since(it.at);
            let will_do = not.is_none_or(|not| !Arc::ptr_eq(not, &it.service) || age < LOOK_AGAIN);
            if will_do && age < KEPT {
                return Ok(Arc::clone(&it.service));
            }
        }
        let issuer = IssuerUrl::new(self.settings.issuer.clone())
            .map_err(|e| Fault::Service(format!("sign_in.oidc.issuer: {e}")))?;
        let service =
            Service::discover_async(issuer, &self.sender()).await.map_err(|e| undescribed(&self.label(), e))?;
        self.check_places(&service)?;
        let service = Arc::new(service);
        *known = Some(Known { service: Arc::clone(&service), at: now });
        Ok(service)
    }

    /// Every place that the description names must keep what is sent there from other eyes.
    fn check_places(&self, service: &Service) -> Result<(), Fault> {
        let token = service.token_endpoint().ok_or_else(|| {
            Fault::Service(format!("expected a token endpoint in the description of {}, found none", self.label()))
        })?;
        let places = [
            Some(service.authorization_endpoint().url()),
            Some(token.url()),
            service.userinfo_endpoint().map(|it| it.url()),
            Some(service.jwks_uri().url()),
        ];
        match places.into_iter().flatten().find(|url| !is_safe(url)) {
            None => Ok(()),
            Some(url) => Err(Fault::Service(format!(
                "expected places with https in the description of {}, found {}",
                self.label(),
                excerpt(url.as_str())
            ))),
        }
    }

    fn sender(&self) -> Sender {
        Sender { http: self.http.clone(), issuer: Url::parse(&self.settings.issuer).ok() }
    }

    fn client(&self, service: &Service, secret: Option<&SecretString>) -> Client {
        let secret = secret.map(|it| ClientSecret::new(it.expose_secret().to_owned()));
        let id = ClientId::new(self.settings.client_id.clone());
        let client = Client::from_provider_metadata(service.clone(), id, secret)
            .set_redirect_uri(RedirectUrl::from_url(self.redirect.clone()));
        // OpenID Connect Discovery 1.0 section 3: left out, it is HTTP Basic.
        let methods = service.token_endpoint_auth_methods_supported();
        let takes = |method| methods.is_none_or(|all| all.contains(&method));
        match takes(CoreClientAuthMethod::ClientSecretBasic) {
            true => client,
            false => client.set_auth_type(AuthType::RequestBody),
        }
    }

    /// The page where a person shows who they are, and the proof to keep until the code is there.
    pub(super) fn page(
        &self,
        service: &Service,
        state: &SecretString,
        nonce: &SecretString,
    ) -> Result<(Url, String), Fault> {
        let client = self.client(service, None);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (state, nonce) = (state.expose_secret().to_owned(), nonce.expose_secret().to_owned());
        let further = self.settings.scopes.iter().map(String::as_str);
        let request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scopes(["email", "profile"].into_iter().chain(further).map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge);
        Ok((request.url().0, verifier.into_secret()))
    }

    /// Trades the code, and finds out who the token is about.
    pub(super) async fn ask_who(&self, service: &Arc<Service>, code: &str, flow: &FlowRow) -> Result<Told, Fault> {
        let secret = self.settings.client_secret.as_ref().map(crate::vault::secret::resolve).transpose();
        let secret = secret.map_err(Fault::Secret)?;
        let client = self.client(service, secret.as_ref());
        let sender = self.sender();
        let answered: Answered = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|e| Fault::Service(e.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier.clone()))
            .request_async(&sender)
            .await
            .map_err(|e| untraded(&self.label(), e, &[code, &flow.verifier]))?;
        let nonce = Nonce::new(flow.nonce.clone());
        let claims = match self.believe(&client, &answered, &nonce) {
            // Signed by a key that we do not know: the service may have a new one.
            Err(Doubt::Key) => {
                let newer = self.service(Some(service)).await?;
                let client = self.client(&newer, secret.as_ref());
                self.believe(&client, &answered, &nonce)
            }
            other => other,
        };
        let claims = claims.map_err(|doubt| Fault::Forged(doubt.to_string()))?;
        let mut told = of_token(&claims);
        let has_role = self.settings.role_claim.as_ref().is_none_or(|claim| find(claim, &told.claims).is_some());
        if (told.email.is_none() || told.verified.is_none() || !has_role || told.name.is_none())
            && client.user_info_url().is_some()
        {
            let asked = client
                .user_info(answered.access_token().clone(), Some(claims.subject().clone()))
                .map_err(|e| Fault::Service(e.to_string()))?;
            let said: UserInfoClaims<Rest, CoreGenderClaim> =
                asked.request_async(&sender).await.map_err(|e| self.unsaid(&e))?;
            add(&mut told, &said);
        }
        Ok(told)
    }

    /// The claims of the identity token, if it is one that we may believe.
    fn believe(&self, client: &Client, answered: &Answered, nonce: &Nonce) -> Result<Claims, Doubt> {
        let token = answered.id_token().ok_or_else(|| Doubt::Other("it holds no identity token".to_owned()))?;
        let clock = Arc::clone(&self.clock);
        let now = clock.now();
        let issued = move |at: DateTime<Utc>| {
            let at = jiff::Timestamp::from_second(at.timestamp()).map_err(|e| e.to_string())?;
            match (at > now + AHEAD, at < now - OLD) {
                (true, _) => Err("it was issued in the future".to_owned()),
                (_, true) => Err("it was issued long ago".to_owned()),
                _ => Ok(()),
            }
        };
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(SIGNED_BY)
            .set_time_fn(move || {
                DateTime::from_timestamp_millis(clock.now().as_millisecond()).unwrap_or(DateTime::UNIX_EPOCH)
            })
            .set_issue_time_verifier_fn(issued);
        let claims = token.claims(&verifier, nonce)?;
        // The crate leaves these two to us.
        if claims.authorized_party().is_some_and(|party| party.as_str() != self.settings.client_id) {
            return Err(Doubt::Other("it was made for another client".to_owned()));
        }
        if let Some(expected) = claims.access_token_hash() {
            let refuse = |said: String| Doubt::Other(said);
            let algorithm = token.signing_alg().map_err(|e| refuse(e.to_string()))?;
            let key = token.signing_key(&verifier).map_err(|e| refuse(e.to_string()))?;
            let found = AccessTokenHash::from_token(answered.access_token(), algorithm, key)
                .map_err(|e| refuse(e.to_string()))?;
            if found != *expected {
                return Err(Doubt::Other("it does not belong to the access token beside it".to_owned()));
            }
        }
        if claims.subject().as_str().is_empty() {
            return Err(Doubt::Other("it names nobody".to_owned()));
        }
        Ok(claims.clone())
    }

    fn unsaid(&self, error: &openidconnect::UserInfoError<CallError>) -> Fault {
        use openidconnect::UserInfoError as E;
        let place = self.label();
        match error {
            E::ClaimsVerification(why) => Fault::Forged(why.to_string()),
            E::Request(error) => Fault::Service(format!("cannot ask {place} who it is: {error}")),
            E::Response(status, ..) => Fault::Service(format!("expected who it is from {place}, found {status}")),
            _ => Fault::Service(format!("expected who it is from {place}, found something else")),
        }
    }
}

/// Why a token is not believed.
#[derive(Debug, thiserror::Error)]
enum Doubt {
    /// It is signed by a key that we do not know.
    #[error("it is signed by a key that the service does not have")]
    Key,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl From<ClaimsVerificationError> for Doubt {
    fn from(error: ClaimsVerificationError) -> Self {
        match error {
            ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => Self::Key,
            ClaimsVerificationError::SignatureVerification(error) => Self::Other(excerpt(&error.to_string())),
            // What was expected and what was found are no secrets; the nonce's error shows neither.
            error => Self::Other(excerpt(&error.to_string())),
        }
    }
}

/// What the identity token says.
fn of_token(claims: &Claims) -> Told {
    Told {
        subject: claims.subject().as_str().to_owned(),
        email: claims.email().map(|it| it.as_str().to_owned()),
        verified: claims.email_verified(),
        name: claims.name().and_then(|name| name.get(None)).map(|name| name.as_str().to_owned()),
        claims: claims.additional_claims().0.clone(),
    }
}

/// Adds what the service says when it is asked; the identity token's word goes before it. An address and whether it was
/// verified come from one place: one's address with the other's word would be nobody's.
fn add(told: &mut Told, said: &UserInfoClaims<Rest, CoreGenderClaim>) {
    if told.email.is_none() || told.verified.is_none() {
        let email = said.email().map(|it| it.as_str().to_owned());
        if told.email.is_none() || told.email == email {
            (told.email, told.verified) = (email, said.email_verified());
        }
    }
    if told.name.is_none() {
        told.name = said.name().and_then(|name| name.get(None)).map(|name| name.as_str().to_owned());
    }
    for (name, value) in &said.additional_claims().0 {
        told.claims.entry(name.clone()).or_insert_with(|| value.clone());
    }
}

/// What a description that is not to be had is to a person.
fn undescribed(place: &str, error: DiscoveryError<CallError>) -> Fault {
    Fault::Service(match error {
        DiscoveryError::Request(error) => format!("cannot ask {place}: {error}"),
        DiscoveryError::Response(status, ..) => format!("expected the description of {place}, found {status}"),
        DiscoveryError::Validation(said) => format!("the description of {place}: {}", excerpt(&said)),
        DiscoveryError::Parse(error) => format!("the description of {place}: {}", excerpt(&error.to_string())),
        other => format!("the description of {place}: {}", excerpt(&other.to_string())),
    })
}

/// What a code that is not traded is to a person. Never the code, nor the answer's body: it may hold a token.
fn untraded(place: &str, error: RequestTokenError<CallError, Said>, secrets: &[&str]) -> Fault {
    match error {
        RequestTokenError::ServerResponse(said) => {
            let more = said.error_description().map(|text| format!(": {text}")).unwrap_or_default();
            let text = format!("{}{more}", said.error());
            let text = secrets.iter().fold(text, |text, secret| text.replace(secret, "…"));
            Fault::Denied(excerpt(&text))
        }
        RequestTokenError::Request(error) => Fault::Service(format!("cannot ask {place} for a token: {error}")),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            Fault::Service(format!("expected a token from {place}, found something else"))
        }
    }
}

/// Our own client in the shape the crate asks for.
struct Sender {
    http: Http,
    issuer: Option<Url>,
}

impl Sender {
    /// A place at the issuer's own host is the config's; another one was named by an answer, and may not lead inside.
    fn trust(&self, url: &Url) -> Trust {
        match self.issuer.as_ref().is_some_and(|issuer| issuer.origin() == url.origin()) {
            true => Trust::Config,
            false => Trust::Content,
        }
    }

    fn translate(&self, request: HttpRequest) -> Result<Call, CallError> {
        let (head, body) = request.into_parts();
        let url = Url::parse(&head.uri.to_string()).map_err(|e| CallError::NotSent(format!("expected a URL: {e}")))?;
        let trust = self.trust(&url);
        let mut call = Call::new(head.method, url);
        (call.trust, call.timeout, call.cap) = (trust, DEADLINE, CAP);
        let kind = head.headers.get(reqwest::header::CONTENT_TYPE).and_then(|it| it.to_str().ok().map(str::to_owned));
        call.headers = head.headers;
        call.headers.remove(reqwest::header::CONTENT_TYPE);
        if let Some(value) = call.headers.get_mut(reqwest::header::AUTHORIZATION) {
            value.set_sensitive(true);
        }
        if !body.is_empty() {
            call.body = Some((kind.unwrap_or_default(), body));
        }
        Ok(call)
    }
}

impl<'c> AsyncHttpClient<'c> for Sender {
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, CallError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let call = self.translate(request)?;
            let answer = match call.method == reqwest::Method::GET {
                true => self.http.read(call).await?,
                false => self.http.change(call).await?,
            };
            let mut response = HttpResponse::new(answer.body);
            // A status that is none cannot have come over HTTP.
            *response.status_mut() = reqwest::StatusCode::from_u16(answer.status)
                .map_err(|e| CallError::Unclear(format!("expected a status, found {}: {e}", answer.status)))?;
            *response.headers_mut() = answer.headers;
            Ok(response)
        })
    }
}
