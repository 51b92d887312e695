//! A post as its platform will show it: text with what becomes clickable, the fold, the link's card, pictures, the parts of
//! a thread, what each counts. Pure: how it looks is `templates/web/preview.html` and `css/preview.css`, how platforms
//! differ is `manners.rs`, the bytes of pictures are `pictures.rs`.

use super::look::{self, Out, When};
use super::manners::{self, Manner};
use super::shown::platform_name;
use crate::model::picture::{Origin, Picture};
use crate::platform::Card;
use crate::text::entities::{Kind, Sight, pieces};
use crate::text::limits;

/// Who posts, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whose<'a> {
    /// The word of the platform it looks like: of a timeline, the one it is like.
    pub like: &'a str,
    /// The newsroom's name.
    pub newsroom: &'a str,
    /// The account, or the channel's name where it is not known.
    pub handle: &'a str,
}

/// What a post consists of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Matter<'a> {
    /// The text of each part, and what it counts.
    pub texts: &'a [(String, usize)],
    /// What a part may count.
    pub limit: usize,
    /// The card of its link.
    pub card: Option<&'a Card>,
    /// The pictures attached to it, in order.
    pub pictures: &'a [Picture],
    /// Where we show its pictures, without the slash and number at the end: `/posts/ID/pictures`; `None`: they are said
    /// in words. The card's picture is asked for as `card`.
    pub shown_at: Option<&'a str>,
    /// BCP 47 tag of the text.
    pub language: Option<&'a str>,
}

/// A post as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Preview {
    /// The class of its platform's looks.
    pub manner: &'static str,
    /// The platform's name, as people say it.
    pub platform: String,
    /// Who posts.
    pub name: String,
    /// Their account.
    pub handle: String,
    /// What stands in their picture.
    pub initial: String,
    /// BCP 47 tag of the text.
    pub lang: Option<String>,
    /// Its parts; more than one is a thread.
    pub parts: Vec<Part>,
    /// When it went out; `None`: it did not yet.
    pub at: Option<When>,
    /// Whether pictures stand above the text.
    pub pictures_first: bool,
}

/// A part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// What is seen at once.
    pub runs: Vec<Run>,
    /// What is behind the fold.
    pub rest: Vec<Run>,
    /// The platform's word for opening the fold.
    pub fold: &'static str,
    /// Its place, as "Part 1 of 3"; `None`: it is the only one.
    pub place: Option<String>,
    /// Its pictures.
    pub pictures: Vec<Shot>,
    /// Its link's card.
    pub card: Option<LinkCard>,
    /// What it counts.
    pub length: usize,
    /// What it may count.
    pub limit: usize,
    /// Length of limit, in percent, at most 100.
    pub share: usize,
}

impl Part {
    /// Whether it counts too much.
    pub const fn is_over(&self) -> bool {
        self.length > self.limit
    }
}

/// A stretch of text of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// As it is shown.
    pub text: String,
    /// `link`, `tag`, `mention`; empty: plain text.
    pub kind: &'static str,
    /// Where a link leads.
    pub out: Option<Out>,
}

/// An attached picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shot {
    /// Where we show it.
    pub src: Option<String>,
    /// What is said of it to people who do not see it.
    pub alt: String,
    /// What it is, in words.
    pub what: String,
    /// Where it is from.
    pub out: Option<Out>,
}

/// A link's card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LinkCard {
    /// Where it leads.
    pub out: Out,
    /// The headline.
    pub title: String,
    /// A line or two; may be empty.
    pub about: String,
    /// Where we show its picture.
    pub src: Option<String>,
    /// The host its picture is from, where there is one.
    pub from: Option<String>,
}

impl Preview {
    /// That post there.
    pub fn of(whose: Whose<'_>, matter: Matter<'_>) -> Self {
        let manner = manners::of(whose.like);
        let sight = limits::of(whose.like).map_or(Sight::Links, |row| row.sight);
        let linked = linked(&matter);
        // As on the platforms: a picture of the post's own stands where the card would be.
        let card = matter.card.filter(|_| manner.cards && matter.pictures.is_empty());
        let of = matter.texts.len();
        let part = |(n, (text, length)): (usize, &(String, usize))| {
            let card = card.filter(|_| n == linked).and_then(|card| link_card(card, matter.shown_at));
            let hidden = card.as_ref().filter(|_| manner.hides_link).map(|card| card.out.href.as_str());
            let (runs, rest) = folded(manner, sight, without(text, hidden));
            Part {
                fold: manner.fold.map_or("", |fold| fold.word),
                place: (of > 1).then(|| format!("Part {} of {of}", n + 1)),
                pictures: if n == 0 { shots(matter.pictures, matter.shown_at) } else { Vec::new() },
                card,
                length: *length,
                limit: matter.limit,
                share: length.saturating_mul(100).checked_div(matter.limit).unwrap_or(100).min(100),
                runs,
                rest,
            }
        };
        let handle = look::straight(whose.handle);
        let bare = handle.trim_start_matches('@');
        Self {
            manner: manner.word,
            platform: match whose.like {
                "" => "the timeline".to_owned(),
                word => platform_name(word),
            },
            name: whose.newsroom.to_owned(),
            initial: look::initial(whose.newsroom),
            handle: if manner.at && !bare.is_empty() { format!("@{bare}") } else { handle },
            lang: matter.language.map(str::to_owned),
            parts: matter.texts.iter().enumerate().map(part).collect(),
            at: None,
            pictures_first: manner.pictures_first,
        }
    }

    /// The same with the time at which it went out.
    #[must_use]
    pub fn at(self, at: When) -> Self {
        Self { at: Some(at), ..self }
    }
}

/// Which part carries the card: the first that has its link in the text, else the first.
fn linked(matter: &Matter<'_>) -> usize {
    let link = matter.card.map_or("", |card| card.url.as_str());
    matter.texts.iter().position(|(text, _)| !link.is_empty() && text.contains(link)).unwrap_or(0)
}

/// A text without the link at its end.
fn without<'t>(text: &'t str, link: Option<&str>) -> &'t str {
    let end = text.trim_end();
    match link.and_then(|link| end.strip_suffix(link)) {
        Some(head) if head.is_empty() || head.ends_with(char::is_whitespace) => head.trim_end(),
        _ => text,
    }
}

fn folded(manner: &Manner, sight: Sight, text: &str) -> (Vec<Run>, Vec<Run>) {
    let cut = manner.fold.and_then(|fold| manners::fold_at(fold, text)).unwrap_or(text.len());
    let (mut head, mut rest, mut at) = (Vec::new(), Vec::new(), 0);
    for (kind, piece) in pieces(text, sight) {
        let (start, end) = (at, at + piece.len());
        at = end;
        // What is clickable is folded as a whole.
        if kind.is_none() && start < cut && cut < end {
            head.push(run(manner, None, &text[start..cut]));
            rest.push(run(manner, None, &text[cut..end]));
        } else if start < cut {
            head.push(run(manner, kind, piece));
        } else {
            rest.push(run(manner, kind, piece));
        }
    }
    (head, rest)
}

fn run(manner: &Manner, kind: Option<Kind>, piece: &str) -> Run {
    match kind {
        None => Run { text: piece.to_owned(), kind: "", out: None },
        Some(Kind::Tag) => Run { text: piece.to_owned(), kind: "tag", out: None },
        Some(Kind::Mention) => Run { text: piece.to_owned(), kind: "mention", out: None },
        Some(Kind::Link) => {
            let out = Out::read(piece).or_else(|| Out::read(&format!("https://{piece}")));
            Run { text: manners::link(manner, piece), kind: "link", out }
        }
    }
}

fn link_card(card: &Card, shown_at: Option<&str>) -> Option<LinkCard> {
    Some(LinkCard {
        out: Out::new(&card.url)?,
        title: card.title.clone(),
        about: card.description.clone(),
        src: card.image.as_ref().and(shown_at).map(|at| format!("{at}/card")),
        from: card.image.as_ref().and_then(Out::new).map(|out| out.host),
    })
}

fn shots(pictures: &[Picture], shown_at: Option<&str>) -> Vec<Shot> {
    let shot = |(n, picture): (usize, &Picture)| {
        let (what, out) = match &picture.origin {
            Origin::Headline(card) => (format!("Drawn: headline card, {}", card.ratio.word()), None),
            Origin::Photo { urls } => {
                let out = urls.first().and_then(Out::new);
                (out.as_ref().map_or_else(|| "A picture".to_owned(), |out| format!("Picture from {}", out.host)), out)
            }
        };
        Shot { src: shown_at.map(|at| format!("{at}/{n}")), alt: picture.alt.clone(), what, out }
    };
    pictures.iter().enumerate().map(shot).collect()
}

#[cfg(test)]
#[path = "preview_tests.rs"]
mod tests;
