//! See `cloudlet_fuzz::ec2`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudlet_fuzz::ec2(data));
