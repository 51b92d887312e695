//! A list of subscriptions. What was read reads the same once it is written.

#![no_main]

use bugle::source::opml::{self, MAX_SUBSCRIPTIONS};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(list) = opml::read(data) else { return };
    assert!(list.subscriptions.len() <= MAX_SUBSCRIPTIONS);
    let text = opml::write("fuzz", &list.subscriptions);
    let again = opml::read(text.as_bytes()).expect("what we write is a list");
    assert_eq!(again.subscriptions.len(), list.subscriptions.len());
    for (first, second) in list.subscriptions.iter().zip(&again.subscriptions) {
        assert_eq!(first.url, second.url);
    }
});
