//! What a target is sent.

use jiff::Timestamp;
use kernel::{Millis, Scope};
use serde_json::json;

/// What an input may ask about its invocation (user guide, "Adding context attributes").
#[derive(Debug)]
pub struct About<'a> {
    pub schedule_arn: &'a str,
    pub scheduled_at: Millis,
    pub execution_id: &'a str,
    /// 1 is the first.
    pub attempt: i32,
}

/// `2026-01-31T23:59:00Z`
pub fn instant(at: Millis) -> String {
    Timestamp::from_millisecond(at.div_euclid(1_000) * 1_000).map(|at| at.to_string()).unwrap_or_default()
}

/// The input with what it asks about in its place.
pub fn filled(input: &str, about: &About<'_>) -> String {
    let names = [
        ("schedule-arn", about.schedule_arn.to_owned()),
        ("scheduled-time", instant(about.scheduled_at)),
        ("execution-id", about.execution_id.to_owned()),
        ("attempt-number", about.attempt.to_string()),
    ];
    let fill = |text: String, (name, value): (&str, String)| {
        text.replace(&format!("<aws.scheduler.{name}>"), &value)
    };
    names.into_iter().fold(input.to_owned(), fill)
}

/// What is sent where a schedule says nothing.
pub fn default(scope: &Scope, about: &About<'_>) -> String {
    json!({
        "version": "0",
        "id": about.execution_id,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": scope.account.to_string(),
        "time": instant(about.scheduled_at),
        "region": scope.region.to_string(),
        "resources": [about.schedule_arn],
        "detail": "{}",
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_tell_of_their_invocation() {
        let about =
            About { schedule_arn: "arn", scheduled_at: 1_767_225_600_250, execution_id: "e-1", attempt: 2 };
        let text = r#"{"at":"<aws.scheduler.scheduled-time>","n":"<aws.scheduler.attempt-number>","x":"<aws.other>"}"#;
        assert_eq!(filled(text, &about), r#"{"at":"2026-01-01T00:00:00Z","n":"2","x":"<aws.other>"}"#);
        assert_eq!(filled("<aws.scheduler.schedule-arn> <aws.scheduler.execution-id>", &about), "arn e-1");
    }
}
