//! Whether the credentials that everybody knows stand for root: a switch that lasts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use store::Store;

use crate::arn::{AccountId, Region};
use crate::error::{Error, Kind, Result};
use crate::house::{HOUSE_SCOPE, House};
use crate::table::Table;

static SWITCH: Table<Switch> = Table::new("kernel/root-credentials");

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Switch {
    is_off: bool,
}

/// The switch as it stands, for whoever verifies signatures.
#[derive(Debug)]
pub(crate) struct RootSwitch(AtomicBool);

impl RootSwitch {
    pub(crate) async fn open(store: &Store) -> Result<Self> {
        let bytes = store.read(|snap| snap.get(SWITCH.key(&HOUSE_SCOPE, ()))).await?;
        let switch = bytes.map(|bytes| serde_json::from_slice::<Switch>(&bytes)).transpose();
        let switch = switch.map_err(Error::internal)?;
        Ok(Self(AtomicBool::new(switch.is_some_and(|switch| switch.is_off))))
    }

    /// The store forgot everything, and with it the users who could come in.
    pub(crate) fn forget(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl House {
    /// Whether the well-known credentials are refused, those of every account.
    pub fn is_root_off(&self) -> bool {
        self.root_switch().0.load(Ordering::Acquire)
    }

    /// Lets the well-known credentials in again.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub async fn turn_root_on(self: &Arc<Self>) -> Result<()> {
        self.turn_root(false).await
    }

    /// Refuses the well-known credentials of every account from now on, also after a restart.
    ///
    /// # Errors
    /// `NoAdministrator` when nobody else could come into `account` and make keys there.
    pub async fn turn_root_off(self: &Arc<Self>, account: AccountId) -> Result<()> {
        let region: Region = "us-east-1".parse().map_err(Error::internal)?;
        let has_administrator = match self.identities(region) {
            Some(identities) => identities.has_administrator(account).await?,
            None => false,
        };
        if !has_administrator {
            let message = format!(
                "Account {account} has no user with an active access key who may make access keys: \
                 without root nobody could come in."
            );
            return Err(Error::new(Kind::Conflict, "NoAdministrator", message));
        }
        self.turn_root(true).await
    }

    async fn turn_root(self: &Arc<Self>, is_off: bool) -> Result<()> {
        let ctx = self.ctx("kernel", HOUSE_SCOPE);
        ctx.write(|tx| SWITCH.put(tx, &HOUSE_SCOPE, (), &Switch { is_off })).await?;
        self.root_switch().0.store(is_off, Ordering::Release);
        Ok(())
    }
}
