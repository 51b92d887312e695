//! Where texts of many scripts may end.

use super::super::solve::{Cuttable, solve};
use super::*;

const RULES: TextRules = TextRules { limit: 1000, unit: Unit::Graphemes, bytes: None };

/// The text within so many clusters, ellipsis included.
fn within(text: &str, min: usize, most: usize) -> Option<String> {
    let cuts = Cuts::new(text, min, RULES);
    let most = Cost { units: most, bytes: usize::MAX / 2 };
    let end = *solve(&[Cuttable { cuts: &cuts, weight: 1 }], most)?.first()?;
    Some(cuts.shown(end))
}

#[test]
fn a_cut_prefers_sentence_then_clause_then_word_then_cluster() {
    let long = "One two three. Four five six, seven eight nine";
    for (text, min, room, want) in [
        (long, 1, 46, Some(long)),
        (long, 1, 45, Some("One two three. Four five six, seven eight…")),
        (long, 1, 35, Some("One two three. Four five six…")),
        (long, 1, 29, Some("One two three. Four five six…")),
        (long, 1, 24, Some("One two three.")),
        (long, 1, 25, Some("One two three. Four five…")),
        (long, 1, 14, Some("One two three.")),
        (long, 1, 13, Some("One two…")),
        (long, 1, 3, Some("On…")),
        (long, 18, 19, Some("One two three. Fou…")),
        (long, 18, 18, None),
        ("see https://example.org/a/b/c now", 1, 20, Some("see…")),
        ("see https://example.org/a/b/c now", 4, 20, None),
        ("👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", 1, 2, Some("👨‍👩‍👧…")),
        ("", 1, 0, Some("")),
    ] {
        assert_eq!(within(text, min, room).as_deref(), want, "{text} {room}");
    }
}

#[test]
fn every_script_is_cut_where_it_may_be() {
    for (text, room, want) in [
        // Azerbaijani: sentences and clauses as in English.
        ("Körpü açıldı. Nəqliyyat bazar ertəsindən hərəkət edəcək", 20, "Körpü açıldı."),
        ("Yağış gözlənilir, küləyin sürəti artacaq, dedi nazirlik", 42, "Yağış gözlənilir, küləyin sürəti artacaq…"),
        // Russian.
        ("Мост открыли. Движение начнётся в понедельник утром", 22, "Мост открыли."),
        ("Цены выросли на 3,5 процента за год", 24, "Цены выросли на 3,5…"),
        ("Об этом сообщил А. Иванов во вторник", 22, "Об этом сообщил А…"),
        // Arabic: its own comma and question mark.
        ("هل افتتح الجسر؟ نعم افتتح اليوم في المدينة", 22, "هل افتتح الجسر؟"),
        ("افتتح الجسر اليوم، وتبدأ الحركة غدا", 22, "افتتح الجسر اليوم…"),
        // Hebrew.
        ("הגשר נפתח. התנועה תתחיל ביום שני בבוקר", 14, "הגשר נפתח."),
        ("הגשר נפתח לתנועה ביום שני בבוקר", 18, "הגשר נפתח לתנועה…"),
        // Chinese and Japanese: no blanks, their own marks.
        ("大桥今天正式通车。预计每天有三万辆汽车通过", 14, "大桥今天正式通车。"),
        ("大桥今天正式通车，预计每天有三万辆汽车通过", 10, "大桥今天正式通车…"),
        ("日本語の長い文章です", 5, "日本語の…"),
        // Thai: a blank between clauses, no vowel torn from its consonant.
        ("สะพานเปิดแล้ว รถวิ่งได้ตั้งแต่วันจันทร์", 13, "สะพานเปิดแล้ว…"),
        ("เปลี่ยนแปลงเส้นทาง", 7, "เปลี่ยน…"),
        // Hindi: a danda ends a sentence, marks stay with their letters.
        ("पुल खुल गया। सोमवार से यातायात शुरू होगा", 14, "पुल खुल गया।"),
        // Korean.
        ("다리가 개통되었다. 월요일부터 통행이 시작된다", 15, "다리가 개통되었다."),
    ] {
        assert_eq!(within(text, 1, room).as_deref(), Some(want), "{text} {room}");
    }
}

#[test]
fn a_full_stop_that_ends_no_sentence_ends_no_text() {
    for text in [
        "It rose 3.5 percent in Q1.2 alone and more followed",
        "A report by Dr. Smith of St. Mary was read by J. Doe",
        "Об этом в 2026 г. сообщил им. Иванова завод на ул. Ленина",
        "The U.S. President met the U.K. Minister",
    ] {
        let cuts = Cuts::new(text, 1, RULES);
        assert!(
            cuts.closed.is_empty(),
            "{text}: {:?}",
            cuts.closed.iter().map(|p| &text[..p.byte]).collect::<Vec<_>>()
        );
    }
    let cuts = Cuts::new("He came (late). “She left.” All is well. End\nNext", 1, RULES);
    let ends: Vec<String> = (0..cuts.closed.len()).map(|i| cuts.shown(End::Closed(i))).collect();
    assert_eq!(ends[..2], ["He came (late).", "He came (late). “She left.”"]);
    assert!(
        ends.iter().any(|end| end.ends_with("\nNext")) || ends.last().is_some_and(|end| end.ends_with("End")),
        "{ends:?}"
    );
}

#[test]
fn no_cut_makes_or_breaks_what_is_clickable() {
    for unit in [Unit::Weighted, Unit::Graphemes, Unit::Mastodon { link: 23 }, Unit::Utf16] {
        let rules = TextRules { unit, ..RULES };
        for text in [
            "abc.comx is no link, abc.comma neither",
            "a #hashtag#more and #2026abc",
            "go to example.org/path?x=1. Then stop",
            "name@\u{200B}place, @\u{200B}all and @averyveryverylongnameindeed",
            "これはabc.comxです、#日本経済の話",
        ] {
            let cuts = Cuts::new(text, 1, rules);
            let was: Vec<String> = entities::entities(text, unit).into_iter().map(|e| e.text).collect();
            for i in (0..cuts.open.len()).filter(|&i| cuts.sound(End::Open(i))) {
                let shown = cuts.shown(End::Open(i));
                let now: Vec<String> = entities::entities(&shown, unit).into_iter().map(|e| e.text).collect();
                assert!(was.starts_with(&now), "{shown:?} in {unit:?}: {now:?}, was {was:?}");
            }
        }
    }
}

#[test]
fn costs_are_what_the_cut_texts_count() {
    for unit in [Unit::Weighted, Unit::Graphemes, Unit::Mastodon { link: 23 }, Unit::Utf16, Unit::CodePoints] {
        let rules = TextRules { unit, ..RULES };
        for text in [
            "Plain words, and more. The end of it",
            "see https://example.org/a/b/c?d=e and example.com now #tag end",
            "Бакı и 漢字とかな 한국어 👨‍👩‍👧 🇦🇿🇹🇷 1️⃣ e\u{301}e\u{302}\u{301} “quoted” ©™ ẞ Ω\u{2126}",
            "สะพานเปิดแล้ว रथ पुल الجسر؟ הגשר",
        ] {
            let cuts = Cuts::new(text, 1, rules);
            for end in cuts.all() {
                let shown = cuts.shown(end);
                assert_eq!(cuts.cost(end), Cost::of(&shown, unit), "{shown:?} in {unit:?}");
                assert_eq!(cuts.kept(end), shown.trim_end_matches('…').graphemes(true).count(), "{shown:?}");
                assert!(text.starts_with(shown.trim_end_matches('…')));
                assert!(cuts.ending(end).is_some() || end == End::Whole);
            }
        }
    }
}

#[test]
fn a_very_long_text_is_looked_at_only_as_far_as_it_can_matter() {
    let text = "Some words. ".repeat(20_000);
    let cuts = Cuts::new(&text, 1, TextRules { limit: 280, unit: Unit::Weighted, bytes: None });
    assert_eq!(cuts.len(), text.trim().chars().count());
    assert!(cuts.open.len() < 20_000 && cuts.open.last().is_some_and(|place| place.before.units > 280));
}
