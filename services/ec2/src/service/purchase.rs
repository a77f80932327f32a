//! Of the contents: where instances are, and ways to buy what runs.

use api_ec2 as api;
use kernel::{Access, ServiceBuilder};

use super::{USAGE_EVERY_MS, any, on};
use crate::ops;
use crate::ops::instance::access_to;

/// Where instances are, and beside whom.
pub(super) fn placement(s: &mut ServiceBuilder) {
    use ops::{host, placement, placement_group as group};

    s.op(api::op::CreatePlacementGroup, group::create_placement_group)
        .access(|s, i| group::access(s, i.group_name.as_deref()));
    s.op(api::op::DeletePlacementGroup, group::delete_placement_group)
        .access(|s, i| group::access(s, Some(&i.group_name)));
    s.op(api::op::DescribePlacementGroups, group::describe_placement_groups).access(any);
    s.op(api::op::ModifyInstancePlacement, placement::modify_instance_placement)
        .access(|s, i| access_to(s, [&i.instance_id]));

    s.op(api::op::AllocateHosts, host::allocate_hosts).access(|s, _| on(s, "dedicated-host", None));
    s.op(api::op::ReleaseHosts, host::release_hosts).access(|s, i| host::access(s, &i.host_ids));
    s.op(api::op::ModifyHosts, host::modify_hosts).access(|s, i| host::access(s, &i.host_ids));
    s.op(api::op::DescribeHosts, host::describe_hosts).access(any);
    s.sweep("ec2/host-usage", USAGE_EVERY_MS, host::keep_books);
}

/// Ways to buy what runs.
pub(super) fn purchase(s: &mut ServiceBuilder) {
    use crate::controllers::{fleet as fleets, spot as market};
    use crate::state::capacity_reservation::EXPIRE;
    use ops::{
        capacity_reservation as capacity, fleet, fleet_instance, reserved_instances as reserved, spot,
        spot_fleet, spot_price,
    };

    // What a request would launch comes out by looking: it asks the gate itself.
    s.op(api::op::RequestSpotInstances, spot::request_spot_instances).access(|_, _| Ok(Access::free()));
    s.op(api::op::DescribeSpotInstanceRequests, spot::describe_spot_instance_requests).access(any);
    s.op(api::op::CancelSpotInstanceRequests, spot::cancel_spot_instance_requests).access(|s, i| {
        let ids = i.spot_instance_request_ids.iter();
        Ok(Access::on_all(ids.map(|id| s.arn("ec2", format_args!("spot-instances-request/{id}")))))
    });
    s.op(api::op::DescribeSpotPriceHistory, spot_price::describe_spot_price_history).access(any);
    s.controller(
        market::CONTROLLER,
        market::CONCURRENCY,
        market::SWEEP_EVERY_MS,
        market::list,
        market::reconcile,
    );
    s.sweep("ec2/spot-market", market::MARKET_EVERY_MS, market::market);
    s.timer(spot::INTERRUPT, market::interrupt);

    // What a fleet would launch comes out by looking.
    s.op(api::op::CreateFleet, fleet::create_fleet).access(|s, _| on(s, "fleet", None));
    s.op(api::op::DescribeFleets, fleet::describe_fleets).access(any);
    s.op(api::op::DescribeFleetInstances, fleet_instance::describe_fleet_instances).access(any);
    s.op(api::op::ModifyFleet, ops::fleet_update::modify_fleet)
        .access(|s, i| fleet::access(s, std::slice::from_ref(&i.fleet_id)));
    s.op(api::op::DeleteFleets, fleet::delete_fleets).access(|s, i| fleet::access(s, &i.fleet_ids));
    s.controller(
        fleets::CONTROLLER,
        fleets::CONCURRENCY,
        fleets::SWEEP_EVERY_MS,
        fleets::list,
        fleets::reconcile,
    );

    s.op(api::op::RequestSpotFleet, spot_fleet::request_spot_fleet)
        .access(|s, _| on(s, "spot-fleet-request", None));
    s.op(api::op::DescribeSpotFleetRequests, spot_fleet::describe_spot_fleet_requests).access(any);
    s.op(api::op::DescribeSpotFleetInstances, spot_fleet::describe_spot_fleet_instances)
        .access(|s, i| spot_fleet::access(s, std::slice::from_ref(&i.spot_fleet_request_id)));
    s.op(api::op::DescribeSpotFleetRequestHistory, spot_fleet::describe_spot_fleet_request_history)
        .access(|s, i| spot_fleet::access(s, std::slice::from_ref(&i.spot_fleet_request_id)));
    s.op(api::op::ModifySpotFleetRequest, spot_fleet::modify_spot_fleet_request)
        .access(|s, i| spot_fleet::access(s, std::slice::from_ref(&i.spot_fleet_request_id)));
    s.op(api::op::CancelSpotFleetRequests, spot_fleet::cancel_spot_fleet_requests)
        .access(|s, i| spot_fleet::access(s, &i.spot_fleet_request_ids));

    s.op(api::op::CreateCapacityReservation, capacity::create_capacity_reservation)
        .access(capacity::create_access);
    s.op(api::op::ModifyCapacityReservation, capacity::modify_capacity_reservation)
        .access(|s, i| on(s, "capacity-reservation", Some(&i.capacity_reservation_id)));
    s.op(api::op::CancelCapacityReservation, capacity::cancel_capacity_reservation)
        .access(|s, i| on(s, "capacity-reservation", Some(&i.capacity_reservation_id)));
    s.op(api::op::DescribeCapacityReservations, capacity::describe_capacity_reservations).access(any);
    s.op(api::op::GetCapacityReservationUsage, capacity::get_capacity_reservation_usage)
        .access(|s, i| on(s, "capacity-reservation", Some(&i.capacity_reservation_id)));
    s.op(
        api::op::ModifyInstanceCapacityReservationAttributes,
        capacity::modify_instance_capacity_reservation_attributes,
    )
    .access(|s, i| access_to(s, [&i.instance_id]));
    s.timer(EXPIRE, capacity::expire);
    s.sweep("ec2/capacity-usage", USAGE_EVERY_MS, capacity::keep_books);

    s.op(api::op::DescribeReservedInstancesOfferings, reserved::describe_reserved_instances_offerings)
        .access(any);
    s.op(api::op::PurchaseReservedInstancesOffering, reserved::purchase_reserved_instances_offering)
        .access(any);
    s.op(api::op::DescribeReservedInstances, reserved::describe_reserved_instances).access(any);
    s.op(api::op::ModifyReservedInstances, reserved::modify_reserved_instances).access(any);
    s.op(
        api::op::DescribeReservedInstancesModifications,
        reserved::describe_reserved_instances_modifications,
    )
    .access(any);
    s.sweep("ec2/reserved-usage", USAGE_EVERY_MS, reserved::keep_books);
}
