//! What readers would see of a post, as far as it is the same on every platform: its parts with what each counts, its
//! pictures, its link's card.

use url::Url;

use crate::model::article::Article;
use crate::model::picture::Picture;
use crate::model::post::Post;
use crate::platform::picture::Planned;
use crate::platform::{Card, Identity, Payload};
use crate::publish::actions::{Place, Sight};
use crate::publish::prepare;
use crate::text::measure;
use crate::web::pages::look::{self, Out};
use crate::web::pages::preview::{Matter, Preview, Whose};

/// A post as it would go out: all that a picture of it is made of.
pub(in crate::web::pages) struct Seen {
    /// The text of each part, and what it counts; `None`: how it is counted is not known any more.
    pub texts: Vec<(String, Option<usize>)>,
    /// What a part may count.
    pub limit: usize,
    /// Its pictures, in order.
    pub pictures: Vec<Picture>,
    /// Where we show them, without the slash and number at the end: `/posts/ID/pictures`.
    pub shown_at: Option<String>,
    /// The card of its link, where one is shown.
    pub card: Option<Card>,
}

impl Seen {
    /// Only these words, of a post whose channel is gone.
    pub fn words(texts: Vec<String>) -> Option<Self> {
        let texts: Vec<_> = texts.into_iter().map(|text| (text, None)).collect();
        (!texts.is_empty()).then_some(Self { texts, limit: 0, pictures: Vec::new(), shown_at: None, card: None })
    }

    /// As its platform shows it.
    pub fn preview(&self, whose: Whose<'_>, language: Option<&str>) -> Preview {
        let texts: Vec<_> = self.texts.iter().map(|(text, length)| (text.clone(), length.unwrap_or(0))).collect();
        let is_counted = self.texts.iter().all(|(_, length)| length.is_some());
        let matter = Matter {
            texts: &texts,
            limit: if is_counted { self.limit } else { 0 },
            card: self.card.as_ref(),
            pictures: &self.pictures,
            shown_at: self.shown_at.as_deref(),
            language,
        };
        Preview::of(whose, matter)
    }
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
    let pictures = match (sight, article) {
        (Sight::Composed(_), Some(article)) => prepare::pictures(place.setting, place.channel, article, post),
        _ => frozen(payload),
    };
    let rules = prepare::rules(place.channel, identity, !pictures.is_empty());
    let texts = match sight {
        Sight::Composed(made) => {
            made.composed.parts().map(|part| (part.as_str().to_owned(), Some(part.length()))).collect()
        }
        _ => payload
            .parts()
            .into_iter()
            .map(|text| {
                let length = measure::length(&text, rules.unit);
                (text, Some(length))
            })
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
    let card = card.filter(|card| pictures.is_empty() && Out::new(&card.url).is_some());
    let shown_at = id.map(|id| format!("{}/pictures", look::path("/posts", id)));
    Some(Seen { texts, limit: rules.limit, pictures, shown_at, card })
}

/// The pictures that are sent with it.
fn frozen(payload: &Payload) -> Vec<Picture> {
    let planned = payload.uploads().filter_map(|upload| Planned::read(&upload.body).ok());
    planned
        .filter_map(|planned| match planned {
            Planned::Attached(own) => Some(own),
            Planned::Thumb(_) => None,
        })
        .collect()
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
