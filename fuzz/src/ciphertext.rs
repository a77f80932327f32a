//! Ciphertexts of KMS: whatever a client shows, only what was sealed opens, and only under its context.

use std::sync::OnceLock;

use aws_lc_rs::hmac;
use kernel::Scope;
use kms::rules::ciphertext::{Ciphertext, Context, Seal};

const KEY_ID: &str = "12345678-1234-1234-1234-123456789012";

struct Sealed {
    scope: Scope,
    material: hmac::Key,
    context: Context,
    blob: Vec<u8>,
}

fn sealed() -> &'static Sealed {
    static SEALED: OnceLock<Sealed> = OnceLock::new();
    SEALED.get_or_init(|| {
        let account = "111122223333".parse().expect("twelve digits");
        let scope = Scope { account, region: "us-east-1".parse().expect("a region") };
        let material = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let context: Context = [("a".to_owned(), "b".to_owned())].into();
        let material_id = "ab".repeat(32);
        let seal = Seal {
            scope: &scope,
            key_id: KEY_ID,
            material_id: &material_id,
            material: &material,
            salt: [7; 16],
        };
        let blob = seal.seal(&context, b"plain").expect("it seals");
        Sealed { scope, material, context, blob }
    })
}

/// As a ciphertext, laid over the good one, and as the context.
pub fn ciphertext(data: &[u8]) {
    let Sealed { scope, material, context, blob } = sealed();
    let open =
        |blob: &[u8], context: &Context| Ciphertext::parse(blob).ok()?.open(scope, material, context).ok();
    assert_eq!(open(data, context), None, "nobody guesses a ciphertext");
    let mut altered = blob.clone();
    altered.iter_mut().zip(data).for_each(|(byte, change)| *byte ^= change);
    if let Some(text) = open(&altered, context) {
        // Which material it names is for the store to find; all else is bound.
        let same = |at: std::ops::Range<usize>| altered.get(at.clone()) == blob.get(at);
        assert!(text == b"plain" && same(0..50) && same(82..blob.len()));
    }
    let other: Context = [("a".to_owned(), String::from_utf8_lossy(data).into_owned())].into();
    assert_eq!(open(blob, &other).is_some(), other == *context);
}
