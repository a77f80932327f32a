//! Load balancers: fronts with doors that clients come to, rules that decide, pools of members that answer, and probes
//! that ask whether they are well.
//!
//! Every thread serves every door with a runtime of its own, and a connection stays with the thread that accepted it.
//! A front is changed by putting its successor in its place: who is under way keeps what they began with.

mod accept;
mod answer;
mod body;
mod cookie;
mod counters;
mod datagram;
mod engine;
mod fake;
mod fields;
mod journal;
mod live;
mod pattern;
mod pick;
mod probe;
mod proxy;
mod pulse;
mod rule;
mod space;
mod spec;
mod stream;
mod tally;
mod tls;
mod upstream;
mod waits;

pub use body::Outgoing;
pub use counters::{FrontSample, PoolSample};
pub use engine::{Balance, Error, Fronts, Pending, Result, Sample};
pub use fake::FakeFronts;
pub use journal::{Did, Entry, Hello, Outcome};
pub use pattern::Pattern;
pub use spec::{
    Action, Ailment, Choice, Codes, Condition, DoorSpec, Forward, ForwardedFor, FrontId, FrontSpec, Health,
    Manners, MemberId, MemberSpec, Place, PoolId, PoolSpec, Probe, ProbeBy, ProxyHeader, Redirect, RuleSpec,
    Speaks, Sticky, Strictness, Upstream, Visitor,
};
pub use tls::{Certificate, Identity, Versions, check as check_certificate};
