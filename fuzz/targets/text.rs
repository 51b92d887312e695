//! HTML and hostile text as plain text: one line stays one line, and nothing invisible gets through.

#![no_main]

use bugle::text::plain;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let title = plain::title(text);
    assert!(!title.contains(['\n', '\r', '\0']) && title.trim() == title, "{title:?}");
    let paragraphs = plain::paragraphs(text);
    assert!(paragraphs.lines().all(|line| !line.trim().is_empty()), "{paragraphs:?}");
    assert!(title.len() <= plain::MAX_FIELD && paragraphs.len() <= plain::MAX_FIELD);
    let _ = plain::defuse(&paragraphs);
});
