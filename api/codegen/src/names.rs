//! Names of the model as names of Rust.

/// `QueueNameExists` → `queue_name_exists`, `MD5OfBody` → `md5_of_body`, `VpcIDs` → `vpc_ids`, `IPv6` → `ipv6`.
pub(crate) fn snake(name: &str) -> String {
    let mut plain = name.replace("IPv", "Ipv").replace("IoT", "Iot");
    if plain.len() > 2 && plain.ends_with('s') && plain.chars().rev().skip(1).take(2).all(char::is_uppercase)
    {
        plain = plural_acronym(&plain);
    }
    let chars: Vec<char> = plain.chars().collect();
    let mut out = String::with_capacity(plain.len() + 8);
    let mut previous = None;
    for (at, &c) in chars.iter().enumerate() {
        let next_is_lower = chars.get(at + 1).is_some_and(|n| n.is_lowercase());
        let breaks = match previous {
            Some(p) if char::is_lowercase(p) || char::is_ascii_digit(&p) => c.is_uppercase(),
            Some(p) if char::is_uppercase(p) => c.is_uppercase() && next_is_lower,
            _ => false,
        };
        if breaks {
            out.push('_');
        }
        if c.is_alphanumeric() {
            out.extend(c.to_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        previous = Some(c);
    }
    out.trim_end_matches('_').to_owned()
}

/// `TargetARNs` → `TargetArns`.
fn plural_acronym(name: &str) -> String {
    let body = name.trim_end_matches('s');
    let start = body.trim_end_matches(char::is_uppercase).len();
    let (head, acronym) = body.split_at(start);
    let mut letters = acronym.chars();
    let first: String = letters.next().into_iter().collect();
    format!("{head}{first}{}s", letters.as_str().to_lowercase())
}

/// A field's or module's name, safe from keywords.
pub(crate) fn field(name: &str) -> String {
    let snake = snake(name);
    match snake.as_str() {
        "self" | "super" | "crate" => format!("{snake}_"),
        "as" | "async" | "await" | "box" | "break" | "const" | "continue" | "dyn" | "else" | "enum"
        | "extern" | "false" | "fn" | "for" | "gen" | "if" | "impl" | "in" | "let" | "loop" | "macro"
        | "match" | "mod" | "move" | "mut" | "priv" | "pub" | "ref" | "return" | "static" | "struct"
        | "trait" | "true" | "try" | "type" | "unsafe" | "use" | "virtual" | "where" | "while" | "yield"
        | "abstract" | "do" | "final" | "override" | "typeof" | "unsized" | "become" => format!("r#{snake}"),
        _ if snake.starts_with(|c: char| c.is_ascii_digit()) => format!("n{snake}"),
        _ => snake,
    }
}

/// A constant's name: `us-east-1a` → `US_EAST_1A`.
pub(crate) fn constant(name: &str) -> String {
    let upper = snake(name).to_uppercase();
    if upper.starts_with(|c: char| c.is_ascii_digit()) || upper.is_empty() {
        format!("V{upper}")
    } else {
        upper
    }
}

/// A type's name: the shape's, with a capital.
pub(crate) fn type_name(name: &str) -> String {
    let mut letters = name.chars().filter(|c| c.is_alphanumeric() || *c == '_');
    letters.next().map(|c| c.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_a_person_would_write_them() {
        for (given, wanted) in [
            ("QueueNameExists", "queue_name_exists"),
            ("MD5OfMessageBody", "md5_of_message_body"),
            ("KMSMasterKeyId", "kms_master_key_id"),
            ("Ipv6Addresses", "ipv6_addresses"),
            ("IPv6", "ipv6"),
            ("AWSAccountIds", "aws_account_ids"),
            ("TargetARNs", "target_arns"),
            ("DBInstance", "db_instance"),
            ("x-amz-thing", "x_amz_thing"),
            ("vpcId", "vpc_id"),
            ("IDs", "ids"),
        ] {
            assert_eq!(snake(given), wanted);
        }
        assert_eq!(field("Type"), "r#type");
        assert_eq!(constant("t3.2xlarge"), "T3_2XLARGE");
        assert_eq!(constant("us-east-1"), "US_EAST_1");
    }
}
