//! The shape of a document: which members there are and of what JSON type. What they say is checked later.

use super::{ENTRY_LENGTH_MAX, Kind, Malformed, STATEMENTS_MAX, TEXT_LENGTH_MAX};
use crate::json::Json;

type RawConditions = Vec<(String, Vec<(String, Vec<String>)>)>;

/// A statement whose members have the right JSON types.
#[derive(Default)]
pub(super) struct RawStatement {
    pub sid: Option<String>,
    pub effect: Option<String>,
    pub principal: Option<RawPrincipal>,
    pub not_principal: Option<RawPrincipal>,
    pub action: Option<Vec<String>>,
    pub not_action: Option<Vec<String>>,
    pub resource: Option<Vec<String>>,
    pub not_resource: Option<Vec<String>>,
    /// Operator, and the keys under it with their values.
    pub conditions: RawConditions,
}

pub(super) enum RawPrincipal {
    /// `"*"`, or another bare string.
    Bare(String),
    Typed(Vec<(String, Vec<String>)>),
}

pub(super) struct RawDocument {
    pub version: Option<String>,
    pub id: Option<String>,
    pub statements: Vec<RawStatement>,
}

/// The answer to what cannot be read at all.
pub(super) fn syntax(detail: impl Into<String>) -> Malformed {
    Malformed::new("Syntax errors in policy.").detail(detail)
}

pub(super) fn read(kind: Kind, text: &str) -> Result<RawDocument, Malformed> {
    let parsed = if text.len() <= TEXT_LENGTH_MAX { Json::parse(text) } else { None };
    let Some(Json::Object(members)) = parsed else { return Err(no_json(kind)) };
    let mut document = RawDocument { version: None, id: None, statements: Vec::new() };
    for (name, value) in members {
        match name.as_str() {
            "Version" => document.version = Some(string("Version", value)?),
            "Id" => document.id = Some(string("Id", value)?),
            "Statement" => document.statements = statements(kind, value)?,
            _ => return Err(unknown(kind, &name)),
        }
    }
    match document.statements.len() {
        0 if kind == Kind::Trust => Err(Malformed::new("Could not parse the policy: Statement is empty!")),
        0 => Err(syntax("there is no statement")),
        n if n > STATEMENTS_MAX => Err(syntax(format!("more than {STATEMENTS_MAX} statements"))),
        _ => Ok(document),
    }
}

fn no_json(kind: Kind) -> Malformed {
    match kind {
        Kind::Trust => Malformed::new("This policy contains invalid Json"),
        Kind::Session => Malformed::new("The policy is not in the valid JSON format."),
        _ => syntax("not a JSON object with unique member names"),
    }
}

fn unknown(kind: Kind, name: &str) -> Malformed {
    match kind {
        Kind::Trust => Malformed::new(format!("Unknown field {name}")),
        _ => syntax(format!("unknown element {name}")),
    }
}

fn statements(kind: Kind, value: Json) -> Result<Vec<RawStatement>, Malformed> {
    let items = match value {
        Json::Array(items) => items,
        one @ Json::Object(_) => vec![one],
        _ => return Err(syntax("Statement is neither an object nor an array")),
    };
    items.into_iter().map(|item| statement(kind, item)).collect()
}

fn statement(kind: Kind, value: Json) -> Result<RawStatement, Malformed> {
    let Json::Object(members) = value else { return Err(syntax("a statement is not an object")) };
    let mut raw = RawStatement::default();
    for (name, value) in members {
        match name.as_str() {
            "Sid" => raw.sid = Some(string("Sid", value)?),
            "Effect" => raw.effect = Some(string("Effect", value)?),
            "Principal" => raw.principal = Some(principal(value)?),
            "NotPrincipal" => raw.not_principal = Some(principal(value)?),
            "Action" => raw.action = Some(strings("Action", value)?),
            "NotAction" => raw.not_action = Some(strings("NotAction", value)?),
            "Resource" => raw.resource = Some(strings("Resource", value)?),
            "NotResource" => raw.not_resource = Some(strings("NotResource", value)?),
            "Condition" => raw.conditions = conditions(value)?,
            _ => return Err(unknown(kind, &name)),
        }
    }
    let twice = |a: bool, b: bool, name: &str| match a && b {
        true => Err(syntax(format!("{name} and Not{name} in one statement"))),
        false => Ok(()),
    };
    twice(raw.action.is_some(), raw.not_action.is_some(), "Action")?;
    twice(raw.resource.is_some(), raw.not_resource.is_some(), "Resource")?;
    twice(raw.principal.is_some(), raw.not_principal.is_some(), "Principal")?;
    Ok(raw)
}

fn string(name: &str, value: Json) -> Result<String, Malformed> {
    match value {
        Json::Text(text) if text.len() <= ENTRY_LENGTH_MAX => Ok(text),
        Json::Text(_) => Err(too_long(name)),
        _ => Err(syntax(format!("{name} is not a string"))),
    }
}

fn too_long(name: &str) -> Malformed {
    syntax(format!("an entry of {name} is longer than {ENTRY_LENGTH_MAX} bytes"))
}

fn strings(name: &str, value: Json) -> Result<Vec<String>, Malformed> {
    match value {
        one @ Json::Text(_) => Ok(vec![string(name, one)?]),
        Json::Array(items) => items.into_iter().map(|item| string(name, item)).collect(),
        _ => Err(syntax(format!("{name} is neither a string nor a list of strings"))),
    }
}

fn principal(value: Json) -> Result<RawPrincipal, Malformed> {
    match value {
        Json::Text(text) => Ok(RawPrincipal::Bare(text)),
        Json::Object(members) => {
            let typed = members.into_iter().map(|(name, value)| {
                let values = strings("Principal", value)?;
                Ok((name, values))
            });
            typed.collect::<Result<_, _>>().map(RawPrincipal::Typed)
        }
        _ => Err(syntax("Principal is neither \"*\" nor an object")),
    }
}

fn conditions(value: Json) -> Result<RawConditions, Malformed> {
    let Json::Object(operators) = value else { return Err(syntax("Condition is not an object")) };
    let operators = operators.into_iter().map(|(operator, keys)| {
        let Json::Object(keys) = keys else {
            return Err(syntax(format!("condition operator {operator} has no object")));
        };
        let keys = keys.into_iter().map(|(key, values)| Ok((key, condition_values(values)?)));
        Ok((operator, keys.collect::<Result<_, _>>()?))
    });
    operators.collect()
}

/// Strings, numbers and booleans, one or a list.
fn condition_values(value: Json) -> Result<Vec<String>, Malformed> {
    let scalar = |value| match value {
        Json::Text(text) | Json::Bare(text) if text.len() <= ENTRY_LENGTH_MAX => Ok(text),
        Json::Text(_) | Json::Bare(_) => Err(too_long("Condition")),
        _ => Err(syntax("a condition value is neither a string, a number nor a boolean")),
    };
    match value {
        Json::Array(items) => items.into_iter().map(scalar).collect(),
        other => Ok(vec![scalar(other)?]),
    }
}
