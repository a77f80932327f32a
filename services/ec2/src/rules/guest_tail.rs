//! How new bytes of a guest's files are asked for and read: a shell's program that prints what has been written since the
//! last time, of every file that has been a pattern's newest.

use flate2::Crc;
use serde::{Deserialize, Serialize};

use super::guest_time::Zone;

/// How far a file has been shipped. The inode tells a new file of the same name from one that has grown, and `head` a new
/// file from an old one whose inode it was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub inode: u64,
    pub offset: u64,
    #[serde(default)]
    pub head: Head,
}

/// The file's first bytes, as far as they were shipped: how many, and their CRC-32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub bytes: usize,
    pub crc: u32,
}

/// How far the files of one pattern have been shipped, those that were written last at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Cursors(Vec<Cursor>);

/// Until patterns had several files, each had one cursor.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    One(Cursor),
    Many(Vec<Cursor>),
}

impl From<Stored> for Cursors {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::One(cursor) => Self(vec![cursor]),
            Stored::Many(cursors) => Self(cursors),
        }
    }
}

/// Files followed of one pattern: of more, those that have been still for longest are forgotten.
const FILES_MAX: usize = 16;

impl Cursors {
    pub fn of(&self, inode: u64) -> Option<Cursor> {
        self.0.iter().find(|cursor| cursor.inode == inode).copied()
    }

    pub fn set(&mut self, cursor: Cursor) {
        if self.of(cursor.inode) == Some(cursor) {
            return;
        }
        self.0.retain(|known| known.inode != cursor.inode);
        self.0.push(cursor);
        let most = self.0.len().saturating_sub(FILES_MAX);
        self.0.drain(..most);
    }

    /// Forgets files that are not there any more.
    pub fn keep_those_in(&mut self, look: &Look<'_>) {
        if look.is_whole {
            self.0.retain(|known| look.parts.iter().any(|part| part.inode == known.inode));
        }
    }
}

/// Bytes of one answer, of all files together.
const ANSWER_BYTES: usize = 192 * 1024;
/// Of a file's first bytes so many tell it from others.
const HEAD_BYTES: usize = 64;
/// The program's code where the CloudWatch agent itself is installed: that ships, and we don't.
pub const OTHER_AGENT: i32 = 64;

/// Is given whether the guest's clock is asked for, which then comes first, and patterns, each with its known files (a line ` inode offset` for each). Prints for each pattern a line
/// `inode size from head more is_last` for its newest file and for those that are known, older ones first, where there is
/// more with the first `head` bytes, `more` bytes after `from`, and an end of line; then `end`, or `none` where no file is.
/// Known files that were renamed come first and are the last of theirs; one that has shrunk begins anew. As the agent
/// does, it takes no packed file for a log.
const PROGRAM: &str = r#"
[ -x /opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent ] && exit 64
left=$1; [ -z "$2" ] || echo "zone $(date '+%z %Z')"
shift 2
IFS='
'
show() {
  found=$(stat -L -c '%i %s' -- "$2" 2>/dev/null) || return 0
  inode=${found% *} size=${found#* } from=0 head=0
  rest=${known#*" $inode "}
  [ "$rest" = "$known" ] || from=${rest%%[!0-9]*}
  [ "$size" -lt "$from" ] && from=0
  more=$((size - from))
  [ "$more" -gt "$left" ] && more=$left
  if [ "$more" -gt 0 ]; then head=64; [ "$size" -lt 64 ] && head=$size; fi
  left=$((left - more - head))
  [ "$left" -lt 0 ] && left=0
  echo "$found $from $head $more $1"
  if [ "$more" -gt 0 ]; then
    head -c "$head" -- "$2"; tail -c +$((from + 1)) -- "$2" | head -c "$more"; echo
  fi
}
while [ $# -ge 2 ]; do
  pattern=$1 known=$2 newest= seen= files= gone=; shift 2
  set +f; list=$(ls -1Ltdi -- $pattern 2>/dev/null); set -f
  for line in $list; do
    line=${line#"${line%%[! ]*}"}
    inode=${line%% *} file=${line#* }
    case $file in *.tar | *.zst | *.gz | *.zip | *.bz2 | *.rar) continue ;; esac
    case $known in *" $inode "*) ;; *) [ -z "$newest" ] || continue ;; esac
    [ -f "$file" ] || continue
    newest=${newest:-$file} seen="$seen $inode " files="$file
$files"
  done
  folder=${newest:-$pattern}
  for line in $known; do
    inode=${line# } inode=${inode%% *}
    case $seen in *" $inode "*) continue ;; esac
    gone="$gone
$(find "${folder%/*}/" -maxdepth 1 -type f -inum "$inode" 2>/dev/null)"
  done
  for file in $gone; do show 1 "$file"; done
  for file in $files; do show 0 "$file"; done
  if [ -n "$newest" ]; then echo end; else echo none; fi
done
exit 0
"#;

/// The command that asks for what came after these cursors, and for the guest's clock.
pub fn command<'a>(needs_zone: bool, files: impl IntoIterator<Item = (&'a str, &'a Cursors)>) -> Vec<String> {
    let mut command = ["sh", "-c", PROGRAM, "sh"].map(str::to_owned).to_vec();
    command.extend([ANSWER_BYTES.to_string(), if needs_zone { "zone" } else { "" }.to_owned()]);
    for (path, known) in files {
        let known = known.0.iter().map(|cursor| format!(" {} {}", cursor.inode, cursor.offset));
        command.extend([path.to_owned(), known.collect::<Vec<_>>().join("\n")]);
    }
    command
}

/// What was seen of a pattern.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Look<'a> {
    pub parts: Vec<Part<'a>>,
    /// Every file that is known is among the parts, or not there any more.
    pub is_whole: bool,
}

/// New bytes of one file.
#[derive(Debug, PartialEq, Eq)]
pub struct Part<'a> {
    pub inode: u64,
    /// The whole file's.
    pub size: u64,
    /// Where the bytes begin.
    pub from: u64,
    /// The file's first bytes, where there are new ones.
    pub head: &'a [u8],
    pub bytes: &'a [u8],
    /// Nobody writes to the file any more.
    pub is_last: bool,
}

/// What is new of a guest's console, of which parts are kept outside of it, each with what tells it from others.
pub fn console<'a>(parts: impl DoubleEndedIterator<Item = (u64, &'a [u8])>, known: &Cursors) -> Look<'a> {
    let mut parts: Vec<Part<'a>> = parts
        .map(|(inode, all)| {
            let begun = known.of(inode).and_then(|cursor| usize::try_from(cursor.offset).ok());
            let from = begun.filter(|from| *from <= all.len()).unwrap_or_default();
            Part {
                inode,
                size: u64::try_from(all.len()).unwrap_or(u64::MAX),
                from: u64::try_from(from).unwrap_or_default(),
                head: all.get(..HEAD_BYTES.min(all.len())).unwrap_or_default(),
                bytes: all.get(from..).unwrap_or_default(),
                is_last: true,
            }
        })
        .collect();
    if let Some(newest) = parts.last_mut() {
        newest.is_last = false;
    }
    // A part may have become an older one while they were looked at, and be among none of them.
    Look { parts, is_whole: false }
}

/// Reads the answer: a look for each pattern in order. An answer that is cut short, or of other programs than ours, gives
/// what was whole in it.
pub fn looks(answer: &[u8]) -> Vec<Look<'_>> {
    let (_, mut answer) = zone(answer);
    let mut looks = Vec::new();
    let mut look = Look::default();
    while let Some((line, rest)) = line(answer) {
        if matches!(line, b"end" | b"none") {
            look.is_whole = line == b"end";
            looks.push(std::mem::take(&mut look));
            answer = rest;
        } else if let Some((part, rest)) = part(line, rest) {
            look.parts.push(part);
            answer = rest;
        } else {
            break;
        }
    }
    looks.extend((!look.parts.is_empty()).then_some(look));
    looks
}

/// The guest's clock, where it was asked for, and the rest of the answer.
pub fn zone(answer: &[u8]) -> (Zone, &[u8]) {
    let found = line(answer).and_then(|(line, rest)| {
        Some((Zone::read(std::str::from_utf8(line).ok()?.strip_prefix("zone ")?), rest))
    });
    found.unwrap_or((Zone::default(), answer))
}

fn line(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = answer.iter().position(|byte| *byte == b'\n')?;
    Some((answer.get(..end)?, answer.get(end + 1..)?))
}

fn part<'a>(line: &[u8], rest: &'a [u8]) -> Option<(Part<'a>, &'a [u8])> {
    let mut numbers = std::str::from_utf8(line).ok()?.split(' ').map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    let (inode, size, from, head, more, last) = (next()?, next()?, next()?, next()?, next()?, next()?);
    let (head, rest) = rest.split_at_checked(usize::try_from(head).ok()?)?;
    let (bytes, rest) = rest.split_at_checked(usize::try_from(more).ok()?)?;
    // A file that was cut while it was read has fewer than it was said to have.
    let rest = if bytes.is_empty() { rest } else { rest.strip_prefix(b"\n")? };
    Some((Part { inode, size, from, head, bytes, is_last: last != 0 }, rest))
}

impl Part<'_> {
    /// Whether this is the file that a cursor with its inode is about, as far as can be told.
    pub fn is_of(&self, cursor: &Cursor) -> bool {
        // Nothing new, or begun anew in any case.
        self.bytes.is_empty() || self.from == 0 || head(self.head, cursor.head.bytes) == Some(cursor.head)
    }

    /// The cursor that stands at `offset` of this file.
    pub fn cursor(&self, offset: u64) -> Cursor {
        let bytes = usize::try_from(offset).unwrap_or(HEAD_BYTES).min(self.head.len());
        Cursor { inode: self.inode, offset, head: head(self.head, bytes).unwrap_or_default() }
    }

    /// Whether these are all there are.
    pub fn is_whole(&self) -> bool {
        u64::try_from(self.bytes.len()).is_ok_and(|length| self.from + length >= self.size)
    }
}

fn head(bytes: &[u8], count: usize) -> Option<Head> {
    let mut crc = Crc::new();
    crc.update(bytes.get(..count)?);
    Some(Head { bytes: count, crc: crc.sum() })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use super::*;

    fn ask(files: &[(&str, &Cursors)]) -> Vec<u8> {
        let command = command(true, files.iter().copied());
        let done = Command::new(&command[0]).args(&command[1..]).output().unwrap();
        assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
        done.stdout
    }

    /// What is new in files of a pattern, which moves the cursors to their ends.
    fn new(pattern: &str, known: &mut Cursors) -> Vec<(String, bool)> {
        let answer = ask(&[(pattern, known)]);
        let look = looks(&answer).remove(0);
        let mut new = Vec::new();
        for part in &look.parts {
            match known.of(part.inode) {
                Some(before) if !part.is_of(&before) => known.set(part.cursor(0)),
                Some(_) if part.bytes.is_empty() && part.from > 0 => {}
                _ => known.set(part.cursor(part.size)),
            }
            let text = String::from_utf8_lossy(part.bytes).into_owned();
            new.extend((!text.is_empty()).then_some((text, part.is_last)));
        }
        known.keep_those_in(&look);
        new
    }

    fn write(path: &Path, text: &str, at_s: u64) {
        fs::write(path, text).unwrap();
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(at_s);
        fs::File::options().append(true).open(path).unwrap().set_modified(at).unwrap();
    }

    fn texts(new: &[(String, bool)]) -> Vec<(&str, bool)> {
        new.iter().map(|(text, is_last)| (text.as_str(), *is_last)).collect()
    }

    #[test]
    fn a_file_is_read_on_where_it_was_left_and_to_its_end_after_it_was_renamed() {
        let folder = tempfile::tempdir().unwrap();
        let (log, old) = (folder.path().join("a file.log"), folder.path().join("a file.log.1"));
        let (path, mut known) = (log.to_str().unwrap(), Cursors::default());
        let answer = ask(&[("/nowhere/*.log", &known), (path, &known)]);
        assert_eq!(looks(&answer), [Look::default(), Look::default()]);
        fs::write(&log, "one\ntwo\n").unwrap();
        assert_eq!(texts(&new(path, &mut known)), [("one\ntwo\n", false)]);
        assert_eq!(new(path, &mut known), []);

        fs::write(&log, "one\ntwo\nthree").unwrap();
        fs::rename(&log, &old).unwrap();
        assert_eq!(texts(&new(path, &mut known)), [("three", true)], "it has no successor yet");
        fs::write(&old, "one\ntwo\nthree, late").unwrap();
        fs::write(&log, "four\n").unwrap();
        assert_eq!(texts(&new(path, &mut known)), [(", late", true), ("four\n", false)]);
        assert_eq!(new(path, &mut known), []);
        fs::remove_file(&old).unwrap();
        fs::write(&log, "5\n").unwrap();
        assert_eq!(texts(&new(path, &mut known)), [("5\n", false)], "cut, and written anew");
        assert_eq!(known.0.len(), 1, "of what is gone nothing is kept");
    }

    #[test]
    fn of_a_pattern_the_newest_is_followed_and_those_that_were_it_before() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b, c] = ["a.log", "b.log", "c.log.gz"].map(|name| folder.path().join(name));
        let pattern = format!("{}/*.log*", folder.path().display());
        fs::create_dir(folder.path().join("folder.log")).unwrap();
        write(&a, "a1\n", 60);
        write(&b, "b1\n", 120);
        write(&c, "packed", 180);
        let mut known = Cursors::default();
        assert_eq!(texts(&new(&pattern, &mut known)), [("b1\n", false)]);
        write(&a, "a1\na2\n", 240);
        assert_eq!(
            texts(&new(&pattern, &mut known)),
            [("a1\na2\n", false)],
            "all of what was not the newest"
        );
        for turn in 3..8 {
            // By turns, both between two looks: nothing comes twice, and nothing is lost.
            write(&a, &(1..=turn).map(|n| format!("a{n}\n")).collect::<String>(), 300 * turn);
            write(&b, &(1..turn).map(|n| format!("b{n}\n")).collect::<String>(), 300 * turn + 1);
            let (a, b) = (format!("a{turn}\n"), format!("b{}\n", turn - 1));
            assert_eq!(texts(&new(&pattern, &mut known)), [(a.as_str(), false), (b.as_str(), false)]);
        }
    }

    #[test]
    fn a_file_that_was_given_the_inode_of_another_is_told_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("a.log");
        let (path, mut known) = (log.to_str().unwrap(), Cursors::default());
        fs::write(&log, "old line\n").unwrap();
        new(path, &mut known);
        // Longer than the old one was: by its size it could be that, grown.
        fs::write(&log, "another file's lines\n").unwrap();
        new(path, &mut known);
        assert_eq!(texts(&new(path, &mut known)), [("another file's lines\n", false)]);
        let part = Part { inode: 7, size: 9, from: 3, head: b"abcdefghi", bytes: b"defghi", is_last: false };
        assert!(part.is_of(&Cursor { inode: 7, offset: 3, head: Head::default() }), "of an older record");
        assert!(part.is_of(&part.cursor(3)) && !part.is_of(&Part { head: b"abx", ..part }.cursor(3)));
    }

    #[test]
    fn what_was_stored_before_patterns_had_several_files_reads_on() {
        let old: Cursors = serde_json::from_str(r#"{"inode": 7, "offset": 120}"#).unwrap();
        assert_eq!(old.of(7), Some(Cursor { inode: 7, offset: 120, head: Head::default() }));
        let text = serde_json::to_string(&old).unwrap();
        assert_eq!(serde_json::from_str::<Cursors>(&text).unwrap(), old);
    }

    #[test]
    fn files_that_have_been_still_for_longest_are_forgotten() {
        let mut known = Cursors::default();
        let cursor = |inode, offset| Cursor { inode, offset, head: Head::default() };
        for inode in 0..20 {
            known.set(cursor(inode, 0));
            known.set(cursor(0, inode));
        }
        assert_eq!((known.0.len(), known.of(0), known.of(4)), (FILES_MAX, Some(cursor(0, 19)), None));
    }

    #[test]
    fn a_console_is_read_on_where_it_was_left_also_when_a_part_has_become_older() {
        let mut known = Cursors::default();
        let mut new = |parts: &[(u64, &'static [u8])]| {
            let look = console(parts.iter().copied(), &known);
            let new: Vec<_> = look.parts.iter().map(|part| (part.bytes, part.is_last)).collect();
            look.parts.iter().for_each(|part| known.set(part.cursor(part.size)));
            known.keep_those_in(&look);
            new
        };
        assert_eq!(new(&[]), []);
        assert_eq!(new(&[(7, b"one\n")]), [(&b"one\n"[..], false)]);
        assert_eq!(new(&[(7, b"one\ntwo\n")]), [(&b"two\n"[..], false)]);
        assert_eq!(new(&[(7, b"one\ntwo\n3\n"), (8, b"4\n")]), [(&b"3\n"[..], true), (&b"4\n"[..], false)]);
        // Between two files' looks it became the older one, and was not seen.
        assert_eq!(new(&[(7, b"one\ntwo\n3\n"), (9, b"6\n")]), [(&b""[..], true), (&b"6\n"[..], false)]);
        assert_eq!(new(&[(8, b"4\n5\n"), (9, b"6\n")]), [(&b"5\n"[..], true), (&b""[..], false)]);
    }

    #[test]
    fn an_answer_that_is_cut_short_gives_what_was_whole() {
        let read = looks(b"7 3 0 3 3 0\na\nba\nb\nnone\nend\n8 9 0 0 9 0\nabc");
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].parts[0].head, read[0].parts[0].bytes), (&b"a\nb"[..], &b"a\nb"[..]));
        assert!(!read[0].is_whole && read[1].is_whole && read[1].parts.is_empty());
        let cut_while_it_was_read = looks(b"7 9 0 0 9 0\nabc\nend\n7 3 0 0 3 0\nabc\nend\n");
        assert_eq!(cut_while_it_was_read, []);
        assert!(looks(b"sh: not found\n").is_empty() && looks(b"").is_empty());
        let unfinished = looks(b"7 3 3 0 0 0\n");
        assert!(unfinished.len() == 1 && !unfinished[0].is_whole);
    }
}
