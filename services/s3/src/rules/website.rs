//! Static websites: what may be configured, and where a request is led (S3 user guide, "Hosting a static website").

use api_s3 as api;
use kernel::Result;
use serde::{Deserialize, Serialize};

use crate::errors;

const RULES_MAX: usize = 50;

/// How a bucket's site behaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Website {
    /// Everything is to be found elsewhere.
    Elsewhere {
        host: String,
        protocol: Option<String>,
    },
    Pages {
        index: String,
        error: Option<String>,
        rules: Vec<Rule>,
    },
}

/// A routing rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    pub error: Option<u16>,
    pub prefix: Option<String>,
    pub host: Option<String>,
    pub protocol: Option<String>,
    pub code: Option<u16>,
    pub new_prefix: Option<String>,
    pub new_key: Option<String>,
}

/// Reads a configuration.
///
/// # Errors
/// *MalformedXML*, *InvalidArgument*, *InvalidRequest*.
pub fn check(given: api::WebsiteConfiguration) -> Result<Website> {
    let rules = given.routing_rules.unwrap_or_default();
    if let Some(to) = given.redirect_all_requests_to {
        if given.index_document.is_some() || given.error_document.is_some() || !rules.is_empty() {
            let message = "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.";
            return Err(errors::invalid_argument(message));
        }
        check_protocol(to.protocol.as_deref())?;
        check_host(&to.host_name)?;
        return Ok(Website::Elsewhere { host: to.host_name, protocol: to.protocol });
    }
    let index = given.index_document.map(|index| index.suffix).ok_or_else(|| {
        let message = "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty";
        errors::invalid_argument(message)
    })?;
    if index.is_empty() || index.contains('/') {
        return Err(errors::invalid_argument("The IndexDocument Suffix is not well formed"));
    }
    let error = given.error_document.map(|error| error.key);
    if error.as_ref().is_some_and(String::is_empty) {
        return Err(errors::invalid_argument("The ErrorDocument Key is not well formed"));
    }
    if rules.len() > RULES_MAX {
        let message = format!(
            "{} routing rules provided, the number of routing rules is limited to {RULES_MAX}.",
            rules.len()
        );
        return Err(errors::invalid_request(message));
    }
    let rules = rules.into_iter().map(Rule::read).collect::<Result<_>>()?;
    Ok(Website::Pages { index, error, rules })
}

fn check_protocol(protocol: Option<&str>) -> Result<()> {
    match protocol {
        None | Some("http" | "https") => Ok(()),
        Some(_) => {
            let message = "Invalid protocol, protocol can be http or https. If not defined the protocol will be \
                           selected automatically.";
            Err(errors::invalid_request(message))
        }
    }
}

fn check_host(host: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:/".contains(c);
    if host.is_empty() || !host.chars().all(fits) {
        return Err(errors::invalid_argument("The HostName is not well formed"));
    }
    Ok(())
}

impl Rule {
    fn read(given: api::RoutingRule) -> Result<Self> {
        let condition = given.condition.unwrap_or_default();
        let to = given.redirect;
        check_protocol(to.protocol.as_deref())?;
        to.host_name.as_deref().map_or(Ok(()), check_host)?;
        let code = |text: Option<String>, fits: fn(u16) -> bool, what: &str| {
            let read = |text: &String| text.parse().ok().filter(|code| fits(*code));
            let bad = |text: &String| {
                let message = format!("The provided HTTP {what} code ({text}) is not valid.");
                errors::invalid_request(message)
            };
            text.map(|text| read(&text).ok_or_else(|| bad(&text))).transpose()
        };
        if to.replace_key_with.is_some() && to.replace_key_prefix_with.is_some() {
            let message = "You can only define ReplaceKeyPrefix or ReplaceKey but not both.";
            return Err(errors::invalid_request(message));
        }
        let rule = Self {
            error: code(condition.http_error_code_returned_equals, |n| (400..600).contains(&n), "error")?,
            prefix: condition.key_prefix_equals,
            host: to.host_name,
            protocol: to.protocol,
            code: code(to.http_redirect_code, |n| (301..400).contains(&n), "redirect")?,
            new_prefix: to.replace_key_prefix_with,
            new_key: to.replace_key_with,
        };
        let leads = rule.host.is_some() || rule.protocol.is_some() || rule.code.is_some();
        if !leads && rule.new_prefix.is_none() && rule.new_key.is_none() {
            return Err(errors::malformed_xml());
        }
        Ok(rule)
    }

    fn shown(&self) -> api::RoutingRule {
        let condition = api::Condition {
            http_error_code_returned_equals: self.error.map(|code| code.to_string()),
            key_prefix_equals: self.prefix.clone(),
        };
        api::RoutingRule {
            condition: (self.error.is_some() || self.prefix.is_some()).then_some(condition),
            redirect: api::Redirect {
                host_name: self.host.clone(),
                http_redirect_code: self.code.map(|code| code.to_string()),
                protocol: self.protocol.clone(),
                replace_key_prefix_with: self.new_prefix.clone(),
                replace_key_with: self.new_key.clone(),
            },
        }
    }

    fn fits(&self, key: &str, error: Option<u16>) -> bool {
        self.error == error && self.prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix))
    }

    /// The key it leads to.
    fn key(&self, key: &str) -> String {
        match (&self.new_key, &self.new_prefix) {
            (Some(new), _) => new.clone(),
            (None, Some(new)) => {
                let rest = key.strip_prefix(self.prefix.as_deref().unwrap_or_default()).unwrap_or(key);
                [new, rest].concat()
            }
            (None, None) => key.to_owned(),
        }
    }
}

impl Website {
    pub fn shown(&self) -> api::GetBucketWebsiteOutput {
        match self {
            Self::Elsewhere { host, protocol } => api::GetBucketWebsiteOutput {
                redirect_all_requests_to: Some(api::RedirectAllRequestsTo {
                    host_name: host.clone(),
                    protocol: protocol.clone(),
                }),
                ..api::GetBucketWebsiteOutput::default()
            },
            Self::Pages { index, error, rules } => api::GetBucketWebsiteOutput {
                index_document: Some(api::IndexDocument { suffix: index.clone() }),
                error_document: error.clone().map(|key| api::ErrorDocument { key }),
                routing_rules: (!rules.is_empty()).then(|| rules.iter().map(Rule::shown).collect()),
                ..api::GetBucketWebsiteOutput::default()
            },
        }
    }
}

/// Where a browser is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub status: u16,
    pub location: String,
}

/// Where the rules send a request for `key`, before it is looked for (`error` is none) or after that failed.
/// `here` is the scheme and the host the request came by.
pub fn sent(rules: &[Rule], key: &str, error: Option<u16>, (scheme, host): (&str, &str)) -> Option<Sent> {
    let rule = rules.iter().find(|rule| rule.fits(key, error))?;
    let scheme = rule.protocol.as_deref().unwrap_or(scheme);
    let host = rule.host.as_deref().unwrap_or(host);
    let location = format!("{scheme}://{host}/{}", escape(&rule.key(key)));
    Some(Sent { status: rule.code.unwrap_or(301), location })
}

/// The key of a page: a folder's is its index document.
pub fn page(key: &str, index: &str) -> String {
    if key.is_empty() || key.ends_with('/') { [key, index].concat() } else { key.to_owned() }
}

/// A key in a URL.
pub fn escape(key: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~')
        .remove(b'#')
        .remove(b'!')
        .remove(b'?')
        .remove(b'=')
        .remove(b'&');
    percent_encoding::utf8_percent_encode(key, KEPT).to_string()
}

/// The page of an error that has none of its own.
pub fn error_page(status: (u16, &str), code: &str, message: &str, key: &str, request_id: &str) -> String {
    let (number, reason) = status;
    let safe = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let (code, message, key) = (safe(code), safe(message), safe(key));
    format!(
        "<html>\n<head><title>{number} {reason}</title></head>\n<body>\n<h1>{number} {reason}</h1>\n<ul>\n\
         <li>Code: {code}</li>\n<li>Message: {message}</li>\n<li>Key: {key}</li>\n<li>RequestId: {request_id}</li>\n\
         </ul>\n<hr/>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(prefix: Option<&str>, error: Option<u16>) -> Rule {
        Rule { prefix: prefix.map(str::to_owned), error, ..Rule::default() }
    }

    #[test]
    fn rules_lead_before_and_after_a_look() {
        let rules = [
            Rule { new_prefix: Some("documents/".to_owned()), ..rule(Some("docs/"), None) },
            Rule { host: Some("example.org".to_owned()), code: Some(302), ..rule(None, Some(404)) },
            Rule { new_key: Some("a b.html".to_owned()), ..rule(Some("old"), None) },
        ];
        let here = ("http", "bbb.s3-website.localhost:4566");
        let to = |key, error| sent(&rules, key, error, here).map(|sent| (sent.status, sent.location));
        let at = |path: &str| format!("http://bbb.s3-website.localhost:4566/{path}");
        assert_eq!(to("docs/x", None), Some((301, at("documents/x"))));
        assert_eq!(to("older", None), Some((301, at("a%20b.html"))));
        assert_eq!(to("none", None), None);
        assert_eq!(to("none", Some(404)), Some((302, "http://example.org/none".to_owned())));
        assert_eq!(to("none", Some(403)), None);
    }

    #[test]
    fn pages_of_folders() {
        assert_eq!(page("", "index.html"), "index.html");
        assert_eq!(page("a/", "index.html"), "a/index.html");
        assert_eq!(page("a", "index.html"), "a");
    }

    #[test]
    fn what_no_site_can_be_is_refused() {
        let index = |suffix: &str| Some(api::IndexDocument { suffix: suffix.to_owned() });
        let of = |index_document| api::WebsiteConfiguration {
            index_document,
            ..api::WebsiteConfiguration::default()
        };
        assert!(check(of(index("index.html"))).is_ok());
        for bad in [of(None), of(index("")), of(index("a/b"))] {
            assert_eq!(check(bad).unwrap_err().code(), "InvalidArgument");
        }
        let all = api::RedirectAllRequestsTo {
            host_name: "example.org".to_owned(),
            protocol: Some("ftp".to_owned()),
        };
        let all = api::WebsiteConfiguration { redirect_all_requests_to: Some(all), ..of(None) };
        assert_eq!(check(all).unwrap_err().code(), "InvalidRequest");
        let both = api::Redirect {
            replace_key_with: Some("a".to_owned()),
            replace_key_prefix_with: Some("b".to_owned()),
            ..api::Redirect::default()
        };
        let rules = |redirect| Some(vec![api::RoutingRule { condition: None, redirect }]);
        let given = api::WebsiteConfiguration { routing_rules: rules(both), ..of(index("i")) };
        assert_eq!(check(given).unwrap_err().code(), "InvalidRequest");
        let given =
            api::WebsiteConfiguration { routing_rules: rules(api::Redirect::default()), ..of(index("i")) };
        assert_eq!(check(given).unwrap_err().code(), "MalformedXML");
    }
}
