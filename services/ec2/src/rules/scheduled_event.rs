//! What scheduled events are called, which may be put off, and how metadata tells of them.

use kernel::{Millis, Result};
use serde_json::{Value, json};

use crate::errors;
use crate::rules::instant;
use crate::state::scheduled_event::{Code, End, ScheduledEvent};

/// Events of one instance, ended ones too.
pub const EVENTS_MAX: usize = 100;

const CODES: [(&str, Code); 5] = [
    ("instance-reboot", Code::InstanceReboot),
    ("system-reboot", Code::SystemReboot),
    ("system-maintenance", Code::SystemMaintenance),
    ("instance-retirement", Code::InstanceRetirement),
    ("instance-stop", Code::InstanceStop),
];

pub fn word(code: Code) -> &'static str {
    CODES.iter().find(|(_, known)| *known == code).map_or("", |(word, _)| word)
}

pub fn parse(word: &str) -> Option<Code> {
    CODES.iter().find(|(known, _)| *known == word).map(|(_, code)| *code)
}

/// As AWS shows it: ended ones say so.
pub fn description(event: &ScheduledEvent) -> String {
    match event.ended {
        Some(End::Completed) => format!("[Completed] {}", event.description),
        Some(End::Canceled) => format!("[Canceled] {}", event.description),
        None => event.description.clone(),
    }
}

/// # Errors
/// When it has ended, cannot be put off, or not to then.
pub fn check_start(event: &ScheduledEvent, to: Millis, now: Millis) -> Result<()> {
    match event.deadline.filter(|_| event.ended.is_none()) {
        None => Err(errors::event_fixed(&event.id)),
        Some(latest) if (now..=latest).contains(&to) => Ok(()),
        Some(_) => Err(errors::event_start_invalid(&event.id)),
    }
}

/// What an event has under the name of a filter, without its `event.`.
pub fn value(event: &ScheduledEvent, name: &str) -> Option<String> {
    match name {
        "code" => Some(word(event.code).to_owned()),
        "description" => Some(description(event)),
        "instance-event-id" => Some(event.id.clone()),
        "not-before" => Some(instant::iso_millis(event.not_before)),
        "not-after" => event.not_after.map(instant::iso_millis),
        "not-before-deadline" => event.deadline.map(instant::iso_millis),
        _ => None,
    }
}

/// The list under `events/maintenance/` in the metadata: of those to come, or of those that have ended.
pub fn told(events: &[ScheduledEvent], ended: bool) -> String {
    let tell = |event: &ScheduledEvent| {
        let state = match event.ended {
            None => "active",
            Some(End::Completed) => "completed",
            Some(End::Canceled) => "canceled",
        };
        let mut told = json!({
            "Code": word(event.code),
            "Description": description(event),
            "EventId": event.id,
            "NotBefore": instant::gmt(event.not_before),
            "State": state,
        });
        if let (Some(at), Some(members)) = (event.not_after, told.as_object_mut()) {
            members.insert("NotAfter".to_owned(), instant::gmt(at).into());
        }
        told
    };
    let listed: Vec<Value> = events.iter().filter(|event| event.ended.is_some() == ended).map(tell).collect();
    Value::from(listed).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::instance_sample::sample;

    #[test]
    fn events_are_put_off_until_their_deadline_only() {
        let event = ScheduledEvent {
            id: "instance-event-0".to_owned(),
            instance: sample().id,
            code: Code::InstanceReboot,
            description: "d".to_owned(),
            not_before: 100,
            not_after: None,
            deadline: Some(200),
            ended: None,
        };
        for (to, fits) in [(49, false), (50, true), (200, true), (201, false)] {
            assert_eq!(check_start(&event, to, 50).is_ok(), fits, "{to}");
        }
        let code = |event: &ScheduledEvent, to| check_start(event, to, 50).unwrap_err().code();
        assert_eq!(code(&event, 201), "InvalidInstanceEventStartTime");
        let fixed = ScheduledEvent { deadline: None, ..event.clone() };
        assert_eq!(code(&fixed, 100), "InstanceEventStartTimeCannotChange");
        let ended = ScheduledEvent { ended: Some(End::Completed), ..event.clone() };
        assert_eq!(code(&ended, 100), "InstanceEventStartTimeCannotChange");
        assert_eq!(description(&ended), "[Completed] d");
        assert_eq!(
            (told(&[ended], false).as_str(), parse("instance-stop")),
            ("[]", Some(Code::InstanceStop))
        );
        assert!(told(&[event], false).contains("\"NotBefore\":\"01 Jan 1970 00:00:00 GMT\""));
    }
}
