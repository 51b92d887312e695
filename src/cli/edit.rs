//! `bugle edit`: another text for a post that waits, failed, or (where the platform shows it) is out.

use url::Url;

use super::shop::{Need, Shop};
use super::{Call, Exit};
use crate::model::picture::{Chosen, Which};
use crate::publish::actions::{self, Change, Edited};
use crate::store::post;

/// Arguments of `bugle edit`.
#[derive(Clone, Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true).args(["text", "template", "picture", "alt"])))]
pub struct Args {
    /// The post's id, or at least six characters of its beginning or end.
    #[arg(value_name = "POST")]
    post: String,
    /// The whole new text, link included.
    #[arg(long)]
    text: Option<String>,
    /// The template's text again, instead of one of a person's.
    #[arg(long, conflicts_with = "text")]
    template: bool,
    /// Its picture: `usual` (as channel or route has it), `none`, `headline`, or the address of one of the article's.
    #[arg(long, value_name = "PICTURE")]
    picture: Option<PictureArg>,
    /// What the picture shows, for those who do not see it; empty: the source's own words.
    #[arg(long, value_name = "TEXT")]
    alt: Option<String>,
    /// For a post that is out: how many seconds to wait for the change.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    wait: u64,
}

/// A picture as a call names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureArg(Option<Which>);

impl std::str::FromStr for PictureArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "usual" => Ok(Self(None)),
            "none" => Ok(Self(Some(Which::None))),
            "headline" => Ok(Self(Some(Which::Headline))),
            other => match Url::parse(other) {
                Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Self(Some(Which::Photo { url }))),
                _ => Err(format!("expected usual, none, headline or an address, found {other:?}")),
            },
        }
    }
}

/// What is decided about a picture after a call.
pub fn chosen(before: Chosen, picture: Option<&PictureArg>, alt: Option<&str>) -> Chosen {
    let said = |alt: &str| (!alt.trim().is_empty()).then(|| alt.trim().to_owned());
    Chosen { which: picture.map_or(before.which, |picture| picture.0.clone()), alt: alt.map_or(before.alt, said) }
}

/// Changes a post's text.
///
/// # Errors
/// What the store says; a state, a platform or a length that does not allow it.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    let id = shop.post_id(&args.post).await?;
    let channel = shop.channel_of(&id).await?;
    let templates = shop.templates()?;
    let place = channel.as_ref().map(|channel| shop.place(channel, &templates));
    let mut conn = shop.store.read().await?;
    let before = post::one(&mut conn, &id).await?.map(|row| row.post.picture).unwrap_or_default();
    drop(conn);
    let picture = chosen(before.clone(), args.picture.as_ref(), args.alt.as_deref());
    let change = Change {
        text: if args.template { Some(None) } else { args.text.clone().map(Some) },
        picture: (picture != before).then_some(picture),
        version: None,
    };
    match actions::change(&shop.store, &shop.hand, place, &id, change).await? {
        Edited::Waiting(row) => {
            shop.done("edited", &[*row])?;
            Ok(Exit::Done)
        }
        Edited::Asked(wish) => shop.wait_for(&wish, args.wait, "edited").await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_named_by_a_word_or_an_address() {
        let photo = Which::Photo { url: "https://news.example/1.jpg".parse().unwrap() };
        for (text, which) in [
            ("usual", None),
            ("none", Some(Which::None)),
            ("headline", Some(Which::Headline)),
            ("https://news.example/1.jpg", Some(photo)),
        ] {
            assert_eq!(text.parse(), Ok(PictureArg(which)), "{text}");
        }
        for bad in ["", "card", "file:///etc/passwd", "1.jpg"] {
            assert!(bad.parse::<PictureArg>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_call_does_not_name_stays() {
        let before = Chosen { which: Some(Which::Headline), alt: Some("A bridge".to_owned()) };
        assert_eq!(chosen(before.clone(), None, None), before);
        assert_eq!(chosen(before.clone(), Some(&PictureArg(None)), None).which, None);
        assert_eq!(chosen(before.clone(), None, Some(" ")).alt, None);
        assert_eq!(chosen(before, None, Some(" B ")).alt.as_deref(), Some("B"));
    }
}
