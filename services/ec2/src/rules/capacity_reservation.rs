//! Capacity reservations: what may be reserved, which instances run in which, and what is paid for what nobody uses.

use api_ec2 as api;
use kernel::clock::Millis;
use kernel::meter::Usage;
use kernel::{Result, Scope};
use shape::Timestamp;

use super::instance_type::{self, InstanceType};
use super::{image, instant, region};
use crate::errors;
use crate::state::capacity_reservation::{CapacityReservation, Ended};
use crate::state::id::{CapacityReservationId, Id};
use crate::state::instance::Preference;
use crate::state::tag::Tags;

const PLATFORM: &str = "Linux/UNIX";
/// Instances of one reservation.
const COUNT_MAX: i32 = 1_000;
/// An ended reservation stays visible for so long.
pub const VISIBLE_MS: Millis = 86_400_000;

/// What a request asks to be kept.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub size: &'static InstanceType,
    pub zone: String,
    pub count: u32,
    pub targeted: bool,
    pub ends_at: Option<Millis>,
}

/// # Errors
/// The refusals AWS has for such a request.
pub fn check(
    input: &api::CreateCapacityReservationRequest,
    region_name: &str,
    now: Millis,
) -> Result<Wanted> {
    let name = &input.instance_type;
    let size = instance_type::find(name).ok_or_else(|| errors::instance_type_unknown(name))?;
    if size.architecture != image::architecture() {
        return Err(errors::architecture_mismatch(name, size.architecture, image::architecture()));
    }
    if input.instance_platform != PLATFORM {
        return Err(errors::unsupported(&format!("The platform {}", input.instance_platform)));
    }
    match input.tenancy.as_deref() {
        None | Some("default") => {}
        Some(other) => {
            return Err(errors::unsupported(&format!("A capacity reservation of tenancy {other}")));
        }
    }
    Ok(Wanted {
        size,
        zone: check_zone(input, region_name)?,
        count: check_count(input.instance_count)?,
        targeted: check_criteria(input.instance_match_criteria.as_deref())?.unwrap_or(false),
        ends_at: check_end(input.end_date_type.as_deref(), input.end_date, now)?.unwrap_or(None),
    })
}

fn check_zone(input: &api::CreateCapacityReservationRequest, region_name: &str) -> Result<String> {
    let zones = region::zones(region_name);
    match (&input.availability_zone, &input.availability_zone_id) {
        (Some(zone), _) if zones.iter().any(|known| known.name == *zone) => Ok(zone.clone()),
        (Some(zone), _) => Err(errors::invalid_value(zone, "availabilityZone")),
        (None, Some(id)) => {
            let found = zones
                .into_iter()
                .map(|zone| zone.name)
                .find(|zone| region::zone_id(region_name, zone) == *id);
            found.ok_or_else(|| errors::invalid_value(id, "availabilityZoneId"))
        }
        (None, None) => Err(errors::missing("AvailabilityZone")),
    }
}

/// # Errors
/// `InvalidParameterValue`.
pub fn check_count(count: i32) -> Result<u32> {
    match u32::try_from(count) {
        Ok(counted @ 1..) if count <= COUNT_MAX => Ok(counted),
        _ => Err(errors::invalid_because(count, "instanceCount", "It must be from 1 to 1000.")),
    }
}

/// Whether instances must name it.
///
/// # Errors
/// `InvalidParameterValue`.
pub fn check_criteria(given: Option<&str>) -> Result<Option<bool>> {
    match given {
        None => Ok(None),
        Some("open") => Ok(Some(false)),
        Some("targeted") => Ok(Some(true)),
        Some(other) => Err(errors::invalid_value(other, "instanceMatchCriteria")),
    }
}

/// When it shall end; the outer `None` says nothing about it.
///
/// # Errors
/// When the date and its type do not fit, or it has passed.
pub fn check_end(kind: Option<&str>, date: Option<Timestamp>, now: Millis) -> Result<Option<Option<Millis>>> {
    match (kind, date.map(|date| date.as_millis())) {
        (None, None) => Ok(None),
        (Some("unlimited"), None) => Ok(Some(None)),
        (Some("unlimited"), Some(_)) => {
            Err(errors::combination("You may not specify an EndDate when EndDateType is unlimited."))
        }
        (Some("limited") | None, Some(at)) if at > now => Ok(Some(Some(at))),
        (Some("limited") | None, Some(_)) => {
            Err(errors::invalid_parameter_value("The end date must be in the future."))
        }
        (Some("limited"), None) => Err(errors::missing("EndDate")),
        (Some(other), _) => Err(errors::invalid_value(other, "endDateType")),
    }
}

/// Which reservations a launch wants.
///
/// # Errors
/// When a target is named beside another wish, or cannot be one.
pub fn check_preference(given: Option<api::CapacityReservationSpecification>) -> Result<Preference> {
    let Some(given) = given else { return Ok(Preference::Open) };
    let target = given.capacity_reservation_target.and_then(|target| target.capacity_reservation_id);
    match (given.capacity_reservation_preference.as_deref(), target) {
        (None | Some("open"), None) => Ok(Preference::Open),
        (Some("none"), None) => Ok(Preference::None),
        (Some("capacity-reservations-only"), None) => Ok(Preference::Only),
        (None | Some("capacity-reservations-only"), Some(id)) => Ok(Preference::Targeted(check_id(&id)?)),
        (Some("open" | "none"), Some(_)) => Err(errors::combination(
            "You may not specify both a CapacityReservationPreference of open or none and a CapacityReservationTarget.",
        )),
        (Some(other), _) => Err(errors::invalid_value(other, "capacityReservationPreference")),
    }
}

/// # Errors
/// `InvalidCapacityReservationId.Malformed`.
pub fn check_id(text: &str) -> Result<CapacityReservationId> {
    CapacityReservationId::parse(text).ok_or_else(|| {
        errors::malformed::<CapacityReservationId>("InvalidCapacityReservationId.Malformed", text)
    })
}

/// The reservation an instance of this type in this zone runs in, among those with how many are still unused.
pub fn pick<'a>(
    preference: &Preference,
    (instance_type, zone): (&str, &str),
    reservations: &'a [CapacityReservation],
) -> Option<&'a CapacityReservation> {
    let fits = |one: &&CapacityReservation| {
        one.ended.is_none() && one.unused > 0 && one.instance_type == instance_type && one.zone == zone
    };
    let mut fitting = reservations.iter().filter(fits);
    match preference {
        Preference::None => None,
        Preference::Open | Preference::Only => fitting.find(|one| !one.targeted),
        Preference::Targeted(id) => fitting.find(|one| one.id == *id),
    }
}

/// What was kept and not used since the last change, up to `now`.
pub fn usage(reservation: &CapacityReservation, now: Millis) -> Option<Usage> {
    let seconds = u64::try_from((now - reservation.unused_since) / 1_000).unwrap_or(0);
    (reservation.unused > 0).then(|| Usage {
        service: "ec2".to_owned(),
        usage_type: format!("UnusedBox:{}", reservation.instance_type),
        resource: reservation.id.to_string(),
        start_at: reservation.unused_since,
        end_at: now,
        quantity: seconds * u64::from(reservation.unused),
        unit: "Seconds".to_owned(),
    })
}

pub fn state(reservation: &CapacityReservation) -> &'static str {
    match reservation.ended {
        None => "active",
        Some(Ended::Cancelled) => "cancelled",
        Some(Ended::Expired) => "expired",
    }
}

fn criteria(reservation: &CapacityReservation) -> &'static str {
    if reservation.targeted { "targeted" } else { "open" }
}

pub fn show(
    reservation: &CapacityReservation,
    scope: &Scope,
    tags: Option<&Tags>,
) -> api::CapacityReservation {
    let text = |text: &str| Some(text.to_owned());
    api::CapacityReservation {
        capacity_reservation_id: Some(reservation.id.to_string()),
        owner_id: Some(scope.account.to_string()),
        capacity_reservation_arn: Some(
            scope.arn("ec2", format_args!("capacity-reservation/{}", reservation.id)),
        ),
        availability_zone_id: Some(region::zone_id(scope.region.as_str(), &reservation.zone)),
        availability_zone: Some(reservation.zone.clone()),
        instance_type: Some(reservation.instance_type.clone()),
        instance_platform: Some(reservation.platform.clone()),
        tenancy: text("default"),
        total_instance_count: i32::try_from(reservation.count).ok(),
        available_instance_count: i32::try_from(reservation.unused).ok(),
        ebs_optimized: Some(reservation.ebs_optimized),
        ephemeral_storage: Some(reservation.ephemeral_storage),
        state: text(state(reservation)),
        start_date: Some(Timestamp::from_millis(reservation.created_at)),
        create_date: Some(Timestamp::from_millis(reservation.created_at)),
        end_date: reservation.ended_at.or(reservation.ends_at).map(Timestamp::from_millis),
        end_date_type: text(if reservation.ends_at.is_some() { "limited" } else { "unlimited" }),
        instance_match_criteria: text(criteria(reservation)),
        reservation_type: text("default"),
        tags: tags.and_then(super::tag::shown),
        ..Default::default()
    }
}

pub const FILTERS: &[&str] = &[
    "availability-zone",
    "availability-zone-id",
    "end-date",
    "end-date-type",
    "instance-match-criteria",
    "instance-platform",
    "instance-type",
    "outpost-arn",
    "owner-id",
    "placement-group-arn",
    "start-date",
    "state",
    "tenancy",
];

/// What a reservation has under a filter's name.
pub fn values(reservation: &CapacityReservation, scope: &Scope, name: &str) -> Vec<String> {
    vec![match name {
        "availability-zone" => reservation.zone.clone(),
        "availability-zone-id" => region::zone_id(scope.region.as_str(), &reservation.zone),
        "end-date" => return reservation.ends_at.map(instant::iso_millis).into_iter().collect(),
        "end-date-type" => if reservation.ends_at.is_some() { "limited" } else { "unlimited" }.to_owned(),
        "instance-match-criteria" => criteria(reservation).to_owned(),
        "instance-platform" => reservation.platform.clone(),
        "instance-type" => reservation.instance_type.clone(),
        "owner-id" => scope.account.to_string(),
        "start-date" => instant::iso_millis(reservation.created_at),
        "state" => state(reservation).to_owned(),
        "tenancy" => "default".to_owned(),
        _ => return Vec::new(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reservation(id: &str, unused: u32, targeted: bool) -> CapacityReservation {
        CapacityReservation {
            id: CapacityReservationId::parse(id).unwrap(),
            instance_type: "t3.micro".to_owned(),
            zone: "us-east-1a".to_owned(),
            platform: PLATFORM.to_owned(),
            count: 2,
            targeted,
            ebs_optimized: false,
            ephemeral_storage: false,
            created_at: 0,
            ends_at: None,
            ended: None,
            ended_at: None,
            unused,
            unused_since: 1_000,
        }
    }

    #[test]
    fn an_instance_runs_in_what_it_may() {
        let all = [
            reservation("cr-00000001", 0, false),
            reservation("cr-00000002", 1, true),
            reservation("cr-00000003", 1, false),
        ];
        let place = ("t3.micro", "us-east-1a");
        let picked =
            |preference: &Preference, place| pick(preference, place, &all).map(|one| one.id.to_string());
        assert_eq!(picked(&Preference::Open, place).as_deref(), Some("cr-00000003"));
        assert_eq!(picked(&Preference::Only, place).as_deref(), Some("cr-00000003"));
        assert_eq!(picked(&Preference::None, place), None);
        let target = |id: &str| Preference::Targeted(CapacityReservationId::parse(id).unwrap());
        assert_eq!(picked(&target("cr-00000002"), place).as_deref(), Some("cr-00000002"));
        assert_eq!(picked(&target("cr-00000001"), place), None, "it is full");
        assert_eq!(picked(&Preference::Open, ("t3.small", "us-east-1a")), None);
        assert_eq!(picked(&Preference::Open, ("t3.micro", "us-east-1b")), None);
    }

    #[test]
    fn what_nobody_uses_is_paid_for() {
        assert_eq!(usage(&reservation("cr-00000001", 0, false), 9_000), None);
        let line = usage(&reservation("cr-00000001", 2, false), 11_000).unwrap();
        assert_eq!((line.quantity, line.usage_type.as_str()), (20, "UnusedBox:t3.micro"));
    }

    #[test]
    fn an_end_is_in_the_future_or_never() {
        let at = |at| Some(Timestamp::from_millis(at));
        assert_eq!(check_end(None, None, 5).unwrap(), None);
        assert_eq!(check_end(Some("unlimited"), None, 5).unwrap(), Some(None));
        assert_eq!(check_end(Some("limited"), at(6), 5).unwrap(), Some(Some(6)));
        for (kind, date) in
            [(Some("limited"), None), (Some("limited"), at(5)), (Some("unlimited"), at(6)), (Some("x"), None)]
        {
            assert!(check_end(kind, date, 5).is_err(), "{kind:?}");
        }
    }
}
