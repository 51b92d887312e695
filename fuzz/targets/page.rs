//! An article's page.

#![no_main]

use bugle::source::page::meta;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let base = "https://fuzz.example/story".parse().expect("a constant URL");
    let _ = meta::read(text, &base, &jiff::tz::TimeZone::UTC);
});
