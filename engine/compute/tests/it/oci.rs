//! Images that have nothing of what our executable is linked to, where a loader would look for it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use compute::{Engine, ExitReason, ImageId, Kind, MachineId, MachineSpec, Machines, OciImages, Seed};

use crate::lab::Lab;
use crate::seed::{Net, SERVICE, serve};

/// How programs are run that find nothing by themselves.
const LOADER: [&str; 3] = ["/odd/loader", "--library-path", "/odd"];

fn output_of(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Writes an archive as `docker save` does, of an image with a shell and `cat` in an odd place and nothing else: neither
/// libraries nor a loader, no shell that scripts would find, no users.
fn write_image(to: &Path) -> PathBuf {
    let (root, saved) = (to.join("root"), to.join("saved"));
    for folder in [root.join("odd"), root.join("bin"), saved.clone()] {
        std::fs::create_dir_all(folder).unwrap();
    }
    for program in ["/bin/dash", "/bin/cat"] {
        let libraries = output_of(Command::new("ldd").arg(program));
        let paths = libraries.split_whitespace().filter(|word| word.starts_with('/'));
        for path in paths.chain([program]).map(Path::new) {
            let name = path.file_name().unwrap().to_str().unwrap();
            let name = if name.starts_with("ld-") { "loader" } else { name };
            std::fs::copy(path, root.join("odd").join(name)).unwrap();
        }
    }
    std::fs::write(root.join("bin/reboot"), "another's").unwrap();
    output_of(Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(saved.join("layer.tar")).arg("."));
    let sum = output_of(Command::new("sha256sum").arg(saved.join("layer.tar")));
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let config = format!(
        r#"{{"architecture":"{architecture}","os":"linux","rootfs":{{"type":"layers","diff_ids":["sha256:{}"]}}}}"#,
        sum.split_whitespace().next().unwrap()
    );
    std::fs::write(saved.join("config.json"), config).unwrap();
    let manifest = r#"[{"Config":"config.json","Layers":["layer.tar"]}]"#;
    std::fs::write(saved.join("manifest.json"), manifest).unwrap();
    saved
}

/// Imports the image into a lab, and says how it is called there.
fn import(lab: &Lab, name: &str) -> ImageId {
    let folder = tempfile::tempdir().unwrap();
    let images = OciImages::new(lab.config.place.clone());
    let _ = images.remove(name);
    let saved = write_image(folder.path());
    let progress: compute::Progress = Arc::new(|_: f32, _: &str| {});
    images.import(&saved, name, &lab.config.exe, &progress).unwrap();
    ImageId(format!("oci-{name}"))
}

async fn run(lab: &Lab, engine: &Engine, spec: MachineSpec) -> MachineId {
    let id = spec.id.clone();
    engine.ensure_created(MachineSpec { kind: lab.kind, ..spec }).await.unwrap();
    engine.ensure_running(&id).await.unwrap();
    id
}

async fn odd(lab: &Lab, id: &MachineId, command: &[&str]) -> String {
    let argv = LOADER.iter().chain(command).map(ToString::to_string).collect();
    let output = lab.engine.exec(id, argv, 60_000).await.unwrap();
    assert_eq!(output.code, 0, "{command:?}: {output:?}\n{}", lab.console(id).await);
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_without_our_libraries_boots_and_goes_down() {
    for lab in Lab::each("odd").await {
        let making = Lab::making();
        let image = import(&lab, "odd");
        drop(making);
        let id = run(&lab, &lab.engine, MachineSpec { image, ..Lab::spec("m") }).await;
        lab.console_has(&id, "first instruction at").await;
        let init = odd(&lab, &id, &["/odd/cat", "/proc/1/cmdline", "/proc/sys/kernel/hostname"]).await;
        assert_eq!(init, "/usr/lib/cloudlet/init\0__guest-init\0m\n");
        // Nothing of the host's is where an image would have it.
        odd(
            &lab,
            &id,
            &["/odd/dash", "-c", "for at in /lib /lib64 /usr/lib/*-gnu; do test ! -e $at || exit 1; done"],
        )
        .await;
        lab.go(&id, "/bin/reboot").await;
        lab.boots(&id, 2).await;
        lab.engine.reboot(&id, 20_000).await.unwrap();
        lab.boots(&id, 3).await;
        assert_eq!(odd(&lab, &id, &["/odd/cat", "/proc/sys/kernel/hostname"]).await, "m\n");
        lab.go(&id, "poweroff").await;
        assert_eq!(lab.ended(&id).await, ExitReason::PoweredOff);
        lab.engine.remove(&id).await.unwrap();
        OciImages::new(lab.config.place.clone()).remove("odd").unwrap();
        lab.assert_nothing_left();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_keeps_its_init_when_the_executable_changes() {
    let Some(lab) = Lab::new("odd2").await else { return };
    let image = import(&lab, "odd");
    let old = run(&lab, &lab.engine, MachineSpec { image: image.clone(), ..Lab::spec("old") }).await;
    for write in ["echo x > /usr/lib/cloudlet/init", "echo x > /usr/lib/cloudlet/more"] {
        let argv = LOADER.iter().chain(&["/odd/dash", "-c", write]).map(ToString::to_string).collect();
        assert_ne!(lab.engine.exec(&old, argv, 5_000).await.unwrap().code, 0, "{write}");
    }
    let mut config = lab.config.clone();
    config.exe = config.place.data.join("next");
    std::fs::copy(&lab.config.exe, &config.exe).unwrap();
    let next = Engine::open(config.clone()).await.unwrap();
    let new = run(&lab, &next, MachineSpec { image: image.clone(), ..Lab::spec("new") }).await;
    odd(&lab, &new, &["/odd/cat", "/proc/sys/kernel/hostname"]).await;
    let versions = || {
        let entries = std::fs::read_dir(config.place.data.join("images/program")).unwrap().flatten();
        entries.filter(|entry| entry.path().is_dir()).count()
    };
    assert_eq!(versions(), 2);
    lab.go(&old, "reboot").await;
    lab.boots(&old, 2).await;
    lab.go(&old, "poweroff").await;
    assert_eq!(lab.ended(&old).await, ExitReason::PoweredOff);
    // With yet another one those go that nobody has any more.
    config.exe = config.place.data.join("last");
    std::fs::copy(&lab.config.exe, &config.exe).unwrap();
    let last = Engine::open(config.clone()).await.unwrap();
    run(&lab, &last, MachineSpec { image, ..Lab::spec("last") }).await;
    assert_eq!(versions(), 2);
    lab.go(&new, "poweroff").await;
    assert_eq!(lab.ended(&new).await, ExitReason::PoweredOff);
}

#[tokio::test(flavor = "multi_thread")]
async fn user_data_runs_by_what_the_image_has() {
    let Some(lab) = Lab::new("odd3").await else { return };
    let image = import(&lab, "odd");
    for (name, script, said) in [
        ("cltestodd1", "#!/odd/loader /odd/dash\necho \"$((6 * 7)) is said\"\n", "42 is said"),
        ("cltestodd2", "#!/bin/sh -e\necho said\n", "this image has no /bin/sh; its user data was not run"),
        ("cltestodd3", "#cloud-config\nhostname: other\nruncmd: [true]\n", "this image has no /bin/sh"),
    ] {
        let net = Net::new(name);
        let service =
            tokio::spawn(serve(net.listen(), true, "ssh-ed25519 AAAA".to_owned(), script.to_owned()));
        let mut spec = MachineSpec { image: image.clone(), kind: Kind::Container, ..Lab::spec(name) };
        spec.namespace = Some(net.path());
        // What is meant for its programs does not lead our init astray.
        let env = vec![("LD_LIBRARY_PATH".to_owned(), "/odd".to_owned())];
        spec.seed = Seed { metadata: Some(format!("http://{SERVICE}")), env, ..Seed::default() };
        let id = run(&lab, &lab.engine, spec).await;
        lab.console_has(&id, said).await;
        let keys = odd(&lab, &id, &["/odd/cat", "/root/.ssh/authorized_keys"]).await;
        assert_eq!(keys, "ssh-ed25519 AAAA\n");
        lab.engine.stop(&id, 10_000).await.unwrap();
        assert_eq!(lab.ended(&id).await, ExitReason::PoweredOff);
        service.abort();
    }
}
