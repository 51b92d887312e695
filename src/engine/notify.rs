//! Notices told to a web hook: one signed POST each, after the Standard Webhooks specification
//! (<https://www.standardwebhooks.com>, 2026-11): `webhook-id`, `webhook-timestamp`, `webhook-signature: v1,BASE64`.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::Setup;
use crate::http::Call;
use crate::store::notice;

/// Where notices go.
#[derive(Clone)]
pub struct Target {
    /// The web hook.
    pub url: Url,
    /// What signs; without it notices go unsigned.
    pub secret: Option<SecretString>,
}

/// How often untold notices are looked for, and how long to wait after a failure.
const ROUND: Duration = Duration::from_secs(5);

/// Tells until stopped. A loop of its own: a slow web hook holds up nothing else.
pub async fn drive(setup: Arc<Setup>, target: Target, stop: CancellationToken) {
    let mut failures = 0u32;
    while !super::rest(ROUND * (failures.min(60) + 1), &stop).await {
        match tell(&setup, &target).await {
            Ok(()) => failures = 0,
            Err(error) => {
                failures += 1;
                if failures.is_power_of_two() {
                    tracing::warn!(%error, failures, "notices could not be posted; tried again");
                }
            }
        }
    }
}

/// Tells every notice nobody was told of; one that is refused does not stop those behind it.
async fn tell(setup: &Setup, target: &Target) -> Result<(), String> {
    let mut conn = setup.house.store.read().await.map_err(|e| e.to_string())?;
    let untold = notice::untold(&mut conn).await.map_err(|e| e.to_string())?;
    drop(conn);
    let mut failed = Ok(());
    for it in untold {
        let now = setup.house.clock.now();
        let body = serde_json::json!({ "type": "bugle.notice", "timestamp": it.last_at.to_string(), "data": it });
        let body = body.to_string();
        // The same notice told again after a lost answer carries the same id.
        let id = format!("bugle-{}-{}", it.key, it.first_at.as_millisecond());
        let mut call = Call::new(reqwest::Method::POST, target.url.clone())
            .header("webhook-id", &id)
            .header("webhook-timestamp", &now.as_second().to_string());
        if let Some(secret) = &target.secret {
            call = call.header("webhook-signature", &sign(secret, &id, now.as_second(), &body));
        }
        match setup.house.http.change(call.body("application/json", body)).await {
            Ok(answer) if (200..300).contains(&answer.status) => {}
            Ok(answer) => {
                failed = Err(format!("the web hook answered {}", answer.status));
                continue;
            }
            Err(error) => return Err(error.to_string()),
        }
        let job = crate::store::job(move |conn| Box::pin(async move { notice::told(conn, &it.key).await }));
        setup.house.store.write(job).await.map_err(|e| e.to_string())?;
    }
    failed
}

/// The signature's header. A secret begun with `whsec_` is Base64, as the specification writes it; any other is taken as
/// it is.
fn sign(secret: &SecretString, id: &str, timestamp: i64, body: &str) -> String {
    let text = secret.expose_secret();
    let engine = base64::engine::general_purpose::STANDARD;
    let key = text.strip_prefix("whsec_").and_then(|rest| engine.decode(rest).ok());
    let key = key.unwrap_or_else(|| text.as_bytes().to_vec());
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", engine.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_the_specification_says() {
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = r#"{"test": 2432232314}"#;
        let signed = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
