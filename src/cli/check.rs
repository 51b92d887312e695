//! `bugle check [--live]`: everything that is wrong with the config and the templates, then what is worth a second look;
//! with `--live` also what the platforms and the sources answer. Nothing is posted by it, no store or key is made for it,
//! and all that is stored, where there is a store, is what a platform charges for the question and says of its limits.

use std::path::Path;

use futures_util::future::join_all;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::live::{Asking, introduced};
use super::{Call, Exit, opened, say, terms, warn};
use crate::compose;
use crate::config::{Config, Fault};
use crate::expr::{ExprError, Scene, Templates};
use crate::model::limit::Said;
use crate::route::DEFAULT_TEMPLATE;

/// The options of `bugle check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also ask each platform who we are and what we may do, and read each source.
    #[arg(long)]
    live: bool,
}

/// Checks. Faults exit with 2; with `--live` a platform or a source that fails exits with 1; warnings alone with 0.
///
/// # Errors
/// Where the answer cannot be written, or with `--live` the store that is there not be opened.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let config = match super::config(call) {
        Ok(config) => config,
        Err(faults) if call.json => {
            let mut answer = faults.to_json();
            answer["warnings"] = json!([]);
            say(answer)?;
            return Ok(Exit::Wrong);
        }
        Err(faults) => return Err(faults.into()),
    };
    let file = config.path().display().to_string();
    let templates = match opened::templates(&config) {
        Ok(templates) => templates,
        Err(faults) if call.json => {
            let faults: Vec<Value> = faults.iter().map(|(path, error)| template_json(path, error)).collect();
            say(json!({ "file": file, "faults": faults, "warnings": [] }))?;
            return Ok(Exit::Wrong);
        }
        Err(faults) => {
            for (path, error) in &faults {
                warn(opened::template_fault(path, error))?;
            }
            return Ok(Exit::Wrong);
        }
    };
    let missing = config.faults(missing_templates(&config, &templates));
    let faults = match opened::brand(&config) {
        Err(faults) if missing.list().is_empty() => faults,
        _ => missing,
    };
    if !faults.list().is_empty() {
        if !call.json {
            return Err(faults.into());
        }
        let mut answer = faults.to_json();
        answer["warnings"] = json!([]);
        say(answer)?;
        return Ok(Exit::Wrong);
    }
    let warnings = warnings(&config, &templates);
    let remarks = terms::of_config(&config);
    let live = if args.live { Some(live(&config).await?) } else { None };
    let exit = if live.as_ref().is_some_and(|live| live.failed) { Exit::Failed } else { Exit::Done };
    if call.json {
        let mut answer = json!({ "file": file, "faults": [], "warnings": warnings, "remarks": remarks });
        if let Some(live) = live {
            answer["channels"] = live.channels.into_iter().map(|(_, value)| value).collect();
            answer["sources"] = live.sources.into_iter().map(|(_, value)| value).collect();
        }
        say(answer)?;
        return Ok(exit);
    }
    for warning in &warnings {
        warn(format_args!("warning: {warning}"))?;
    }
    for remark in &remarks {
        say(format_args!("note: {remark}"))?;
    }
    if let Some(live) = live {
        for (line, _) in live.channels.iter().chain(&live.sources) {
            say(line)?;
        }
    }
    say(format_args!(
        "{file}: no faults; {}, {}, {}",
        counted(config.sources.len(), "source"),
        counted(config.channels.len(), "channel"),
        counted(config.routes.len(), "route")
    ))?;
    Ok(exit)
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A template's fault in the shape of the config's, with its own file.
fn template_json(path: &Path, error: &ExprError) -> Value {
    let mut fault = opened::template_fault(path, error).to_json()["faults"][0].take();
    fault["file"] = json!(path.display().to_string());
    fault
}

/// Routes whose template there is not.
fn missing_templates(config: &Config, templates: &Templates) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (n, rule) in config.routes.iter().enumerate() {
        let name = rule.template.as_deref().unwrap_or(DEFAULT_TEMPLATE);
        let missing: Vec<&str> = rule
            .to
            .iter()
            .filter_map(|name| config.channel(name))
            .filter(|channel| !templates.has(name, channel.name.as_str(), channel.platform.id))
            .map(|channel| channel.name.as_str())
            .collect();
        if missing.is_empty() {
            continue;
        }
        // Where some channels have their own, the others are named.
        let whom = if missing.len() < rule.to.len() { format!(" for {}", missing.join(", ")) } else { String::new() };
        let known: Vec<&str> = templates.names().collect();
        let hint = format!(
            "there are: {}; or write {}",
            known.join(", "),
            opened::template_folder(config).join(format!("{name}.j2")).display()
        );
        faults.push(config.fault(
            &format!("route[{n}].template"),
            format!("there is no template {name:?}{whom}"),
            Some(hint),
        ));
    }
    faults
}

/// What is no fault and yet hardly meant.
fn warnings(config: &Config, templates: &Templates) -> Vec<String> {
    let mut found = Vec::new();
    let notify = config.notify.as_ref().and_then(|notify| notify.secret.as_ref());
    let keys = config.vault.key.iter().map(|place| ("vault.key", place));
    let old = config.vault.old_keys.iter().map(|place| ("vault.old_keys", place));
    let notify = notify.map(|place| ("notify.secret", place));
    for (key, place) in keys.chain(old).chain(notify) {
        if let Err(said) = crate::vault::secret::resolve(place) {
            found.push(format!("{key}: secret missing: {said}; the service does not start without it"));
        }
    }
    if let Some(oidc) = &config.sign_in.oidc {
        if let Some(Err(said)) = oidc.client_secret.as_ref().map(crate::vault::secret::resolve) {
            found.push(format!("sign_in.oidc.client_secret: secret missing: {said}; nobody can sign in that way"));
        }
        if config.web.public_url.is_none() {
            found.push("sign_in.oidc: without [web] public_url only browsers of this machine can come back".to_owned());
        }
    }
    for source in &config.sources {
        if let Some(door) = &source.settings.ingest {
            for (key, place) in [("token", &door.token), ("secret", &door.secret)] {
                if let Some(Err(said)) = place.as_ref().map(crate::vault::secret::resolve) {
                    let name = &source.name;
                    found.push(format!("source.{name}.ingest.{key}: secret missing: {said}; nothing can be pushed"));
                }
            }
        }
        if source.settings.hub.is_some() && config.web.public_url.is_none() {
            found.push(format!("source.{}.hub: without [web] public_url no hub can reach Bugle", source.name));
        }
        if !config.routes.iter().any(|rule| rule.from.contains(&source.name)) {
            found.push(format!("source.{}: no route uses it: its articles go nowhere", source.name));
        }
    }
    for channel in &config.channels {
        if !config.routes.iter().any(|rule| rule.to.contains(&channel.name)) {
            found.push(format!("channel.{}: no route uses it: nothing goes there by itself", channel.name));
        }
        if let Err(said) = opened::channel(channel).credential() {
            found.push(format!("channel.{}: secret missing: {said}; it blocks only this channel", channel.name));
        }
        if let Some(said) = channel.account.sunset().and_then(|sunset| ends_soon(&sunset, opened::clock().now())) {
            found.push(format!("channel.{}: {said}", channel.name));
        }
    }
    for (n, rule) in config.routes.iter().enumerate() {
        let name = rule.template.as_deref().unwrap_or(DEFAULT_TEMPLATE);
        for channel in rule.to.iter().filter_map(|name| config.channel(name)) {
            let scene = Scene {
                channel: channel.name.to_string(),
                platform: channel.platform.id.to_owned(),
                newsroom: config.newsroom.name.clone(),
                ..Scene::full()
            };
            let (rules, threads) = (channel.account.rules(None), channel.account.threads());
            if let Err(error) = compose::compose(templates, name, &scene, rules, threads) {
                found.push(format!("route[{n}]: a usual article does not fit on channel {}: {error}", channel.name));
            }
        }
    }
    found
}

/// What is said of an API version that ends within 60 days, or has ended.
fn ends_soon((version, ends): &(String, jiff::civil::Date), now: jiff::Timestamp) -> Option<String> {
    const AHEAD: i32 = 60;
    let today = jiff::tz::TimeZone::UTC.to_datetime(now).date();
    let left = today.until((jiff::Unit::Day, *ends)).ok()?.get_days();
    let hint = "set `api_version` to a newer one";
    match left {
        ..0 => Some(format!("API version {version} ended on {ends}: every call is refused; {hint}")),
        0..=AHEAD => Some(format!("API version {version} ends on {ends}, in {left} days: {hint}")),
        _ => None,
    }
}

/// What the outside answered, each as a line and as JSON.
struct Live {
    channels: Vec<(String, Value)>,
    sources: Vec<(String, Value)>,
    failed: bool,
}

async fn live(config: &Config) -> anyhow::Result<Live> {
    let asking = Asking::open(config).await?;
    let channels = join_all(config.channels.iter().map(|channel| async {
        let name = format!("channel {} ({})", channel.name, channel.platform.name);
        let (line, ok, mut value) = match asking.whoami(channel).await {
            Ok(identity) => {
                let mut value = introduced(channel, &identity);
                let server = identity.server.as_ref().map(|server| format!(", server {server}")).unwrap_or_default();
                let line = format!("{name}: {}, id {}, limit {}{server}", identity.handle, identity.id, value["limit"]);
                let limits = asking.limits(channel.name.as_str()).await;
                value["limits"] = limits.iter().map(limit_json).collect();
                let said = limits.iter().map(|said| limit_line(said, &asking.zone));
                let remarks: Vec<String> = identity.remarks.iter().cloned().chain(said).collect();
                (remarked(line, &remarks), true, value)
            }
            Err(said) => (format!("{name}: failed: {said}"), false, json!({ "error": said })),
        };
        value["channel"] = json!(channel.name);
        value["platform"] = json!(channel.platform.id);
        value["ok"] = json!(ok);
        (line, value)
    }));
    let sources = join_all(config.sources.iter().map(|source| async {
        let (line, ok, mut value) = match asking.source(source).await {
            Ok(value) => {
                let newest = &value["newest"];
                let newest = newest["title"].as_str().map(|title| match newest["date"].as_str() {
                    Some(date) => format!(", the newest of {date}: {title}"),
                    None => format!(", the newest without a date: {title}"),
                });
                let count =
                    value["articles"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or_default();
                let line =
                    format!("source {}: {}{}", source.name, counted(count, "article"), newest.unwrap_or_default());
                let remarks: Vec<String> = value["remarks"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|remark| remark.as_str().map(str::to_owned))
                    .collect();
                (remarked(line, &remarks), true, value)
            }
            Err(error) => {
                let hint = error.hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
                let value = json!({ "error": error.said, "hint": error.hint });
                (format!("source {}: failed: {error}{hint}", source.name), false, value)
            }
        };
        value["source"] = json!(source.name);
        value["ok"] = json!(ok);
        (line, value)
    }));
    let (channels, sources) = futures_util::future::join(channels, sources).await;
    let failed = channels.iter().chain(&sources).any(|(_, value)| value["ok"] == json!(false));
    Ok(Live { channels, sources, failed })
}

/// What a platform last said of a limit.
fn limit_json(said: &Said) -> Value {
    json!({
        "limit": said.word,
        "used_percent": said.percent(),
        "left": said.left,
        "resets": said.resets.map(|at| at.to_string()),
        "said": said.at.to_string(),
    })
}

fn limit_line(said: &Said, zone: &TimeZone) -> String {
    let resets = said.resets.map(|at| format!(", counts anew at {}", zone.to_datetime(at).strftime("%Y-%m-%d %H:%M")));
    format!("limit {}{}", said.describe(), resets.unwrap_or_default())
}

/// A line with what else is worth knowing below it.
fn remarked(line: String, remarks: &[String]) -> String {
    remarks.iter().fold(line, |all, remark| format!("{all}\n  {remark}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
[newsroom]
name = "N"
timezone = "Asia/Baku"
[source.a]
url = "a.xml"
[source.idle]
url = "b.xml"
[channel.main]
platform = "timeline"
[channel.spare]
platform = "x"
consumer_key = { env = "BUGLE_TEST_NOBODY_SETS_1" }
consumer_secret = { env = "BUGLE_TEST_NOBODY_SETS_1" }
access_token = { env = "BUGLE_TEST_NOBODY_SETS_1" }
access_secret = { env = "BUGLE_TEST_NOBODY_SETS_1" }
[[route]]
from = ["a"]
to = ["main"]
template = "TEMPLATE"
"#;

    fn config(folder: &Path, template: &str) -> Config {
        crate::config::parse(&CONFIG.replace("TEMPLATE", template), &folder.join("bugle.toml")).ok().unwrap()
    }

    #[test]
    fn what_nothing_uses_and_what_is_missing_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), "headline");
        let templates = opened::templates(&config).unwrap();
        assert_eq!(missing_templates(&config, &templates), []);
        let found = warnings(&config, &templates);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("source.idle: no route"), "{found:?}");
        assert!(found[1].starts_with("channel.spare: no route"), "{found:?}");
        assert!(found[2].contains("BUGLE_TEST_NOBODY_SETS_1 is not set"), "{found:?}");
    }

    #[test]
    fn a_template_is_looked_for_beside_the_config_and_for_each_channel() {
        let folder = tempfile::tempdir().unwrap();
        let templates_of = |config: &Config| opened::templates(config).unwrap();
        let config = config(folder.path(), "evening");
        let faults = missing_templates(&config, &templates_of(&config));
        assert_eq!((faults.len(), faults[0].key.as_str()), (1, "route[0].template"));
        let shown = config.faults(faults).to_string();
        assert!(shown.contains("bugle.toml:20:12") && shown.contains("there is no template \"evening\""), "{shown}");
        let post = folder.path().join("templates/post");
        std::fs::create_dir_all(&post).unwrap();
        std::fs::write(post.join("evening.@main.j2"), "{{ title }} {{ link }}\n").unwrap();
        assert_eq!(missing_templates(&config, &templates_of(&config)), []);
    }

    #[test]
    fn a_version_is_warned_of_from_sixty_days_before_its_end() {
        let sunset = ("202601".to_owned(), jiff::civil::date(2027, 1, 15));
        for (now, words) in [
            ("2026-11-15T23:59:59Z", None),
            ("2026-11-16T00:00:00Z", Some("API version 202601 ends on 2027-01-15, in 60 days: set")),
            ("2027-01-15T23:00:00Z", Some("in 0 days")),
            ("2027-01-16T00:00:00Z", Some("ended on 2027-01-15: every call is refused; set `api_version`")),
        ] {
            let found = ends_soon(&sunset, now.parse().unwrap());
            assert_eq!(found.is_some(), words.is_some(), "{now}: {found:?}");
            assert!(found.unwrap_or_default().contains(words.unwrap_or_default()), "{now}");
        }
    }

    #[test]
    fn a_usual_article_is_tried_on_every_channel() {
        let folder = tempfile::tempdir().unwrap();
        let post = folder.path().join("templates/post");
        std::fs::create_dir_all(&post).unwrap();
        std::fs::write(post.join("long.j2"), format!("{} {{{{ link }}}}\n", "words ".repeat(100))).unwrap();
        let config = config(folder.path(), "long");
        let found = warnings(&config, &opened::templates(&config).unwrap());
        assert!(found.iter().any(|warning| warning.contains("does not fit on channel main")), "{found:?}");
    }

    #[test]
    fn a_template_fault_has_line_and_column() {
        let folder = tempfile::tempdir().unwrap();
        let post = folder.path().join("templates/post");
        std::fs::create_dir_all(&post).unwrap();
        std::fs::write(post.join("evening.j2"), "{{ title }}\nə {{ titel }}\n{{ link }}\n").unwrap();
        let (path, error) = opened::templates(&config(folder.path(), "evening")).unwrap_err().remove(0);
        let value = template_json(&path, &error);
        assert_eq!((&value["line"], &value["column"]), (&json!(2), &json!(6)), "{value}");
        assert_eq!(value["hint"], "did you mean `title`?");
        let text = opened::template_fault(&path, &error).to_string();
        assert!(text.contains("evening.j2:2:6\n") && text.contains("{{ titel }}"), "{text}");
    }
}
