//! Labels that tell of their data: `${AVG}`, `${LAST_TIME}`, `${PROP('Dim.InstanceId')}` and their like.

use kernel::{Millis, Region};
use time::{OffsetDateTime, UtcOffset};

use super::math::series::TimeSeries;

/// What a label may ask about.
#[derive(Debug)]
pub struct About<'a> {
    pub series: &'a TimeSeries,
    /// The label without what is asked.
    pub own: &'a str,
    pub account: &'a str,
    pub region: Region,
    /// For instants.
    pub offset: UtcOffset,
}

/// The label with each `${…}` replaced that is known; others stay.
pub fn fill(label: &str, about: &About<'_>) -> String {
    let mut out = String::new();
    let mut rest = label;
    while let Some((before, behind)) = rest.split_once("${") {
        out.push_str(before);
        let Some((word, behind)) = behind.split_once('}') else {
            out.push_str("${");
            rest = behind;
            break;
        };
        match value(word.trim(), about) {
            Some(value) => out.push_str(&value),
            None => out.extend(["${", word, "}"]),
        }
        rest = behind;
    }
    out + rest
}

fn value(word: &str, about: &About<'_>) -> Option<String> {
    if let Some(property) = word.strip_prefix("PROP(").and_then(|rest| rest.strip_suffix(')')) {
        return property_of(property.trim().trim_matches(['\'', '"']), about);
    }
    let points = &about.series.points;
    let numbers = || points.iter().map(|(_, value)| *value);
    let least = || points.iter().min_by(|a, b| a.1.total_cmp(&b.1));
    let most = || points.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let sum: f64 = numbers().sum();
    let none = || "--".to_owned();
    let shown = |point: Option<&(Millis, f64)>| point.map_or_else(none, |(_, value)| short(*value));
    let instant = |point: Option<&(Millis, f64)>| point.map_or_else(none, |(at, _)| time(*at, about.offset));
    Some(match word {
        "LABEL" => about.own.to_owned(),
        "DATAPOINT_COUNT" => points.len().to_string(),
        "SUM" if points.is_empty() => none(),
        "SUM" => short(sum),
        "AVG" => u32::try_from(points.len())
            .ok()
            .filter(|n| *n > 0)
            .map_or_else(none, |n| short(sum / f64::from(n))),
        "MIN" => shown(least()),
        "MAX" => shown(most()),
        "FIRST" => shown(points.first()),
        "LAST" => shown(points.last()),
        "MIN_TIME" => instant(least()),
        "MAX_TIME" => instant(most()),
        "FIRST_TIME" => instant(points.first()),
        "LAST_TIME" => instant(points.last()),
        "MIN_MAX_RANGE" => format!("{} - {}", shown(least()), shown(most())),
        "FIRST_LAST_RANGE" => format!("{} - {}", shown(points.first()), shown(points.last())),
        "MIN_MAX_TIME_RANGE" => format!("{} - {}", instant(least()), instant(most())),
        "FIRST_LAST_TIME_RANGE" => format!("{} - {}", instant(points.first()), instant(points.last())),
        _ => return None,
    })
}

fn property_of(name: &str, about: &About<'_>) -> Option<String> {
    let (metric, statistic) = about.series.of.as_ref()?;
    match name {
        "AccountId" | "AccountLabel" => Some(about.account.to_owned()),
        "Region" => Some(about.region.to_string()),
        "MetricName" => Some(metric.name.clone()),
        "Namespace" => Some(metric.namespace.clone()),
        "Stat" => Some(statistic.to_string()),
        "Period" => Some((about.series.period_ms / 1_000).to_string()),
        _ => metric.dimension(name.strip_prefix("Dim.")?).map(str::to_owned),
    }
}

/// With three decimals at most.
fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn time(at: Millis, offset: UtcOffset) -> String {
    let Ok(at) = OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000)) else { return "--".to_owned() };
    let at = at.to_offset(offset);
    let (hours, minutes, _) = offset.as_hms();
    let zone = match (hours, minutes) {
        (0, 0) => "UTC".to_owned(),
        _ => {
            let sign = if offset.is_negative() { '-' } else { '+' };
            format!("{sign}{:02}{:02}", hours.abs(), minutes.abs())
        }
    };
    let (year, month, day) = at.to_calendar_date();
    format!(
        "{year}-{:02}-{day:02} {:02}:{:02}:{:02} {zone}",
        u8::from(month),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// `+0130`: the zone instants are shown in.
pub fn offset(text: &str) -> Option<UtcOffset> {
    let (sign, digits) = text.split_at_checked(1)?;
    let negative = match sign {
        "+" => false,
        "-" => true,
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2).filter(|_| digits.len() == 4)?;
    let part =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<i8>().ok()).flatten();
    let (hours, minutes) = (part(hours)?, part(minutes).filter(|minutes| *minutes < 60)?);
    let sign = if negative { -1 } else { 1 };
    UtcOffset::from_hms(hours * sign, minutes * sign, 0).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::rules::metric::MetricKey;

    #[test]
    fn labels_tell_of_their_data() {
        let dimensions = vec![("InstanceId".to_owned(), "i-1".to_owned())];
        let metric = MetricKey { namespace: "AWS/EC2".into(), name: "CPUUtilization".into(), dimensions };
        let series = TimeSeries {
            period_ms: 60_000,
            points: vec![(0, 1.0), (60_000, 5.5), (120_000, 2.0)],
            of: Some((Arc::new(metric), Arc::from("Average"))),
            ..TimeSeries::default()
        };
        let about = About {
            series: &series,
            own: "CPU",
            account: "000000000000",
            region: "eu-west-1".parse().unwrap(),
            offset: offset("+0130").unwrap(),
        };
        let filled = |label: &str| fill(label, &about);
        assert_eq!(filled("[max: ${MAX}] ${LABEL}"), "[max: 5.5] CPU");
        assert_eq!(filled("${AVG} ${SUM} ${MIN_MAX_RANGE}"), "2.833 8.5 1 - 5.5");
        assert_eq!(filled("${LAST_TIME}"), "1970-01-01 01:32:00 +0130");
        assert_eq!(
            filled("${PROP('Dim.InstanceId')}/${PROP('Stat')}/${PROP('Region')}"),
            "i-1/Average/eu-west-1"
        );
        assert_eq!(filled("${NOPE} ${"), "${NOPE} ${");
        assert!(offset("0130").is_none() && offset("+0190").is_none() && offset("+9900").is_none());
    }
}
