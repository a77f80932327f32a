//! How new lines of a guest's files are asked for and read: a shell's program that prints what has been written since
//! the last time, and messages made of it.

use serde::{Deserialize, Serialize};

/// How far a file has been shipped. The inode tells a new file of the same name from one that has grown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub inode: u64,
    pub offset: u64,
}

/// Bytes of one answer, of all files together.
const ANSWER_BYTES: usize = 192 * 1024;
/// The program's code where the CloudWatch agent itself is installed: that ships, and we don't.
pub const OTHER_AGENT: i32 = 64;

/// Prints for each file `inode size from more is_last`, and `more` bytes; `0 0 0 0 0` for one that is not there. Of a pattern the
/// newest is meant; what is left of a file that was renamed comes before its successor; one that has shrunk begins anew.
const PROGRAM: &str = r#"
[ -x /opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent ] && exit 64
left=$1; shift
IFS='
'
while [ $# -ge 3 ]; do
  pattern=$1 inode=$2 from=$3; shift 3
  file=$(ls -1td -- $pattern 2>/dev/null | head -n 1)
  if [ ! -f "$file" ]; then echo '0 0 0 0 0'; continue; fi
  found=$(stat -L -c '%i %s' -- "$file") last=0
  if [ "$inode" != 0 ] && [ "${found% *}" != "$inode" ]; then
    old=$(find "${file%/*}/" -maxdepth 1 -type f -inum "$inode" 2>/dev/null | head -n 1)
    size=0
    [ -n "$old" ] && size=$(stat -c %s -- "$old")
    if [ "$size" -gt "$from" ]; then file=$old found="$inode $size" last=1; else from=0; fi
  fi
  size=${found#* }
  [ "$size" -lt "$from" ] && from=0
  more=$((size - from))
  [ "$more" -gt "$left" ] && more=$left
  left=$((left - more))
  echo "$found $from $more $last"
  [ "$more" -gt 0 ] && tail -c +$((from + 1)) -- "$file" | head -c "$more"
done
exit 0
"#;

/// The command that asks for what came after these cursors.
pub fn command<'a>(files: impl IntoIterator<Item = (&'a str, Cursor)>) -> Vec<String> {
    let mut command = ["sh", "-c", PROGRAM, "sh"].map(str::to_owned).to_vec();
    command.push(ANSWER_BYTES.to_string());
    for (path, cursor) in files {
        command.extend([path.to_owned(), cursor.inode.to_string(), cursor.offset.to_string()]);
    }
    command
}

/// New bytes of one file.
#[derive(Debug, PartialEq, Eq)]
pub struct Part<'a> {
    pub inode: u64,
    /// The whole file's.
    pub size: u64,
    /// Where the bytes begin.
    pub from: u64,
    pub bytes: &'a [u8],
    /// Nobody writes to the file any more.
    pub is_last: bool,
}

/// Reads the answer: a part for each file in order, `None` for one that is not there. An answer that is cut short, or of
/// other programs than ours, gives what was whole in it.
pub fn parts(mut answer: &[u8]) -> Vec<Option<Part<'_>>> {
    let mut parts = Vec::new();
    while let Some(part) = part(&mut answer) {
        parts.push((part.inode != 0).then_some(part));
    }
    parts
}

fn part<'a>(answer: &mut &'a [u8]) -> Option<Part<'a>> {
    let end = answer.iter().position(|byte| *byte == b'\n')?;
    let (head, rest) = answer.split_at_checked(end)?;
    let mut numbers = std::str::from_utf8(head).ok()?.split(' ').map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    let (inode, size, from, more, last) = (next()?, next()?, next()?, next()?, next()?);
    let (bytes, rest) = rest.get(1..)?.split_at_checked(usize::try_from(more).ok()?)?;
    *answer = rest;
    Some(Part { inode, size, from, bytes, is_last: last != 0 })
}

impl Part<'_> {
    fn is_whole(&self) -> bool {
        u64::try_from(self.bytes.len()).is_ok_and(|length| self.from + length >= self.size)
    }

    /// Messages and how far they reach. A message is a line with those after it that begin with white space, as the
    /// agent takes it. The last one is waited for unless the file `is_quiet`: more of it may come. So is a line
    /// without an end, unless nobody will end it.
    pub fn messages(&self, is_quiet: bool) -> (Vec<String>, Cursor) {
        let is_over = self.is_last && self.is_whole();
        let whole = match self.bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(end) if !is_over => self.bytes.get(..=end).unwrap_or_default(),
            None if !is_over && self.is_whole() => &[],
            // The end of a file, or a line longer than an answer.
            _ => self.bytes,
        };
        let mut messages: Vec<&[u8]> = Vec::new();
        let mut begun = 0;
        for (at, _) in whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
            let goes_on = whole.get(at + 1).is_some_and(|next| matches!(next, b' ' | b'\t'));
            if !goes_on {
                messages.push(whole.get(begun..=at).unwrap_or_default());
                begun = at + 1;
            }
        }
        messages.extend(whole.get(begun..).filter(|rest| !rest.is_empty()));
        let is_alone = messages.len() == 1 && !self.is_whole();
        if !(is_quiet || is_over || is_alone) {
            messages.pop();
        }
        let taken: usize = messages.iter().map(|message| message.len()).sum();
        let offset = self.from + u64::try_from(taken).unwrap_or(0);
        let texts = messages.iter().map(|message| String::from_utf8_lossy(message).trim_end().to_owned());
        (texts.filter(|text| !text.is_empty()).collect(), Cursor { inode: self.inode, offset })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    fn ask(files: &[(&str, Cursor)]) -> Vec<u8> {
        let command = command(files.iter().copied());
        let done = Command::new(&command[0]).args(&command[1..]).output().unwrap();
        assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
        done.stdout
    }

    #[test]
    fn a_file_is_read_on_where_it_was_left_and_to_its_end_after_it_was_renamed() {
        let folder = tempfile::tempdir().unwrap();
        let (log, old) = (folder.path().join("a file.log"), folder.path().join("a file.log.1"));
        let path = log.to_str().unwrap();
        fs::write(&log, "one\ntwo\n").unwrap();
        let answer = ask(&[("/nowhere/*.log", Cursor::default()), (path, Cursor::default())]);
        let read = parts(&answer);
        assert!(read[0].is_none());
        let (messages, cursor) = read[1].as_ref().unwrap().messages(true);
        assert_eq!((messages, cursor.offset), (vec!["one".to_owned(), "two".to_owned()], 8));

        fs::write(&log, "one\ntwo\nthree").unwrap();
        fs::rename(&log, &old).unwrap();
        fs::write(&log, "four\n").unwrap();
        let answer = ask(&[(path, cursor)]);
        let (messages, cursor) = parts(&answer)[0].as_ref().unwrap().messages(false);
        assert_eq!((messages, cursor.offset), (vec!["three".to_owned()], 13), "the rest of the old one");
        let answer = ask(&[(path, cursor)]);
        let (messages, cursor) = parts(&answer)[0].as_ref().unwrap().messages(true);
        assert_eq!((messages, cursor.offset), (vec!["four".to_owned()], 5));

        fs::write(&log, "5\n").unwrap();
        let answer = ask(&[(path, cursor)]);
        assert_eq!(parts(&answer)[0].as_ref().unwrap().messages(true).0, ["5"], "cut, and written anew");
    }

    #[test]
    fn of_a_pattern_the_newest_file_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        for (name, written_s) in [("a.log", 60), ("b.log", 120), ("c.log", 0)] {
            let path = folder.path().join(name);
            fs::write(&path, format!("{name}\n")).unwrap();
            let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(written_s);
            fs::File::options().append(true).open(&path).unwrap().set_modified(at).unwrap();
        }
        let pattern = format!("{}/*.log", folder.path().display());
        let answer = ask(&[(&pattern, Cursor::default())]);
        assert_eq!(parts(&answer)[0].as_ref().unwrap().messages(true).0, ["b.log"]);
    }

    fn part(bytes: &[u8], size: u64, is_last: bool) -> Part<'_> {
        Part { inode: 7, size, from: 100, bytes, is_last }
    }

    #[test]
    fn messages_are_lines_with_what_is_set_in_under_them() {
        for (bytes, size, is_quiet, is_last, wanted, offset) in [
            ("a\nb\n", 104, true, false, vec!["a", "b"], 104),
            ("a\nb\n", 104, false, false, vec!["a"], 102),
            ("a\n  at b\n\tat c\nd\n", 117, false, false, vec!["a\n  at b\n\tat c"], 115),
            ("a\nno end", 108, true, false, vec!["a"], 102),
            ("no end", 106, true, false, vec![], 100),
            ("no end", 106, false, true, vec!["no end"], 106),
            ("a\nhalf", 900, true, true, vec!["a"], 102),
            ("longer than an answer", 900, false, false, vec!["longer than an answer"], 121),
            ("alone\nha", 900, false, false, vec!["alone"], 106),
            ("\n\na\n", 104, true, false, vec!["a"], 104),
            ("", 100, true, false, vec![], 100),
        ] {
            let (messages, cursor) = part(bytes.as_bytes(), size, is_last).messages(is_quiet);
            assert_eq!(
                (messages, cursor.offset),
                (wanted.iter().map(|&text| text.to_owned()).collect(), offset),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn an_answer_that_is_cut_short_gives_what_was_whole() {
        let read = parts(b"7 3 0 3 0\na\nb0 0 0 0 0\n8 9 0 9 0\nabc");
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].as_ref().unwrap().bytes, b"a\nb");
        assert!(read[1].is_none() && parts(b"sh: not found\n").is_empty() && parts(b"").is_empty());
    }
}
