//! The names of images in registries, as docker has them: `debian`, `quay.io/a/b:1.2`, `localhost:5000/web@sha256:…`.

use crate::error::{Error, Result};

const HUB: &str = "registry-1.docker.io";
const NAME_CHARS_MAX: usize = 255;
const TAG_CHARS_MAX: usize = 128;

/// Where an image lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// With its port, if it names one.
    pub host: String,
    pub name: String,
    /// A tag, or a digest.
    pub version: String,
}

impl Reference {
    /// # Errors
    /// [`Error::Spec`] for what is no such name.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::Spec(format!("{text:?} is not the name of an image in a registry"));
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // What is a host has a dot or a port in it, or is this one.
        let is_host = |part: &&str| part.contains(['.', ':']) || *part == "localhost";
        let (host, rest) = match rest.split_once('/') {
            Some((first, rest)) if is_host(&first) => (first, rest),
            _ => ("docker.io", rest),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) => (name, Some(tag)),
            None => (rest, None),
        };
        let on_hub = matches!(host, "docker.io" | "index.docker.io");
        let name = if on_hub && !name.contains('/') { format!("library/{name}") } else { name.to_owned() };
        let version = digest.or(tag).unwrap_or("latest");
        let is_good = is_name(&name)
            && digest.is_none_or(is_digest)
            && tag.is_none_or(is_tag)
            && host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
        let host = if on_hub { HUB } else { host };
        match is_good {
            true => Ok(Self { host: host.to_owned(), name, version: version.to_owned() }),
            false => Err(wrong()),
        }
    }

    /// Plain HTTP is spoken on this host only, HTTPS elsewhere.
    pub(crate) fn scheme(&self) -> &'static str {
        let host = self.host.rsplit_once(':').map_or(self.host.as_str(), |(host, _)| host);
        match host {
            "localhost" | "127.0.0.1" | "[::1]" => "http",
            _ => "https",
        }
    }
}

fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        !part.is_empty() && part.bytes().all(plain) && !part.starts_with(['.', '_', '-'])
    };
    name.len() <= NAME_CHARS_MAX && name.split('/').all(part)
}

fn is_tag(tag: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=TAG_CHARS_MAX).contains(&tag.len()) && tag.bytes().all(plain) && !tag.starts_with(['.', '-'])
}

pub(crate) fn is_digest(text: &str) -> bool {
    let hex =
        |hex: &str| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
    text.strip_prefix("sha256:").is_some_and(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_docker_reads_them() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, host, name, version) in [
            ("debian", HUB, "library/debian", "latest"),
            ("debian:12", HUB, "library/debian", "12"),
            ("docker.io/a/b", HUB, "a/b", "latest"),
            ("a/b:1.2", HUB, "a/b", "1.2"),
            ("quay.io/a/b/c:v1", "quay.io", "a/b/c", "v1"),
            ("localhost:5000/web", "localhost:5000", "web", "latest"),
            (&format!("ghcr.io/a/b:1@{digest}"), "ghcr.io", "a/b", &digest),
        ] {
            let found = Reference::parse(text).unwrap();
            let wanted =
                Reference { host: host.to_owned(), name: name.to_owned(), version: version.to_owned() };
            assert_eq!(found, wanted, "{text}");
        }
        for bad in
            ["", "A", "a//b", "a:", "a:b c", "../x", "host.io/", "a@sha256:1", "x.io/a?b", "x.io/a/../b"]
        {
            assert!(Reference::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_this_host_is_spoken_to_in_plain() {
        let scheme = |text: &str| Reference::parse(text).unwrap().scheme();
        assert_eq!((scheme("localhost:5000/a"), scheme("127.0.0.1:5000/a")), ("http", "http"));
        assert_eq!((scheme("localhost.example.com/a"), scheme("a")), ("https", "https"));
    }
}
