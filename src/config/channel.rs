//! `[channel.NAME]`: the keys all channels share are taken out first, the rest is handed to the platform as a spanned
//! table, so that its faults point into the file too.

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::nearest;
use super::document::{Reading, find};
use super::settings::Common;
use super::{Channel, check};
use crate::model::id::ChannelName;
use crate::model::picture::Carry;
use crate::platform::Account;
use crate::schedule;
use crate::schedule::budget::{Budget, BudgetSettings};

/// The keys of [`Common`].
const COMMON: [&str; 13] = [
    "platform",
    "account",
    "slots",
    "quiet",
    "pace",
    "budget",
    "picture",
    "card",
    "pictures",
    "on_uncertain",
    "strict_order",
    "hashtags",
    "link_params",
];

pub(super) fn channels(r: &mut Reading<'_>) -> Vec<Channel> {
    let names = check::names(r, "channel");
    names.into_iter().filter_map(|name| channel(r, name)).collect()
}

fn channel(r: &mut Reading<'_>, name: String) -> Option<Channel> {
    let key = format!("channel.{name}");
    let mut own = find(&r.root, &key)?.clone();
    let platforms = r.platforms;
    let id = match own.get("platform").map(|value| value.get_ref().as_str()) {
        Some(Some(id)) => id.to_owned(),
        found => {
            let ids: Vec<_> = platforms.iter().map(|p| p.spec().id).collect();
            let hint = format!("one of {}", ids.join(", "));
            let (at, said) = match found {
                Some(_) => (format!("{key}.platform"), "expected a text, found something else"),
                None => (key, "missing key `platform`"),
            };
            r.fault(&at, said, Some(&hint));
            return None;
        }
    };
    let Some(platform) = platforms.iter().find(|platform| platform.spec().id == id) else {
        let ids: Vec<_> = platforms.iter().map(|platform| platform.spec().id).collect();
        let hint = match nearest(&id, ids.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("there are: {}", ids.join(", ")),
        };
        r.fault(&format!("{key}.platform"), format!("there is no platform {id:?}"), Some(&hint));
        return None;
    };
    let schemas = r.schemas;
    if let Some((_, schema)) = schemas.channels.iter().find(|(known, _)| *known == id) {
        r.compare(schema, &key);
    }
    let sound = r.is_sound_but(&key, &COMMON);

    let mut common = DeTable::new();
    for word in COMMON {
        if let Some((word, value)) = own.remove_entry(word) {
            common.insert(word, value);
        }
    }
    let span = r.span(&key);
    let common: Common = r.value(&key, Spanned::new(span, DeValue::Table(common)))?;
    let schedule =
        schedule::Settings { slots: common.slots.clone(), quiet: common.quiet.clone(), pace: common.pace.clone() };
    let policy = channel_policy(r, &key, &schedule);
    if !sound {
        // Without the keys at fault, so that the platform's own checks see the others all the same.
        let all: Vec<String> = own.keys().map(|word| word.get_ref().to_string()).collect();
        for word in all.iter().filter(|word| !r.is_sound(&format!("{key}.{word}"))) {
            own.remove(word.as_str());
        }
    }
    let account = match platform.open(own) {
        Ok(account) => account,
        Err(error) => {
            // What is said of the table as a whole may come of what was just left out.
            if sound || error.span().is_some_and(|span| !span.is_empty() && r.is_value_of(&key, &span)) {
                r.serde_fault(&key, &error);
            }
            return None;
        }
    };
    if let Some(server) = account.server().cloned() {
        check::web_url(r, &format!("{key}.server"), &server);
    }
    pictures(r, &key, platform.spec().name, account.media().max, &common);
    let budget = common.budget.as_ref().map(|settings| budget(r, &key, settings, (platform.spec().name, &*account)));
    Some(Channel {
        name: ChannelName::new(name),
        platform: platform.spec(),
        account,
        label: common.account,
        policy: policy?,
        budget: budget.flatten(),
        schedule,
        picture: common.picture,
        card: common.card,
        pictures: common.pictures,
        on_uncertain: common.on_uncertain,
        strict_order: common.strict_order,
        hashtags: common.hashtags,
        link_params: common.link_params,
    })
}

/// Whether a post can carry that many pictures there.
fn pictures(r: &mut Reading<'_>, key: &str, platform: &str, most: u8, common: &Common) {
    let at = format!("{key}.pictures");
    if common.pictures <= 1 {
        return;
    }
    if common.picture != Carry::Photo {
        let hint = "an album is made of the article's own pictures: write picture = \"photo\" too";
        r.fault(&at, "expected picture = \"photo\" beside it, found another", Some(hint));
    } else if common.pictures > most {
        let said = format!("expected at most {} on {platform}, found {}", most.max(1), common.pictures);
        r.fault(&at, said, None);
    }
}

/// The channel's caps of money; every fault of them is reported.
fn budget(
    r: &mut Reading<'_>,
    key: &str,
    settings: &BudgetSettings,
    (name, account): (&str, &dyn Account),
) -> Option<Budget> {
    let key = format!("{key}.budget");
    if account.prices().is_none() {
        r.fault(&key, format!("a budget does nothing here: {name} charges nothing for posts"), Some("leave it out"));
        return None;
    }
    let hint = "{ per_day = \"$10\", per_month = \"$250\" }";
    match Budget::read(settings) {
        Ok(budget) => Some(budget),
        Err(faults) => {
            for (word, said) in faults {
                let at = if word.is_empty() { key.clone() } else { format!("{key}.{word}") };
                r.fault(&at, said, Some(hint));
            }
            None
        }
    }
}

/// The schedule keys of a channel as a policy; every fault of them is reported.
fn channel_policy(r: &mut Reading<'_>, key: &str, settings: &schedule::Settings) -> Option<schedule::Policy> {
    match schedule::Policy::from_settings(settings) {
        Ok(policy) => Some(policy),
        Err(faults) => {
            for bad in faults {
                let hint = match bad.key {
                    "slots" => "five fields as in crontab: \"*/5 7-23 * * *\"",
                    "quiet" => "from-to in the newsroom's zone: \"00:30-06:30\"",
                    "pace.gap" => "a number and a unit: \"90s\", \"3m\", \"1h\"",
                    _ => "a whole number from 1",
                };
                r.fault_in(&format!("{key}.{}", bad.key), bad.at..bad.at + bad.len, bad.said, Some(hint));
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, parse};
    use crate::model::money::{AtCap, Price};

    const HEAD: &str = "[newsroom]\nname = \"N\"\ntimezone = \"Asia/Baku\"\n[source.a]\nurl = \"a.xml\"\n";
    const X: &str = "[channel.x]\nplatform = \"x\"\nconsumer_key = { env = \"A\" }\nconsumer_secret = { env = \"B\" }\n\
                     access_token = { env = \"C\" }\naccess_secret = { env = \"D\" }\n";
    const ROUTE: &str = "[[route]]\nfrom = [\"a\"]\nto = [\"x\"]\n";

    fn read(rest: &str) -> Result<Config, String> {
        parse(&format!("{HEAD}{rest}"), std::path::Path::new("bugle.toml")).map_err(|faults| faults.to_string())
    }

    #[test]
    fn a_budget_is_read_with_what_a_route_says_of_it() {
        let budget = "budget = { per_day = \"$10\", per_month = \"$250\", at_cap = \"no_link\" }\n";
        let config =
            read(&format!("{X}{budget}{ROUTE}at_cap = \"hold\"\n")).unwrap_or_else(|faults| panic!("{faults}"));
        let found = config.channels[0].budget.unwrap();
        assert_eq!((found.per_day, found.at_cap), (Some(Price::micros(10_000_000)), AtCap::NoLink));
        assert_eq!(config.words.at_cap(1, "x"), Some(AtCap::Hold));
        assert_eq!(config.words.at_cap(2, "x"), None);
        // A rehearsal costs nothing.
        assert_eq!(config.rehearsal(|channel| channel.account.clone()).channels[0].budget, None);
    }

    #[test]
    fn a_budget_that_does_nothing_or_cannot_be_read_is_a_fault() {
        let mastodon =
            "[channel.m]\nplatform = \"mastodon\"\nserver = \"https://m.example\"\ntoken = { env = \"T\" }\n";
        for (rest, said) in [
            (format!("{X}budget = {{ per_day = \"10\" }}\n{ROUTE}"), "channel.x.budget.per_day: expected an amount"),
            (format!("{X}budget = {{ per_day = 10 }}\n{ROUTE}"), "channel.x.budget.per_day: expected a text"),
            (format!("{X}budget = {{ }}\n{ROUTE}"), "channel.x.budget: expected per_day, per_month or both"),
            (format!("{X}budget = {{ per_day = \"$1\", at_cap = \"drop\" }}\n{ROUTE}"), "channel.x.budget.at_cap"),
            (format!("{X}budget = {{ per_week = \"$1\" }}\n{ROUTE}"), "channel.x.budget.per_week: unknown key"),
            (format!("{mastodon}budget = {{ per_day = \"$1\" }}\n"), "Mastodon charges nothing for posts"),
            (format!("{X}{ROUTE}at_cap = \"no_link\"\n"), "route[0].at_cap: no channel of this route has a budget"),
        ] {
            let faults = read(&rest).err().unwrap_or_else(|| panic!("accepted: {rest}"));
            assert!(faults.contains(said), "{rest}:\n{faults}");
        }
    }
}
