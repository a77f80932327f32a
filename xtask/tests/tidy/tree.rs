//! The project's files, read once.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::lexer::{self, Code};
use crate::manifest::Manifest;

/// Folders that hold what we write. Everything else is made by tools.
const FOLDERS: [&str; 13] = [
    ".ci", "api", "bench", "cloudlet", "docs", "engine", "fuzz", "kernel", "models", "services", "tests",
    "wire", "xtask",
];
/// A line, a file, a function that grows beyond asks to be split.
const LINE_CHARS: usize = 120;
const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 60;

pub(crate) struct File {
    /// From the project's root, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A Rust source.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) code: Code,
}

pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    /// Everything but Rust, as far as it is text.
    pub(crate) files: Vec<File>,
    pub(crate) sources: Vec<Source>,
    pub(crate) manifests: Vec<Manifest>,
}

impl Tree {
    fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), files: Vec::new(), sources: Vec::new(), manifests: Vec::new() }
    }

    /// A tree that exists in a test only.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::new(Path::new("/nowhere"));
        for (path, text) in files {
            tree.add(path, (*text).to_owned());
        }
        tree
    }

    fn add(&mut self, path: &str, text: String) {
        if let Some(folder) = path.strip_suffix("/Cargo.toml") {
            self.manifests.push(Manifest::parse(folder, &text));
        }
        let path = path.to_owned();
        if path.ends_with(".rs") {
            self.sources.push(Source { path, code: lexer::read(&text), text });
        } else {
            self.files.push(File { path, text });
        }
    }

    /// The names of the services, as their folders have them.
    pub(crate) fn services(&self) -> Vec<&str> {
        let folders = self.manifests.iter().filter_map(|manifest| manifest.folder.strip_prefix("services/"));
        folders.collect()
    }

    /// The service whose crate serves this one's API.
    pub(crate) fn server_of<'a>(&'a self, service: &'a str) -> &'a str {
        let serves = |manifest: &&Manifest| manifest.also.as_deref() == Some(service);
        let folder = self.manifests.iter().find(serves).map(|manifest| &*manifest.folder);
        folder.and_then(|folder| folder.strip_prefix("services/")).unwrap_or(service)
    }

    pub(crate) fn source(&self, path: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.path == path)
    }

    /// Paths of files under a folder, from that folder on.
    pub(crate) fn under<'a>(&'a self, folder: &str) -> Vec<&'a str> {
        let paths = self.sources.iter().map(|s| &s.path).chain(self.files.iter().map(|f| &f.path));
        paths.filter_map(|path| path.strip_prefix(folder)?.strip_prefix('/')).collect()
    }
}

/// The project this test belongs to.
pub(crate) fn tree() -> &'static Tree {
    static TREE: OnceLock<Tree> = OnceLock::new();
    TREE.get_or_init(|| {
        // Tests run in their package's folder, wherever they were built.
        let here = std::env::current_dir().unwrap();
        let root = here.parent().unwrap();
        let mut tree = Tree::new(root);
        for folder in FOLDERS {
            read(root, &root.join(folder), &mut tree);
        }
        for name in ["README.md", "CONTRIBUTING.md", "Cargo.toml", "dev", "deny.toml"] {
            read_file(root, &root.join(name), &mut tree);
        }
        tree.sources.sort_by(|a, b| a.path.cmp(&b.path));
        tree.manifests.sort_by(|a, b| a.folder.cmp(&b.folder));
        tree
    })
}

fn read(root: &Path, folder: &Path, tree: &mut Tree) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let made_by_tools = ["target", "__pycache__", ".pytest_cache", ".venv", "corpus", "artifacts"];
        if made_by_tools.iter().any(|made| name == *made) {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            read(root, &entry.path(), tree);
        } else {
            read_file(root, &entry.path(), tree);
        }
    }
}

fn read_file(root: &Path, file: &Path, tree: &mut Tree) {
    // Data that is no text is none of our business, and a file may go while we read.
    let Ok(text) = fs::read_to_string(file) else { return };
    tree.add(file.strip_prefix(root).unwrap().to_str().unwrap(), text);
}

/// Files, functions and lines beyond the guides.
pub(crate) fn too_long(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for Source { path, text, code } in &tree.sources {
        let lines = text.lines().count();
        if lines > FILE_LINES {
            found.push(format!(
                "guide: {path} has {lines} lines; near {FILE_LINES} it asks to be split by noun"
            ));
        }
        if let Some(at) = text.lines().position(|line| line.chars().count() > LINE_CHARS) {
            found.push(format!("guide: {path}:{} is longer than {LINE_CHARS} characters", at + 1));
        }
        for (line, length) in code.functions() {
            if length > FUNCTION_LINES {
                found.push(format!(
                    "guide: {path}:{line} is a function of {length} lines; {FUNCTION_LINES} are many"
                ));
            }
        }
    }
    found
}

/// Tells the person at the terminal, past the capture of test output.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
