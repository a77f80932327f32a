//! What every service stands on, and nothing that knows a service.

pub mod arn;
pub mod caller;
pub mod error;

pub use arn::{AccountId, Arn, Partition, Region};
pub use caller::{Caller, Principal};
pub use error::{Error, Kind, Result};
