//! Tokens that run out, on the stage: renewed once whoever asks for it, repeated once where the answer was lost, never
//! looped; a dead one stops its channel only, and warnings come once each.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use bugle::engine::{Setup, tokens as loop_of_tokens};
use bugle::model::channel::Block;
use bugle::model::grant::{Credential, Grant};
use bugle::model::notice::Level;
use bugle::model::receipt::Outcome;
use bugle::platform::consent::RenewError;
use bugle::platform::{ConnectError, Context, Identity, Keep as _, NoMeter, PublishError};
use bugle::publish::ports::{SealedKeep, StoreWall};
use bugle::publish::renew::{Renewed, renew};
use bugle::publish::{Channel, House};
use bugle::store::amend::{self, AmendRow};
use bugle::store::token::{self, State};
use bugle::store::{channel, notice};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;

use super::{Call, FIRST, Set, Stage, lost, me, says};
use crate::store::{Place, at, commit};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn grant(n: u32, issued: Timestamp, lives: i64) -> Grant {
    Grant {
        refresh: Some(SecretString::from(format!("refresh-token-{n}"))),
        issued: Some(issued),
        expires: Some(issued + SignedDuration::from_secs(lives)),
        ..Grant::of(SecretString::from(format!("access-token-{n}")))
    }
}

/// The next grants, each given two hours before its end.
fn pair(n: u32, stage: &Stage) -> Result<Grant, RenewError> {
    use bugle::clock::Clock as _;
    Ok(grant(n, stage.clock.now(), 2 * HOUR))
}

fn keep(house: &House) -> SealedKeep {
    SealedKeep {
        store: house.store.clone(),
        vault: house.vault.clone(),
        channel: "main".to_owned(),
        clock: house.clock.clone(),
    }
}

/// Connected at noon, with a token for two hours.
async fn connected() -> Stage {
    on(Place::sqlite()).await
}

async fn on(place: Place) -> Stage {
    let mut stage = Stage::on(place, Set { consents: true, ..Set::default() }).await;
    connect(&stage, &grant(1, at(0), 2 * HOUR)).await;
    stage.settle().await;
    assert_eq!(stage.channel_row().await.blocked, None);
    stage.platform.only(&["access-token-1"]);
    stage
}

async fn connect(stage: &Stage, grant: &Grant) {
    keep(&stage.house).put(Grant::WORD, &grant.written()).await.unwrap();
}

async fn kept(stage: &Stage) -> String {
    let text = keep(&stage.house).get(Grant::WORD).await.unwrap().expect("a grant is kept");
    Grant::read(&text).expect("it can be read").access.expose_secret().to_owned()
}

async fn state(stage: &Stage) -> State {
    let mut conn = stage.store.read().await.unwrap();
    token::one(&mut conn, "main").await.unwrap().expect("a row").state
}

/// What a process does about a grant: because its token was refused, or because its time has come.
async fn renews(stage: &Stage, house: &House, refused: Option<&str>) -> Renewed {
    let (keep, credential) = (keep(house), Credential::default());
    let wall = StoreWall { store: house.store.clone(), channel: "main".to_owned(), clock: house.clock.clone() };
    let cx = Context {
        http: &house.http,
        credential: &credential,
        keep: &keep,
        wall: &wall,
        studio: &house.studio,
        clock: &*house.clock,
        scale: house.scale,
        identity: None,
        meter: &NoMeter,
    };
    renew(house, &stage.channel, &cx, refused.map(SecretString::from).as_ref()).await.unwrap()
}

fn setup(stage: &Stage) -> Arc<Setup> {
    Arc::new(Setup {
        house: stage.house.clone(),
        sources: Vec::new(),
        channels: vec![stage.channel.clone()],
        routes: Vec::new(),
        keep: SignedDuration::from_hours(400 * 24),
        gather: Arc::default(),
        notify: None,
        push: None,
        changed: Arc::new(tokio::sync::watch::channel(0).0),
        tick: Arc::new(AtomicI64::new(0)),
    })
}

/// One round of the engine's loop, some seconds after noon.
async fn round(stage: &Stage, seconds: i64) {
    stage.clock.set(at(seconds));
    loop_of_tokens::round(&setup(stage), at(0), &CancellationToken::new()).await.unwrap();
}

#[tokio::test]
async fn a_token_that_runs_out_in_flight_is_renewed_and_the_post_goes_out_once() {
    let mut stage = connected().await;
    stage.post("p").await;
    stage.platform.only(&["access-token-2"]);
    stage.platform.renewals([pair(2, &stage)]);
    stage.settle().await;
    assert_eq!((stage.state("p").await, kept(&stage).await.as_str()), ("published", "access-token-2"));
    assert_eq!(stage.platform.traded(), ["refresh-token-1"]);
    // Refused, then done: two attempts at the one step, and the first is certainly not out.
    let attempts = stage.attempts("p").await;
    let words: Vec<_> = attempts.iter().map(|it| it.attempt.outcome.as_ref().map(std::mem::discriminant)).collect();
    assert_eq!(words.len(), 2);
    assert!(matches!(&attempts[0].attempt.outcome, Some(Outcome::Not { class, .. }) if class == "auth"));
    assert!(matches!(&attempts[1].attempt.outcome, Some(Outcome::Done { .. })));
    assert_eq!(stage.channel_row().await.blocked, None);
}

#[tokio::test]
async fn a_renewed_token_that_is_refused_too_blocks_without_a_second_renewal() {
    let mut stage = connected().await;
    stage.post("p").await;
    stage.platform.only(&["access-token-9"]);
    stage.platform.renewals([pair(2, &stage), pair(3, &stage)]);
    stage.run_until(3_600).await;
    assert_eq!(stage.platform.traded(), ["refresh-token-1"], "one renewal, one repeat");
    let Some(Block::Token { said }) = stage.channel_row().await.blocked else { panic!("it is blocked") };
    assert!(!said.contains("access-token"), "the platform's words hold the token: {said}");
    assert_eq!(stage.state("p").await, "scheduled", "its queue is kept");
}

#[tokio::test]
async fn a_spent_grant_blocks_and_signing_in_again_goes_on_with_the_queue() {
    let mut stage = connected().await;
    stage.post("p").await;
    stage.post("q").await;
    stage.platform.only(&["access-token-7"]);
    stage.run_until(2 * HOUR).await;
    assert_eq!(stage.platform.traded(), ["refresh-token-1"], "never a loop");
    let told = {
        let mut conn = stage.store.read().await.unwrap();
        notice::all(&mut conn).await.unwrap()
    };
    let told = told.iter().find(|it| it.key == "channel.main.blocked").expect("a person is told");
    assert!(told.text.contains("bugle connect main"), "{}", told.text);
    assert!(!told.text.contains("access-token"), "{}", told.text);
    assert_eq!((stage.state("p").await, stage.state("q").await), ("scheduled", "scheduled"));
    // As `bugle connect` leaves it.
    connect(&stage, &grant(7, at(2 * HOUR), 2 * HOUR)).await;
    commit!(stage.store, |conn| channel::set_blocked(conn, "main", None, at(2 * HOUR)).await).unwrap();
    stage.run_until(2 * HOUR + 60).await;
    round(&stage, 2 * HOUR + 61).await;
    let states = [stage.state("p").await, stage.state("q").await];
    // News that is two hours late goes to a person, as after any block.
    assert!(states.iter().all(|state| *state == "published" || *state == "held"), "{states:?}");
    assert_eq!(stage.platform.traded(), ["refresh-token-1"]);
    assert!(!stage.notices().await.contains(&says(Level::Alarm, "channel.main.blocked")), "settled");
}

#[tokio::test]
async fn a_short_block_delays_the_queue_and_loses_nothing() {
    let mut stage = connected().await;
    stage.post("p").await;
    stage.platform.only(&["access-token-7"]);
    stage.run_until(60).await;
    assert!(stage.channel_row().await.blocked.is_some());
    stage.post("q").await;
    connect(&stage, &grant(7, at(60), 2 * HOUR)).await;
    commit!(stage.store, |conn| channel::set_blocked(conn, "main", None, at(60)).await).unwrap();
    stage.run_until(120).await;
    assert_eq!((stage.state("p").await, stage.state("q").await), ("published", "published"));
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_once_more_and_no_further() {
    let gone = || Err(RenewError::Lost("reset".to_owned()));
    for (name, answers, expected, asked, state_after) in [
        ("the repeat answers", vec![gone(), Ok(2)], Renewed::Fresh, 2, State::Fresh),
        ("the repeat is lost too", vec![gone(), gone(), Ok(2)], Renewed::Dead(String::new()), 2, State::Lost),
        (
            "the first one was carried out",
            vec![gone(), Err(RenewError::Spent("400: invalid_grant".to_owned())), Ok(2)],
            Renewed::Dead(String::new()),
            2,
            State::Spent,
        ),
    ] {
        let stage = connected().await;
        stage.platform.renewals(answers.into_iter().map(|it| it.and_then(|n| pair(n, &stage))));
        for _ in 0..3 {
            let came = renews(&stage, &stage.house, Some("access-token-1")).await;
            assert_eq!(std::mem::discriminant(&came), std::mem::discriminant(&expected), "{name}: {came:?}");
        }
        assert_eq!(stage.platform.traded().len(), asked, "{name}: never a third time");
        assert_eq!(state(&stage).await, state_after, "{name}");
        let token = if expected == Renewed::Fresh { "access-token-2" } else { "access-token-1" };
        assert_eq!(kept(&stage).await, token, "{name}: the old pair is kept until the new one is there");
    }
}

#[tokio::test]
async fn what_was_certainly_not_carried_out_is_tried_again_later() {
    let mut stage = connected().await;
    stage.post("p").await;
    stage.platform.only(&["access-token-2"]);
    stage.platform.renewals([Err(RenewError::Later("refused".to_owned())), pair(2, &stage)]);
    stage.settle().await;
    assert_eq!((stage.state("p").await, stage.channel_row().await.blocked), ("scheduled", None));
    stage.run_until(40).await;
    assert_eq!(stage.platform.traded().len(), 1, "not before its time");
    stage.run_until(1_200).await;
    assert_eq!((stage.state("p").await, stage.platform.traded().len()), ("published", 2));
}

/// Two processes on one store, at the same moment, each because its own call was refused.
async fn two_at_once(place: Place) {
    let stage = on(place).await;
    let other = stage.replica().await;
    let (entered, go) = stage.platform.renewal_gate();
    stage.platform.renewals([pair(2, &stage)]);
    let both = async {
        let first = renews(&stage, &stage.house, Some("access-token-1"));
        let second = renews(&stage, &other, Some("access-token-1"));
        tokio::join!(first, second)
    };
    let let_go = async {
        entered.await.unwrap();
        // The other one has asked, and waits.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        go.send(()).unwrap();
    };
    let (came, ()) = tokio::join!(both, let_go);
    assert_eq!(came, (Renewed::Fresh, Renewed::Fresh));
    assert_eq!(stage.platform.traded(), ["refresh-token-1"], "one refresh");
    assert_eq!(kept(&stage).await, "access-token-2");
    // And whoever comes late with the old token finds the new one there.
    assert_eq!(renews(&stage, &other, Some("access-token-1")).await, Renewed::Fresh);
    assert_eq!(stage.platform.traded().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_renew_once() {
    two_at_once(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_on_postgres_renew_once() {
    two_at_once(Place::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_replicas_on_postgres_renew_once() {
    let stage = on(Place::postgres().await).await;
    stage.platform.renewals([pair(2, &stage)]);
    let mut houses = Vec::new();
    for _ in 0..4 {
        houses.push(stage.replica().await);
    }
    let all = houses.iter().map(|house| renews(&stage, house, Some("access-token-1")));
    let came = futures_util::future::join_all(all).await;
    assert!(came.iter().all(|it| *it == Renewed::Fresh), "{came:?}");
    assert_eq!(stage.platform.traded(), ["refresh-token-1"]);
}

/// Killed after the platform has traded the pair, before the new one is committed: the rotation is lost. The next process
/// repeats once, the platform knows the pair for spent, and a person has to sign in: the queue waits for that.
#[tokio::test]
async fn a_process_that_ends_between_answer_and_commit_costs_a_sign_in_and_no_loop() {
    let mut stage = connected().await;
    stage.post("p").await;
    let (entered, go) = stage.platform.renewal_gate();
    {
        let renewing = renews(&stage, &stage.house, Some("access-token-1"));
        tokio::select! {
            _ = renewing => panic!("it waits at the gate"),
            _ = entered => {}
        }
    }
    drop(go);
    assert_eq!(state(&stage).await, State::Asked);
    stage.platform.only(&["access-token-2"]);
    // The next process may not ask as long as the first could still be at it.
    let next = stage.replica().await;
    stage.clock.set(at(200));
    assert!(matches!(renews(&stage, &next, Some("access-token-1")).await, Renewed::Dead(_)));
    assert_eq!(stage.platform.traded(), ["refresh-token-1", "refresh-token-1"], "one repeat");
    assert_eq!(state(&stage).await, State::Spent);
    stage.run_until(900).await;
    assert_eq!(stage.platform.traded().len(), 2, "and never again");
    assert!(matches!(stage.channel_row().await.blocked, Some(Block::Token { .. })));
    assert_eq!(stage.state("p").await, "scheduled");
}

#[tokio::test]
async fn a_grant_that_a_person_gave_meanwhile_is_not_written_over() {
    let stage = connected().await;
    let (entered, go) = stage.platform.renewal_gate();
    stage.platform.renewals([pair(2, &stage)]);
    let renewing = renews(&stage, &stage.house, Some("access-token-1"));
    let person = async {
        entered.await.unwrap();
        stage.clock.set(at(1));
        connect(&stage, &grant(5, at(1), 2 * HOUR)).await;
        go.send(()).unwrap();
    };
    let (came, ()) = tokio::join!(renewing, person);
    assert_eq!((came, kept(&stage).await.as_str()), (Renewed::Fresh, "access-token-5"));
}

#[tokio::test]
async fn a_look_up_and_a_change_renew_as_well_and_else_block() {
    // A look-up.
    let mut stage = connected().await;
    stage.post("p").await;
    stage.platform.answers(FIRST, [Err(lost())]);
    stage.settle_once().await;
    stage.platform.only(&["access-token-2"]);
    stage.platform.renewals([pair(2, &stage)]);
    stage.platform.finds([Ok(super::found("there"))]);
    stage.run_until(120).await;
    assert_eq!((stage.state("p").await, stage.platform.traded().len()), ("published", 1));

    // A change to what is out; without a grant that can be renewed it waits behind the block.
    let take_down = AmendRow {
        id: "w".to_owned(),
        post: "p".to_owned(),
        channel: "main".to_owned(),
        op: "delete".to_owned(),
        payload: None,
        by_whom: "ada".to_owned(),
        at: at(120),
        due: at(120),
        tries: 0,
        state: "asked".to_owned(),
        said: None,
    };
    commit!(stage.store, |conn| amend::ask(conn, &take_down).await).unwrap();
    stage.clock.set(at(900));
    stage.platform.only(&["access-token-7"]);
    stage.run_until(901).await;
    assert!(matches!(stage.channel_row().await.blocked, Some(Block::Token { .. })));
    assert_eq!(stage.state("p").await, "published");
    connect(&stage, &grant(7, at(901), 2 * HOUR)).await;
    commit!(stage.store, |conn| channel::set_blocked(conn, "main", None, at(901)).await).unwrap();
    stage.run_until(2_000).await;
    assert_eq!(stage.state("p").await, "retracted", "carried out once it has a token again");

    // A look-up whose grant is spent.
    let mut stage = connected().await;
    stage.post("p").await;
    stage.platform.answers(FIRST, [Err(lost())]);
    stage.settle_once().await;
    stage.platform.only(&["access-token-2"]);
    stage.run_until(HOUR).await;
    assert!(matches!(stage.channel_row().await.blocked, Some(Block::Token { .. })));
    assert_eq!((stage.state("p").await, stage.platform.traded().len()), ("uncertain", 1), "absence is not believed");
}

#[tokio::test]
async fn the_loop_renews_ahead_of_the_end_and_keeps_the_pace() {
    let stage = connected().await;
    stage.platform.renewals([pair(2, &stage), pair(3, &stage)]);
    round(&stage, 2 * HOUR - 301).await;
    assert_eq!(stage.platform.traded().len(), 0, "not before it is due");
    stage.platform.renewals([]);
    stage.clock.set(at(2 * HOUR - 300));
    round(&stage, 2 * HOUR - 300).await;
    assert_eq!(stage.platform.traded(), ["refresh-token-1"]);
    assert_eq!(kept(&stage).await, "access-token-2");
    // The second was given at noon as well, as the script has it: due again at once, and yet paced.
    round(&stage, 2 * HOUR - 200).await;
    assert_eq!(stage.platform.traded().len(), 1, "at most every ten minutes");
    round(&stage, 2 * HOUR + 301).await;
    assert_eq!(stage.platform.traded(), ["refresh-token-1", "refresh-token-2"]);
    assert_eq!(stage.notices().await, [], "nothing a person has to know");
}

#[tokio::test]
async fn the_loop_blocks_a_channel_whose_grant_is_spent() {
    let stage = connected().await;
    round(&stage, 2 * HOUR - 300).await;
    let Some(Block::Token { said }) = stage.channel_row().await.blocked else { panic!("it is blocked") };
    assert_eq!(said, "400: invalid_grant");
    for n in 0..5 {
        round(&stage, 2 * HOUR + n * HOUR).await;
    }
    assert_eq!(stage.platform.traded().len(), 1);
}

#[tokio::test]
async fn a_renewal_that_is_put_off_until_the_token_ran_out_is_told() {
    let stage = connected().await;
    let later = || Err(RenewError::Later("the server is down".to_owned()));
    stage.platform.renewals([later(), later(), pair(2, &stage)]);
    let told = async || {
        let mut conn = stage.store.read().await.unwrap();
        let all = notice::all(&mut conn).await.unwrap();
        all.into_iter().find(|it| it.key == "channel.main.renewal").map(|it| it.text)
    };
    round(&stage, 2 * HOUR - 300).await;
    assert_eq!(told().await, None, "the token is good still");
    round(&stage, 2 * HOUR + 1).await;
    assert!(told().await.is_some_and(|text| text.ends_with("the server is down")));
    assert_eq!(stage.channel_row().await.blocked, None);
    round(&stage, 2 * HOUR + 120).await;
    round(&stage, 2 * HOUR + 121).await;
    assert_eq!((told().await, kept(&stage).await.as_str()), (None, "access-token-2"));
}

/// The warnings of an end, and the gauge beside them.
#[tokio::test]
async fn a_person_is_warned_of_an_end_at_two_thirds_a_week_and_a_day() {
    let stage = Stage::set(Set { consents: true, ..Set::default() }).await;
    let alone = |issued| Grant { refresh: None, ..grant(1, issued, 60 * DAY) };
    connect(&stage, &alone(at(0))).await;
    stage.platform.renewals(std::iter::repeat_n(Err(RenewError::Never), 1));
    let text = async || {
        let mut conn = stage.store.read().await.unwrap();
        let all = notice::all(&mut conn).await.unwrap();
        all.into_iter().find(|it| it.key == "channel.main.token").map(|it| (it.level, it.text, it.count))
    };
    round(&stage, 39 * DAY).await;
    assert_eq!(text().await, None);
    let gauge = || stage.house.metrics.encode();
    assert!(gauge().contains("bugle_channel_token_days_left{channel=\"main\"} 21\n"), "{}", gauge());
    for (day, level, words, count) in [
        (40, "warn", "ends in 20 days, on 2027-01-24: bugle connect main", 1),
        (41, "warn", "ends in 20 days", 1),
        (53, "warn", "ends in 7 days", 2),
        (59, "alarm", "ends in 1 days", 3),
    ] {
        round(&stage, day * DAY).await;
        let (is, text, times) = text().await.expect("a person is told");
        assert!(text.contains(words), "day {day}: {text}");
        assert_eq!((is.as_str(), times), (level, count), "day {day}");
    }
    assert_eq!(stage.platform.traded().len(), 1, "nothing to renew: not asked again");
    round(&stage, 60 * DAY + 1).await;
    assert!(text().await.unwrap().1.contains("ended on 2027-01-24"), "{:?}", text().await);
    assert!(matches!(stage.channel_row().await.blocked, Some(Block::Token { .. })), "it ran out");
    connect(&stage, &alone(at(60 * DAY + 1))).await;
    round(&stage, 60 * DAY + 2).await;
    assert_eq!(text().await, None, "settled by signing in again");
}

#[tokio::test]
async fn the_end_of_an_api_version_is_told_once_each_and_settled_by_a_newer_one() {
    let stage = Stage::set(Set::default()).await;
    let texts = async || {
        let mut conn = stage.store.read().await.unwrap();
        let all = notice::all(&mut conn).await.unwrap();
        all.into_iter().filter(|it| it.key == "channel.main.version").map(|it| (it.count, it.text)).collect::<Vec<_>>()
    };
    stage.platform.sunset_at("v24.0", "2027-02-01");
    round(&stage, 0).await;
    assert_eq!(texts().await, []);
    for (day, count, words) in [
        (10, 1, "in 57 days"),
        (20, 1, "in 57 days"),
        (40, 2, "in 27 days"),
        (62, 3, "in 5 days"),
        (90, 4, "switched off"),
    ] {
        round(&stage, day * DAY).await;
        let told = texts().await;
        assert_eq!((told.len(), told[0].0), (1, count), "day {day}: {told:?}");
        assert!(told[0].1.contains(words) && told[0].1.contains("v24.0"), "day {day}: {told:?}");
    }
    stage.platform.sunset_at("v26.0", "2028-02-01");
    round(&stage, 91 * DAY).await;
    assert_eq!(texts().await, []);
}

#[tokio::test]
async fn a_token_that_is_good_again_lifts_a_block_of_the_token_and_no_other() {
    let no = || Err(ConnectError::Refused("no".to_owned()));
    let stranger = Identity { id: "2".to_owned(), handle: "@other".to_owned(), ..Identity::default() };
    let token = Block::Token { said: "no".to_owned() };
    let forbidden = Block::Forbidden { said: "suspended".to_owned() };
    let other = Block::OtherAccount { expected: "@desk (1)".to_owned(), found: "@other (2)".to_owned() };
    for (name, block, answers, expected, asked) in [
        ("good again", token.clone(), vec![Ok(me())], None, 1),
        ("still refused", token.clone(), vec![no(), no(), no(), no()], Some(token.clone()), 3),
        ("somebody else's", token.clone(), vec![Ok(stranger)], Some(other), 1),
        ("another block", forbidden.clone(), vec![Ok(me())], Some(forbidden), 0),
    ] {
        let stage = Stage::set(Set::default()).await;
        commit!(stage.store, |conn| channel::set_blocked(conn, "main", Some(&block), at(0)).await).unwrap();
        stage.platform.who(answers);
        // Hourly, for three hours and a half.
        for minute in (2..210).step_by(10) {
            round(&stage, minute * 60).await;
        }
        assert_eq!(stage.channel_row().await.blocked, expected, "{name}");
        let calls = stage.platform.calls().iter().filter(|(_, call)| *call == Call::Who).count();
        assert_eq!(calls, asked, "{name}");
    }
}

#[tokio::test]
async fn what_a_platform_repeats_of_a_token_is_kept_nowhere() {
    let mut stage = connected().await;
    stage.post("p").await;
    let said = "500 with your header: Bearer access-token-1".to_owned();
    stage.platform.answers(FIRST, [Err(PublishError::Unknown { said })]);
    stage.settle_once().await;
    let outcome = stage.attempts("p").await.remove(0).attempt.outcome;
    assert_eq!(outcome, Some(Outcome::Unknown { said: "500 with your header: Bearer [secret]".to_owned() }));
}

fn asked_in_vain() -> Result<Grant, RenewError> {
    Err(RenewError::Lost("reset".to_owned()))
}

/// The first process hangs at the platform until its lease has lapsed and the next one has asked as well; then its answer
/// proves lost. It may not repeat: what it would send may be spent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_lost_its_lease_does_not_repeat() {
    for (name, of_the_next, came_of_the_next, came_of_the_first, token) in [
        ("the next one renewed it", Ok(2), Renewed::Fresh, Renewed::Fresh, "access-token-2"),
        (
            "the next one was put off",
            Err(RenewError::Later("no connection".to_owned())),
            Renewed::Later("no connection".to_owned()),
            Renewed::Later("another process renews the grant".to_owned()),
            "access-token-1",
        ),
    ] {
        let stage = connected().await;
        let next = stage.replica().await;
        let (entered, go) = stage.platform.renewal_gate();
        stage.platform.renewals([of_the_next.and_then(|n| pair(n, &stage)), asked_in_vain(), pair(9, &stage)]);
        let first = renews(&stage, &stage.house, Some("access-token-1"));
        let second = async {
            entered.await.unwrap();
            stage.clock.set(at(200));
            let came = renews(&stage, &next, Some("access-token-1")).await;
            go.send(()).unwrap();
            came
        };
        let (first, second) = tokio::join!(first, second);
        assert_eq!((first, second), (came_of_the_first, came_of_the_next), "{name}");
        assert_eq!(stage.platform.traded().len(), 2, "{name}: each asked once");
        assert_eq!((kept(&stage).await.as_str(), state(&stage).await), (token, State::Fresh), "{name}");
    }
}

#[tokio::test]
async fn nothing_is_sent_that_the_lease_may_not_cover() {
    let stage = connected().await;
    let (entered, go) = stage.platform.renewal_gate();
    stage.platform.renewals([asked_in_vain(), pair(2, &stage)]);
    let slow = async {
        entered.await.unwrap();
        stage.clock.set(at(80));
        go.send(()).unwrap();
    };
    let (came, ()) = tokio::join!(renews(&stage, &stage.house, Some("access-token-1")), slow);
    assert!(matches!(came, Renewed::Later(_)), "{came:?}");
    assert_eq!(stage.platform.traded().len(), 1, "10 s are left, an answer takes up to 25");
    // The one repeat is still to come.
    stage.clock.set(at(300));
    assert_eq!(renews(&stage, &stage.house, Some("access-token-1")).await, Renewed::Fresh);
    assert_eq!(stage.platform.traded().len(), 2);
}

#[tokio::test]
async fn a_refusal_of_the_old_grant_is_not_noted_on_the_one_a_person_gave_meanwhile() {
    for refusal in [RenewError::Spent("400: invalid_grant".to_owned()), RenewError::Lost("reset".to_owned())] {
        let stage = connected().await;
        let (entered, go) = stage.platform.renewal_gate();
        stage.platform.renewals([Err(refusal.clone())]);
        let person = async {
            entered.await.unwrap();
            stage.clock.set(at(1));
            connect(&stage, &grant(5, at(1), 2 * HOUR)).await;
            go.send(()).unwrap();
        };
        let (came, ()) = tokio::join!(renews(&stage, &stage.house, Some("access-token-1")), person);
        assert_eq!((came, kept(&stage).await.as_str()), (Renewed::Fresh, "access-token-5"), "{refusal:?}");
        let mut conn = stage.store.read().await.unwrap();
        let row = token::one(&mut conn, "main").await.unwrap().unwrap();
        assert_eq!((row.state, row.said, row.lost, row.owner), (State::Fresh, None, 0, None), "{refusal:?}");
        assert_eq!(stage.platform.traded().len(), 1);
    }
}

#[tokio::test]
async fn while_the_token_lives_a_lost_answer_is_asked_for_again_minutes_later() {
    let stage = connected().await;
    stage.platform.renewals([asked_in_vain(), pair(2, &stage)]);
    let due = 2 * HOUR - 300;
    for (seconds, fresh, asked) in [(0, false, 1), (1, false, 1), (179, false, 1), (180, true, 2)] {
        stage.clock.set(at(due + seconds));
        let came = renews(&stage, &stage.house, None).await;
        assert_eq!(came == Renewed::Fresh, fresh, "{seconds} s later: {came:?}");
        assert_eq!(stage.platform.traded().len(), asked, "{seconds} s later");
    }
    // A second answer that is lost is the last one.
    let stage = connected().await;
    stage.platform.renewals([asked_in_vain(), asked_in_vain(), pair(2, &stage)]);
    for seconds in [0, 180, 1_000] {
        stage.clock.set(at(due + seconds));
        renews(&stage, &stage.house, None).await;
    }
    assert_eq!((stage.platform.traded().len(), state(&stage).await), (2, State::Lost));
}

#[tokio::test]
async fn a_refused_token_that_the_platform_declines_to_renew_blocks_and_is_asked_about_by_the_hour() {
    let mut stage = connected().await;
    stage.post("p").await;
    stage.platform.only(&["access-token-2"]);
    stage.platform.renewals([Err(RenewError::Declined("invalid_client".to_owned())), pair(2, &stage)]);
    stage.settle().await;
    let Some(Block::Token { said }) = stage.channel_row().await.blocked else { panic!("it is blocked") };
    assert!(said.contains("invalid_client"), "{said}");
    assert_eq!((stage.state("p").await, stage.platform.traded().len()), ("scheduled", 1));
    for minute in (2..100).step_by(10) {
        round(&stage, minute * 60).await;
    }
    assert_eq!((stage.channel_row().await.blocked, stage.platform.traded().len()), (None, 2));
}

#[tokio::test]
async fn an_account_that_is_stopped_spends_no_renewal() {
    let mut stage = connected().await;
    stage.restart();
    stage.platform.who([Err(ConnectError::Forbidden("402: no credits".to_owned()))]);
    stage.post("p").await;
    stage.settle().await;
    let forbidden = Block::Forbidden { said: "402: no credits".to_owned() };
    assert_eq!(stage.channel_row().await.blocked, Some(forbidden));
    assert!(stage.platform.traded().is_empty());
}

#[tokio::test]
async fn a_grant_renewed_while_it_was_disconnected_is_taken_back() {
    let stage = connected().await;
    let (entered, go) = stage.platform.renewal_gate();
    stage.platform.renewals([pair(2, &stage)]);
    let disconnected = async {
        entered.await.unwrap();
        commit!(stage.store, |conn| bugle::store::sealed::remove(conn, "main", Grant::WORD).await).unwrap();
        go.send(()).unwrap();
    };
    let (came, ()) = tokio::join!(renews(&stage, &stage.house, Some("access-token-1")), disconnected);
    assert_eq!(came, Renewed::Nothing);
    let last = stage.platform.calls().pop().unwrap().1;
    assert_eq!(last, Call::Revoke("access-token-2".to_owned()));
    assert!(keep(&stage.house).get(Grant::WORD).await.unwrap().is_none(), "nothing is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_renewed_is_stored_when_the_store_takes_it_though_nobody_waits_any_more() {
    let stage = connected().await;
    stage.platform.renewals([pair(2, &stage)]);
    let stop = "CREATE TRIGGER stop BEFORE UPDATE ON sealed BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    commit!(stage.store, |conn| sqlx::query(stop).execute(&mut *conn).await.map(drop).map_err(Into::into)).unwrap();
    let renewing = renews(&stage, &stage.house, Some("access-token-1"));
    let patience = std::time::Duration::from_millis(1_500);
    assert!(tokio::time::timeout(patience, renewing).await.is_err(), "it cannot be stored");
    assert_eq!((kept(&stage).await.as_str(), stage.platform.traded().len()), ("access-token-1", 1));
    let go = "DROP TRIGGER stop";
    commit!(stage.store, |conn| sqlx::query(go).execute(&mut *conn).await.map(drop).map_err(Into::into)).unwrap();
    for _ in 0..200 {
        if kept(&stage).await == "access-token-2" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!((kept(&stage).await.as_str(), state(&stage).await), ("access-token-2", State::Fresh));
    assert_eq!(stage.platform.traded().len(), 1, "the platform was asked once");
}

#[tokio::test]
async fn one_channels_unreadable_row_ends_the_round_for_no_other() {
    let stage = connected().await;
    commit!(stage.store, |conn| {
        channel::ensure(conn, "broken", "mastodon", at(0)).await?;
        token::probed(conn, "broken", None, at(0)).await?;
        sqlx::query("UPDATE token SET state = 'odd' WHERE channel = 'broken'").execute(&mut *conn).await?;
        Ok(())
    })
    .unwrap();
    let mut all = Arc::into_inner(setup(&stage)).expect("nobody else has it");
    let broken = Channel { name: "broken".into(), ..stage.channel.clone() };
    // As many as are looked after together, and one more.
    all.channels = vec![broken.clone(), broken.clone(), broken.clone(), broken, stage.channel.clone()];
    stage.clock.set(at(2 * HOUR - 60));
    stage.platform.renewals([pair(2, &stage)]);
    loop_of_tokens::round(&Arc::new(all), at(0), &CancellationToken::new()).await.unwrap_err();
    assert_eq!(kept(&stage).await, "access-token-2");
}
