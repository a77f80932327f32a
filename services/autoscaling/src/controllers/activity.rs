//! Beginning and ending activities, in the transaction of what they are about.

use kernel::{Event, Millis, Result, Tx};
use serde_json::json;

use crate::rules::cause;
use crate::state::activity::{self, Activity};
use crate::state::group::Group;
use crate::state::instance::Instance;

pub const SOURCE: &str = "aws.autoscaling";

const CAUSE_CHARS_MAX: usize = 1_023;

/// What an activity does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    Launch,
    Terminate,
    Attach,
    Detach,
    ToStandby,
    FromStandby,
    ToPool,
    FromPool,
}

impl Doing {
    fn words(self, id: Option<&str>) -> String {
        let what = match self {
            Doing::Launch => "Launching a new EC2 instance",
            Doing::Terminate => "Terminating EC2 instance",
            Doing::Attach => "Attaching an existing EC2 instance",
            Doing::Detach => "Detaching EC2 instance",
            Doing::ToStandby => "Moving EC2 instance to Standby",
            Doing::FromStandby => "Moving EC2 instance out of Standby",
            Doing::ToPool => "Returning EC2 instance to warm pool",
            Doing::FromPool => "Launching a new EC2 instance from warm pool",
        };
        id.map_or_else(|| what.to_owned(), |id| format!("{what}: {id}"))
    }
}

/// Begins an activity of an instance and notes it there. The instance is to be put by the caller.
pub fn begin(
    tx: &mut Tx<'_, '_>,
    group: &Group,
    instance: &mut Instance,
    doing: Doing,
    cause: &str,
) -> Result<Activity> {
    let (scope, now) = (*tx.ctx().scope(), tx.ctx().now());
    let details = match &instance.place.subnet {
        Some(subnet) => json!({ "Subnet ID": subnet, "Availability Zone": instance.place.zone }),
        None => json!({ "Availability Zone": instance.place.zone }),
    };
    let begun = Activity {
        id: tx.ctx().ids().uuid(),
        group: group.name().to_owned(),
        group_arn: group.arn(&scope),
        description: doing.words(instance.id.as_deref()),
        cause: cause.chars().take(CAUSE_CHARS_MAX).collect(),
        started_at: now,
        ended_at: None,
        status: if doing == Doing::Launch { "PreInService" } else { "InProgress" }.to_owned(),
        message: None,
        progress: 0,
        details: details.to_string(),
    };
    finish(tx, instance, &Outcome::Cancelled)?;
    activity::put(tx, &scope, &begun)?;
    instance.activity = Some(begun.key());
    Ok(begun)
}

/// Writes down what was wanted of a group and cannot be.
pub fn fail(tx: &mut Tx<'_, '_>, group: &Group, what: &str, cause: &str) -> Result<()> {
    let (scope, now) = (*tx.ctx().scope(), tx.ctx().now());
    let failed = Activity {
        id: tx.ctx().ids().uuid(),
        group: group.name().to_owned(),
        group_arn: group.arn(&scope),
        description: what.to_owned(),
        cause: cause.chars().take(CAUSE_CHARS_MAX).collect(),
        started_at: now,
        ended_at: Some(now),
        status: "Failed".to_owned(),
        message: Some(what.to_owned()),
        progress: 100,
        details: "{}".to_owned(),
    };
    activity::put(tx, &scope, &failed)
}

/// How an activity ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Successful,
    Failed(String),
    Cancelled,
}

/// Changes the activity an instance is in, if there is one.
pub fn change(tx: &mut Tx<'_, '_>, instance: &Instance, edit: impl FnOnce(&mut Activity)) -> Result<()> {
    let scope = *tx.ctx().scope();
    let Some(key) = &instance.activity else { return Ok(()) };
    let Some(mut found) = activity::find(tx, &scope, &instance.group, key)? else { return Ok(()) };
    edit(&mut found);
    activity::put(tx, &scope, &found)
}

/// Says which instance a launch has become.
pub fn named(tx: &mut Tx<'_, '_>, instance: &Instance) -> Result<()> {
    change(tx, instance, |found| {
        found.description = Doing::Launch.words(instance.id.as_deref());
        found.progress = 30;
    })
}

/// Ends the activity an instance is in, and tells: EventBridge's words, with what was done.
pub fn finish(tx: &mut Tx<'_, '_>, instance: &mut Instance, outcome: &Outcome) -> Result<()> {
    let (scope, now) = (*tx.ctx().scope(), tx.ctx().now());
    let Some(key) = instance.activity.take() else { return Ok(()) };
    let Some(mut found) = activity::find(tx, &scope, &instance.group, &key)? else { return Ok(()) };
    found.ended_at = Some(now);
    match outcome {
        Outcome::Successful => (found.status, found.progress) = ("Successful".to_owned(), 100),
        Outcome::Cancelled => found.status = "Cancelled".to_owned(),
        Outcome::Failed(why) => {
            (found.status, found.progress) = ("Failed".to_owned(), 100);
            found.message = Some(why.chars().take(255).collect());
            if found.description.starts_with("Launching") {
                found
                    .description
                    .push_str(&format!(".  Status Reason: {why}. Launching EC2 instance failed."));
            }
        }
    }
    activity::put(tx, &scope, &found)?;
    tell(tx, instance, &found, outcome, now)
}

fn tell(
    tx: &mut Tx<'_, '_>,
    instance: &Instance,
    found: &Activity,
    outcome: &Outcome,
    now: Millis,
) -> Result<()> {
    let what = if found.description.starts_with("Launching") {
        "Launch"
    } else if found.description.starts_with("Terminating") {
        "Terminate"
    } else {
        return Ok(());
    };
    let kind = match outcome {
        Outcome::Successful => format!("EC2 Instance {what} Successful"),
        Outcome::Failed(_) => format!("EC2 Instance {what} Unsuccessful"),
        Outcome::Cancelled => return Ok(()),
    };
    let (scope, id) = (*tx.ctx().scope(), instance.id.clone().unwrap_or_default());
    let details: serde_json::Value = serde_json::from_str(&found.details).unwrap_or_default();
    let detail = json!({
        "StatusCode": match outcome { Outcome::Successful => "InProgress", _ => "Failed" },
        "Description": found.description,
        "AutoScalingGroupName": found.group,
        "ActivityId": found.id,
        "RequestId": found.id,
        "Details": details,
        "StatusMessage": found.message.clone().unwrap_or_default(),
        "StartTime": cause::instant(found.started_at),
        "EndTime": cause::instant(now),
        "EC2InstanceId": id,
        "Cause": found.cause,
    });
    let mut resources = vec![found.group_arn.clone()];
    if !id.is_empty() {
        resources.push(scope.arn("ec2", format_args!("instance/{id}")));
    }
    let event = Event::new(tx.ctx(), SOURCE, &kind, resources, detail);
    tx.publish(&event)
}
