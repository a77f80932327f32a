//! Simple Queue Service.
