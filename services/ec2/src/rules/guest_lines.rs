//! Messages made of new bytes of a guest's file: where one begins, which are wanted, and when they were.

use regex_lite::Regex;

use super::guest_tail::Part;
use super::guest_time::{Format, Zone};

/// How a file's lines are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    pub start: Start,
    pub format: Option<Format>,
    pub zone: Clock,
    pub filters: Vec<Filter>,
}

/// What a line begins with that begins a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// Anything but white space, as the agent takes it.
    #[default]
    Usual,
    /// The time has this in it: the file's own format.
    Time,
    Pattern(Pattern),
}

/// Where times without a zone are from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    #[default]
    Guest,
    Utc,
}

/// What messages must have in them, or must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub includes: bool,
    pub pattern: Pattern,
}

#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// # Errors
    /// Says what does not read.
    pub fn read(text: &str) -> Result<Self, String> {
        Regex::new(text).map(Self).map_err(|error| format!("{text} is no expression: {error}"))
    }
}

impl Lines {
    /// Messages of a part, and how far into the file they reach. The last one is waited for unless the file `is_quiet`:
    /// more of it may come. So is a line without an end, unless nobody will end it.
    pub fn messages(&self, part: &Part<'_>, is_quiet: bool) -> (Vec<String>, u64) {
        let is_over = part.is_last && part.is_whole();
        let whole = match part.bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(end) if !is_over => part.bytes.get(..=end).unwrap_or_default(),
            None if !is_over && part.is_whole() => &[],
            // The end of a file, or a line longer than an answer.
            _ => part.bytes,
        };
        let mut messages: Vec<&[u8]> = Vec::new();
        let (mut begun, mut end) = (0, 0);
        for line in whole.split_inclusive(|byte| *byte == b'\n') {
            if end > 0 && self.begins(line) {
                messages.push(whole.get(begun..end).unwrap_or_default());
                begun = end;
            }
            end += line.len();
        }
        messages.extend(whole.get(begun..).filter(|rest| !rest.is_empty()));
        let is_alone = messages.len() == 1 && !part.is_whole();
        if !(is_quiet || is_over || is_alone) {
            messages.pop();
        }
        let taken: usize = messages.iter().map(|message| message.len()).sum();
        let offset = part.from + u64::try_from(taken).unwrap_or(0);
        let texts = messages.iter().map(|message| String::from_utf8_lossy(message).trim_end().to_owned());
        (texts.filter(|text| !text.is_empty()).collect(), offset)
    }

    /// Whether a message begins with this line.
    fn begins(&self, line: &[u8]) -> bool {
        let text = || String::from_utf8_lossy(line);
        match (&self.start, &self.format) {
            (Start::Pattern(pattern), _) => pattern.0.is_match(text().trim_end_matches('\n')),
            (Start::Time, Some(format)) => format.is_in(&text()),
            _ => !line.first().is_some_and(u8::is_ascii_whitespace),
        }
    }

    /// Whether the clock of the guest is asked for.
    pub fn needs_zone(&self) -> bool {
        self.format.is_some() && self.zone == Clock::Guest
    }

    pub fn wants(&self, message: &str) -> bool {
        self.filters.iter().all(|filter| filter.pattern.0.is_match(message) == filter.includes)
    }

    /// Messages that are wanted, with their times in milliseconds, in order of these. One without a time has that of the
    /// one before it, as the agent has it, the first one `last`, or else `now`. Gives the last time that was read.
    pub fn timed(
        &self,
        messages: Vec<String>,
        zone: &Zone,
        mut last: Option<i64>,
        now: i64,
    ) -> (Vec<(i64, String)>, Option<i64>) {
        let utc = Zone::default();
        let zone = if self.zone == Clock::Utc { &utc } else { zone };
        let mut timed = Vec::new();
        for message in messages.into_iter().filter(|message| self.wants(message)) {
            last = self.format.as_ref().and_then(|format| format.time_in(&message, zone, now)).or(last);
            timed.push((last.unwrap_or(now), message));
        }
        timed.sort_by_key(|(at, _)| *at);
        (timed, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(bytes: &'static str, size: u64, is_last: bool) -> Part<'static> {
        Part { inode: 7, size, from: 100, head: &[], bytes: bytes.as_bytes(), is_last }
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
            ("a\n\n  b\nc\n", 109, true, false, vec!["a\n\n  b", "c"], 109),
            ("", 100, true, false, vec![], 100),
        ] {
            let (messages, reached) = Lines::default().messages(&part(bytes, size, is_last), is_quiet);
            assert_eq!(
                (messages, reached),
                (wanted.iter().map(|&text| text.to_owned()).collect(), offset),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn a_message_begins_where_the_configuration_says() {
        let bytes = "[1] a\nb\n  c\n[2] d\n";
        let wanted = ["[1] a\nb\n  c", "[2] d"];
        let start = Start::Pattern(Pattern::read(r"^\[\d\]").unwrap());
        let by_pattern = Lines { start, ..Lines::default() };
        assert_eq!(
            by_pattern.messages(&part(bytes, 118, false), true),
            (wanted.map(str::to_owned).to_vec(), 118)
        );
        let format = Some(Format::read("%m-%d %H:%M").unwrap());
        let by_time = Lines { start: Start::Time, format, ..Lines::default() };
        let bytes = "x 01-02 03:04 a\nb\n01-02 03:05 c\n";
        let (messages, _) = by_time.messages(&part(bytes, 132, false), true);
        assert_eq!(messages, ["x 01-02 03:04 a\nb", "01-02 03:05 c"]);
    }

    #[test]
    fn messages_have_their_own_times_and_pass_every_filter() {
        let filter = |includes, text| Filter { includes, pattern: Pattern::read(text).unwrap() };
        let lines = Lines {
            format: Some(Format::read("%Y-%m-%d %H:%M:%S").unwrap()),
            filters: vec![filter(true, "GET|PUT"), filter(false, "health")],
            ..Lines::default()
        };
        let messages = [
            "GET without a time",
            "1970-01-01 00:01:00 GET late",
            "1970-01-01 00:00:30 PUT early",
            "PUT of the same time",
            "1970-01-01 00:00:40 GET /health",
            "1970-01-01 00:00:50 POST",
        ];
        let messages = || messages.map(str::to_owned).to_vec();
        let (timed, last) = lines.timed(messages(), &Zone::default(), None, 45_000);
        let times: Vec<_> = timed.iter().map(|(at, text)| (*at, text.rsplit(' ').next().unwrap())).collect();
        assert_eq!(times, [(30_000, "early"), (30_000, "time"), (45_000, "time"), (60_000, "late")]);
        assert_eq!(last, Some(30_000));
        let (timed, _) = lines.timed(messages(), &Zone::read("+0001 X"), Some(5), 45_000);
        assert_eq!(timed[0], (-30_000, "1970-01-01 00:00:30 PUT early".to_owned()));
        let zoned = Lines { zone: Clock::Utc, ..lines };
        assert_eq!(zoned.timed(messages(), &Zone::read("+0001 X"), None, 0).1, Some(30_000));
        assert!(Pattern::read("(").is_err());
    }
}
