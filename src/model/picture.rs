//! What a post carries as its picture, as data: where it comes from, what shape it has, and what is said of it to people
//! who do not see it. How it is fetched, drawn and shrunk is `card`'s and `publish`'s.

use serde::{Deserialize, Deserializer, Serialize, de};
use url::Url;

/// How a post carries a picture: `picture` of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Carry {
    /// Bugle sends none; what the platform itself makes of the link is its own.
    None,
    /// The link's card: built by Bugle where the platform lets the client build it, else the platform's own.
    #[default]
    Card,
    /// The article's picture is attached.
    Photo,
    /// A picture of the headline is drawn and attached.
    Headline,
}

/// When a post goes out whose link shows a card: `card` of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CardTime {
    /// At once. A platform that looks at a page which is not up yet shows a bare link, and many remember that for days.
    #[default]
    Now,
    /// When the article's page and its picture answer, a few minutes at most.
    Wait,
}

/// The shape of a card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Ratio {
    /// 1200 × 628: link cards.
    #[default]
    #[serde(rename = "1.91:1")]
    Card,
    /// 1080 × 1080.
    #[serde(rename = "1:1")]
    Square,
    /// 1080 × 1350.
    #[serde(rename = "4:5")]
    Portrait,
    /// 1200 × 675.
    #[serde(rename = "16:9")]
    Wide,
}

impl Ratio {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Card, Self::Square, Self::Portrait, Self::Wide];

    /// Width and height in pixels.
    pub const fn size(self) -> (u32, u32) {
        match self {
            Self::Card => (1200, 628),
            Self::Square => (1080, 1080),
            Self::Portrait => (1080, 1350),
            Self::Wide => (1200, 675),
        }
    }

    /// The word in the config.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Card => "1.91:1",
            Self::Square => "1:1",
            Self::Portrait => "4:5",
            Self::Wide => "16:9",
        }
    }
}

impl std::str::FromStr for Ratio {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|ratio| ratio.word() == text);
        known.ok_or_else(|| format!("expected one of {}, found {text:?}", Self::ALL.map(Self::word).join(", ")))
    }
}

/// A colour, written `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// 0 to 255.
    pub red: u8,
    /// 0 to 255.
    pub green: u8,
    /// 0 to 255.
    pub blue: u8,
}

impl Colour {
    /// That colour.
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// How bright it looks, 0 to 1. Source: relative luminance, WCAG 2.2, with the sRGB curve taken as a square.
    pub fn brightness(self) -> f32 {
        let part = |c: u8| (f32::from(c) / 255.0).powi(2);
        0.2126 * part(self.red) + 0.7152 * part(self.green) + 0.0722 * part(self.blue)
    }
}

impl std::fmt::Display for Colour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl std::str::FromStr for Colour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let [_, red, green, blue] =
            number.ok_or_else(|| format!("expected a colour such as \"#1a2b3c\", found {text:?}"))?.to_be_bytes();
        Ok(Self { red, green, blue })
    }
}

impl Serialize for Colour {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Colour {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

impl schemars::JsonSchema for Colour {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Colour".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^#[0-9a-fA-F]{6}$" })
    }
}

/// A post's picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Where it comes from.
    pub origin: Origin,
    /// The alternative text, within the platform's limit.
    pub alt: String,
}

/// What a person decided about a post's pictures, instead of what its route or channel has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// Which; `None`: as the route or channel has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub which: Option<Which>,
    /// The alternative text of the first; `None`: the source's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
}

impl Chosen {
    /// Whether nothing was decided.
    pub const fn is_nothing(&self) -> bool {
        self.which.is_none() && self.alt.is_none()
    }
}

/// A picture that a person chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Which {
    /// None at all.
    None,
    /// The headline, drawn.
    Headline,
    /// One of the article's.
    Photo {
        /// Where it is.
        url: Url,
    },
}

/// Where a picture comes from: all that is needed to make it, but for the bytes on the web and the newsroom's logo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Origin {
    /// From the web.
    Photo {
        /// Where; the first that can be had is taken.
        urls: Vec<Url>,
    },
    /// Drawn by Bugle.
    Headline(Headline),
}

/// What a headline card shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headline {
    /// The words.
    pub title: String,
    /// A word or two above them, as the story's category; may be empty.
    pub kicker: String,
    /// The newsroom's name.
    pub name: String,
    /// Its shape.
    pub ratio: Ratio,
    /// The colour behind everything.
    pub ground: Colour,
    /// The colour of the words where no picture is behind them.
    pub ink: Colour,
    /// The colour of what is set off.
    pub accent: Colour,
    /// Pictures to put behind it, the first that can be had; without one it stands on its ground.
    pub behind: Vec<Url>,
}

/// What a picture has to be when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The most bytes of the file.
    pub bytes: usize,
    /// The longest side in pixels.
    pub side: u32,
    /// The shape it is cropped to, where it must have one.
    pub crop: Option<Ratio>,
    /// How many times longer than its shorter side a picture may be; what is longer is cropped.
    pub longest: u32,
}

/// A picture ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jpeg {
    /// The file.
    pub bytes: Vec<u8>,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// Why a picture cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPicture {
    /// Not now: nobody answered.
    #[error("{0}")]
    Later(String),
    /// It is gone, refused or no picture.
    #[error("{0}")]
    Never(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_and_written_one_way() {
        for (text, colour) in [
            ("#000000", Colour::new(0, 0, 0)),
            ("#1A2b3C", Colour::new(26, 43, 60)),
            ("#ffffff", Colour::new(255, 255, 255)),
        ] {
            assert_eq!(text.parse::<Colour>().unwrap(), colour);
            assert_eq!(colour.to_string(), text.to_lowercase());
        }
        for bad in ["", "#fff", "red", "#12345", "#1234567", "#12345g", "123456", "#+12345", "\"/><x"] {
            let fault = bad.parse::<Colour>().unwrap_err();
            assert!(fault.contains("#1a2b3c"), "{fault}");
        }
        assert!(Colour::new(255, 255, 255).brightness() > 0.99 && Colour::new(0, 0, 0).brightness() < 0.01);
    }

    #[test]
    fn a_ratio_is_known_by_its_word_and_its_size_has_it() {
        for (word, ratio, times) in [
            ("1.91:1", Ratio::Card, 1.91),
            ("1:1", Ratio::Square, 1.0),
            ("4:5", Ratio::Portrait, 0.8),
            ("16:9", Ratio::Wide, 16.0 / 9.0),
        ] {
            assert_eq!(word.parse::<Ratio>().unwrap(), ratio);
            assert_eq!(serde_json::to_value(ratio).unwrap(), word);
            let (width, height) = ratio.size();
            assert!((f64::from(width) / f64::from(height) - times).abs() < 0.002, "{word}");
        }
        assert!("3:2".parse::<Ratio>().is_err());
    }

    #[test]
    fn a_frozen_picture_is_read_as_it_was_written() {
        let url = |text: &str| vec![Url::parse(text).unwrap()];
        let photo = Picture { origin: Origin::Photo { urls: url("https://e.org/a.jpg") }, alt: "A".to_owned() };
        let drawn = Picture {
            origin: Origin::Headline(Headline {
                title: "T".to_owned(),
                kicker: String::new(),
                name: "N".to_owned(),
                ratio: Ratio::Wide,
                ground: Colour::new(1, 2, 3),
                ink: Colour::new(255, 255, 255),
                accent: Colour::new(9, 9, 9),
                behind: url("https://e.org/b.jpg"),
            }),
            alt: String::new(),
        };
        for picture in [photo, drawn] {
            let text = serde_json::to_string(&picture).unwrap();
            assert!(text.starts_with('{'), "{text}");
            assert_eq!(serde_json::from_str::<Picture>(&text).unwrap(), picture);
        }
    }
}
