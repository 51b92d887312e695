//! One conformance suite for every platform of `bugle::platform::ALL`: the same trials, in the same words, against each
//! platform's fake. A platform is one file here that implements [`stand::Stand`] and says `trials!(make)`; a platform
//! without one fails the suite by its name. `-E 'test(conformance::mastodon)'` runs one platform's.
//!
//! The trials drive the channel's worker in this process by a clock that stands still (`stage`), so that hours of waiting
//! cost nothing and nothing depends on how fast the machine is; one story a stand runs the whole program (`whole`).

mod basics;
mod doubt;
mod parts;
mod pictures;
mod refusals;
mod stage;
mod stand;
mod table;
mod whole;
mod words;

/// The trials of one stand, as tests of the module that says it.
macro_rules! trials {
    ($make:path) => {
        $crate::conformance::trials!(@local $make);
        $crate::conformance::trials! { @tests $make;
            refusals: each_refusal_has_its_reaction, each_way_to_tell_a_limit_is_understood,
                a_token_that_ends_is_renewed_or_stops_the_channel, a_redirect_is_followed_by_nothing;
            doubt: a_broken_wire_leads_to_one_post, an_odd_answer_leads_to_one_post,
                a_look_up_that_lags_makes_no_second_post, a_look_up_without_an_answer_proves_nothing,
                a_look_up_that_shows_two_is_a_persons, a_process_that_dies_while_it_sends_posts_once,
                a_lost_preparation_is_made_again;
            parts: a_lost_answer_to_any_part_sends_none_twice, a_death_between_any_two_parts_sends_none_twice,
                a_limit_between_two_parts_is_waited_for;
            pictures: a_picture_is_attached_with_its_words, a_refused_picture_is_left_out,
                a_lost_picture_is_sent_again, a_limit_on_pictures_is_waited_for,
                a_picture_that_cannot_be_had_is_left_out;
        }
    };
    // Where nothing leaves the process, nothing can get lost on the way.
    (@local $make:path) => {
        $crate::conformance::trials! { @tests $make;
            basics: publishes, fills_its_limit_and_no_more, is_changed_where_readers_see_it, is_taken_down_once;
            parts: parts_stand_under_each_other;
            words: bait_in_a_feed_stays_text;
            whole: a_killed_newsroom_posts_once;
        }
    };
    (@tests $make:path; $($file:ident: $($trial:ident),+;)+) => {
        $($(#[tokio::test]
        async fn $trial() {
            $crate::conformance::$file::$trial($make).await;
        })+)+
    };
}
pub(crate) use trials;

mod bluesky;
mod discord;
mod facebook;
mod instagram;
mod linkedin;
mod mastodon;
mod matrix;
mod slack;
mod telegram;
mod threads;
mod timeline;
mod webhook;
mod x;

use std::sync::Arc;

use bugle::clock::SystemClock;
use bugle::platform::ALL;

use self::stand::Make;

/// Every stand.
const STANDS: &[&[Make]] = &[
    bluesky::STANDS,
    discord::STANDS,
    facebook::STANDS,
    instagram::STANDS,
    linkedin::STANDS,
    mastodon::STANDS,
    matrix::STANDS,
    slack::STANDS,
    telegram::STANDS,
    threads::STANDS,
    timeline::STANDS,
    webhook::STANDS,
    x::STANDS,
];

#[test]
fn every_platform_has_its_stand() {
    let stands = STANDS.iter().flat_map(|stands| stands.iter());
    let words: Vec<&str> = stands.map(|make| make(Arc::new(SystemClock::new())).platform()).collect();
    let missing: Vec<&str> = ALL.iter().map(|it| it.spec().id).filter(|id| !words.contains(id)).collect();
    assert!(missing.is_empty(), "no stand in tests/it/conformance for {missing:?}");
}
