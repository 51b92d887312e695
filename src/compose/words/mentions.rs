//! Mentions: an allow-list. A name becomes a mention only where the config gives it an account on the platform, and only
//! through the template's filter `mentions`; every other `@` of an article is made harmless.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `[mentions]` of the config: from a name to its accounts, by the platform's word.
pub type Settings = BTreeMap<String, BTreeMap<String, Handle>>;

/// An account as the config names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Handle {
    /// `@name`.
    Name(String),
    /// With the id that its platform needs: `{ handle = "name.bsky.social", did = "did:plc:…" }`.
    Known {
        /// `@name`.
        handle: String,
        /// Its unchanging id: on Bluesky its DID, elsewhere (written `id`) the number of a Page.
        #[serde(alias = "id")]
        did: String,
    },
}

/// An account that may be mentioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// With its `@`.
    pub handle: String,
    /// The id its platform needs.
    pub id: Option<String>,
}

impl From<&Handle> for Account {
    fn from(handle: &Handle) -> Self {
        let with_sign = |text: &str| format!("@{}", text.trim().trim_start_matches('@'));
        match handle {
            Handle::Name(handle) => Self { handle: with_sign(handle), id: None },
            Handle::Known { handle, did } => Self { handle: with_sign(handle), id: Some(did.clone()) },
        }
    }
}

/// The list, ready for use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    /// The longest name first: "President Ilham Aliyev" before "Ilham Aliyev".
    list: Vec<(String, BTreeMap<String, Account>)>,
}

impl From<&Settings> for Mentions {
    fn from(settings: &Settings) -> Self {
        let accounts = |on: &BTreeMap<String, Handle>| on.iter().map(|(word, it)| (word.clone(), it.into())).collect();
        let mut list: Vec<_> = settings
            .iter()
            .map(|(name, on)| (name.trim().to_owned(), accounts(on)))
            .filter(|it| !it.0.is_empty())
            .collect();
        list.sort_by_key(|(name, _): &(String, _)| std::cmp::Reverse(name.chars().count()));
        Self { list }
    }
}

impl Mentions {
    /// Names and handles on one platform, the longest name first.
    pub fn pairs(&self, platform: &str) -> Vec<(String, String)> {
        self.on(platform).map(|(name, account)| (name.to_owned(), account.handle.clone())).collect()
    }

    /// The accounts on one platform.
    pub fn accounts(&self, platform: &str) -> Vec<Account> {
        self.on(platform).map(|(_, account)| account.clone()).collect()
    }

    fn on<'a>(&'a self, platform: &'a str) -> impl Iterator<Item = (&'a str, &'a Account)> {
        self.list.iter().filter_map(move |(name, on)| Some((name.as_str(), on.get(platform)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_goes_first_and_only_where_it_has_an_account() {
        let name = |handle: &str| Handle::Name(handle.to_owned());
        let did = Handle::Known { handle: "@p.bsky.social".to_owned(), did: "did:plc:a".to_owned() };
        let settings: Settings = [
            ("Ilham Aliyev".to_owned(), [("x".to_owned(), name("presidentaz")), ("bluesky".to_owned(), did)].into()),
            ("President Ilham Aliyev".to_owned(), [("x".to_owned(), name("@presidentaz"))].into()),
        ]
        .into();
        let mentions = Mentions::from(&settings);
        let pair = |name: &str| (name.to_owned(), "@presidentaz".to_owned());
        assert_eq!(mentions.pairs("x"), [pair("President Ilham Aliyev"), pair("Ilham Aliyev")]);
        assert_eq!(
            mentions.accounts("bluesky"),
            [Account { handle: "@p.bsky.social".into(), id: Some("did:plc:a".into()) }]
        );
        assert!(mentions.pairs("telegram").is_empty());
    }
}
