//! What the config says of tags, mentions and links, and how it dresses one post: `hashtags` makes tags of categories,
//! `mentions` knows who may be mentioned, `links` makes the link that is posted. Pure.

pub mod hashtags;
pub mod links;
pub mod mentions;

use std::collections::HashMap;

use url::Url;

use self::hashtags::Hashtags;
use self::links::{Params, Short};
use self::mentions::{Account, Mentions};
use super::Unfit;
use crate::expr::Scene;
use crate::model::article::Entry;
use crate::model::money::AtCap;
use crate::model::picture::Carry;
use crate::text::rules::Unit;
use crate::text::tracking;

/// All of it, checked and compiled.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// `[hashtags]`.
    pub hashtags: Hashtags,
    /// `[mentions]`.
    pub mentions: Mentions,
    /// `[links] params`.
    pub params: Params,
    /// `[links] strip = false`: links stay as the feed has them.
    pub keep_tracking: bool,
    /// What channels say of their own, by name.
    pub channels: HashMap<String, Own>,
    /// What routes say of their own, in the order of the config.
    pub routes: Vec<OfRoute>,
    /// `[web] public_url`, under which short links are reached.
    pub public: Option<Url>,
}

/// What a channel or route says of its own.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// The most hashtags.
    pub hashtags: Option<u8>,
    /// `link_params`.
    pub params: Params,
}

/// What a route says of its own.
#[derive(Clone, Debug, Default)]
pub struct OfRoute {
    /// The channels it leads to.
    pub to: Vec<String>,
    /// As a channel may.
    pub own: Own,
    /// Whether its posts carry short links.
    pub short_links: bool,
    /// How its posts carry a picture, where it says so.
    pub picture: Option<Carry>,
    /// What becomes of its posts where their channel's money is spent.
    pub at_cap: Option<AtCap>,
}

/// Where a post goes, as far as its words depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The channel's name.
    pub channel: &'a str,
    /// The word of the platform whose rules count there.
    pub platform: &'a str,
    /// How that platform counts, which tells how it reads.
    pub unit: Unit,
    /// The number of the route that chose the channel; 0: a person did.
    pub route: u32,
    /// Of the post's ids.
    pub seed: &'a str,
}

/// What dressing gives beside the scene.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dressed {
    /// The link that is posted.
    pub link: Option<Url>,
    /// Other spellings of it that a person's own text may have, the nearest first: with parameters, without, the feed's.
    pub spellings: Vec<Url>,
    /// The short link, where the route asks for one: what is posted leads there, and there it leads on.
    pub short: Option<Short>,
    /// Who may be mentioned on this platform.
    pub mentions: Vec<Account>,
}

impl Words {
    /// What the route of that number says of posts on that channel. A route that was edited meanwhile and leads elsewhere
    /// says nothing.
    fn route(&self, number: u32, channel: &str) -> Option<&OfRoute> {
        let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1))?;
        self.routes.get(at).filter(|it| it.to.iter().any(|name| name == channel))
    }

    /// How posts of that route carry a picture on that channel, where the route says so.
    pub fn carry(&self, route: u32, channel: &str) -> Option<Carry> {
        self.route(route, channel).and_then(|it| it.picture)
    }

    /// What the route says of posts that their channel's budget does not pay for.
    pub fn at_cap(&self, route: u32, channel: &str) -> Option<AtCap> {
        self.route(route, channel).and_then(|it| it.at_cap)
    }

    /// Puts tags, mentions and the link that is posted into the scene.
    ///
    /// # Errors
    /// [`Unfit`]: a parameter's template fails on this article.
    pub fn dress(&self, scene: &mut Scene, entry: &Entry, place: &Place<'_>) -> Result<Dressed, Unfit> {
        let route = self.route(place.route, place.channel);
        let channel = self.channels.get(place.channel);
        let limit = route.and_then(|it| it.own.hashtags).or_else(|| channel.and_then(|it| it.hashtags));
        scene.hashtags = self.hashtags.of(entry, &scene.language, place, limit).join(" ");
        scene.mentions = self.mentions.pairs(place.platform);
        let mut dressed = Dressed { mentions: self.mentions.accounts(place.platform), ..Dressed::default() };
        let Some(link) = &entry.link else { return Ok(dressed) };
        let bare = if self.keep_tracking { link.clone() } else { tracking::stripped(link) };
        scene.link = bare.to_string();
        // Later ones go before: a route's before its channel's before those of all.
        let said = [Some(&self.params), channel.map(|it| &it.params), route.map(|it| &it.own.params)];
        let params = links::rendered(said.into_iter().flatten(), scene)?;
        let long = tracking::with_params(&bare, &params);
        dressed.spellings = vec![long.clone(), bare, link.clone()];
        dressed.link = Some(long.clone());
        if let (Some(public), true) = (&self.public, route.is_some_and(|it| it.short_links)) {
            let short = Short::new(public, place.seed, long);
            dressed.link = Some(short.link.clone());
            dressed.short = Some(short);
        }
        scene.link = dressed.link.as_ref().map(Url::to_string).unwrap_or_default();
        Ok(dressed)
    }
}

impl Dressed {
    /// The link that a text has, where it is one of the post's; else the one that is posted.
    pub fn link_in(&self, text: &str) -> Option<Url> {
        let all = self.link.iter().chain(&self.spellings);
        all.into_iter().find(|link| text.contains(link.as_str())).or(self.link.as_ref()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Snippet;

    fn params(list: &[(&str, &str)]) -> Params {
        list.iter().map(|(name, value)| ((*name).to_owned(), Snippet::parse(value).expect("good"))).collect()
    }

    fn entry(link: &str) -> Entry {
        Entry { link: Some(Url::parse(link).expect("a URL")), categories: vec!["Nation".into()], ..Entry::default() }
    }

    fn dressed(words: &Words, entry: &Entry, route: u32) -> (Scene, Dressed) {
        let mut scene = Scene { platform: "x".into(), category: "Nation".into(), ..Scene::default() };
        let place = Place { channel: "main", platform: "x", unit: Unit::Weighted, route, seed: "ab" };
        let dressed = words.dress(&mut scene, entry, &place).expect("good");
        (scene, dressed)
    }

    #[test]
    fn a_link_is_stripped_and_gets_the_parameters_of_all_of_channel_and_of_route() {
        let words = Words {
            params: params(&[("utm_source", "{{ platform }}"), ("utm_medium", "social")]),
            channels: [("main".to_owned(), Own { params: params(&[("utm_medium", "chat")]), ..Own::default() })].into(),
            routes: vec![
                OfRoute {
                    to: vec!["main".into()],
                    own: Own {
                        params: params(&[("utm_source", ""), ("utm_campaign", "{{ category }}")]),
                        hashtags: None,
                    },
                    short_links: false,
                    picture: None,
                    at_cap: None,
                },
                OfRoute { to: vec!["other".into()], short_links: true, ..OfRoute::default() },
            ],
            public: Some(Url::parse("https://n.example/").expect("a URL")),
            ..Words::default()
        };
        let link = "https://e.org/a?fbclid=1&id=2";
        for (route, want) in [
            (1, "https://e.org/a?id=2&utm_campaign=Nation&utm_medium=chat"),
            // Made by hand, a route that leads elsewhere by now, and one that is gone.
            (0, "https://e.org/a?id=2&utm_medium=chat&utm_source=x"),
            (2, "https://e.org/a?id=2&utm_medium=chat&utm_source=x"),
            (9, "https://e.org/a?id=2&utm_medium=chat&utm_source=x"),
        ] {
            let (scene, dressed) = dressed(&words, &entry(link), route);
            assert_eq!((scene.link.as_str(), dressed.short), (want, None), "{route}");
        }
        let plain = Words { keep_tracking: true, ..Words::default() };
        assert_eq!(super::tests::dressed(&plain, &entry(link), 1).0.link, link);
    }

    #[test]
    fn a_short_link_stands_for_the_long_one_and_is_the_same_again() {
        let words = Words {
            params: params(&[("utm_source", "x")]),
            routes: vec![OfRoute { to: vec!["main".into()], short_links: true, ..OfRoute::default() }],
            public: Some(Url::parse("https://n.example/desk").expect("a URL")),
            ..Words::default()
        };
        let (scene, one) = dressed(&words, &entry("https://e.org/a"), 1);
        let short = one.short.clone().expect("the route asks for it");
        assert_eq!(short.target.as_str(), "https://e.org/a?utm_source=x");
        assert_eq!(scene.link, format!("https://n.example/desk/r/{}", short.id));
        assert_eq!(dressed(&words, &entry("https://e.org/a"), 1).1, one);
        // A person's own text may have the link in any of its spellings.
        for (text, want) in [
            (format!("T {}", scene.link), scene.link.as_str()),
            ("T https://e.org/a?utm_source=x".to_owned(), "https://e.org/a?utm_source=x"),
            ("T https://e.org/a".to_owned(), "https://e.org/a"),
            ("T".to_owned(), scene.link.as_str()),
        ] {
            assert_eq!(one.link_in(&text).expect("there is one").as_str(), want, "{text}");
        }
    }
}
