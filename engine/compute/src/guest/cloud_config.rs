//! `#cloud-config` user data, as far as this init honours it: read here, done by `seed` (cloud-init's documentation,
//! "All cloud config examples"). What it does not honour it names.

use yaml_rust2::{Yaml, YamlLoader};

use crate::error::{Error, Result};

/// What a first line must be for all this.
pub(crate) const HEADER: &[u8] = b"#cloud-config";

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CloudConfig {
    pub hostname: Option<String>,
    pub users: Vec<User>,
    /// Of the image's own user.
    pub keys: Vec<String>,
    pub files: Vec<WriteFile>,
    /// A script of all commands; empty where there are none.
    pub script: String,
    /// Words for the console, about what is left out.
    pub notes: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct User {
    pub name: String,
    pub gecos: Option<String>,
    pub shell: Option<String>,
    pub groups: Vec<String>,
    pub sudo: Vec<String>,
    pub keys: Vec<String>,
    pub no_home: bool,
    pub system: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WriteFile {
    pub path: String,
    pub content: String,
    /// `content` is base64.
    pub encoded: bool,
    pub owner: Option<String>,
    pub mode: u32,
    pub append: bool,
}

const MODE_DEFAULT: u32 = 0o644;

/// # Errors
/// When it is not YAML, or not a mapping.
pub(crate) fn parse(data: &[u8]) -> Result<CloudConfig> {
    let text = String::from_utf8_lossy(data);
    let documents = YamlLoader::load_from_str(&text)
        .map_err(|error| Error::Spec(format!("the cloud-config is not YAML: {error}")))?;
    let mut config = CloudConfig::default();
    let Some(document) = documents.first().filter(|document| !document.is_null()) else { return Ok(config) };
    let Some(members) = document.as_hash() else {
        return Err(Error::Spec("the cloud-config is not a mapping".to_owned()));
    };
    for (key, value) in members {
        let key = key.as_str().unwrap_or_default();
        match key {
            "hostname" | "fqdn" => config.hostname = text_of(value).or(config.hostname),
            "users" => config.users = list(value).filter_map(user).collect(),
            "ssh_authorized_keys" => config.keys = texts(value),
            "write_files" => files(value, &mut config),
            "runcmd" => config.script = script(value),
            "packages" | "package_update" | "package_upgrade" => {
                config.notes.push(format!("{key} is left out: there are no package mirrors within reach"));
            }
            // They ask for what is so anyway.
            "preserve_hostname" | "manage_etc_hosts" | "disable_root" => {}
            other => config.notes.push(format!("{other} is left out: this image does not know it")),
        }
    }
    Ok(config)
}

fn list(value: &Yaml) -> impl Iterator<Item = &Yaml> {
    value.as_vec().into_iter().flatten()
}

/// A scalar as text.
fn text_of(value: &Yaml) -> Option<String> {
    match value {
        Yaml::String(text) | Yaml::Real(text) => Some(text.clone()),
        Yaml::Integer(number) => Some(number.to_string()),
        Yaml::Boolean(is) => Some(is.to_string()),
        _ => None,
    }
}

/// Of a list, or of one text alone.
fn texts(value: &Yaml) -> Vec<String> {
    match value {
        Yaml::Array(all) => all.iter().filter_map(text_of).collect(),
        one => text_of(one).into_iter().collect(),
    }
}

fn member<'a>(of: &'a Yaml, name: &str) -> Option<&'a Yaml> {
    of.as_hash()?.get(&Yaml::String(name.to_owned()))
}

/// None for `default`, the image's own user, who is there.
fn user(value: &Yaml) -> Option<User> {
    if let Some(name) = value.as_str() {
        return (name != "default").then(|| User { name: name.to_owned(), ..User::default() });
    }
    let text = |name: &str| member(value, name).and_then(text_of);
    let is = |name: &str| member(value, name).and_then(Yaml::as_bool).unwrap_or(false);
    let groups = member(value, "groups").map(texts).unwrap_or_default();
    let groups = groups.iter().flat_map(|names| names.split(',')).map(|name| name.trim().to_owned());
    Some(User {
        name: text("name")?,
        gecos: text("gecos"),
        shell: text("shell"),
        groups: groups.filter(|name| !name.is_empty()).collect(),
        sudo: member(value, "sudo").filter(|sudo| sudo.as_bool().is_none()).map(texts).unwrap_or_default(),
        keys: member(value, "ssh_authorized_keys").map(texts).unwrap_or_default(),
        no_home: is("no_create_home"),
        system: is("system"),
    })
}

fn files(value: &Yaml, config: &mut CloudConfig) {
    for one in list(value) {
        let text = |name: &str| member(one, name).and_then(text_of);
        let Some(path) = text("path").filter(|path| path.starts_with('/')) else {
            config.notes.push("a file of write_files is left out: it has no absolute path".to_owned());
            continue;
        };
        let encoding = text("encoding").unwrap_or_default();
        let encoded = matches!(encoding.as_str(), "b64" | "base64");
        if !encoded && !matches!(encoding.as_str(), "" | "text/plain") {
            config.notes.push(format!("{path} is left out: its encoding {encoding} is not known here"));
            continue;
        }
        let mode = match member(one, "permissions") {
            None => Some(MODE_DEFAULT),
            Some(mode) => text_of(mode).and_then(|mode| {
                u32::from_str_radix(mode.trim_start_matches("0o"), 8).ok().filter(|mode| *mode <= 0o7777)
            }),
        };
        let Some(mode) = mode else {
            config.notes.push(format!("{path} is left out: its permissions are none"));
            continue;
        };
        config.files.push(WriteFile {
            path,
            content: text("content").unwrap_or_default(),
            encoded,
            owner: text("owner"),
            mode,
            append: member(one, "append").and_then(Yaml::as_bool).unwrap_or(false),
        });
    }
}

/// Each command a line: texts are the shell's, lists are one program with its arguments.
fn script(value: &Yaml) -> String {
    let line = |command: &Yaml| match command {
        Yaml::Array(words) => {
            let words: Vec<String> = words.iter().filter_map(text_of).map(|word| quote(&word)).collect();
            Some(words.join(" "))
        }
        other => text_of(other),
    };
    let lines: Vec<String> = list(value).filter_map(line).collect();
    if lines.is_empty() { String::new() } else { format!("#!/bin/sh\n{}\n", lines.join("\n")) }
}

fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &[u8] = br#"#cloud-config
hostname: web
packages: [nginx]
colour: red
ssh_authorized_keys:
  - ssh-ed25519 AAAA one
users:
  - default
  - name: ann
    gecos: Ann Other
    groups: sudo, adm
    shell: /bin/bash
    sudo: ALL=(ALL) NOPASSWD:ALL
    ssh_authorized_keys: [ssh-ed25519 BBBB ann]
write_files:
  - path: /etc/motd
    content: |
      Welcome
    permissions: '0600'
    owner: ann:ann
  - path: relative
  - path: /opt/data
    encoding: b64
    content: aGFsbG8=
    append: true
  - path: /opt/odd
    encoding: gz+b64
runcmd:
  - echo "a b" > /tmp/x
  - [touch, "it's"]
"#;

    #[test]
    fn what_is_asked_for_is_read_and_the_rest_is_named() {
        let config = parse(EXAMPLE).unwrap();
        assert_eq!(config.hostname.as_deref(), Some("web"));
        assert_eq!(config.keys, ["ssh-ed25519 AAAA one"]);
        let [ann] = config.users.as_slice() else { panic!("{:?}", config.users) };
        assert_eq!(
            (ann.name.as_str(), ann.groups.as_slice()),
            ("ann", &["sudo".to_owned(), "adm".to_owned()][..])
        );
        assert_eq!((ann.sudo.len(), ann.keys.len()), (1, 1));
        let [motd, data] = config.files.as_slice() else { panic!("{:?}", config.files) };
        assert_eq!(
            (motd.content.as_str(), motd.mode, motd.owner.as_deref()),
            ("Welcome\n", 0o600, Some("ann:ann"))
        );
        assert!(data.encoded && data.append && data.mode == 0o644);
        assert_eq!(config.script, "#!/bin/sh\necho \"a b\" > /tmp/x\n'touch' 'it'\\''s'\n");
        let told = config.notes.join("\n");
        for word in ["packages", "colour", "write_files", "/opt/odd"] {
            assert!(told.contains(word), "{word}: {told}");
        }
    }

    #[test]
    fn what_is_no_mapping_is_refused_and_nothing_is_nothing() {
        assert_eq!(parse(b"#cloud-config\n").unwrap(), CloudConfig::default());
        assert!(parse(b"#cloud-config\n- a\n- b\n").is_err());
        assert!(parse(b"#cloud-config\na: [\n").is_err());
    }
}
