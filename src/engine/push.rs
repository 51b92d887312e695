//! The loop that keeps subscriptions at hubs: asks for what sources offer, renews leases, and ends what is not wanted any
//! more. What hubs send is `receive`'s. Polling goes on beside it, at a slower pace: a hub may drop anything.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{Setup, rest};
use crate::http::{Answer, Call, Trust};
use crate::model::notice::{Level, Notice};
use crate::publish::retry::{backoff, scaled};
use crate::publish::safe;
use crate::source::websub::{Mode, form};
use crate::store::subscription::{self, Offer, State, Subscription};
use crate::store::{StoreError, job, notice};

/// How often subscriptions are looked at.
const ROUND: Duration = Duration::from_secs(1);
/// The first wait before a hub that has not verified is asked again, doubled each time, and the longest, in seconds under
/// `[timing] scale`. Ours, 2026-11.
const ASK_AGAIN: (f64, f64) = (60.0, 6.0 * 3600.0);
/// When a hub that refused is asked again, in seconds under `[timing] scale`: it may have been a mistake. Ours, 2026-11.
pub(super) const DENIED: f64 = 24.0 * 3600.0;
/// How often a hub is told that a subscription is not wanted any more; then it is left to run out. Ours, 2026-11.
const MOST_GOODBYES: i64 = 5;
/// The most redirects to another hub that are followed.
const HOPS: usize = 3;
/// How long a hub may take to answer. 10 s: some verify before they answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How hubs reach us.
#[derive(Clone, Debug)]
pub struct Push {
    /// What callbacks begin with: `[web] public_url` and `/websub/`.
    callback: String,
    /// Raised when there may be something to ask.
    pub(super) nudge: Arc<Notify>,
}

impl Push {
    /// Reached at that public address.
    pub fn at(public: Url) -> Self {
        Self { callback: format!("{}/websub/", public.as_str().trim_end_matches('/')), nudge: Arc::default() }
    }
}

/// Something to do about a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Act {
    /// Make one of that offer.
    Begin(Offer),
    /// Ask the hub for it, or for a longer lease.
    Ask(String),
    /// It is not wanted any more.
    End(String),
    /// Tell the hub so.
    Goodbye(String),
    /// Forget it.
    Forget(String),
}

/// Compares what is wanted with what there is. `wanted`: the sources that subscribe, with the hub that the config names.
fn plan(
    wanted: &[(String, Option<String>)],
    offers: &[Offer],
    have: &[Subscription],
    callback: &str,
    now: Timestamp,
) -> Vec<Act> {
    let mut acts = Vec::new();
    // One for each source: the config's hub, else the offered one.
    let offers: Vec<Offer> = wanted
        .iter()
        .filter_map(|(source, hub)| {
            let offer = offers.iter().find(|offer| offer.source == *source)?;
            // The config's hub goes before the feed's; without either there is nothing to subscribe to.
            let hub = hub.clone().or_else(|| offer.hub.clone())?;
            Some(Offer { hub: Some(hub), ..offer.clone() })
        })
        .collect();
    let is_wanted = |it: &Subscription| {
        let fits =
            |offer: &Offer| offer.source == it.source && offer.hub.as_ref() == Some(&it.hub) && offer.topic == it.topic;
        it.callback.starts_with(callback) && offers.iter().any(fits)
    };
    for it in have {
        let token = it.token.clone();
        let over = it.lease_until.is_none_or(|until| until <= now);
        match it.state {
            State::Ending if it.tries >= MOST_GOODBYES || (over && it.asked.is_none()) => acts.push(Act::Forget(token)),
            State::Ending if it.next <= now => acts.push(Act::Goodbye(token)),
            State::Ending => {}
            _ if !is_wanted(it) => acts.push(Act::End(token)),
            _ if it.next <= now => acts.push(Act::Ask(token)),
            _ => {}
        }
    }
    let has =
        |offer: &Offer| have.iter().any(|it| it.state != State::Ending && it.source == offer.source && is_wanted(it));
    acts.extend(offers.iter().filter(|offer| !has(offer)).cloned().map(Act::Begin));
    acts
}

/// Runs until stopped.
pub async fn keep(setup: Arc<Setup>, stop: CancellationToken) {
    let Some(push) = setup.push.clone() else { return };
    let mut failures = 0u32;
    while !stop.is_cancelled() {
        match round(&setup, &push, &stop).await {
            Ok(()) => failures = 0,
            Err(error) => {
                failures += 1;
                if failures.is_power_of_two() {
                    tracing::warn!(%error, failures, "subscriptions could not be looked at; tried again");
                }
            }
        }
        tokio::select! {
            stopped = rest(ROUND, &stop) => if stopped { return },
            () = push.nudge.notified() => {}
        }
    }
}

async fn round(setup: &Arc<Setup>, push: &Push, stop: &CancellationToken) -> Result<(), StoreError> {
    let mut conn = setup.house.store.read().await?;
    let (offers, have) = (subscription::offers(&mut conn).await?, subscription::all(&mut conn).await?);
    drop(conn);
    let wanted: Vec<_> = setup
        .sources
        .iter()
        .filter(|source| source.websub)
        .map(|source| (source.name.as_str().to_owned(), source.hub.as_ref().map(Url::to_string)))
        .collect();
    let now = setup.house.clock.now();
    for act in plan(&wanted, &offers, &have, &push.callback, now) {
        if stop.is_cancelled() {
            return Ok(());
        }
        let find = |token: &str| have.iter().find(|it| it.token == token).cloned();
        match act {
            Act::Begin(offer) => begin(setup, push, offer, now).await?,
            Act::Ask(token) => match find(&token) {
                Some(it) => ask(setup, it, Mode::Subscribe, stop).await?,
                None => continue,
            },
            Act::Goodbye(token) => match find(&token) {
                Some(it) => ask(setup, it, Mode::Unsubscribe, stop).await?,
                None => continue,
            },
            Act::End(token) => {
                let Some(it) = find(&token) else { continue };
                tracing::info!(source.id = %it.source, hub = %it.hub, "the subscription is not wanted any more");
                let ended = Subscription { state: State::Ending, next: now, tries: 0, ..it };
                put(setup, ended).await?;
            }
            Act::Forget(token) => {
                let forget = job(move |conn| Box::pin(async move { subscription::remove(conn, &token).await }));
                setup.house.store.write(forget).await?;
            }
        }
    }
    Ok(())
}

async fn put(setup: &Setup, it: Subscription) -> Result<(), StoreError> {
    setup.house.store.write(job(move |conn| Box::pin(async move { subscription::put(conn, &it).await }))).await
}

/// Makes a subscription with a callback and a secret of its own; it is asked for in the next round.
async fn begin(setup: &Setup, push: &Push, offer: Offer, now: Timestamp) -> Result<(), StoreError> {
    use base64::Engine as _;
    let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let secret = SecretString::from(crate::text::plain::hex(&rand::random::<[u8; 32]>()));
    // Not stored yet: only what is sealed under a data key of the store can be.
    let mut it = Subscription {
        callback: format!("{}{token}", push.callback),
        secret: Vec::new(),
        token,
        source: offer.source,
        hub: offer.hub.unwrap_or_default(),
        topic: offer.topic,
        state: State::Pending,
        asked: None,
        lease_until: None,
        next: now,
        tries: 0,
        said: None,
        since: now,
    };
    let vault = setup.house.vault.clone();
    let begin = job(move |conn| {
        Box::pin(async move {
            it.secret = safe::seal(conn, &vault, safe::HUBS, safe::of_hub(&it.token), &secret, now).await?;
            subscription::put(conn, &it).await
        })
    });
    setup.house.store.write(begin).await?;
    push.nudge.notify_one();
    Ok(())
}

/// Opens a subscription's secret.
///
/// # Errors
/// The database's.
pub(super) async fn secret(setup: &Setup, it: &Subscription) -> Result<Option<SecretString>, StoreError> {
    let house = &setup.house;
    let mut conn = house.store.read().await?;
    let opened = safe::open(&mut conn, &house.vault, safe::HUBS, safe::of_hub(&it.token), &it.secret).await;
    Ok(match opened {
        Ok(secret) => Some(secret),
        Err(safe::SafeError::Store(error)) => return Err(error),
        Err(safe::SafeError::Vault(error)) => {
            tracing::warn!(source.id = %it.source, %error, "the secret of a subscription cannot be opened");
            None
        }
    })
}

/// Asks a hub. That it was asked is stored before: the hub may verify before it answers.
async fn ask(setup: &Arc<Setup>, it: Subscription, mode: Mode, stop: &CancellationToken) -> Result<(), StoreError> {
    let house = &setup.house;
    let now = house.clock.now();
    let Some(key) = secret(setup, &it).await? else {
        // Sealed under another master key: one with a secret of its own takes its place.
        let token = it.token.clone();
        let forget = job(move |conn| Box::pin(async move { subscription::remove(conn, &token).await }));
        return house.store.write(forget).await;
    };
    let tries = it.tries.saturating_add(1);
    let wait = (ASK_AGAIN.0 * 2f64.powi(i32::try_from(it.tries).unwrap_or(30).min(30))).min(ASK_AGAIN.1);
    let next = now + scaled(wait, house.scale).max(backoff(0, 0.5, house.scale));
    let asked = Subscription { asked: Some(now), tries, next, ..it.clone() };
    put(setup, asked).await?;
    let named = setup.sources.iter().any(|source| source.hub.as_ref().is_some_and(|hub| hub.as_str() == it.hub));
    let trust = if named { Trust::Config } else { Trust::Content };
    let body = form(mode, &it.callback, &it.topic, key.expose_secret());
    let answered = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        answered = send(setup, &it.hub, body, trust) => answered,
    };
    let said = match answered {
        Ok(()) => {
            tracing::debug!(source.id = %it.source, hub = %it.hub, mode = mode.word(), "the hub was asked");
            return Ok(());
        }
        Err(said) => said,
    };
    if tries.count_ones() == 1 {
        tracing::warn!(source.id = %it.source, hub = %it.hub, said, "the hub does not take the subscription; polling goes on");
    }
    let settle = job(move |conn| {
        Box::pin(async move {
            // It may have been verified all the same.
            let Some(now_stored) = subscription::one(conn, &it.token).await? else { return Ok(()) };
            if now_stored.asked.is_none() {
                return Ok(());
            }
            // Told once it is more than weather, and only where it was wanted.
            if tries >= 3 && now_stored.state != State::Ending {
                let text = format!(
                    "the hub {} of source {} does not take our subscription ({said}): it is polled instead. `websub = \
                     false` under [source.{}] leaves the hub alone",
                    it.hub, it.source, it.source
                );
                notice::raise(conn, &Notice::new(Level::Info, key_of(&it.source), text), now).await?;
            }
            subscription::put(conn, &Subscription { said: Some(said), ..now_stored }).await
        })
    });
    house.store.write(settle).await
}

/// The key of the notice about a source's hub.
pub(super) fn key_of(source: &str) -> String {
    format!("source.{source}.hub")
}

/// Posts a form to a hub, or where the hub sends it.
async fn send(setup: &Setup, hub: &str, body: String, trust: Trust) -> Result<(), String> {
    let mut url = Url::parse(hub).map_err(|e| format!("its address is no URL: {e}"))?;
    let mut trust = trust;
    for _ in 0..=HOPS {
        let mut call = Call::new(reqwest::Method::POST, url.clone());
        call = call.body("application/x-www-form-urlencoded", body.clone());
        (call.timeout, call.cap, call.trust) = (PATIENCE, 64 * 1024, trust);
        let answer = setup.house.http.change(call).await.map_err(|e| e.to_string())?;
        match answer.status {
            200..300 => return Ok(()),
            307 | 308 => {
                let next = answer.header("location").and_then(|to| url.join(to).ok());
                url = next.ok_or_else(|| format!("it answered {} without a place to go", answer.status))?;
                // Where a hub sends us is content, whoever named the hub.
                trust = Trust::Content;
            }
            _ => return Err(refusal(&answer)),
        }
    }
    Err(format!("it sent us on more than {HOPS} times"))
}

fn refusal(answer: &Answer) -> String {
    let words = crate::text::plain::line(&answer.text());
    let words = crate::text::plain::clip_field(&words, 200);
    if words.is_empty() {
        format!("it answered {}", answer.status)
    } else {
        format!("it answered {}: {words}", answer.status)
    }
}

/// When to ask a hub again that refused.
pub(super) fn after_denial(now: Timestamp, scale: f64) -> Timestamp {
    now.checked_add(scaled(DENIED, scale)).unwrap_or(now + SignedDuration::from_hours(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn offer(source: &str, hub: &str) -> Offer {
        Offer { source: source.to_owned(), hub: Some(hub.to_owned()), topic: "https://t.example/".to_owned() }
    }

    fn have(state: State, next: i64, tries: i64) -> Subscription {
        Subscription {
            token: "T".to_owned(),
            source: "news".to_owned(),
            hub: "https://h.example/".to_owned(),
            topic: "https://t.example/".to_owned(),
            callback: "https://us.example/websub/T".to_owned(),
            secret: Vec::new(),
            state,
            asked: Some(at(0)),
            lease_until: Some(at(100)),
            next: at(next),
            tries,
            said: None,
            since: at(0),
        }
    }

    #[test]
    fn what_is_to_be_done() {
        use State::{Active, Denied, Ending, Pending};
        let (hub, other) = ("https://h.example/", "https://o.example/");
        let token = || "T".to_owned();
        for (name, wanted, offered, has, expected) in [
            ("nothing offered", true, None, None, vec![]),
            ("offered", true, Some(hub), None, vec![Act::Begin(offer("news", hub))]),
            ("offered, not wanted", false, Some(hub), None, vec![]),
            ("asked", true, Some(hub), Some(have(Pending, 11, 1)), vec![]),
            ("not verified", true, Some(hub), Some(have(Pending, 10, 1)), vec![Act::Ask(token())]),
            ("active", true, Some(hub), Some(have(Active, 85, 0)), vec![]),
            ("to be renewed", true, Some(hub), Some(have(Active, 10, 0)), vec![Act::Ask(token())]),
            ("denied", true, Some(hub), Some(have(Denied, 99, 0)), vec![]),
            ("denied a day ago", true, Some(hub), Some(have(Denied, 9, 0)), vec![Act::Ask(token())]),
            ("offered no more", true, None, Some(have(Active, 85, 0)), vec![Act::End(token())]),
            ("source gone", false, Some(hub), Some(have(Active, 85, 0)), vec![Act::End(token())]),
            (
                "another hub",
                true,
                Some(other),
                Some(have(Active, 85, 0)),
                vec![Act::End(token()), Act::Begin(offer("news", other))],
            ),
            ("ending", true, None, Some(have(Ending, 10, 1)), vec![Act::Goodbye(token())]),
            ("ending, just told", true, None, Some(have(Ending, 11, 1)), vec![]),
            ("told often enough", true, None, Some(have(Ending, 11, 5)), vec![Act::Forget(token())]),
            (
                "never was",
                true,
                None,
                Some(Subscription { asked: None, lease_until: None, ..have(Ending, 10, 0) }),
                vec![Act::Forget(token())],
            ),
            ("ending, offered again", true, Some(hub), Some(have(Ending, 11, 1)), vec![Act::Begin(offer("news", hub))]),
            (
                "we moved",
                true,
                Some(hub),
                Some(Subscription { callback: "https://old.example/websub/T".to_owned(), ..have(Active, 85, 0) }),
                vec![Act::End(token()), Act::Begin(offer("news", hub))],
            ),
        ] {
            let wanted: Vec<_> = wanted.then(|| ("news".to_owned(), None)).into_iter().collect();
            let offers: Vec<_> = offered.map(|hub| offer("news", hub)).into_iter().collect();
            let has: Vec<_> = has.into_iter().collect();
            assert_eq!(plan(&wanted, &offers, &has, "https://us.example/websub/", at(10)), expected, "{name}");
        }
        let named = [("news".to_owned(), Some(other.to_owned()))];
        let acts = plan(&named, &[offer("news", hub)], &[], "https://us.example/websub/", at(10));
        assert_eq!(acts, [Act::Begin(offer("news", other))], "the config's hub, the feed's topic");
        let bare = Offer { hub: None, ..offer("news", hub) };
        assert_eq!(plan(&named, std::slice::from_ref(&bare), &[], "https://us.example/websub/", at(10)), acts);
        let unnamed = [("news".to_owned(), None)];
        assert_eq!(plan(&unnamed, &[bare], &[], "https://us.example/websub/", at(10)), []);
    }

    #[test]
    fn callbacks_stand_below_the_public_address() {
        for (public, expected) in [
            ("https://desk.example", "https://desk.example/websub/"),
            ("https://desk.example/bugle/", "https://desk.example/bugle/websub/"),
        ] {
            assert_eq!(Push::at(Url::parse(public).unwrap()).callback, expected);
        }
    }
}
