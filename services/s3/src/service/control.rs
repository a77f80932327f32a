//! The contents page of S3 Control: access points. It keeps its records with those of buckets, which they stand before.

use api_s3control::{SERVICE, op};
use kernel::{Access, Service, ServiceBuilder};

use crate::ops::access_point::{self, on_point};
use crate::ops::access_point_policy as policy;

pub(super) fn control() -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.op(op::CreateAccessPoint, access_point::create_access_point).access(access_point::create_access);
    s.op(op::GetAccessPoint, access_point::get_access_point)
        .access(|scope, i| on_point(scope, &i.account_id, &i.name));
    s.op(op::DeleteAccessPoint, access_point::delete_access_point)
        .access(|scope, i| on_point(scope, &i.account_id, &i.name));
    s.op(op::ListAccessPoints, access_point::list_access_points).access(|_, _| Ok(Access::any()));
    s.op(op::PutAccessPointPolicy, policy::put_access_point_policy)
        .access(|scope, i| on_point(scope, &i.account_id, &i.name));
    s.op(op::GetAccessPointPolicy, policy::get_access_point_policy)
        .access(|scope, i| on_point(scope, &i.account_id, &i.name));
    s.op(op::DeleteAccessPointPolicy, policy::delete_access_point_policy)
        .access(|scope, i| on_point(scope, &i.account_id, &i.name));
    s.op(op::GetAccessPointPolicyStatus, policy::get_access_point_policy_status)
        .access(|scope, i| on_point(scope, &i.account_id, &i.name));
    s.build()
}
