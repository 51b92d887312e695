//! `bugle connect CHANNEL`: opens a channel's account from the terminal and keeps the grant, sealed. The flow itself is
//! `crate::connect`'s; here a person is asked and the channel let go on.

use std::io::BufRead;
use std::sync::Arc;

use secrecy::SecretString;
use serde_json::json;

use super::live::Asking;
use super::opened::{self, Memory};
use super::{Call, Exit, Trouble, say, warn};
use crate::config::{self, Config};
use crate::connect::mastodon;
use crate::model::channel::Block;
use crate::model::grant::{Credential, Grant};
use crate::model::id::ChannelName;
use crate::model::post::Actor;
use crate::platform::{Connect, Identity, Keep as _};
use crate::publish::ports::SealedKeep;
use crate::store::{self, Store};

/// The options of `bugle connect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The channel's name in the config.
    channel: String,
}

/// Connects.
///
/// # Errors
/// Where the channel cannot be connected this way, the person or the platform refuses, or the grant cannot be kept.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    connect(&super::config(call)?, &args.channel, call, &mut std::io::stdin().lock()).await
}

async fn connect(config: &Config, name: &str, call: &Call, from: &mut impl BufRead) -> anyhow::Result<Exit> {
    let channel = config.channel(&ChannelName::new(name)).ok_or_else(|| {
        let all: Vec<&str> = config.channels.iter().map(|channel| channel.name.as_str()).collect();
        Trouble::wrong(format!("there is no channel {name:?}")).hint(format!("there are: {}", all.join(", ")))
    })?;
    if channel.platform.id != "mastodon" {
        return Err(by_keys(channel).into());
    }
    if channel.account.secrets().iter().any(|(key, _)| *key == "token") {
        let said = format!("channel.{} names a `token` in the config, which would be used instead", channel.name);
        return Err(Trouble::wrong(said).hint("take the key `token` out of the config and connect again").into());
    }
    for remark in super::terms::of_channel(channel) {
        warn(format_args!("note: {remark}"))?;
    }
    // Opened first: a code works once, so nothing that can fail beforehand may fail after it.
    let store = opened::store(config).await?;
    let vault = opened::vault(config)?;
    let asking = Asking::with(config, Some((store.clone(), Arc::clone(&vault))))?;
    let grant = granted(&asking, channel, from).await?;

    let memory = Memory::default();
    memory.put(Grant::WORD, &grant).await.map_err(Trouble::failed)?;
    let identity = asking.introduce(channel, &Credential::default(), &memory, &memory).await.map_err(|said| {
        Trouble::failed(said).hint("nothing was stored; another account gets a channel of its own in the config")
    })?;
    let name = channel.name.to_string();
    let keep = SealedKeep { store: store.clone(), vault, channel: name, clock: Arc::clone(&asking.clock) };
    let still = let_go_on(channel, &store, &asking, &identity, keep, &grant).await?;
    if call.json {
        let blocked = still.as_ref().map(ToString::to_string);
        say(json!({ "channel": channel.name, "account": identity.handle, "id": identity.id, "blocked": blocked }))?;
    } else {
        say(format_args!("channel {} is connected as {}", channel.name, identity.handle))?;
        if let Some(block) = still {
            warn(format_args!("warning: it stays blocked: {block}"))?;
        }
    }
    Ok(Exit::Done)
}

/// The person's consent, as the grant to keep.
async fn granted(asking: &Asking, channel: &config::Channel, from: &mut impl BufRead) -> anyhow::Result<SecretString> {
    let server = channel.account.server().ok_or_else(|| Trouble::wrong("expected a channel with a `server`"))?;
    let app = mastodon::register(&asking.http, server).await?;
    let asked = mastodon::authorize_url(&app)?;
    warn("Open this page in a browser, signed in as the account that shall post, and allow it:")?;
    say(&asked.url)?;
    warn("Then type the code it shows:")?;
    let mut code = String::new();
    from.read_line(&mut code)?;
    if code.trim().is_empty() {
        return Err(Trouble::failed("expected the code on standard input, found none").into());
    }
    Ok(mastodon::exchange(&asking.http, &app, &code, &asked.verifier).await?.written())
}

/// Keeps the grant, and takes away what blocked the channel as far as a new grant is the answer to it. Gives back what
/// still blocks it.
async fn let_go_on(
    channel: &config::Channel,
    store: &Store,
    asking: &Asking,
    identity: &Identity,
    keep: SealedKeep,
    grant: &SecretString,
) -> anyhow::Result<Option<Block>> {
    let (name, platform, now) = (channel.name.to_string(), channel.platform.id, asking.clock.now());
    let (who, said) = (Actor::Person(super::person()), format!("connected as {}", identity.handle));
    let identity = store::to_json(identity);
    keep.put(Grant::WORD, grant).await.map_err(Trouble::failed)?;
    let job = store::job(move |conn| {
        Box::pin(async move {
            store::channel::ensure(conn, &name, platform, now).await?;
            store::channel::set_identity(conn, &name, &identity).await?;
            let blocked = store::channel::one(conn, &name).await?.and_then(|row| row.blocked);
            let still = blocked.filter(stays);
            if still.is_none() {
                store::channel::set_blocked(conn, &name, None, now).await?;
            }
            store::audit::add(conn, now, &who, "channel", &name, (None, None), &said).await?;
            store::meta::touch(conn).await?;
            Ok(still)
        })
    });
    Ok(store.write(job).await?)
}

/// Whether a block is about something else than the credential: a new one does not lift it.
fn stays(block: &Block) -> bool {
    match block {
        Block::Alarm { .. } | Block::NotInConfig => true,
        Block::MissingSecret { .. }
        | Block::Token { .. }
        | Block::Forbidden { .. }
        | Block::Gone { .. }
        | Block::OtherAccount { .. } => false,
    }
}

/// What to do for a channel that is opened by keys in the config.
fn by_keys(channel: &config::Channel) -> Trouble {
    let keys: Vec<String> = channel.account.secrets().iter().map(|(key, at)| format!("{key} ({at})")).collect();
    let how = match channel.platform.connect {
        Connect::None => "it needs no account".to_owned(),
        Connect::AppPassword => "make an app password in the account's settings".to_owned(),
        Connect::BotToken => "ask the platform's bot maker for a token, and make the bot an administrator".to_owned(),
        Connect::OAuth1 => "make an app and the account's own user keys on the platform's developer pages".to_owned(),
        Connect::OAuth2 => "make an access token on the platform's developer pages".to_owned(),
    };
    let where_to = match keys.is_empty() {
        true => String::new(),
        false => format!("; put it where the config looks for it: {}", keys.join(", ")),
    };
    let said = format!("a channel of {} is not connected in the terminal", channel.platform.name);
    let check = if keys.is_empty() { "" } else { "; then `bugle check --live`" };
    Trouble::wrong(said).hint(format!("{how}{where_to}; see docs/platforms/{}.md{check}", channel.platform.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::{Reply, Server};

    #[test]
    fn a_new_grant_lifts_what_is_about_the_grant() {
        let said = || "s".to_owned();
        for (block, kept) in [
            (Block::Token { said: said() }, false),
            (Block::MissingSecret { what: said() }, false),
            (Block::OtherAccount { expected: said(), found: said() }, false),
            (Block::Alarm { what: said() }, true),
            (Block::NotInConfig, true),
        ] {
            assert_eq!(stays(&block), kept, "{block:?}");
        }
    }

    #[test]
    fn other_platforms_name_their_keys() {
        let text = "[newsroom]\nname = \"N\"\ntimezone = \"UTC\"\n[channel.t]\nplatform = \"telegram\"\nchat = \"@c\"\n\
                    token = { env = \"BUGLE_TEST_TOKEN\" }\n";
        let config = config::parse(text, std::path::Path::new("b.toml")).ok().unwrap();
        let trouble = by_keys(&config.channels[0]);
        let hint = trouble.hint.unwrap();
        assert_eq!(trouble.exit, Exit::Wrong);
        assert!(hint.contains("token (environment variable BUGLE_TEST_TOKEN)"), "{hint}");
        assert!(hint.contains("docs/platforms/telegram.md"), "{hint}");
    }

    /// An instance that grants the code `c0de`, and whose account has the id it is told.
    async fn instance(id: &'static str) -> Server {
        Server::start(move |request| {
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            let json = |status: &str, body: String| {
                Reply::answer(status, &["Content-Type: application/json"], body.as_bytes())
            };
            match path.as_str() {
                "/api/v1/apps" => json("200 OK", r#"{"client_id":"i","client_secret":"s"}"#.to_owned()),
                "/oauth/token" if request.contains("code=c0de") => {
                    json("200 OK", r#"{"access_token":"t0ken","token_type":"Bearer","scope":"read"}"#.to_owned())
                }
                "/api/v1/accounts/verify_credentials" if request.to_lowercase().contains("bearer t0ken") => json(
                    "200 OK",
                    format!(r#"{{"id":"{id}","username":"daily","acct":"daily","url":"https://m.example/@daily"}}"#),
                ),
                "/api/v2/instance" => json("200 OK", r#"{"version":"4.4.0","domain":"m.example"}"#.to_owned()),
                _ => json("401 Unauthorized", r#"{"error":"invalid_grant"}"#.to_owned()),
            }
        })
        .await
    }

    fn config_for(server: &Server, folder: &std::path::Path) -> Config {
        let key = folder.join("key");
        std::fs::write(&key, "ab".repeat(32)).unwrap();
        let text = format!(
            "[newsroom]\nname = \"N\"\ntimezone = \"UTC\"\n[store]\nurl = \"sqlite:{}\"\n\
             [network]\nallow_private = [\"{}\"]\n[vault]\nkey = {{ file = \"{}\" }}\n\
             [channel.m]\nplatform = \"mastodon\"\nserver = \"http://{}\"\n",
            folder.join("b.db").display(),
            server.at,
            key.display(),
            server.at
        );
        config::parse(&text, std::path::Path::new("b.toml")).map_err(|faults| faults.to_string()).ok().unwrap()
    }

    #[tokio::test]
    async fn a_grant_is_kept_sealed_and_the_channel_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let server = instance("1").await;
        let config = config_for(&server, folder.path());
        let call = Call { config: "b.toml".into(), json: true };
        let store = opened::store(&config).await.unwrap();
        let blocked = store::job(|conn| {
            Box::pin(async move {
                let now = jiff::Timestamp::UNIX_EPOCH;
                store::channel::ensure(conn, "m", "mastodon", now).await?;
                store::channel::set_blocked(conn, "m", Some(&Block::Token { said: "no".into() }), now).await
            })
        });
        store.write(blocked).await.unwrap();
        let row = async || {
            let mut conn = store.read().await.unwrap();
            let sealed = store::sealed::get(&mut conn, "m", Grant::WORD).await.unwrap();
            (store::channel::one(&mut conn, "m").await.unwrap().unwrap(), sealed)
        };

        // A wrong code changes nothing.
        assert!(connect(&config, "m", &call, &mut &b"wrong\n"[..]).await.is_err());
        assert!(matches!(row().await, (row, None) if row.blocked.is_some()));

        assert_eq!(connect(&config, "m", &call, &mut &b" c0de \n"[..]).await.unwrap(), Exit::Done);
        let (channel, sealed) = row().await;
        let sealed = sealed.unwrap();
        assert_eq!(channel.blocked, None);
        assert!(channel.identity.unwrap().contains("daily"));
        assert!(!String::from_utf8_lossy(&sealed).contains("t0ken"));
        let asking = Asking::open(&config).await.unwrap();
        assert_eq!(asking.whoami(&config.channels[0]).await.unwrap().id, "1");

        // Another account on the same channel is refused, and the first one's grant stays.
        let other = instance("2").await;
        let said = connect(&config_for(&other, folder.path()), "m", &call, &mut &b"c0de\n"[..]).await.unwrap_err();
        assert!(said.to_string().contains("(2), this channel to"), "{said}");
        assert_eq!(row().await.1.unwrap(), sealed);
    }
}
