//! From an article to the bytes that will be sent: compose, then freeze. Pure: the same post at the
//! same instant gives the same payload.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::Digest as _;

use super::Channel;
use crate::card;
use crate::compose::words::{Place, Words};
use crate::compose::{self, Composed};
use crate::expr::{Item, Templates};
use crate::model::article::{Article, Entry, Image};
use crate::model::picture::{Carry, Headline, Origin, Picture, Ratio, Which};
use crate::model::post::{Occasion, Post};
use crate::platform::{Card, Identity, Ids, Mention, Outgoing, Payload};
use crate::store::short_link::Link;
use crate::text::limits;
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
    /// Its tags, mentions and links.
    pub words: &'a Words,
    /// The articles of a digest; none for a post of one article.
    pub digest: &'a [Item],
    /// How its headline cards look.
    pub look: &'a card::Settings,
}

/// A post ready to be frozen.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// What will be sent.
    pub payload: Payload,
    /// The texts of its parts and what they count.
    pub composed: Composed,
    /// The short link it carries, to be stored before it leaves.
    pub short: Option<Link>,
    /// The card of its link, as far as Bugle knows it: drawn in previews also where the platform builds its own.
    pub card: Option<Card>,
}

/// Composes and freezes at the instant `at`, which is what the payload says of its making. The article's link travels in
/// the text or, where the platform has cards, in the card.
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
    let mut pictures = pictures(setting, channel, article, post).into_iter();
    let (picture, further) = (pictures.next(), pictures.collect());
    let rules = rules(channel, identity, picture.is_some());
    let ids = ids(article, post, revision, at);
    let spec = channel.account.spec();
    // A timeline speaks as the platform it is like.
    let platform = channel.account.like().unwrap_or(spec.id);
    let mut scene = compose::scene(article, setting.newsroom, setting.zone, channel.name.as_str(), spec.id);
    let place =
        Place { channel: channel.name.as_str(), platform, unit: rules.unit, route: post.route, seed: &ids.seed };
    scene.platform = platform.to_owned();
    let dressed = setting.words.dress(&mut scene, &article.entry, &place).map_err(|e| e.to_string())?;
    scene.platform = spec.id.to_owned();
    let threads = channel.account.threads();
    let composed = match &post.text {
        Some(text) => compose::by_hand(text, rules, threads).map_err(|e| e.to_string())?,
        None => {
            scene.articles = setting.digest.to_vec();
            compose::compose(setting.templates, &post.template, &scene, rules, threads).map_err(|e| e.to_string())?
        }
    };
    // What a platform takes beside the length: five links, twenty mentions.
    if let Some(field) = limits::of(platform) {
        for text in std::iter::once(&composed.first).chain(&composed.more) {
            field.count(text.as_str()).map_err(|e| e.to_string())?;
        }
    }
    let entry = &article.entry;
    // What is looked for later is the link as it was sent.
    let link = match &post.text {
        Some(text) => dressed.link_in(text),
        None => dressed.link.clone(),
    };
    let thumb = if carried(setting.words, channel, post) == Carry::None {
        None
    } else {
        card::best(entry).first().map(|image| image.url.clone())
    };
    let card = link.as_ref().map(|url| Card {
        url: url.clone(),
        title: entry.title.clone(),
        description: entry.summary.clone().unwrap_or_default(),
        image: thumb,
    });
    let mentions = dressed.mentions.iter().map(|it| Mention { handle: it.handle.clone(), id: it.id.clone() });
    let outgoing = Outgoing {
        text: composed.first.clone(),
        more: composed.more.clone(),
        link: link.clone(),
        card: card.clone(),
        picture,
        further,
        language: entry.language.clone(),
        mentions: mentions.collect(),
    };
    let payload = channel.account.freeze(&outgoing, &ids).map_err(|(_, said)| said)?;
    // The same counter has the last word over what was frozen: an adapter may have written the text in another form.
    // (Several parts are one text here: each was counted by the adapter.)
    if composed.more.is_empty() {
        FittedText::new(payload.text.clone(), rules).map_err(|e| format!("as it would be sent, {e}"))?;
    }
    let short = dressed.short.filter(|short| link.as_ref() == Some(&short.link)).map(|short| Link {
        id: short.id,
        url: short.target.to_string(),
        post: post.id.to_string(),
        channel: channel.name.to_string(),
        article: article.id.to_string(),
    });
    Ok(Prepared { payload, composed, short, card })
}

/// The limits of a post's text on that channel, beside a picture or without one.
pub fn rules(channel: &Channel, identity: Option<&Identity>, with_picture: bool) -> TextRules {
    let rules = channel.account.rules(identity);
    match channel.account.media().caption {
        Some(most) if with_picture => TextRules { limit: rules.limit.min(most), ..rules },
        _ => rules,
    }
}

/// How a post carries a picture: as its route says, else as its channel does.
pub fn carry(words: &Words, channel: &Channel, route: u32) -> Carry {
    words.carry(route, channel.name.as_str()).unwrap_or(channel.picture)
}

/// How this post carries a picture: as a person chose, else as [`carry`] has it.
pub fn carried(words: &Words, channel: &Channel, post: &Post) -> Carry {
    match &post.picture.which {
        Some(Which::None) => Carry::None,
        Some(Which::Headline) => Carry::Headline,
        Some(Which::Photo { .. }) => Carry::Photo,
        None => carry(words, channel, post.route),
    }
}

/// The pictures that are attached to the post, as a person, route or channel has it and its platform takes them, the best
/// first.
pub fn pictures(setting: Setting<'_>, channel: &Channel, article: &Article, post: &Post) -> Vec<Picture> {
    let mut pictures = unspoken(setting, channel, article, post);
    if let (Some(alt), Some(first)) = (&post.picture.alt, pictures.first_mut()) {
        first.alt = card::said(alt, channel.account.media().alt);
    }
    pictures
}

/// The same with the alternative texts of the source.
fn unspoken(setting: Setting<'_>, channel: &Channel, article: &Article, post: &Post) -> Vec<Picture> {
    let media = channel.account.media();
    let entry = &article.entry;
    let photo = |urls: Vec<url::Url>, image: Option<&Image>| Picture {
        origin: Origin::Photo { urls },
        alt: card::alt(image, &entry.title, media.alt),
    };
    // A person's choice stands for itself: nothing stands in for it.
    if let (Some(Which::Photo { url }), true) = (&post.picture.which, media.max > 0) {
        let image = entry.image.iter().chain(&entry.pictures).find(|image| image.url == *url);
        return vec![photo(vec![url.clone()], image)];
    }
    match carried(setting.words, channel, post) {
        Carry::None | Carry::Card => Vec::new(),
        _ if media.max == 0 => Vec::new(),
        // One picture: the next best stands in for one that cannot be had.
        Carry::Photo if channel.pictures.min(media.max) <= 1 => {
            let images: Vec<&Image> = card::best(entry).into_iter().take(card::TRIED).collect();
            let urls: Vec<_> = images.iter().map(|image| image.url.clone()).collect();
            images.first().map(|image| photo(urls, Some(image))).into_iter().collect()
        }
        // Several: each stands for itself, in other sizes where the article has them.
        Carry::Photo => card::album(entry, usize::from(channel.pictures.min(media.max)))
            .into_iter()
            .map(|sizes| {
                let urls = sizes.iter().take(card::TRIED).map(|image| image.url.clone()).collect();
                photo(urls, sizes.first().copied())
            })
            .collect(),
        Carry::Headline => {
            let headline = headline(setting.look, setting.newsroom, entry, media.ratio);
            // What the picture shows is the headline.
            vec![Picture { origin: Origin::Headline(headline), alt: card::alt(None, &entry.title, media.alt) }]
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
