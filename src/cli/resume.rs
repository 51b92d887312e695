//! `bugle resume`: a pause or a block ends, and a person says what becomes of the posts that grew stale meanwhile.

use super::shop::{Need, Shop};
use super::show::post_json;
use super::{Call, Exit, Trouble};
use crate::model::channel::PauseScope;
use crate::publish::actions::{self, Release, Reopen};

/// Arguments of `bugle resume`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The channel; left out: the pause of everything ends.
    channel: Option<String>,
    /// What becomes of posts more than two hours late: all, none or "newest N".
    #[arg(long, default_value = "none", num_args = 1..=2, value_names = ["WHICH", "N"])]
    release: Vec<String>,
    /// Just this one of the late posts; may be given more than once.
    #[arg(long, value_name = "ID", conflicts_with = "release")]
    post: Vec<String>,
    /// The channel belongs to another account from now on.
    #[arg(long, requires = "channel")]
    new_account: bool,
}

fn release(words: &[String]) -> Result<Release, Trouble> {
    let text = words.join(" ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let newest = match words.as_slice() {
        ["all"] => return Ok(Release::All),
        ["none"] => return Ok(Release::None),
        ["newest", count] => count.parse().ok().filter(|count| *count > 0),
        _ => None,
    };
    newest
        .map(Release::Newest)
        .ok_or_else(|| Trouble::wrong(format!("--release: expected all, none or \"newest N\", found {text:?}")))
}

/// Opens again.
///
/// # Errors
/// What the store says; a channel that a person cannot open.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let mut release = release(&args.release)?;
    let shop = Shop::open(call, Need::There, false).await?;
    if !args.post.is_empty() {
        let mut ids = Vec::new();
        for text in &args.post {
            ids.push(shop.post_id(text).await?);
        }
        release = Release::These(ids);
    }
    let scopes = match &args.channel {
        None => vec![PauseScope::All],
        Some(name) => {
            let channel = shop.must_have(name)?;
            // Without its secrets nobody can tell which shared pauses concern it; its own does in any case.
            let mut scopes = match channel.credential() {
                Ok(credential) => channel.scopes(&credential),
                Err(_) => vec![PauseScope::Channel(name.clone())],
            };
            scopes.retain(|scope| *scope != PauseScope::All);
            scopes
        }
    };
    let wish = Reopen {
        channel: args.channel.clone(),
        scopes,
        release,
        new_account: args.new_account,
        scale: shop.config.timing.scale,
    };
    let out = actions::resume(&shop.store, &shop.hand, wish).await?;
    let json = serde_json::json!({
        "ended": out.ended,
        "unblocked": out.unblocked,
        "released": out.released.iter().map(post_json).collect::<Vec<_>>(),
        "left": out.left,
        "still": out.still,
    });
    shop.show(&json, || {
        let what = args.channel.as_deref().map_or("everything".to_owned(), |name| format!("channel {name}"));
        let mut lines = Vec::new();
        if let Some(block) = &out.unblocked {
            lines.push(format!("{what} is no longer blocked ({block})"));
        }
        match out.ended.len() {
            0 if out.unblocked.is_none() => lines.push(match &args.channel {
                None => "nothing was paused as a whole".to_owned(),
                Some(_) => format!("{what} was not paused"),
            }),
            0 => {}
            _ => lines.push(format!("{what} is resumed")),
        }
        if !out.released.is_empty() {
            lines.push(format!("{} late posts go out after all", out.released.len()));
        }
        if out.left > 0 {
            lines.push(format!(
                "{} late posts are held: `bugle queue --state held` shows them, `bugle resume --release all` lets them go",
                out.left
            ));
        }
        lines.extend(out.still.iter().map(|still| format!("but {still}")));
        lines.join("\n")
    })?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_released() {
        let words = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
        for (text, expected) in [
            ("all", Some(Release::All)),
            ("none", Some(Release::None)),
            ("newest 3", Some(Release::Newest(3))),
            ("newest|3", Some(Release::Newest(3))),
            ("newest", None),
            ("newest 0", None),
            ("newest -1", None),
            ("some", None),
        ] {
            assert_eq!(release(&words(text)).ok(), expected, "{text}");
        }
    }
}
