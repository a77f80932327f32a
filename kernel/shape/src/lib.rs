//! How an API is described to the house: static tables, plain structs, and the two accessors that join them.
//!
//! The build script of every `api/*` crate turns a service model into plain structs and static [`Schema`]
//! tables. A codec in `wire` walks any of them through [`Struct::get`] and [`Struct::get_mut`], so there is one
//! codec per protocol and none per shape. See `docs/decisions/0001-one-codec-per-protocol.md`.

mod body;
mod debug;
mod document;
pub mod event;
mod schema;
mod slot;
mod texts;
mod timestamp;
mod unit;

pub use body::{Body, BodyError};
pub use bytes::Bytes;
pub use debug::debug;
pub use document::Document;
pub use schema::{
    AccountHost, Checks, ErrorDef, Honoured, Kind, Location, Member, OpDef, Operation, PathHint, Protocol,
    Routing, Schema, ServiceDef, TimestampFormat, UNIT, Unserved,
};
pub use slot::{ListRef, ListSlot, MapRef, MapSlot, Ref, Shape, Slot, Struct};
pub use timestamp::Timestamp;
pub use unit::no_member;
