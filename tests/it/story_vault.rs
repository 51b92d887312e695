//! The master key turned over beside a running service: what is kept is opened throughout, by the session of a Bluesky
//! account, which is signed in once and never again.

use crate::fakes::bluesky::{self, FakeBluesky};
use crate::harness::{Engine, Newsroom, Press, until};

fn json(output: &std::process::Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|fault| {
        panic!("{fault}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    })
}

const OLD: &str = "1111111111111111111111111111111111111111111111111111111111111111\n";

async fn turned_over(engine: Engine) {
    let (bluesky, press) = (FakeBluesky::start(), Press::start());
    let mut newsroom = Newsroom::new("rekey").store(engine).source("news", &press.url(), "from now").bluesky(&bluesky);
    newsroom.write("old.key", OLD);
    newsroom.set_more("[vault]\nkey = { file = \"old.key\" }\n");
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    press.read().await;
    press.publish("one");
    books.wait_for("bluesky", "published", 1).await;
    assert_eq!(bluesky.count(bluesky::SIGN_IN), 1);

    // Killed behind the first copy; then the whole.
    let to = ["vault", "rekey", "--to", "file:new.key", "--json"];
    let killed = newsroom.command_with(&to, &[("CRASH_AT", "rewrapped")]).await;
    assert!(!killed.status.success(), "it was killed");
    assert!(newsroom.path("new.key").is_file(), "the new key was made first");
    let done = newsroom.command(&to).await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let new = json(&done)["master_key"].as_str().expect("an id").to_owned();
    // The service has the old key still.
    press.publish("two");
    books.wait_for("bluesky", "published", 2).await;

    // And is told of the new one by its config, while it runs.
    newsroom.set_more("[vault]\nkey = { file = \"new.key\" }\nold_keys = [{ file = \"old.key\" }]\n");
    newsroom.write("bugle.toml", &newsroom.config().await);
    bugle.hup();
    until("the new config is in force", async || bugle.log().contains("the new config is in force")).await;
    bluesky.expire_access();
    press.publish("three");
    books.wait_for("bluesky", "published", 3).await;

    let killed = newsroom.command_with(&["vault", "rekey"], &[("CRASH_AT", "dropped")]).await;
    assert!(!killed.status.success(), "it was killed");
    let done = newsroom.command(&["vault", "rekey", "--json"]).await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let status = json(&newsroom.command(&["vault", "status", "--json"]).await);
    let sealed: Vec<_> = status["sealed"]["data_keys"].as_object().expect("counts").keys().cloned().collect();
    assert_eq!(sealed, std::slice::from_ref(&new), "{status:#}");
    assert_eq!(status["master_key"], new.as_str());

    // The old key is thrown away, the service started anew.
    assert!(bugle.term().await.success());
    std::fs::remove_file(newsroom.path("old.key")).expect("it was there");
    newsroom.set_more("[vault]\nkey = { file = \"new.key\" }\n");
    let bugle = newsroom.start().await;
    press.publish("four");
    books.wait_for("bluesky", "published", 4).await;
    assert_eq!(bluesky.count(bluesky::SIGN_IN), 1, "signed in once: the session was kept throughout");
    assert!(bugle.term().await.success());

    // With the key that was thrown away, nothing opens, and a person is told.
    newsroom.write("old.key", OLD);
    newsroom.set_more("[vault]\nkey = { file = \"old.key\" }\n");
    newsroom.write("bugle.toml", &newsroom.config().await);
    let status = newsroom.command(&["vault", "status", "--json"]).await;
    assert!(!status.status.success());
    assert_eq!(json(&status)["sealed"]["closed"], serde_json::json!(["bluesky"]));
    let bugle = newsroom.start().await;
    let told = async || books.notices().await.iter().any(|notice| notice.key == "vault.closed");
    until("a person is told of what cannot be opened", told).await;
    bugle.kill9().await;
}

#[tokio::test]
async fn the_master_key_is_turned_over_while_the_service_runs() {
    turned_over(Engine::Sqlite).await;
}

#[tokio::test]
async fn the_master_key_is_turned_over_while_the_service_runs_on_postgres() {
    turned_over(Engine::Postgres).await;
}

#[tokio::test]
async fn a_key_from_a_credential_of_systemd_opens_and_a_bad_name_is_told() {
    let (bluesky, press) = (FakeBluesky::start(), Press::start());
    let mut newsroom = Newsroom::new("credential").source("news", &press.url(), "from now").bluesky(&bluesky);
    newsroom.write("credentials/bugle_key", OLD);
    newsroom.set_more("[vault]\nkey = { credential = \"bugle_key\" }\n");
    let folder = newsroom.path("credentials");
    let folder = folder.to_str().expect("temporary folders have plain names");
    let bugle = newsroom.start_with(&[("CREDENTIALS_DIRECTORY", folder)]).await;
    let books = newsroom.books().await;
    press.read().await;
    press.publish("one");
    books.wait_for("bluesky", "published", 1).await;
    assert!(bugle.term().await.success());
    assert!(!newsroom.path("data/bugle.key").exists(), "no other key is made");
    // Without systemd, and with a path for a name.
    for (name, words) in [("bugle_key", "CREDENTIALS_DIRECTORY"), ("../bugle_key", "name of a systemd credential")] {
        newsroom.set_more(&format!("[vault]\nkey = {{ credential = {name:?} }}\n"));
        newsroom.write("bugle.toml", &newsroom.config().await);
        let said = newsroom.command(&["vault", "status"]).await;
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.contains(words), "{said}");
    }
}
