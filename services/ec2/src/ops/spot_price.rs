//! The history of spot prices.

use api_ec2 as api;
use kernel::{Ctx, Result};
use shape::Timestamp;

use super::page::{self, check_dry_run};
use crate::controllers::spot::note_price;
use crate::errors;
use crate::rules::filter::Filters;
use crate::rules::instance_type::{self, InstanceType};
use crate::rules::region::{self, Zone};
use crate::rules::spot_view::PRODUCT;
use crate::rules::{image, instant};
use crate::state::spot::{self, Point};
use crate::state::tag::Tags;
use price::{Dollars, spot_price};

const FILTERS: &[&str] = &[
    "availability-zone",
    "availability-zone-id",
    "instance-type",
    "product-description",
    "spot-price",
    "timestamp",
];
/// Products whose instances this cloud runs.
const PRODUCTS: [&str; 2] = [PRODUCT, "Linux/UNIX (Amazon VPC)"];
const OPERATION: &str = "DescribeSpotPriceHistory";
/// Rows of one answer where none are asked for.
const ROWS_MAX: i32 = 1_000;

struct Row {
    size: &'static InstanceType,
    zone: Zone,
    at: i64,
    price: Dollars,
}

pub async fn describe_spot_price_history(
    ctx: &Ctx,
    input: api::DescribeSpotPriceHistoryRequest,
) -> Result<api::DescribeSpotPriceHistoryResult> {
    let filters = Filters::check(input.filters, FILTERS)?;
    // Zero is as much as one answer holds, and so is nothing.
    let rows = input.max_results.filter(|max| *max != 0).unwrap_or(ROWS_MAX);
    let page = page::open(ctx, OPERATION, Some(rows), input.next_token)?;
    let sizes = check_types(input.instance_types)?;
    let mut zones = region::zones(ctx.region().as_str());
    if let Some(wanted) = &input.availability_zone {
        zones.retain(|zone| zone.name == *wanted);
        if zones.is_empty() {
            return Err(errors::invalid_value(wanted, "availabilityZone"));
        }
    }
    if let Some(wanted) = &input.availability_zone_id {
        zones.retain(|zone| zone.id == *wanted);
    }
    check_dry_run(input.dry_run)?;
    // The price of this moment is told as well.
    note_price(ctx).await?;
    let now = ctx.now();
    let course = ctx.read(|snap| spot::course(snap)).await?;
    let start = input.start_time.map_or(i64::MIN, |at| at.as_millis());
    let end = input.end_time.map_or(now, |at| at.as_millis());
    let points = within(&course, start, end);
    let mut rows = Vec::new();
    let wanted = input.product_descriptions.unwrap_or_default();
    if wanted.is_empty() || wanted.iter().any(|name| PRODUCTS.contains(&name.as_str())) {
        for size in sizes {
            for zone in &zones {
                let row = |point: &Point| Row {
                    size,
                    zone: zone.clone(),
                    at: point.at,
                    price: spot_price(size.price, point.level),
                };
                rows.extend(points.iter().map(row));
            }
        }
    }
    rows.retain(|row| filters.accept(&Tags::new(), |name| values(row, name)));
    // The latest first, within a type and zone.
    let key = |row: &Row| format!("{} {} {:020}", row.size.name, row.zone.name, i64::MAX - row.at);
    let (rows, last) = page.cut(rows, key);
    Ok(api::DescribeSpotPriceHistoryResult {
        spot_price_history: Some(rows.iter().map(show).collect()),
        next_token: Some(page::seal(ctx, OPERATION, last).unwrap_or_default()),
    })
}

/// Types this host could run.
fn check_types(names: Option<Vec<String>>) -> Result<Vec<&'static InstanceType>> {
    let find = |name: &String| instance_type::find(name).ok_or_else(|| errors::instance_type_unknown(name));
    match names.filter(|names| !names.is_empty()) {
        Some(names) => names.iter().map(find).collect(),
        None => {
            let all = instance_type::all().iter();
            Ok(all.filter(|size| size.architecture == image::architecture()).collect())
        }
    }
}

/// The points of a time, and the one that held when it began.
fn within(course: &[Point], start: i64, end: i64) -> Vec<Point> {
    let before = course.iter().rfind(|point| point.at <= start);
    let during = course.iter().filter(|point| point.at > start && point.at <= end);
    before.filter(|point| point.at <= end).into_iter().chain(during).copied().collect()
}

fn show(row: &Row) -> api::SpotPrice {
    api::SpotPrice {
        availability_zone: Some(row.zone.name.clone()),
        availability_zone_id: Some(row.zone.id.clone()),
        instance_type: Some(row.size.name.to_owned()),
        product_description: Some(PRODUCT.to_owned()),
        spot_price: Some(row.price.to_string()),
        timestamp: Some(Timestamp::from_millis(row.at)),
    }
}

fn values(row: &Row, name: &str) -> Vec<String> {
    vec![match name {
        "availability-zone" => row.zone.name.clone(),
        "availability-zone-id" => row.zone.id.clone(),
        "instance-type" => row.size.name.to_owned(),
        "product-description" => PRODUCT.to_owned(),
        "spot-price" => row.price.to_string(),
        "timestamp" => instant::iso(row.at),
        _ => return Vec::new(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_begins_with_the_price_that_held_then() {
        let course = [10, 20, 30].map(|at| Point { at, level: 30 });
        let at = |start, end| within(&course, start, end).iter().map(|point| point.at).collect::<Vec<_>>();
        assert_eq!(at(i64::MIN, 100), [10, 20, 30]);
        assert_eq!(at(25, 100), [20, 30]);
        assert_eq!(at(20, 20), [20]);
        assert_eq!(at(12, 15), [10]);
        assert_eq!(at(1, 5), [] as [i64; 0]);
    }
}
