//! The kernel through a toy service: what every real one relies on.

mod background;
mod gate;
mod toy;
mod transactions;
