//! The named crash points of the publishing protocol (reliability.md section 1). Compiled in by the feature
//! `crash-points` for tests only; without it every call is nothing.

/// Aborts the process here if `CRASH_AT` names this point; `CRASH_AT=begun:3` aborts when it is passed the third time.
#[cfg(feature = "crash-points")]
pub fn point(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    static WANTED: OnceLock<Option<(String, AtomicU32)>> = OnceLock::new();
    let wanted = WANTED.get_or_init(|| {
        #[expect(clippy::disallowed_methods, reason = "a switch for tests, compiled in by a feature")]
        let text = std::env::var("CRASH_AT").ok()?;
        let (name, count) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), AtomicU32::new(count.parse().unwrap_or(1))))
    });
    if let Some((wanted, left)) = wanted
        && wanted == name
        && left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        std::process::abort();
    }
}

/// See the other one: nothing.
#[cfg(not(feature = "crash-points"))]
pub fn point(_name: &str) {}

/// Passes a request through; `CRASH_AT=requested` aborts while it is on its way.
#[cfg(feature = "crash-points")]
pub async fn in_flight<T>(request: impl Future<Output = T>) -> T {
    tokio::pin!(request);
    // Long enough for the request's bytes to leave on loopback, short enough that many answers are still missing.
    let soon = tokio::time::sleep(std::time::Duration::from_millis(2));
    tokio::select! {
        biased;
        done = &mut request => return done,
        () = soon => point("requested"),
    }
    request.await
}

/// See the other one: the request alone.
#[cfg(not(feature = "crash-points"))]
pub async fn in_flight<T>(request: impl Future<Output = T>) -> T {
    request.await
}
