//! See `cloudlet_fuzz::select`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudlet_fuzz::select(data));
