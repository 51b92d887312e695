//! `bugle post`: one post by hand, through the same path as every other.

use url::Url;

use super::edit::{PictureArg, chosen};
use super::shop::{Need, Shop};
use super::{Call, Exit, warn};
use crate::model::article::Entry;
use crate::model::picture::Chosen;
use crate::model::post::Urgency;
use crate::publish::actions::{self, ByHand, Start};
use crate::source::page::{ArticlePage, Rule};
use crate::text::plain::line;

/// Arguments of `bugle post`.
#[derive(Clone, Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("content").required(true).multiple(true).args(["text", "article"])))]
pub struct Args {
    /// The channel.
    #[arg(long, value_name = "CHANNEL")]
    to: String,
    /// The text; with --article: instead of the template's.
    #[arg(long)]
    text: Option<String>,
    /// The article's link: one that a source brought is composed as usual.
    #[arg(long, value_name = "URL")]
    article: Option<Url>,
    /// Breaking news: jumps queue, slots, quiet hours, gap and day limit.
    #[arg(long)]
    breaking: bool,
    /// Also where this story has a post on that channel already.
    #[arg(long)]
    again: bool,
    /// Not before that time by the newsroom's clock, as 2026-11-26T08:00.
    #[arg(long, value_name = "TIME", conflicts_with = "hold")]
    at: Option<String>,
    /// With --at, where the clocks go back and that time comes twice: the second time.
    #[arg(long, requires = "at")]
    second: bool,
    /// It waits for somebody to approve.
    #[arg(long)]
    hold: bool,
    /// Its picture: `usual` (as the channel has it), `none`, `headline`, or the address of one of the article's.
    #[arg(long, value_name = "PICTURE")]
    picture: Option<PictureArg>,
    /// What the picture shows, for those who do not see it.
    #[arg(long, value_name = "TEXT")]
    alt: Option<String>,
}

/// Makes a post.
///
/// # Errors
/// What the store says; a text that does not fit.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::Any, false).await?;
    let channel = shop.must_have(&args.to)?;
    let templates = shop.templates()?;
    let mut conn = shop.store.read().await?;
    let known = match &args.article {
        Some(url) => actions::by_link(&mut conn, url).await?,
        None => None,
    };
    drop(conn);
    let mut text = args.text.clone();
    let story = match (known, &args.article) {
        (Some(article), _) => article,
        (None, Some(url)) => {
            let entry = by_its_page(&shop, url).await?;
            if entry.title.is_empty() {
                text.get_or_insert_with(|| url.to_string());
            }
            let title = if entry.title.is_empty() { url.to_string() } else { entry.title.clone() };
            actions::own_article(Entry { title, ..entry }, shop.hand.now)
        }
        (None, None) => {
            let text = text.as_deref().unwrap_or_default();
            let title = line(text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default());
            actions::own_article(Entry { title, link: actions::link_in(text), ..entry(&shop) }, shop.hand.now)
        }
    };
    let route = shop.config.routes.iter().find(|route| route.to.contains(&channel.name));
    let template = route.and_then(|route| route.template.clone());
    let wish = ByHand {
        article: story,
        text,
        template: template.unwrap_or_else(|| crate::route::DEFAULT_TEMPLATE.to_owned()),
        urgency: if args.breaking { Urgency::Breaking } else { Urgency::Normal },
        again: args.again,
        picture: chosen(Chosen::default(), args.picture.as_ref(), args.alt.as_deref()),
        start: match &args.at {
            Some(at) => Start::At(shop.time(at, args.second)?),
            None if args.hold => Start::Held,
            None => Start::Queued,
        },
    };
    let row = actions::by_hand(&shop.store, &shop.hand, shop.place(&channel, &templates), wish).await?;
    let what = match (&args.at, args.hold) {
        (Some(_), _) => "scheduled, goes out at its time:",
        (None, true) => "held, waits for `bugle approve`:",
        (None, false) => "scheduled, goes out as soon as the service may send it:",
    };
    shop.done(what, &[row])?;
    Ok(Exit::Done)
}

/// An article that no source has brought: what its page says.
async fn by_its_page(shop: &Shop, url: &Url) -> anyhow::Result<Entry> {
    let http = super::opened::http(&shop.config, &super::opened::clock())?;
    let bare = Entry { link: Some(url.clone()), ..Entry::default() };
    let rule = Rule { source: Some(url), hosts: &[] };
    let (mut entry, note) = super::opened::completed(&http, &bare, ArticlePage::Always, rule, shop.zone()).await;
    if let Some(note) = note {
        warn(format_args!(
            "no source has brought this article, and its page cannot be read ({note}): the post is its bare link"
        ))?;
    } else if entry.title.is_empty() {
        warn("no source has brought this article, and its page has no headline: the post is its bare link")?;
    }
    entry.language = entry.language.or_else(|| shop.config.newsroom.language.clone());
    Ok(entry)
}

fn entry(shop: &Shop) -> Entry {
    Entry { language: shop.config.newsroom.language.clone(), ..Entry::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_needs_a_channel_and_something_to_say() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        for (line, good) in [
            ("--to x --text hi", true),
            ("--to x --article https://a.example/", true),
            ("--to x --text hi --article https://a.example/ --again --breaking", true),
            ("--to x", false),
            ("--text hi", false),
            ("--to x --breaking", false),
        ] {
            let parsed = <Line as clap::Parser>::try_parse_from(std::iter::once("post").chain(line.split(' ')));
            assert_eq!(parsed.map(|line| line.args.to).is_ok(), good, "{line}");
        }
    }
}
