//! The decisions about grants that run out, case by case.

use secrecy::SecretString;

use super::*;

fn at(minutes: i64) -> Timestamp {
    let noon: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
    noon + SignedDuration::from_mins(minutes)
}

fn grant(issued: Option<i64>, expires: Option<i64>, ends: Option<i64>, refresh: bool) -> Grant {
    Grant {
        issued: issued.map(at),
        expires: expires.map(at),
        ends: ends.map(at),
        refresh: refresh.then(|| SecretString::from("r")),
        ..Grant::of(SecretString::from("a"))
    }
}

const DAYS: i64 = 24 * 60;

#[test]
fn when_a_grant_is_renewed() {
    for (name, issued, expires, scale, expected) in [
        ("it does not run out", Some(0), None, 1.0, None),
        ("two hours: five minutes ahead", Some(0), Some(120), 1.0, Some(115)),
        ("two hours, begin unknown", None, Some(120), 1.0, Some(115)),
        ("a day: five minutes ahead", Some(0), Some(DAYS), 1.0, Some(DAYS - 5)),
        ("60 days: at two thirds", Some(0), Some(60 * DAYS), 1.0, Some(40 * DAYS)),
        ("60 days, begin unknown", None, Some(60 * DAYS), 1.0, Some(60 * DAYS - 5)),
        ("eight minutes: not as soon as it is there", Some(0), Some(8), 1.0, Some(4)),
        ("a begin after the end is none", Some(200), Some(120), 1.0, Some(115)),
        ("scaled", Some(0), Some(120), 0.2, Some(119)),
    ] {
        assert_eq!(due(&grant(issued, expires, None, true), scale), expected.map(at), "{name}");
    }
}

fn row(state: State) -> TokenRow {
    TokenRow { channel: "x".to_owned(), state, grant_at: Some(at(0)), ..TokenRow::default() }
}

#[test]
fn whether_a_renewal_may_begin() {
    let said = || Some("no".to_owned());
    let dead = |said: &str| May::Dead(said.to_owned());
    let twice = "the answers to two renewals were lost";
    let renewed = TokenRow { renewed: Some(at(0)), next: Some(at(15)), ..row(State::Fresh) };
    let asked = TokenRow { lease_until: Some(at(11)), ..row(State::Asked) };
    let lapsed = TokenRow { lease_until: Some(at(9)), ..row(State::Asked) };
    for (name, row, cause, expected) in [
        ("fresh", row(State::Fresh), Cause::Due, May::Go { repeat: false }),
        ("fresh, refused", row(State::Fresh), Cause::Refused, May::Go { repeat: false }),
        ("renewed a moment ago", renewed.clone(), Cause::Due, May::Wait(at(15))),
        (
            "renewed a moment ago, and refused again",
            renewed.clone(),
            Cause::Refused,
            dead("it was renewed just now, and the new token is refused too"),
        ),
        ("renewed, then put off", TokenRow { said: said(), ..renewed.clone() }, Cause::Refused, May::Wait(at(15))),
        (
            "a new grant, soon after a renewal of the old one",
            TokenRow { grant_at: Some(at(1)), ..renewed.clone() },
            Cause::Refused,
            May::Wait(at(15)),
        ),
        ("the wait is over", TokenRow { next: Some(at(10)), ..renewed.clone() }, Cause::Due, May::Go { repeat: false }),
        (
            "the clock was put back",
            TokenRow { next: Some(at(2 * DAYS)), ..renewed },
            Cause::Due,
            May::Go { repeat: false },
        ),
        ("somebody is at it", asked.clone(), Cause::Refused, May::Busy(at(11))),
        ("its process ended", lapsed.clone(), Cause::Due, May::Go { repeat: true }),
        ("its process ended in the repeat", TokenRow { lost: 1, ..lapsed }, Cause::Due, dead(twice)),
        (
            "the clock was put back since",
            TokenRow { lease_until: Some(at(3 * DAYS)), ..row(State::Asked) },
            Cause::Due,
            May::Go { repeat: true },
        ),
        ("somebody is at the repeat", TokenRow { lost: 1, ..asked }, Cause::Due, May::Busy(at(11))),
        ("spent", TokenRow { said: said(), ..row(State::Spent) }, Cause::Refused, dead("no")),
        ("lost twice", row(State::Lost), Cause::Due, dead(twice)),
        ("nothing to renew", row(State::Never), Cause::Refused, May::Nothing),
    ] {
        assert_eq!(may(&row, cause, at(10)), expected, "{name}");
    }
}

#[test]
fn another_grant_is_another_story() {
    let old =
        TokenRow { state: State::Spent, said: Some("no".to_owned()), lost: 2, told: 7, fence: 4, ..row(State::Spent) };
    assert_eq!(about(old.clone(), at(0)), old);
    let new = about(old, at(1));
    assert_eq!((new.state, new.said, new.lost, new.told, new.fence), (State::Fresh, None, 0, 0, 4));
}

#[test]
fn what_follows_from_an_outcome() {
    let said = || "s".to_owned();
    for (name, outcome, lost, is_over, expected) in [
        ("done", Ok(()), 0, true, Next::Renewed),
        ("lost", Err(RenewError::Lost(said())), 0, true, Next::Repeat),
        ("lost, and the token lives", Err(RenewError::Lost(said())), 0, false, Next::Again(said())),
        ("lost again", Err(RenewError::Lost(said())), 1, true, Next::Lost(said())),
        ("lost again, and the token lives", Err(RenewError::Lost(said())), 1, false, Next::Lost(said())),
        ("spent", Err(RenewError::Spent(said())), 0, true, Next::Spent(said())),
        ("the repeat says spent", Err(RenewError::Spent(said())), 1, true, Next::Spent(said())),
        ("the repeat is done", Ok(()), 1, false, Next::Renewed),
        ("later", Err(RenewError::Later(said())), 0, true, Next::Later(said())),
        ("the repeat was not carried out", Err(RenewError::Later(said())), 1, true, Next::Later(said())),
        ("declined", Err(RenewError::Declined(said())), 0, true, Next::Declined(said())),
        ("never", Err(RenewError::Never), 0, true, Next::Never),
    ] {
        assert_eq!(after(outcome, lost, is_over), expected, "{name}");
    }
}

#[test]
fn an_outcome_is_noted_with_its_pace() {
    let begun =
        TokenRow { owner: Some("w".to_owned()), lease_until: Some(at(12)), told: 3, fence: 9, ..row(State::Asked) };
    let done = |next: &Next| noted(begun.clone(), next, at(10), 1.0);
    let renewed = done(&Next::Renewed);
    assert_eq!((renewed.state, renewed.grant_at, renewed.renewed), (State::Fresh, Some(at(10)), Some(at(10))));
    assert_eq!((renewed.next, renewed.told, renewed.lost, renewed.owner), (Some(at(20)), 0, 0, None));
    let later = done(&Next::Later("s".to_owned()));
    assert_eq!((later.state, later.next, later.said.as_deref()), (State::Fresh, Some(at(11)), Some("s")));
    let repeat = done(&Next::Repeat);
    assert_eq!((repeat.state, repeat.lost, repeat.owner.as_deref()), (State::Asked, 1, Some("w")));
    // The one repeat in minutes: nobody holds the lease till then, and it stays the last one.
    let again = done(&Next::Again("s".to_owned()));
    assert_eq!((again.state, again.lost, again.next, again.owner.as_deref()), (State::Fresh, 1, Some(at(13)), None));
    assert_eq!(may(&again, Cause::Due, at(12)), May::Wait(at(13)));
    assert_eq!(may(&again, Cause::Due, at(13)), May::Go { repeat: false });
    for (next, state) in [
        (Next::Lost("s".to_owned()), State::Lost),
        (Next::Spent("s".to_owned()), State::Spent),
        (Next::Never, State::Never),
    ] {
        let row = done(&next);
        assert_eq!((row.state, row.lease_until, row.told, row.fence), (state, None, 3, 9), "{next:?}");
    }
    // One answer lost, the repeat certainly not carried out: there is still one repeat, and no more.
    let later = noted(TokenRow { lost: 1, ..begun }, &Next::Later("s".to_owned()), at(10), 1.0);
    assert_eq!(later.lost, 1);
}

#[test]
fn when_only_a_person_can_open_it_again() {
    for (name, grant, state, expected) in [
        ("never", grant(Some(0), None, None, false), State::Fresh, None),
        ("it renews itself", grant(Some(0), Some(120), None, true), State::Fresh, None),
        (
            "it renews itself, for a year",
            grant(Some(0), Some(120), Some(365 * DAYS), true),
            State::Fresh,
            Some(365 * DAYS),
        ),
        ("no way to renew", grant(Some(0), Some(60 * DAYS), None, false), State::Fresh, Some(60 * DAYS)),
        ("a way that turned out to be none", grant(Some(0), Some(120), None, true), State::Never, Some(120)),
        ("spent", grant(Some(0), Some(120), None, true), State::Spent, Some(120)),
        ("lost", grant(Some(0), Some(120), None, true), State::Lost, Some(120)),
    ] {
        assert_eq!(ends(&grant, state), expected.map(at), "{name}");
    }
}

#[test]
fn each_warning_of_an_end_is_due_once() {
    let (thirds, week, day, over) = (1, 2, 4, 8);
    for (name, issued, ends, told, now, expected) in [
        ("young", Some(0), 60 * DAYS, 0, 39 * DAYS, 0),
        ("two thirds", Some(0), 60 * DAYS, 0, 40 * DAYS, thirds),
        ("two thirds, told", Some(0), 60 * DAYS, thirds, 41 * DAYS, 0),
        ("a week", Some(0), 60 * DAYS, thirds, 53 * DAYS, week),
        ("a week, told", Some(0), 60 * DAYS, thirds | week, 58 * DAYS, 0),
        ("a day", Some(0), 60 * DAYS, thirds | week, 59 * DAYS, day),
        ("over", Some(0), 60 * DAYS, thirds | week | day, 60 * DAYS, over),
        ("over, told", Some(0), 60 * DAYS, thirds | week | day | over, 99 * DAYS, 0),
        ("all at once, after a long stop", Some(0), 60 * DAYS, 0, 61 * DAYS, thirds | week | day | over),
        ("ten days: a week comes before two thirds", Some(0), 10 * DAYS, 0, 3 * DAYS, week),
        ("its begin is not known", None, 60 * DAYS, 0, 50 * DAYS, 0),
        ("its begin is not known, a week left", None, 60 * DAYS, 0, 53 * DAYS, week),
    ] {
        assert_eq!(warnings(issued.map(at), at(ends), told, at(now)), expected, "{name}");
    }
}

#[test]
fn the_end_of_an_api_version_is_told_at_60_30_and_7_days() {
    let ends: Date = "2027-02-01".parse().unwrap();
    let (months, month, week, over) = (32, 16, 2, 8);
    for (today, told, expected) in [
        ("2026-11-25T12:00:00Z", 0, 0),
        ("2026-12-02T23:59:59Z", 0, months),
        ("2026-12-05T12:00:00Z", months, 0),
        ("2027-01-02T12:00:00Z", months, month),
        ("2027-01-25T12:00:00Z", months | month, week),
        ("2027-02-01T00:00:00Z", months | month | week, over),
        ("2027-03-01T00:00:00Z", months | month | week | over, 0),
        ("2027-01-26T12:00:00Z", 0, months | month | week),
    ] {
        assert_eq!(sunset_warnings(ends, told, today.parse().unwrap()), expected, "{today}");
    }
    assert_eq!(days_until(ends, "2027-01-31T12:00:00Z".parse().unwrap()), 0);
    assert_eq!(days_until(ends, "2027-02-01T00:00:01Z".parse().unwrap()), -1);
}

#[test]
fn accounts_are_asked_at_start_and_daily_each_at_its_own_moment() {
    let start = at(0);
    for name in ["x", "facebook", "linkedin"] {
        let first = probe(None, false, start, name, 1.0);
        assert!(first >= start && first <= at(1), "{name}: {first}");
        // Asked by the process before: asked again by this one.
        assert_eq!(probe(Some(at(-5)), false, start, name, 1.0), first);
        let daily = probe(Some(at(5)), false, start, name, 1.0);
        assert!(daily > at(5 + 21 * 60) && daily <= at(5 + DAYS), "{name}: {daily}");
        let hourly = probe(Some(at(5)), true, start, name, 1.0);
        assert!(hourly >= at(5 + 54) && hourly <= at(65), "{name}: {hourly}");
    }
    assert_ne!(spread("x"), spread("facebook"));
}
