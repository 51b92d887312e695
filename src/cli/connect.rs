//! `bugle connect CHANNEL`: opens a channel's account by a person's consent. With a public address it prints a one-time
//! link that does it in the browser, and waits; beside it, and without one, the consent's own link, whose end the person
//! pastes here. The flow itself is `crate::connect`'s; here a person is asked.

use std::io::BufRead;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::sync::mpsc;

use super::connector::connector;
use super::{Call, Exit, Trouble, opened, say, warn};
use crate::config::{self, Config};
use crate::connect::{Begun, Came, Connected, Connector, Fault, Offer, Session, WITHIN};
use crate::model::id::ChannelName;
use crate::platform::Connect;
use crate::platform::consent::SHOWN;

/// The options of `bugle connect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The channel's name in the config.
    channel: String,
    /// Which account to take where the consent opens several (pages, organisations).
    #[arg(long, value_name = "ID")]
    choose: Option<String>,
}

/// How often is looked whether the browser came to an end. 500 ms, ours: a person does not notice, nor does the store.
const LOOK: Duration = Duration::from_millis(500);

/// Connects.
///
/// # Errors
/// Where the channel cannot be connected this way, the person or the platform refuses, or the grant cannot be kept.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    connect(&super::config(call)?, &args, call, std::io::BufReader::new(std::io::stdin())).await
}

async fn connect(
    config: &Config,
    args: &Args,
    call: &Call,
    from: impl BufRead + Send + 'static,
) -> anyhow::Result<Exit> {
    let channel = named(config, &args.channel)?;
    if channel.account.consent().is_none() {
        return Err(by_keys(channel).into());
    }
    for remark in super::terms::of_channel(channel) {
        warn(format_args!("note: {remark}"))?;
    }
    // Opened first: a code works once, so nothing that can fail beforehand may fail after it.
    let store = opened::store(config).await?;
    let vault = opened::vault(config)?;
    let clock = opened::clock();
    let http = opened::http(config, &clock)?;
    let connector = connector(config, &store, &vault, &http, &clock);
    let name = channel.name.as_str();
    let session = Session::terminal();
    let trouble = |fault| trouble(config, channel, fault);

    let ticket = match connector.page(name) {
        Ok(_) => Some(connector.ticket(name, &super::person()).await.map_err(trouble)?),
        Err(_) => None,
    };
    let begun = connector.begin(name, &session, &super::person()).await.map_err(trouble)?;
    tell(call, channel, &connector, &begun, ticket.as_ref())?;
    let mut lines = Lines::of(from);
    let connected = wait(&connector, name, &begun, &session, ticket.as_ref(), &mut lines).await;
    let connected = match connected {
        Ok(End::Connected(connected)) => Ok(connected),
        Ok(End::Choose(offers)) => choose(&connector, call, args, &offers, &session, &mut lines).await,
        Err(error) => Err(error),
    };
    if let Some(ticket) = &ticket {
        connector.forget_ticket(ticket).await.map_err(trouble)?;
    }
    let connected = connected.map_err(|error| match error.downcast::<Fault>() {
        Ok(fault) => trouble(fault).into(),
        Err(other) => other,
    })?;
    done(call, &connected)?;
    Ok(Exit::Done)
}

/// The channel of that name.
pub(super) fn named<'c>(config: &'c Config, name: &str) -> Result<&'c config::Channel, Trouble> {
    config.channel(&ChannelName::new(name)).ok_or_else(|| {
        let all: Vec<&str> = config.channels.iter().map(|channel| channel.name.as_str()).collect();
        Trouble::wrong(format!("there is no channel {name:?}")).hint(format!("there are: {}", all.join(", ")))
    })
}

/// What the person does now.
fn tell(
    call: &Call,
    channel: &config::Channel,
    connector: &Connector,
    begun: &Begun,
    ticket: Option<&SecretString>,
) -> anyhow::Result<()> {
    let desk = match ticket {
        Some(ticket) => {
            let mut page = connector.page(channel.name.as_str())?;
            page.query_pairs_mut().append_pair("ticket", ticket.expose_secret());
            Some(page)
        }
        None => None,
    };
    let terms = channel.platform.terms;
    if call.json {
        let told = json!({ "asks": terms.ask, "source": terms.source, "read": terms.read });
        say(json!({
            "channel": channel.name, "desk": desk, "consent": begun.url, "redirect": begun.redirect, "terms": told,
        }))?;
        return Ok(());
    }
    if !terms.ask.is_empty() {
        let said = format!("{} asks of posts that no person sends: {}", channel.platform.name, terms.ask);
        warn(format_args!("{said} ({}, read {})", terms.source, terms.read))?;
    }
    if let Some(desk) = desk {
        warn("Open this one-time link in the browser you sign in with (good for 10 minutes):")?;
        say(desk)?;
        warn("Or stay in this terminal:")?;
    }
    warn("Open this page in a browser, signed in as the account that shall post, and allow it:")?;
    say(&begun.url)?;
    match begun.redirect.as_str() {
        SHOWN => warn("Then type the code it shows:")?,
        redirect => warn(format_args!(
            "Then copy the whole address that the browser ends on (it begins with {redirect}, and may show an error) \
             and paste it here, at once: such codes are good for seconds to minutes:"
        ))?,
    }
    Ok(())
}

/// How the wait ended.
enum End {
    Connected(Connected),
    Choose(Vec<Offer>),
}

/// Waits for a line, or for the browser to come to an end.
async fn wait(
    connector: &Connector,
    name: &str,
    begun: &Begun,
    session: &Session,
    ticket: Option<&SecretString>,
    lines: &mut Lines,
) -> anyhow::Result<End> {
    let late = tokio::time::sleep(Duration::try_from(WITHIN)?);
    tokio::pin!(late);
    let mut open = true;
    loop {
        let line = tokio::select! {
            line = lines.next(), if open => line,
            () = tokio::time::sleep(LOOK), if ticket.is_some() => {
                let Some(ticket) = ticket else { continue };
                match connector.outcome(ticket).await?.map(|it| (it.account, it.blocked, it.fault)) {
                    Some((Some((handle, id)), blocked, _)) => {
                        return Ok(End::Connected(Connected { channel: name.to_owned(), handle, id, blocked }));
                    }
                    Some((None, _, fault)) => {
                        return Err(Trouble::failed(fault.unwrap_or_default()).into());
                    }
                    None => continue,
                }
            }
            () = &mut late => return Err(Fault::Late.into()),
        };
        let Some(line) = line else {
            if ticket.is_none() {
                let expected = match begun.redirect.as_str() {
                    SHOWN => "the code",
                    _ => "the address that the browser ended on",
                };
                return Err(Trouble::failed(format!("expected {expected} on standard input, found none")).into());
            }
            open = false;
            continue;
        };
        if line.trim().is_empty() {
            continue;
        }
        match connector.pasted(name, &line, begun, session).await {
            Ok(Came::Connected(connected)) => return Ok(End::Connected(connected)),
            Ok(Came::Choose(offers)) => return Ok(End::Choose(offers)),
            // A slip of the hand: the consent is still good.
            Err(fault @ (Fault::NotTheAddress(_) | Fault::NoState | Fault::NoCode)) => warn(format_args!("{fault}"))?,
            Err(fault) => return Err(fault.into()),
        }
    }
}

/// Has one of several accounts chosen.
async fn choose(
    connector: &Connector,
    call: &Call,
    args: &Args,
    offers: &[Offer],
    session: &Session,
    lines: &mut Lines,
) -> anyhow::Result<Connected> {
    let listed: Vec<_> = offers.iter().map(|offer| json!({ "id": offer.id, "name": offer.name })).collect();
    let id = match &args.choose {
        Some(id) => id.clone(),
        None => {
            if call.json {
                say(json!({ "choose": listed }))?;
            } else {
                warn("The consent opens several accounts:")?;
                for offer in offers {
                    say(format_args!("  {}  {}", offer.id, offer.name))?;
                }
                warn("Type the id of the one that this channel posts to:")?;
            }
            let line = lines.next().await.unwrap_or_default();
            line.trim().to_owned()
        }
    };
    match connector.choose(args.channel.as_str(), &id, session).await {
        Err(Fault::NoChoice(id)) => {
            let there: Vec<String> = offers.iter().map(|offer| format!("{} ({})", offer.id, offer.name)).collect();
            let said = Trouble::failed(format!("expected the id of one of the accounts, found {id:?}"));
            Err(said.hint(format!("there are: {}", there.join(", "))).into())
        }
        other => Ok(other?),
    }
}

fn done(call: &Call, connected: &Connected) -> std::io::Result<()> {
    let Connected { channel, handle, id, blocked } = connected;
    if call.json {
        return say(json!({ "channel": channel, "account": handle, "id": id, "blocked": blocked }));
    }
    say(format_args!("channel {channel} is connected as {handle}"))?;
    match blocked {
        Some(block) => warn(format_args!("warning: it stays blocked: {block}")),
        None => Ok(()),
    }
}

/// The lines of standard input. Read on a thread of their own: nothing can take back a read that has begun.
struct Lines(mpsc::UnboundedReceiver<String>);

impl Lines {
    fn of(from: impl BufRead + Send + 'static) -> Self {
        let (send, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in from.lines() {
                let Ok(line) = line else { break };
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Self(lines)
    }

    async fn next(&mut self) -> Option<String> {
        self.0.recv().await
    }
}

/// A fault of connecting as the command says it.
pub(super) fn trouble(config: &Config, channel: &config::Channel, fault: Fault) -> Trouble {
    match fault {
        Fault::ByKeys(_) => by_keys(channel),
        Fault::NoChannel(name) => named(config, &name).err().unwrap_or_else(|| Trouble::wrong(name)),
        Fault::TokenInConfig(_) => {
            Trouble::wrong(fault.to_string()).hint("take the key `token` out of the config and connect again")
        }
        Fault::Secret(said) => Trouble::wrong(format!("channel.{}.{said}", channel.name)),
        other => Trouble::failed(other.to_string()),
    }
}

/// What to do for a channel that is opened by keys in the config.
fn by_keys(channel: &config::Channel) -> Trouble {
    let keys: Vec<String> = channel.account.secrets().iter().map(|(key, at)| format!("{key} ({at})")).collect();
    let how = match channel.platform.connect {
        Connect::None => "it needs no account".to_owned(),
        Connect::AppPassword => "make an app password in the account's settings".to_owned(),
        Connect::AppPasswordOrOAuth2 => "its app password is in the config, which needs no consent; for OAuth leave \
                                         `password` out"
            .to_owned(),
        Connect::BotToken => "ask the platform's bot maker for a token, and make the bot an administrator".to_owned(),
        Connect::OAuth1 => "make an app and the account's own user keys on the platform's developer pages".to_owned(),
        Connect::OAuth2 => "make an access token on the platform's developer pages".to_owned(),
        Connect::OAuth1Or2 => "its keys are those of OAuth 1.0a, which need no consent; for OAuth 2.0 name a \
                               `client_id` instead of them"
            .to_owned(),
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
    use crate::cli::live::Asking;
    use crate::http::testing::{Reply, Server};
    use crate::model::channel::Block;
    use crate::model::grant::Grant;
    use crate::store;

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

    fn args() -> Args {
        Args { channel: "m".to_owned(), choose: None }
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
        assert!(connect(&config, &args(), &call, &b"wrong\n"[..]).await.is_err());
        assert!(matches!(row().await, (row, None) if row.blocked.is_some()));

        assert_eq!(connect(&config, &args(), &call, &b" c0de \n"[..]).await.unwrap(), Exit::Done);
        let (channel, sealed) = row().await;
        let sealed = sealed.unwrap();
        assert_eq!(channel.blocked, None);
        assert!(channel.identity.unwrap().contains("daily"));
        assert!(!String::from_utf8_lossy(&sealed).contains("t0ken"));
        let asking = Asking::open(&config).await.unwrap();
        assert_eq!(asking.whoami(&config.channels[0]).await.unwrap().id, "1");

        // Another account on the same channel is refused, and the first one's grant stays.
        let other = instance("2").await;
        let said = connect(&config_for(&other, folder.path()), &args(), &call, &b"c0de\n"[..]).await.unwrap_err();
        assert!(said.to_string().contains("(2), this channel to"), "{said}");
        assert_eq!(row().await.1.unwrap(), sealed);
    }
}
