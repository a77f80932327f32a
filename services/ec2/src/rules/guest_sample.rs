//! What is measured inside of a guest: a shell's program that prints what its kernel tells, and values made of it.
//!
//! A container's `/proc` tells of the host's memory and processors. What it may have and has itself stands in its control
//! group, and is what counts there; what that does not tell is not told.

use std::collections::BTreeMap;

use super::guest_metrics::{Kind, Section};

/// Is given kinds, and prints for each what there is, under a line `= name`.
const PROGRAM: &str = r#"
[ -x /opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent ] && exit 64
g=/sys/fs/cgroup m=/sys/fs/cgroup/memory
say() { echo "= $1"; shift; "$@" 2>/dev/null; echo; }
count() { cat "$@" 2>/dev/null | awk '$1 != "sl" { n[$4]++; all++ } END { print "all", all + 0; for (s in n) print s, n[s] }'; }
say memory cat /proc/meminfo
say limit cat $g/memory.max $m/memory.limit_in_bytes
say usage cat $g/memory.current $m/memory.usage_in_bytes
for kind; do
  case $kind in
  mem) say charged cat $g/memory.stat $m/memory.stat ;;
  swap)
    say swap_limit cat $g/memory.swap.max
    say swap_usage cat $g/memory.swap.current
    ;;
  cpu)
    say processors grep '^cpu' /proc/stat
    say spent cat $g/cpu.stat $g/cpuacct/cpuacct.stat
    ;;
  disk)
    say mounts cat /proc/mounts
    say space df -aPk
    say inodes df -aPi
    ;;
  net) say links cat /proc/net/dev ;;
  netstat)
    say tcp count /proc/net/tcp /proc/net/tcp6
    say udp count /proc/net/udp /proc/net/udp6
    ;;
  processes)
    echo "= processes"
    cat /proc/[0-9]*/stat 2>/dev/null |
      awk '{ sub(/.*\) /, ""); n[$1]++; all++; t += $18 } END { print "all", all; print "threads", t; for (s in n) print s, n[s] }'
    ;;
  esac
done
exit 0
"#;

/// Of the kernel, where it counts time for those who ask (`USER_HZ`).
const TICK_US: f64 = 10_000.0;

/// The command that asks for what sections of these kinds are made of.
pub fn command(kinds: impl IntoIterator<Item = Kind>) -> Vec<String> {
    let command = ["sh", "-c", PROGRAM, "sh"].into_iter();
    command.chain(kinds.into_iter().map(Kind::name)).map(str::to_owned).collect()
}

/// What a guest answered, by name.
pub struct Answer(BTreeMap<String, String>);

impl Answer {
    pub fn read(output: &[u8]) -> Self {
        let output = String::from_utf8_lossy(output);
        let mut texts = BTreeMap::new();
        let mut name = "";
        for line in output.lines() {
            match line.strip_prefix("= ") {
                Some(next) => name = next,
                None => {
                    let text: &mut String = texts.entry(name.to_owned()).or_default();
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        Self(texts)
    }

    fn lines(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).map_or("", String::as_str).lines()
    }

    /// The number that is alone in the first line; `None` for `max`.
    fn number(&self, name: &str) -> Option<f64> {
        self.lines(name).next()?.trim().parse().ok()
    }

    /// The number after a word that begins a line.
    fn of(&self, name: &str, word: &str) -> Option<f64> {
        let value = |line: &str| {
            let mut words = line.split_whitespace();
            (words.next()? == word).then(|| words.next()?.parse().ok())?
        };
        self.lines(name).find_map(value)
    }

    fn meminfo(&self, word: &str) -> Option<f64> {
        Some(self.of("memory", &format!("{word}:"))? * 1_024.0)
    }

    /// The memory that a container may have; `None` in a machine with a kernel of its own.
    fn limit(&self) -> Option<f64> {
        self.number("limit").filter(|limit| self.meminfo("MemTotal").is_none_or(|total| *limit < total))
    }
}

/// Values of one thing, by what was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    pub dimensions: Vec<(&'static str, String)>,
    pub values: BTreeMap<&'static str, f64>,
}

/// What had been counted at some time, by thing: the next values are counted from there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// In milliseconds.
    pub at: i64,
    things: BTreeMap<String, BTreeMap<&'static str, f64>>,
}

/// Values of a section, and what is counted from next time. Where only counters are told, the first time has no values.
pub fn rows(
    section: &Section,
    answer: &Answer,
    before: Option<&Counted>,
    now: i64,
    vcpus: f64,
) -> (Vec<Row>, Counted) {
    let mut counted = Counted { at: now, ..Counted::default() };
    let alone = |values: BTreeMap<&'static str, f64>| {
        if values.is_empty() { Vec::new() } else { vec![Row { dimensions: Vec::new(), values }] }
    };
    let rows = match section.kind {
        Kind::Mem => alone(mem(answer)),
        Kind::Swap => alone(swap(answer)),
        Kind::Netstat => alone(netstat(answer)),
        Kind::Processes => alone(processes(answer)),
        Kind::Disk => disk(section, answer),
        Kind::Net => {
            counted.things = links(section, answer);
            counted
                .since(before, |_, more, _| Some(more))
                .map(|(name, values)| row("interface", name, values))
                .collect()
        }
        Kind::Cpu => {
            counted.things = if answer.limit().is_some() { spent(answer) } else { processors(answer) };
            let wanted =
                |name: &str| if name == TOTAL { section.has_total } else { !section.resources.is_empty() };
            counted.things.retain(|name, _| wanted(name));
            let used = |_: &str, more: BTreeMap<_, _>, span_ms: f64| usage(&more, span_ms * vcpus);
            counted.since(before, used).map(|(name, values)| row("cpu", name, values)).collect()
        }
    };
    (rows, counted)
}

impl Counted {
    /// What came of everything since the last time, of which something is made.
    fn since<'a>(
        &'a self,
        before: Option<&'a Counted>,
        make: impl Fn(&str, BTreeMap<&'static str, f64>, f64) -> Option<BTreeMap<&'static str, f64>> + 'a,
    ) -> impl Iterator<Item = (String, BTreeMap<&'static str, f64>)> + 'a {
        self.things.iter().filter_map(move |(name, now)| {
            let (before, at) = before.and_then(|before| Some((before.things.get(name)?, before.at)))?;
            // One that counts less was begun anew.
            let more = |(what, count): (&&'static str, &f64)| {
                Some((*what, count - before.get(what)?)).filter(|(_, more)| *more >= 0.0)
            };
            let more: BTreeMap<_, _> = now.iter().filter_map(more).collect();
            let span_ms = i32::try_from(self.at - at).ok().filter(|span| *span > 0)?;
            Some((name.clone(), make(name, more, span_ms.into())?))
        })
    }
}

fn row(dimension: &'static str, name: String, values: BTreeMap<&'static str, f64>) -> Row {
    Row { dimensions: vec![(dimension, name)], values }
}

fn mem(answer: &Answer) -> BTreeMap<&'static str, f64> {
    let mut values = match answer.limit() {
        Some(limit) => charged(answer, limit),
        None => {
            let told = |name| answer.meminfo(name);
            let cached = told("Cached").map(|cached| cached + told("SReclaimable").unwrap_or(0.0));
            let all = [
                ("total", told("MemTotal")),
                ("free", told("MemFree")),
                ("available", told("MemAvailable")),
                ("buffered", told("Buffers")),
                ("cached", cached),
                ("active", told("Active")),
                ("inactive", told("Inactive")),
            ];
            all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
        }
    };
    let of = |name: &str| values.get(name).copied();
    let used = of("total").zip(of("free")).map(|(total, free)| {
        (total - free - of("buffered").unwrap_or(0.0) - of("cached").unwrap_or(0.0)).max(0.0)
    });
    let percent = |part: Option<f64>| Some(part? / of("total").filter(|total| *total > 0.0)? * 100.0);
    let made =
        [("used", used), ("used_percent", percent(used)), ("available_percent", percent(of("available")))];
    values.extend(made.into_iter().filter_map(|(name, value)| Some((name, value?))));
    values
}

/// The memory of a control group, of either version: what its processes are charged for, and its limit.
fn charged(answer: &Answer, limit: f64) -> BTreeMap<&'static str, f64> {
    let Some(usage) = answer.number("usage") else { return BTreeMap::from([("total", limit)]) };
    let either = |new: &str, old: &str| answer.of("charged", old).or_else(|| answer.of("charged", new));
    let sum = |one: Option<f64>, other: Option<f64>| one.zip(other).map(|(one, other)| one + other);
    let files =
        sum(either("active_file", "total_active_file"), either("inactive_file", "total_inactive_file"));
    let of = |list: &str| {
        let anonymous = either(&format!("{list}_anon"), &format!("total_{list}_anon"));
        sum(anonymous, either(&format!("{list}_file"), &format!("total_{list}_file")))
    };
    let freeable = answer.of("charged", "slab_reclaimable").unwrap_or(0.0);
    let all = [
        ("total", Some(limit)),
        ("free", Some(limit - usage)),
        ("available", files.map(|files| limit - usage + files + freeable)),
        ("cached", either("file", "total_cache").map(|cached| cached + freeable)),
        ("active", of("active")),
        ("inactive", of("inactive")),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?.clamp(0.0, limit)))).collect()
}

fn swap(answer: &Answer) -> BTreeMap<&'static str, f64> {
    let (host, left) = (answer.meminfo("SwapTotal"), answer.meminfo("SwapFree"));
    let sizes = match (answer.limit(), host) {
        // Where the host has none, nobody has.
        (_, Some(total)) if total <= 0.0 => Some((0.0, 0.0)),
        (None, _) => host.zip(left).map(|(total, free)| (total, total - free)),
        (Some(_), _) => answer.number("swap_limit").zip(answer.number("swap_usage")),
    };
    let Some((total, used)) = sizes else { return BTreeMap::new() };
    let percent = if total > 0.0 { used / total * 100.0 } else { 0.0 };
    BTreeMap::from([("free", (total - used).max(0.0)), ("used", used), ("used_percent", percent)])
}

fn disk(section: &Section, answer: &Answer) -> Vec<Row> {
    let inodes: BTreeMap<_, _> = answer.lines("inodes").filter_map(free).map(|one| (one.path, one)).collect();
    let mut rows = BTreeMap::new();
    for mount in answer.lines("mounts") {
        let mut words = mount.split(' ').map(|word| word.replace("\\040", " "));
        let (Some(device), Some(path), Some(kind)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let is_wanted = section.resources.is_empty() || section.resources.contains(&path);
        if !is_wanted || section.ignored_types.contains(&kind) {
            continue;
        }
        // What has no size is no disk.
        let space = answer.lines("space").filter_map(free).filter(|one| one.path == path && one.total > 0.0);
        let Some(space) = space.last() else { continue };
        let mut values = BTreeMap::from([
            ("total", space.total * 1_024.0),
            ("used", space.used * 1_024.0),
            ("free", space.free * 1_024.0),
        ]);
        let usable = space.used + space.free;
        values.extend((usable > 0.0).then(|| ("used_percent", space.used / usable * 100.0)));
        if let Some(inodes) = inodes.get(path.as_str()) {
            values.extend([
                ("inodes_total", inodes.total),
                ("inodes_used", inodes.used),
                ("inodes_free", inodes.free),
            ]);
        }
        let mut dimensions = vec![("path", path.clone()), ("fstype", kind)];
        let device = device.strip_prefix("/dev/").unwrap_or(&device).to_owned();
        dimensions.extend(section.has_device.then_some(("device", device)));
        // One that was mounted over another hides it.
        rows.insert(path, Row { dimensions, values });
    }
    rows.into_values().collect()
}

struct Free<'a> {
    path: &'a str,
    total: f64,
    used: f64,
    free: f64,
}

/// A line of `df -P`: file system, all, used, free, share, path. Either end may have spaces in it; what has no size has no
/// share.
fn free(line: &str) -> Option<Free<'_>> {
    let (before, path) = line.split_once("% ")?;
    let mut words = before.split_whitespace().rev().skip(1);
    let mut number = || words.next()?.parse::<f64>().ok();
    let (free, used, total) = (number()?, number()?, number()?);
    Some(Free { path: path.trim(), total, used, free })
}

const TOTAL: &str = "cpu-total";
const TIMES: [&str; 10] =
    ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"];

/// Processor time of a kernel (`proc_stat(5)`), in milliseconds.
fn processors(answer: &Answer) -> BTreeMap<String, BTreeMap<&'static str, f64>> {
    let read = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        let times = TIMES.into_iter().zip(words.filter_map(|word| word.parse::<f64>().ok()));
        let times = times.map(|(name, ticks)| (name, ticks * TICK_US / 1_000.0)).collect();
        Some((if name == "cpu" { TOTAL.to_owned() } else { name.to_owned() }, times))
    };
    answer.lines("processors").filter_map(read).collect()
}

/// Processor time of a control group, of either version, in milliseconds.
fn spent(answer: &Answer) -> BTreeMap<String, BTreeMap<&'static str, f64>> {
    let of = |new: &str, old: &str| {
        let new = answer.of("spent", new).map(|us| us / 1_000.0);
        answer.of("spent", old).map(|ticks| ticks * TICK_US / 1_000.0).or(new)
    };
    let times = of("user_usec", "user").zip(of("system_usec", "system"));
    let times = times.map(|(user, system)| BTreeMap::from([("user", user), ("system", system)]));
    times.map(|times| (TOTAL.to_owned(), times)).into_iter().collect()
}

/// Shares of the time in percent. A control group is not idle: what it had of `capacity_ms` and did not use is.
fn usage(more: &BTreeMap<&'static str, f64>, capacity_ms: f64) -> Option<BTreeMap<&'static str, f64>> {
    let of = |name: &str| more.get(name).copied();
    // The time of guests of its own is counted twice (`proc_stat(5)`).
    let (guest, guest_nice) = (of("guest").unwrap_or(0.0), of("guest_nice").unwrap_or(0.0));
    let counted = TIMES.iter().take(8).filter_map(|name| of(name));
    let all = if of("idle").is_some() { counted.sum::<f64>() } else { capacity_ms };
    let share = |time: f64| (time / all * 100.0).clamp(0.0, 100.0);
    if all <= 0.0 {
        return None;
    }
    let idle = of("idle").unwrap_or_else(|| all - of("user").unwrap_or(0.0) - of("system").unwrap_or(0.0));
    let shares = [
        ("usage_user", of("user").map(|user| user - guest)),
        ("usage_nice", of("nice").map(|nice| nice - guest_nice)),
        ("usage_system", of("system")),
        ("usage_idle", Some(idle)),
        ("usage_iowait", of("iowait")),
        ("usage_irq", of("irq")),
        ("usage_softirq", of("softirq")),
        ("usage_steal", of("steal")),
        ("usage_guest", of("guest")),
        ("usage_guest_nice", of("guest_nice")),
        ("usage_active", Some(all - idle)),
    ];
    Some(shares.into_iter().filter_map(|(name, time)| Some((name, share(time?)))).collect())
}

/// Columns of `/proc/net/dev`, in and out.
const LINKS: [(&str, usize); 8] = [
    ("bytes_recv", 0),
    ("packets_recv", 1),
    ("err_in", 2),
    ("drop_in", 3),
    ("bytes_sent", 8),
    ("packets_sent", 9),
    ("err_out", 10),
    ("drop_out", 11),
];

fn links(section: &Section, answer: &Answer) -> BTreeMap<String, BTreeMap<&'static str, f64>> {
    let read = |line: &str| {
        let (name, counts) = line.split_once(':')?;
        let counts: Vec<f64> = counts.split_whitespace().filter_map(|count| count.parse().ok()).collect();
        let counts = LINKS.iter().filter_map(|(what, at)| Some((*what, *counts.get(*at)?))).collect();
        let name = name.trim();
        let is_wanted = section.resources.is_empty() || section.resources.iter().any(|one| one == name);
        // The agent leaves out the loop unless it is asked for.
        let is_wanted = is_wanted && (name != "lo" || !section.resources.is_empty());
        is_wanted.then(|| (name.to_owned(), counts))
    };
    answer.lines("links").filter_map(read).collect()
}

/// States of sockets, as `/proc/net/tcp` numbers them.
const SOCKETS: [(&str, &str); 12] = [
    ("tcp_established", "01"),
    ("tcp_syn_sent", "02"),
    ("tcp_syn_recv", "03"),
    ("tcp_fin_wait1", "04"),
    ("tcp_fin_wait2", "05"),
    ("tcp_time_wait", "06"),
    ("tcp_close", "07"),
    ("tcp_close_wait", "08"),
    ("tcp_last_ack", "09"),
    ("tcp_listen", "0A"),
    ("tcp_closing", "0B"),
    ("tcp_none", "00"),
];

fn netstat(answer: &Answer) -> BTreeMap<&'static str, f64> {
    let mut values = BTreeMap::new();
    if answer.of("tcp", "all").is_some() {
        values.extend(SOCKETS.map(|(name, state)| (name, answer.of("tcp", state).unwrap_or(0.0))));
    }
    values.extend(answer.of("udp", "all").map(|count| ("udp_socket", count)));
    values
}

/// States of processes (`proc_pid_stat(5)`).
const STATES: [(&str, &[&str]); 8] = [
    ("running", &["R"]),
    ("sleeping", &["S"]),
    ("blocked", &["D"]),
    ("zombies", &["Z"]),
    ("stopped", &["T", "t"]),
    ("dead", &["X", "x"]),
    ("idle", &["I"]),
    ("paging", &["W"]),
];

fn processes(answer: &Answer) -> BTreeMap<&'static str, f64> {
    let of = |word: &str| answer.of("processes", word);
    let (Some(total), Some(threads)) = (of("all"), of("threads")) else { return BTreeMap::new() };
    let count = |letters: &[&str]| letters.iter().filter_map(|letter| of(letter)).sum();
    let mut values = BTreeMap::from([("total", total), ("total_threads", threads)]);
    values.extend(STATES.map(|(name, letters)| (name, count(letters))));
    values
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use serde_json::{Value, json};

    use super::super::guest_metrics::metrics;
    use super::*;

    fn section(kind: &str, settings: &Value) -> Section {
        let mut section = json!({"measurement": []});
        section.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let config = json!({"metrics": {"metrics_collected": {kind: section}}});
        let mut complaints = Vec::new();
        let mut read = metrics(config.as_object().unwrap(), &mut complaints);
        assert!(complaints.is_empty(), "{complaints:?}");
        read.sections.remove(0)
    }

    fn only(kind: &str, answer: &str) -> BTreeMap<&'static str, f64> {
        let (mut rows, _) = rows(&section(kind, &json!({})), &Answer::read(answer.as_bytes()), None, 0, 2.0);
        assert!(rows.len() <= 1);
        rows.pop().unwrap_or_default().values
    }

    fn close(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 0.01, "{found} is not {wanted}");
    }

    const HOST: &str = "= memory\nMemTotal: 4000 kB\nMemFree: 1000 kB\nMemAvailable: 2000 kB\nBuffers: 200 kB\n\
        Cached: 700 kB\nSReclaimable: 100 kB\nActive: 5 kB\nInactive: 6 kB\nSwapTotal: 100 kB\nSwapFree: 75 kB\n";

    #[test]
    fn memory_is_the_kernels_or_the_control_groups() {
        for unlimited in ["", "= limit\nmax\n", "= limit\n9223372036854771712\n= usage\n5\n"] {
            let values = only("mem", &format!("{HOST}{unlimited}"));
            close(values["used"], 2_000.0 * 1_024.0);
            close(values["used_percent"], 50.0);
            close(values["available_percent"], 50.0);
            close(values["buffered"], 200.0 * 1_024.0);
        }
        let own = "= limit\n1000000\n= usage\n600000\n= charged\n";
        let new = "active_anon 100\ninactive_anon 1\nactive_file 50000\ninactive_file 150000\nfile 200000\nslab_reclaimable 10000\n";
        let values = only("mem", &format!("{HOST}{own}{new}"));
        close(values["total"], 1_000_000.0);
        close(values["used_percent"], 39.0);
        close(values["available"], 610_000.0);
        close(values["active"], 50_100.0);
        assert!(!values.contains_key("buffered"), "it does not tell");
        let old = "cache 1\ntotal_cache 200000\ntotal_active_file 1\ntotal_inactive_file 199999\n";
        let values = only("mem", &format!("{HOST}{own}{old}"));
        close(values["used"], 400_000.0);
        close(values["available_percent"], 60.0);
        assert!(only("mem", "").is_empty());
    }

    #[test]
    fn swap_is_told_where_it_can_be() {
        close(only("swap", HOST)["used_percent"], 25.0);
        let own = "= limit\n1000000\n";
        assert!(only("swap", &format!("{HOST}{own}= swap_limit\nmax\n")).is_empty());
        let limited = format!("{HOST}{own}= swap_limit\n2000\n= swap_usage\n500\n");
        close(only("swap", &limited)["free"], 1_500.0);
        let none = HOST.replace("SwapTotal: 100", "SwapTotal: 0");
        close(only("swap", &format!("{none}{own}"))["used_percent"], 0.0);
    }

    #[test]
    fn disks_are_those_with_a_size_that_are_asked_for() {
        let answer = Answer::read(
            b"= mounts\n/dev/vda / ext4 rw 0 0\nproc /proc proc rw 0 0\ntmpfs /my\\040data tmpfs rw 0 0\n\
            = space\nFilesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 1000 300 600 34% /\n\
            proc 0 0 0 - /proc\ntmpfs 10 0 10 0% /my data\n= inodes\n/dev/vda 50 20 30 40% /\ntmpfs 0 0 0 - /my data\n",
        );
        let of = |settings: Value| rows(&section("disk", &settings), &answer, None, 0, 1.0).0;
        let all = of(json!({"resources": ["*"]}));
        let shown: Vec<_> = all.iter().map(|row| row.dimensions.clone()).collect();
        let named = |name: &str, kind: &str, device: &str| {
            vec![("path", name.to_owned()), ("fstype", kind.to_owned()), ("device", device.to_owned())]
        };
        assert_eq!(shown, [named("/", "ext4", "vda"), named("/my data", "tmpfs", "tmpfs")]);
        close(all[0].values["used_percent"], 33.33);
        close(all[0].values["free"], 614_400.0);
        close(all[0].values["inodes_used"], 20.0);
        assert!(!all[1].values.contains_key("inodes_used"));
        let some = of(json!({"ignore_file_system_types": ["tmpfs"], "drop_device": true}));
        assert!(some.len() == 1 && some[0].dimensions.len() == 2, "{some:?}");
        assert_eq!(of(json!({"resources": ["/my data"]})).len(), 1);
    }

    #[test]
    fn processors_have_shares_of_the_time_since_the_last_look() {
        let asked = section("cpu", &json!({"resources": ["*"]}));
        let at = |text: &str| Answer::read(format!("{HOST}= processors\n{text}").as_bytes());
        let (none, before) = rows(&asked, &at("cpu 100 0 0 100 0 0 0 0 0 0\ncpu0 1 0 0 1\n"), None, 0, 2.0);
        assert!(none.is_empty(), "there is nothing to count from");
        let (told, _) =
            rows(&asked, &at("cpu 150 0 20 220 10 0 0 0 10 0\ncpu0 2 0 0 4\n"), Some(&before), 1_000, 2.0);
        let names: Vec<_> = told.iter().map(|row| row.dimensions[0].1.as_str()).collect();
        assert_eq!(names, ["cpu-total", "cpu0"]);
        for (name, share) in
            [("user", 20.0), ("system", 10.0), ("idle", 60.0), ("iowait", 5.0), ("active", 40.0)]
        {
            close(told[0].values[format!("usage_{name}").as_str()], share);
        }
        close(told[1].values["usage_idle"], 75.0);
        let (begun_anew, _) = rows(&asked, &at("cpu 1 0 1 1\n"), Some(&before), 2_000, 2.0);
        assert!(begun_anew.iter().all(|row| row.values.values().all(|share| *share <= 100.0)));

        // A container of two processors that used half of one for a second.
        let own = |text: &str| Answer::read(format!("{HOST}= limit\n1000\n= spent\n{text}").as_bytes());
        for (first, second) in [
            ("usage_usec 0\nuser_usec 0\nsystem_usec 0\n", "user_usec 400000\nsystem_usec 100000\n"),
            ("user 0\nsystem 0\n", "user 40\nsystem 10\n"),
        ] {
            let (_, before) = rows(&asked, &own(first), None, 5, 2.0);
            let (told, _) = rows(&asked, &own(second), Some(&before), 1_005, 2.0);
            let values = &told[0].values;
            close(values["usage_user"], 20.0);
            close(values["usage_idle"], 75.0);
            close(values["usage_active"], 25.0);
            assert!(
                told.len() == 1 && !values.contains_key("usage_iowait"),
                "of the host's it tells nothing"
            );
        }
    }

    #[test]
    fn links_tell_what_came_since_the_last_look() {
        let at = |bytes: u64| {
            let text = format!(
                "= links\nInter-| Receive\n  lo: 1 1 0 0 0 0 0 0 1 1 0 0\n eth0: {bytes} 2 0 3 0 0 0 0 50 6 0 0 0 0 0 0\n"
            );
            Answer::read(text.as_bytes())
        };
        let asked = section("net", &json!({"resources": ["*"]}));
        let (_, before) = rows(&asked, &at(100), None, 0, 1.0);
        let (told, _) = rows(&asked, &at(1_100), Some(&before), 60_000, 1.0);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].dimensions, [("interface", "eth0".to_owned())]);
        close(told[0].values["bytes_recv"], 1_000.0);
        close(told[0].values["packets_sent"], 0.0);
    }

    #[test]
    fn what_a_real_kernel_tells_reads() {
        let kinds = ["cpu", "disk", "mem", "net", "netstat", "processes", "swap"];
        let sections = kinds.map(|kind| section(kind, &json!({})));
        let command = command(sections.iter().map(|section| section.kind));
        let done = Command::new(&command[0]).args(&command[1..]).output().unwrap();
        assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
        let answer = Answer::read(&done.stdout);
        for section in &sections {
            let (told, counted) = rows(section, &answer, None, 0, 1.0);
            let is_counted = matches!(section.kind, Kind::Cpu | Kind::Net);
            assert!(is_counted || !told.is_empty(), "{:?}", section.kind);
            assert!(!is_counted || section.kind == Kind::Net || !counted.things.is_empty());
            for (name, value) in told.iter().flat_map(|row| &row.values) {
                assert!(value.is_finite() && *value >= 0.0, "{name} {value}");
            }
        }
        let (of_processes, _) = rows(&sections[5], &answer, None, 0, 1.0);
        assert!(of_processes[0].values["running"] >= 1.0, "who asks runs");
    }
}
