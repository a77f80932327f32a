//! Which events a live tail shows (API reference, StartLiveTail).

use api_logs::StartLiveTailRequest;
use kernel::{Result, Scope};

use super::name::of_identifier;
use super::pattern::Pattern;
use crate::errors;

/// A session is not longer, in milliseconds.
pub const SESSION_MS: kernel::Millis = 3 * 3_600_000;
/// Something is said this often, in milliseconds, also when there is nothing to say.
pub const UPDATE_MS: kernel::Millis = 1_000;
/// Events of one update. Where more would fit, these are a sample of them.
pub const EVENTS_MAX: usize = 500;
/// Text of one update, so that it fits a message.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// Sessions of one account in one region at the same time (CloudWatch Logs quotas).
pub const SESSIONS_MAX: usize = 15;

/// What is asked of events, beside their group.
#[derive(Debug)]
pub struct Wanted {
    names: Vec<String>,
    prefixes: Vec<String>,
    pattern: Pattern,
}

impl Wanted {
    pub fn has_stream(&self, name: &str) -> bool {
        (self.names.is_empty() && self.prefixes.is_empty())
            || self.names.iter().any(|wanted| wanted == name)
            || self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }

    pub fn has_message(&self, message: &str) -> bool {
        self.pattern.matches(message)
    }
}

/// The names of the groups, and what is asked of their events.
///
/// # Errors
/// Groups that are not named by ARN or twice, streams of several groups, names and prefixes at once, a wrong pattern.
pub fn check(scope: &Scope, input: &StartLiveTailRequest) -> Result<(Vec<String>, Wanted)> {
    let name = |identifier: &String| {
        if !identifier.starts_with("arn:") || identifier.ends_with('*') {
            return Err(errors::invalid(format!("Invalid log group ARN: {identifier}")));
        }
        of_identifier(scope, identifier)
    };
    let groups = input.log_group_identifiers.iter().map(name).collect::<Result<Vec<_>>>()?;
    let mut different = groups.clone();
    different.sort_unstable();
    different.dedup();
    if different.len() != groups.len() {
        return Err(errors::invalid("logGroupIdentifiers must not have duplicates"));
    }
    let (names, prefixes) = (&input.log_stream_names, &input.log_stream_name_prefixes);
    if names.is_some() && prefixes.is_some() {
        return Err(errors::invalid(
            "logStreamNames and logStreamNamePrefixes are mutually exclusive parameters",
        ));
    }
    if (names.is_some() || prefixes.is_some()) && groups.len() > 1 {
        return Err(errors::invalid(
            "logStreamNames and logStreamNamePrefixes can be specified for a single log group only",
        ));
    }
    let pattern = Pattern::parse(input.log_event_filter_pattern.as_deref().unwrap_or_default());
    let pattern = pattern.map_err(|wrong| errors::bad_pattern(&wrong))?;
    let (names, prefixes) = (names.clone().unwrap_or_default(), prefixes.clone().unwrap_or_default());
    Ok((groups, Wanted { names, prefixes, pattern }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(groups: &[&str]) -> StartLiveTailRequest {
        let arn = |name: &&str| format!("arn:aws:logs:us-east-1:000000000000:log-group:{name}");
        StartLiveTailRequest { log_group_identifiers: groups.iter().map(arn).collect(), ..Default::default() }
    }

    fn checked(input: &StartLiveTailRequest) -> Result<(Vec<String>, Wanted)> {
        let scope = Scope { account: "000000000000".parse().unwrap(), region: "us-east-1".parse().unwrap() };
        check(&scope, input)
    }

    #[test]
    fn streams_and_messages_are_chosen() {
        let with = |change: &dyn Fn(&mut StartLiveTailRequest)| {
            let mut input = input(&["g"]);
            change(&mut input);
            checked(&input).unwrap().1
        };
        let all = with(&|_| ());
        assert!(all.has_stream("web-1") && all.has_message("anything"));
        let named = with(&|input| input.log_stream_names = Some(vec!["web-1".into()]));
        assert!(named.has_stream("web-1") && !named.has_stream("web-12"));
        let prefixed = with(&|input| input.log_stream_name_prefixes = Some(vec!["db".into(), "web".into()]));
        assert!(prefixed.has_stream("web-12") && !prefixed.has_stream("a-web"));
        let filtered = with(&|input| input.log_event_filter_pattern = Some("ERROR -debug".into()));
        assert!(filtered.has_message("an ERROR") && !filtered.has_message("fine"));
    }

    #[test]
    fn what_cannot_be_tailed_is_refused() {
        let streams = Some(vec!["s".to_owned()]);
        let bad = [
            StartLiveTailRequest { log_group_identifiers: vec!["g".into()], ..Default::default() },
            input(&["g:*"]),
            input(&["g", "g"]),
            StartLiveTailRequest { log_stream_names: streams.clone(), ..input(&["g", "h"]) },
            StartLiveTailRequest {
                log_stream_names: streams.clone(),
                log_stream_name_prefixes: streams,
                ..input(&["g"])
            },
            StartLiveTailRequest { log_event_filter_pattern: Some("{ $.a".into()), ..input(&["g"]) },
        ];
        for input in bad {
            assert!(checked(&input).is_err(), "{input:?}");
        }
    }
}
