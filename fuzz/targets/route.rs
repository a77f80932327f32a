//! See `cloudlet_fuzz::route`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudlet_fuzz::route(data));
