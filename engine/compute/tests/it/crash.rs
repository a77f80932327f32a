//! The engine dies at any moment, and nothing is lost or left.

use std::process::{Command, Stdio};
use std::time::Duration;

use compute::{Changed, Engine, ExitReason, Machines, Observed};

use crate::lab::{self, Lab};

/// Deaths per run.
const DEATHS: u64 = 15;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_engine_adopts_what_runs_and_buries_what_died() {
    for lab in Lab::each("adopt").await {
        let (lives, dies) = (lab.run("lives").await, lab.run("dies").await);
        let Observed::Running { pid, .. } = lab.engine.observe(&lives).await.unwrap() else { panic!() };
        let again = Engine::open(lab.config.clone()).await.unwrap();
        assert!(
            matches!(again.observe(&lives).await.unwrap(), Observed::Running { pid: same, .. } if same == pid)
        );
        let mut events = again.events();
        lab::kill_shim_of(&lab, &dies);
        let reason = lab.ended(&dies).await;
        assert_eq!(reason, ExitReason::Failed("its shim died".to_owned()));
        while events.recv().await.unwrap() != Changed(dies.clone()) {}
        again.stop(&lives, 20_000).await.unwrap();
        assert_eq!(lab.ended(&lives).await, ExitReason::PoweredOff);
        again.ensure_running(&dies).await.unwrap();
        let removed = again.sweep(std::slice::from_ref(&dies)).await.unwrap();
        assert_eq!(removed, [lives]);
        again.sweep(&[]).await.unwrap();
        lab.assert_nothing_left();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_killed_at_any_moment_leave_what_the_next_one_can_clear() {
    let Some(lab) = Lab::new("churn").await else { return };
    lab.run("first").await;
    lab.engine.sweep(&[]).await.unwrap();
    let place = &lab.config.place;
    for death in 0..DEATHS {
        let mut churn = Command::new(&lab.config.exe)
            .arg("churn")
            .args([&place.data.display().to_string(), &place.tag])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        // Spread over everything a round does, a different moment each time.
        tokio::time::sleep(Duration::from_millis(20 + death * 37 % 400)).await;
        churn.kill().unwrap();
        churn.wait().unwrap();
        let next = Engine::open(lab.config.clone()).await.unwrap();
        for id in next.list().await.unwrap() {
            // Whatever it was in the middle of can be done again, and to its end.
            next.ensure_running(&id).await.unwrap();
            assert!(next.observe(&id).await.unwrap().is_running());
        }
        next.sweep(&[]).await.unwrap();
        lab.assert_nothing_left();
    }
}
