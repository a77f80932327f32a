//! Real machines, booted, used and removed. Each test has its own place; without root all are skipped, aloud.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot go on panics"
)]

mod crash;
mod disk;
mod lab;
mod micro;
mod oci;
mod seed;

use std::time::{Duration, Instant};

use compute::{Driver, Error, ExitReason, Kind, Machines, Observed};
use lab::Lab;

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_boots_runs_commands_and_leaves_nothing() {
    for lab in Lab::each("boot").await {
        let id = lab.create("m").await;
        let begun = Instant::now();
        lab.engine.ensure_running(&id).await.unwrap();
        eprintln!("{:?}: ensure_running: {:?}", lab.kind, begun.elapsed());
        lab.engine.ensure_running(&id).await.unwrap();
        let id_of_root = lab.sh(&id, "id -u; hostname; cat /proc/1/cmdline | tr '\\0' ' '").await;
        assert_eq!(id_of_root, "0\nm\n/usr/lib/cloudlet/init __guest-init ");
        eprintln!("{:?}: answers: {:?}", lab.kind, begun.elapsed());
        lab.console_has(&id, "first instruction at").await;
        lab.engine.remove(&id).await.unwrap();
        assert_eq!(lab.engine.observe(&id).await.unwrap(), Observed::Absent);
        lab.assert_nothing_left();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn power_off_inside_ends_it_and_its_disk_survives() {
    for lab in Lab::each("off").await {
        let id = lab.run("m").await;
        lab.sh(&id, "echo kept > /root/note; echo also > /usr/local/note").await;
        lab.go(&id, "poweroff").await;
        assert_eq!(lab.ended(&id).await, ExitReason::PoweredOff);
        lab.engine.ensure_running(&id).await.unwrap();
        assert_eq!(lab.sh(&id, "cat /root/note /usr/local/note").await, "kept\nalso\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reboot_inside_and_from_outside_keeps_it_running() {
    for lab in Lab::each("again").await {
        let id = lab.run("m").await;
        lab.sh(&id, "echo kept > /root/note").await;
        lab.go(&id, "reboot").await;
        lab.boots(&id, 2).await;
        assert_eq!(lab.sh(&id, "cat /root/note").await, "kept\n");
        lab.engine.reboot(&id, 20_000).await.unwrap();
        lab.boots(&id, 3).await;
        lab.go(&id, "reboot -f").await;
        lab.boots(&id, 4).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_is_gentle_and_kill_is_not() {
    for lab in Lab::each("stop").await {
        let id = lab.run("m").await;
        lab.console_has(&id, "first instruction").await;
        let begun = Instant::now();
        lab.engine.stop(&id, 20_000).await.unwrap();
        assert_eq!(lab.ended(&id).await, ExitReason::PoweredOff);
        assert!(lab.console(&id).await.contains("switching off"));
        let longest = if lab.kind == Kind::MicroVm { 15 } else { 5 };
        assert!(begun.elapsed() < Duration::from_secs(longest), "{:?}", begun.elapsed());
        lab.engine.stop(&id, 10_000).await.unwrap();
        // One that has hardly begun hears it too: a container at once, a kernel when it is up.
        let begun = Instant::now();
        lab.engine.ensure_running(&id).await.unwrap();
        lab.engine.stop(&id, 60_000).await.unwrap();
        let longest = if lab.kind == Kind::MicroVm { 40 } else { 3 };
        assert!(begun.elapsed() < Duration::from_secs(longest), "{:?}", begun.elapsed());

        lab.engine.ensure_running(&id).await.unwrap();
        lab.engine.kill(&id).await.unwrap();
        assert_eq!(lab.ended(&id).await, ExitReason::Killed);
        lab.engine.kill(&id).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_seen_and_hold_inside() {
    for lab in Lab::each("limit").await {
        let id = lab.run("m").await;
        assert_eq!(lab.sh(&id, "nproc").await, "1\n");
        let stats = lab.engine.stats(&id).await.unwrap();
        assert_eq!(stats.memory_bytes_max, 256 << 20);
        assert!(stats.memory_bytes > 0 && stats.cpu_ns > 0 && stats.tasks > 0, "{stats:?}");
        let greedy = ["python3", "-c", "x = bytearray(600 << 20)"].map(str::to_owned).to_vec();
        let output = lab.engine.exec(&id, greedy, 60_000).await.unwrap();
        // A container is let have it, and ended; a guest's kernel knows that there is not so much.
        assert_eq!(output.code, if lab.kind == Kind::MicroVm { 1 } else { 137 }, "{output:?}");
        assert!(lab.engine.observe(&id).await.unwrap().is_running());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_is_out_of_reach() {
    let Some(lab) = Lab::new("wall").await else { return };
    let id = lab.run("m").await;
    // Root here is nobody there.
    assert_eq!(lab.sh(&id, "cut -c1-33 /proc/self/uid_map | tr -s ' '").await, " 0 100000 65536\n");
    for forbidden in [
        "cat /proc/kcore | head -c1 | grep -q .",
        "echo b > /proc/sysrq-trigger",
        "mknod /dev/x b 8 0",
        "date -s 2000-01-01 >/dev/null",
        "echo 1 > /proc/sys/kernel/panic",
        "umount /usr/lib/cloudlet/init",
        "mount -o remount,rw /usr/lib/cloudlet/init",
        "echo x >> /usr/lib/cloudlet/init",
        "echo 1000000000 > /sys/fs/cgroup/memory/memory.limit_in_bytes",
        "ls /root/.pyenv /home/* | grep -v ec2-user | grep -q pyenv",
    ] {
        let argv = ["/bin/sh", "-c", forbidden].map(str::to_owned).to_vec();
        let output = lab.engine.exec(&id, argv, 5_000).await.unwrap();
        assert_ne!(output.code, 0, "{forbidden}: {output:?}");
    }
    assert_eq!(
        lab.sh(&id, "grep Seccomp: /proc/1/status /proc/self/status | tr -dc '0-9\n:'").await,
        "1::2\n::2\n"
    );
    assert_eq!(
        lab.sh(&id, "ls -A /home /opt /srv /mnt").await,
        "/home:\nec2-user\n\n/mnt:\n\n/opt:\n\n/srv:\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once() {
    let Some(lab) = Lab::new("many").await else { return };
    // The first start waits for the self-test, which is not what this measures.
    lab.run("first").await;
    let begun = Instant::now();
    let all = futures_util::future::join_all((0..20).map(|n| {
        let lab = &lab;
        async move {
            let asked = lab::now_ms();
            let id = lab.run(&format!("m{n}")).await;
            lab.console_has(&id, "first instruction at").await;
            let said = lab.console(&id).await;
            let first: u64 = said
                .split("first instruction at ")
                .nth(1)
                .unwrap()
                .split_whitespace()
                .next()
                .unwrap()
                .parse()
                .unwrap();
            first - asked
        }
    }))
    .await;
    let took = begun.elapsed();
    let begun_again = Instant::now();
    drop(compute::Engine::open(lab.config.clone()).await.unwrap());
    eprintln!("opened again beside 21 machines within {:?}", begun_again.elapsed());
    eprintln!("20 at once within {took:?}; first instructions after ms: {all:?}");
    lab.engine.sweep(&[]).await.unwrap();
    lab.assert_nothing_left();
    let mut alone = Vec::new();
    for n in 0..10 {
        let id = lab.create(&format!("s{n}")).await;
        let asked = lab::now_ms();
        lab.engine.ensure_running(&id).await.unwrap();
        lab.console_has(&id, "first instruction at").await;
        let said = lab.console(&id).await;
        let first: u64 = said
            .split("first instruction at ")
            .nth(1)
            .unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .parse()
            .unwrap();
        alone.push(first - asked);
    }
    alone.sort_unstable();
    eprintln!("one by one, first instruction after ms: {alone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn runc_does_as_well() {
    let Some(lab) = Lab::with("runc", |config| config.drivers = vec![Driver::Runc]).await else { return };
    let id = lab.create("m").await;
    match lab.engine.ensure_running(&id).await {
        Err(Error::Host(reason)) if reason.contains("No such file") => {
            eprintln!("SKIPPED: no runc here");
            return;
        }
        done => done.unwrap(),
    }
    assert_eq!(lab.engine.capabilities().driver, Some(Driver::Runc));
    assert_eq!(lab.sh(&id, "id -u; grep Seccomp: /proc/1/status | tr -dc '0-9\\n'").await, "0\n2\n");
    lab.go(&id, "reboot").await;
    lab.boots(&id, 2).await;
    lab.engine.stop(&id, 5_000).await.unwrap();
    assert_eq!(lab.ended(&id).await, ExitReason::PoweredOff);
    lab.engine.remove(&id).await.unwrap();
    lab.assert_nothing_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_fails_its_self_test_gives_way_to_the_next() {
    let drivers = vec![Driver::Fake, Driver::Container];
    let Some(lab) = Lab::with("next", |config| config.drivers = drivers).await else { return };
    lab.engine.tested().await;
    assert_eq!(lab.engine.capabilities().driver, Some(Driver::Container));
    let id = lab.run("m").await;
    lab.engine.remove(&id).await.unwrap();
    lab.assert_nothing_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_machine_costs_little_memory() {
    let Some(lab) = Lab::new("thin").await else { return };
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(lab.run(&format!("m{n}")).await);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (mut inits, mut shims) = (0, 0);
    for id in &ids {
        let Observed::Running { pid, .. } = lab.engine.observe(id).await.unwrap() else { panic!() };
        inits += lab::memory_kib(&pid.to_string(), "Pss:");
        shims += lab::memory_kib(&lab::shim_of(&lab, id).unwrap(), "Pss:");
    }
    eprintln!(
        "of 10 machines, proportional set size of each: init {} KiB, shim {} KiB",
        inits / 10,
        shims / 10
    );
    assert!((inits + shims) / 10 <= 4096);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_working_runtime_the_engine_opens_and_says_why_nothing_starts() {
    let Some(lab) = Lab::with("none", |config| config.drivers.clear()).await else { return };
    let id = lab.create("m").await;
    lab.engine.tested().await;
    assert_eq!(lab.engine.capabilities().driver, None);
    let refused = lab.engine.ensure_running(&id).await;
    assert!(matches!(refused, Err(Error::Host(_))), "{refused:?}");
    assert_eq!(lab.engine.observe(&id).await.unwrap(), Observed::Created);
}
