//! Posts in the store: the queue's order, writes over somebody else's change, and the claim that only one may win.

use std::sync::Arc;
use std::time::Duration;

use bugle::clock::{Clock as _, FakeClock};
use bugle::model::article::Entry;
use bugle::model::id::WorkerId;
use bugle::model::picture::{Chosen, Which};
use bugle::model::post::{Actor, HoldReason, Lease, Occasion, PostState, SkipReason, Urgency};
use bugle::model::receipt::{Known, Op, Receipt};
use bugle::platform::{ONLY, Payload, Planned};
use bugle::publish::claim::{self, Claimed, Wish};
use bugle::schedule::Policy;
use bugle::store::post::{PostRow, Undo};
use bugle::store::{StoreError, article, audit, channel, post};
use jiff::tz::TimeZone;

use super::{Place, add, approval, at, commit, odd, on_both, one, put, scheduled};

on_both!(
    a_post_comes_back_as_it_was,
    one_post_a_story_channel_and_occasion,
    somebody_elses_change_is_never_written_over,
    the_queue_is_by_urgency_then_due_then_id,
    what_is_asked_of_the_queue,
    posts_of_forgotten_articles_go_when_they_are_settled,
    a_row_that_makes_no_sense_is_an_error,
    of_eight_claims_one_wins,
);

fn receipt() -> Receipt {
    Receipt { remote_id: Some(odd()), url: None, parts: vec![odd(), String::new()], at: at(3), how: Known::Found }
}

fn states() -> Vec<PostState> {
    let lease = Lease { owner: WorkerId::new(odd()), fence: 7, until: at(90) };
    vec![
        PostState::Held { since: at(1), why: HoldReason::Doubt { evidence: odd() } },
        PostState::Scheduled { approval: approval(), retry: Some(odd()) },
        PostState::Publishing { lease, approval: approval() },
        PostState::Uncertain { since: at(2), approval: approval() },
        PostState::Published { receipt: receipt() },
        PostState::Failed {
            at: at(1),
            reason: bugle::model::post::FailReason { rejection: bugle::model::post::Rejection::Media, said: odd() },
        },
        PostState::Skipped { at: at(1), why: SkipReason::Person { by: odd() } },
        PostState::Retracted { at: at(1), receipt: receipt(), by: Actor::Person(odd()) },
    ]
}

async fn a_post_comes_back_as_it_was(place: Place) {
    let store = place.open().await;
    let bare = scheduled("bare", "a");
    assert_eq!(add(&store, bare.clone()).await.post, bare.post);

    let mut full = scheduled("full", &odd());
    full.post.channel = odd().as_str().into();
    full.post.occasion = Occasion::ByHand(odd());
    full.post.template = odd();
    full.post.urgency = Urgency::Evergreen;
    full.post.expires = Some(at(60));
    full.post.attempts = u16::MAX;
    full.post.route = u32::MAX;
    full.post.text = Some(odd());
    full.post.picture = Chosen {
        which: Some(Which::Photo { url: "https://news.example/a.jpg?x='\"".parse().expect("a URL") }),
        alt: Some(odd()),
    };
    full.undo = Some(Undo {
        at: at(1),
        until: at(11),
        state: PostState::Held { since: at(0), why: HoldReason::Person { by: odd() } },
        due: at(-5),
        expires: Some(at(60)),
        urgency: Urgency::Normal,
    });
    full.payload = Some(odd());
    full.payload_hash = Some(odd());
    full.revision = u16::MAX;
    let mut row = add(&store, full.clone()).await;
    assert_eq!((&row.post, &row.payload, row.revision), (&full.post, &full.payload, full.revision));
    assert_eq!(row.undo, full.undo);
    // What a person decided about it is written over, and what they took back is gone.
    let mut next = row.clone();
    (next.post.picture, next.post.urgency, next.undo) = (Chosen::default(), Urgency::Breaking, None);
    let written = put(&store, &row, next.clone()).await.expect("nobody changed it");
    assert_eq!((&written.post, &one(&store, "full").await), (&next.post, &written));
    assert_eq!(written.undo, None);
    row = written;
    for state in states() {
        let mut next = row.clone();
        next.post.state = state;
        next.fence += 1;
        next.sent = next.sent.is_none().then(|| at(5));
        next.next_look = next.next_look.is_none().then(|| at(6));
        next.looks += 1;
        next.resends += 2;
        next.verify = !next.verify;
        let stored = put(&store, &row, next.clone()).await.unwrap();
        row = one(&store, "full").await;
        assert_eq!(row, stored, "what the write gave is what is stored");
        assert_eq!(row.post, next.post);
        let (a, b) = ((row.fence, row.sent, row.looks), (next.fence, next.sent, next.looks));
        assert_eq!((a, row.next_look, row.resends, row.verify), (b, next.next_look, next.resends, next.verify));
    }
    let mut conn = store.read().await.unwrap();
    assert_eq!(post::one(&mut conn, "none").await.unwrap(), None);
    let log = audit::of(&mut conn, "full").await.unwrap();
    assert_eq!(log.len(), 1 + states().len(), "each change of state is audited");
    assert!(log.windows(2).all(|two| two[0].to == two[1].from), "{log:?}");
}

async fn one_post_a_story_channel_and_occasion(place: Place) {
    let store = place.open().await;
    let insert = async |row: PostRow| {
        commit!(store, |conn| post::insert(conn, &row, at(0), &Actor::Route, "planned").await).unwrap()
    };
    assert!(insert(scheduled("1", "a")).await);
    assert!(!insert(scheduled("2", "a")).await, "the story has its post there");
    assert!(insert(scheduled("3", "b")).await, "another story");
    let mut elsewhere = scheduled("4", "a");
    elsewhere.post.channel = "other".into();
    assert!(insert(elsewhere).await, "another channel");
    let mut by_hand = scheduled("5", "a");
    by_hand.post.occasion = Occasion::ByHand("x".to_owned());
    assert!(insert(by_hand).await, "another occasion");
    let mut conn = store.read().await.unwrap();
    assert_eq!(post::one(&mut conn, "2").await.unwrap(), None);
    assert!(audit::of(&mut conn, "2").await.unwrap().is_empty(), "what was not stored is not audited");
}

async fn somebody_elses_change_is_never_written_over(place: Place) {
    let store = place.open().await;
    let row = add(&store, scheduled("p", "a")).await;
    let mut mine = row.clone();
    mine.post.text = Some("mine".to_owned());
    let mut theirs = row.clone();
    theirs.post.text = Some("theirs".to_owned());
    put(&store, &row, theirs).await.unwrap();
    assert!(matches!(put(&store, &row, mine).await, Err(StoreError::Conflict(_))));
    assert_eq!(one(&store, "p").await.post.text.as_deref(), Some("theirs"));
    let gone = scheduled("gone", "b");
    assert!(matches!(put(&store, &gone, gone.clone()).await, Err(StoreError::Conflict(_))));
}

async fn the_queue_is_by_urgency_then_due_then_id(place: Place) {
    let store = place.open().await;
    let mut expected = Vec::new();
    for (id, urgency, due) in [
        ("4", Urgency::Breaking, -1),
        ("6", Urgency::Breaking, 0),
        ("2", Urgency::Normal, -5),
        ("3", Urgency::Normal, -5),
        ("1", Urgency::Normal, -4),
        ("0", Urgency::Evergreen, -99),
    ] {
        let mut row = scheduled(id, id);
        (row.post.urgency, row.post.due) = (urgency, at(due));
        add(&store, row).await;
        expected.push(id);
    }
    let mut later = scheduled("7", "7");
    (later.post.urgency, later.post.due) = (Urgency::Breaking, at(1));
    add(&store, later).await;
    let mut elsewhere = scheduled("8", "8");
    elsewhere.post.channel = "other".into();
    elsewhere.post.urgency = Urgency::Breaking;
    add(&store, elsewhere).await;
    let mut order = Vec::new();
    loop {
        let mut conn = store.read().await.unwrap();
        let Some(row) = post::candidate(&mut conn, "main", at(0)).await.unwrap() else { break };
        drop(conn);
        order.push(row.id().to_owned());
        let mut next = row.clone();
        next.post.state = PostState::Published { receipt: receipt() };
        put(&store, &row, next).await.unwrap();
    }
    assert_eq!(order, expected, "and the one due later is not offered");
}

async fn what_is_asked_of_the_queue(place: Place) {
    let store = place.open().await;
    for (n, state) in states().into_iter().enumerate() {
        let mut row = scheduled(&format!("p{n}"), &format!("a{n}"));
        row.post.state = state;
        row.post.due = at(10 + i64::try_from(n).unwrap());
        row.post.expires = Some(at(100));
        let stored = add(&store, row).await;
        let mut next = stored.clone();
        next.sent = Some(at(i64::try_from(n).unwrap()));
        next.next_look = (n == 3).then(|| at(5));
        put(&store, &stored, next).await.unwrap();
    }
    let mut brought = super::article("a1");
    brought.entry = Entry::default();
    commit!(store, |conn| article::insert(conn, &brought, "h", "t", &[]).await).unwrap();

    let ids = |rows: Vec<PostRow>| rows.iter().map(|row| row.id().to_owned()).collect::<Vec<_>>();
    let mut conn = store.read().await.unwrap();
    let conn = &mut *conn;
    assert_eq!(
        post::next_work(conn, "main", at(0), false).await.unwrap(),
        Some(at(5)),
        "the look comes before the post is due"
    );
    assert_eq!(post::next_work(conn, "nobody", at(0), false).await.unwrap(), None);
    assert_eq!(post::to_look_up(conn, "main", at(4)).await.unwrap(), None);
    assert_eq!(post::to_look_up(conn, "main", at(5)).await.unwrap().unwrap().id(), "p3");
    assert_eq!(ids(post::list(conn, &[], None, 100).await.unwrap()).len(), 8);
    assert_eq!(ids(post::list(conn, &[], Some("main"), 2).await.unwrap()), ["p0", "p1"]);
    assert_eq!(ids(post::list(conn, &[], Some("nobody"), 9).await.unwrap()), [""; 0]);
    assert_eq!(
        ids(post::list(conn, &["published", "held"], None, 9).await.unwrap()),
        ["p0", "p4"],
        "the waiting first"
    );
    assert_eq!(ids(post::of_article(conn, "a2").await.unwrap()), ["p2"]);
    assert_eq!(
        post::sent_since(conn, "main", at(5)).await.unwrap(),
        [at(7), at(6)],
        "newest first, the border excluded"
    );
    assert_eq!(post::count(conn, "main", "held").await.unwrap(), 1);
    assert_eq!(post::count(conn, "main", "none").await.unwrap(), 0);
    assert_eq!(post::counts(conn).await.unwrap().len(), 8);
    assert!(post::counts(conn).await.unwrap().contains(&("main".to_owned(), "uncertain".to_owned(), 1)));
    assert_eq!(ids(post::expired(conn, at(100)).await.unwrap()).len(), 3, "held, scheduled and uncertain");
    assert_eq!(post::expired(conn, at(99)).await.unwrap(), []);
    assert_eq!(ids(post::overdue(conn, "main", at(12)).await.unwrap()), ["p1"]);
    assert_eq!(post::overdue(conn, "main", at(11)).await.unwrap(), [], "due then is not before then");
    assert_eq!(ids(post::unsent_of_source(conn, "wire").await.unwrap()), ["p1"]);
    let stale = one(&store, "p1").await;
    assert_eq!(commit!(store, |conn| post::verify_all(conn).await).unwrap(), 5, "scheduled, held and failed ones");
    assert!(one(&store, "p1").await.verify);
    let over = put(&store, &stale, stale.clone()).await;
    assert!(matches!(over, Err(StoreError::Conflict(_))), "the mark is a change too: {over:?}");
}

async fn posts_of_forgotten_articles_go_when_they_are_settled(place: Place) {
    let store = place.open().await;
    for (n, state) in states().into_iter().enumerate() {
        for (kind, known) in [("kept", true), ("gone", false)] {
            let id = format!("{kind}{n}");
            let mut row = scheduled(&id, &id);
            row.post.state = state.clone();
            add(&store, row).await;
            if known {
                let row = super::article(&id);
                commit!(store, |conn| article::insert(conn, &row, "h", "t", &[]).await).unwrap();
            }
        }
    }
    assert_eq!(commit!(store, |conn| post::forget(conn, at(0)).await).unwrap(), 0, "changed then is not before then");
    assert_eq!(commit!(store, |conn| post::forget(conn, at(1)).await).unwrap(), 4);
    let mut conn = store.read().await.unwrap();
    let left = post::list(&mut conn, &[], None, 100).await.unwrap();
    let mut gone: Vec<&str> =
        left.iter().filter(|row| row.id().starts_with("gone")).map(|row| row.post.state.word()).collect();
    gone.sort_unstable();
    assert_eq!(gone, ["held", "publishing", "scheduled", "uncertain"], "what still waits stays");
    assert_eq!(left.len(), 12);
}

async fn a_row_that_makes_no_sense_is_an_error(place: Place) {
    let store = place.open().await;
    for (id, column, value) in [
        ("1", "state", "'held'"),
        ("2", "data", "'{'"),
        ("3", "occasion", "'twice'"),
        ("4", "urgency", "9"),
        ("5", "attempts", "70000"),
    ] {
        add(&store, scheduled(id, id)).await;
        let sql = sqlx::AssertSqlSafe(format!("UPDATE post SET {column} = {value} WHERE id = '{id}'"));
        commit!(store, |conn| Ok(sqlx::query(sql).execute(conn).await?)).unwrap();
        let mut conn = store.read().await.unwrap();
        match post::one(&mut conn, id).await {
            Err(StoreError::Corrupt { table: "post", column: said, id: named, .. }) => {
                assert_eq!((said, named.as_str()), (column, id));
            }
            other => panic!("{column}: {other:?}"),
        }
    }
}

async fn of_eight_claims_one_wins(place: Place) {
    let (one_process, another) = (place.open().await, place.open().await);
    commit!(one_process, |conn| channel::ensure(conn, "main", "x", at(0)).await).unwrap();
    let row = add(&one_process, scheduled("p", "a")).await;
    let clock = FakeClock::at(at(0));
    let mono = clock.monotonic();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..8 {
        let store = if n % 2 == 0 { one_process.clone() } else { another.clone() };
        let wish = Wish {
            bill: None,
            budget: None,
            spare: None,
            row: row.clone(),
            payload: payload("the text"),
            short: None,
            channel: "main".to_owned(),
            scopes: Vec::new(),
            policy: Arc::new(Policy::default()),
            zone: TimeZone::UTC,
            strict_order: false,
            worker: WorkerId::new(format!("worker {n}")),
            now: at(0),
            mono,
            deadline: Duration::from_secs(25),
            scale: 1.0,
            repeat: false,
            reachable: true,
            clock_ahead: None,
        };
        tasks.spawn(async move { commit!(store, |conn| claim::take(conn, wish).await) });
    }
    let all = tasks.join_all().await;
    let won = all.iter().filter(|claimed| matches!(claimed, Ok(Claimed::Go(_)))).count();
    let lost = all.iter().filter(|claimed| matches!(claimed, Ok(Claimed::Wait { .. } | Claimed::Moved))).count();
    assert_eq!((won, lost), (1, 7), "{all:#?}");
    let mut conn = one_process.read().await.unwrap();
    assert_eq!(channel::one(&mut conn, "main").await.unwrap().unwrap().fence, 8, "each claim made the fence grow");
    let begun = bugle::store::attempt::of(&mut conn, "p").await.unwrap();
    assert_eq!(begun.len(), 1, "one attempt is begun");
    let claimed = post::one(&mut conn, "p").await.unwrap().unwrap();
    let PostState::Publishing { lease, .. } = &claimed.post.state else { panic!("{:?}", claimed.post.state) };
    assert_eq!((lease.fence, lease.owner.as_str()), (claimed.fence, begun[0].owner.as_str()));
    assert_eq!((begun[0].attempt.fence, begun[0].attempt.step.op), (claimed.fence, Op::Create));
    assert_eq!(claimed.payload_hash, Some(payload("the text").hash()));
    assert_eq!(lease.until, at(90), "three deadlines and 15 seconds");
}

fn payload(text: &str) -> Payload {
    Payload {
        format: 1,
        revision: 0,
        key: "key".to_owned(),
        steps: vec![Planned { step: ONLY, body: text.to_owned() }],
        text: text.to_owned(),
        link: None,
    }
}
