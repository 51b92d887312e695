//! From one article and all routes to channels, with a reason for every channel that gets none.

use serde::{Deserialize, Serialize};

use super::{ApproveRule, Clause, Route};
use crate::expr::Scene;
use crate::model::id::{ChannelName, SourceName};
use crate::model::post::Urgency;

/// What becomes of an article: each configured channel is in one of the two lists, in the order of the config.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Where it goes.
    pub chosen: Vec<Chosen>,
    /// Where it does not.
    pub verdicts: Vec<Verdict>,
}

/// A channel an article goes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The channel.
    pub channel: ChannelName,
    /// The number of the route that chose it.
    pub route: u32,
    /// The template's name.
    pub template: String,
    /// The class of news.
    pub urgency: Urgency,
    /// Whether a person has to approve.
    pub needs_approval: bool,
    /// Why a person has to decide although no rule says so: a condition failed on this article. A story is then neither
    /// lost nor posted by guess.
    pub hold: Option<String>,
}

/// Why an article does not go to a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The channel.
    pub channel: ChannelName,
    /// The reason, for a person.
    pub why: String,
}

/// Applies the routes to an article: on each channel the first route that matches wins.
///
/// A route whose `when` fails on the article (a wrong type, out of fuel) counts as matching, with [`Chosen::hold`] set.
pub fn plan(routes: &[Route], source: &SourceName, scene: &Scene, channels: &[ChannelName]) -> Plan {
    // Each condition is asked once, whatever the number of channels.
    let asked: Vec<(&Route, Answer)> =
        routes.iter().filter(|route| route.from.contains(source)).map(|route| (route, ask(route, scene))).collect();
    let mut plan = Plan::default();
    for channel in channels {
        let mut refusals = Vec::new();
        let mut chosen = None;
        for (route, answer) in asked.iter().filter(|(route, _)| route.to.contains(channel)) {
            match answer {
                Answer::No(why) => refusals.push(why.as_str()),
                Answer::Yes { hold } => {
                    chosen = Some(choose(route, channel, hold.clone(), scene));
                    break;
                }
            }
        }
        match chosen {
            Some(chosen) => plan.chosen.push(chosen),
            None => plan.verdicts.push(Verdict { channel: channel.clone(), why: verdict(source, channel, &refusals) }),
        }
    }
    plan
}

enum Answer {
    Yes { hold: Option<String> },
    No(String),
}

fn ask(route: &Route, scene: &Scene) -> Answer {
    let Some(when) = &route.when else { return Answer::Yes { hold: None } };
    match when.holds(scene) {
        Ok(true) => Answer::Yes { hold: None },
        Ok(false) => Answer::No(format!("route {}: condition not met: {}", route.number, one_line(when))),
        Err(error) => Answer::Yes { hold: Some(format!("route {}: condition failed: {error}", route.number)) },
    }
}

fn choose(route: &Route, channel: &ChannelName, mut hold: Option<String>, scene: &Scene) -> Chosen {
    let needs_approval = match &route.approve {
        ApproveRule::Fixed(always) => *always,
        ApproveRule::When(clause) => clause.holds(scene).unwrap_or_else(|error| {
            let failed = format!("route {}: condition of approve failed: {error}", route.number);
            hold = Some(match hold.take() {
                Some(before) => format!("{before}; {failed}"),
                None => failed,
            });
            true
        }),
    };
    Chosen {
        channel: channel.clone(),
        route: route.number,
        template: route.template.clone(),
        urgency: route.urgency,
        needs_approval,
        hold,
    }
}

fn verdict(source: &SourceName, channel: &ChannelName, refusals: &[&str]) -> String {
    if refusals.is_empty() { format!("no route from {source} to {channel}") } else { refusals.join("; ") }
}

/// A condition's text on one line: it may be written on several.
fn one_line(clause: &Clause) -> String {
    clause.text().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::{Approve, DEFAULT_TEMPLATE, Rule};
    use super::*;

    fn rule(from: &[&str], to: &[&str], when: Option<&str>) -> Rule {
        Rule {
            from: from.iter().map(|name| SourceName::from(*name)).collect(),
            to: to.iter().map(|name| ChannelName::from(*name)).collect(),
            when: when.map(str::to_owned),
            template: None,
            urgency: Urgency::Normal,
            approve: Approve::Fixed(false),
            hashtags: None,
            link_params: std::collections::BTreeMap::new(),
            short_links: false,
            picture: None,
            at_cap: None,
        }
    }

    fn compiled(rules: &[Rule]) -> Vec<Route> {
        let numbered = (1..).zip(rules);
        numbered.map(|(number, rule)| Route::compile(number, rule).expect("a good rule")).collect()
    }

    fn planned(rules: &[Rule], source: &str, scene: &Scene, channels: &[&str]) -> Plan {
        let channels: Vec<ChannelName> = channels.iter().map(|name| ChannelName::from(*name)).collect();
        plan(&compiled(rules), &SourceName::from(source), scene, &channels)
    }

    /// `x:1` for a channel and the route that chose it.
    fn chosen(plan: &Plan) -> Vec<String> {
        plan.chosen.iter().map(|chosen| format!("{}:{}", chosen.channel, chosen.route)).collect()
    }

    /// `x: why`.
    fn verdicts(plan: &Plan) -> Vec<String> {
        plan.verdicts.iter().map(|verdict| format!("{}: {}", verdict.channel, verdict.why)).collect()
    }

    fn story(title: &str, categories: &[&str]) -> Scene {
        let categories = categories.iter().map(|name| (*name).to_owned()).collect();
        Scene { title: title.to_owned(), categories, ..Scene::default() }
    }

    #[test]
    fn the_first_route_to_a_channel_wins() {
        let rules = [
            rule(&["sport"], &["x"], None),
            rule(&["azernews"], &["telegram"], None),
            rule(&["azernews", "sport"], &["x", "telegram", "gone"], None),
        ];
        // (source, what is chosen, what is not); the channels are x, telegram and bluesky.
        let cases: [(&str, &[&str], &[&str]); 3] = [
            ("azernews", &["x:3", "telegram:2"], &["bluesky: no route from azernews to bluesky"]),
            ("sport", &["x:1", "telegram:3"], &["bluesky: no route from sport to bluesky"]),
            (
                "other",
                &[],
                &[
                    "x: no route from other to x",
                    "telegram: no route from other to telegram",
                    "bluesky: no route from other to bluesky",
                ],
            ),
        ];
        for (source, expected, refused) in cases {
            let plan = planned(&rules, source, &Scene::default(), &["x", "telegram", "bluesky"]);
            assert_eq!((chosen(&plan), verdicts(&plan)), (strings(expected), strings(refused)), "{source}");
        }
        assert_eq!(planned(&[], "azernews", &Scene::default(), &[]), Plan::default());
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_route_hands_on_template_urgency_and_approval() {
        let breaking = Rule {
            template: Some("flash".to_owned()),
            urgency: Urgency::Breaking,
            approve: Approve::Fixed(true),
            ..rule(&["azernews"], &["x"], None)
        };
        let plan = planned(&[breaking, rule(&["azernews"], &["y"], None)], "azernews", &Scene::default(), &["y", "x"]);
        let flash = Chosen {
            channel: ChannelName::from("x"),
            route: 1,
            template: "flash".to_owned(),
            urgency: Urgency::Breaking,
            needs_approval: true,
            hold: None,
        };
        let plain = Chosen {
            channel: ChannelName::from("y"),
            route: 2,
            template: DEFAULT_TEMPLATE.to_owned(),
            urgency: Urgency::Normal,
            needs_approval: false,
            hold: None,
        };
        assert_eq!(plan.chosen, [plain, flash]);
        let json = serde_json::to_string(&plan).expect("plain data");
        assert_eq!(serde_json::from_str::<Plan>(&json).expect("as written"), plan);
    }

    /// Written against the conditions of `expr`; what they hold for decides.
    mod with_conditions {
        use super::*;

        const NATION: &str = "'Nation' in categories and\n  not title is matching('(?i)horoscope')";

        /// Sound on a usual and on an empty article, broken by a title that is no pattern.
        const BROKEN: &str = "summary is matching(title)";

        #[test]
        fn conditions_choose_and_say_what_was_not_met() {
            let rules = [
                rule(&["azernews"], &["x"], Some("'Flash' in categories")),
                rule(&["azernews"], &["x", "telegram"], Some(NATION)),
            ];
            let unmet = "route 2: condition not met: 'Nation' in categories and not title is matching('(?i)horoscope')";
            let neither = format!("route 1: condition not met: 'Flash' in categories; {unmet}");
            let (x, telegram) = (format!("x: {neither}"), format!("telegram: {unmet}"));
            let cases: [(Scene, &[&str], &[&str]); 4] = [
                (story("Budget passed", &["Nation"]), &["x:2", "telegram:2"], &[]),
                (story("Quake", &["Flash"]), &["x:1"], &[&telegram]),
                (story("Your Horoscope", &["Nation"]), &[], &[&x, &telegram]),
                (story("", &[]), &[], &[&x, &telegram]),
            ];
            for (scene, expected, refused) in cases {
                let plan = planned(&rules, "azernews", &scene, &["x", "telegram"]);
                assert_eq!((chosen(&plan), verdicts(&plan)), (strings(expected), strings(refused)), "{}", scene.title);
            }
        }

        #[test]
        fn a_condition_that_fails_asks_a_person() {
            let rules = [rule(&["azernews"], &["x"], Some(BROKEN)), rule(&["azernews"], &["x", "telegram"], None)];
            let plan = planned(&rules, "azernews", &story("(", &[]), &["x", "telegram"]);
            assert_eq!(chosen(&plan), ["x:1", "telegram:2"]);
            let hold = plan.chosen[0].hold.as_deref().unwrap_or_default();
            assert!(hold.starts_with("route 1: condition failed: "), "{hold}");
            assert_eq!(plan.chosen[1].hold, None);
        }

        #[test]
        fn approval_may_depend_on_the_article() {
            let careful = Rule {
                approve: Approve::When("'Court' in categories".to_owned()),
                ..rule(&["azernews"], &["x"], None)
            };
            for (categories, expected) in [(&["Court"][..], true), (&["Nation"], false), (&[], false)] {
                let plan = planned(std::slice::from_ref(&careful), "azernews", &story("Verdict", categories), &["x"]);
                assert_eq!((plan.chosen[0].needs_approval, &plan.chosen[0].hold), (expected, &None), "{categories:?}");
            }
            let broken = Rule { approve: Approve::When(BROKEN.to_owned()), ..careful };
            let plan = planned(&[broken], "azernews", &story("(", &[]), &["x"]);
            let hold = plan.chosen[0].hold.as_deref().unwrap_or_default();
            assert!(
                plan.chosen[0].needs_approval && hold.starts_with("route 1: condition of approve failed: "),
                "{hold}"
            );
        }

        #[test]
        fn a_condition_that_does_not_compile_names_its_key() {
            let when = rule(&["azernews"], &["x"], Some("title =="));
            assert_eq!(Route::compile(1, &when).map_err(|fault| fault.key).err(), Some("when"));
            let approve = Rule { approve: Approve::When("(".to_owned()), ..rule(&["azernews"], &["x"], None) };
            assert_eq!(Route::compile(1, &approve).map_err(|fault| fault.key).err(), Some("approve"));
        }
    }
}
