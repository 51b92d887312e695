//! `bugle preview URL-or-FILE`: what every channel of the config would post of a feed's newest article, composed and
//! counted as for sending. Nothing is posted or stored by it.

mod shown;

use std::collections::HashMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::{Call, Exit, Trouble, opened, say, warn};
use crate::compose;
use crate::config::{self, Config};
use crate::expr::{Item, Templates};
use crate::model::article::{Article, Entry};
use crate::model::id::{ArticleId, ChannelName, PostId, SourceName};
use crate::model::money::Price;
use crate::model::picture::{Origin, Picture};
use crate::model::post::{Actor, Approval, Occasion, Post, PostState, Urgency};
use crate::platform::picture;
use crate::platform::{Card, Identity};
use crate::publish::identity_of;
use crate::publish::prepare::{Setting, prepare};
use crate::publish::studio::Workshop;
use crate::route::{Chosen, DEFAULT_TEMPLATE, Route, plan};
use crate::source::page::{ArticlePage, Rule};

/// The options of `bugle preview`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The feed: an http(s) URL, or a file.
    #[arg(value_name = "URL-or-FILE")]
    place: String,
    /// The template to show instead of the routes'.
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// Another article than the newest: the Nth as the feed lists them, counted from 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    item: Option<u32>,
    /// Only that channel's post.
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Also draw the posts as their platforms show them, into that file.
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
}

/// Shows the posts; with `--json` one object a channel and line.
///
/// # Errors
/// Where the config or a template is at fault, or the feed cannot be fetched or read.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let config = super::config(call)?;
    let templates = opened::good_templates(&config)?;
    let clock = opened::clock();
    let http = opened::http(&config, &clock)?;
    let known = config.sources.iter().find(|source| source.settings.url.as_ref() == Some(&args.place));
    let layout = known.and_then(|source| source.layout.as_ref());
    let feed = opened::feed(&http, &args.place, None, layout, &config.newsroom.zone).await?;
    let entry = match args.item {
        None => opened::newest(&feed.entries),
        Some(n) => usize::try_from(n - 1).ok().and_then(|n| feed.entries.get(n)),
    };
    let entry = entry.ok_or_else(|| {
        Trouble::failed(format!(
            "{}: expected an article to show, found {} in the feed",
            args.place,
            feed.entries.len()
        ))
    })?;
    let source = known.or(match &config.sources[..] {
        [only] => Some(only),
        _ => None,
    });
    let when = source.map_or(ArticlePage::default(), |source| source.settings.article_page);
    let hosts = source.map_or(&[][..], |source| &source.settings.hosts);
    let place = Url::parse(&args.place).ok();
    let rule = Rule { source: place.as_ref(), hosts };
    let (entry, note) = opened::completed(&http, entry, when, rule, &config.newsroom.zone).await;
    let entry = &entry;
    if let Some(note) = note {
        warn(format_args!("note: shown without what the article's page says: {note}"))?;
    }
    let identities = identities(&config).await;
    let now = clock.now();
    let named = args.template.as_deref();
    if let Some(name) = named.filter(|name| !templates.has(name, "", "")) {
        let all: Vec<&str> = templates.names().collect();
        return Err(Trouble::wrong(format!("expected one of the templates {}, found {name:?}", all.join(", "))).into());
    }
    // A template that is asked for by its name may be a digest's: it sees the feed's newest articles.
    let digest: Vec<Item> = match named {
        Some(_) => newest_first(&feed.entries).into_iter().take(DIGEST).map(compose::item).collect(),
        None => Vec::new(),
    };
    let desk = Desk { config: &config, templates: &templates, identities: &identities, named, digest: &digest };
    let source = desk.source(&args.place);
    let article = desk.article(&source, entry, now);
    let mut shown = desk.shown(&article, &source, now)?;
    if let Some(only) = &args.channel {
        shown.retain(|post| post.channel == *only);
        if shown.is_empty() {
            let names: Vec<_> = config.channels.iter().map(|channel| channel.name.as_str()).collect();
            let hint = format!("there are: {}", names.join(", "));
            return Err(Trouble::wrong(format!("the config has no channel {only:?}")).hint(hint).into());
        }
    }
    if let Some(file) = &args.png {
        let brand = opened::brand(&config)?;
        let workshop = Workshop { http, brand, scale: config.timing.scale, shelf: None };
        shown::png(&workshop, &config, &identities, &shown, file).await?;
    }
    if call.json {
        for post in shown {
            say(post.json(&article))?;
        }
        return Ok(Exit::Done);
    }
    say(&entry.title)?;
    if let Some(link) = &entry.link {
        say(link)?;
    }
    for post in shown {
        say(format_args!("\n{}", post.text()))?;
    }
    Ok(Exit::Done)
}

/// Articles of a feed that a digest is shown with.
const DIGEST: usize = 10;

/// A feed's articles by their dates; undated ones stay where the feed has them, behind.
fn newest_first(entries: &[Entry]) -> Vec<&Entry> {
    let mut all: Vec<&Entry> = entries.iter().collect();
    all.sort_by_key(|entry| std::cmp::Reverse(entry.published));
    all
}

/// Who each channel belongs to and what its server allows, as far as the store knows. A preview needs no store.
async fn identities(config: &Config) -> HashMap<String, Identity> {
    let rows = async {
        let store = opened::store_if_there(config).await.ok()??;
        let mut conn = store.read().await.ok()?;
        crate::store::channel::all(&mut conn).await.ok()
    };
    let rows = rows.await.unwrap_or_default();
    rows.into_iter().filter_map(|row| Some((row.name, identity_of(row.identity.as_deref())?))).collect()
}

/// Where an article of the preview comes from: its name, and whether the config has it.
struct From {
    name: SourceName,
    known: bool,
}

struct Desk<'a> {
    config: &'a Config,
    templates: &'a Templates,
    identities: &'a HashMap<String, Identity>,
    /// The template that is asked for instead of the routes'.
    named: Option<&'a str>,
    /// What a digest would hold.
    digest: &'a [Item],
}

impl Desk<'_> {
    /// The source of that address; of another address, the only source there is, else one called `preview`.
    fn source(&self, place: &str) -> From {
        let sources = &self.config.sources;
        match sources.iter().find(|source| source.settings.url.as_deref() == Some(place)) {
            Some(source) => From { name: source.name.clone(), known: true },
            None => match &sources[..] {
                [only] => From { name: only.name.clone(), known: true },
                _ => From { name: SourceName::from("preview"), known: false },
            },
        }
    }

    fn article(&self, source: &From, entry: &Entry, now: Timestamp) -> Article {
        let mut entry = entry.clone();
        let settings = self.config.source(&source.name).map(|source| &source.settings);
        let language = settings.and_then(|it| it.language.as_deref());
        let newsroom = self.config.newsroom.language.as_deref();
        crate::source::lend(&mut entry, language, newsroom, settings.map_or(&[], |it| &it.categories));
        Article { id: ArticleId::fresh(), source: source.name.clone(), version: 1, first_seen: now, entry }
    }

    /// The template that is shown for a channel.
    fn template<'b>(&'b self, chosen: Option<&'b Chosen>) -> &'b str {
        self.named.or(chosen.map(|chosen| chosen.template.as_str())).unwrap_or(DEFAULT_TEMPLATE)
    }

    /// Every channel's post, in the order of their names; also where no route leads there, with the reason.
    fn shown(&self, article: &Article, source: &From, now: Timestamp) -> Result<Vec<Shown>, Trouble> {
        let mut routes = Vec::new();
        for (number, rule) in (1..).zip(&self.config.routes) {
            let mut route = Route::compile(number, rule).map_err(|fault| Trouble::wrong(format!("route: {fault}")))?;
            if !source.known {
                // A feed that the config does not have is shown as if it came from any of its sources.
                route.from.push(source.name.clone());
            }
            routes.push(route);
        }
        let newsroom = &self.config.newsroom;
        let scene = compose::scene(article, &newsroom.name, &newsroom.zone, "", "");
        let names: Vec<ChannelName> = self.config.channels.iter().map(|channel| channel.name.clone()).collect();
        let plan = plan(&routes, &source.name, &scene, &names);
        let show = |channel: &config::Channel| {
            let chosen = plan.chosen.iter().find(|chosen| chosen.channel == channel.name);
            let not = plan.verdicts.iter().find(|verdict| verdict.channel == channel.name).map(|v| v.why.clone());
            self.post(channel, chosen, not, article, now)
        };
        Ok(self.config.channels.iter().map(show).collect())
    }

    fn post(
        &self,
        channel: &config::Channel,
        chosen: Option<&Chosen>,
        not: Option<String>,
        article: &Article,
        now: Timestamp,
    ) -> Shown {
        let approval = Approval { by: Actor::Route, at: now, payload: None };
        let post = Post {
            id: PostId::fresh(),
            channel: channel.name.clone(),
            article: article.id.clone(),
            occasion: Occasion::First,
            route: chosen.map_or(0, |chosen| chosen.route),
            template: self.template(chosen).to_owned(),
            urgency: chosen.map_or(Urgency::Normal, |chosen| chosen.urgency),
            created: now,
            expires: None,
            due: now,
            attempts: 0,
            text: None,
            picture: Default::default(),
            state: PostState::Scheduled { approval, retry: None },
        };
        let newsroom = &self.config.newsroom;
        let setting = Setting {
            templates: self.templates,
            newsroom: &newsroom.name,
            zone: &newsroom.zone,
            words: &self.config.words,
            digest: self.digest,
            look: &self.config.card,
        };
        let identity = self.identities.get(channel.name.as_str());
        let limit = channel.account.rules(identity).limit;
        let place = opened::channel(channel);
        let prepared = prepare(setting, &place, identity, article, &post, 0, now);
        let uploads = prepared.as_ref().ok().into_iter().flat_map(|prepared| prepared.payload.uploads());
        let mut planned = uploads.filter_map(|upload| picture::Planned::read(&upload.body).ok());
        let picture = planned.next();
        let further = planned
            .filter_map(|it| match it {
                picture::Planned::Attached(own) => Some(own),
                picture::Planned::Thumb(_) => None,
            })
            .collect();
        let limit = prepared.as_ref().map_or(limit, |prepared| prepared.composed.first.rules().limit);
        let card = prepared.as_ref().ok().and_then(|prepared| prepared.card.clone());
        let cost = prepared.as_ref().ok().and_then(|prepared| channel.account.price(&prepared.payload));
        let outcome = prepared
            .map(|prepared| prepared.composed.parts().map(|part| (part.as_str().to_owned(), part.length())).collect());
        Shown {
            channel: channel.name.to_string(),
            platform: channel.platform.id,
            name: channel.platform.name,
            route: chosen.map(|chosen| chosen.route),
            template: post.template,
            urgency: post.urgency,
            needs_approval: chosen.is_some_and(|chosen| chosen.needs_approval),
            terms: channel.account.must_approve(),
            not: not.or_else(|| chosen.and_then(|chosen| chosen.hold.clone())),
            limit,
            outcome,
            cost,
            like: channel.account.like().unwrap_or(channel.platform.id).to_owned(),
            label: channel.label.clone(),
            card,
            picture,
            further,
        }
    }
}

/// What one channel would post.
struct Shown {
    channel: String,
    platform: &'static str,
    name: &'static str,
    route: Option<u32>,
    template: String,
    urgency: Urgency,
    needs_approval: bool,
    /// Why a person approves it whatever the route says.
    terms: Option<&'static str>,
    /// Why it would not be posted by itself.
    not: Option<String>,
    limit: usize,
    /// The text of each part and what it counts, or why there is none.
    outcome: Result<Vec<(String, usize)>, String>,
    /// What sending it costs, where the platform charges.
    cost: Option<Price>,
    /// The platform whose looks it has.
    like: String,
    /// The account's name as the config states it.
    label: Option<String>,
    /// The card of its link.
    card: Option<Card>,
    /// What the first upload step sends.
    picture: Option<picture::Planned>,
    /// The further pictures of an album.
    further: Vec<Picture>,
}

impl Shown {
    fn json(&self, article: &Article) -> Value {
        let (parts, held) = match &self.outcome {
            Ok(parts) => (parts.as_slice(), None),
            Err(why) => (&[][..], Some(why)),
        };
        let text = (!parts.is_empty()).then(|| crate::text::thread::join(parts.iter().map(|(text, _)| text.as_str())));
        let each: Vec<Value> = parts.iter().map(|(text, length)| json!({ "text": text, "length": length })).collect();
        json!({
            "channel": self.channel,
            "platform": self.platform,
            "article": article.entry.title,
            "link": article.entry.link,
            "route": self.route,
            "template": self.template,
            "urgency": self.urgency,
            "needs_approval": self.needs_approval || self.terms.is_some(),
            "text": text,
            "length": parts.iter().map(|(_, length)| length).max(),
            "parts": each,
            "limit": self.limit,
            "fits": self.outcome.is_ok(),
            "cost": self.cost.map(super::show::money),
            "held": held,
            "picture": self.attached().map(|own| json!({ "origin": own.origin, "alt": own.alt })),
            "further_pictures": self.further,
            "not_posted": self.not,
        })
    }

    /// The picture that is attached to the post.
    fn attached(&self) -> Option<&Picture> {
        match &self.picture {
            Some(picture::Planned::Attached(own)) => Some(own),
            _ => None,
        }
    }

    /// Who lets it out, where that is not the route.
    fn approval(&self) -> Option<String> {
        match self.terms {
            Some(why) => Some(format!("a person approves it first: {why}")),
            None => self.needs_approval.then(|| "a person approves it first".to_owned()),
        }
    }

    fn text(&self) -> String {
        let parts = self.outcome.as_deref().unwrap_or_default();
        let counted = match parts {
            [] => format!("? of {}", self.limit),
            [(_, length)] => format!("{length} of {}", self.limit),
            several => format!("a thread of {} parts", several.len()),
        };
        let mut lines = vec![format!("{} ({}), {counted}, template {}", self.channel, self.name, self.template)];
        lines.extend(self.not.iter().map(|why| format!("  not posted by itself: {why}")));
        lines.extend(self.approval().map(|said| format!("  {said}")));
        match &self.outcome {
            Ok(_) => {
                for (n, (text, length)) in (1..).zip(parts) {
                    if parts.len() > 1 {
                        lines.push(format!("  part {n} of {}, {length} of {}", parts.len(), self.limit));
                    }
                    lines.extend(text.lines().map(|line| format!("  | {line}").trim_end().to_owned()));
                }
            }
            Err(why) => lines.push(format!("  held, a person decides: {why}")),
        }
        lines.extend(self.cost.map(|cost| format!("  costs {cost}")));
        for own in self.attached().into_iter().chain(&self.further) {
            let what = match &own.origin {
                Origin::Headline(card) => format!("a headline card, {}", card.ratio.word()),
                Origin::Photo { urls } => urls.first().map(ToString::to_string).unwrap_or_default(),
            };
            let alt = if own.alt.is_empty() { String::new() } else { format!("; alternative text: {}", own.alt) };
            lines.push(format!("  picture: {what}{alt}"));
        }
        lines.join("\n")
    }
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
[source.b]
url = "b.xml"
[channel.short]
platform = "timeline"
like = "x"
[channel.long]
platform = "timeline"
like = "mastodon"
[[route]]
from = ["a"]
to = ["short"]
template = "headline-summary"
approve = true
[[route]]
from = ["b"]
to = ["long"]
when = "'Nation' in categories"
"#;

    fn shown(place: &str, entry: &Entry) -> Vec<Shown> {
        let config = config::parse(CONFIG, std::path::Path::new("/nowhere/bugle.toml")).ok().unwrap();
        let templates = opened::templates(&config).unwrap();
        let desk =
            Desk { config: &config, templates: &templates, identities: &HashMap::new(), named: None, digest: &[] };
        let source = desk.source(place);
        let now = "2026-11-25T12:00:00Z".parse().unwrap();
        desk.shown(&desk.article(&source, entry, now), &source, now).unwrap()
    }

    fn entry(categories: &[&str]) -> Entry {
        Entry {
            title: "Bridge opens ".repeat(40).trim().to_owned(),
            link: Some("https://news.example/bridge".parse().unwrap()),
            categories: categories.iter().map(|name| (*name).to_owned()).collect(),
            ..Entry::default()
        }
    }

    #[test]
    fn every_channel_shows_a_text_that_fits_it() {
        let shown = shown("a.xml", &entry(&[]));
        let [long, short] = &shown[..] else { panic!("two channels") };
        for (post, limit) in [(short, 280), (long, 500)] {
            let (text, length) = &post.outcome.as_ref().unwrap()[0];
            assert!(text.ends_with("https://news.example/bridge"), "{text}");
            assert!(*length <= limit && *length > limit - 40, "{length} of {limit}");
            assert_eq!(post.limit, limit);
        }
        assert_eq!((short.route, short.needs_approval, short.not.as_deref()), (Some(1), true, None));
        assert_eq!((long.route, long.not.as_deref()), (None, Some("no route from a to long")));
        assert!(short.text().starts_with("short (Timeline), "), "{}", short.text());
    }

    #[test]
    fn a_feed_of_no_source_is_shown_as_if_of_any() {
        let unmet = &shown("https://other.example/feed", &entry(&[]))[0];
        assert!(unmet.not.as_deref().unwrap().contains("condition not met"), "{:?}", unmet.not);
        let met = &shown("https://other.example/feed", &entry(&["Nation"]))[0];
        assert_eq!((met.route, met.not.as_deref()), (Some(2), None));
    }
}
