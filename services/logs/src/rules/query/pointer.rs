//! What `@ptr` says: which event a row came from.

use serde::{Deserialize, Serialize};

use crate::rules::page::Place;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    pub group: String,
    pub stream_name: String,
    pub place: Place,
}
