//! Session tokens: whatever a client shows, only what was issued opens.

use std::sync::OnceLock;

use kernel::ids::{Ids, SeededIds};
use kernel::sessions::SessionSeal;
use kernel::{Issued, SessionGrant, SessionOf};

fn issued() -> &'static (SessionSeal, SessionGrant, Issued) {
    static ISSUED: OnceLock<(SessionSeal, SessionGrant, Issued)> = OnceLock::new();
    ISSUED.get_or_init(|| {
        let seal = SessionSeal::new(b"a secret");
        let account = "111122223333".parse().expect("twelve digits");
        let grant = SessionGrant::new(account, SessionOf::Root, 0, 1);
        let issued = seal.issue(Ids(&SeededIds::new(1)), &grant).expect("a small grant");
        (seal, grant, issued)
    })
}

/// As a token with the good key's id, and laid over the good token.
pub fn session(data: &[u8]) {
    let (seal, grant, issued) = issued();
    let id = &issued.access_key_id;
    if let Ok(text) = std::str::from_utf8(data) {
        assert_eq!(seal.open(id, text), None, "nobody guesses a token");
        assert_eq!(seal.open(text, &issued.session_token).is_some(), text == id);
    }
    let mut token = issued.session_token.clone().into_bytes();
    for (byte, change) in token.iter_mut().zip(data) {
        *byte ^= change & 0x1f;
    }
    if let Ok(token) = String::from_utf8(token) {
        let is_same = token == issued.session_token;
        assert_eq!(seal.open(id, &token), is_same.then(|| grant.clone()));
    }
}
