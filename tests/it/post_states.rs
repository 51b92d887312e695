//! `docs/post-states.md` and `src/model/post.rs` say the same: every method is tried on a post in every state and for
//! every reason to hold one, and the outcome is looked up in the page's table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bugle::model::id::WorkerId;
use bugle::model::post::{
    Actor, Approval, FailReason, HoldReason, InvalidTransition, Lease, Post, PostState, Rejection, SkipReason,
};
use bugle::model::receipt::{Known, Receipt};

use crate::store::{at, scheduled};

fn page() -> String {
    read("docs/post-states.md")
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// The rows of the table under that heading, its head first.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).expect("the page has the section");
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    section.lines().filter(|line| line.starts_with('|') && !line.starts_with("| ---")).map(cells).collect()
}

fn approval() -> Approval {
    Approval { by: Actor::Route, at: at(0), payload: None }
}

fn receipt() -> Receipt {
    Receipt { remote_id: None, url: None, parts: Vec::new(), at: at(0), how: Known::Answered }
}

fn reason() -> FailReason {
    FailReason { rejection: Rejection::Content, said: String::new() }
}

fn lease() -> Lease {
    Lease { owner: WorkerId::new("w"), fence: 1, until: at(90) }
}

type Arrow = fn(Post) -> Result<Post, InvalidTransition>;

/// Every method that moves a post.
const ARROWS: &[(&str, Arrow)] = &[
    ("approve", |post| post.approve(approval())),
    ("send_again", |post| post.send_again(approval())),
    ("hold", |post| post.hold(HoldReason::Stale, at(1))),
    ("skip", |post| post.skip(SkipReason::Expired, at(1))),
    ("claim", |post| post.claim(lease())),
    ("put_back", |post| post.put_back(None)),
    ("doubt", |post| post.doubt(at(1))),
    ("publish", |post| post.publish(receipt())),
    ("fail", |post| post.fail(reason(), at(1))),
    ("retract", |post| post.retract(Actor::Bugle, at(1))),
];

/// Every reason to hold a post.
fn reasons() -> Vec<HoldReason> {
    let text = String::new;
    let all = vec![
        HoldReason::Approval,
        HoldReason::Terms { why: text() },
        HoldReason::Flood { group: text(), evidence: text() },
        HoldReason::Stale,
        HoldReason::Person { by: text() },
        HoldReason::Doubt { evidence: text() },
        HoldReason::PartlyOut { said: text() },
        HoldReason::ChangedSinceApproved,
        HoldReason::Unfit { why: text() },
        HoldReason::SourceGone,
        HoldReason::Withheld { approval: approval() },
        HoldReason::Budget { said: text() },
        HoldReason::Restored,
    ];
    for reason in &all {
        // A new reason does not compile until it is named here; then it belongs in the list above too.
        match reason {
            HoldReason::Approval
            | HoldReason::Terms { .. }
            | HoldReason::Flood { .. }
            | HoldReason::Stale
            | HoldReason::Person { .. }
            | HoldReason::Doubt { .. }
            | HoldReason::PartlyOut { .. }
            | HoldReason::ChangedSinceApproved
            | HoldReason::Unfit { .. }
            | HoldReason::SourceGone
            | HoldReason::Withheld { .. }
            | HoldReason::Budget { .. }
            | HoldReason::Restored => {}
        }
    }
    all
}

/// Every state, held ones for every reason, each with its row of the table.
fn states(in_doubt: &BTreeSet<String>) -> Vec<(String, PostState)> {
    let mut all = vec![
        PostState::Scheduled { approval: approval(), retry: None },
        PostState::Publishing { lease: lease(), approval: approval() },
        PostState::Uncertain { since: at(0), approval: approval() },
        PostState::Published { receipt: receipt() },
        PostState::Failed { at: at(0), reason: reason() },
        PostState::Skipped { at: at(0), why: SkipReason::Backfill },
        PostState::Retracted { at: at(0), receipt: receipt(), by: Actor::Bugle },
    ];
    all.extend(reasons().into_iter().map(|why| PostState::Held { since: at(0), why }));
    let row = |state: PostState| {
        let row = match &state {
            PostState::Held { why, .. } if in_doubt.contains(&word(why)) => "held, in doubt".to_owned(),
            PostState::Held { .. }
            | PostState::Scheduled { .. }
            | PostState::Publishing { .. }
            | PostState::Uncertain { .. }
            | PostState::Published { .. }
            | PostState::Failed { .. }
            | PostState::Skipped { .. }
            | PostState::Retracted { .. } => state.word().to_owned(),
        };
        (row, state)
    };
    all.into_iter().map(row).collect()
}

/// The reason's word in the store.
fn word(why: &HoldReason) -> String {
    let stored = serde_json::to_value(why).expect("plain data");
    stored["as"].as_str().expect("the reason is tagged").to_owned()
}

/// The reasons that the page calls doubtful.
fn in_doubt(page: &str) -> BTreeSet<String> {
    let sentence = page.split("one of the reasons ").nth(1).and_then(|rest| rest.split(':').next());
    let sentence = sentence.expect("the page names the doubtful reasons");
    sentence.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_page_draws_every_arrow_of_the_code_and_no_other() {
    let page = page();
    let drawn = table(&page, "What leads where");
    let columns = &drawn[0][1..];
    assert_eq!(columns, ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
    let rows: BTreeMap<&str, &[String]> = drawn[1..].iter().map(|row| (row[0].as_str(), &row[1..])).collect();
    let states = states(&in_doubt(&page));
    let tried: BTreeSet<&str> = states.iter().map(|(row, _)| row.as_str()).collect();
    assert_eq!(rows.keys().copied().collect::<BTreeSet<_>>(), tried, "a row for every state");
    let mut faults = Vec::new();
    for (row, state) in &states {
        for (column, (name, arrow)) in ARROWS.iter().enumerate() {
            let mut post = scheduled("p", "a").post;
            post.state = state.clone();
            let before = post.clone();
            let led = match arrow(post) {
                Ok(after) => {
                    let same = Post { state: before.state.clone(), ..after.clone() };
                    assert_eq!(same, before, "{name}: an arrow changes nothing but the state");
                    after.state.word()
                }
                Err(InvalidTransition { from, .. }) => {
                    assert_eq!(from, before.state.word(), "{name}");
                    "–"
                }
            };
            let says = rows[row.as_str()][column].as_str();
            if says != led {
                faults.push(format!("{row} × {name}: the page says {says}, the code {led} ({state:?})"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_picture_shows_what_the_table_says() {
    let page = page();
    let drawn = table(&page, "What leads where");
    let mut expected = BTreeSet::new();
    for row in &drawn[1..] {
        let from = row[0].split(',').next().unwrap_or_default();
        for (name, to) in drawn[0].iter().zip(row).skip(1).filter(|(_, to)| *to != "–") {
            expected.insert((from.to_owned(), to.clone(), name.clone()));
        }
    }
    let mut shown = BTreeSet::new();
    for line in page.lines() {
        let Some((from, rest)) = line.trim().split_once(" --> ") else { continue };
        let (to, names) = rest.split_once(": ").expect("an arrow has its names");
        for name in names.split(", ") {
            shown.insert((from.to_owned(), to.to_owned(), name.to_owned()));
        }
    }
    assert_eq!(shown, expected);
}

#[test]
fn the_page_says_who_moves_each_arrow() {
    let named: Vec<String> = table(&page(), "Who moves it").into_iter().skip(1).map(|row| row[0].clone()).collect();
    assert_eq!(named, ARROWS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

/// A method that moves a post takes it and gives it back: each is tried above.
#[test]
fn every_method_that_moves_a_post_is_tried() {
    let code = read("src/model/post.rs");
    let moves: BTreeSet<&str> = code
        .split("pub fn ")
        .skip(1)
        .filter(|rest| rest.split('{').next().is_some_and(|head| head.contains("Result<Self, InvalidTransition>")))
        .filter_map(|rest| rest.split('(').next())
        .collect();
    assert_eq!(moves, ARROWS.iter().map(|(name, _)| *name).collect());
}
