//! See `cloudlet_fuzz::json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudlet_fuzz::json(data));
