//! `bugle why`: what became of an article on every channel, and why.

use url::Url;

use super::queue::reason;
use super::shop::{Need, Shop};
use super::show::{clicks, post_json, text_of};
use super::{Call, Exit, warn};
use crate::model::article::Article;
use crate::model::channel::{Pause, PauseScope};
use crate::model::post::PostState;
use crate::source::identity::canonical;
use crate::source::page::WaitFor;
use crate::store::article::Verdict;
use crate::store::channel::ChannelRow;
use crate::store::page::PageWait;
use crate::store::post::{PostRow, short};
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
async fn search(conn: &mut Conn, text: &str) -> Result<Vec<(Article, Vec<Verdict>)>, StoreError> {
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
    let mut out = Vec::new();
    for name in names {
        let row = channel::one(conn, &name).await?;
        let before = out.len();
        for post in posts.iter().filter(|row| row.post.channel.as_str() == name) {
            let embargo = article.entry.embargo.filter(|until| *until > shop.hand.now);
            let (answer, mut why) = of_post(shop, post, embargo, row.as_ref(), &pauses);
            let mut json = post_json(post);
            if let Some(clicks) = clicks(conn, post, &mut json).await? {
                why = format!("{why}, {clicks}");
            }
            why.extend(waits.iter().filter_map(|wait| waited_for(shop, post, wait)));
            let history = if verbose { audit::of(conn, post.id()).await? } else { Vec::new() };
            out.push(Answer { channel: name.clone(), answer, why, post: Some(json), history });
        }
        if out.len() == before {
            let verdict = verdicts.iter().find(|verdict| verdict.channel == name);
            let why = verdict.map_or_else(
                || {
                    "the channel was not planned for: added after the article was first seen, or by hand only"
                        .to_owned()
                },
                |verdict| verdict.why.clone(),
            );
            out.push(Answer { channel: name, answer: "not", why, post: None, history: Vec::new() });
        }
    }
    Ok(out)
}

/// What a scheduled post waits for, where that is its article's page.
fn waited_for(shop: &Shop, row: &PostRow, wait: &PageWait) -> Option<String> {
    let due = row.post.due;
    let waits = matches!(row.post.state, PostState::Scheduled { .. }) && (due == wait.until || due == wait.brief);
    let said = wait.said.as_deref().map(|said| format!(" ({said})")).unwrap_or_default();
    let what = match WaitFor::of(&wait.reason) {
        Some(WaitFor::Card) => "the page its card is made of",
        Some(WaitFor::Page) | None => "the article's page",
    };
    waits.then(|| format!("; waits for {what}{said}, until {} at the latest", shop.when(due)))
}

fn of_post(
    shop: &Shop,
    row: &PostRow,
    embargo: Option<jiff::Timestamp>,
    channel: Option<&ChannelRow>,
    pauses: &[Pause],
) -> (&'static str, String) {
    let id = short(row.id());
    match &row.post.state {
        PostState::Published { receipt } => {
            let at = receipt.url.as_deref().or(receipt.remote_id.as_deref()).unwrap_or("no address is known");
            ("posted", format!("{at}, {} (post {id})", shop.when(receipt.at)))
        }
        PostState::Scheduled { retry, .. } => {
            let mut why = vec![format!("scheduled for {} (post {id})", shop.when(row.post.due))];
            why.extend(embargo.map(|until| format!("its source embargoes the story until {}", shop.when(until))));
            why.extend(retry.iter().map(|retry| format!("tried before: {retry}")));
            if row.verify {
                why.push("came back with a backup, looked up before it goes".to_owned());
            }
            why.extend(shut(shop, row.post.channel.as_str(), channel, pauses));
            if row.post.due <= shop.hand.now && why.len() == 1 {
                let policy = shop.channel(row.post.channel.as_str()).map(|channel| channel.policy.describe());
                why.extend(policy.map(|policy| format!("due; goes out as the schedule allows: {policy}")));
            }
            why.extend(row.post.expires.map(|at| format!("worth sending until {}", shop.when(at))));
            ("waiting", why.join("; "))
        }
        PostState::Held { why, since } => {
            ("waiting", format!("for a person since {}: {why} (post {id})", shop.when(*since)))
        }
        PostState::Publishing { .. } => ("waiting", format!("it is on its way right now (post {id})")),
        PostState::Uncertain { since, .. } => {
            let next = row.next_look.map(|at| format!(", next look-up {}", shop.when(at))).unwrap_or_default();
            ("waiting", format!("sent, the answer was lost {}; being looked up{next} (post {id})", shop.when(*since)))
        }
        PostState::Failed { at, .. } | PostState::Skipped { at, .. } | PostState::Retracted { at, .. } => {
            let text = text_of(row).map(|text| format!(" {text:?}")).filter(|_| row.post.text.is_some());
            let state = row.post.state.word();
            let when = shop.when(*at);
            ("not", format!("{state} {when}: {} (post {id}){}", reason(&row.post.state), text.unwrap_or_default()))
        }
    }
}

/// What keeps the channel from posting, as far as the store tells.
pub(super) fn shut(shop: &Shop, name: &str, channel: Option<&ChannelRow>, pauses: &[Pause]) -> Vec<String> {
    let mut why = Vec::new();
    if shop.channel(name).is_none() {
        why.push(format!("channel {name} is not in the config"));
    }
    why.extend(channel.and_then(|row| row.blocked.as_ref()).map(|block| format!("the channel is blocked: {block}")));
    let credential = shop.channel(name).and_then(|channel| Some((channel.credential().ok()?, channel)));
    let scopes = match credential {
        Some((credential, channel)) => channel.scopes(&credential),
        None => vec![PauseScope::All, PauseScope::Channel(name.to_owned())],
    };
    for pause in pauses.iter().filter(|pause| scopes.contains(&pause.scope)) {
        if pause.until.is_none_or(|until| until > shop.hand.now) {
            let until = pause.until.map_or("until `bugle resume`".to_owned(), |at| format!("until {}", shop.when(at)));
            let because = if pause.why.is_empty() { String::new() } else { format!(": {}", pause.why) };
            why.push(format!("paused by {} {until}{because}", pause.by));
        }
    }
    if why.is_empty() {
        why.extend(
            channel
                .and_then(|row| row.closed_since)
                .map(|at| format!("the channel has not been able to post since {}", shop.when(at))),
        );
    }
    why
}

#[cfg(test)]
#[path = "why_tests.rs"]
mod tests;
