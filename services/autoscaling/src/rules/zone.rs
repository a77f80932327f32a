//! Spreading a group over its zones.

use crate::state::group::Place;
use crate::state::instance::Instance;

/// How many instances each zone has, of those that count.
pub fn counts(zones: &[String], instances: &[&Instance]) -> Vec<(String, usize)> {
    let count = |zone: &String| instances.iter().filter(|one| one.place.zone == *zone).count();
    zones.iter().map(|zone| (zone.clone(), count(zone))).collect()
}

/// Where the next instance goes: the zone with the fewest, there the subnet with the fewest; the first of several.
pub fn next_place(places: &[Place], instances: &[&Instance]) -> Option<Place> {
    let fullness = |place: &&Place| {
        let in_zone = instances.iter().filter(|one| one.place.zone == place.zone).count();
        let in_subnet = instances.iter().filter(|one| one.place == **place).count();
        (in_zone, in_subnet)
    };
    places.iter().min_by_key(fullness).cloned()
}

/// Zones so uneven that one instance should move: from the fullest to the emptiest.
pub fn uneven(counts: &[(String, usize)]) -> Option<(&str, &str)> {
    let fullest = counts.iter().max_by_key(|(_, count)| *count)?;
    let emptiest = counts.iter().min_by_key(|(_, count)| *count)?;
    (fullest.1 > emptiest.1 + 1).then_some((&*fullest.0, &*emptiest.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_uneven_from_a_difference_of_two_on() {
        let of = |a, b| [("a".to_owned(), a), ("b".to_owned(), b)];
        assert_eq!(uneven(&of(2, 1)), None);
        assert_eq!(uneven(&of(3, 1)), Some(("a", "b")));
        assert_eq!(uneven(&of(0, 2)), Some(("b", "a")));
    }
}
