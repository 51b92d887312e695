//! The bytes of a feed, and what a server may say of their type in the first line. What was read keeps its limits.

#![no_main]

use bugle::source::entry::{MAX_TEXT, MAX_URL, to_json};
use bugle::source::feed::{self, MAX_KEPT};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let base = "https://fuzz.example/feed".parse().expect("a constant URL");
    let (kind, body) = match data.split_first() {
        Some((b'\x01', rest)) => {
            let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            (std::str::from_utf8(&rest[..end]).ok(), rest.get(end + 1..).unwrap_or(&[]))
        }
        _ => (None, data),
    };
    let Ok(feed) = feed::read(body, kind, &base) else { return };
    assert!(feed.entries.len() <= MAX_KEPT);
    for entry in &feed.entries {
        assert!(entry.title.len() <= MAX_TEXT && !entry.title.contains('\n'));
        assert!(entry.summary.iter().chain(&entry.content).all(|text| text.len() <= MAX_TEXT));
        let pictures = entry.image.iter().chain(&entry.pictures).map(|picture| &picture.url);
        for url in entry.link.iter().chain(pictures).chain(&feed.hubs).chain(&feed.own) {
            assert!(matches!(url.scheme(), "http" | "https") && url.as_str().len() <= MAX_URL);
        }
        let _ = to_json(entry).to_string();
    }
});
