//! What a document says, checked by the rules of its kind in the order in which AWS complains.

use std::collections::BTreeSet;

use super::read::{RawDocument, RawStatement, syntax};
use super::resources::{self, VendorRule};
use super::{Condition, Document, Effect, Element, Kind, Malformed, Statement, Version, principals};
use crate::condition::Operator;

/// AWS's answer to what its oldest reader could not read.
pub(super) fn legacy(detail: impl Into<String>) -> Malformed {
    Malformed::new("The policy failed legacy parsing").detail(detail)
}

pub(super) fn check(kind: Kind, raw: RawDocument, vendors: &[VendorRule<'_>]) -> Result<Document, Malformed> {
    for statement in &raw.statements {
        check_operators(statement)?;
        check_effect(kind, statement)?;
    }
    let version = check_version(kind, raw.version.as_deref())?;
    for statement in &raw.statements {
        principals::check_presence(kind, statement)?;
        check_trusted(kind, statement)?;
    }
    for statement in &raw.statements {
        check_legacy(statement)?;
    }
    for statement in &raw.statements {
        resources::check_legacy(statement)?;
    }
    check_sids(kind, &raw.statements)?;
    for statement in &raw.statements {
        check_present(kind, "Action", &statement.action, &statement.not_action, "actions")?;
    }
    for statement in &raw.statements {
        resources::check_format(statement, vendors)?;
    }
    for statement in &raw.statements {
        check_actions(statement)?;
    }
    for statement in &raw.statements {
        if kind != Kind::Trust {
            check_present(kind, "Resource", &statement.resource, &statement.not_resource, "resources")?;
        }
    }
    let statements = raw.statements.into_iter().map(|raw| finish(kind, raw)).collect::<Result<_, _>>()?;
    Ok(Document { kind, version, id: raw.id, statements })
}

/// Unknown operators are let be while no key stands under them, as AWS does.
fn check_operators(statement: &RawStatement) -> Result<(), Malformed> {
    let unknown = statement
        .conditions
        .iter()
        .find(|(name, keys)| !keys.is_empty() && name.parse::<Operator>().is_err());
    match unknown {
        Some((name, _)) => Err(syntax(format!("unknown condition operator {name}"))),
        None => Ok(()),
    }
}

fn check_effect(kind: Kind, statement: &RawStatement) -> Result<(), Malformed> {
    match statement.effect.as_deref() {
        None if kind == Kind::Trust => Err(Malformed::new("Missing required field Effect")),
        None => Err(syntax("a statement has no Effect")),
        Some(effect) if effect.eq_ignore_ascii_case("Allow") || effect.eq_ignore_ascii_case("Deny") => Ok(()),
        Some(effect) => Err(syntax(format!("Effect {effect} is neither Allow nor Deny"))),
    }
}

fn check_version(kind: Kind, version: Option<&str>) -> Result<Version, Malformed> {
    let version = match version {
        // What names no version is read by the oldest rules.
        None => Version::V2008,
        Some(text) => text.parse().map_err(|()| match kind {
            Kind::Trust => Malformed::new("The policy must contain a valid version string"),
            _ => syntax(format!("unknown version {text}")),
        })?,
    };
    match (kind, version) {
        (Kind::Identity | Kind::Session | Kind::ServiceControl | Kind::ResourceControl, Version::V2008) => {
            Err(Malformed::new("Policy document must be version 2012-10-17 or greater."))
        }
        _ => Ok(version),
    }
}

/// A role's trust speaks of taking on the role, and of no resource.
fn check_trusted(kind: Kind, statement: &RawStatement) -> Result<(), Malformed> {
    if kind != Kind::Trust {
        return Ok(());
    }
    if statement.resource.is_some() {
        return Err(Malformed::new("Has prohibited field Resource"));
    }
    if statement.not_resource.is_some() {
        return Err(Malformed::new("AssumeRole policy must not contain resources."));
    }
    let Some(actions) = statement.action.as_ref().or(statement.not_action.as_ref()) else {
        return Err(Malformed::new("Missing required field Action"));
    };
    let is_trust = |action: &String| {
        let vendor = action.split_once(':').map(|(vendor, _)| vendor);
        vendor.is_some_and(|vendor| vendor.eq_ignore_ascii_case("sts"))
    };
    match actions.iter().all(is_trust) {
        true => Ok(()),
        false => Err(Malformed::new("AssumeRole policy may only specify STS AssumeRole actions.")),
    }
}

/// The effect to the letter, and condition values that are of their operator's type.
fn check_legacy(statement: &RawStatement) -> Result<(), Malformed> {
    let effect = statement.effect.as_deref().unwrap_or_default();
    if effect != "Allow" && effect != "Deny" {
        return Err(legacy(format!("Effect {effect} is not spelled Allow or Deny")));
    }
    for (name, keys) in &statement.conditions {
        let Ok(operator) = name.parse::<Operator>() else { continue };
        for (key, values) in keys {
            if let Some(bad) = values.iter().find(|value| !operator.reads(value)) {
                return Err(legacy(format!("{name} cannot compare {key} with {bad:?}")));
            }
        }
    }
    Ok(())
}

fn check_sids(kind: Kind, statements: &[RawStatement]) -> Result<(), Malformed> {
    let mut seen = BTreeSet::new();
    for sid in statements.iter().filter_map(|s| s.sid.as_deref()).filter(|sid| !sid.is_empty()) {
        if kind != Kind::Resource && !sid.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let wording = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular \
                           expression [0-9A-Za-z]*";
            return Err(Malformed::new(wording).detail(format!("Sid {sid:?}")));
        }
        if !seen.insert(sid) {
            let wording = "Statement IDs (SID) in a single policy must be unique.";
            return Err(Malformed::new(wording).detail(format!("Sid {sid:?} stands twice")));
        }
    }
    Ok(())
}

fn check_present(
    kind: Kind,
    field: &str,
    these: &Option<Vec<String>>,
    not_these: &Option<Vec<String>>,
    what: &str,
) -> Result<(), Malformed> {
    let entries = these.as_ref().or(not_these.as_ref());
    match entries.is_some_and(|entries| !entries.is_empty()) {
        true => Ok(()),
        false if kind == Kind::Trust => Err(Malformed::new(format!("Missing required field {field}"))),
        false => Err(Malformed::new(format!("Policy statement must contain {what}."))),
    }
}

fn check_actions(statement: &RawStatement) -> Result<(), Malformed> {
    let actions = statement.action.iter().chain(&statement.not_action).flatten();
    actions.filter(|action| *action != "*").try_for_each(|action| check_action(action))
}

fn check_action(action: &str) -> Result<(), Malformed> {
    let Some((vendor, name)) = action.split_once(':') else {
        let wording = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
        return Err(Malformed::new(wording).detail(format!("action {action:?}")));
    };
    if name.contains(':') {
        let wording = "Actions/Condition can contain only one colon.";
        return Err(Malformed::new(wording).detail(format!("action {action:?}")));
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    match vendor == "*" || (!vendor.is_empty() && vendor.chars().all(is_plain)) {
        true => Ok(()),
        false => Err(Malformed::new(format!("Vendor {vendor} is not valid"))),
    }
}

fn finish(kind: Kind, raw: RawStatement) -> Result<Statement, Malformed> {
    let effect = match raw.effect.as_deref() {
        Some("Allow") => Effect::Allow,
        _ => Effect::Deny,
    };
    let actions =
        element(raw.action, raw.not_action).unwrap_or(Element { except: false, entries: Vec::new() });
    let resources = element(raw.resource, raw.not_resource);
    let principals = principals::read(kind, raw.principal, raw.not_principal)?;
    let mut conditions = Vec::new();
    for (name, keys) in raw.conditions {
        let Ok(operator) = name.parse::<Operator>() else { continue };
        conditions.extend(keys.into_iter().map(|(key, values)| Condition { operator, key, values }));
    }
    let statement = Statement { sid: raw.sid, effect, principals, actions, resources, conditions };
    check_organization(kind, &statement)?;
    Ok(statement)
}

fn element(these: Option<Vec<String>>, not_these: Option<Vec<String>>) -> Option<Element<String>> {
    match (these, not_these) {
        (Some(entries), _) => Some(Element { except: false, entries }),
        (None, Some(entries)) => Some(Element { except: true, entries }),
        (None, None) => None,
    }
}

/// Limits on resources only deny; the one that allows is the allowance of everything, with which each begins.
fn check_organization(kind: Kind, statement: &Statement) -> Result<(), Malformed> {
    if kind != Kind::ResourceControl {
        return Ok(());
    }
    let everything = |element: &Element<String>| !element.except && element.entries == ["*"];
    let full = everything(&statement.actions)
        && statement.resources.as_ref().is_some_and(everything)
        && statement.conditions.is_empty();
    if statement.effect == Effect::Allow && !full {
        return Err(Malformed::new("a resource control policy may only deny"));
    }
    if statement.actions.except {
        return Err(Malformed::new("a resource control policy may not use NotAction"));
    }
    Ok(())
}
