//! Route tables.

use std::fmt::Display;

use kernel::Error;

use super::not_found;

pub fn route_table_not_found(id: impl Display) -> Error {
    not_found("InvalidRouteTableID.NotFound", "routeTable", id)
}
