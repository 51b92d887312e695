//! What the platforms' own terms ask of a newsroom that posts by itself, for the person at the command line: shown by
//! `check` once for each platform in use, and when a channel is connected. The words are the platforms' data.

use crate::config::{Channel, Config};
use crate::platform::Spec;

/// What is to be known for that config: each platform's terms once, then the channels whose posts wait for a person.
pub(super) fn of_config(config: &Config) -> Vec<String> {
    let mut platforms: Vec<&Spec> = Vec::new();
    for channel in &config.channels {
        if !platforms.iter().any(|known| known.id == channel.platform.id) {
            platforms.push(channel.platform);
        }
    }
    let asked = platforms.into_iter().filter_map(asks);
    asked.chain(config.channels.iter().filter_map(waits)).collect()
}

/// The same for one channel.
pub(super) fn of_channel(channel: &Channel) -> Vec<String> {
    asks(channel.platform).into_iter().chain(waits(channel)).collect()
}

/// What a platform's terms ask; `None`: nothing that touches a newsroom's own posts.
fn asks(spec: &Spec) -> Option<String> {
    let terms = spec.terms;
    (!terms.ask.is_empty()).then(|| format!("{}: {} ({}, read {})", spec.name, terms.ask, terms.source, terms.read))
}

/// Why a channel's posts wait for a person whatever the routes say.
fn waits(channel: &Channel) -> Option<String> {
    let why = channel.account.must_approve()?;
    Some(format!("channel.{}: each post that a route plans waits for a person: {why}", channel.name))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn each_platform_is_told_of_once_and_each_channel_that_waits() {
        let page = "platform = \"linkedin\"\norganization = 7\ntoken = { env = \"BUGLE_TEST_TOKEN\" }\n";
        let text = format!(
            "[newsroom]\nname = \"N\"\ntimezone = \"UTC\"\n[channel.one]\n{page}[channel.two]\n{page}accept_terms = true\n\
             [channel.wall]\nplatform = \"timeline\"\n"
        );
        let config =
            crate::config::parse(&text, Path::new("b.toml")).map_err(|faults| faults.to_string()).ok().unwrap();
        let remarks = of_config(&config);
        assert_eq!(remarks.len(), 2, "{remarks:#?}");
        assert!(
            remarks[0].starts_with("LinkedIn: The API terms forbid") && remarks[0].contains("read 2026-"),
            "{remarks:#?}"
        );
        assert!(remarks[1].starts_with("channel.one: each post that a route plans waits"), "{remarks:#?}");
        assert!(remarks[1].contains("accept_terms = true"), "it says what would change that: {remarks:#?}");
        let two = of_channel(&config.channels[1]);
        assert_eq!(two.len(), 1, "{two:#?}");
        assert!(of_channel(&config.channels[2]).is_empty(), "the newsroom's own timeline asks nothing");
    }

    #[test]
    fn every_platform_says_where_it_was_read_and_when() {
        for platform in crate::platform::ALL {
            let (spec, terms) = (platform.spec(), platform.spec().terms);
            // Only a newsroom's own place asks nothing: a timeline, a web hook.
            if terms.ask.is_empty() {
                continue;
            }
            assert!(terms.source.starts_with("https://"), "{}: {terms:?}", spec.id);
            assert!(terms.read.len() == 7 && terms.read.starts_with("202"), "{}: {terms:?}", spec.id);
            assert!(terms.ask.ends_with('.'), "{}: {terms:?}", spec.id);
        }
    }
}
