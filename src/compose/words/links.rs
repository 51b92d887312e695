//! The link of a post: our own parameters by template, and short links of our own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use url::Url;

use super::super::Unfit;
use crate::expr::{Scene, Snippet};

/// `[links]` of the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether parameters that only track readers (`utm_*`, `fbclid` …) are taken out of articles' links. Left out: yes.
    pub strip: bool,
    /// Our own parameters, each value a template: `{ utm_source = "{{ platform }}" }`. A channel's or route's
    /// `link_params` go before them.
    pub params: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { strip: true, params: BTreeMap::new() }
    }
}

/// Names and values of our own parameters.
pub type Params = BTreeMap<String, Snippet>;

/// What the parameters are for one article; of several with one name the last counts, and an empty one is left out.
///
/// # Errors
/// [`Unfit`]: one fails on this article.
pub fn rendered<'a>(said: impl Iterator<Item = &'a Params>, scene: &Scene) -> Result<Vec<(String, String)>, Unfit> {
    let mut all: BTreeMap<&str, &Snippet> = BTreeMap::new();
    for params in said {
        all.extend(params.iter().map(|(name, value)| (name.as_str(), value)));
    }
    let render = |(name, value): (&str, &Snippet)| {
        let value = value.render(scene).map_err(|e| Unfit(format!("link parameter {name}: {e}")))?;
        Ok((name.to_owned(), value))
    };
    all.into_iter().map(render).collect()
}

/// A short link of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Short {
    /// What stands behind `/r/`.
    pub id: String,
    /// The whole short link.
    pub link: Url,
    /// Where it leads.
    pub target: Url,
}

/// Characters of an id: 58^10 is 4·10^17, so that among a million links two alike are one chance in a million.
const LENGTH: u32 = 10;
/// Base58 as Bitcoin has it: no 0, O, I, l, which look alike in print.
const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

impl Short {
    /// Of the post whose ids have that seed: the same again after a restore.
    pub fn new(public: &Url, seed: &str, target: Url) -> Self {
        let hash = sha2::Sha256::digest(format!("short link\n{seed}"));
        let mut number = u64::from_be_bytes(hash[..8].try_into().expect("eight bytes of thirty-two"));
        let mut id = String::new();
        for _ in 0..LENGTH {
            id.push(char::from(DIGITS[usize::try_from(number % 58).expect("below 58")]));
            number /= 58;
        }
        let mut link = public.clone();
        link.set_path(&format!("{}/r/{id}", public.path().trim_end_matches('/')));
        Self { id, link, target }
    }
}

/// Whether a text may be an id: others are not looked for.
pub fn is_id(text: &str) -> bool {
    text.len() == usize::try_from(LENGTH).unwrap_or_default() && text.bytes().all(|b| DIGITS.contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_follows_from_the_seed_alone() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        let make = |seed: &str, public: &str| Short::new(&url(public), seed, url("https://e.org/a"));
        let one = make("00", "https://n.example/");
        assert_eq!(one, make("00", "https://n.example/"));
        assert_ne!(one.id, make("01", "https://n.example/").id);
        assert!(is_id(&one.id) && one.link.as_str() == format!("https://n.example/r/{}", one.id));
        assert_eq!(make("00", "https://n.example/desk/").link.path(), format!("/desk/r/{}", one.id));
        for text in ["", "short", "0OIl0OIl0O", "1234567891a", "../../etc1"] {
            assert!(!is_id(text), "{text}");
        }
        let many: std::collections::HashSet<String> =
            (0..10_000).map(|n| make(&n.to_string(), "https://n.example/").id).collect();
        assert_eq!(many.len(), 10_000);
    }

    #[test]
    fn a_later_parameter_goes_before_an_earlier() {
        let params = |list: &[(&str, &str)]| -> Params {
            list.iter().map(|(name, value)| ((*name).to_owned(), Snippet::parse(value).expect("good"))).collect()
        };
        let all = [params(&[("a", "1"), ("b", "{{ category }}")]), params(&[("a", "2"), ("c", "")])];
        let made = rendered(all.iter(), &Scene { category: "Nation".into(), ..Scene::default() });
        let want = [("a", "2"), ("b", "Nation"), ("c", "")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(made, Ok(want.to_vec()));
    }
}
