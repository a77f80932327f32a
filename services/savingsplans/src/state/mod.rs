//! What is kept.

pub mod plan;

use kernel::{Ctx, Partition, Region, Scope};

/// Plans belong to an account, not to a region of it.
pub fn home(scope: &Scope) -> Scope {
    let name = match scope.partition() {
        Partition::Aws => "aws-global",
        Partition::AwsCn => "cn-global",
        Partition::AwsUsGov => "us-gov-global",
    };
    let region: Region = name.parse().expect("a region's name");
    Scope { account: scope.account, region }
}

/// The request's context, at home.
pub fn at_home(ctx: &Ctx) -> Ctx {
    ctx.in_scope(home(ctx.scope()))
}
