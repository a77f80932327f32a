//! SAML responses: whatever is shown, only what the provider signed is read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sts::rules::saml_response::read;

/// What a provider signed, and its certificate; the key is gone.
const SIGNED: &str = include_str!("../seeds/saml/response");
const CERTIFICATE: &str = include_str!("../seeds/saml-certificate");

/// As a response, and laid over the good one.
pub fn saml(data: &[u8]) {
    let certificates = [STANDARD.decode(CERTIFICATE.trim()).expect("a certificate")];
    let good = read(&STANDARD.encode(SIGNED), &certificates).expect("what was signed is read");
    let is_told = |bytes: &[u8]| read(&STANDARD.encode(bytes), &certificates).ok();
    if let Some(told) = is_told(data) {
        assert_eq!(told, good, "nobody speaks for the provider");
    }
    let mut changed = SIGNED.as_bytes().to_vec();
    for (byte, change) in changed.iter_mut().zip(data) {
        *byte ^= change;
    }
    if let Some(told) = is_told(&changed) {
        assert_eq!(told, good, "nothing of it can be changed");
    }
}
