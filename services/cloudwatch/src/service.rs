//! The contents page: everything CloudWatch does.

use api_cloudwatch::{SERVICE, op};
use kernel::{Access, Ctx, Plugs, Result, Service, ServiceBuilder};

use crate::controllers::block;
use crate::ops::{metric, metric_data, metric_statistics};
use crate::state::series::{AllSeries, load};

/// The service, ready for a house.
pub fn service(_: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.own(AllSeries::default());

    // metrics
    s.op(op::PutMetricData, metric::put_metric_data).access(metric::put_access);
    s.op(op::ListMetrics, metric::list_metrics).access(|_, _| any());
    s.op(op::GetMetricStatistics, metric_statistics::get_metric_statistics).access(|_, _| any());
    s.op(op::GetMetricData, metric_data::get_metric_data).access(|_, _| any());

    s.controller(block::NAME, block::CONCURRENCY, block::SWEEP_EVERY_MS, block::list, block::reconcile);
    s.on_open(load);
    s.on_reset(forget);
    s.build()
}

/// Metrics have no ARN: leave is given for all or none.
fn any() -> Result<Access> {
    Ok(Access::any())
}

async fn forget(ctx: &Ctx) -> Result<()> {
    ctx.own::<AllSeries>().forget_all();
    Ok(())
}
