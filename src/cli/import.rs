//! `bugle import FILE`: what another program follows (OPML) or does (feed2toot.ini) as sections of the config. They are
//! put behind what is there; nothing that is there is changed, and nothing is written unless `bugle check` would take the
//! whole. What the sections say is in `blocks`.

mod blocks;
mod feed2toot;

use std::collections::{BTreeMap, HashSet};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use self::blocks::{NewChannel, NewRoute, NewSource, Plan};
use super::{Call, Exit, Trouble, opened, say, warn};
use crate::config::{self, Config};
use crate::source::opml::{self, Subscription};

/// The most bytes of a file that is imported, or that it names. Source: reliability.md section 6, 2026-11.
const MOST: usize = opml::MAX_LIST;
/// The most bytes of a config. Source: config.md.
const MOST_CONFIG: usize = 1024 * 1024;

/// The options of `bugle import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An OPML list, or the settings of feed2toot.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print the sections and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Post what the new sources bring on this channel of the config. May be given several times. Left out, a list
    /// brings no route, and feed2toot's settings a channel of their own.
    #[arg(long, value_name = "CHANNEL")]
    to: Vec<String>,
    /// What the name of each new source begins with: for names that are taken.
    #[arg(long, value_name = "WORD", default_value = "", value_parser = word)]
    prefix: String,
    /// The name of the channel that feed2toot's settings bring.
    #[arg(long, value_name = "NAME", default_value = "mastodon", value_parser = word)]
    channel: String,
}

/// What is read of the file.
#[derive(Default)]
struct Import {
    plan: Plan,
    /// A template's name and text.
    template: Option<(String, String)>,
    /// Feeds that the config has already: their address and the source's name.
    known: Vec<(String, String)>,
    notes: Vec<String>,
}

/// Reads, and writes behind what is there.
///
/// # Errors
/// Where the file is of neither kind, a name is taken, or the config would have a fault.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let bytes = read(&args.file).map_err(|error| Trouble::failed(format!("{}: {error}", args.file.display())))?;
    // A config that is not there can be written to by nobody, but a rehearsal needs none.
    let config = match call.config.try_exists() {
        Ok(false) if args.dry_run => None,
        _ => Some(super::config(call)?),
    };
    let import = plan(&args, &bytes, config.as_ref())?;
    let text = import.plan.text();
    let written = match &config {
        Some(config) if !args.dry_run && !text.is_empty() => {
            write(config, &text, import.template.as_ref())?;
            true
        }
        Some(config) => {
            // What would be refused is refused before anyone believes in it.
            check(config, &text, import.template.as_ref())?;
            false
        }
        None => false,
    };
    report(call, &args, &import, &text, written)?;
    Ok(Exit::Done)
}

fn report(call: &Call, args: &Args, import: &Import, text: &str, written: bool) -> std::io::Result<()> {
    let names: Vec<&str> = import.plan.sources.iter().map(|source| source.name.as_str()).collect();
    if call.json {
        return say(json!({
            "file": call.config.display().to_string(), "written": written, "sources": names, "text": text,
            "channel": import.plan.channel.as_ref().map(|channel| &channel.name),
            "template": import.template.as_ref().map(|(name, text)| json!({ "name": name, "text": text })),
            "known": import.known.iter().map(|(url, name)| json!({ "url": url, "source": name })).collect::<Vec<_>>(),
            "notes": import.notes,
        }));
    }
    for note in &import.notes {
        warn(format_args!("note: {note}"))?;
    }
    for (url, name) in &import.known {
        warn(format_args!("note: {url} is in the config already, as source {name}"))?;
    }
    if args.dry_run {
        say(text.trim_start())?;
        if let Some((name, text)) = &import.template {
            say(format_args!("# and templates/post/{name}.j2 beside the config:\n{}", commented(text)))?;
        }
        return Ok(());
    }
    if names.is_empty() {
        return say("nothing is new");
    }
    say(format_args!("{}: {} new", call.config.display(), counted(names.len())))?;
    if import.plan.routes.is_empty() {
        say("No route leads from them yet: `--to CHANNEL` would have written one; see docs/config.md")?;
    }
    say(format_args!("Next: bugle --config {} check --live", call.config.display()))
}

fn counted(sources: usize) -> String {
    if sources == 1 { "1 source".to_owned() } else { format!("{sources} sources") }
}

fn commented(text: &str) -> String {
    text.lines().map(|line| format!("#     {line}\n")).collect()
}

/// What the file brings that the config has not.
fn plan(args: &Args, bytes: &[u8], config: Option<&Config>) -> Result<Import, Trouble> {
    let text = crate::source::decode::decode(bytes, None);
    let mut import = Import::default();
    if feed2toot::is(&text) && !text.trim_start().starts_with('<') {
        let folder = args.file.parent().unwrap_or(Path::new(""));
        let load = |path: &Path| read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let toots = feed2toot::read(&text, folder, &load)
            .map_err(|said| Trouble::failed(format!("{}: {said}", args.file.display())))?;
        of_toots(args, toots, config, &mut import)?;
    } else {
        let list = opml::read(bytes).map_err(|why| {
            Trouble::failed(format!("{}: {}", args.file.display(), why.said))
                .hint("an OPML list or the settings of feed2toot can be imported")
        })?;
        import.notes = list.dropped;
        import.plan.sources = new_sources(args, list.subscriptions, config, &mut import.known);
        let from: Vec<String> = import.plan.sources.iter().map(|source| source.name.clone()).collect();
        if !args.to.is_empty() && !from.is_empty() {
            import.plan.routes.push(NewRoute { from, to: args.to.clone(), when: None, template: None });
        }
    }
    taken(args, &import, config)?;
    Ok(import)
}

fn of_toots(args: &Args, toots: feed2toot::Toots, config: Option<&Config>, import: &mut Import) -> Result<(), Trouble> {
    let whens: BTreeMap<String, Option<String>> =
        toots.feeds.iter().map(|(feed, when)| (feed.url.to_string(), when.clone())).collect();
    let feeds = toots.feeds.into_iter().map(|(feed, _)| feed).collect();
    import.notes = toots.notes;
    import.plan.sources = new_sources(args, feeds, config, &mut import.known);
    if import.plan.sources.is_empty() {
        return Ok(());
    }
    let mut to = args.to.clone();
    if to.is_empty() {
        let server = toots.server.ok_or_else(|| {
            Trouble::failed("expected instance_url in [mastodon], found none")
                .hint("`--to CHANNEL` posts on a channel that the config has")
        })?;
        to.push(args.channel.clone());
        let (token, visibility) = (toots.token, toots.visibility);
        import.plan.channel = Some(NewChannel { name: args.channel.clone(), server, token, visibility });
    }
    let template = format!("{}feed2toot", args.prefix);
    import.template = Some((template.clone(), toots.template));
    // One route for all feeds with the same condition, in the order of the feeds.
    for source in &import.plan.sources {
        let when = whens.get(source.feed.url.as_str()).cloned().flatten();
        match import.plan.routes.iter_mut().find(|route| route.when == when) {
            Some(route) => route.from.push(source.name.clone()),
            None => import.plan.routes.push(NewRoute {
                from: vec![source.name.clone()],
                to: to.clone(),
                when,
                template: Some(template.clone()),
            }),
        }
    }
    Ok(())
}

/// The feeds that no source of the config reads, named.
fn new_sources(
    args: &Args,
    feeds: Vec<Subscription>,
    config: Option<&Config>,
    known: &mut Vec<(String, String)>,
) -> Vec<NewSource> {
    let mut fresh = Vec::new();
    for feed in feeds {
        let sources = config.map(|config| config.sources.as_slice()).unwrap_or_default();
        let same = sources.iter().find(|source| {
            let url = source.settings.url.as_deref();
            url.is_some_and(|url| url == feed.url.as_str() || url::Url::parse(url).is_ok_and(|url| url == feed.url))
        });
        match same {
            Some(source) => known.push((feed.url.to_string(), source.name.as_str().to_owned())),
            None => fresh.push(feed),
        }
    }
    blocks::named(fresh, &args.prefix)
}

/// Refuses names that the config has, and says the way out.
fn taken(args: &Args, import: &Import, config: Option<&Config>) -> Result<(), Trouble> {
    let Some(config) = config else { return Ok(()) };
    let sources: HashSet<&str> = config.sources.iter().map(|source| source.name.as_str()).collect();
    let clashes: Vec<&str> =
        import.plan.sources.iter().map(|source| source.name.as_str()).filter(|name| sources.contains(name)).collect();
    if !clashes.is_empty() {
        let few = clashes.iter().take(5).copied().collect::<Vec<_>>().join(", ");
        let more = if clashes.len() > 5 { format!(" and {} more", clashes.len() - 5) } else { String::new() };
        return Err(Trouble::wrong(format!("the config has other sources of these names: {few}{more}"))
            .hint("`--prefix WORD` puts a word before each new name, as in `--prefix old-`"));
    }
    let channels: Vec<&str> = config.channels.iter().map(|channel| channel.name.as_str()).collect();
    if let Some(channel) = import.plan.channel.as_ref().filter(|channel| channels.contains(&channel.name.as_str())) {
        return Err(Trouble::wrong(format!("the config has a channel {} already", channel.name)).hint(format!(
            "`--to {0}` posts there; `--channel NAME` gives the new one another name than {0}",
            channel.name
        )));
    }
    if let Some(missing) = args.to.iter().find(|name| !channels.contains(&name.as_str())) {
        return Err(Trouble::wrong(format!("there is no channel {missing:?}; there are: {}", channels.join(", "))));
    }
    Ok(())
}

/// The whole text of the config with the sections behind it, if all of it is good.
fn check(config: &Config, text: &str, template: Option<&(String, String)>) -> anyhow::Result<(String, String)> {
    let old = std::fs::read_to_string(config.path())?;
    let gap = if old.is_empty() || old.ends_with('\n') { "" } else { "\n" };
    let new = format!("{old}{gap}{text}");
    if new.len() > MOST_CONFIG {
        return Err(Trouble::failed(format!("the config would be {} KiB, 1,024 are allowed", new.len() / 1024))
            .hint("import a part of the list")
            .into());
    }
    config::parse(&new, config.path())?;
    if let Some((name, text)) = template {
        let path = opened::template_folder(config).join(format!("{name}.j2"));
        if path.symlink_metadata().is_ok() && std::fs::read_to_string(&path).ok().as_deref() != Some(text) {
            return Err(Trouble::wrong(format!("there is another template {} already", path.display()))
                .hint("`--prefix WORD` gives the new one another name")
                .into());
        }
    }
    Ok((old, new))
}

/// Puts the sections behind what is there, in one step: the file is the old one or the new one, never a part.
fn write(config: &Config, text: &str, template: Option<&(String, String)>) -> anyhow::Result<()> {
    let (old, new) = check(config, text, template)?;
    let mut made = None;
    if let Some((name, text)) = template {
        let folder = opened::template_folder(config);
        let path = folder.join(format!("{name}.j2"));
        if path.symlink_metadata().is_err() {
            std::fs::create_dir_all(&folder)?;
            std::fs::OpenOptions::new().write(true).create_new(true).open(&path)?.write_all(text.as_bytes())?;
            made = Some(path);
        }
    }
    let replaced =
        opened::good_templates(config).map_err(anyhow::Error::from).and_then(|_| replace(config.path(), &old, &new));
    if let (Err(_), Some(path)) = (&replaced, made) {
        // Nothing names it: it goes as it came.
        let _ = std::fs::remove_file(path);
    }
    replaced
}

/// Puts a file in the place of another that still is what it was.
fn replace(path: &Path, old: &str, new: &str) -> anyhow::Result<()> {
    // The file itself, where the name is a link to it.
    let path = path.canonicalize()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let beside = folder.join(format!(".{}.new", path.file_name().unwrap_or_default().to_string_lossy()));
    let fail = |error: std::io::Error| {
        Trouble::failed(format!("cannot write {}: {error}; {} is as it was", beside.display(), path.display()))
    };
    let put = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
        file.set_permissions(std::fs::metadata(&path)?.permissions())?;
        file.write_all(new.as_bytes())?;
        file.sync_all()
    };
    if let Err(error) = put() {
        if error.kind() != std::io::ErrorKind::AlreadyExists {
            let _ = std::fs::remove_file(&beside);
        }
        return Err(fail(error).into());
    }
    if std::fs::read_to_string(&path)? != old {
        let _ = std::fs::remove_file(&beside);
        return Err(Trouble::failed(format!("{} was changed meanwhile and is left as it is", path.display())).into());
    }
    std::fs::rename(&beside, &path).map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        fail(error)
    })?;
    Ok(())
}

/// A file's bytes, as far as a file may be read.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MOST as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MOST {
        return Err(std::io::Error::other(format!("larger than {} MiB", MOST / 1024 / 1024)));
    }
    Ok(bytes)
}

/// A part of a name in the config.
fn word(text: &str) -> Result<String, String> {
    let fits = text.len() <= 32 && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
    if fits { Ok(text.to_owned()) } else { Err(format!("expected at most 32 of a-z, 0-9, - and _, found {text:?}")) }
}

#[cfg(test)]
#[path = "import/tests.rs"]
mod tests;
