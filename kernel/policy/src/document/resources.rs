//! `Resource` and `NotResource`: ARNs, as far as a document can be checked without knowing what exists.

use super::Malformed;
use super::checks::legacy;
use super::read::RawStatement;

/// What a service demands of the ARNs of its resources in policies.
#[derive(Clone, Copy, Debug)]
pub struct VendorRule<'a> {
    /// The ARN's third part.
    pub vendor: &'a str,
    pub regions: Regions<'a>,
    /// What the resource part may begin with; empty for no rule.
    pub starts: &'a [&'a str],
    /// The refusal of another beginning.
    pub starts_message: &'a str,
}

/// Where a region may stand. The text is AWS's refusal, with `{}` for the ARN.
#[derive(Clone, Copy, Debug)]
pub enum Regions<'a> {
    Anywhere,
    Nowhere(&'a str),
    /// Only beside an account.
    WithAccount(&'a str),
}

fn all(statement: &RawStatement) -> impl Iterator<Item = &String> {
    statement.resource.iter().chain(&statement.not_resource).flatten()
}

/// The oldest reader refuses ARNs with empty parts but too few of them, and ARNs of no service,
/// unless something else is wrong with the statement's resources.
pub(super) fn check_legacy(statement: &RawStatement) -> Result<(), Malformed> {
    if all(statement).any(|resource| check_arn(resource).is_err()) {
        return Ok(());
    }
    for resource in all(statement).filter(|resource| *resource != "*") {
        let colons = resource.bytes().filter(|b| *b == b':').count();
        let vendor = resource.split(':').nth(2).unwrap_or_default();
        if vendor.is_empty() || (colons < 5 && resource.contains("::")) {
            return Err(legacy(format!("{resource:?} lacks parts of an ARN")));
        }
    }
    Ok(())
}

pub(super) fn check_format(statement: &RawStatement, vendors: &[VendorRule<'_>]) -> Result<(), Malformed> {
    all(statement).try_for_each(|resource| {
        check_arn(resource)?;
        check_vendor(resource, vendors)
    })
}

/// `*`, or an ARN of a partition and a service.
fn check_arn(resource: &str) -> Result<(), Malformed> {
    if resource == "*" {
        return Ok(());
    }
    let Some((_, rest)) = resource.split_once(':') else {
        return Err(Malformed::new(format!("Resource {resource} must be in ARN format or \"*\".")));
    };
    let (partition, rest) =
        rest.split_once(':').map_or((rest, None), |(partition, rest)| (partition, Some(rest)));
    if !matches!(partition, "aws" | "aws-cn" | "aws-us-gov" | "aws-iso" | "aws-iso-b" | "aws-eusc" | "*") {
        let mut parts = rest.filter(|rest| !rest.is_empty()).map(|rest| rest.splitn(4, ':'));
        let mut part = || parts.as_mut().and_then(Iterator::next).unwrap_or("*");
        let shown = format!("arn:{partition}:{}:{}:{}:{}", part(), part(), part(), part());
        let wording = format!("Partition \"{partition}\" is not valid for resource \"{shown}\".");
        return Err(Malformed::new(wording));
    }
    let vendor = rest.and_then(|rest| rest.split(':').next());
    match vendor {
        Some(vendor) if !vendor.contains(['*', '?']) => Ok(()),
        Some(_) | None => {
            let wording = "Resource vendor must be fully qualified and cannot contain regexes.";
            Err(Malformed::new(wording).detail(format!("resource {resource:?}")))
        }
    }
}

fn check_vendor(resource: &str, vendors: &[VendorRule<'_>]) -> Result<(), Malformed> {
    let mut parts = resource.splitn(6, ':').skip(2);
    let mut next = || parts.next().unwrap_or_default();
    let (vendor, region, account, name) = (next(), next(), next(), next());
    let Some(rule) = vendors.iter().find(|rule| rule.vendor == vendor) else { return Ok(()) };
    let refusal = match rule.regions {
        Regions::Nowhere(message) if !region.is_empty() => Some(message),
        Regions::WithAccount(message) if !region.is_empty() && account.is_empty() => Some(message),
        _ => None,
    };
    if let Some(message) = refusal {
        return Err(Malformed::new(message.replace("{}", resource)));
    }
    // What stands before the first wildcard or variable decides.
    let fixed = name.split(['*', '?', '$']).next().unwrap_or_default();
    let is_open = fixed.len() < name.len();
    let fits = |start: &&str| name.starts_with(*start) || (is_open && start.starts_with(fixed));
    match rule.starts.is_empty() || rule.starts.iter().any(fits) {
        true => Ok(()),
        false => Err(Malformed::new(rule.starts_message).detail(format!("resource {resource:?}"))),
    }
}
