//! What an operation needs leave for: ARNs without a region, by name.
//!
//! A path is not part of a request, so the ARN asked about is the one without it.

use api_iam::Tag;
use kernel::{Access, Result, Scope};

use super::linked_role;
use crate::state::identity::Kind;

fn arn(scope: &Scope, resource: std::fmt::Arguments<'_>) -> String {
    format!("arn:{}:iam::{}:{resource}", scope.partition(), scope.account)
}

pub fn identity(scope: &Scope, kind: Kind, name: &str) -> Result<Access> {
    Ok(Access::on(arn(scope, format_args!("{}/{name}", kind.word()))))
}

pub fn user(scope: &Scope, name: &str) -> Result<Access> {
    identity(scope, Kind::User, name)
}

/// Of the caller itself where no name is given.
pub fn user_or_self(scope: &Scope, name: Option<&str>) -> Result<Access> {
    name.map_or_else(any, |name| user(scope, name))
}

pub fn group(scope: &Scope, name: &str) -> Result<Access> {
    identity(scope, Kind::Group, name)
}

pub fn role(scope: &Scope, name: &str) -> Result<Access> {
    identity(scope, Kind::Role, name)
}

/// With the policy that is given or taken, as a condition.
pub fn with_policy(access: Result<Access>, policy: &str) -> Result<Access> {
    Ok(access?.condition("iam:PolicyARN", [policy.to_owned()]))
}

/// With the boundary that is set, as a condition.
pub fn with_boundary(access: Result<Access>, boundary: Option<&str>) -> Result<Access> {
    Ok(match boundary {
        Some(boundary) => access?.condition("iam:PermissionsBoundary", [boundary.to_owned()]),
        None => access?,
    })
}

/// With the tags the request gives.
pub fn tagging(access: Result<Access>, tags: &[Tag]) -> Result<Access> {
    Ok(access?.request_tags(tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))))
}

/// Making something with tags takes leave to tag it, by `action`, as well.
pub fn making(access: Result<Access>, tags: Option<&[Tag]>, action: &'static str) -> Result<Access> {
    Ok(tagging(access, tags.unwrap_or_default())?.also_to_tag(action))
}

/// With the keys of the tags that are taken.
pub fn untagging(access: Result<Access>, keys: &[String]) -> Result<Access> {
    Ok(access?.tag_keys(keys))
}

pub fn profile(scope: &Scope, name: &str) -> Result<Access> {
    Ok(Access::on(arn(scope, format_args!("instance-profile/{name}"))))
}

pub fn new_policy(scope: &Scope, path: Option<&str>, name: &str) -> Result<Access> {
    Ok(Access::on(arn(scope, format_args!("policy{}{name}", path.unwrap_or("/")))))
}

pub fn mfa_device(scope: &Scope, path: Option<&str>, name: &str) -> Result<Access> {
    Ok(Access::on(arn(scope, format_args!("mfa{}{name}", path.unwrap_or("/")))))
}

pub fn oidc_provider(scope: &Scope, url: &str) -> Result<Access> {
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    Ok(Access::on(arn(scope, format_args!("oidc-provider/{url}"))))
}

pub fn saml_provider(scope: &Scope, name: &str) -> Result<Access> {
    Ok(Access::on(arn(scope, format_args!("saml-provider/{name}"))))
}

pub fn server_certificate(scope: &Scope, path: Option<&str>, name: &str) -> Result<Access> {
    Ok(Access::on(arn(scope, format_args!("server-certificate{}{name}", path.unwrap_or("/")))))
}

/// The role a service has or will have, with the service as a condition.
pub fn linked_role(scope: &Scope, service: &str) -> Result<Access> {
    let name = linked_role::name_of(service).unwrap_or("*");
    let on = Access::on(arn(scope, format_args!("role{}{service}/{name}", linked_role::PATH)));
    Ok(on.condition("iam:AWSServiceName", [service.to_owned()]))
}

/// On a resource given by its ARN. One of no account is the caller's to see.
pub fn by_arn(arn: &str) -> Result<Access> {
    Ok(Access::on(if arn.split(':').nth(4) == Some("aws") { "*" } else { arn }))
}

pub fn any() -> Result<Access> {
    Ok(Access::any())
}
