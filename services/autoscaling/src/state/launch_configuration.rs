//! A launch configuration as it is stored: it never changes.

use api_autoscaling as api;
use kept::Kept;
use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
pub struct LaunchConfiguration {
    pub asked: Kept<api::CreateLaunchConfigurationType>,
    pub uuid: String,
    pub created_at: Millis,
}

impl LaunchConfiguration {
    pub fn name(&self) -> &str {
        &self.asked.0.launch_configuration_name
    }

    pub fn arn(&self, scope: &Scope) -> String {
        let (uuid, name) = (&self.uuid, self.name());
        scope.arn("autoscaling", format_args!("launchConfiguration:{uuid}:launchConfigurationName/{name}"))
    }
}

static CONFIGURATIONS: Table<LaunchConfiguration> = Table::new("autoscaling/launch-configuration");

pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<LaunchConfiguration>> {
    CONFIGURATIONS.get(from, scope, name)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<LaunchConfiguration>> {
    CONFIGURATIONS.all(from, scope, ())
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &LaunchConfiguration) -> Result<()> {
    CONFIGURATIONS.put(tx, scope, one.name(), one)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, name: &str) -> Result<()> {
    CONFIGURATIONS.delete(tx, scope, name)
}
