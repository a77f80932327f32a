//! Makes accounts ready: each gets a role that its management account may take on.

use api_iam::{AttachRolePolicyRequest, CreateRoleRequest, op};
use kernel::{AccountId, Ctx, Error, Millis, Next, Result, Scope};

use crate::state::organization::{self, Organization, home_of};
use crate::state::place::Places;

pub const NAME: &str = "organizations-accounts";
pub const CONCURRENCY: usize = 2;
pub const SWEEP_EVERY_MS: Millis = 60_000;
/// Organizations looked at by one sweep.
const LISTED_MAX: usize = 1_000;

/// Requests that go on, under their management accounts.
pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let pending = |organization: &Organization| {
        let home = Scope { account: organization.management, ..home_of(organization.management) };
        let open = organization.requests.iter().filter(|(_, request)| request.completed_at.is_none());
        open.map(|(id, _)| (home, id.clone())).collect::<Vec<_>>()
    };
    Ok(organization::all(ctx, LISTED_MAX).await?.iter().flat_map(pending).collect())
}

pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let Some(found) = ctx.read(|snap| organization::find(snap, ctx.account())).await? else {
        return Ok(Next::Done);
    };
    let Some(request) = found.requests.get(&id).filter(|request| request.completed_at.is_none()) else {
        return Ok(Next::Done);
    };
    let account: AccountId = request.account.parse().map_err(Error::internal)?;
    ensure_role(&ctx.in_scope(home_of(account)), found.management, &request.role).await?;
    let (now, management) = (ctx.now(), found.management);
    ctx.write(|tx| {
        let Some(mut organization) = organization::find(tx, management)? else { return Ok(()) };
        if let Some(request) = organization.requests.get_mut(&id) {
            request.completed_at = Some(now);
        }
        if let Some(account) = organization.accounts.get_mut(&account.to_string()) {
            account.is_ready = true;
        }
        organization::put(tx, &organization)
    })
    .await?;
    ctx.own::<Places>().forget_all();
    Ok(Next::Done)
}

async fn ensure_role(ctx: &Ctx, management: AccountId, role: &str) -> Result<()> {
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{management}:root"}},"Action":"sts:AssumeRole"}}]}}"#
    );
    let new = CreateRoleRequest {
        role_name: role.to_owned(),
        assume_role_policy_document: trust,
        ..Default::default()
    };
    match ctx.call_as_service(op::CreateRole, new).await {
        Ok(_) => {}
        // Made before a restart.
        Err(error) if error.query_code() == "EntityAlreadyExists" => {}
        Err(error) => return Err(error),
    }
    let policy_arn = "arn:aws:iam::aws:policy/AdministratorAccess".to_owned();
    let attach = AttachRolePolicyRequest { role_name: role.to_owned(), policy_arn };
    ctx.call_as_service(op::AttachRolePolicy, attach).await
}
