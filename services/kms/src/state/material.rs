//! Key material, sealed in the store and opened in a bounded cache.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::key::KeyReader;
use kernel::{AccountId, Ctx, Reader, Result, Scope, SealError, Sealer, Table, Tx};
use serde::{Deserialize, Serialize};

use super::key::Key;
use crate::errors;
use crate::rules::material::Material;

/// By key id and material id.
static MATERIALS: Table<Sealed> = Table::new("kms/material");

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Under the root key of this cloud, base64.
    pub sealed: String,
}

/// The root key, and the materials opened lately.
pub struct Vault {
    sealer: Arc<dyn Sealer>,
    opened: Mutex<Opened>,
}

/// Two generations: when the young are many, the old go.
#[derive(Default)]
struct Opened {
    young: HashMap<String, Arc<Material>>,
    old: HashMap<String, Arc<Material>>,
}

impl Vault {
    /// Materials of one generation.
    const OPENED_MAX: usize = 2_048;

    pub fn new(sealer: Arc<dyn Sealer>) -> Self {
        Self { sealer, opened: Mutex::default() }
    }

    pub fn sealer(&self) -> &dyn Sealer {
        &*self.sealer
    }

    pub fn seal(&self, scope: &Scope, key_id: &str, material_id: &str, bytes: &[u8]) -> Result<Sealed> {
        let sealed = self.sealer.seal(&name(scope.account, key_id, material_id), bytes)?;
        Ok(Sealed { sealed: STANDARD.encode(sealed) })
    }

    pub fn unseal(
        &self,
        scope: &Scope,
        key_id: &str,
        material_id: &str,
        sealed: &Sealed,
    ) -> Result<Vec<u8>, SealError> {
        let bytes = STANDARD.decode(&sealed.sealed).map_err(|_| SealError::Mismatched)?;
        self.sealer.open(&name(scope.account, key_id, material_id), &bytes)
    }

    fn opened(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recall(&self, material_id: &str) -> Option<Arc<Material>> {
        let mut opened = self.opened();
        if let Some(found) = opened.young.get(material_id) {
            return Some(found.clone());
        }
        let found = opened.old.remove(material_id)?;
        opened.remember(material_id, &found);
        Some(found)
    }

    /// Forgets a material that is no more.
    pub fn forget(&self, material_id: &str) {
        let mut opened = self.opened();
        opened.young.remove(material_id);
        opened.old.remove(material_id);
    }

    pub fn forget_all(&self) {
        *self.opened() = Opened::default();
    }
}

impl Opened {
    fn remember(&mut self, material_id: &str, material: &Arc<Material>) {
        if self.young.len() >= Vault::OPENED_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(material_id.to_owned(), material.clone());
    }
}

/// What sealed material is bound to.
fn name(account: AccountId, key_id: &str, material_id: &str) -> Vec<u8> {
    format!("kms/material {account} {key_id} {material_id}").into_bytes()
}

pub fn put(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    key_id: &str,
    material_id: &str,
    sealed: &Sealed,
) -> Result<()> {
    MATERIALS.put(tx, scope, (key_id, material_id), sealed)
}

pub fn find(
    from: &mut impl Reader,
    scope: &Scope,
    key_id: &str,
    material_id: &str,
) -> Result<Option<Sealed>> {
    MATERIALS.get(from, scope, (key_id, material_id))
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, key_id: &str, material_id: &str) -> Result<()> {
    MATERIALS.delete(tx, scope, (key_id, material_id))
}

/// Opens material of a key: from memory if it was used lately, else from the store, without a transaction.
///
/// # Errors
/// *Pending import* when the material is gone, *internal* when it does not open.
pub async fn open(
    ctx: &Ctx,
    scope: &Scope,
    key: &Key,
    arn: &str,
    material_id: &str,
) -> Result<Arc<Material>> {
    let vault = ctx.own::<Vault>();
    if let Some(found) = vault.recall(material_id) {
        return Ok(found);
    }
    let sealed = ctx.read(|snap| find(snap, scope, &key.id, material_id)).await?;
    let sealed = sealed.ok_or_else(|| errors::pending_import(arn))?;
    let bytes = vault.unseal(scope, &key.id, material_id, &sealed)?;
    let material = Arc::new(Material::read(key.spec, &bytes).map_err(|_| errors::broken())?);
    vault.opened().remember(material_id, &material);
    Ok(material)
}

/// Refuses to start over material that was sealed under another root key.
pub async fn check_root_key(ctx: &Ctx) -> Result<()> {
    let rows = ctx.read(|snap| MATERIALS.list_all(snap, None, 1)).await?;
    let Some((key, sealed)) = rows.first() else { return Ok(()) };
    let mut parts = KeyReader(key);
    let (Some(scope), Some(key_id), Some(id)) = (parts.scope(), parts.text(), parts.text()) else {
        return Err(errors::broken());
    };
    ctx.own::<Vault>().unseal(&scope, &key_id, &id, sealed)?;
    Ok(())
}
