//! Machines with a kernel of their own, in what only they have.

use std::time::Instant;

use compute::Machines;

use crate::lab::Lab;

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_of_its_own_boots_the_hosts_programs() {
    let Some(lab) = Lab::micro("mvm").await else { return };
    let begun = Instant::now();
    let id = lab.create("m").await;
    eprintln!("created after {:?}", begun.elapsed());
    let begun = Instant::now();
    lab.engine.ensure_running(&id).await.unwrap();
    eprintln!("runs after {:?} by {:?}", begun.elapsed(), lab.engine.capabilities().micro_vms);
    let seen = lab.sh(&id, "id -u; hostname; nproc; uname -r; grep MemTotal /proc/meminfo").await;
    eprintln!("answers after {:?}: {seen}", begun.elapsed());
    lab.engine.remove(&id).await.unwrap();
    lab.assert_nothing_left();
}
