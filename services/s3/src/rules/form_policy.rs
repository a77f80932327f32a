//! The policy of a browser's form: what the form may bring, and until when (S3 API reference, "POST policy").

use kernel::{Millis, Result};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::errors;

/// Conditions of one policy at most: a form has few fields.
const CONDITIONS_MAX: usize = 200;

/// Fields that no condition needs to name.
const FREE: [&str; 5] = ["policy", "signature", "awsaccesskeyid", "x-amz-signature", "file"];

/// What a form must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormPolicy {
    expires_at: Millis,
    conditions: Vec<Condition>,
    /// Bytes the file may have.
    pub length: Option<(u64, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    /// In lower case.
    field: String,
    value: String,
    is_prefix: bool,
}

impl FormPolicy {
    /// Reads a policy's JSON.
    ///
    /// # Errors
    /// *InvalidPolicyDocument*.
    pub fn read(json: &[u8]) -> Result<Self> {
        let bad = |what: &str| errors::invalid_form_policy(what);
        let read: Value = serde_json::from_slice(json).map_err(|_| bad("Invalid JSON."))?;
        let read = read.as_object().ok_or_else(|| bad("Invalid JSON."))?;
        let expires = find(read, "expiration").ok_or_else(|| bad("Policy missing expiration."))?;
        let given = expires.as_str().unwrap_or_default();
        let expires = OffsetDateTime::parse(given, &Rfc3339);
        let expires = expires.map_err(|_| bad(&format!("Invalid 'expiration' value: '{given}'")))?;
        let conditions = find(read, "conditions").ok_or_else(|| bad("Policy missing conditions."))?;
        let conditions =
            conditions.as_array().ok_or_else(|| bad("Invalid 'conditions' value: must be a List."))?;
        if conditions.len() > CONDITIONS_MAX {
            return Err(bad("Too many conditions."));
        }
        let expires_at = expires.unix_timestamp().saturating_mul(1_000);
        let mut policy = Self { expires_at, conditions: Vec::new(), length: None };
        for condition in conditions {
            policy.add(condition)?;
        }
        Ok(policy)
    }

    fn add(&mut self, given: &Value) -> Result<()> {
        let bad = |what: &str| errors::invalid_form_policy(what);
        match given {
            Value::Object(pair) => {
                let mut pairs = pair.iter();
                let (Some((field, value)), None) = (pairs.next(), pairs.next()) else {
                    let message = "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.";
                    return Err(bad(message));
                };
                let value = value.as_str();
                let value = value.ok_or_else(|| bad("Invalid Simple-Condition: value must be a string."))?;
                self.push(field, value, false);
            }
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(word), Value::String(field), Value::String(value)]
                    if word.eq_ignore_ascii_case("eq") || word.eq_ignore_ascii_case("starts-with") =>
                {
                    let field = field.strip_prefix('$');
                    let field = field.ok_or_else(|| bad("Invalid Condition: a field begins with $."))?;
                    self.push(field, value, !word.eq_ignore_ascii_case("eq"));
                }
                [Value::String(word), least, most] if word.eq_ignore_ascii_case("content-length-range") => {
                    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
                    let range = number(least).zip(number(most)).filter(|(least, most)| least <= most);
                    self.length = Some(range.ok_or_else(|| bad("Invalid content-length-range."))?);
                }
                _ => return Err(bad("Invalid Condition: unknown operation or number of its values.")),
            },
            _ => return Err(bad("Invalid Condition: must be a list or an object.")),
        }
        Ok(())
    }

    fn push(&mut self, field: &str, value: &str, is_prefix: bool) {
        let (field, value) = (field.to_ascii_lowercase(), value.to_owned());
        self.conditions.push(Condition { field, value, is_prefix });
    }

    /// Whether a form keeps to the policy. `fields` are named in lower case, the bucket among them.
    ///
    /// # Errors
    /// *AccessDenied*, with what does not hold.
    pub fn check(&self, fields: &[(String, String)], now: Millis) -> Result<()> {
        if self.expires_at <= now {
            return Err(errors::against_form_policy("Policy expired."));
        }
        for condition in &self.conditions {
            let given = fields.iter().find(|(name, _)| *name == condition.field);
            if !condition.holds(given.map_or("", |(_, value)| value)) {
                let message = format!("Policy Condition failed: {}", condition.shown());
                return Err(errors::against_form_policy(&message));
            }
        }
        let is_named = |name: &str| self.conditions.iter().any(|condition| condition.field == name);
        let is_free = |name: &str| FREE.contains(&name) || name == "bucket" || name.starts_with("x-ignore-");
        match fields.iter().find(|(name, _)| !is_free(name) && !is_named(name)) {
            Some((name, _)) => Err(errors::against_form_policy(&format!("Extra input fields: {name}"))),
            None => Ok(()),
        }
    }
}

impl Condition {
    /// As refusals write it.
    fn shown(&self) -> String {
        let word = if self.is_prefix { "starts-with" } else { "eq" };
        format!("[\"{word}\", \"${}\", \"{}\"]", self.field, self.value)
    }

    fn holds(&self, given: &str) -> bool {
        if !self.is_prefix {
            return given == self.value;
        }
        // Of several content types each must begin so.
        match self.field.as_str() {
            "content-type" => given.split(',').all(|one| one.trim_start().starts_with(&self.value)),
            _ => given.starts_with(&self.value),
        }
    }
}

fn find<'v>(of: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    of.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &str = r#""expiration":"1970-01-01T00:01:00.000Z""#;

    fn policy(conditions: &str) -> Result<FormPolicy> {
        FormPolicy::read(format!("{{{END},\"conditions\":{conditions}}}").as_bytes())
    }

    fn fields(given: &[(&str, &str)]) -> Vec<(String, String)> {
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_a_form_may_bring() {
        let policy = policy(
            r#"[{"bucket":"b"},["starts-with","$Key","user/"],["eq","$x-amz-meta-a","1"],["content-length-range",1,"9"],
                ["starts-with","$Content-Type","image/"]]"#,
        )
        .unwrap();
        assert_eq!(policy.length, Some((1, 9)));
        let good =
            [("bucket", "b"), ("key", "user/x"), ("x-amz-meta-a", "1"), ("content-type", "image/a, image/b")];
        assert!(policy.check(&fields(&good), 0).is_ok());
        let denied =
            |given: &[(&str, &str)], now| policy.check(&fields(given), now).unwrap_err().message().to_owned();
        assert_eq!(denied(&good, 60_000), "Invalid according to Policy: Policy expired.");
        let other = [("bucket", "b"), ("key", "x"), ("x-amz-meta-a", "1"), ("content-type", "image/a")];
        assert!(denied(&other, 0).contains(r#"Policy Condition failed: ["starts-with", "$key", "user/"]"#));
        let mut more = good.to_vec();
        more.push(("acl", "private"));
        assert_eq!(denied(&more, 0), "Invalid according to Policy: Extra input fields: acl");
        more.pop();
        more.extend([("x-ignore-this", ""), ("x-amz-signature", "s"), ("policy", "p")]);
        assert!(policy.check(&fields(&more), 0).is_ok());
    }

    #[test]
    fn documents_that_are_refused() {
        for bad in [
            "[{}]",
            "[7]",
            r#"[["eq","key","x"]]"#,
            r#"[["content-length-range",9,1]]"#,
            r#"[["eq","$key"]]"#,
            "{}",
        ] {
            assert_eq!(policy(bad).unwrap_err().code(), "InvalidPolicyDocument", "{bad}");
        }
        let of = |json: &str| FormPolicy::read(json.as_bytes()).unwrap_err().message().to_owned();
        assert_eq!(of("{"), "Invalid Policy: Invalid JSON.");
        assert_eq!(of(r#"{"conditions":[]}"#), "Invalid Policy: Policy missing expiration.");
        assert_eq!(of(&format!("{{{END}}}")), "Invalid Policy: Policy missing conditions.");
        assert!(of(r#"{"expiration":"soon","conditions":[]}"#).contains("'soon'"));
    }
}
