//! See `cloudlet_fuzz::query`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudlet_fuzz::query(data));
