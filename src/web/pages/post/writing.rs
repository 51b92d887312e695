//! Writing: the text of a post with its counter, the choice of its picture and what is said of it. Shared by the page of a
//! post and that of a new one.

use sha2::Digest as _;
use url::Url;

use crate::card;
use crate::compose;
use crate::model::article::Article;
use crate::model::picture::{Carry, Chosen, Which};
use crate::model::post::Post;
use crate::platform::Identity;
use crate::publish::actions::{self, Place};
use crate::publish::prepare::{self, prepare};
use crate::text::plain::hex;
use crate::web::form::Form;

/// The most pictures of an article that are offered.
const MOST: usize = 12;

/// What one channel's post says, ready to be written at.
pub(in crate::web::pages) struct Writing {
    /// What stands behind each field's name: empty on a post's page, the channel in a new post.
    pub key: String,
    /// The channel in a new post; empty on a post's page.
    pub channel: String,
    pub text: String,
    /// Tells whether the text is another one than was shown.
    pub text_was: String,
    pub counter: Counter,
    /// Where the counter is asked for.
    pub measure: String,
    /// The choice of pictures; none: this platform carries none, or it is out already.
    pub options: Vec<Choice>,
    pub alt: String,
    pub alt_was: String,
    /// The most of an alternative text; 0: this platform carries none.
    pub alt_most: usize,
    /// A person's own text can be given up for the template's.
    pub own: bool,
}

/// A picture that can be chosen.
pub(in crate::web::pages) struct Choice {
    pub value: String,
    pub label: String,
    /// Where it can be seen.
    pub href: Option<String>,
    pub checked: bool,
}

/// What a text counts.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(in crate::web::pages) struct Counter {
    /// What each part counts.
    pub parts: Vec<usize>,
    /// What is allowed for each.
    pub limit: usize,
    /// How it is counted, in words.
    pub unit: &'static str,
    /// Whether it can be sent as it is.
    pub fits: bool,
    /// The count in words.
    pub words: String,
    /// Why it cannot be sent.
    pub said: Option<String>,
}

/// Counts a text by the very measure of composing, and tells what keeps it from being sent. `post` carries the text.
pub(in crate::web::pages) fn count(
    place: &Place<'_>,
    identity: Option<&Identity>,
    article: Option<&Article>,
    post: &Post,
    revision: u16,
    now: jiff::Timestamp,
) -> Counter {
    let channel = place.channel;
    let pictures = article.map(|article| prepare::pictures(place.setting, channel, article, post));
    let rules = prepare::rules(channel, identity, pictures.is_some_and(|pictures| !pictures.is_empty()));
    let made = match article {
        Some(article) => prepare(place.setting, channel, identity, article, post, revision, now).map(Some),
        None => Ok(None),
    };
    let (parts, said) = match (&post.text, made) {
        (Some(text), made) => (compose::counted(text, rules, channel.account.threads()), made.err()),
        (None, Ok(Some(made))) => (made.composed.parts().map(|part| part.length()).collect(), None),
        (None, Ok(None)) => (Vec::new(), None),
        (None, Err(why)) => (Vec::new(), Some(why)),
    };
    let over = parts.iter().any(|length| *length > rules.limit);
    Counter {
        words: in_words(&parts, rules.limit),
        fits: said.is_none() && !over,
        said,
        parts,
        limit: rules.limit,
        unit: rules.unit.name(),
    }
}

fn in_words(parts: &[usize], limit: usize) -> String {
    match parts {
        [] => format!("? of {limit}"),
        [one] if *one > limit => format!("{one} of {limit}, {} too many", one - limit),
        [one] => format!("{one} of {limit}"),
        several => {
            let each: Vec<String> = several.iter().map(ToString::to_string).collect();
            format!("{} parts, {} of {limit} each", several.len(), each.join(" + "))
        }
    }
}

/// Tells a text that was shown from one that was written, whatever a browser does to its line ends.
pub(in crate::web::pages) fn digest(text: &str) -> String {
    let plain = actions::plain(text).unwrap_or_default();
    hex(&sha2::Sha256::digest(plain))[..16].to_owned()
}

/// The choice of pictures on that channel.
pub(in crate::web::pages) fn options(place: &Place<'_>, article: Option<&Article>, post: &Post) -> Vec<Choice> {
    let media = place.channel.account.media();
    let which = post.picture.which.as_ref();
    let usual = match prepare::carry(place.setting.words, place.channel, post.route) {
        Carry::None => "no picture",
        Carry::Card => "the link’s card",
        Carry::Photo => "the article’s picture",
        Carry::Headline => "a card with the headline",
    };
    let choice = |value: &str, label: String, checked| Choice { value: value.to_owned(), label, href: None, checked };
    let mut options = vec![choice("auto", format!("As usual here: {usual}"), which.is_none())];
    options.push(choice("none", "No picture".to_owned(), which == Some(&Which::None)));
    if media.max == 0 {
        return options;
    }
    let drawn = "A card with the headline, drawn by Bugle".to_owned();
    options.push(choice("headline", drawn, which == Some(&Which::Headline)));
    let images = article.map(|article| card::best(&article.entry)).unwrap_or_default();
    for (n, image) in images.iter().take(MOST).enumerate() {
        let alt = image.alt.as_deref().or(image.caption.as_deref()).map(|alt| card::said(alt, 80));
        let alt = alt.filter(|alt| !alt.is_empty()).map(|alt| format!(": {alt}")).unwrap_or_default();
        options.push(Choice {
            value: image.url.to_string(),
            label: format!("The article’s picture {}{alt}", n + 1),
            href: Some(image.url.to_string()),
            checked: matches!(which, Some(Which::Photo { url }) if *url == image.url),
        });
    }
    if let Some(Which::Photo { url }) = which
        && !options.iter().any(|option| option.checked)
    {
        let label = "The picture chosen before, which the article has no more".to_owned();
        options.push(Choice { value: url.to_string(), label, href: Some(url.to_string()), checked: true });
    }
    options
}

/// The alternative text that the first attached picture has now.
pub(in crate::web::pages) fn alt(place: &Place<'_>, article: Option<&Article>, post: &Post) -> String {
    let pictures = article.map(|article| prepare::pictures(place.setting, place.channel, article, post));
    pictures.and_then(|pictures| pictures.into_iter().next()).map(|first| first.alt).unwrap_or_default()
}

/// What a person filled in for one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::web::pages) struct Filled {
    /// The text where it is another than was shown.
    pub text: Option<String>,
    /// The picture and its words where they are others than were shown.
    pub picture: Option<Chosen>,
}

/// Reads the fields of a [`Writing`]. `now`: what is decided about the pictures so far; `article`: whose pictures may be
/// chosen.
///
/// # Errors
/// In a sentence, where a picture is chosen that nobody offered.
pub(in crate::web::pages) fn filled(
    form: &Form,
    key: &str,
    now: &Chosen,
    article: Option<&Article>,
) -> Result<Filled, String> {
    let name = |field: &str| format!("{field}{key}");
    let written = form.text(&name("text"));
    let text = (form.has(&name("text")) && digest(written) != form.text(&name("text_was"))).then(|| written.to_owned());
    if !form.has(&name("picture")) {
        return Ok(Filled { text, picture: None });
    }
    let which = match form.text(&name("picture")) {
        "auto" | "" => None,
        "none" => Some(Which::None),
        "headline" => Some(Which::Headline),
        other => {
            let url = Url::parse(other).ok().filter(|url| {
                let images = article.map(|article| card::best(&article.entry)).unwrap_or_default();
                images.iter().any(|image| image.url == *url)
                    || matches!(&now.which, Some(Which::Photo { url: before }) if before == url)
            });
            Some(Which::Photo { url: url.ok_or("Choose one of the article’s own pictures.")? })
        }
    };
    let written = form.text(&name("alt"));
    let alt = match written.trim() {
        _ if digest(written) == form.text(&name("alt_was")) => now.alt.clone(),
        "" => None,
        alt => Some(alt.to_owned()),
    };
    let picture = Chosen { which, alt };
    Ok(Filled { text, picture: (picture != *now).then_some(picture) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::article::{Entry, Image};

    #[test]
    fn a_count_is_said_in_words() {
        for (parts, words) in [
            (&[][..], "? of 280"),
            (&[123], "123 of 280"),
            (&[281], "281 of 280, 1 too many"),
            (&[280, 12], "2 parts, 280 + 12 of 280 each"),
        ] {
            assert_eq!(in_words(parts, 280), words);
        }
    }

    #[test]
    fn only_what_was_written_counts_as_written() {
        let url = |n: u8| Url::parse(&format!("https://news.example/{n}.jpg")).unwrap();
        let article = Article {
            id: "a".into(),
            source: "s".into(),
            version: 1,
            first_seen: jiff::Timestamp::UNIX_EPOCH,
            entry: Entry { image: Some(Image::at(url(1))), ..Entry::default() },
        };
        let was = digest("Bridge\nopens");
        let alt_was = digest("A bridge");
        let read = |fields: &str, now: &Chosen| {
            let form = Form::of(format!("text_was.x={was}&alt_was.x={alt_was}&{fields}").as_bytes());
            filled(&form, ".x", now, Some(&article))
        };
        let plain = Chosen::default();
        let photo = |n| Chosen { which: Some(Which::Photo { url: url(n) }), alt: None };
        for (fields, now, text, picture) in [
            ("", &plain, None, None),
            ("text.x=Bridge%0D%0Aopens&picture.x=auto&alt.x=A+bridge", &plain, None, None),
            ("text.x=Bridge+closes&picture.x=auto&alt.x=A+bridge", &plain, Some("Bridge closes"), None),
            ("text.x=", &plain, Some(""), None),
            ("picture.x=none&alt.x=A+bridge", &plain, None, Some(Chosen { which: Some(Which::None), alt: None })),
            ("picture.x=https%3A%2F%2Fnews.example%2F1.jpg&alt.x=A+bridge", &plain, None, Some(photo(1))),
            ("picture.x=https%3A%2F%2Fnews.example%2F9.jpg&alt.x=A+bridge", &photo(9), None, None),
            (
                "picture.x=auto&alt.x=The+new+bridge",
                &plain,
                None,
                Some(Chosen { which: None, alt: Some("The new bridge".to_owned()) }),
            ),
            ("picture.x=auto&alt.x=", &Chosen { which: None, alt: Some("Old".to_owned()) }, None, Some(plain.clone())),
        ] {
            let filled = read(fields, now).unwrap();
            assert_eq!((filled.text.as_deref(), filled.picture), (text, picture), "{fields}");
        }
        for bad in ["https%3A%2F%2Fevil.example%2F1.jpg", "javascript%3Aalert(1)", "http%3A%2F%2F127.0.0.1%2F"] {
            assert!(read(&format!("picture.x={bad}"), &plain).is_err(), "{bad}");
        }
    }
}
