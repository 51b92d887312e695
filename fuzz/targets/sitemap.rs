//! A sitemap.

#![no_main]

use bugle::source::sitemap;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = sitemap::read(text, &"https://fuzz.example/sitemap.xml".parse().expect("a constant URL"));
});
