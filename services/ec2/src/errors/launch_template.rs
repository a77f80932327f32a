//! Launch templates and their versions.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::{combination, invalid_parameter_value};

pub fn template_id_malformed(text: &str) -> Error {
    let message = format!("The specified launch template ID, {text}, is not valid.");
    Error::new(Kind::Invalid, "InvalidLaunchTemplateId.Malformed", message)
}

pub fn template_not_found(id: impl Display) -> Error {
    let message = format!("The specified launch template, with template ID {id}, does not exist.");
    Error::new(Kind::NotFound, "InvalidLaunchTemplateId.NotFound", message)
}

pub fn template_name_not_found(name: &str) -> Error {
    let message = format!("The specified launch template, with template name {name}, does not exist.");
    Error::new(Kind::NotFound, "InvalidLaunchTemplateName.NotFoundException", message)
}

pub fn template_name_taken() -> Error {
    let message = "Launch template name already in use.";
    Error::new(Kind::Conflict, "InvalidLaunchTemplateName.AlreadyExistsException", message)
}

pub fn template_name_malformed(name: &str) -> Error {
    let message = format!(
        "Launch template name '{name}' is not valid: it has 3 to 128 of letters, digits and - ( ) . / _"
    );
    Error::new(Kind::Invalid, "InvalidLaunchTemplateName.MalformedException", message)
}

pub fn template_version_not_found(version: impl Display, id: impl Display) -> Error {
    let message =
        format!("Could not find the specified version {version} for the launch template with ID {id}.");
    Error::new(Kind::NotFound, "InvalidLaunchTemplateId.VersionNotFound", message)
}

pub fn template_unnamed() -> Error {
    let message = "You must specify either a launch template ID or a launch template name.";
    Error::new(Kind::Invalid, "MissingParameter", message)
}

pub fn template_named_twice() -> Error {
    combination("Only one of LaunchTemplateId and LaunchTemplateName can be specified.")
}

pub fn template_data_empty() -> Error {
    let message = "The request must contain the parameter LaunchTemplateData";
    Error::new(Kind::Invalid, "MissingParameter", message)
}

pub fn template_version_malformed(version: &str) -> Error {
    invalid_parameter_value(format!(
        "Invalid launch template version '{version}': it is a number, $Latest or $Default."
    ))
}

pub fn template_description_long(limit: usize) -> Error {
    invalid_parameter_value(format!("A version description has at most {limit} characters."))
}

/// The numbers asked for beside a range, or in all templates.
pub fn template_versions_unclear(why: &str) -> Error {
    combination(why)
}

pub fn template_limit() -> Error {
    let message = "You have reached the limit of launch templates in this region.";
    Error::new(Kind::Limit, "MaxTemplateLimitExceeded", message)
}

pub fn template_version_limit() -> Error {
    let message = "You have reached the limit of versions of this launch template.";
    Error::new(Kind::Limit, "MaxTemplateVersionLimitExceeded", message)
}

/// A part of a template that a launch would refuse: told when it is written.
pub fn template_member_unsupported(path: &str) -> Error {
    let message = format!("The parameter LaunchTemplateData.{path} is not supported.");
    Error::new(Kind::Unsupported, "UnsupportedOperation", message).status_is(400)
}
