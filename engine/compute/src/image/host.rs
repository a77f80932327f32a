//! The image `host`: the host's programs and libraries under a fresh `/etc`, `/var`, `/home` and `/root`, with
//! nothing that belongs to anybody. It takes milliseconds and no download.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use crate::error::{Result, Trying};
use crate::image::{Layers, Over, draft, failed};
use crate::place::remove_tree;

/// Rises when what is written below changes; machines keep the version they were made from.
const VERSION: &str = "host-2";
/// The folders of programs and libraries on a host whose `/bin` and `/lib` are not links into `/usr`.
const PROGRAMS: [&str; 7] = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/// The login of people, with the home folder of this name.
const USER: (&str, u32) = ("ec2-user", 1000);
/// Where our own executable appears in a machine, the folder that it has there, and its other names.
pub(crate) const INIT_FOLDER: &str = "/usr/lib/cloudlet";
pub(crate) const INIT: &str = "/usr/lib/cloudlet/init";
const POWER_PROGRAMS: [&str; 4] = ["poweroff", "reboot", "halt", "shutdown"];

const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
sys:x:3:3:sys:/dev:/usr/sbin/nologin
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
_apt:x:42:65534::/nonexistent:/usr/sbin/nologin
sshd:x:100:65534::/run/sshd:/usr/sbin/nologin
ec2-user:x:1000:1000::/home/ec2-user:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
";
const GROUP: &str = "\
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:ec2-user
tty:x:5:
disk:x:6:
mail:x:8:
sudo:x:27:ec2-user
www-data:x:33:
utmp:x:43:
shadow:x:42:
users:x:100:
ec2-user:x:1000:
nogroup:x:65534:
";
const SSHD_CONFIG: &str = "\
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
";
/// Who logs in may do everything, with root's programs at hand.
const SUDOERS: &str = "Defaults secure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"
root ALL=(ALL:ALL) ALL
ec2-user ALL=(ALL:ALL) NOPASSWD:ALL
";
/// Enough of PAM for `login`, `sudo` and whoever else asks: what a password allows.
const PAM: &str = "\
auth required pam_unix.so
account required pam_unix.so
session required pam_unix.so
password required pam_unix.so
";
/// Programs that root runs to become somebody else, and need not ask: `login` is run by root too, and must.
const PAM_OF_ROOT: [&str; 4] = ["su", "su-l", "runuser", "runuser-l"];
const PROFILE: &str = "\
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
[ \"$PS1\" ] && PS1='\\u@\\h:\\w\\$ '
";

/// Prepares the image, if need be, and says how to put it together.
pub(crate) fn ensure(images: &Path) -> Result<Layers> {
    let folder = images.join(VERSION);
    if !folder.is_dir() {
        let fresh = draft(&folder);
        remove_tree(&fresh)?;
        write_root(&fresh.join("root")).map_err(|error| failed("host", error.to_string()))?;
        write_power(&fresh.join("usr")).map_err(|error| failed("host", error.to_string()))?;
        // Somebody else may have been quicker; theirs is as good.
        if fs::rename(&fresh, &folder).is_err() && folder.is_dir() {
            remove_tree(&fresh)?;
        }
        fs::metadata(&folder).at("prepare", &folder)?;
    }
    let mut over = Vec::new();
    for name in own_folders() {
        let mut lower = vec![Path::new("/").join(name)];
        if name == "usr" {
            lower.insert(0, folder.join("usr"));
        }
        over.push(Over { at: name.to_owned(), lower });
    }
    Ok(Layers { root: folder.join("root"), over, init: Vec::new() })
}

/// Those of [`PROGRAMS`] that are folders of their own on this host.
fn own_folders() -> impl Iterator<Item = &'static str> {
    let is_folder =
        |name: &&str| fs::symlink_metadata(Path::new("/").join(name)).is_ok_and(|data| data.is_dir());
    PROGRAMS.into_iter().filter(is_folder)
}

fn write_root(root: &Path) -> io::Result<()> {
    for folder in [
        "dev",
        "etc",
        "home",
        "media",
        "mnt",
        "opt",
        "proc",
        "root",
        "run",
        "srv",
        "sys",
        "tmp",
        "var/cache",
        "var/lib/dpkg/info",
        "var/lib/cloudlet",
        "var/log",
        "var/mail",
        "var/spool",
        "var/tmp",
        "var/www",
    ] {
        fs::create_dir_all(root.join(folder))?;
    }
    for name in PROGRAMS {
        match fs::read_link(Path::new("/").join(name)) {
            Ok(target) => symlink(target, root.join(name))?,
            Err(_) if Path::new("/").join(name).is_dir() => fs::create_dir(root.join(name))?,
            Err(_) => {}
        }
    }
    symlink("/run", root.join("var/run"))?;
    symlink("/run/lock", root.join("var/lock"))?;
    set_mode(&root.join("tmp"), 0o1777)?;
    set_mode(&root.join("var/tmp"), 0o1777)?;
    set_mode(&root.join("root"), 0o700)?;
    let home = root.join("home").join(USER.0);
    fs::create_dir(&home)?;
    set_mode(&home, 0o755)?;
    chown(&home, Some(USER.1), Some(USER.1))?;
    write_etc(&root.join("etc"))
}

fn write_etc(etc: &Path) -> io::Result<()> {
    let shadow: String = PASSWD
        .lines()
        .filter_map(|line| line.split(':').next())
        .map(|name| format!("{name}:*:19000:0:99999:7:::\n"))
        .collect();
    for (name, text) in [
        ("passwd", PASSWD),
        ("group", GROUP),
        (
            "nsswitch.conf",
            "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n",
        ),
        ("hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"),
        ("resolv.conf", ""),
        ("fstab", ""),
        ("machine-id", ""),
        ("shells", "/bin/sh\n/bin/bash\n"),
        ("profile", PROFILE),
        ("login.defs", "UID_MIN 1000\nGID_MIN 1000\nENCRYPT_METHOD SHA512\n"),
        ("host.conf", "multi on\n"),
        ("timezone", "Etc/UTC\n"),
        ("ssh/sshd_config", SSHD_CONFIG),
        ("pam.d/other", PAM),
        ("sudoers", SUDOERS),
        ("ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n"),
    ] {
        let path = etc.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    for name in PAM_OF_ROOT {
        fs::write(etc.join("pam.d").join(name), format!("auth sufficient pam_rootok.so\n{PAM}"))?;
    }
    fs::write(etc.join("shadow"), shadow)?;
    set_mode(&etc.join("shadow"), 0o640)?;
    set_mode(&etc.join("sudoers"), 0o440)?;
    fs::create_dir_all(etc.join("dropbear"))?;
    symlink("../usr/lib/os-release", etc.join("os-release"))?;
    symlink("/usr/share/zoneinfo/Etc/UTC", etc.join("localtime"))?;
    symlink("/proc/self/mounts", etc.join("mtab"))?;
    copy_public(etc)
}

/// Takes over what the host's programs need and what is no secret anywhere: where libraries are, which certificate
/// authorities the distribution trusts, the registries of ports and protocols, which program stands for a name.
fn copy_public(etc: &Path) -> io::Result<()> {
    let host = Path::new("/etc");
    for name in ["ld.so.cache", "services", "protocols", "mime.types", "ssl/certs/ca-certificates.crt"] {
        let (from, to) = (host.join(name), etc.join(name));
        if from.is_file() {
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::copy(from, to)?;
        }
    }
    for folder in ["alternatives", "ld.so.conf.d"] {
        let to = etc.join(folder);
        fs::create_dir_all(&to)?;
        for entry in fs::read_dir(host.join(folder)).into_iter().flatten().flatten() {
            let into = to.join(entry.file_name());
            match fs::read_link(entry.path()) {
                Ok(target) if target.starts_with("/usr") || target.starts_with("/bin") => {
                    symlink(target, into)?;
                }
                Err(_) if folder == "ld.so.conf.d" => drop(fs::copy(entry.path(), into)?),
                _ => {}
            }
        }
    }
    Ok(())
}

/// A thin layer over `/usr` in which our init has its place and the programs that switch a machine off are ours:
/// the host's own would look for the init system of the host.
fn write_power(usr: &Path) -> io::Result<()> {
    let init = PathBuf::from(format!("{}{}", usr.display(), INIT.trim_start_matches("/usr")));
    if let Some(parent) = init.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&init, "")?;
    fs::create_dir_all(usr.join("sbin"))?;
    for name in POWER_PROGRAMS {
        symlink(INIT, usr.join("sbin").join(name))?;
    }
    Ok(())
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}
