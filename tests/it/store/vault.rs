//! What is sealed under data keys, and the master key turned over beside those who use them.

use std::sync::Arc;

use bugle::clock::FakeClock;
use bugle::platform::Keep as _;
use bugle::publish::ports::SealedKeep;
use bugle::publish::safe::{self, rekey};
use bugle::store::{Store, data_key, sealed};
use bugle::vault::{Vault, aad, version_of};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Place, at, commit, on_both};

on_both!(
    each_channel_has_a_data_key_of_its_own,
    what_the_first_version_sealed_is_opened_and_sealed_anew_when_written,
    either_master_key_opens_while_one_takes_over,
    a_turning_over_that_ends_anywhere_loses_nothing,
    a_data_key_that_cannot_be_opened_gives_way_to_a_new_one,
    a_data_key_is_made_once_however_many_seal_at_once,
    rows_cannot_be_swapped,
);

fn vault(now: char, before: &[char]) -> Arc<Vault> {
    let text = |digit: &char| SecretString::from(digit.to_string().repeat(64));
    let old: Vec<_> = before.iter().map(text).collect();
    Arc::new(Vault::with_keys(&text(&now), &old).expect("64 hex digits"))
}

fn keep(store: &Store, vault: &Arc<Vault>, channel: &str) -> SealedKeep {
    let clock = Arc::new(FakeClock::at(at(0)));
    SealedKeep { store: store.clone(), vault: vault.clone(), channel: channel.to_owned(), clock }
}

async fn put(store: &Store, vault: &Arc<Vault>, channel: &str, text: &str) {
    keep(store, vault, channel).put("grant", &SecretString::from(text)).await.expect("it can be kept");
}

async fn get(store: &Store, vault: &Arc<Vault>, channel: &str) -> Result<String, String> {
    let found = keep(store, vault, channel).get("grant").await?;
    Ok(found.expect("something is kept").expose_secret().to_owned())
}

async fn bytes(store: &Store, channel: &str) -> Vec<u8> {
    let mut conn = store.read().await.unwrap();
    sealed::get(&mut conn, channel, "grant").await.unwrap().expect("something is kept")
}

/// How many data keys each master key opens.
async fn copies(store: &Store, vault: &Vault) -> Vec<(String, usize)> {
    let mut conn = store.read().await.unwrap();
    rekey::status(&mut conn, vault).await.unwrap().data_keys.into_iter().collect()
}

async fn each_channel_has_a_data_key_of_its_own(place: Place) {
    let (store, vault) = (place.open().await, vault('a', &[]));
    for channel in ["x", "facebook"] {
        put(&store, &vault, channel, &format!("the token of {channel}")).await;
        put(&store, &vault, channel, &format!("the next token of {channel}")).await;
    }
    let mut conn = store.read().await.unwrap();
    let keys = data_key::all(&mut conn).await.unwrap();
    let whose: Vec<_> = keys.iter().map(|wrap| (wrap.scope.as_str(), wrap.version)).collect();
    assert_eq!(whose, [("facebook", 1), ("x", 1)]);
    assert!(keys.iter().all(|wrap| wrap.master == vault.key_id()));
    drop(conn);
    assert_eq!(get(&store, &vault, "x").await.unwrap(), "the next token of x");
    let sealed = bytes(&store, "x").await;
    assert_eq!(version_of(&sealed), Some(1));
    assert!(!sealed.windows(5).any(|window| window == b"token"));
}

/// As the first version of this program kept it: an envelope of its own, under the master key.
async fn first_version(store: &Store, vault: &Vault, channel: &str, text: &str) {
    let bytes = vault.seal(&aad("sealed", channel, "grant", 1), &SecretString::from(text));
    let channel = channel.to_owned();
    commit!(store, |conn| sealed::put(conn, &channel, "grant", &bytes, at(0)).await).unwrap();
}

async fn what_the_first_version_sealed_is_opened_and_sealed_anew_when_written(place: Place) {
    let (store, vault) = (place.open().await, vault('a', &[]));
    first_version(&store, &vault, "x", "old").await;
    assert_eq!(version_of(&bytes(&store, "x").await), None);
    assert_eq!(get(&store, &vault, "x").await.unwrap(), "old");
    assert_eq!(version_of(&bytes(&store, "x").await), None, "to look is no reason to write");
    put(&store, &vault, "x", "new").await;
    assert_eq!(version_of(&bytes(&store, "x").await), Some(1));
    assert_eq!(get(&store, &vault, "x").await.unwrap(), "new");
}

async fn either_master_key_opens_while_one_takes_over(place: Place) {
    let store = place.open().await;
    // The running service knows the old key only, until its config is read again.
    let (running, new) = (vault('a', &[]), vault('b', &[]));
    for channel in ["x", "facebook"] {
        put(&store, &running, channel, channel).await;
    }
    first_version(&store, &running, "mastodon", "mastodon").await;
    let done = rekey::rekey(&store, &running, &new, false, at(1)).await.unwrap();
    assert_eq!((done.data_keys, done.moved, done.dropped, done.closed.len()), (3, 1, 0, 0));
    for channel in ["x", "facebook", "mastodon"] {
        assert_eq!(get(&store, &running, channel).await.unwrap(), channel, "the service goes on");
        assert_eq!(get(&store, &new, channel).await.unwrap(), channel, "and may be started with the new key");
    }
    // It makes a data key of which the new one knows nothing yet, and writes under one that both know.
    put(&store, &running, "late", "late").await;
    put(&store, &running, "x", "renewed").await;
    assert!(get(&store, &new, "late").await.is_err());
    let both = vault('b', &['a']);
    running.take_over(Vault::with_keys(&"b".repeat(64).into(), &["a".repeat(64).into()]).unwrap());
    assert_eq!(get(&store, &running, "late").await.unwrap(), "late");
    let done = rekey::rekey(&store, &both, &both, true, at(2)).await.unwrap();
    assert_eq!((done.data_keys, done.dropped), (4, 4));
    assert_eq!(copies(&store, &new).await, [(new.key_id(), 4)]);
    for (channel, text) in [("x", "renewed"), ("facebook", "facebook"), ("mastodon", "mastodon"), ("late", "late")] {
        assert_eq!(get(&store, &new, channel).await.unwrap(), text);
        let said = get(&store, &vault('a', &[]), channel).await.unwrap_err();
        assert!(said.contains(&new.key_id()), "the old key opens nothing any more: {said}");
    }
    // Once more changes nothing.
    let again = rekey::rekey(&store, &both, &both, true, at(3)).await.unwrap();
    assert_eq!((again.data_keys, again.moved, again.dropped), (4, 0, 0));
}

async fn a_turning_over_that_ends_anywhere_loses_nothing(place: Place) {
    let store = place.open().await;
    let (old, new, both) = (vault('a', &[]), vault('b', &[]), vault('b', &['a']));
    let channels: Vec<String> = (0..6).map(|n| format!("c{n}")).collect();
    for channel in &channels {
        put(&store, &old, channel, channel).await;
    }
    // As it is when the command was killed behind the third copy, and again while it dropped the old ones.
    let mut conn = store.read().await.unwrap();
    let keys = data_key::by_key(&mut conn).await.unwrap();
    drop(conn);
    for ((scope, version), wraps) in keys.into_iter().take(3) {
        let copy = wraps.iter().map(|wrap| (wrap.master.as_str(), wrap.bytes.as_slice()));
        let (master, bytes) = new.wrap(&old.unwrap(&scope, version, copy).unwrap());
        let wrap = data_key::Wrap { scope, version, master, bytes };
        commit!(store, |conn| data_key::add(conn, &wrap).await).unwrap();
    }
    let master = new.key_id();
    commit!(store, |conn| data_key::keep_only(conn, "c0", 1, &master).await).unwrap();
    // A data key without a copy under the new master key keeps what it has.
    let master = new.key_id();
    assert_eq!(commit!(store, |conn| data_key::keep_only(conn, "c5", 1, &master).await), Ok(0));
    for channel in &channels {
        assert_eq!(get(&store, &both, channel).await.unwrap(), *channel, "the config names both");
    }
    let done = rekey::rekey(&store, &both, &both, true, at(1)).await.unwrap();
    assert_eq!((done.data_keys, done.dropped), (6, 5));
    for channel in &channels {
        assert_eq!(get(&store, &new, channel).await.unwrap(), *channel);
    }
}

async fn a_data_key_that_cannot_be_opened_gives_way_to_a_new_one(place: Place) {
    let store = place.open().await;
    let (lost, new) = (vault('a', &[]), vault('b', &[]));
    put(&store, &lost, "x", "gone").await;
    assert!(get(&store, &new, "x").await.unwrap_err().contains("sealed under the master key"));
    let mut conn = store.read().await.unwrap();
    assert_eq!(rekey::status(&mut conn, &new).await.unwrap().closed, ["x"]);
    drop(conn);
    let done = rekey::rekey(&store, &new, &new, true, at(1)).await.unwrap();
    assert_eq!((done.data_keys, done.dropped, done.closed.len()), (0, 0, 1), "what no key opens is left alone");
    // A person connects again.
    put(&store, &new, "x", "connected again").await;
    assert_eq!(version_of(&bytes(&store, "x").await), Some(2));
    assert_eq!(get(&store, &new, "x").await.unwrap(), "connected again");
}

async fn a_data_key_is_made_once_however_many_seal_at_once(place: Place) {
    let vault = vault('a', &[]);
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(place.open().await);
    }
    let all = stores.iter().enumerate().map(|(n, store)| {
        let keep = keep(store, &vault, "x");
        async move { keep.put(&format!("w{n}"), &SecretString::from(format!("secret {n}"))).await }
    });
    for done in futures_util::future::join_all(all).await {
        done.expect("kept");
    }
    let mut conn = stores[0].read().await.unwrap();
    assert_eq!(data_key::all(&mut conn).await.unwrap().len(), 1);
    drop(conn);
    for n in 0..4 {
        let found = keep(&stores[0], &vault, "x").get(&format!("w{n}")).await.unwrap().unwrap();
        assert_eq!(found.expose_secret(), format!("secret {n}"));
    }
}

async fn rows_cannot_be_swapped(place: Place) {
    let (store, vault) = (place.open().await, vault('a', &[]));
    put(&store, &vault, "x", "the token of x").await;
    put(&store, &vault, "facebook", "the token of facebook").await;
    let of_x = bytes(&store, "x").await;
    // Whoever can write to the database gives x's token to another channel, or to another word.
    let (one, two) = (of_x.clone(), of_x.clone());
    commit!(store, |conn| {
        sealed::put(conn, "facebook", "grant", &one, at(1)).await?;
        sealed::put(conn, "x", "session", &two, at(1)).await
    })
    .unwrap();
    assert!(get(&store, &vault, "facebook").await.unwrap_err().contains("sealed for another place"));
    assert!(keep(&store, &vault, "x").get("session").await.is_err());
    // Nor does another channel's data key serve.
    commit!(store, |conn| {
        sqlx::query(
            "UPDATE data_key_wrap SET bytes = (SELECT bytes FROM data_key_wrap WHERE data_key = 'x|1') \
                     WHERE data_key = 'facebook|1'",
        )
        .execute(conn)
        .await?;
        Ok(())
    })
    .unwrap();
    assert!(get(&store, &vault, "facebook").await.unwrap_err().contains("sealed for another place"));
    assert_eq!(get(&store, &vault, "x").await.unwrap(), "the token of x");
    assert!(safe::HUBS.contains(' '), "no channel's name can be it");
}
