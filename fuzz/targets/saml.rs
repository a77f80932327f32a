//! See `cloudlet_fuzz::saml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudlet_fuzz::saml(data));
