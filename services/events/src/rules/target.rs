//! Where events may go.

use api_events as api;
use kernel::{Arn, Error, Result, Scope};
use retry::Policy;

use super::arn::BusName;
use super::path;
use super::transform::{self, Input};
use crate::errors;
use crate::state::rule::Target;

/// Where an ARN leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Queue {
        scope: Scope,
        name: String,
    },
    Bus(BusName),
    /// A group of CloudWatch Logs.
    LogGroup {
        scope: Scope,
        name: String,
    },
    /// An action of EC2 on an instance or a volume that the input names.
    Action {
        scope: Scope,
        action: Action,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    RebootInstance,
    StopInstance,
    TerminateInstance,
    CreateSnapshot,
}

/// # Errors
/// When it is no ARN, or of something that is no target here.
pub fn place(text: &str) -> Result<Place> {
    let Ok(arn) = text.parse::<Arn>() else {
        return Err(errors::bad_parameter(text, "Provided Arn is not in correct format."));
    };
    let scope = Scope::of_arn(&arn)
        .ok_or_else(|| errors::bad_parameter(text, "Provided Arn is not in correct format."))?;
    if let Some(bus) = BusName::of_arn(text) {
        return Ok(Place::Bus(bus));
    }
    let action = match (arn.service.as_str(), arn.resource.as_str()) {
        ("sqs", name) => return Ok(Place::Queue { scope, name: name.to_owned() }),
        ("logs", group) if group.starts_with("log-group:") => {
            let name = group.trim_start_matches("log-group:").trim_end_matches(":*").to_owned();
            return Ok(Place::LogGroup { scope, name });
        }
        ("events", "target/reboot-instance") => Action::RebootInstance,
        ("events", "target/stop-instance") => Action::StopInstance,
        ("events", "target/terminate-instance") => Action::TerminateInstance,
        ("events", "target/create-snapshot") => Action::CreateSnapshot,
        (service, _) => {
            return Err(errors::validation(format!("Targets of {service} are not supported here: {text}")));
        }
    };
    Ok(Place::Action { scope, action })
}

/// # Errors
/// `ValidationException` where it is given and is not the ARN of a role.
pub fn check_role(arn: Option<&str>) -> Result<()> {
    let is_role = |arn: Arn| arn.service == "iam" && arn.resource.starts_with("role/");
    match arn.filter(|text| !text.parse().is_ok_and(is_role)) {
        Some(bad) => Err(errors::bad_parameter(bad, "Provided Arn is not in correct format.")),
        None => Ok(()),
    }
}

impl Place {
    /// Whether it has a policy that lets rules in, so that a role is only used where the target names one.
    pub fn has_policy(&self) -> bool {
        matches!(self, Self::Queue { .. } | Self::LogGroup { .. })
    }
}

/// A target as it was asked for.
///
/// # Errors
/// `ValidationException` that names what is wrong.
pub fn check(given: api::Target) -> Result<Target> {
    let place = place(&given.arn)?;
    check_role(given.role_arn.as_deref())?;
    let is_changed = given.input.is_some() || given.input_path.is_some() || given.input_transformer.is_some();
    let group = given.sqs_parameters.and_then(|parameters| parameters.message_group_id);
    match &place {
        Place::Queue { name, .. } if name.ends_with(".fifo") && group.is_none() => {
            let reason = "Parameter(s) SqsParameters must be specified for target: ";
            return Err(errors::validation(format!("{reason}{}.", given.id)));
        }
        Place::Queue { name, .. } if !name.ends_with(".fifo") && group.is_some() => {
            let reason =
                format!("Message Group Id is not supported for target {}: it is no FIFO queue.", given.id);
            return Err(errors::validation(reason));
        }
        Place::Bus(_) if is_changed => return Err(as_it_is(&given.id)),
        Place::Action { .. } if given.role_arn.is_none() => {
            return Err(needs_role(&given.arn));
        }
        _ => {}
    }
    let input = input(&given.id, given.input, given.input_path, given.input_transformer)?;
    let retry = given.retry_policy.map(|policy| {
        let read = Policy::read(policy.maximum_retry_attempts, policy.maximum_event_age_in_seconds);
        read.ok_or_else(|| errors::bad_parameter("RetryPolicy", "a value is out of bounds."))
    });
    let dead_letters = given.dead_letter_config.and_then(|config| config.arn);
    if let Some(arn) = dead_letters.as_deref()
        && !matches!(self::place(arn), Ok(Place::Queue { name, .. }) if !name.ends_with(".fifo"))
    {
        return Err(errors::no_letters());
    }
    Ok(Target {
        id: given.id,
        arn: given.arn,
        role_arn: given.role_arn,
        input,
        group,
        retry: retry.transpose()?,
        dead_letters,
    })
}

/// Targets that somebody of another account gives to a rule: what needs no leave within the rule's account is not theirs.
///
/// # Errors
/// `ValidationException`
pub fn check_of_stranger(targets: &[Target]) -> Result<()> {
    let is_open = |target: &&Target| {
        target.role_arn.is_none() && !place(&target.arn).is_ok_and(|place| place.has_policy())
    };
    match targets.iter().find(is_open) {
        Some(target) => Err(needs_role(&target.arn)),
        None => Ok(()),
    }
}

fn needs_role(arn: &str) -> Error {
    errors::validation(format!("RoleArn is required for target {arn}."))
}

fn as_it_is(id: &str) -> Error {
    let what = "Input, InputPath and InputTransformer are not available for event buses: target ";
    errors::validation(format!("{what}{id}."))
}

fn input(
    id: &str,
    constant: Option<String>,
    path: Option<String>,
    template: Option<api::InputTransformer>,
) -> Result<Input> {
    match (constant, path, template) {
        (None, None, None) => Ok(Input::Whole),
        (Some(text), None, None) => match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(_) => Ok(Input::Constant(text)),
            Err(_) => Err(errors::validation(format!("JSON syntax error in input for target {id}."))),
        },
        (None, Some(path), None) => match path::is_path(&path) {
            true => Ok(Input::Path(path)),
            false => {
                Err(errors::validation(format!("Invalid JSONPath in InputPath for target {id} : {path}.")))
            }
        },
        (None, None, Some(template)) => {
            let paths = template.input_paths_map.unwrap_or_default();
            check_paths(id, &paths, &template.input_template)?;
            Ok(Input::Template { paths, template: template.input_template })
        }
        _ => {
            let reason = "Only one of Input, InputPath, or InputTransformer must be provided for target ";
            Err(errors::validation(format!("{reason}{id}.")))
        }
    }
}

fn check_paths(id: &str, paths: &std::collections::BTreeMap<String, String>, template: &str) -> Result<()> {
    for (name, path) in paths {
        if name.to_ascii_lowercase().starts_with("aws.") {
            let reason = format!("Invalid InputPathsMap for target {id}: keys cannot start with AWS.");
            return Err(errors::validation(reason));
        }
        if !path::is_path(path) {
            return Err(errors::validation(format!(
                "Invalid JSONPath in InputPathsMap for target {id} : {path}."
            )));
        }
    }
    let wrong =
        |reason: &str| errors::validation(format!("Invalid InputTemplate for target {id} : [{reason}]"));
    let unknown =
        transform::names(template).find(|name| !name.starts_with("aws.") && !paths.contains_key(*name));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if let Some(name) = unknown.filter(|name| !name.is_empty() && name.bytes().all(is_name)) {
        return Err(wrong(&format!("Input template placeholder {name} is not defined.")));
    }
    match transform::can_be_filled(template, paths) {
        true => Ok(()),
        false => Err(wrong("The template is not valid JSON.")),
    }
}

/// As AWS shows it.
pub fn shown(target: &Target) -> api::Target {
    let mut shown = api::Target {
        id: target.id.clone(),
        arn: target.arn.clone(),
        role_arn: target.role_arn.clone(),
        sqs_parameters: target
            .group
            .clone()
            .map(|group| api::SqsParameters { message_group_id: Some(group) }),
        dead_letter_config: target.dead_letters.clone().map(|arn| api::DeadLetterConfig { arn: Some(arn) }),
        retry_policy: target.retry.map(|policy| api::RetryPolicy {
            maximum_retry_attempts: Some(policy.attempts),
            maximum_event_age_in_seconds: Some(policy.age_s),
        }),
        ..Default::default()
    };
    match target.input.clone() {
        Input::Whole => {}
        Input::Constant(text) => shown.input = Some(text),
        Input::Path(path) => shown.input_path = Some(path),
        Input::Template { paths, template } => {
            let input_paths_map = (!paths.is_empty()).then_some(paths);
            shown.input_transformer =
                Some(api::InputTransformer { input_paths_map, input_template: template });
        }
    }
    shown
}
