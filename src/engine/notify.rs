//! Notices told to a web hook: one POST each, signed as [`signature`] has it.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::Setup;
use crate::http::{Call, signature};
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
        // The signature parts id, time and body by dots, so an id has none.
        let id = format!("bugle-{}-{}", it.key.replace('.', "-"), it.first_at.as_millisecond());
        let call = Call::new(reqwest::Method::POST, target.url.clone());
        let secrets: Vec<&SecretString> = target.secret.iter().collect();
        match setup.house.http.change(signature::signed(call, &secrets, &id, now.as_second(), &body)).await {
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
