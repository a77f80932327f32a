//! Dashboards: stored as they are put, once their body is right.

use api_cloudwatch::{
    DashboardEntry, DeleteDashboardsInput, DeleteDashboardsOutput, GetDashboardInput, GetDashboardOutput,
    ListDashboardsInput, ListDashboardsOutput, PutDashboardInput, PutDashboardOutput,
};
use kernel::{Access, Ctx, Result, Scope};
use shape::Timestamp;

use crate::errors;
use crate::rules::dashboard as rules;
use crate::state::dashboard::{self, Dashboard, arn};

const PAGE: usize = 1_000;
/// Dashboards deleted by one call.
const NAMES_MAX: usize = 100;
const OPERATION: &str = "ListDashboards";

pub fn access<'n>(scope: &Scope, names: impl IntoIterator<Item = &'n String>) -> Result<Access> {
    Ok(Access::on_all(names.into_iter().map(|name| arn(scope, name))))
}

pub async fn put_dashboard(ctx: &Ctx, input: PutDashboardInput) -> Result<PutDashboardOutput> {
    let PutDashboardInput { dashboard_name: name, dashboard_body: body, .. } = input;
    rules::check_name(&name)?;
    rules::check_body(&body)?;
    let dashboard = Dashboard { name, body, modified_at: ctx.now() };
    ctx.write(|tx| dashboard::put(ctx, tx, &dashboard)).await?;
    Ok(PutDashboardOutput { dashboard_validation_messages: Some(Vec::new()) })
}

pub async fn get_dashboard(ctx: &Ctx, input: GetDashboardInput) -> Result<GetDashboardOutput> {
    let name = input.dashboard_name;
    let found = ctx.read(|snap| dashboard::find(ctx, snap, &name)).await?;
    let found = found.ok_or_else(|| errors::no_such_dashboard(&name))?;
    Ok(GetDashboardOutput {
        dashboard_arn: Some(arn(ctx.scope(), &name)),
        dashboard_body: Some(found.body),
        dashboard_name: Some(name),
    })
}

pub async fn list_dashboards(ctx: &Ctx, input: ListDashboardsInput) -> Result<ListDashboardsOutput> {
    let after = input.next_token.as_deref().map(|token| {
        let opened = ctx.open_page(OPERATION, token).and_then(|bytes| String::from_utf8(bytes).ok());
        opened.ok_or_else(|| errors::invalid("Request parameter NextToken is invalid"))
    });
    let after = after.transpose()?;
    let rows = ctx.read(|snap| dashboard::list(ctx, snap, after.as_deref(), PAGE)).await?;
    let last = rows.get(PAGE - 1).map(|dashboard| ctx.seal_page(OPERATION, dashboard.name.as_bytes()));
    let prefix = input.dashboard_name_prefix.unwrap_or_default();
    let entry = |dashboard: Dashboard| DashboardEntry {
        dashboard_arn: Some(arn(ctx.scope(), &dashboard.name)),
        last_modified: Some(Timestamp::from_millis(dashboard.modified_at)),
        size: i64::try_from(dashboard.body.len()).ok(),
        dashboard_name: Some(dashboard.name),
    };
    let found = rows.into_iter().filter(|dashboard| dashboard.name.starts_with(&prefix)).map(entry);
    Ok(ListDashboardsOutput { dashboard_entries: Some(found.collect()), next_token: last })
}

pub async fn delete_dashboards(ctx: &Ctx, input: DeleteDashboardsInput) -> Result<DeleteDashboardsOutput> {
    let names = input.dashboard_names;
    if names.is_empty() || names.len() > NAMES_MAX {
        return Err(errors::invalid(format!("DashboardNames must have between 1 and {NAMES_MAX} names.")));
    }
    ctx.write(|tx| {
        for name in &names {
            dashboard::find(ctx, tx, name)?.ok_or_else(|| errors::no_such_dashboard(name))?;
        }
        names.iter().try_for_each(|name| dashboard::delete(ctx, tx, name))
    })
    .await?;
    Ok(DeleteDashboardsOutput::default())
}
