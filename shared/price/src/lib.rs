//! What running machines cost in each way of buying them, what a spot price follows, who gives way to whom, and which
//! commitment pays for what: all of it pure, so that a bill, a market and whoever sells come to the same figures.

mod commitment;
mod coverage;
mod dollars;
mod list;
mod market;

pub use commitment::{Class, Commitment, Payment, Term, offering_id, planned, reserved};
pub use coverage::{Bought, Paid, Plan, Running, Spread, covered, paid_for};
pub use dollars::Dollars;
pub use list::{Machine, REGIONS, family, find, machines, on_demand};
pub use market::{Held, LEVEL_RISKY, Level, level, order_of_yielding, spot_price};
