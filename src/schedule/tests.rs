//! Tables of decisions.

use jiff::tz::TimeZone;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn zone(name: &str) -> TimeZone {
    jiff::tz::TimeZoneDatabase::bundled().get(name).expect(name)
}

fn policy(slots: &str, quiet: &str, gap: &str, per_hour: u32, per_day: u32) -> Policy {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let number = |n: u32| (n > 0).then_some(n);
    let pace = Pace { gap: some(gap), per_hour: number(per_hour), per_day: number(per_day) };
    Policy::from_settings(&Settings { slots: some(slots), quiet: some(quiet), pace: Some(pace) })
        .expect("good settings")
}

/// A post of normal urgency that has been ready for a day, on a channel that has posted at `sent`.
struct Case {
    zone: TimeZone,
    urgency: Urgency,
    ready: Option<&'static str>,
    last_slot: Option<&'static str>,
    sent: Vec<&'static str>,
}

impl Case {
    fn in_zone(name: &str) -> Self {
        Self { zone: zone(name), urgency: Urgency::Normal, ready: None, last_slot: None, sent: Vec::new() }
    }

    fn sent(sent: &[&'static str]) -> Self {
        Self { sent: sent.to_vec(), ..Self::in_zone("UTC") }
    }

    fn decide(&self, policy: &Policy, now: &str) -> Decision {
        let now = at(now);
        let sent: Vec<Timestamp> = self.sent.iter().map(|text| at(text)).collect();
        let decision = decide(
            policy,
            &Facts {
                now,
                zone: &self.zone,
                urgency: self.urgency,
                ready: self.ready.map_or(now - SignedDuration::from_hours(24), at),
                last_slot: self.last_slot.map(at),
                sent: &sent,
            },
        );
        if let Decision::Wait { until, why } = &decision {
            assert!(*until > now, "{until} is not after {now}: {why}");
            assert!(!why.is_empty());
        }
        decision
    }
}

fn go() -> Decision {
    Decision::Go { slot: None }
}

fn by_slot(slot: &str) -> Decision {
    Decision::Go { slot: Some(at(slot)) }
}

fn wait(until: &str, why: &str) -> Decision {
    Decision::Wait { until: at(until), why: why.to_owned() }
}

#[test]
fn without_rules_at_once() {
    assert_eq!(Case::sent(&["2026-07-01T12:00Z"]).decide(&Policy::default(), "2026-07-01T12:00Z"), go());
}

#[test]
fn a_firing_lets_one_post_out() {
    let slots = policy("*/5 7-23 * * *", "", "", 0, 0);
    let next = |time: &str| wait(&format!("2026-07-01T{time}:00Z"), &format!("next slot {time}"));
    // (now, last slot used, ready since, what)
    let cases = [
        ("2026-07-01T12:00:00Z", None, None, by_slot("2026-07-01T12:00Z")),
        ("2026-07-01T12:00:31Z", Some("2026-07-01T11:55Z"), None, by_slot("2026-07-01T12:00Z")),
        ("2026-07-01T12:01:00Z", None, None, by_slot("2026-07-01T12:00Z")),
        // Missed: not made up.
        ("2026-07-01T12:01:00.001Z", None, None, next("12:05")),
        ("2026-07-01T12:04:59Z", None, None, next("12:05")),
        // Used.
        ("2026-07-01T12:00:31Z", Some("2026-07-01T12:00Z"), None, next("12:05")),
        // Not ready yet when it fired.
        ("2026-07-01T12:00:31Z", None, Some("2026-07-01T12:00:10Z"), next("12:05")),
        ("2026-07-01T12:00:31Z", None, Some("2026-07-01T12:00:00Z"), by_slot("2026-07-01T12:00Z")),
        // Until the morning.
        ("2026-07-01T23:58:00Z", None, None, wait("2026-07-02T07:00Z", "next slot 2026-07-02 07:00")),
        // Written by a clock that was wrong: an hour is waited out, years are not.
        ("2026-07-01T12:00:05Z", Some("2026-07-01T13:00Z"), None, next("13:05")),
        ("2026-07-01T12:00:05Z", Some("2036-07-01T13:00Z"), None, by_slot("2026-07-01T12:00Z")),
        ("2026-07-01T12:00:05Z", None, Some("2036-07-01T13:00Z"), by_slot("2026-07-01T12:00Z")),
        ("2026-07-01T12:00:05Z", None, Some("2026-07-01T12:10Z"), next("12:10")),
    ];
    for (now, last_slot, ready, expected) in cases {
        let case = Case { last_slot, ready, ..Case::sent(&[]) };
        assert_eq!(case.decide(&slots, now), expected, "{now} {last_slot:?} {ready:?}");
    }
    let never = policy("0 0 30 2 *", "", "", 0, 0);
    let asks_again = wait("2026-07-02T12:00Z", "its slots never fire again");
    assert_eq!(Case::sent(&[]).decide(&never, "2026-07-01T12:00Z"), asks_again);
}

#[test]
fn two_posts_never_share_a_slot_however_often_one_asks() {
    // Ask every 10 s for a day in Berlin when the clocks go back: each firing is used once, in order.
    let slots = policy("*/20 * * * *", "", "", 0, 0);
    let berlin = zone("Europe/Berlin");
    let (mut now, end) = (at("2026-10-25T00:00+02"), at("2026-10-26T00:00+01"));
    let mut used = Vec::new();
    while now < end {
        let facts = Facts {
            now,
            zone: &berlin,
            urgency: Urgency::Normal,
            ready: now - SignedDuration::from_hours(48),
            last_slot: used.last().copied(),
            sent: &[],
        };
        if let Decision::Go { slot } = decide(&slots, &facts) {
            used.push(slot.expect("by a slot"));
        }
        now += SignedDuration::from_secs(10);
    }
    assert_eq!(used.len(), 25 * 3);
    assert!(used.windows(2).all(|pair| pair[1].duration_since(pair[0]) == SignedDuration::from_mins(20)));
}

#[test]
fn quiet_hours_follow_the_wall_clock() {
    let cases = [
        // (zone, quiet, now, what)
        ("Asia/Baku", "00:30-06:30", "2026-07-01T00:29:59+04", go()),
        ("Asia/Baku", "00:30-06:30", "2026-07-01T00:30:00+04", wait("2026-07-01T06:30+04", "quiet until 06:30")),
        ("Asia/Baku", "00:30-06:30", "2026-07-01T06:29:59.999+04", wait("2026-07-01T06:30+04", "quiet until 06:30")),
        ("Asia/Baku", "00:30-06:30", "2026-07-01T06:30:00+04", go()),
        ("Asia/Baku", "22:00-06:00", "2026-07-01T21:59:00+04", go()),
        (
            "Asia/Baku",
            "22:00-06:00",
            "2026-07-01T23:00:00+04",
            wait("2026-07-02T06:00+04", "quiet until 2026-07-02 06:00"),
        ),
        ("Asia/Baku", "22:00-06:00", "2026-07-02T05:00:00+04", wait("2026-07-02T06:00+04", "quiet until 06:00")),
        (
            "Asia/Baku",
            "22:00-24:00",
            "2026-07-01T23:00:00+04",
            wait("2026-07-02T00:00+04", "quiet until 2026-07-02 00:00"),
        ),
        ("Asia/Baku", "22:00-24:00", "2026-07-02T00:00:00+04", go()),
        // Berlin's clocks jump from 02:00 to 03:00: an end in between is the jump, a quiet in between does not come.
        ("Europe/Berlin", "01:00-02:30", "2026-03-29T01:30+01", wait("2026-03-29T03:00+02", "quiet until 03:00")),
        ("Europe/Berlin", "02:10-02:50", "2026-03-29T03:00+02", go()),
        ("Europe/Berlin", "01:00-04:00", "2026-03-29T01:30+01", wait("2026-03-29T04:00+02", "quiet until 04:00")),
        // And back from 03:00 to 02:00: what the wall clock shows counts, in both passes.
        ("Europe/Berlin", "01:00-02:30", "2026-10-25T02:10+02", wait("2026-10-25T02:30+02", "quiet until 02:30")),
        ("Europe/Berlin", "01:00-02:30", "2026-10-25T02:40+02", go()),
        ("Europe/Berlin", "01:00-02:30", "2026-10-25T02:10+01", wait("2026-10-25T02:30+01", "quiet until 02:30")),
        ("Europe/Berlin", "01:00-04:00", "2026-10-25T01:30+02", wait("2026-10-25T04:00+01", "quiet until 04:00")),
        // Havana has no midnight that day.
        (
            "America/Havana",
            "22:00-24:00",
            "2026-03-07T23:00-05",
            wait("2026-03-08T01:00-04", "quiet until 2026-03-08 01:00"),
        ),
    ];
    for (zone, quiet, now, expected) in cases {
        assert_eq!(Case::in_zone(zone).decide(&policy("", quiet, "", 0, 0), now), expected, "{zone} {quiet} {now}");
    }
}

#[test]
fn the_gap_counts_from_the_last_post() {
    let gap = policy("", "", "3m", 0, 0);
    let why = "3m after the last post: until 12:03";
    let cases: [(&[&'static str], &str, Decision); 7] = [
        (&[], "2026-07-01T12:00Z", go()),
        (&["2026-07-01T12:00Z"], "2026-07-01T12:02:59Z", wait("2026-07-01T12:03Z", why)),
        (&["2026-07-01T12:00Z"], "2026-07-01T12:03:00Z", go()),
        (&["2026-07-01T12:00Z", "2026-07-01T11:00Z"], "2026-07-01T12:01Z", wait("2026-07-01T12:03Z", why)),
        // The clock was put back by a minute, an hour, ten years since the last post.
        (&["2026-07-01T12:00Z"], "2026-07-01T11:59Z", wait("2026-07-01T12:03Z", why)),
        (&["2026-07-01T12:00Z"], "2026-07-01T11:00Z", wait("2026-07-01T12:03Z", why)),
        (&["2036-07-01T12:00Z"], "2026-07-01T12:00Z", go()),
    ];
    for (sent, now, expected) in cases {
        assert_eq!(Case::sent(sent).decide(&gap, now), expected, "{sent:?} {now}");
    }
}

#[test]
fn the_hour_slides() {
    let hourly = policy("", "", "", 2, 0);
    let cases: [(&[&'static str], &str, Decision); 6] = [
        (&["2026-07-01T11:30Z"], "2026-07-01T12:00Z", go()),
        (
            &["2026-07-01T11:50Z", "2026-07-01T11:30Z"],
            "2026-07-01T12:00Z",
            wait("2026-07-01T12:30Z", "2 posts in the last hour (at most 2)"),
        ),
        // More than allowed already (a person's posts count too): until only one is left of them.
        (
            &["2026-07-01T11:50Z", "2026-07-01T11:40Z", "2026-07-01T11:30Z"],
            "2026-07-01T12:00Z",
            wait("2026-07-01T12:40Z", "3 posts in the last hour (at most 2)"),
        ),
        (&["2026-07-01T11:50Z", "2026-07-01T11:30Z"], "2026-07-01T12:30Z", go()),
        // Written out of order by a clock that was put back.
        (
            &["2026-07-01T11:10Z", "2026-07-01T12:20Z"],
            "2026-07-01T12:00Z",
            wait("2026-07-01T12:10Z", "2 posts in the last hour (at most 2)"),
        ),
        (&["2036-07-01T11:50Z", "2036-07-01T11:30Z"], "2026-07-01T12:00Z", go()),
    ];
    for (sent, now, expected) in cases {
        assert_eq!(Case::sent(sent).decide(&hourly, now), expected, "{sent:?} {now}");
    }
}

#[test]
fn the_day_is_the_zones() {
    let daily = policy("", "", "", 0, 2);
    let why = "2 posts today (at most 2)";
    // (zone, two posts, now, what)
    let cases = [
        (
            "Asia/Baku",
            ["2026-07-01T00:10+04", "2026-07-01T09:00+04"],
            "2026-07-01T23:59+04",
            wait("2026-07-02T00:00+04", why),
        ),
        ("Asia/Baku", ["2026-07-01T00:10+04", "2026-07-01T09:00+04"], "2026-07-02T00:00+04", go()),
        ("Asia/Baku", ["2026-06-30T23:59+04", "2026-07-01T09:00+04"], "2026-07-01T23:59+04", go()),
        // 25 hours long, and a day without a midnight.
        (
            "Europe/Berlin",
            ["2026-10-25T00:00+02", "2026-10-25T00:30+02"],
            "2026-10-25T23:30+01",
            wait("2026-10-26T00:00+01", why),
        ),
        (
            "America/Havana",
            ["2026-03-07T20:00-05", "2026-03-07T21:00-05"],
            "2026-03-07T23:30-05",
            wait("2026-03-08T01:00-04", why),
        ),
        // Nuuk turned back from midnight to 23:00 on 26 October 2024: its evening came twice.
        (
            "America/Nuuk",
            ["2024-10-26T23:10-01", "2024-10-26T23:20-01"],
            "2024-10-26T23:30-01",
            wait("2024-10-27T00:00-02", why),
        ),
    ];
    for (name, sent, now, expected) in cases {
        let case = Case { sent: sent.to_vec(), ..Case::in_zone(name) };
        assert_eq!(case.decide(&daily, now), expected, "{name} {now}");
    }
}

#[test]
fn breaking_ignores_all_but_the_hour() {
    let all = policy("0 9 * * *", "00:00-23:59", "3m", 2, 1);
    let breaking = |sent: &[&'static str]| Case { urgency: Urgency::Breaking, ..Case::sent(sent) };
    let now = "2026-07-01T12:00Z";
    assert_eq!(breaking(&["2026-07-01T11:59:30Z"]).decide(&all, now), go());
    let full = wait("2026-07-01T12:30Z", "2 posts in the last hour (at most 2)");
    assert_eq!(breaking(&["2026-07-01T11:59:30Z", "2026-07-01T11:30Z"]).decide(&all, now), full);
    // An evergreen post keeps to them as a normal one does.
    let evergreen = Case { urgency: Urgency::Evergreen, ..Case::sent(&[]) };
    assert!(matches!(evergreen.decide(&all, now), Decision::Wait { .. }));
}

#[test]
fn all_reasons_are_named_and_the_latest_time_wins() {
    let all = policy("*/5 * * * *", "00:00-13:02", "3m", 2, 2);
    let case = Case::sent(&["2026-07-01T11:58Z", "2026-07-01T11:30Z"]);
    let why = "2 posts in the last hour (at most 2); 2 posts today (at most 2); 3m after the last post: until 12:01; \
               quiet until 13:02; next slot 2026-07-02 00:00";
    assert_eq!(case.decide(&all, "2026-07-01T12:00:20Z"), wait("2026-07-02T00:00Z", why));
    // The slot named is the first that is of use, not the next one.
    let two = policy("*/5 * * * *", "12:00-13:02", "", 0, 0);
    let expected = wait("2026-07-01T13:05Z", "quiet until 13:02; next slot 13:05");
    assert_eq!(Case::sent(&[]).decide(&two, "2026-07-01T12:31Z"), expected);
    // One still open when the gap ends is.
    let open = policy("*/5 * * * *", "", "5m", 0, 0);
    let case = Case::sent(&["2026-07-01T12:00:20Z"]);
    let expected = wait("2026-07-01T12:05:20Z", "5m after the last post: until 12:05:20; next slot 12:05");
    assert_eq!(case.decide(&open, "2026-07-01T12:02Z"), expected);
    assert_eq!(case.decide(&open, "2026-07-01T12:05:20Z"), by_slot("2026-07-01T12:05Z"));
}

#[test]
fn a_firing_in_quiet_hours_lets_nothing_out_after_them() {
    let both = policy("*/5 * * * * *", "00:00-06:30", "", 0, 0);
    let at_end = Case::sent(&[]).decide(&both, "2026-07-01T06:30:00Z");
    assert_eq!(at_end, by_slot("2026-07-01T06:30Z"));
    let both = policy("59 * * * *", "00:00-07:00", "", 0, 0);
    let at_end = Case::sent(&[]).decide(&both, "2026-07-01T07:00:00Z");
    assert_eq!(at_end, wait("2026-07-01T07:59Z", "next slot 07:59"));
}

#[test]
fn stories_go_stale() {
    let seen = at("2026-07-01T12:00Z");
    assert_eq!(expiry(Urgency::Breaking, seen), Some(at("2026-07-01T13:00Z")));
    assert_eq!(expiry(Urgency::Normal, seen), Some(at("2026-07-02T00:00Z")));
    assert_eq!(expiry(Urgency::Evergreen, seen), None);
    assert_eq!(expiry(Urgency::Normal, Timestamp::MAX), Some(Timestamp::MAX));
}

#[test]
fn settings_become_a_policy_in_words() {
    let full = policy("*/5 7-23 * * *", "00:30-06:30", "3m", 12, 100);
    let words = "one post at each firing of \"*/5 7-23 * * *\", quiet 00:30-06:30, at least 3m between posts, \
                 at most 12 an hour, at most 100 a day";
    assert_eq!(full.describe(), words);
    assert_eq!(Policy::from_settings(&Settings::default()).expect("nothing to fault").describe(), "at once");
    assert_eq!(policy("", "22:00-24:00", "", 0, 0).describe(), "at once, quiet 22:00-00:00");
}

#[test]
fn every_fault_in_the_settings_is_told() {
    let settings = |slots: &str, quiet: &str, gap: &str| Settings {
        slots: Some(slots.to_owned()),
        quiet: Some(quiet.to_owned()),
        pace: Some(Pace { gap: Some(gap.to_owned()), per_hour: Some(0), per_day: Some(0) }),
    };
    let faults = Policy::from_settings(&settings("* 25 * * *", "00:30-6:75", "3x")).expect_err("all wrong");
    let told: Vec<String> = faults.iter().map(|f| format!("{f} @{}+{}", f.at, f.len)).collect();
    let expected = [
        "slots: expected an hour from 0 to 23, found \"25\" @2+2",
        "quiet: expected a time such as 06:30, found \"6:75\" @6+4",
        "pace.gap: expected a unit (s, m, h or d) after \"3\", found \"x\" @0+2",
        "pace.per_hour: expected at least 1, found 0 (to stop a channel, pause it) @0+0",
        "pace.per_day: expected at least 1, found 0 (to stop a channel, pause it) @0+0",
    ];
    assert_eq!(told, expected);

    let quiet = [
        ("night", "expected two times such as 00:30-06:30, found \"night\"", 0, 5),
        ("-06:30", "expected a time such as 06:30, found nothing", 0, 0),
        ("00:30-", "expected a time such as 06:30, found nothing", 6, 0),
        ("24:00-06:30", "expected a time such as 06:30, found \"24:00\"", 0, 5),
        ("00:30 - 7", "expected a time such as 06:30, found \"7\"", 8, 1),
        ("é-06:30", "expected a time such as 06:30, found \"é\"", 0, 2),
        ("06:30-06:30", "expected two different times, found \"06:30-06:30\", which would always be quiet", 0, 11),
    ];
    for (text, said, at, len) in quiet {
        let settings = Settings { quiet: Some(text.to_owned()), ..Settings::default() };
        let expected = vec![SettingFault { key: "quiet", said: said.to_owned(), at, len }];
        assert_eq!(Policy::from_settings(&settings).map(|p| p.describe()), Err(expected), "{text}");
    }
    let settings = Settings { pace: Some(Pace { gap: Some("25h".into()), ..Pace::default() }), ..Settings::default() };
    let told = Policy::from_settings(&settings).map(|p| p.describe()).map_err(|faults| faults[0].to_string());
    assert_eq!(told, Err("pace.gap: expected at most 1d, found \"25h\"".to_owned()));
}
