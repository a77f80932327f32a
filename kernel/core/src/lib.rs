//! What every service stands on, and nothing that knows a service.

pub mod access;
pub mod access_key;
pub mod arn;
pub mod audit;
pub mod audit_trail;
pub mod authorize;
pub mod beside;
pub mod bill;
pub mod caller;
pub mod certificates;
pub mod clock;
pub mod controllers;
pub mod credentials;
pub mod ctx;
pub mod denial;
pub mod error;
pub mod events;
pub mod gate;
pub mod house;
pub mod identities;
pub mod ids;
pub mod key;
pub mod local;
pub mod manner;
pub mod membership;
pub mod meter;
pub mod names;
mod notice;
pub mod pages;
pub mod plugs;
mod principal;
mod private_way;
pub mod request_log;
pub mod resource_policy;
pub mod root;
pub mod ruling;
pub mod scope;
pub mod seal;
pub mod service;
pub mod sessions;
pub mod snapshot_blocks;
mod sweeps;
pub mod table;
pub mod testing;
pub mod timers;
pub mod tokens;
pub mod trust;
pub mod tx;

use std::pin::Pin;

pub use access::{Access, Conditions, ResourceFacts};
pub use arn::{AccountId, Arn, Partition, Region};
pub use authorize::{Asked, Attached};
pub use caller::{Caller, Principal};
pub use certificates::{Issuer, KeyedCertificate};
pub use clock::{Clock, Millis};
pub use controllers::Next;
pub use credentials::{Credential, Credentials, NoCredential};
pub use ctx::Ctx;
pub use error::{Error, Kind, Result};
pub use events::Event;
pub use gate::{GateSettings, Mode};
pub use house::House;
pub use identities::{Identities, OidcProvider, Role, SamlProvider};
pub use key::Key;
pub use local::{LocalRequest, LocalResponse};
pub use manner::{Manner, Signature, SignaturePlace};
pub use membership::Membership;
pub use meter::Usage;
pub use names::Names;
pub use notice::Noticed;
pub use plugs::Plugs;
pub use principal::who;
pub use private_way::{Arrival, Arrivals, PrivateWay};
pub use resource_policy::ResourcePolicy;
pub use scope::Scope;
pub use seal::{KeySealer, SealError, Sealer};
pub use service::{Service, ServiceBuilder};
pub use sessions::{Issued, Session, SessionGrant, SessionOf};
pub use table::{PackedTable, Row, Table};
pub use tx::{Reader, Snapshot, Tx};

/// A future without its type.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes a future in the box it lives in, for what every request passes: `Box::pin` makes it elsewhere and copies all its
/// kilobytes, of which one not yet polled has written few.
#[inline]
pub fn boxed<'a, T, F>(make: impl FnOnce() -> F) -> BoxFuture<'a, T>
where
    F: Future<Output = T> + Send + 'a,
{
    let place = Box::<F>::new_uninit();
    Pin::from(Box::write(place, make()))
}
