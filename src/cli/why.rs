//! `bugle why`: what became of an article on every channel, and why.

use url::Url;

use super::shop::{Need, Shop};
use super::show::{clicks, post_json, text_of};
use super::{Call, Exit, warn};
use crate::model::article::Article;
use crate::publish::why::{self, Ask, Way};
use crate::source::identity::canonical;
use crate::store::article::Verdict;
use crate::store::{Conn, StoreError, article, audit, channel, page, pause, post};

/// Arguments of `bugle why`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// An article's id, guid or link, or a post's id.
    #[arg(value_name = "ID-GUID-OR-URL")]
    what: String,
    /// With everything that happened to each post.
    #[arg(short, long)]
    verbose: bool,
    /// In the rehearsal (`bugle run --rehearse`).
    #[arg(long)]
    rehearse: bool,
}

/// What ends a pause in a terminal.
pub(super) const RESUME: &str = "`bugle resume`";

/// One channel's answer.
#[derive(Clone, Debug, serde::Serialize)]
struct Answer {
    channel: String,
    /// `posted`, `waiting` or `not`.
    answer: &'static str,
    why: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    post: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    history: Vec<audit::Entry>,
}

/// Explains.
///
/// # Errors
/// What the store says.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, args.rehearse).await?;
    let mut conn = shop.store.read().await?;
    let articles = search(&mut conn, args.what.trim()).await?;
    if articles.is_empty() {
        warn(format_args!(
            "no article is known by {:?}: searched ids of articles and posts, guids, and links as written and without \
             tracking parameters. `bugle sources` tells when each source was last read",
            args.what
        ))?;
        return Ok(Exit::Failed);
    }
    let channels: Vec<String> = shop.config.channels.iter().map(|channel| channel.name.to_string()).collect();
    let mut out = Vec::new();
    for (article, verdicts) in articles {
        let answers = answers(&shop, &mut conn, &channels, &article, &verdicts, args.verbose).await?;
        out.push((article, answers));
    }
    let json =
        |(article, answers): &(Article, Vec<Answer>)| serde_json::json!({ "article": article, "channels": answers });
    shop.show(&out.iter().map(json).collect(), || {
        let all = out.iter().map(|(article, answers)| {
            let link = article.entry.link.as_ref().map(Url::as_str).unwrap_or_default();
            let mut lines = vec![
                article.entry.title.clone(),
                format!("  {link}"),
                format!("  from {}, first seen {}", article.source, shop.when(article.first_seen)),
            ];
            for answer in answers {
                lines.push(format!("  {}: {} - {}", answer.channel, answer.answer, answer.why));
                for entry in &answer.history {
                    let to = entry.to.as_deref().map(|to| format!(" -> {to}")).unwrap_or_default();
                    lines.push(format!("      {} {}{to}: {}", shop.when(entry.at), entry.actor, entry.why));
                }
            }
            lines.join("\n")
        });
        all.collect::<Vec<_>>().join("\n\n")
    })?;
    Ok(Exit::Done)
}

/// The articles a text may mean, the surest way first.
pub(super) async fn search(conn: &mut Conn, text: &str) -> Result<Vec<(Article, Vec<Verdict>)>, StoreError> {
    let mut texts = vec![text.to_owned(), format!("guid:{text}")];
    if let Ok(url) = Url::parse(text) {
        texts.push(url.to_string());
        texts.extend(canonical(&url).into_iter().flat_map(|link| [format!("link:{link}"), link]));
    }
    texts.extend(post::meant(conn, text).await?);
    for text in texts {
        let found = article::meant(conn, &text).await?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

async fn answers(
    shop: &Shop,
    conn: &mut Conn,
    channels: &[String],
    article: &Article,
    verdicts: &[Verdict],
    verbose: bool,
) -> Result<Vec<Answer>, StoreError> {
    let posts = post::of_article(conn, article.id.as_str()).await?;
    let pauses = pause::all(conn).await?;
    let waits = page::waits(conn, article.id.as_str()).await?;
    let mut names = channels.to_vec();
    names.extend(posts.iter().map(|row| row.post.channel.to_string()));
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let when = |at| shop.when(at);
    let ask = Ask { now: shop.hand.now, when: &when, resume: RESUME };
    let mut out = Vec::new();
    for name in names {
        let row = channel::one(conn, &name).await?;
        let way = Way::of(&name, shop.channel(&name).as_ref());
        let before = out.len();
        for post in posts.iter().filter(|row| row.post.channel.as_str() == name) {
            let embargo = article.entry.embargo.filter(|until| *until > shop.hand.now);
            let text = text_of(post);
            let facts = (row.as_ref(), pauses.as_slice());
            let (answer, mut why) = why::told(ask, post, embargo, text.as_deref(), &way, facts);
            let mut json = post_json(post);
            if let Some(clicks) = clicks(conn, post, &mut json).await? {
                why = format!("{why}, {clicks}");
            }
            why.extend(waits.iter().filter_map(|wait| why::waited_for(ask, post, wait)));
            let history = if verbose { audit::of(conn, post.id()).await? } else { Vec::new() };
            out.push(Answer { channel: name.clone(), answer, why, post: Some(json), history });
        }
        if out.len() == before {
            let verdict = verdicts.iter().find(|verdict| verdict.channel == name);
            let why = verdict.map_or_else(|| why::NOT_PLANNED.to_owned(), |verdict| verdict.why.clone());
            out.push(Answer { channel: name, answer: "not", why, post: None, history: Vec::new() });
        }
    }
    Ok(out)
}

#[cfg(test)]
#[path = "why_tests.rs"]
mod tests;
