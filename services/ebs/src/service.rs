//! The contents page of the EBS direct APIs.

use std::sync::Arc;

use api_ebs::op;
use kernel::snapshot_blocks::SnapshotDesk;
use kernel::{Plugs, Service, ServiceBuilder};

use crate::ops::{snapshot_block as block, snapshot_write as write};

const SWEEP_EVERY_MS: i64 = 3_600_000;

pub fn service(plugs: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&api_ebs::SERVICE);
    s.own(plugs.get::<Arc<SnapshotDesk>>());
    // reading
    s.op(op::ListSnapshotBlocks, block::list_snapshot_blocks).access(|s, i| block::access(s, &i.snapshot_id));
    s.op(op::ListChangedBlocks, block::list_changed_blocks).access(block::changed_access);
    s.op(op::GetSnapshotBlock, block::get_snapshot_block).access(|s, i| block::access(s, &i.snapshot_id));
    // writing
    s.op(op::StartSnapshot, write::start_snapshot).access(write::start_access);
    s.op(op::PutSnapshotBlock, write::put_snapshot_block).access(|s, i| block::access(s, &i.snapshot_id));
    s.op(op::CompleteSnapshot, write::complete_snapshot).access(|s, i| block::access(s, &i.snapshot_id));
    s.sweep("ebs/leftover", SWEEP_EVERY_MS, write::sweep);
    s.build()
}
