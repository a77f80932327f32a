//! The contents page of STS.

use api_sts::op;
use kernel::{Access, Plugs, Service, ServiceBuilder};

use crate::ops::caller_identity;

pub fn service(_: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&api_sts::SERVICE);
    // Whoever has signed may ask who they are: AWS lets no policy forbid it.
    s.op(op::GetCallerIdentity, caller_identity::get_caller_identity).access(|_, _| Ok(Access::free()));
    s.build()
}
