//! See `cloudlet_fuzz::ciphertext`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudlet_fuzz::ciphertext(data));
