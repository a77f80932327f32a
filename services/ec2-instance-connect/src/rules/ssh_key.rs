//! Which keys and users are taken, and what is done with them inside of a guest.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Millis, Result};

use crate::errors;

/// How long a key lets its holder in.
pub const LIFE_MS: Millis = 60_000;
/// Of one instance at a time.
pub const KEYS_MAX: usize = 20;
/// How a guest says that it has no such user (`EX_NOUSER` of `sysexits.h`).
pub const NO_USER: i32 = 67;

const KINDS: [&str; 2] = ["ssh-rsa", "ssh-ed25519"];
const USER_CHARS_MAX: usize = 32;
/// Marks lines of `authorized_keys` as ours, before their id. Init of the guests that have ours looks for it at a boot.
const MARK: &str = "cloudlet-key-";

/// As root: does something as the user who is named first.
const AS_USER: &str =
    r#"id "$1" >/dev/null 2>&1 || exit 67; exec su -s /bin/sh -c "$2" "$1" sh "$3" "$4" "$5""#;
/// As the user: adds a key under a mark. Since OpenSSH reads times in the guest's own zone, the guest says when it ends.
const ADMIT: &str = r#"umask 077; cd && mkdir -p .ssh && f=.ssh/authorized_keys || exit 1
[ -s $f ] && [ -n "$(tail -c 1 $f)" ] && echo >> $f
[ -x /usr/sbin/sshd ] && ends="expiry-time=\"$(date -d @$(($(date +%s) + $3)) +%Y%m%d%H%M%S)\" "
printf '%s%s %s\n' "$ends" "$1" "$2" >> $f"#;
/// As the user: takes the key under a mark away. Through a second file, so that a full disk costs no other key.
const FORGET: &str = r#"cd && f=.ssh/authorized_keys && [ -f $f ] || exit 0
sed "/ $1\$/d" $f > $f.$1 && chmod --reference=$f $f.$1 && mv $f.$1 $f || { rm -f $f.$1; exit 1; }"#;

/// The command that lets the holder of `key` (`ssh-ed25519 AAAA…`) in.
pub fn admit(user: &str, key: &str, id: &str) -> Vec<String> {
    command(user, ADMIT, [key, &mark(id), &(LIFE_MS / 1_000).to_string()])
}

/// The command that lets them in no more.
pub fn forget(user: &str, id: &str) -> Vec<String> {
    command(user, FORGET, [&mark(id), "", ""])
}

fn command(user: &str, script: &str, args: [&str; 3]) -> Vec<String> {
    let head = ["/bin/sh", "-c", AS_USER, "sh", user, script];
    head.into_iter().chain(args).map(str::to_owned).collect()
}

fn mark(id: &str) -> String {
    format!("{MARK}{id}")
}

/// A key as one line without a comment.
///
/// # Errors
/// `InvalidArgsException` for what is no key that AWS takes.
pub fn check_key(text: &str) -> Result<String> {
    let text = text.trim();
    let body: String = if text.starts_with("---- BEGIN SSH2 PUBLIC KEY ----") {
        text.lines().filter(|line| !line.starts_with("----") && !line.contains(':')).map(str::trim).collect()
    } else {
        let mut words = text.split_whitespace();
        words.next().filter(|kind| KINDS.contains(kind)).and(words.next()).unwrap_or_default().to_owned()
    };
    let kind = STANDARD.decode(&body).ok().and_then(|blob| {
        // The blob begins with its kind, after a length of four bytes (RFC 4253 section 6.6).
        KINDS.into_iter().find(|kind| {
            let length = u32::try_from(kind.len()).unwrap_or(0).to_be_bytes();
            blob.strip_prefix(&length)
                .is_some_and(|rest| rest.len() > kind.len() && rest.starts_with(kind.as_bytes()))
        })
    });
    let kind = kind.ok_or_else(|| errors::arguments("The key is no public key of RSA or ED25519."))?;
    Ok(format!("{kind} {body}"))
}

/// # Errors
/// `InvalidArgsException` for what breaks the model's pattern.
pub fn check_user(name: &str) -> Result<()> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b'.' | b'_' | b'-');
    // What ends in a dollar sign is a computer (useradd(8)).
    let body = name.strip_suffix('$').unwrap_or(name).as_bytes();
    let begins = body.first().is_some_and(|first| first.is_ascii_alphanumeric() || *first == b'_');
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    if begins && !is_number && name.len() <= USER_CHARS_MAX && body.iter().all(|byte| word(*byte)) {
        return Ok(());
    }
    Err(errors::arguments(format!("{name} is not the name of a user of an operating system.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJgzuSaFtTx3ylO5/RMqTcYDXuVPVcmz8YE4HQFBJcZy";

    #[test]
    fn keys_lose_their_comment_and_others_are_refused() {
        assert_eq!(check_key(&format!("{ED25519} me@host\n")).unwrap(), ED25519);
        let body = ED25519.split(' ').nth(1).unwrap();
        let other = format!(
            "---- BEGIN SSH2 PUBLIC KEY ----\nComment: \"x\"\n{body}\n---- END SSH2 PUBLIC KEY ----\n"
        );
        assert_eq!(check_key(&other).unwrap(), ED25519);
        let disguised = format!("command=\"sh\" {ED25519}");
        let dss = format!("ssh-dss {body}");
        for bad in ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 !!", &disguised, &dss] {
            assert_eq!(check_key(bad).unwrap_err().code(), "InvalidArgsException", "{bad}");
        }
    }

    #[test]
    fn users_are_named_as_the_model_has_it() {
        for good in ["root", "ec2-user", "a", "_x", "Machine$", "12ab", "a.b@c"] {
            check_user(good).unwrap();
        }
        for bad in ["", "-a", "a b", "1234", "$", "a$b", "a;b", "x/../y", &"a".repeat(33), "a\nb"] {
            assert_eq!(check_user(bad).unwrap_err().code(), "InvalidArgsException", "{bad}");
        }
    }

    #[test]
    fn scripts_do_what_they_say_to_files() {
        let home = std::env::temp_dir().join(format!("cl-ssh-key-{}", std::process::id()));
        let run = |script: &str, args: [&str; 3]| {
            let mut shell = std::process::Command::new("/bin/sh");
            shell.args(["-c", script, "sh"]).args(args).env("HOME", &home);
            assert!(shell.status().unwrap().success());
        };
        std::fs::create_dir_all(home.join(".ssh")).unwrap();
        let file = home.join(".ssh/authorized_keys");
        std::fs::write(&file, "ssh-rsa OWN me").unwrap();
        run(ADMIT, [ED25519, "cloudlet-key-1", "60"]);
        run(ADMIT, [ED25519, "cloudlet-key-12", "60"]);
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "ssh-rsa OWN me");
        assert!(lines[1].ends_with(&format!("{ED25519} cloudlet-key-1")), "{text}");
        run(FORGET, ["cloudlet-key-1", "", ""]);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.lines().count() == 2 && text.ends_with("cloudlet-key-12\n"), "{text}");
        run(FORGET, ["cloudlet-key-12", "", ""]);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "ssh-rsa OWN me\n");
        assert_eq!(std::fs::read_dir(home.join(".ssh")).unwrap().count(), 1);
        std::fs::remove_dir_all(&home).unwrap();
    }
}
