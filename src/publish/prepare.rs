//! From an article to the bytes that will be sent: compose, then freeze. Pure: the same post at the
//! same instant gives the same payload.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::Digest as _;

use super::Channel;
use crate::card;
use crate::compose;
use crate::expr::Templates;
use crate::model::article::{Article, Entry, Image};
use crate::model::picture::{Carry, Headline, Origin, Picture, Ratio};
use crate::model::post::{Occasion, Post};
use crate::platform::{Card, Identity, Ids, Outgoing, Payload};
use crate::text::plain::hex;
use crate::text::rules::{FittedText, TextRules};

/// What composing needs of the newsroom.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// The templates.
    pub templates: &'a Templates,
    /// The newsroom's name.
    pub newsroom: &'a str,
    /// Its zone.
    pub zone: &'a TimeZone,
    /// How its headline cards look.
    pub look: &'a card::Settings,
}

/// A post ready to be frozen.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// What will be sent.
    pub payload: Payload,
    /// Its text and what it counts.
    pub text: FittedText,
    /// The card of its link, as far as Bugle knows it: drawn in previews also where the platform builds its own.
    pub card: Option<Card>,
}

/// Composes and freezes at the instant `at`, which is what the payload says of its making. The article's link travels in the text or, where the platform has cards, in the card.
///
/// # Errors
/// Why a person must decide: the template failed, the text does not fit, or the account refuses it beforehand.
pub fn prepare(
    setting: Setting<'_>,
    channel: &Channel,
    identity: Option<&Identity>,
    article: &Article,
    post: &Post,
    revision: u16,
    at: Timestamp,
) -> Result<Prepared, String> {
    let picture = picture(setting, channel, article);
    let rules = rules(channel, identity, picture.is_some());
    let text = match &post.text {
        Some(text) => FittedText::new(text.clone(), rules).map_err(|e| e.to_string())?,
        None => {
            let platform = channel.account.spec().id;
            let scene = compose::scene(article, setting.newsroom, setting.zone, channel.name.as_str(), platform);
            compose::compose(setting.templates, &post.template, &scene, rules).map_err(|e| e.to_string())?
        }
    };
    let entry = &article.entry;
    let thumb =
        if channel.picture == Carry::None { None } else { card::best(entry).first().map(|image| image.url.clone()) };
    let card = entry.link.as_ref().map(|url| Card {
        url: url.clone(),
        title: entry.title.clone(),
        description: entry.summary.clone().unwrap_or_default(),
        image: thumb,
    });
    let (link, language) = (entry.link.clone(), entry.language.clone());
    let outgoing = Outgoing { text: text.clone(), link, card: card.clone(), picture, language };
    let ids = ids(article, post, revision, at);
    let payload = channel.account.freeze(&outgoing, &ids).map_err(|(_, said)| said)?;
    Ok(Prepared { payload, text, card })
}

/// The limits of a post's text on that channel, beside a picture or without one.
pub fn rules(channel: &Channel, identity: Option<&Identity>, with_picture: bool) -> TextRules {
    let rules = channel.account.rules(identity);
    match channel.account.media().caption {
        Some(most) if with_picture => TextRules { limit: rules.limit.min(most), ..rules },
        _ => rules,
    }
}

/// The picture that is attached to the post, as the channel has it and its platform takes it.
pub fn picture(setting: Setting<'_>, channel: &Channel, article: &Article) -> Option<Picture> {
    let media = channel.account.media();
    let entry = &article.entry;
    let images: Vec<&Image> = card::best(entry).into_iter().take(card::TRIED).collect();
    let urls: Vec<_> = images.iter().map(|image| image.url.clone()).collect();
    match channel.picture {
        Carry::None | Carry::Card => None,
        _ if media.max == 0 => None,
        Carry::Photo if urls.is_empty() => None,
        Carry::Photo => {
            let alt = card::alt(images.first().copied(), &entry.title, media.alt);
            Some(Picture { origin: Origin::Photo { urls }, alt })
        }
        Carry::Headline => {
            let headline = headline(setting.look, setting.newsroom, entry, media.ratio);
            // What the picture shows is the headline.
            Some(Picture { origin: Origin::Headline(headline), alt: card::alt(None, &entry.title, media.alt) })
        }
    }
}

/// What a headline card of that article shows.
pub fn headline(look: &card::Settings, newsroom: &str, entry: &Entry, ratio: Ratio) -> Headline {
    Headline {
        title: entry.title.clone(),
        kicker: entry.categories.first().cloned().unwrap_or_default(),
        name: newsroom.to_owned(),
        ratio: look.ratio.unwrap_or(ratio),
        ground: look.ground,
        ink: look.ink,
        accent: look.accent,
        behind: card::best(entry).into_iter().take(card::TRIED).map(|image| image.url.clone()).collect(),
    }
}

/// The client-chosen ids of a post: from the channel, the story, the occasion and the revision, never from chance. The
/// story counts by what its source says of it, so that a restored or a new database chooses the same.
pub fn ids(article: &Article, post: &Post, revision: u16, at: Timestamp) -> Ids {
    let entry = &article.entry;
    let story = entry.guid.as_deref().or(entry.link.as_ref().map(url::Url::as_str)).unwrap_or(&entry.title);
    let occasion = post.occasion.key();
    let mut hash = sha2::Sha256::new();
    for part in [post.channel.as_str(), article.source.as_str(), story, &occasion, &revision.to_string()] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let story_time = match post.occasion {
        Occasion::First => entry.published.filter(|p| *p <= article.first_seen).unwrap_or(post.created),
        Occasion::ByHand(_) => post.created,
    };
    Ids { seed: hex(&hash.finalize()), created: at, story: story_time, revision }
}
