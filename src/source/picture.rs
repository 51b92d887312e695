//! The pictures of one item: where it names them, which of them stands for the article, and which are further ones.
//! What a platform takes of a picture, and fetching it, is elsewhere.

use url::Url;

use super::entry::{line, resolve};
use super::mend::{Scanner, Tag, Token};
use super::tree::{Node, Space};
use crate::model::article::Image;

/// The most pictures kept beside the one that stands for the article. The most that any platform takes in one post is
/// 20 (docs/platforms, 2026-11).
const MAX_PICTURES: usize = 20;
/// The most pictures looked at in one item.
const MAX_SEEN: usize = 200;
/// A picture said to be narrower is a preview, pixels: cards of all platforms are wider.
const NARROW: u32 = 300;
/// A picture in a text that is said to be smaller than this, pixels, is an icon or counts readers.
const ICON: u32 = 20;

use Space::{Feed, Itunes, Media};

/// How well a place to name a picture knows it to be the article's; the order is the order of trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// In the text.
    Text,
    /// A cover, of the item or of what it belongs to.
    Cover,
    /// A file that comes with the item.
    Enclosure,
    /// A preview.
    Preview,
    /// What the item says to be its picture.
    Stated,
}

/// The pictures of an item as they are found.
#[derive(Default)]
pub(super) struct Pictures(Vec<(Place, Image)>);

impl Pictures {
    /// Adds a picture. The same picture again only adds words to it.
    pub(super) fn add(&mut self, place: Place, image: Image) {
        let (key, full) = (key(&image.url), self.0.len() >= MAX_SEEN);
        match self.0.iter_mut().find(|(_, known)| self::key(&known.url) == key) {
            Some((known_place, known)) => {
                let wider = image.width.unwrap_or(0) > known.width.unwrap_or(0);
                let alt = known.alt.take().or(image.alt);
                let caption = known.caption.take().or(image.caption);
                if wider {
                    (known.url, known.width, known.height) = (image.url, image.width, image.height);
                }
                (known.alt, known.caption) = (alt, caption);
                *known_place = place.max(*known_place);
            }
            None if full => {}
            None => self.0.push((place, image)),
        }
    }

    /// The picture that stands for the article, and the others: the widest of the best place, previews last.
    pub(super) fn choose(self) -> (Option<Image>, Vec<Image>) {
        let worth = |(place, image): &(Place, Image)| {
            let wide = image.width.is_none_or(|width| width >= NARROW);
            (wide, *place, image.width.unwrap_or(0))
        };
        let best =
            (0..self.0.len()).reduce(|best, at| if worth(&self.0[at]) > worth(&self.0[best]) { at } else { best });
        let (mut first, mut others) = (None, Vec::new());
        for (at, (place, image)) in self.0.into_iter().enumerate() {
            if Some(at) == best {
                first = Some(image);
            } else if !matches!(place, Place::Preview | Place::Cover) && others.len() < MAX_PICTURES {
                // A preview or a cover shows once more what another picture shows.
                others.push(image);
            }
        }
        (first, others)
    }

    /// What an item of RSS or Atom names outright.
    pub(super) fn of_item(item: &Node, base: &Url) -> Self {
        let mut found = Self::default();
        let mut previews: Vec<&Node> = item.all(Media, "thumbnail").collect();
        for content in item.all(Media, "content") {
            found.media(content, None, base);
            previews.extend(content.all(Media, "thumbnail"));
        }
        for group in item.all(Media, "group") {
            // A group is one thing in several sizes.
            let pictures = group.all(Media, "content").filter(|node| is_picture(node));
            let widest =
                pictures.reduce(|best, next| if number(next, "width") > number(best, "width") { next } else { best });
            if let Some(widest) = widest {
                found.media(widest, Some(group), base);
            }
            previews.extend(group.all(Media, "thumbnail"));
            previews.extend(group.all(Media, "content").flat_map(|content| content.all(Media, "thumbnail")));
        }
        let widest = previews
            .into_iter()
            .reduce(|best, next| if number(next, "width") > number(best, "width") { next } else { best });
        if let Some(image) = widest.and_then(|node| made(node, "url", base)) {
            found.add(Place::Preview, image);
        }
        for file in item.all(Feed, "enclosure").filter(|node| is_picture(node)) {
            if let Some(image) = made(file, "url", base) {
                found.add(Place::Enclosure, image);
            }
        }
        for file in item.all(Feed, "link").filter(|n| n.attribute("rel") == Some("enclosure") && is_picture(n)) {
            if let Some(image) = made(file, "href", base) {
                let alt = file.attribute("title").map(line).filter(|alt| !alt.is_empty());
                found.add(Place::Enclosure, Image { alt, ..image });
            }
        }
        let covers = item.all(Itunes, "image").filter_map(|n| made(n, "href", base).or_else(|| made(n, "url", base)));
        let links = item.all(Itunes, "link").filter(|n| n.attribute("rel") == Some("image"));
        for cover in covers.chain(links.filter_map(|n| made(n, "href", base))) {
            found.add(Place::Cover, cover);
        }
        for own in item.all(Feed, "image") {
            let url = own.first_text(&[(Feed, "url")]).unwrap_or_else(|| own.text());
            if let Some(url) = resolve(&url, base) {
                found.add(Place::Cover, Image::at(url));
            }
        }
        found
    }

    /// A `media:content`, alone or the one of its group.
    fn media(&mut self, node: &Node, group: Option<&Node>, base: &Url) {
        if !is_picture(node) {
            return;
        }
        let Some(image) = made(node, "url", base) else { return };
        if is_portrait(&image.url) {
            return;
        }
        let said = |name: &str| {
            // A description beside a lone picture speaks of the item, inside a group of the picture.
            let nodes = node.all(Media, name).chain(group.into_iter().flat_map(|group| group.all(Media, name)));
            nodes.filter_map(Node::html).map(|html| line(&html)).find(|text| !text.is_empty())
        };
        let (description, title) = (said("description"), said("title"));
        let caption = title.clone().filter(|title| description.as_ref().is_some_and(|d| d != title));
        self.add(Place::Stated, Image { alt: description.or(title), caption, ..image });
    }

    /// The pictures in a piece of HTML, with the words under them.
    pub(super) fn of_text(&mut self, html: &str, base: &Url) {
        if !html.contains("<img") && !html.contains("<IMG") && !html.contains("<Img") {
            return;
        }
        let (mut here, mut figure, mut caption): (Vec<Image>, usize, Option<String>) = (Vec::new(), 0, None);
        for token in Scanner::new(html) {
            match token {
                Token::Open(tag) if tag.name.eq_ignore_ascii_case("img") => {
                    if here.len() < MAX_SEEN
                        && let Some(image) = drawn(&tag, base)
                    {
                        here.push(image);
                    }
                }
                Token::Open(tag) if tag.name.eq_ignore_ascii_case("figure") => figure = here.len(),
                Token::Open(tag) if tag.name.eq_ignore_ascii_case("figcaption") => caption = Some(String::new()),
                Token::Text(text) => {
                    if let Some(caption) = &mut caption {
                        caption.push_str(&super::mend::escape(&text));
                    }
                }
                Token::Close(name) if name.eq_ignore_ascii_case("figcaption") => {
                    let words = caption.take().map(|words| line(&words)).filter(|words| !words.is_empty());
                    for image in here.iter_mut().skip(figure) {
                        image.caption.clone_from(&words);
                    }
                }
                _ => {}
            }
        }
        for image in here {
            self.add(Place::Text, image);
        }
    }
}

/// A node's picture with the size it states.
fn made(node: &Node, attribute: &str, base: &Url) -> Option<Image> {
    let url = resolve(node.attribute(attribute)?, base)?;
    Some(Image { width: number(node, "width"), height: number(node, "height"), ..Image::at(url) })
}

fn number(node: &Node, name: &str) -> Option<u32> {
    node.attribute(name).and_then(pixels)
}

/// `640` or `640px`; nothing for a share of the page.
fn pixels(text: &str) -> Option<u32> {
    text.trim().trim_end_matches("px").trim_end().parse().ok().filter(|n| *n > 0)
}

/// Whether a media element is a picture: by its word, else by its address.
fn is_picture(node: &Node) -> bool {
    let kind = node.attribute("type").or(node.attribute("medium")).unwrap_or("").trim().to_ascii_lowercase();
    if !kind.is_empty() {
        return kind.starts_with("image");
    }
    ends_as_picture(
        node.attribute("url").or(node.attribute("href")).unwrap_or("").split(['?', '#']).next().unwrap_or(""),
    )
}

fn ends_as_picture(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    [".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif"].iter().any(|end| path.ends_with(end))
}

/// WordPress names the writer's portrait before the article's pictures.
fn is_portrait(url: &Url) -> bool {
    url.host_str().is_some_and(|host| host == "gravatar.com" || host.ends_with(".gravatar.com"))
}

/// An `img`, unless it is an icon, an emoji or counts readers.
fn drawn(tag: &Tag<'_>, base: &Url) -> Option<Image> {
    let attribute =
        |name: &str| tag.attributes.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_ref());
    let tiny = |name| {
        let stated = attribute(name).map(|v| v.trim().trim_end_matches("px").trim_end());
        stated.and_then(|v| v.parse::<u32>().ok()).is_some_and(|n| n < ICON)
    };
    let class = attribute("class").unwrap_or("");
    if tiny("width") || tiny("height") || class.contains("emoji") || class.contains("smiley") {
        return None;
    }
    // A page that loads late has a stand-in in `src`.
    let widest = || {
        let pieces = attribute("srcset")?.split(", ").map(|piece| {
            let mut words = piece.split_whitespace();
            let address = words.next().unwrap_or("");
            (words.next().and_then(|w| w.trim_end_matches(['w', 'x', ',']).parse::<f32>().ok()).unwrap_or(1.0), address)
        });
        pieces.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, address)| address)
    };
    let url = ["src", "data-src", "data-lazy-src", "data-original"]
        .into_iter()
        .filter_map(attribute)
        .chain(widest())
        .find_map(|address| resolve(address, base))
        .filter(|url| !is_portrait(url))?;
    let alt = attribute("alt").map(line).filter(|alt| !alt.is_empty());
    let side = |name| attribute(name).and_then(pixels);
    Some(Image { alt, width: side("width"), height: side("height"), ..Image::at(url) })
}

/// What stays the same of a picture's address in all its sizes: not the query of a file, nor WordPress's `-300x200`.
fn key(url: &Url) -> String {
    let path = url.path();
    if !ends_as_picture(path) {
        return url.as_str().to_owned();
    }
    let (stem, end) = path.rsplit_once('.').unwrap_or((path, ""));
    let size = |text: &str| {
        text.split_once('x').is_some_and(|(w, h)| {
            [w, h].iter().all(|n| (2..=4).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()))
        })
    };
    let stem = stem.rsplit_once('-').filter(|(_, tail)| size(tail)).map_or(stem, |(stem, _)| stem);
    format!("{}{stem}.{end}", url.host_str().unwrap_or(""))
}

#[cfg(test)]
#[path = "picture_tests.rs"]
mod tests;
