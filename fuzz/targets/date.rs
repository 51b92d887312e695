//! A date as a feed writes it. What is read lies between the year 1900 and the end of time.

#![no_main]

use bugle::source::date;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(read) = date::read(text, &TimeZone::UTC) {
        let told = read.to_string();
        assert!(told.as_str() > "1899" && told.as_str() < "9999-12-31", "{text:?}: {told}");
    }
});
