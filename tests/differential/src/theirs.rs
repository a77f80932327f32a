//! The other evaluator. It knows one set of policies; how sets of several kinds combine is said here, from AWS's diagram:
//! a denial anywhere denies, and every kind that there is must allow.

use iam_rs::{
    Arn, Context, ContextValue, Decision, IAMPolicy, IAMRequest, PolicyEvaluator, Principal, PrincipalId,
};

use crate::cases::{self, Case};

/// Whether it allows.
pub fn allows(case: &Case) -> bool {
    let kinds = [case.identity.as_slice(), case.boundary.as_slice(), case.control.as_slice()];
    let mut outcomes =
        kinds.iter().filter(|kind| !kind.is_empty()).map(|kind| outcome(case, &case.texts(kind)));
    outcomes.all(|outcome| outcome == Decision::Allow)
}

fn outcome(case: &Case, texts: &[String]) -> Decision {
    let read = |text: &String| {
        text.parse::<serde_json::Value>().ok().and_then(|json| serde_json::from_value::<IAMPolicy>(json).ok())
    };
    let policies = texts.iter().map(|text| read(text).unwrap_or_else(|| panic!("they do not read {text}")));
    let mut context = Context::new();
    for (key, values) in &case.context {
        let value = match values.as_slice() {
            [value] => ContextValue::String(value.clone()),
            several => ContextValue::StringList(several.to_vec()),
        };
        let value = match (key.as_str(), values.as_slice()) {
            ("aws:SecureTransport", [value]) => ContextValue::Boolean(value == "true"),
            _ => value,
        };
        context.insert(key.clone(), value);
    }
    let principal = Principal::Aws(PrincipalId::String(cases::USER.to_owned()));
    let resource = Arn::parse(&case.resource).unwrap_or_else(|e| panic!("{e}: {}", case.resource));
    let request = IAMRequest::new_with_context(principal, case.action.clone(), resource, context);
    let evaluator = PolicyEvaluator::with_policies(policies.collect());
    match evaluator.evaluate(&request) {
        Ok(result) => result.decision,
        Err(error) => panic!("they fail: {error}\n{case:#?}"),
    }
}
