//! Keys that seal the bodies of messages: those lately used, each for who used it, and the house's own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use foldhash::HashMap;
use kernel::house::HOUSE_SCOPE;
use kernel::{Ctx, Error, KeySealer, Millis, Result, Sealer, Table};
use serde::{Deserialize, Serialize};

/// The house's key of the moment, sealed; found at start to see that the root key is still the one.
static HOUSE_KEY: Table<Wrapped> = Table::new("sqs/data-key");
const NAME: &str = "house";
/// Its seal is bound to this.
const AAD: &[u8] = b"sqs/data-key";
/// A key of the house seals for a day: never so much that random nonces could meet.
const HOUSE_KEY_MS: Millis = 86_400_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrapped {
    /// Base64.
    pub sealed: String,
}

/// A key ready for use until it must be asked for again.
#[derive(Clone, Debug)]
pub struct Ready {
    pub key: Arc<KeySealer>,
    /// As it lies beside what it sealed.
    pub wrapped: Bytes,
    pub ends_at: Millis,
}

/// What a key was asked for, by whom. One principal's leave is no other's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Use {
    /// A queue's ARN, the name of its key, the caller.
    Seal(String, String, String),
    /// A wrapped key, the caller.
    Open(Bytes, String),
    /// A wrapped key of the house.
    House(Bytes),
}

/// The keys in memory.
pub struct DataKeys {
    sealer: Arc<dyn Sealer>,
    house: Mutex<Option<Ready>>,
    known: Mutex<HashMap<Use, Ready>>,
}

impl DataKeys {
    const KNOWN_MAX: usize = 4_096;

    pub fn new(sealer: Arc<dyn Sealer>) -> Self {
        Self { sealer, house: Mutex::default(), known: Mutex::default() }
    }

    /// The key for a use, if it was asked for lately.
    pub fn find(&self, what: &Use, now: Millis) -> Option<Ready> {
        lock(&self.known).get(what).filter(|ready| ready.ends_at > now).cloned()
    }

    pub fn keep(&self, what: Use, ready: Ready, now: Millis) {
        let mut known = lock(&self.known);
        if known.len() >= Self::KNOWN_MAX {
            known.retain(|_, ready| ready.ends_at > now);
        }
        if known.len() >= Self::KNOWN_MAX {
            known.clear();
        }
        known.insert(what, ready);
    }

    /// The house's key of the moment, made when the old one has served its time.
    pub async fn of_house(&self, ctx: &Ctx) -> Result<Ready> {
        let now = ctx.now();
        if let Some(ready) = lock(&self.house).as_ref().filter(|ready| ready.ends_at > now) {
            return Ok(ready.clone());
        }
        let mut bytes = [0; KeySealer::KEY_BYTES];
        ctx.ids().0.fill(&mut bytes);
        let wrapped = self.sealer.seal(AAD, &bytes)?;
        let stored = Wrapped { sealed: STANDARD.encode(&wrapped) };
        ctx.write(|tx| HOUSE_KEY.put(tx, &HOUSE_SCOPE, NAME, &stored)).await?;
        let key = Arc::new(KeySealer::new(&bytes)?);
        let ready = Ready { key, wrapped: wrapped.into(), ends_at: now + HOUSE_KEY_MS };
        *lock(&self.house) = Some(ready.clone());
        Ok(ready)
    }

    /// Opens a key of the house.
    pub fn open_of_house(&self, wrapped: &Bytes, now: Millis) -> Result<Arc<KeySealer>> {
        let what = Use::House(wrapped.clone());
        if let Some(ready) = self.find(&what, now) {
            return Ok(ready.key);
        }
        let key = Arc::new(KeySealer::new(&self.sealer.open(AAD, wrapped)?)?);
        let ready = Ready { key: key.clone(), wrapped: wrapped.clone(), ends_at: Millis::MAX };
        self.keep(what, ready, now);
        Ok(key)
    }

    pub fn forget_all(&self) {
        *lock(&self.house) = None;
        lock(&self.known).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Refuses to start over messages that were sealed under another root key.
pub async fn check_root_key(ctx: &Ctx) -> Result<()> {
    let stored = ctx.read(|snap| HOUSE_KEY.get(snap, &HOUSE_SCOPE, NAME)).await?;
    let Some(Wrapped { sealed }) = stored else { return Ok(()) };
    let sealed = STANDARD.decode(sealed).map_err(Error::internal)?;
    ctx.own::<DataKeys>().sealer.open(AAD, &sealed)?;
    Ok(())
}
