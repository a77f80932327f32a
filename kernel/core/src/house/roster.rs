//! The services of a house, found by name: a call asks for its own some ten times.

use foldhash::HashMap;

use crate::service::Service;

/// In the order of their names.
pub(crate) struct Roster {
    services: Vec<Service>,
    places: HashMap<&'static str, usize>,
}

impl Roster {
    pub(crate) fn new(mut services: Vec<Service>) -> Self {
        services.sort_by_key(|service| service.def.name);
        let names = services.iter().map(|service| service.def.name);
        let places = names.zip(0..).collect();
        Self { services, places }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Service> {
        self.services.get(*self.places.get(name)?)
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Service> {
        self.services.iter()
    }
}
