//! What tells a scalable target from every other: a resource, and which of its numbers.

use kernel::Result;
use serde::{Deserialize, Serialize};

use super::dimension::{self, Dimension};
use crate::errors;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TargetKey {
    /// `ec2:spot-fleet-request:TargetCapacity`
    pub dimension: String,
    /// `spot-fleet-request/sfr-…`
    pub resource: String,
}

impl TargetKey {
    /// # Errors
    /// When nobody here offers such a number.
    pub fn new(namespace: &str, resource: &str, dimension: &str) -> Result<Self> {
        let key = Self { dimension: dimension.to_owned(), resource: resource.to_owned() };
        match key.find_dimension().filter(|_| key.namespace() == namespace) {
            Some(_) => Ok(key),
            None => Err(errors::unsupported(namespace, resource, dimension)),
        }
    }

    /// What it was written as by [`TargetKey::text`].
    pub fn parse(text: &str) -> Option<Self> {
        let (dimension, resource) = text.split_once('|')?;
        Some(Self { dimension: dimension.to_owned(), resource: resource.to_owned() })
    }

    pub fn text(&self) -> String {
        format!("{}|{}", self.dimension, self.resource)
    }

    pub fn namespace(&self) -> &str {
        self.dimension.split(':').next().unwrap_or_default()
    }

    /// `None` when a service that offered it is not here any more.
    pub fn find_dimension(&self) -> Option<&'static Dimension> {
        dimension::ALL.iter().find(|one| {
            let id = self.resource.strip_prefix(one.resource_type).and_then(|rest| rest.strip_prefix('/'));
            one.name == self.dimension && id.is_some_and(|id| !id.is_empty())
        })
    }

    /// As errors name it.
    pub fn words(&self) -> String {
        let (namespace, resource, dimension) = (self.namespace(), &self.resource, &self.dimension);
        format!("service namespace: {namespace}, resource ID: {resource}, scalable dimension: {dimension}")
    }

    /// Those that a path, without its `resource/`, may be of: it does not say which number.
    pub fn of_path(path: &str) -> impl Iterator<Item = Self> {
        let (namespace, resource) = path.split_once('/').unwrap_or_default();
        let of = |one: &Dimension| Self { dimension: one.name.to_owned(), resource: resource.to_owned() };
        let keys: Vec<Self> = dimension::ALL.iter().map(of).collect();
        keys.into_iter().filter(move |key| key.namespace() == namespace && key.find_dimension().is_some())
    }

    /// As ARNs of policies and scheduled actions have it.
    pub fn path(&self) -> String {
        format!("resource/{}/{}", self.namespace(), self.resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_a_number_that_is_offered() {
        let of = |namespace, resource, dimension| TargetKey::new(namespace, resource, dimension);
        let fleet = of("ec2", "spot-fleet-request/sfr-1", "ec2:spot-fleet-request:TargetCapacity").unwrap();
        assert_eq!(TargetKey::parse(&fleet.text()), Some(fleet.clone()));
        assert_eq!(fleet.path(), "resource/ec2/spot-fleet-request/sfr-1");
        let of_path = |path: &str| TargetKey::of_path(path).collect::<Vec<_>>();
        assert_eq!(of_path("ec2/spot-fleet-request/sfr-1"), [fleet]);
        for bad in ["", "ec2", "ecs/spot-fleet-request/sfr-1", "ec2/service/a"] {
            assert_eq!(of_path(bad), [], "{bad}");
        }
        for (namespace, resource, dimension) in [
            ("ecs", "service/a/b", "ecs:service:DesiredCount"),
            ("ecs", "spot-fleet-request/sfr-1", "ec2:spot-fleet-request:TargetCapacity"),
            ("ec2", "service/a/b", "ec2:spot-fleet-request:TargetCapacity"),
            ("ec2", "spot-fleet-request/", "ec2:spot-fleet-request:TargetCapacity"),
        ] {
            let refused = of(namespace, resource, dimension).unwrap_err();
            assert!(refused.message().contains(dimension) && refused.message().contains(resource));
        }
    }
}
