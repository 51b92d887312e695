//! Which language a text is in, where it can be told with confidence.
//!
//! The detector knows 70 languages by their scripts and letter triples, Azerbaijani among them. Short texts and close kin
//! (Azerbaijani and Turkish, Russian and Ukrainian, Norwegian and Danish) are where such detectors err, so a text has to be
//! long and the verdict clear.

use whatlang::Lang;

/// Characters (title and summary together) below which nothing is told. Ours: a headline alone is too short.
pub const LEAST: usize = 80;
/// Bytes that are looked at: more makes no verdict surer.
const MOST: usize = 4096;

/// The BCP 47 tag of the language of `text`; `None` where it is short, or not clear.
pub fn detect(text: &str) -> Option<&'static str> {
    let text = text.trim();
    if text.chars().count() < LEAST {
        return None;
    }
    let found = whatlang::detect(&text[..text.floor_char_boundary(MOST)])?;
    // Above 0.9 by the detector's own measure.
    found.is_reliable().then(|| tag(found.lang()))
}

/// The language as BCP 47 writes it: two letters where there are two (ISO 639-1), else three.
fn tag(lang: Lang) -> &'static str {
    TAGS.iter().find(|(code, _)| *code == lang.code()).map_or_else(|| lang.code(), |(_, tag)| tag)
}

/// ISO 639-3 as the detector names it, and the registered subtag. Source: IANA Language Subtag Registry, 2026-08; for
/// Mandarin the macrolanguage, as the registry advises.
#[rustfmt::skip]
const TAGS: &[(&str, &str)] = &[
    ("afr", "af"), ("aka", "ak"), ("amh", "am"), ("ara", "ar"), ("aze", "az"), ("bel", "be"), ("ben", "bn"),
    ("bul", "bg"), ("cat", "ca"), ("ces", "cs"), ("cmn", "zh"), ("cym", "cy"), ("dan", "da"), ("deu", "de"),
    ("ell", "el"), ("eng", "en"), ("epo", "eo"), ("est", "et"), ("fin", "fi"), ("fra", "fr"), ("guj", "gu"),
    ("heb", "he"), ("hin", "hi"), ("hrv", "hr"), ("hun", "hu"), ("hye", "hy"), ("ind", "id"), ("ita", "it"),
    ("jav", "jv"), ("jpn", "ja"), ("kan", "kn"), ("kat", "ka"), ("khm", "km"), ("kor", "ko"), ("lat", "la"),
    ("lav", "lv"), ("lit", "lt"), ("mal", "ml"), ("mar", "mr"), ("mkd", "mk"), ("mya", "my"), ("nep", "ne"),
    ("nld", "nl"), ("nob", "nb"), ("ori", "or"), ("pan", "pa"), ("pes", "fa"), ("pol", "pl"), ("por", "pt"),
    ("ron", "ro"), ("rus", "ru"), ("sin", "si"), ("slk", "sk"), ("slv", "sl"), ("sna", "sn"), ("spa", "es"),
    ("srp", "sr"), ("swe", "sv"), ("tam", "ta"), ("tel", "te"), ("tgl", "tl"), ("tha", "th"), ("tuk", "tk"),
    ("tur", "tr"), ("ukr", "uk"), ("urd", "ur"), ("uzb", "uz"), ("vie", "vi"), ("yid", "yi"), ("zul", "zu"),
];

/// A language tag with its language in two letters where it has such: some feeds write ISO 639-3 (`aze`), which platforms
/// that take a language do not know.
pub fn shortened(tag: &str) -> String {
    let (first, rest) = tag.split_at(tag.find('-').unwrap_or(tag.len()));
    let code = first.to_ascii_lowercase();
    match TAGS.iter().find(|(long, _)| *long == code) {
        Some((_, short)) => format!("{short}{rest}"),
        None => tag.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_language_is_told() {
        for (text, want) in [
            (
                "Prezident yeni körpünün açılışında iştirak edib və tikinti işləri ilə tanış olub. Körpü şəhərin iki sahilini birləşdirəcək.",
                Some("az"),
            ),
            (
                "The president attended the opening of the new bridge and was briefed on the construction works of the bay.",
                Some("en"),
            ),
            (
                "Президент принял участие в открытии нового моста и ознакомился с ходом строительных работ в городе.",
                Some("ru"),
            ),
            (
                "Президент узяв участь у відкритті нового мосту та ознайомився з перебігом будівельних робіт у місті.",
                Some("uk"),
            ),
            (
                "Cumhurbaşkanı yeni köprünün açılışına katıldı ve inşaat çalışmaları hakkında bilgi aldı, köprü pazartesi açılacak.",
                Some("tr"),
            ),
            (
                "ჰიდის გახსნას ესწრებოდა პრეზიდენტი, რომელიც გაეცნო სამშენებლო სამუშაოების მიმდინარეობას ქალაქში ორშაბათს.",
                Some("ka"),
            ),
            (
                "شارك الرئيس في افتتاح الجسر الجديد واطلع على سير أعمال البناء في المدينة، وسيفتح الجسر أمام السيارات يوم الاثنين.",
                Some("ar"),
            ),
            ("Bridge opens", None),
            (
                "Bridge opens in Baku 2026 — 1,234,567.89 / 100 % +994 12 555 55 55 ... ---- 000 111 222 333 444 555 666",
                None,
            ),
            ("", None),
        ] {
            assert_eq!(detect(text), want, "{text}");
        }
    }

    #[test]
    fn three_letters_become_two_where_there_are_two() {
        for (tag, want) in
            [("aze", "az"), ("ENG-GB", "en-GB"), ("az-Latn", "az-Latn"), ("en", "en"), ("gag", "gag"), ("", "")]
        {
            assert_eq!(shortened(tag), want);
        }
    }

    #[test]
    fn every_language_has_a_tag() {
        for lang in Lang::all() {
            assert!(TAGS.iter().any(|(code, _)| *code == lang.code()), "{}", lang.code());
        }
        assert!(TAGS.is_sorted_by_key(|(code, _)| *code));
    }
}
