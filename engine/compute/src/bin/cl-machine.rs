//! The executable whose roles the tests of this crate use, as `cloudlet` is that of the cloud. By itself it only
//! makes trouble: `cl-machine churn <data> <tag>` creates, starts, stops and removes machines until it is killed.

use std::process::ExitCode;

use compute::{Config, Engine, ImageId, MachineId, MachineSpec, Machines, Place, Seed};

fn main() -> ExitCode {
    if let Some(code) = compute::roles::run_if_role(std::env::args_os()) {
        return code;
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [verb, data, tag] if verb == "churn" => {
            churn(data, tag).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }
        _ => ExitCode::FAILURE,
    }
}

#[tokio::main]
async fn churn(data: &str, tag: &str) -> compute::Result<()> {
    let engine = Engine::open(Config::new(Place::new(data, tag)?)?).await?;
    loop {
        let rounds = (0..3).map(|n| round(&engine, n));
        for done in futures_util::future::join_all(rounds).await {
            done?;
        }
    }
}

async fn round(engine: &Engine, n: u32) -> compute::Result<()> {
    let id = MachineId::new(format!("churn-{n}"))?;
    engine
        .ensure_created(MachineSpec {
            id: id.clone(),
            image: ImageId::host(),
            vcpus: 1,
            memory_bytes: 64 << 20,
            hostname: "churn".to_owned(),
            namespace: None,
            seed: Seed::default(),
            root: None,
            kind: compute::Kind::Container,
        })
        .await?;
    engine.ensure_running(&id).await?;
    engine.stop(&id, 1_000).await?;
    engine.ensure_running(&id).await?;
    engine.remove(&id).await
}
