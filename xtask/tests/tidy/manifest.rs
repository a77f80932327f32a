//! What the rules ask of a crate's manifest: its name, what it depends on, its rank, extra roots.

pub(crate) struct Manifest {
    /// From the project's root, with slashes.
    pub(crate) folder: String,
    pub(crate) name: String,
    /// Names of crates it is built with.
    pub(crate) dependencies: Vec<String>,
    /// Names of crates its tests bring besides.
    pub(crate) test_dependencies: Vec<String>,
    /// `[package.metadata.house] rank`.
    pub(crate) rank: Option<u8>,
    /// `[package.metadata.house] also`: the other API it serves, over the same records.
    pub(crate) also: Option<String>,
    /// Sources named by `path = "….rs"`.
    pub(crate) roots: Vec<String>,
}

impl Manifest {
    pub(crate) fn parse(folder: &str, text: &str) -> Self {
        let mut manifest = Self {
            folder: folder.to_owned(),
            name: String::new(),
            dependencies: Vec::new(),
            test_dependencies: Vec::new(),
            rank: None,
            also: None,
            roots: Vec::new(),
        };
        let mut section = "";
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            if let Some(header) = line.strip_prefix('[') {
                section = header.trim_matches(['[', ']']);
                // `[dependencies.name]`
                if let Some((kind, name)) = section.rsplit_once('.')
                    && is_dependencies(kind)
                {
                    manifest.depends(kind, name);
                }
                continue;
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let (key, value) = (key.trim(), value.trim().trim_matches('"'));
            match (section, key) {
                ("package", "name") => value.clone_into(&mut manifest.name),
                ("package.metadata.house", "rank") => manifest.rank = value.parse().ok(),
                ("package.metadata.house", "also") => manifest.also = Some(value.to_owned()),
                (_, "path") if value.ends_with(".rs") => manifest.roots.push(value.to_owned()),
                _ if is_dependencies(section) => {
                    let name = key.split('.').next().unwrap_or(key);
                    manifest.depends(section, name);
                }
                _ => {}
            }
        }
        manifest
    }

    fn depends(&mut self, section: &str, name: &str) {
        let for_tests = section.ends_with("dev-dependencies");
        let names = if for_tests { &mut self.test_dependencies } else { &mut self.dependencies };
        names.push(name.to_owned());
    }
}

fn is_dependencies(section: &str) -> bool {
    section.ends_with("dependencies") && !section.starts_with("workspace")
}

#[test]
fn a_manifest_is_read_in_every_form_cargo_has() {
    let text = "[package]\nname = \"a\"\n[package.metadata.house]\nrank = 2\nalso = \"b\"\n[dependencies]\nb.workspace = true\n\
                c = { path = \"../c\" }\n[dev-dependencies.d]\nworkspace = true\n[[test]]\npath = \"t/it.rs\"\n";
    let read = Manifest::parse("x/a", text);
    assert_eq!((read.name.as_str(), read.rank), ("a", Some(2)));
    assert_eq!(read.also.as_deref(), Some("b"));
    assert_eq!(read.dependencies, ["b", "c"]);
    assert_eq!(read.test_dependencies, ["d"]);
    assert_eq!(read.roots, ["t/it.rs"]);
}
