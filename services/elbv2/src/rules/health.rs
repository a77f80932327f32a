//! How targets are shown to fare (API reference, TargetHealth).

use api_elbv2::TargetHealth;
use balance::{Ailment, Health};

use crate::state::target::Target;

fn said(state: &str, reason: Option<&str>, description: Option<String>) -> TargetHealth {
    TargetHealth { state: Some(state.to_owned()), reason: reason.map(str::to_owned), description }
}

/// A target that was never registered.
pub fn unregistered() -> TargetHealth {
    let description = "Target is not registered to the target group";
    said("unused", Some("Target.NotRegistered"), Some(description.to_owned()))
}

/// A registered target, of a group that is in use or not; `found` is what probes say.
pub fn of(target: &Target, is_used: bool, found: Option<&Health>) -> TargetHealth {
    if target.draining_since.is_some() {
        let description = "Target deregistration is in progress".to_owned();
        return said("draining", Some("Target.DeregistrationInProgress"), Some(description));
    }
    if !is_used {
        let description =
            "Target group is not configured to receive traffic from the load balancer".to_owned();
        return said("unused", Some("Target.NotInUse"), Some(description));
    }
    if let Some(state) = &target.out_of_service {
        return said("unused", Some("Target.InvalidState"), Some(format!("Target is in the {state} state")));
    }
    match found {
        None => {
            let description = "Target registration is in progress".to_owned();
            said("initial", Some("Elb.RegistrationInProgress"), Some(description))
        }
        Some(Health::Initial) => {
            let description = "Initial health checks in progress".to_owned();
            said("initial", Some("Elb.InitialHealthChecking"), Some(description))
        }
        Some(Health::Healthy) => said("healthy", None, None),
        Some(Health::Unhealthy(ailment)) => {
            let (reason, description) = match ailment {
                Ailment::Timeout => ("Target.Timeout", "Request timed out".to_owned()),
                Ailment::Failed => ("Target.FailedHealthChecks", "Health checks failed".to_owned()),
                Ailment::Code(code) => (
                    "Target.ResponseCodeMismatch",
                    format!("Health checks failed with these codes: [{code}]"),
                ),
            };
            said("unhealthy", Some(reason), Some(description))
        }
    }
}
