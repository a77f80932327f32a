//! See `cloudlet_fuzz::policy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudlet_fuzz::policy(data));
