//! Whom the text of a policy names, and other names in their place.

use serde_json::Value;

/// The ARNs of users and roles among the principals of a document, each once for every time it is named.
pub fn named(text: &str) -> Vec<String> {
    let Ok(mut document) = serde_json::from_str(text) else { return Vec::new() };
    let mut found = Vec::new();
    each(&mut document, &mut |name| {
        if is_user_or_role(name) {
            found.push(name.clone());
        }
    });
    found
}

/// The text with other names for the principals that have some by `names`.
pub fn rename<'n>(text: &str, names: impl Fn(&str) -> Option<&'n str>) -> String {
    let Ok(mut document) = serde_json::from_str(text) else { return text.to_owned() };
    each(&mut document, &mut |name| {
        if let Some(new) = names(name) {
            new.clone_into(name);
        }
    });
    document.to_string()
}

/// The principals of AWS.
fn each(document: &mut Value, f: &mut dyn FnMut(&mut String)) {
    let statements = match document.get_mut("Statement") {
        Some(Value::Array(many)) => many.iter_mut().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    for statement in statements {
        for element in ["Principal", "NotPrincipal"] {
            let named = match statement.get_mut(element).and_then(|named| named.get_mut("AWS")) {
                Some(Value::Array(many)) => many.iter_mut().collect(),
                Some(one) => vec![one],
                None => Vec::new(),
            };
            for name in named {
                if let Value::String(name) = name {
                    f(name);
                }
            }
        }
    }
}

/// Sessions have other names (`assumed-role/`).
fn is_user_or_role(name: &str) -> bool {
    let resource = name.splitn(6, ':').nth(5).filter(|_| name.starts_with("arn:"));
    resource.is_some_and(|resource| resource.starts_with("user/") || resource.starts_with("role/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*",
        "Principal":{"AWS":["arn:aws:iam::111122223333:user/a/ann","111122223333","arn:aws:iam::111122223333:root",
        "arn:aws:sts::111122223333:assumed-role/r/s","AIDAXXXXXXXXXXXXXXXX"],"Service":"s3.amazonaws.com"},
        "Condition":{"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/a/ann"}}},
        {"Effect":"Deny","Action":"*","Resource":"*","NotPrincipal":{"AWS":"arn:aws-cn:iam::111122223333:role/r"}},
        {"Effect":"Deny","Action":"*","Resource":"*","Principal":"*"}]}"#;

    #[test]
    fn users_and_roles_are_found_and_nobody_else() {
        assert_eq!(
            named(TEXT),
            ["arn:aws:iam::111122223333:user/a/ann", "arn:aws-cn:iam::111122223333:role/r"]
        );
        assert!(named("no document").is_empty());
    }

    #[test]
    fn principals_get_other_names_and_nothing_else_does() {
        let of = |old: &str| old.ends_with("ann").then_some("AIDAX");
        let document: Value = serde_json::from_str(&rename(TEXT, of)).unwrap();
        let statement = &document["Statement"][0];
        assert_eq!(statement["Principal"]["AWS"][0], "AIDAX");
        assert_eq!(statement["Principal"]["AWS"][1], "111122223333");
        let condition = &statement["Condition"]["StringEquals"]["aws:PrincipalArn"];
        assert_eq!(condition, "arn:aws:iam::111122223333:user/a/ann");
        assert_eq!(rename("no document", of), "no document");
    }
}
