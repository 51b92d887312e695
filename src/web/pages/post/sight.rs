//! What readers would see of a post, as far as it is the same on every platform: its parts with what each counts, its
//! pictures, its link's card.

use url::Url;

use crate::model::article::Article;
use crate::model::picture::{self, Origin};
use crate::model::post::Post;
use crate::platform::picture::Planned;
use crate::platform::{Card, Identity, Payload};
use crate::publish::actions::{Place, Sight};
use crate::publish::prepare;
use crate::text::measure;
use crate::web::pages::look::Out;

/// A post as it would go out.
pub(in crate::web::pages) struct Seen {
    pub parts: Vec<Part>,
    pub pictures: Vec<Picture>,
    pub card: Option<LinkCard>,
}

/// One part of it.
pub(in crate::web::pages) struct Part {
    pub text: String,
    pub counted: String,
}

/// An attached picture.
pub(in crate::web::pages) struct Picture {
    /// Where it is shown, by us.
    pub src: Option<String>,
    pub alt: String,
    pub what: &'static str,
}

/// What the platform or Bugle makes of the link.
pub(in crate::web::pages) struct LinkCard {
    pub host: String,
    pub title: String,
    pub description: String,
}

/// Of what would be sent of that post. `id`: under which its pictures can be asked for.
pub(in crate::web::pages) fn seen(
    place: &Place<'_>,
    identity: Option<&Identity>,
    article: Option<&Article>,
    (sight, post): (&Sight, &Post),
    id: Option<&str>,
) -> Option<Seen> {
    let payload = sight.payload()?;
    let own = match (sight, article) {
        (Sight::Composed(_), Some(article)) => prepare::pictures(place.setting, place.channel, article, post),
        _ => frozen(payload),
    };
    let pictures: Vec<Picture> = own.into_iter().enumerate().map(|(n, own)| shown(own, n, id)).collect();
    let rules = prepare::rules(place.channel, identity, !pictures.is_empty());
    let counted = |length: usize| format!("{length} of {}", rules.limit);
    let parts = match sight {
        Sight::Composed(made) => made
            .composed
            .parts()
            .map(|part| Part { text: part.as_str().to_owned(), counted: counted(part.length()) })
            .collect(),
        _ => payload
            .parts()
            .into_iter()
            .map(|text| Part { counted: counted(measure::length(&text, rules.unit)), text })
            .collect(),
    };
    let card = match sight {
        Sight::Composed(made) => made.card.clone(),
        _ => payload.link.as_ref().zip(article).map(|(url, article)| Card {
            url: url.clone(),
            title: article.entry.title.clone(),
            description: article.entry.summary.clone().unwrap_or_default(),
            image: None,
        }),
    };
    // As on the platforms: a picture of the post's own stands where the card would be.
    let card = card.filter(|_| pictures.is_empty()).and_then(|card| {
        Some(LinkCard { host: Out::new(&card.url)?.host, title: card.title, description: card.description })
    });
    Some(Seen { parts, pictures, card })
}

/// The pictures that are sent with it.
fn frozen(payload: &Payload) -> Vec<picture::Picture> {
    let planned = payload.uploads().filter_map(|upload| Planned::read(&upload.body).ok());
    planned
        .filter_map(|planned| match planned {
            Planned::Attached(own) => Some(own),
            Planned::Thumb(_) => None,
        })
        .collect()
}

fn shown(own: picture::Picture, n: usize, id: Option<&str>) -> Picture {
    Picture {
        src: id.map(|id| format!("/posts/{id}/pictures/{n}")),
        alt: own.alt,
        what: match own.origin {
            Origin::Headline(_) => "A card with the headline",
            Origin::Photo { .. } => "A picture of the article",
        },
    }
}

/// A web address that a person wrote.
///
/// # Errors
/// In a sentence.
pub(in crate::web::pages) fn address(text: &str) -> Result<Option<Url>, String> {
    match text.trim() {
        "" => Ok(None),
        text => Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
            .map(Some)
            .ok_or_else(|| format!("Expected an address beginning with https://, found {text:?}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_the_web() {
        assert_eq!(address(" "), Ok(None));
        assert_eq!(address(" https://x.com/i/1 ").unwrap().unwrap().as_str(), "https://x.com/i/1");
        for bad in ["x.com/i/1", "javascript:alert(1)", "ftp://a.example/", "https://", "data:text/html,x"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
