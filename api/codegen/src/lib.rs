//! Turns a service model into plain structs, static tables and operation markers.
