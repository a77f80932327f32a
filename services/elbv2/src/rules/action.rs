//! Actions: read, checked, and shown again.

use api_elbv2 as api;
use kernel::Result;

use crate::errors;
use crate::rules::arn::Named;
use crate::state::action::Action;
use crate::state::load_balancer::Kind;

/// Target groups that one action may name.
pub const GROUPS_MAX: usize = 5;
const WEIGHT_MAX: i32 = 999;
const BODY_CHARS_MAX: usize = 1_024;
const CONTENT_TYPES: [&str; 5] =
    ["text/plain", "text/css", "text/html", "application/javascript", "application/json"];

/// The one action of a listener or rule.
///
/// # Errors
/// `ValidationError`, `InvalidLoadBalancerAction`, and by name what is not served here.
pub fn check(kind: Kind, given: Vec<api::Action>) -> Result<Action> {
    let mut given = given.into_iter();
    let (Some(action), None) = (given.next(), given.next()) else {
        return Err(errors::invalid_action(
            "Exactly one forward, redirect or fixed-response action is required",
        ));
    };
    if action.order.is_some_and(|order| !(1..=50_000).contains(&order)) {
        return Err(errors::validation("Action order must be between 1 and 50000"));
    }
    if kind == Kind::Network && action.r#type != "forward" {
        return Err(errors::invalid_action(format!(
            "Action type '{}' is not supported by network load balancers",
            action.r#type
        )));
    }
    check_alone(&action)?;
    match &*action.r#type {
        "forward" => forward(action),
        "redirect" => redirect(action.redirect_config.unwrap_or_default()),
        "fixed-response" => fixed(action.fixed_response_config.unwrap_or_default()),
        other => Err(errors::unsupported(format_args!("The action type '{other}'"))),
    }
}

/// What goes with another type is not there.
fn check_alone(action: &api::Action) -> Result<()> {
    let configs = [
        ("TargetGroupArn", "forward", action.target_group_arn.is_some()),
        ("ForwardConfig", "forward", action.forward_config.is_some()),
        ("RedirectConfig", "redirect", action.redirect_config.is_some()),
        ("FixedResponseConfig", "fixed-response", action.fixed_response_config.is_some()),
    ];
    match configs.into_iter().find(|(_, of, given)| *given && *of != action.r#type) {
        Some((name, of, _)) => Err(errors::invalid_action(format!(
            "{name} can only be specified for an action of type '{of}', not '{}'",
            action.r#type
        ))),
        None => Ok(()),
    }
}

fn forward(action: api::Action) -> Result<Action> {
    let config = action.forward_config.unwrap_or_default();
    let given = config.target_groups.unwrap_or_default();
    let mut groups = Vec::new();
    for one in given {
        let arn = one.target_group_arn.unwrap_or_default();
        let weight = one.weight.unwrap_or(1);
        if !(0..=WEIGHT_MAX).contains(&weight) {
            return Err(errors::validation(format!("Weight '{weight}' must be between 0 and {WEIGHT_MAX}")));
        }
        groups.push((arn, weight));
    }
    match (action.target_group_arn, groups.as_slice()) {
        (Some(arn), []) => groups.push((arn, 1)),
        (Some(arn), [(only, _)]) if *only == arn => {}
        (None, [_, ..]) => {}
        (None, []) => return Err(errors::validation("A target group ARN must be specified")),
        _ => {
            return Err(errors::invalid_action(
                "TargetGroupArn and ForwardConfig name different target groups",
            ));
        }
    }
    if groups.len() > GROUPS_MAX {
        return Err(errors::invalid_action(format!(
            "A forward action names at most {GROUPS_MAX} target groups"
        )));
    }
    for (arn, _) in &groups {
        if !matches!(Named::of(arn), Some(Named::TargetGroup { .. })) {
            return Err(errors::bad_arn(arn, "target group"));
        }
    }
    let sticky = config.target_group_stickiness_config.unwrap_or_default();
    let sticky_s = match (sticky.enabled, sticky.duration_seconds) {
        (Some(true), Some(seconds)) if (1..=604_800).contains(&seconds) => Some(seconds),
        (Some(true), _) => {
            return Err(errors::validation("Stickiness duration must be between 1 and 604800 seconds"));
        }
        _ => None,
    };
    Ok(Action::Forward { groups, sticky_s })
}

fn redirect(config: api::RedirectActionConfig) -> Result<Action> {
    let permanent = match &*config.status_code {
        "HTTP_301" => true,
        "HTTP_302" => false,
        other => return Err(errors::validation(format!("Redirect status code '{other}' is not valid"))),
    };
    let or = |given: Option<String>, usual: &str| given.unwrap_or_else(|| usual.to_owned());
    let protocol = or(config.protocol, "#{protocol}");
    let port = or(config.port, "#{port}");
    let path = or(config.path, "/#{path}");
    if !matches!(&*protocol, "#{protocol}" | "HTTP" | "HTTPS") {
        return Err(errors::validation(format!("Redirect protocol '{protocol}' is not valid")));
    }
    if port != "#{port}" && !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(errors::validation(format!("Redirect port '{port}' is not valid")));
    }
    if !path.starts_with('/') {
        return Err(errors::validation(format!("Redirect path '{path}' must start with '/'")));
    }
    let host = or(config.host, "#{host}");
    let query = or(config.query, "#{query}");
    let every = ["protocol", "host", "port", "path", "query"];
    for (name, text, known) in [
        ("Host", &host, &["host"][..]),
        ("Path", &path, &["host", "path", "port"]),
        ("Query", &query, &every),
    ] {
        if let Some(word) = keywords(text).find(|word| !known.contains(word)) {
            return Err(errors::validation(format!("Redirect {name} cannot contain '#{{{word}}}'")));
        }
    }
    Ok(Action::Redirect { permanent, protocol, host, port, path, query })
}

/// What stands in `#{…}`.
fn keywords(text: &str) -> impl Iterator<Item = &str> {
    text.split("#{").skip(1).filter_map(|rest| rest.split_once('}').map(|(word, _)| word))
}

/// Whether a redirect makes sense where its requests come in.
///
/// # Errors
/// `InvalidLoadBalancerAction` where it would lead back to itself, or from HTTPS to HTTP.
pub fn check_redirect(action: &Action, (listener, door): (&str, i32)) -> Result<()> {
    let Action::Redirect { protocol, host, port, path, .. } = action else { return Ok(()) };
    if listener == "HTTPS" && protocol == "HTTP" {
        return Err(errors::invalid_action("A redirect cannot lead from HTTPS to HTTP"));
    }
    let same = |text: &str, keyword: &str, own: &str| text == keyword || text == own;
    if same(protocol, "#{protocol}", listener)
        && same(port, "#{port}", &door.to_string())
        && host == "#{host}"
        && path == "/#{path}"
    {
        let message = "The redirect configuration is not valid because it creates a loop.";
        return Err(errors::invalid_action(message));
    }
    Ok(())
}

fn fixed(config: api::FixedResponseActionConfig) -> Result<Action> {
    let status = config.status_code.parse::<u16>().ok();
    let status = status.filter(|status| matches!(status / 100, 2 | 4 | 5));
    let status =
        status.ok_or_else(|| errors::validation("Fixed response status code must be 2XX, 4XX or 5XX"))?;
    if config.message_body.as_ref().is_some_and(|body| body.chars().count() > BODY_CHARS_MAX) {
        return Err(errors::validation(format!("Message body is longer than {BODY_CHARS_MAX} characters")));
    }
    if let Some(other) = config.content_type.as_deref().filter(|given| !CONTENT_TYPES.contains(given)) {
        return Err(errors::validation(format!("Content type '{other}' is not valid")));
    }
    Ok(Action::Fixed { status, content_type: config.content_type, body: config.message_body })
}

/// As AWS shows it.
pub fn shown(action: &Action) -> api::Action {
    match action {
        Action::Forward { groups, sticky_s } => {
            let tuple = |(arn, weight): &(String, i32)| api::TargetGroupTuple {
                target_group_arn: Some(arn.clone()),
                weight: Some(*weight),
            };
            let only = match groups.as_slice() {
                [(arn, _)] => Some(arn.clone()),
                _ => None,
            };
            api::Action {
                r#type: "forward".to_owned(),
                target_group_arn: only,
                forward_config: Some(api::ForwardActionConfig {
                    target_groups: Some(groups.iter().map(tuple).collect()),
                    target_group_stickiness_config: Some(api::TargetGroupStickinessConfig {
                        enabled: Some(sticky_s.is_some()),
                        duration_seconds: *sticky_s,
                    }),
                }),
                ..api::Action::default()
            }
        }
        Action::Redirect { permanent, protocol, host, port, path, query } => api::Action {
            r#type: "redirect".to_owned(),
            redirect_config: Some(api::RedirectActionConfig {
                protocol: Some(protocol.clone()),
                port: Some(port.clone()),
                host: Some(host.clone()),
                path: Some(path.clone()),
                query: Some(query.clone()),
                status_code: if *permanent { "HTTP_301" } else { "HTTP_302" }.to_owned(),
            }),
            ..api::Action::default()
        },
        Action::Fixed { status, content_type, body } => api::Action {
            r#type: "fixed-response".to_owned(),
            fixed_response_config: Some(api::FixedResponseActionConfig {
                message_body: body.clone(),
                status_code: status.to_string(),
                content_type: content_type.clone(),
            }),
            ..api::Action::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(change: impl FnOnce(&mut api::RedirectActionConfig)) -> Result<Action> {
        let mut config = api::RedirectActionConfig { status_code: "HTTP_301".into(), ..Default::default() };
        change(&mut config);
        let action =
            api::Action { r#type: "redirect".into(), redirect_config: Some(config), ..Default::default() };
        check(Kind::Application, vec![action])
    }

    #[test]
    fn redirects_lead_elsewhere() {
        let by =
            |change: fn(&mut api::RedirectActionConfig), at| check_redirect(&redirect(change).unwrap(), at);
        let http = ("HTTP", 80);
        assert!(by(|config| config.port = Some("81".into()), http).is_ok());
        assert!(by(|config| config.port = Some("80".into()), http).is_err());
        assert!(by(|config| config.query = Some("a=b".into()), http).is_err());
        assert!(by(|config| config.path = Some("/a/#{path}".into()), http).is_ok());
        assert!(by(|config| config.protocol = Some("HTTP".into()), http).is_err());
        assert!(by(|config| config.protocol = Some("HTTPS".into()), http).is_ok());
        let down: fn(&mut api::RedirectActionConfig) = |config| {
            (config.protocol, config.port) = (Some("HTTP".into()), Some("80".into()));
        };
        assert!(by(down, ("HTTPS", 443)).is_err());
    }

    #[test]
    fn redirects_know_their_keywords() {
        assert!(redirect(|config| config.path = Some("/#{foo}".into())).is_err());
        assert!(redirect(|config| config.path = Some("/#{query}".into())).is_err());
        assert!(redirect(|config| config.query = Some("#{query}&v=#{protocol}".into())).is_ok());
        assert!(redirect(|config| config.host = Some("x.#{host}".into())).is_ok());
    }
}
