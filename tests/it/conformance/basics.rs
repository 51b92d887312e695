//! What every platform must do when nothing goes wrong: publish, fill its limit, change and take down.

use bugle::model::post::{HoldReason, PostState};
use bugle::model::receipt::Op;
use bugle::platform::{Ids, Outgoing};
use bugle::text::rules::{FittedText, TextRules};

use super::stage::{Stage, link};
use super::stand::{Make, Proof};
use crate::fakes::fault::Fault;
use crate::store::commit;

pub async fn publishes(make: Make) {
    let mut stage = Stage::set(make).await;
    let identity = stage.identity().await;
    let said = identity.as_ref().map(|identity| identity.id.clone()).unwrap_or_default();
    assert!(!said.is_empty(), "the account has introduced itself, with an id: {identity:?}");
    assert_eq!(stage.channel.account.recovery(identity.as_ref()), stage.stand.recovery());
    for id in ["one", "two"] {
        stage.post(id).await;
        assert_eq!(stage.rest(id).await, "published", "{}", stage.story().await);
        let receipt = stage.receipt(id).await;
        let nameless = matches!(stage.stand.proof(), Proof::Word | Proof::Status);
        let named = receipt.remote_id.is_some() || nameless;
        assert!(named && receipt.parts.is_empty(), "{receipt:?}");
        stage.run_for(5).await;
    }
    let shown = stage.shown().await;
    assert_eq!(shown.len(), 2, "{shown:#?}");
    for (shown, id) in shown.iter().zip(["one", "two"]) {
        assert!(shown.text.contains(&format!("Story of {id}")) && shown.parent.is_none(), "{shown:?}");
        assert_eq!(shown.link, Some(link(id)), "{shown:?}");
    }
    if let Some(server) = stage.stand.server() {
        let ids: Vec<String> = server.ledger().entries().into_iter().map(|entry| entry.id).collect();
        if stage.stand.proof() == Proof::Id {
            let receipts = [stage.receipt("one").await, stage.receipt("two").await];
            for (receipt, id) in receipts.iter().zip(&ids) {
                let ours = receipt.remote_id.as_deref().unwrap_or_default();
                assert!(ours.contains(id.as_str()) || id.contains(ours), "{receipt:?} is not {id}");
            }
        }
    }
    stage.run_for(7200).await;
    assert_eq!(stage.shown().await.len(), 2, "and never again");
    assert_eq!(stage.notices().await, Vec::<String>::new());
}

pub async fn fills_its_limit_and_no_more(make: Make) {
    let mut stage = Stage::set(make).await;
    let texts = stage.stand.at_limit();
    assert!(!texts.is_empty());
    for (n, text) in texts.iter().enumerate() {
        let id = format!("full {n}");
        stage.post_of(&id, text).await;
        assert_eq!(stage.rest(&id).await, "published", "{}", stage.story().await);
        let shown = stage.shown().await;
        let newest = shown.last().expect("it is out");
        assert!(newest.text.contains(text.trim()), "the text is shown whole:\n{}\n{text}", newest.text);
    }
    for (n, text) in stage.stand.above_limit().iter().enumerate() {
        let (id, sends) = (format!("over {n}"), stage.sends());
        stage.post_of(&id, text).await;
        assert_eq!(stage.rest(&id).await, "held", "{}", stage.story().await);
        let HoldReason::Unfit { why } = stage.held(&id).await else { panic!("{}", stage.story().await) };
        assert!(!why.is_empty());
        assert_eq!(stage.sends(), sends, "refused before anything is sent");
        // The fake counts for itself: what would slip through here is refused there.
        if stage.stand.server().is_some() && stage.stand.counts() {
            let id = format!("slipped {n}");
            slip_through(&stage, &id, text).await;
            let shown = stage.shown().await.len();
            let state = stage.rest(&id).await;
            assert!(matches!(state, "failed" | "held"), "{state}: {}", stage.story().await);
            assert_eq!(stage.shown().await.len(), shown, "{}", stage.story().await);
            stage.reopen().await;
        }
    }
}

/// A post that is frozen already, with a text that nobody counted.
async fn slip_through(stage: &Stage, id: &str, text: &str) {
    let row = stage.post(id).await;
    let identity = stage.identity().await;
    let rules = stage.channel.account.rules(identity.as_ref());
    let rules = TextRules { limit: usize::MAX, bytes: None, ..rules };
    let outgoing = Outgoing {
        text: FittedText::new(text.to_owned(), rules).expect("without a limit it fits"),
        more: Vec::new(),
        link: link(id).parse().ok(),
        card: None,
        picture: None,
        further: Vec::new(),
        language: None,
        mentions: Vec::new(),
    };
    let created = row.post.created;
    let ids = Ids { seed: "5a".repeat(32), created, story: created, revision: 0 };
    match stage.channel.account.freeze(&outgoing, &ids) {
        Ok(payload) => {
            let mut next = row.clone();
            next.payload = Some(serde_json::to_string(&payload).expect("a payload is plain data"));
            next.payload_hash = Some(payload.hash());
            commit!(stage.store, |conn| {
                bugle::store::post::put(conn, &row, &next, created, &bugle::model::post::Actor::Bugle, "frozen").await
            })
            .expect("stored");
        }
        // The adapter counts as well; then nothing can slip through.
        Err(_) => {
            let mut next = row.clone();
            next.post =
                row.post.clone().hold(HoldReason::Unfit { why: "refused".to_owned() }, created).expect("it waits");
            commit!(stage.store, |conn| {
                bugle::store::post::put(conn, &row, &next, created, &bugle::model::post::Actor::Bugle, "refused").await
            })
            .expect("stored");
        }
    }
}

pub async fn is_changed_where_readers_see_it(make: Make) {
    const NEW: &str = "Corrected https://news.example/p";
    let faults = |stage: &Stage| match stage.stand.server() {
        None => vec![None],
        Some(_) => vec![None, Some(Fault::ResetBefore), Some(Fault::ResetAfter), Some(Fault::status_after(502))],
    };
    let stage = Stage::set(make).await;
    let faults = if stage.can(Op::Edit) { faults(&stage) } else { vec![None] };
    drop(stage);
    for fault in faults {
        let mut stage = Stage::set(make).await;
        stage.post("p").await;
        assert_eq!(stage.rest("p").await, "published", "{}", stage.story().await);
        let before = stage.requests();
        if !stage.can(Op::Edit) {
            let asked = stage.edit("p", NEW).await;
            is_refused(&mut stage, asked.is_ok(), "post.p.edit", before).await;
            continue;
        }
        if let Some(fault) = fault.clone() {
            stage.strike(stage.stand.ends().edit, fault);
        }
        stage.edit("p", NEW).await.expect("it can be changed");
        stage.run_for(1200).await;
        let visible = stage.visible().await;
        assert_eq!(visible.len(), 1, "{fault:?} {}", stage.story().await);
        assert!(visible[0].text.contains("Corrected"), "{fault:?} {}", stage.story().await);
        assert!(!visible[0].text.contains("Story of p"), "{fault:?} {visible:?}");
        assert_eq!(stage.shown().await.len(), 1, "{fault:?}: nothing new appears");
        let row = stage.row("p").await;
        assert_eq!((row.post.state.word(), row.post.text.as_deref()), ("published", Some(NEW)), "{fault:?}");
        assert_eq!(stage.notices().await, Vec::<String>::new(), "{fault:?} {}", stage.story().await);
    }
}

/// What cannot be done there is refused at once, or asked for and then told as failed; nothing is sent either way.
async fn is_refused(stage: &mut Stage, asked: bool, notice: &str, before: usize) {
    stage.run_for(600).await;
    let notices: Vec<&str> = if asked { vec![notice] } else { Vec::new() };
    assert_eq!(stage.notices().await, notices, "{}", stage.story().await);
    assert_eq!((stage.requests(), stage.visible().await.len()), (before, 1), "{}", stage.story().await);
    assert_eq!(stage.state("p").await, "published");
}

pub async fn is_taken_down_once(make: Make) {
    let stage = Stage::set(make).await;
    let (deletes, wired) = (stage.can(Op::Delete), stage.stand.server().is_some());
    drop(stage);
    let faults = match (deletes, wired) {
        (true, true) => {
            vec![None, Some(Fault::ResetBefore), Some(Fault::ResetAfter), Some(Fault::status_after(502))]
        }
        _ => vec![None],
    };
    for fault in faults {
        let mut stage = Stage::set(make).await;
        stage.post("p").await;
        assert_eq!(stage.rest("p").await, "published", "{}", stage.story().await);
        let before = stage.requests();
        if !deletes {
            let asked = stage.retract("p").await;
            is_refused(&mut stage, asked.is_ok(), "post.p.delete", before).await;
            continue;
        }
        if let Some(fault) = fault.clone() {
            stage.strike(stage.stand.ends().delete, fault);
        }
        stage.retract("p").await.expect("it can be taken down");
        // After a lost answer it is asked for again, and what is down already is down.
        stage.run_for(1200).await;
        assert_eq!(stage.visible().await, [], "{fault:?} {}", stage.story().await);
        assert_eq!(stage.state("p").await, "retracted", "{fault:?} {}", stage.story().await);
        assert!(matches!(stage.row("p").await.post.state, PostState::Retracted { .. }));
        assert_eq!(stage.notices().await, Vec::<String>::new(), "{fault:?}");
        // It goes out no second time.
        stage.run_for(7200).await;
        assert_eq!(stage.visible().await, [], "{fault:?}");
    }
}
