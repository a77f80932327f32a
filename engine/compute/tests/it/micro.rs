//! Machines with a kernel of their own, in what only they have.

use std::time::Instant;

use compute::{ExitReason, ImageId, MachineSpec, Machines};

use crate::lab::Lab;

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_of_its_own_is_seen_and_its_panic_is_told() {
    let Some(lab) = Lab::micro("panic").await else { return };
    let id = lab.create("m").await;
    let begun = Instant::now();
    lab.engine.ensure_running(&id).await.unwrap();
    let started = begun.elapsed();
    let kernel = lab.sh(&id, "cat /proc/sys/kernel/osrelease").await;
    eprintln!(
        "runs after {started:?}, answers after {:?} by {:?}",
        begun.elapsed(),
        lab.engine.capabilities().micro_vms
    );
    assert_ne!(kernel, std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap());
    let memory: u64 = lab.sh(&id, "grep MemTotal /proc/meminfo | tr -dc 0-9").await.trim().parse().unwrap();
    assert!((190 << 10..256 << 10).contains(&memory), "{memory} KiB");
    // Who is not QEMU's guest is nobody to it: it runs as the machines' root, not as the host's.
    let Some(pid) = lab.engine.observe(&id).await.ok().and_then(|observed| pid_of(&observed)) else {
        panic!("it does not run")
    };
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(status.contains("\nUid:\t100000\t100000\t"), "{status}");
    assert!(status.contains("\nSeccomp:\t2\n"), "{status}");

    let panic = ["sh", "-c", "echo c > /proc/sysrq-trigger"].map(str::to_owned).to_vec();
    let _ = lab.engine.exec(&id, panic, 10_000).await;
    assert_eq!(lab.ended(&id).await, ExitReason::Failed("its kernel panicked".to_owned()));
}

fn pid_of(observed: &compute::Observed) -> Option<u32> {
    match observed {
        compute::Observed::Running { pid, .. } => Some(*pid),
        _ => None,
    }
}

/// Needs a Debian mirror, hence by request only.
#[tokio::test(flavor = "multi_thread")]
async fn debian_boots_with_our_init() {
    if std::env::var_os("CLOUDLET_TEST_DEBIAN").is_none() {
        eprintln!("SKIPPED: set CLOUDLET_TEST_DEBIAN=1 to build and boot Debian 12");
        return;
    }
    let Some(lab) = Lab::micro("mdeb").await else { return };
    let spec = MachineSpec { kind: lab.kind, image: ImageId::debian_12(), ..Lab::spec("m") };
    let id = spec.id.clone();
    lab.engine.ensure_created(spec).await.unwrap();
    let begun = Instant::now();
    lab.engine.ensure_running(&id).await.unwrap();
    let seen = lab.sh(&id, ". /etc/os-release; echo $VERSION_CODENAME; id -un debian; ls /home").await;
    assert_eq!(seen, "bookworm\ndebian\ndebian\n");
    lab.sh(&id, "for i in $(seq 100); do test -e /run/sshd && exit; sleep 0.1; done; exit 1").await;
    eprintln!("ssh after {:?}", begun.elapsed());
    lab.go(&id, "poweroff").await;
    assert_eq!(lab.ended(&id).await, ExitReason::PoweredOff);
}
