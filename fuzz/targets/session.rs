//! See `cloudlet_fuzz::session`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudlet_fuzz::session(data));
