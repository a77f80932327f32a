//! What launch templates may be, and how a launch takes from one (EC2 user guide, "Launch an instance from a launch
//! template").

use api_ec2 as api;
use kernel::Result;
use serde_json::{Map, Value};
use shape::{Honoured, Operation};

use super::launch::{self, check_user_data};
use super::reshape;
use crate::errors;
use crate::state::id::{Id, LaunchTemplateId};

/// The parameters of a version, by their names.
pub type Data = Map<String, Value>;

const NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=128;
const DESCRIPTION_CHARS_MAX: usize = 255;

/// # Errors
/// `InvalidLaunchTemplateName.MalformedException`.
pub fn check_name(name: String) -> Result<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "()./_-".contains(c);
    if NAME_CHARS.contains(&name.len()) && name.chars().all(fits) {
        Ok(name)
    } else {
        Err(errors::template_name_malformed(&name))
    }
}

/// # Errors
/// `InvalidParameterValue` for one that is too long.
pub fn check_description(text: Option<String>) -> Result<Option<String>> {
    match text {
        Some(text) if text.chars().count() > DESCRIPTION_CHARS_MAX => {
            Err(errors::template_description_long(DESCRIPTION_CHARS_MAX))
        }
        text => Ok(text.filter(|text| !text.is_empty())),
    }
}

/// Which template a request means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    Id(LaunchTemplateId),
    Name(String),
}

impl Named {
    /// # Errors
    /// When both are given, or none, or the id cannot be one.
    pub fn check(id: Option<String>, name: Option<String>) -> Result<Self> {
        let text = |given: Option<String>| given.filter(|text| !text.is_empty());
        match (text(id), text(name)) {
            (Some(_), Some(_)) => Err(errors::template_named_twice()),
            (None, None) => Err(errors::template_unnamed()),
            (None, Some(name)) => Ok(Self::Name(name)),
            (Some(id), None) => {
                LaunchTemplateId::parse(&id).map(Self::Id).ok_or_else(|| errors::template_id_malformed(&id))
            }
        }
    }
}

/// Which version a request means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Number(u64),
    Latest,
    Default,
}

impl Wanted {
    /// # Errors
    /// `InvalidParameterValue`.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "$Latest" => Ok(Self::Latest),
            "$Default" => Ok(Self::Default),
            number => number.parse().map(Self::Number).map_err(|_| errors::template_version_malformed(text)),
        }
    }
}

/// What a version holds: every part is one that a launch takes.
///
/// # Errors
/// `MissingParameter` when there is none, `UnsupportedOperation` for a part no launch takes.
pub fn check_data(given: &api::RequestLaunchTemplateData) -> Result<Data> {
    let data = reshape::read(given);
    if data.is_empty() { Err(errors::template_data_empty()) } else { check_members(data) }
}

/// Members of a launch, each of which is one that it takes.
///
/// # Errors
/// `UnsupportedOperation` for one that it does not.
pub fn check_members(data: Data) -> Result<Data> {
    let known = api::op::RunInstances::DEF.input.members;
    if let Some(name) = data.keys().find(|name| !known.iter().any(|member| member.name == **name)) {
        return Err(errors::template_member_unsupported(name));
    }
    if let Some(Value::String(text)) = data.get("UserData") {
        check_user_data(text.clone())?;
    }
    let whole = Value::Object(data);
    if let Honoured::AllBut(refused) = api::op::RunInstances::DEF.honoured
        && let Some(path) = refused.iter().find(|path| reshape::has(&whole, path))
    {
        return Err(errors::template_member_unsupported(path));
    }
    let Value::Object(data) = whole else { return Ok(Data::new()) };
    launch::check_parts(&complete(api::RunInstancesRequest::default(), &data))?;
    Ok(data)
}

/// A version made from another: what is given anew replaces the old as a whole.
pub fn merge(base: Data, over: Data) -> Data {
    let mut data = base;
    data.extend(over);
    data
}

/// The request with what it leaves open taken from a template.
pub fn complete(mut request: api::RunInstancesRequest, data: &Data) -> api::RunInstancesRequest {
    reshape::fill(&mut request, data);
    request
}

pub fn shown(data: &Data) -> api::ResponseLaunchTemplateData {
    let mut shown = api::ResponseLaunchTemplateData::default();
    reshape::fill(&mut shown, data);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_versions_and_references() {
        assert!(check_name("a-b(c).d/e_1".to_owned()).is_ok());
        for bad in ["ab", "a b", "ä-name", &"x".repeat(129)] {
            assert!(check_name(bad.to_owned()).is_err(), "{bad}");
        }
        assert_eq!(Wanted::parse("$Latest").unwrap(), Wanted::Latest);
        assert_eq!(Wanted::parse("3").unwrap(), Wanted::Number(3));
        assert!(Wanted::parse("latest").is_err() && Wanted::parse("-1").is_err());
        let named = |id: Option<&str>, name: Option<&str>| {
            Named::check(id.map(str::to_owned), name.map(str::to_owned)).map_err(|error| error.code())
        };
        assert_eq!(named(None, None), Err("MissingParameter"));
        assert_eq!(named(Some("lt-1"), None), Err("InvalidLaunchTemplateId.Malformed"));
        assert_eq!(named(Some("lt-12345678"), Some("n")), Err("InvalidParameterCombination"));
        assert_eq!(named(None, Some("n")), Ok(Named::Name("n".to_owned())));
    }

    #[test]
    fn a_template_holds_what_a_launch_takes() {
        let empty = api::RequestLaunchTemplateData::default();
        assert_eq!(check_data(&empty).unwrap_err().code(), "MissingParameter");
        let good = api::RequestLaunchTemplateData { key_name: Some("k".to_owned()), ..empty };
        assert_eq!(check_data(&good).unwrap().len(), 1);
        let kernel = api::RequestLaunchTemplateData { kernel_id: Some("aki-1".to_owned()), ..good.clone() };
        assert_eq!(check_data(&kernel).unwrap_err().code(), "UnsupportedOperation");
        let options = api::LaunchTemplateHibernationOptionsRequest { configured: Some(true) };
        let asleep = api::RequestLaunchTemplateData { hibernation_options: Some(options), ..good.clone() };
        assert_eq!(check_data(&asleep).unwrap_err().code(), "UnsupportedHibernationConfiguration");
        let options = api::LaunchTemplateInstanceMetadataOptionsRequest {
            http_put_response_hop_limit: Some(65),
            ..Default::default()
        };
        let far = api::RequestLaunchTemplateData { metadata_options: Some(options), ..good.clone() };
        let credits = api::CreditSpecificationRequest { cpu_credits: "foo".to_owned() };
        let rich = api::RequestLaunchTemplateData { credit_specification: Some(credits), ..good.clone() };
        let tags = api::LaunchTemplateTagSpecificationRequest {
            resource_type: Some("vpc".to_owned()),
            tags: Some(vec![api::Tag { key: Some("a".to_owned()), value: None }]),
        };
        let tagged = api::RequestLaunchTemplateData { tag_specifications: Some(vec![tags]), ..good.clone() };
        assert_eq!(check_data(&rich).unwrap_err().code(), "InvalidCpuCredits.Malformed");
        for bad in [far, tagged] {
            assert_eq!(check_data(&bad).unwrap_err().code(), "InvalidParameterValue");
        }
        let disk = api::RequestLaunchTemplateData { ram_disk_id: Some("ari-1".to_owned()), ..good };
        assert!(check_data(&disk).unwrap_err().message().contains("RamDiskId"));
    }

    #[test]
    fn a_new_version_replaces_what_it_names() {
        let data = |pairs: &[(&str, &str)]| -> Data {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
        };
        let merged = merge(data(&[("ImageId", "a"), ("KeyName", "k")]), data(&[("ImageId", "b")]));
        assert_eq!(merged, data(&[("ImageId", "b"), ("KeyName", "k")]));
        let request = api::RunInstancesRequest { key_name: Some("mine".to_owned()), ..Default::default() };
        let request = complete(request, &merged);
        assert_eq!((request.image_id.as_deref(), request.key_name.as_deref()), (Some("b"), Some("mine")));
    }
}
