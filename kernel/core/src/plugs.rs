//! What the binary hands to services that they cannot make themselves: engines, and settings by name.

use std::any::{Any, TypeId, type_name};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use shape::{OpDef, ServiceDef, Struct};

use crate::error::Result;

/// Reads a JSON document into the input of an operation, by the members' names as SDKs write them, checked like one that
/// comes over the wire.
pub type ReadInput = Arc<dyn Fn(&ServiceDef, &OpDef, &[u8], &mut dyn Struct) -> Result<()> + Send + Sync>;

/// Engines by type, settings by name. Every `service(&Plugs)` takes what it needs.
#[derive(Default)]
pub struct Plugs {
    engines: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
    settings: BTreeMap<&'static str, String>,
}

impl Plugs {
    /// Adds an engine: an `Arc<dyn …>`, found again by that very type.
    #[must_use]
    pub fn with<T: Any + Send + Sync>(mut self, engine: T) -> Self {
        self.engines.insert(TypeId::of::<T>(), Box::new(engine));
        self
    }

    /// Adds a setting, named `<service>.<what>`.
    #[must_use]
    pub fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.insert(name, value.into());
        self
    }

    /// The engine of this type.
    ///
    /// Panics when there is none: that is a mistake in the binary.
    pub fn get<T: Any + Clone>(&self) -> T {
        self.find().unwrap_or_else(|| panic!("nobody plugged in a {}", type_name::<T>()))
    }

    /// The engine of this type, where there is one.
    pub fn find<T: Any + Clone>(&self) -> Option<T> {
        self.engines.get(&TypeId::of::<T>())?.downcast_ref::<T>().cloned()
    }

    /// The setting of this name, where it was given.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }
}
