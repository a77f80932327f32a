//! See `cloudlet_fuzz::rest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudlet_fuzz::rest(shape::Protocol::RestXml, data));
