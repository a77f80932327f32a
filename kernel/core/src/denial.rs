//! Why a call was denied, sealed into its error message: only who may decode it reads what policies there are.
//!
//! The text is the one `DecodeAuthorizationMessage` documents.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::caller::{Caller, Principal};
use crate::house::House;
use crate::ruling::Ruling;
use crate::seal::{KeySealer, Sealer};
use crate::sessions::{pack, unpack};

const SALT_BYTES: usize = 16;
/// AWS takes no longer ones for decoding.
const ENCODED_BYTES_MAX: usize = 10_240;
/// Statements told; they bound the text.
const STATEMENTS_MAX: usize = 20;

impl House {
    /// The sealed text of a denial; `None` when it would be longer than anyone may ask to have decoded.
    pub fn encode_denial(&self, caller: &Caller, ruling: &Ruling) -> Option<String> {
        let mut salt = [0; SALT_BYTES];
        self.ids().0.fill(&mut salt);
        let sealed = self.denial_sealer(&salt)?.seal(&salt, &pack(&describe(caller, ruling))).ok()?;
        let encoded = URL_SAFE_NO_PAD.encode([salt.as_slice(), &sealed].concat());
        (encoded.len() <= ENCODED_BYTES_MAX).then_some(encoded)
    }

    /// The text sealed by [`House::encode_denial`], JSON; `None` when it was not sealed here.
    pub fn decode_denial(&self, encoded: &str) -> Option<String> {
        let bytes =
            URL_SAFE_NO_PAD.decode(Some(encoded).filter(|text| text.len() <= ENCODED_BYTES_MAX)?).ok()?;
        let (salt, sealed) = bytes.split_at_checked(SALT_BYTES)?;
        let packed = self.denial_sealer(salt)?.open(salt, sealed).ok()?;
        unpack::<Value>(&packed).map(|text| text.to_string())
    }

    fn denial_sealer(&self, salt: &[u8]) -> Option<KeySealer> {
        KeySealer::new(hmac::sign(self.seal_key(), &[b"denials", salt].concat()).as_ref()).ok()
    }
}

fn describe(caller: &Caller, ruling: &Ruling) -> Value {
    let arn = caller.arn();
    let id = match &caller.principal {
        Principal::Identity { unique_id, .. } => unique_id.to_string(),
        _ => caller.account.to_string(),
    };
    let matched = ruling.matched.iter().take(STATEMENTS_MAX).map(|found| {
        json!({"statementId": found.sid, "effect": found.effect.to_uppercase(),
               "sourcePolicyId": found.policy, "sourcePolicyType": found.kind})
    });
    json!({
        "allowed": false,
        "explicitDeny": ruling.outcome == "explicitDeny",
        "matchedStatements": {"items": matched.collect::<Vec<_>>()},
        "failures": {"items": []},
        "context": {
            "principal": {"id": id, "name": arn.rsplit(['/', ':']).next(), "arn": arn},
            "action": ruling.action,
            "resource": ruling.resource,
            "conditions": {"items": []},
        },
    })
}
