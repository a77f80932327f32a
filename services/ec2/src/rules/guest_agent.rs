//! What a guest asks for: the configuration file of the CloudWatch agent, and of it the part about log files
//! (CloudWatch user guide, "Manually create or edit the CloudWatch agent configuration file").

use std::net::Ipv4Addr;

use serde_json::{Map, Value};

use super::guest_lines::{Clock, Filter, Lines, Pattern, Start};
use super::guest_metrics::{Metrics, metrics};
use super::guest_time::Format;

/// Where the agent's configuration is looked for inside of guests.
pub const CONFIG_FILE: &str = "/opt/aws/amazon-cloudwatch-agent/etc/amazon-cloudwatch-agent.json";
/// Files of one guest.
const FILES_MAX: usize = 64;
/// Filters of one file.
const FILTERS_MAX: usize = 16;
/// Sentences to one guest.
const COMPLAINTS_MAX: usize = 32;
/// The agent's own pace, in seconds, and ours.
const FLUSH_S: i64 = 5;
/// What may stand in an entry, and what it may say where only one thing is honoured.
const ENTRY: [(&str, Option<&str>); 11] = [
    ("file_path", None),
    ("log_group_name", None),
    ("log_stream_name", None),
    ("retention_in_days", None),
    ("log_group_class", Some("STANDARD")),
    ("encoding", Some("utf-8")),
    ("timezone", None),
    ("timestamp_format", None),
    ("multi_line_start_pattern", None),
    ("filters", None),
    ("from_beginning", None),
];

/// A file, or the newest of a pattern's, and where its lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    pub path: String,
    pub group: String,
    pub stream: String,
    pub retention_in_days: Option<i32>,
    pub lines: Lines,
    /// What is in a file when it is found is shipped, too.
    pub from_beginning: bool,
}

/// What is shipped and measured, and sentences about what is not, for whoever wrote the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub files: Vec<Watched>,
    pub metrics: Metrics,
    pub complaints: Vec<String>,
}

/// What stands for itself in names of groups and streams.
pub struct About<'a> {
    pub instance_id: &'a str,
    pub hostname: &'a str,
    pub ip_address: Ipv4Addr,
}

/// The path that names the guest's console, of which the cloud keeps what it says.
const CONSOLE: &str = "/dev/console";

impl Watched {
    pub fn is_console(&self) -> bool {
        self.path == CONSOLE
    }
}

impl About<'_> {
    fn fill(&self, text: &str) -> String {
        text.replace("{instance_id}", self.instance_id)
            .replace("{local_hostname}", self.hostname)
            .replace("{hostname}", self.hostname)
            .replace("{ip_address}", &self.ip_address.to_string())
    }
}

/// Reads a configuration. An entry with something that is not honoured is left out as a whole, and told of.
pub fn wanted(config: &[u8], about: &About<'_>) -> Wanted {
    let mut wanted = Wanted::default();
    let config: Map<String, Value> = match serde_json::from_slice(config) {
        Ok(config) => config,
        Err(error) => {
            wanted.complaints.push(format!("the configuration does not read: {error}"));
            return wanted;
        }
    };
    wanted.metrics = metrics(&config, &mut wanted.complaints);
    let mut say = |text: String| wanted.complaints.push(text);
    // How the agent itself runs (`agent`), ours needs no telling.
    for name in config.keys().filter(|name| !["agent", "logs", "metrics"].contains(&name.as_str())) {
        say(format!("{name}: not honoured"));
    }
    let empty = Map::new();
    let logs = config.get("logs").and_then(Value::as_object).unwrap_or(&empty);
    for (name, value) in logs {
        match name.as_str() {
            "logs_collected" | "log_stream_name" => {}
            "force_flush_interval" if value.as_i64() == Some(FLUSH_S) => {}
            "force_flush_interval" => say(format!("logs.{name}: can only be {FLUSH_S}")),
            _ => say(format!("logs.{name}: not honoured")),
        }
    }
    let collected = logs.get("logs_collected").and_then(Value::as_object).unwrap_or(&empty);
    for name in collected.keys().filter(|name| *name != "files") {
        say(format!("logs.logs_collected.{name}: not honoured"));
    }
    let usual = logs.get("log_stream_name").and_then(Value::as_str).unwrap_or("{instance_id}");
    let list = collected.get("files").and_then(|files| files.get("collect_list")).and_then(Value::as_array);
    for (index, entry) in list.into_iter().flatten().enumerate() {
        let outcome = if index < FILES_MAX {
            watched(entry, usual, about)
        } else {
            Err(format!("no more than {FILES_MAX} files are shipped"))
        };
        match outcome {
            Ok(one) => wanted.files.push(one),
            Err(why) => {
                let at = format!("logs.logs_collected.files.collect_list[{index}]");
                wanted.complaints.push(format!("{at}: {why}"));
            }
        }
    }
    wanted
}

/// As many sentences as one guest is told, and how many there are beyond that.
pub fn bounded(mut complaints: Vec<String>) -> Vec<String> {
    let further = complaints.len().saturating_sub(COMPLAINTS_MAX);
    if further > 0 {
        complaints.truncate(COMPLAINTS_MAX);
        complaints.push(format!("and {further} more"));
    }
    complaints
}

fn watched(entry: &Value, usual_stream: &str, about: &About<'_>) -> Result<Watched, String> {
    let entry = entry.as_object().ok_or("is no object")?;
    for (name, value) in entry {
        match ENTRY.iter().find(|(known, _)| known == name) {
            None => return Err(format!("{name} is not honoured")),
            Some((_, Some(only))) if value.as_str().is_none_or(|text| !text.eq_ignore_ascii_case(only)) => {
                return Err(format!("{name} can only be {only}"));
            }
            Some(_) => {}
        }
    }
    let text = |name: &str| entry.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let path = text("file_path").ok_or("file_path is missing")?;
    if !path.starts_with('/') || path.contains(['\n', '\0']) {
        return Err("file_path must be an absolute path".to_owned());
    }
    if path.contains("**") {
        return Err("file_path cannot go through all folders below one (**)".to_owned());
    }
    // Up to the last dot, as the guide says.
    let usual_group = path.rsplit_once('.').map_or(path, |(before, _)| before);
    let name = |text: &str| {
        let name = about.fill(text);
        if name.contains(['{', '}']) {
            Err(format!("{text} has a placeholder that is not known"))
        } else {
            Ok(name)
        }
    };
    let retention = match entry.get("retention_in_days").map(Value::as_i64) {
        None | Some(Some(-1)) => None,
        Some(days) => Some(
            days.and_then(|days| i32::try_from(days).ok()).ok_or("retention_in_days is no number of days")?,
        ),
    };
    Ok(Watched {
        path: path.to_owned(),
        group: name(text("log_group_name").unwrap_or(usual_group))?,
        stream: name(text("log_stream_name").unwrap_or(usual_stream))?,
        retention_in_days: retention,
        lines: lines(entry)?,
        from_beginning: match entry.get("from_beginning") {
            None => true,
            Some(flag) => flag.as_bool().ok_or("from_beginning is neither true nor false")?,
        },
    })
}

/// How the lines of a file are read.
fn lines(entry: &Map<String, Value>) -> Result<Lines, String> {
    let text = |name: &str| match entry.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or_else(|| format!("{name} is no text")),
    };
    let format = text("timestamp_format")?.map(Format::read).transpose()?;
    let start = match text("multi_line_start_pattern")? {
        None => Start::Usual,
        Some("{timestamp_format}") if format.is_none() => {
            return Err("multi_line_start_pattern needs a timestamp_format".to_owned());
        }
        Some("{timestamp_format}") => Start::Time,
        Some(pattern) => Start::Pattern(Pattern::read(pattern)?),
    };
    let zone = match text("timezone")? {
        None | Some("Local") => Clock::Guest,
        Some("UTC") => Clock::Utc,
        Some(_) => return Err("timezone can only be UTC or Local".to_owned()),
    };
    let none = Vec::new();
    let filters = match entry.get("filters") {
        None => &none,
        Some(filters) => filters.as_array().ok_or("filters is no list")?,
    };
    if filters.len() > FILTERS_MAX {
        return Err(format!("no more than {FILTERS_MAX} filters are honoured"));
    }
    let filters = filters.iter().map(filter).collect::<Result<_, _>>()?;
    Ok(Lines { start, format, zone, filters })
}

fn filter(filter: &Value) -> Result<Filter, String> {
    let filter = filter.as_object().ok_or("a filter is no object")?;
    if let Some(name) = filter.keys().find(|name| !["type", "expression"].contains(&name.as_str())) {
        return Err(format!("filters: {name} is not honoured"));
    }
    let text = |name: &str| filter.get(name).and_then(Value::as_str);
    let includes = match text("type") {
        Some("include") => true,
        Some("exclude") => false,
        _ => return Err("filters: type can only be include or exclude".to_owned()),
    };
    let expression = text("expression").ok_or("filters: expression is missing")?;
    Ok(Filter { includes, pattern: Pattern::read(expression)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: About<'_> = About {
        instance_id: "i-1",
        hostname: "ip-10-0-0-4.ec2.internal",
        ip_address: Ipv4Addr::new(10, 0, 0, 4),
    };

    fn read(entries: &str) -> Wanted {
        let text =
            format!(r#"{{"logs": {{"logs_collected": {{"files": {{"collect_list": [{entries}]}}}}}}}}"#);
        wanted(text.as_bytes(), &ABOUT)
    }

    #[test]
    fn files_have_groups_and_streams_with_the_agents_own_defaults() {
        let read = read(
            r#"{"file_path": "/var/log/app.log"},
               {"file_path": "/var/log/web/*.log", "log_group_name": "web/{ip_address}",
                "log_stream_name": "{hostname}-{instance_id}", "retention_in_days": 7, "encoding": "UTF-8"},
               {"file_path": "/var/log/x", "retention_in_days": -1}"#,
        );
        assert!(read.complaints.is_empty(), "{read:?}");
        let shown: Vec<_> = read.files.iter().map(|one| (one.group.as_str(), one.stream.as_str())).collect();
        let web = ("web/10.0.0.4", "ip-10-0-0-4.ec2.internal-i-1");
        assert_eq!(shown, [("/var/log/app", "i-1"), web, ("/var/log/x", "i-1")]);
        let days: Vec<_> = read.files.iter().map(|one| one.retention_in_days).collect();
        assert_eq!(days, [None, Some(7), None]);
    }

    #[test]
    fn lines_are_read_as_is_asked_for() {
        let read = read(
            r#"{"file_path": "/a"},
               {"file_path": "/b", "timestamp_format": "%Y-%m-%d %H:%M", "timezone": "UTC", "from_beginning": false,
                "multi_line_start_pattern": "{timestamp_format}",
                "filters": [{"type": "exclude", "expression": "x"}]}"#,
        );
        let [usual, other] = &read.files[..] else { panic!("{read:?}") };
        assert!(usual.from_beginning && usual.lines == Lines::default());
        assert!(!other.from_beginning && other.lines.start == Start::Time && !other.lines.needs_zone());
        assert!(
            other.lines.format.is_some()
                && other.lines.filters.len() == 1
                && !other.lines.filters[0].includes
        );
    }

    #[test]
    fn what_is_not_honoured_is_told_by_name_and_its_file_left_out() {
        for (entry, why) in [
            (r#"{"file_path": "/a", "multi_line_start_pattern": "("}"#, "( is no expression"),
            (
                r#"{"file_path": "/a", "multi_line_start_pattern": "{timestamp_format}"}"#,
                "needs a timestamp_format",
            ),
            (r#"{"file_path": "/a", "timestamp_format": "%H"}"#, "timestamp_format"),
            (r#"{"file_path": "/a", "timezone": "CET"}"#, "timezone can only be UTC or Local"),
            (r#"{"file_path": "/a", "from_beginning": 1}"#, "from_beginning"),
            (r#"{"file_path": "/a", "filters": [{"type": "some", "expression": "a"}]}"#, "filters: type"),
            (r#"{"file_path": "/a", "filters": [{"type": "include"}]}"#, "filters: expression"),
            (r#"{"file_path": "/a", "auto_removal": true}"#, "auto_removal is not honoured"),
            (r#"{"file_path": "/a", "encoding": "latin-1"}"#, "encoding can only be utf-8"),
            (r#"{"file_path": "/a/**.log"}"#, "**"),
            (r#"{"file_path": "a.log"}"#, "absolute"),
            (r#"{"file_path": "/a", "log_stream_name": "{date}"}"#, "{date}"),
            (r#"{"file_path": "/a", "retention_in_days": "many"}"#, "retention_in_days"),
            (r#"{"log_group_name": "a"}"#, "file_path is missing"),
            ("7", "is no object"),
        ] {
            let read = read(entry);
            let heard = read.complaints.join("\n");
            assert!(
                read.files.is_empty() && heard.contains(why) && heard.contains("collect_list[0]"),
                "{read:?}"
            );
        }
        let read =
            wanted(br#"{"agent": {}, "traces": {"namespace": "a"}, "logs": {"credentials": {}}}"#, &ABOUT);
        assert_eq!(read.complaints, ["traces: not honoured", "logs.credentials: not honoured"]);
        assert!(wanted(b"{", &ABOUT).complaints.join("").contains("does not read"));
        let read = wanted(br#"{"logs": {"force_flush_interval": 60}}"#, &ABOUT);
        assert_eq!(read.complaints, ["logs.force_flush_interval: can only be 5"]);
        assert!(wanted(br#"{"logs": {"force_flush_interval": 5}}"#, &ABOUT).complaints.is_empty());
    }

    #[test]
    fn there_are_bounds_to_files_and_to_what_is_told() {
        let read = read(&vec![r#"{"file_path": "/a"}"#; FILES_MAX + COMPLAINTS_MAX + 3].join(","));
        let told = bounded(read.complaints);
        assert_eq!((read.files.len(), told.len()), (FILES_MAX, COMPLAINTS_MAX + 1));
        assert_eq!(told.last().unwrap(), "and 3 more");
    }
}
