//! `bugle init`: asks a few questions and writes a first config that `bugle check` accepts. Each question has an option;
//! what an option answers is not asked. Questions go to standard error, answers come from standard input, a line each.

use std::io::{BufRead, Write as _};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use serde_json::json;
use url::Url;

use super::{Call, Exit, Trouble, say, warn};
use crate::config::{self, Answers, Wanted, draft};
use crate::platform;

/// The options of `bugle init`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to write [default: the one of --config]; one that exists is left alone.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The newsroom's name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Its time zone, as Asia/Baku.
    #[arg(long, visible_alias = "tz", value_name = "ZONE", value_parser = zone)]
    timezone: Option<String>,
    /// Its feed: a URL or a file.
    #[arg(long, value_name = "URL-or-FILE", value_parser = feed)]
    feed: Option<String>,
    /// A channel: PLATFORM, PLATFORM=ACCOUNT or PLATFORM=ACCOUNT,SERVER; for instance
    /// `mastodon=@azernews,https://mastodon.example`. May be given several times.
    #[arg(long = "channel", value_name = "CHANNEL", value_parser = channel)]
    channels: Vec<Wanted>,
    /// No channel but a local timeline, to try it out.
    #[arg(long, conflicts_with = "channels")]
    no_channels: bool,
}

/// Asks and writes.
///
/// # Errors
/// Where the file exists or cannot be written, an answer is missing, or the config would have a fault.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let out = args.out.clone().unwrap_or_else(|| call.config.clone());
    let taken = || {
        Trouble::failed(format!("{} exists already and is left as it is", out.display()))
            .hint("`--out FILE` writes another file")
    };
    if out.symlink_metadata().is_ok() {
        return Err(taken().into());
    }
    let answers = ask(args, &mut std::io::stdin().lock())?;
    let text = draft(&answers);
    let config = config::parse(&text, &out)?;
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|error| Trouble::failed(format!("cannot make the folder {}: {error}", folder.display())))?;
    }
    write_new(&out, &text).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => taken(),
        _ => Trouble::failed(format!("cannot write {}: {error}", out.display())),
    })?;
    let secrets: Vec<String> = config
        .channels
        .iter()
        .flat_map(|channel| channel.account.secrets().into_iter().map(|(_, at)| at.to_string()))
        .collect();
    if call.json {
        say(json!({ "file": out.display().to_string(), "secrets": secrets }))?;
        return Ok(Exit::Done);
    }
    say(format_args!("{} is written", out.display()))?;
    for secret in secrets {
        say(format_args!("  still needed: {secret}"))?;
    }
    say(format_args!("Next: bugle --config {} check", out.display()))?;
    Ok(Exit::Done)
}

/// Never over an existing file.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// What the options leave open is asked.
fn ask(args: Args, from: &mut impl BufRead) -> anyhow::Result<Answers> {
    let mut asking = Asking { from };
    let newsroom = match args.name {
        Some(name) => name,
        None => asking.answer("The newsroom's name", None, "--name", name)?,
    };
    let zone = match args.timezone {
        Some(zone) => zone,
        None => {
            let here = TimeZone::try_system().ok().and_then(|zone| zone.iana_name().map(str::to_owned));
            asking.answer("Its time zone", Some(here.as_deref().unwrap_or("UTC")), "--timezone", zone)?
        }
    };
    let feed = match args.feed {
        Some(feed) => feed,
        None => asking.answer("Its feed (a URL or a file)", None, "--feed", feed)?,
    };
    let mut channels = args.channels;
    if channels.is_empty() && !args.no_channels {
        channels = asking.channels()?;
    }
    Ok(Answers { newsroom, zone, feed, channels })
}

struct Asking<'a, R> {
    from: &'a mut R,
}

impl<R: BufRead> Asking<'_, R> {
    /// An answer that holds; asked again until it does. `None` at the end of the input.
    fn try_answer<T>(
        &mut self,
        question: &str,
        default: Option<&str>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> std::io::Result<Option<T>> {
        loop {
            let shown = default.filter(|default| !default.is_empty()).map(|default| format!(" [{default}]"));
            warn(format_args!("{question}{}:", shown.unwrap_or_default()))?;
            let mut line = String::new();
            let ended = self.from.read_line(&mut line)? == 0;
            let answer = match (line.trim(), default) {
                ("", Some(default)) => default,
                _ if ended => return Ok(None),
                (answer, _) => answer,
            };
            match read(answer) {
                Ok(answer) => return Ok(Some(answer)),
                Err(said) => warn(format_args!("  {said}"))?,
            }
        }
    }

    fn answer<T>(
        &mut self,
        question: &str,
        default: Option<&str>,
        option: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> anyhow::Result<T> {
        let answer = self.try_answer(question, default, read)?;
        Ok(answer.ok_or_else(|| {
            Trouble::wrong(format!("{}: expected an answer, found the end of the input", question.to_lowercase()))
                .hint(format!("`{option}` answers it beforehand"))
        })?)
    }

    /// Channels until an empty line; none at all is an answer too.
    fn channels(&mut self) -> anyhow::Result<Vec<Wanted>> {
        let ids: Vec<&str> = platform::ALL.iter().map(|platform| platform.spec().id).collect();
        let question = format!("A channel's platform ({}; empty: no more)", ids.join(", "));
        let mut channels = Vec::new();
        loop {
            let word = self.try_answer(&question, Some(""), |word| match word {
                "" => Ok(None),
                word => platform_word(word).map(Some),
            })?;
            let Some(platform) = word.flatten() else { return Ok(channels) };
            let text = |answer: &str| Ok(answer.to_owned());
            let mut wanted = Wanted { platform, ..Wanted::default() };
            if wanted.platform != "timeline" {
                let question = match wanted.platform.as_str() {
                    "telegram" => "  Its chat",
                    "discord" | "slack" => "  Its channel's id",
                    "matrix" => "  Its room",
                    "webhook" => "  Where events go",
                    _ => "  Its account",
                };
                wanted.handle = self.answer(question, None, "--channel", handle)?;
            }
            if let Some(server) = default_server(&wanted.platform) {
                wanted.server = Some(self.answer("  Its server", Some(server), "--channel", text)?);
            }
            channels.push(wanted);
        }
    }
}

/// Where the accounts of a platform with many servers usually are.
fn default_server(platform: &str) -> Option<&'static str> {
    match platform {
        "mastodon" => Some("https://mastodon.social"),
        "bluesky" => Some("https://bsky.social"),
        _ => None,
    }
}

fn name(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("expected a name, found nothing".to_owned()) } else { Ok(text.to_owned()) }
}

fn handle(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("expected an account's name, found nothing".to_owned()) } else { Ok(text.to_owned()) }
}

fn zone(text: &str) -> Result<String, String> {
    match TimeZone::get(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("expected a time zone as Asia/Baku, found {text:?}")),
    }
}

fn feed(text: &str) -> Result<String, String> {
    match Url::parse(text) {
        _ if text.is_empty() => Err("expected a URL or a file, found nothing".to_owned()),
        Ok(url) if text.contains("://") && !matches!(url.scheme(), "http" | "https" | "file") => {
            Err(format!("expected an http or https URL or a file, found {}:", url.scheme()))
        }
        _ => Ok(text.to_owned()),
    }
}

fn platform_word(text: &str) -> Result<String, String> {
    if platform::by_id(text).is_some() {
        return Ok(text.to_owned());
    }
    let ids: Vec<&str> = platform::ALL.iter().map(|platform| platform.spec().id).collect();
    Err(format!("there is no platform {text:?}; there are: {}", ids.join(", ")))
}

/// `PLATFORM[=ACCOUNT[,SERVER]]`.
fn channel(text: &str) -> Result<Wanted, String> {
    let (platform, rest) = text.split_once('=').unwrap_or((text, ""));
    let platform = platform_word(platform)?;
    if rest.is_empty() && platform != "timeline" {
        return Err(format!("expected {platform}=ACCOUNT"));
    }
    let (handle, server) = match rest.split_once(',') {
        Some((handle, server)) => (handle, Some(server.to_owned())),
        None => (rest, None),
    };
    Ok(Wanted { platform, handle: handle.to_owned(), server })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Args {
        Args { out: None, name: None, timezone: None, feed: None, channels: Vec::new(), no_channels: false }
    }

    #[test]
    fn answers_become_a_config_without_faults() {
        let all = "\nDaily \"News\"\nNowhere/Land\nAsia/Baku\nhttps://news.example/feed\n\
                   mastdon\nmastodon\n@daily\n\nbluesky\n@daily.example\nhttps://pds.example\nx\n@daily\n\
                   telegram\n@daily\n\n";
        let answers = ask(nothing(), &mut all.as_bytes()).unwrap();
        assert_eq!((answers.newsroom.as_str(), answers.zone.as_str()), ("Daily \"News\"", "Asia/Baku"));
        let platforms: Vec<&str> = answers.channels.iter().map(|wanted| wanted.platform.as_str()).collect();
        assert_eq!(platforms, ["mastodon", "bluesky", "x", "telegram"]);
        assert_eq!(answers.channels[0].server.as_deref(), Some("https://mastodon.social"));
        let config = config::parse(&draft(&answers), Path::new("b.toml"));
        assert_eq!(config.map_err(|faults| faults.to_string()).ok().unwrap().channels.len(), 4);
    }

    #[test]
    fn what_options_answer_is_not_asked() {
        let args = Args {
            name: Some("N".into()),
            timezone: Some("UTC".into()),
            feed: Some("feed.xml".into()),
            channels: vec![channel("mastodon=@n@m.example,https://m.example").unwrap(), channel("timeline").unwrap()],
            ..nothing()
        };
        let answers = ask(args, &mut std::io::empty()).unwrap();
        assert_eq!(answers.channels[0].handle, "@n@m.example");
        assert_eq!(answers.channels[0].server.as_deref(), Some("https://m.example"));
        assert!(config::parse(&draft(&answers), Path::new("b.toml")).is_ok());
        let missing = ask(nothing(), &mut std::io::empty()).unwrap_err();
        assert_eq!(super::super::explain(&missing, false).1, Exit::Wrong, "{missing}");
    }

    #[test]
    fn channels_as_an_option() {
        for (text, good) in [
            ("x=@a", true),
            ("timeline", true),
            ("x", false),
            ("myspace=@a", false),
            ("", false),
            ("telegram=@c", true),
        ] {
            assert_eq!(channel(text).is_ok(), good, "{text}");
        }
    }

    #[tokio::test]
    async fn a_file_that_exists_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("deep/bugle.toml");
        let call = Call { config: out.clone(), json: true };
        let args = || Args {
            name: Some("N".into()),
            timezone: Some("UTC".into()),
            feed: Some("feed.xml".into()),
            no_channels: true,
            ..nothing()
        };
        assert_eq!(run(args(), &call).await.unwrap(), Exit::Done);
        let written = std::fs::read_to_string(&out).unwrap();
        assert!(config::parse(&written, &out).is_ok(), "{written}");
        assert!(run(Args { name: Some("Other".into()), ..args() }, &call).await.is_err());
        assert_eq!(std::fs::read_to_string(&out).unwrap(), written);
    }
}
