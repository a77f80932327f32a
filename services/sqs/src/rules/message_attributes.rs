//! Message attributes: what is allowed, their digest, and which of them a receiver asked for.

use std::collections::BTreeMap;

use api_sqs::{MessageAttributeValue, MessageSystemAttributeValue};
use fast_md5::Md5;
use kernel::Result;

use crate::errors;
use crate::state::message::{Attribute, Attributes, Value};

const COUNT_MAX: usize = 10;
const NAME_MAX: usize = 256;
const TYPE_MAX: usize = 256;
/// A number's digits that count.
const DIGITS_MAX: usize = 38;
/// A number's decimal exponent.
const EXPONENT_MAX: i32 = 126;
const TRACE_HEADER: &str = "AWSTraceHeader";

/// Checks the attributes of a message to be sent.
pub fn check(given: BTreeMap<String, MessageAttributeValue>) -> Result<Attributes> {
    if given.len() > COUNT_MAX {
        let message =
            format!("Number of message attributes [{}] exceeds the allowed maximum [10].", given.len());
        return Err(errors::invalid(message));
    }
    given.into_iter().map(|(name, value)| check_one(name, value)).collect()
}

fn check_one(name: String, given: MessageAttributeValue) -> Result<(String, Attribute)> {
    check_name(&name)?;
    let data_type = given.data_type;
    check_type(&name, &data_type)?;
    let has_list = given.string_list_values.is_some_and(|list| !list.is_empty())
        || given.binary_list_values.is_some_and(|list| !list.is_empty());
    if has_list {
        return Err(errors::unsupported(
            "Message attribute list values in SendMessage operation are not supported.",
        ));
    }
    let string = given.string_value.filter(|text| !text.is_empty());
    let binary = given.binary_value.filter(|bytes| !bytes.is_empty());
    let value = match (base_type(&data_type), string, binary) {
        ("Binary", None, Some(bytes)) => Value::Binary(bytes),
        ("Number" | "String", Some(text), None) => Value::String(text),
        (base, _, _) => {
            let message =
                format!("Message (user) attribute '{name}' must contain a non-empty value of type '{base}'.");
            return Err(errors::invalid(message));
        }
    };
    if let ("Number", Value::String(text)) = (base_type(&data_type), &value)
        && !is_number(text)
    {
        let message = format!("Can't cast the value of message (user) attribute '{name}' to a number.");
        return Err(errors::invalid(message));
    }
    if let Value::String(text) = &value
        && !super::message::is_all_allowed(text)
    {
        return Err(errors::bad_characters());
    }
    Ok((name, Attribute { data_type, value }))
}

fn check_name(name: &str) -> Result<()> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(allowed) {
        return Err(errors::invalid(format!(
            "The message attribute name '{name}' is invalid. Attribute name can contain A-Z, a-z, 0-9, \
             underscore (_), hyphen (-), and period (.) characters."
        )));
    }
    let lower = name.to_ascii_lowercase();
    let reserved = lower.starts_with("aws.") || lower.starts_with("amazon.");
    let dots = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    if reserved || dots {
        return Err(errors::invalid(format!(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.', beginning or ending with a \
             period, or with periods in succession: '{name}'."
        )));
    }
    Ok(())
}

fn check_type(name: &str, data_type: &str) -> Result<()> {
    if data_type.is_empty() {
        return Err(errors::invalid(format!(
            "The message attribute '{name}' must contain non-empty message attribute type."
        )));
    }
    if data_type.len() > TYPE_MAX || !matches!(base_type(data_type), "String" | "Number" | "Binary") {
        return Err(errors::invalid(format!(
            "The message attribute '{name}' has an invalid message attribute type, the set of supported type \
             prefixes is Binary, Number, and String."
        )));
    }
    Ok(())
}

/// `Number` of `Number.int`.
fn base_type(data_type: &str) -> &str {
    data_type.split('.').next().unwrap_or_default()
}

fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent = exponent.parse::<i32>();
    let is_short = mantissa.chars().filter(char::is_ascii_digit).count() <= DIGITS_MAX;
    numeric
        && is_short
        && text.parse::<f64>().is_ok()
        && exponent.is_ok_and(|e| (-128..=EXPONENT_MAX).contains(&e))
}

/// Checks the system attributes of a message to be sent. Gives the trace header and their digest.
pub fn check_system(
    given: BTreeMap<String, MessageSystemAttributeValue>,
) -> Result<(Option<String>, Option<u128>)> {
    let mut header = None;
    let mut attributes = Attributes::new();
    for (name, value) in given {
        if name != TRACE_HEADER {
            let message = format!("Message system attribute name '{name}' is invalid.");
            return Err(errors::invalid(message));
        }
        if value.data_type != "String" {
            let message = format!(
                "The message system attribute '{name}' has an invalid message attribute type, the set of supported \
                 type prefixes is String."
            );
            return Err(errors::invalid(message));
        }
        let text = value.string_value.filter(|text| !text.is_empty()).ok_or_else(|| {
            errors::invalid(format!(
                "Message (system) attribute '{name}' must contain a non-empty value of type 'String'."
            ))
        })?;
        header = Some(text.clone());
        attributes.insert(name, Attribute { data_type: value.data_type, value: Value::String(text) });
    }
    let digest = digest(attributes.iter());
    Ok((header, digest))
}

/// AWS's digest of attributes, which must come in the order of their names; `None` when there are none.
pub fn digest<'a>(attributes: impl Iterator<Item = (&'a String, &'a Attribute)>) -> Option<u128> {
    let mut hash = Md5::new();
    let mut some = false;
    for (name, attribute) in attributes {
        some = true;
        let (transport, value) = match &attribute.value {
            Value::String(text) => (1u8, text.as_bytes()),
            Value::Binary(bytes) => (2, bytes.as_ref()),
        };
        for part in [name.as_bytes(), attribute.data_type.as_bytes()] {
            add(&mut hash, part);
        }
        hash.update(&[transport]);
        add(&mut hash, value);
    }
    some.then(|| u128::from_be_bytes(hash.finalize()))
}

fn add(hash: &mut Md5, part: &[u8]) {
    hash.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    hash.update(part);
}

/// Bytes that attributes add to a message's length.
pub fn size(attributes: &Attributes) -> usize {
    let value = |attribute: &Attribute| match &attribute.value {
        Value::String(text) => text.len(),
        Value::Binary(bytes) => bytes.len(),
    };
    attributes.iter().map(|(name, a)| name.len() + a.data_type.len() + value(a)).sum()
}

/// The same of attributes not yet checked.
pub fn given_size(given: &BTreeMap<String, MessageAttributeValue>) -> usize {
    let value = |a: &MessageAttributeValue| {
        a.string_value.as_ref().map_or(0, String::len) + a.binary_value.as_ref().map_or(0, bytes::Bytes::len)
    };
    given.iter().map(|(name, a)| name.len() + a.data_type.len() + value(a)).sum()
}

/// Whether a receiver who asked for `filters` gets the attribute `name`.
pub fn is_wanted(name: &str, filters: &[String]) -> bool {
    filters.iter().any(|filter| match filter.as_str() {
        "All" | "*" | ".*" => true,
        filter => filter == name || filter.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix)),
    })
}

/// Attributes as a receiver sees them.
pub fn shown(attributes: Attributes) -> BTreeMap<String, MessageAttributeValue> {
    let show = |attribute: Attribute| {
        let (string_value, binary_value) = match attribute.value {
            Value::String(text) => (Some(text), None),
            Value::Binary(bytes) => (None, Some(bytes)),
        };
        let data_type = attribute.data_type;
        MessageAttributeValue { string_value, binary_value, data_type, ..Default::default() }
    };
    attributes.into_iter().map(|(name, attribute)| (name, show(attribute))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(data_type: &str, text: &str) -> MessageAttributeValue {
        let string_value = Some(text.to_owned());
        MessageAttributeValue { string_value, data_type: data_type.to_owned(), ..Default::default() }
    }

    fn hex(digest: Option<u128>) -> String {
        format!("{:032x}", digest.unwrap())
    }

    /// The digests are AWS's own, as public test suites recorded them.
    #[test]
    fn digests_are_those_of_aws() {
        let string = |name: &str, text: &str| (name.to_owned(), value("String", text));
        let given =
            BTreeMap::from([string("Hello", "There"), string("General", "Kenobi"), string("Help.Me", "Me")]);
        let attributes = check(given).unwrap();
        assert_eq!(hex(digest(attributes.iter())), "4c360f3fdafd970e05fae2f149d997f5");
        let wanted = ["Hel.*".to_owned()];
        let some = attributes.iter().filter(|(name, _)| is_wanted(name, &wanted));
        assert_eq!(hex(digest(some)), "83fee93c1bcd8b9a5a923ffacdc636c7");
        let binary = MessageAttributeValue {
            binary_value: Some(bytes::Bytes::from_static(
                b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01",
            )),
            data_type: "Binary".to_owned(),
            ..Default::default()
        };
        let attributes = check(BTreeMap::from([("attr1".to_owned(), binary)])).unwrap();
        assert_eq!(hex(digest(attributes.iter())), "8cbe4db156db8a94db8b801b7addb984");
        assert_eq!(digest(Attributes::new().iter()), None);
    }

    #[test]
    fn filters_choose_by_name_prefix_and_all() {
        for (filter, name, wanted) in [
            ("All", "a", true),
            (".*", "a", true),
            ("*", "a", true),
            ("a.*", "abc", true),
            ("a.*", "b", false),
            ("a", "ab", false),
            ("..foo", "foo", false),
        ] {
            assert_eq!(is_wanted(name, &[filter.to_owned()]), wanted, "{filter} {name}");
        }
        assert!(!is_wanted("a", &[]));
    }

    #[test]
    fn bad_attributes_are_refused() {
        for (name, given, part) in [
            ("a", value("String", ""), "must contain a non-empty value of type 'String'"),
            ("a", value("", "x"), "must contain non-empty message attribute type"),
            ("a", value("Text", "x"), "has an invalid message attribute type"),
            ("a", value("Number", "one"), "to a number"),
            ("a", value("Number", "inf"), "to a number"),
            ("a", value("Number", "1e200"), "to a number"),
            ("a", value("Binary", "x"), "must contain a non-empty value of type 'Binary'"),
            ("a b", value("String", "x"), "Attribute name can contain"),
            ("aws.x", value("String", "x"), "beginning with"),
            (".x", value("String", "x"), "period"),
            ("a", value("String", "\u{1}"), "Invalid characters"),
        ] {
            let error = check(BTreeMap::from([(name.to_owned(), given)])).unwrap_err();
            assert!(error.message().contains(part), "{error}");
        }
        let many = (0..11).map(|n| (format!("a{n}"), value("String", "x"))).collect();
        assert!(check(many).unwrap_err().message().contains("[11]"));
        for good in ["1", "-1.5", "+2e10", ".5"] {
            assert!(check(BTreeMap::from([("n".to_owned(), value("Number.float", good))])).is_ok(), "{good}");
        }
    }
}
