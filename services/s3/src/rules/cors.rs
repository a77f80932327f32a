//! Which pages of other origins may use a bucket (S3 user guide, "Using cross-origin resource sharing").

use api_s3::{CORSConfiguration, CORSRule};
use kernel::Result;
use kernel::beside::{CrossOrigin, Headers};
use serde::{Deserialize, Serialize};

use crate::errors;

const RULES_MAX: usize = 100;
const ID_CHARS_MAX: usize = 255;
/// Characters of a configuration; AWS bounds its document, 64 KB.
const CHARS_MAX: usize = 64 * 1_024;
const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

/// One rule, as it was put.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    pub id: Option<String>,
    pub origins: Vec<String>,
    pub methods: Vec<String>,
    pub headers: Vec<String>,
    pub exposed: Vec<String>,
    pub max_age_s: Option<i32>,
}

/// Reads a configuration.
///
/// # Errors
/// *MalformedXML*, *InvalidRequest*.
pub fn check(given: CORSConfiguration) -> Result<Vec<Rule>> {
    if given.cors_rules.is_empty() || given.cors_rules.len() > RULES_MAX {
        return Err(errors::malformed_xml());
    }
    let rules: Vec<Rule> = given.cors_rules.into_iter().map(Rule::from).collect();
    let chars: usize = rules.iter().flat_map(Rule::texts).map(|text| text.len()).sum();
    if chars > CHARS_MAX {
        return Err(errors::malformed_xml());
    }
    rules.iter().try_for_each(Rule::check)?;
    Ok(rules)
}

impl From<CORSRule> for Rule {
    fn from(given: CORSRule) -> Self {
        Self {
            id: given.id,
            origins: given.allowed_origins,
            methods: given.allowed_methods,
            headers: given.allowed_headers.unwrap_or_default(),
            exposed: given.expose_headers.unwrap_or_default(),
            max_age_s: given.max_age_seconds,
        }
    }
}

impl Rule {
    fn texts(&self) -> impl Iterator<Item = &String> {
        [&self.origins, &self.methods, &self.headers, &self.exposed].into_iter().flatten()
    }

    fn check(&self) -> Result<()> {
        if self.origins.is_empty() || self.methods.is_empty() {
            return Err(errors::malformed_xml());
        }
        if self.max_age_s.is_some_and(|seconds| seconds < 0) {
            return Err(errors::invalid_request("MaxAgeSeconds of a CORS rule must not be negative."));
        }
        if self.id.as_ref().is_some_and(|id| id.chars().count() > ID_CHARS_MAX) {
            return Err(errors::invalid_request(
                "The ID of a CORS rule must not be longer than 255 characters.",
            ));
        }
        if let Some(method) = self.methods.iter().find(|method| !METHODS.contains(&method.as_str())) {
            let message =
                format!("Found unsupported HTTP method in CORS config. Unsupported method is {method}");
            return Err(errors::invalid_request(message));
        }
        let has_two = |text: &&String| text.matches('*').count() > 1;
        for (what, texts) in [("AllowedOrigin", &self.origins), ("AllowedHeader", &self.headers)] {
            if let Some(text) = texts.iter().find(has_two) {
                let message = format!("{what} \"{text}\" can not have more than one wildcard.");
                return Err(errors::invalid_request(message));
            }
        }
        if let Some(text) = self.exposed.iter().find(|text| text.contains('*')) {
            let message = format!(
                "ExposeHeader \"{text}\" contains wildcard. We currently do not support wildcard for ExposeHeader."
            );
            return Err(errors::invalid_request(message));
        }
        Ok(())
    }

    pub fn shown(&self) -> CORSRule {
        let some = |texts: &Vec<String>| (!texts.is_empty()).then(|| texts.clone());
        CORSRule {
            id: self.id.clone(),
            allowed_origins: self.origins.clone(),
            allowed_methods: self.methods.clone(),
            allowed_headers: some(&self.headers),
            expose_headers: some(&self.exposed),
            max_age_seconds: self.max_age_s,
        }
    }

    fn fits(&self, asked: &CrossOrigin) -> bool {
        self.origins.iter().any(|origin| like(origin, &asked.origin))
            && self.methods.contains(&asked.method)
            && asked.headers.iter().all(|name| {
                self.headers
                    .iter()
                    .any(|allowed| like(&allowed.to_ascii_lowercase(), &name.to_ascii_lowercase()))
            })
    }

    fn headers(&self, asked: &CrossOrigin) -> Headers {
        let everybody =
            self.origins.iter().find(|origin| like(origin, &asked.origin)).is_some_and(|o| o == "*");
        let mut headers = vec![
            ("access-control-allow-methods", self.methods.join(", ")),
            ("vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method".to_owned()),
        ];
        if everybody {
            headers.push(("access-control-allow-origin", "*".to_owned()));
        } else {
            headers.push(("access-control-allow-origin", asked.origin.clone()));
            headers.push(("access-control-allow-credentials", "true".to_owned()));
        }
        if !asked.headers.is_empty() {
            headers.push(("access-control-allow-headers", asked.headers.join(", ").to_ascii_lowercase()));
        }
        if !self.exposed.is_empty() {
            headers.push(("access-control-expose-headers", self.exposed.join(", ")));
        }
        if let Some(seconds) = self.max_age_s {
            headers.push(("access-control-max-age", seconds.to_string()));
        }
        headers
    }
}

/// What is said to a browser: the first rule that fits decides.
///
/// # Errors
/// *AccessForbidden*, before the request. With it, nothing is said.
pub fn answer(rules: &[Rule], asked: &CrossOrigin) -> Result<Headers> {
    match rules.iter().find(|rule| rule.fits(asked)) {
        Some(rule) => Ok(rule.headers(asked)),
        None if !asked.is_preflight => Ok(Headers::new()),
        None if rules.is_empty() => Err(errors::no_origins()),
        None => Err(errors::other_origin()),
    }
}

/// Whether a text is like a pattern that may hold one star.
fn like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| rest.ends_with(tail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(origins: &[&str], methods: &[&str], headers: &[&str]) -> CORSRule {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        CORSRule {
            allowed_origins: texts(origins),
            allowed_methods: texts(methods),
            allowed_headers: Some(texts(headers)),
            ..CORSRule::default()
        }
    }

    fn asked(origin: &str, method: &str, headers: &[&str]) -> CrossOrigin {
        CrossOrigin {
            path: "/b/k".to_owned(),
            origin: origin.to_owned(),
            method: method.to_owned(),
            headers: headers.iter().map(|name| (*name).to_owned()).collect(),
            is_preflight: true,
        }
    }

    #[test]
    fn what_cannot_be_a_rule_is_refused() {
        let refused =
            |rule| check(CORSConfiguration { cors_rules: vec![rule] }).unwrap_err().code().to_owned();
        assert_eq!(refused(rule(&["*"], &["PATCH"], &[])), "InvalidRequest");
        assert_eq!(refused(rule(&["*.*"], &["GET"], &[])), "InvalidRequest");
        assert_eq!(refused(rule(&["*"], &["GET"], &["*a*"])), "InvalidRequest");
        assert_eq!(refused(rule(&[], &["GET"], &[])), "MalformedXML");
        let exposed =
            CORSRule { expose_headers: Some(vec!["x-*".to_owned()]), ..rule(&["*"], &["GET"], &[]) };
        assert_eq!(refused(exposed), "InvalidRequest");
        let many = vec![rule(&["*"], &["GET"], &[]); RULES_MAX + 1];
        assert_eq!(check(CORSConfiguration { cors_rules: many }).unwrap_err().code(), "MalformedXML");
    }

    #[test]
    fn the_first_rule_that_fits_answers() {
        let rules = check(CORSConfiguration {
            cors_rules: vec![
                rule(&["https://*.example.org"], &["PUT"], &["x-amz-*"]),
                rule(&["*"], &["GET"], &[]),
            ],
        });
        let rules = rules.unwrap();
        let origin = |asked| {
            let headers = answer(&rules, &asked).ok()?;
            headers
                .into_iter()
                .find(|(name, _)| *name == "access-control-allow-origin")
                .map(|(_, value)| value)
        };
        let page = "https://a.example.org";
        assert_eq!(origin(asked(page, "PUT", &["X-Amz-Date"])).as_deref(), Some(page));
        assert_eq!(origin(asked(page, "PUT", &["content-type"])), None);
        assert_eq!(origin(asked(page, "GET", &[])).as_deref(), Some("*"));
        assert_eq!(origin(asked("https://example.org", "PUT", &[])), None);
        assert_eq!(answer(&rules, &asked(page, "DELETE", &[])).unwrap_err().code(), "AccessForbidden");
        assert!(
            answer(&[], &CrossOrigin { is_preflight: false, ..asked(page, "GET", &[]) }).unwrap().is_empty()
        );
    }
}
