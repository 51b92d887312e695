//! What a newsroom's system pushes: ninjs and the other forms of the door.

#![no_main]

use bugle::source::door;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = door::read(data, None);
});
