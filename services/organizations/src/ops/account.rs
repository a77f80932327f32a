//! Accounts: made, shown, moved, let go, closed.

use api_organizations::{
    Account as Shown, CloseAccountRequest, CreateAccountRequest, CreateAccountResponse, CreateAccountStatus,
    DescribeAccountRequest, DescribeAccountResponse, DescribeCreateAccountStatusRequest,
    DescribeCreateAccountStatusResponse, ListAccountsForParentRequest, ListAccountsForParentResponse,
    ListAccountsRequest, ListAccountsResponse, ListCreateAccountStatusRequest,
    ListCreateAccountStatusResponse, MoveAccountRequest, RemoveAccountFromOrganizationRequest,
};
use kernel::{AccountId, Ctx, Result};
use shape::Timestamp;

use super::page;
use crate::controllers::account::NAME as MAKING;
use crate::errors;
use crate::rules::{account as rules, tags};
use crate::state::organization::{self, Account, Organization, Request, change, edit, managed, mine};

/// AWS's default quota, the management account included.
pub(super) const ACCOUNTS_MAX: usize = 10;
const ROLE: &str = "OrganizationAccountAccessRole";

pub async fn create_account(ctx: &Ctx, input: CreateAccountRequest) -> Result<CreateAccountResponse> {
    managed(ctx).await?;
    rules::check_email(&input.email)?;
    let id = format!("car-{}", ctx.ids().hex(32));
    let account = new_number(ctx)?;
    let (now, request) = (ctx.now(), id.clone());
    let status = change(ctx, move |tx, organization| {
        if organization.accounts.len() >= ACCOUNTS_MAX {
            let message = "You have exceeded the allowed number of AWS accounts.";
            return Err(errors::constraint("ACCOUNT_NUMBER_LIMIT_EXCEEDED", message));
        }
        if organization::is_member(tx, account)? {
            return Err(kernel::Error::internal("a new account's number is taken"));
        }
        let number = account.to_string();
        tags::add(
            organization.tags.entry(number.clone()).or_default(),
            input.tags.as_deref().unwrap_or_default(),
        )?;
        let new = Account {
            name: input.account_name.clone(),
            email: input.email.clone(),
            parent: organization.root.clone(),
            joined_at: now,
            is_closed: false,
            is_ready: false,
            is_invited: false,
        };
        let asked = Request {
            account: number.clone(),
            name: input.account_name.clone(),
            role: input.role_name.clone().unwrap_or_else(|| ROLE.to_owned()),
            requested_at: now,
            completed_at: None,
        };
        let taken = organization.accounts.values().any(|known| known.email.eq_ignore_ascii_case(&new.email));
        if taken {
            // AWS answers the request and tells of the failure in its state.
            organization.tags.remove(&number);
            let failed = Request { account: String::new(), completed_at: Some(now), ..asked };
            let status = status(&request, &failed);
            organization.requests.insert(request.clone(), failed);
            return Ok(status);
        }
        let status = status(&request, &asked);
        organization.accounts.insert(number.clone(), new);
        organization.attach_full(&number);
        organization.requests.insert(request.clone(), asked);
        organization::join(tx, account, organization.management)?;
        Ok(status)
    })
    .await?;
    ctx.nudge(MAKING, &id);
    Ok(CreateAccountResponse { create_account_status: Some(status) })
}

/// Twelve digits of which the first is none.
fn new_number(ctx: &Ctx) -> Result<AccountId> {
    const FIRST: u64 = 100_000_000_000;
    let chance = u64::from_str_radix(&ctx.ids().hex(15), 16).unwrap_or_default();
    (FIRST + chance % (9 * FIRST)).to_string().parse().map_err(kernel::Error::internal)
}

fn status(id: &str, request: &Request) -> CreateAccountStatus {
    let (state, failure) = match (request.completed_at, request.account.is_empty()) {
        (None, _) => ("IN_PROGRESS", None),
        (Some(_), false) => ("SUCCEEDED", None),
        (Some(_), true) => ("FAILED", Some("EMAIL_ALREADY_EXISTS".to_owned())),
    };
    CreateAccountStatus {
        id: Some(id.to_owned()),
        account_name: Some(request.name.clone()),
        state: Some(state.to_owned()),
        requested_timestamp: Some(Timestamp::from_millis(request.requested_at)),
        completed_timestamp: request.completed_at.map(Timestamp::from_millis),
        account_id: (state == "SUCCEEDED").then(|| request.account.clone()),
        gov_cloud_account_id: None,
        failure_reason: failure,
    }
}

pub async fn describe_create_account_status(
    ctx: &Ctx,
    input: DescribeCreateAccountStatusRequest,
) -> Result<DescribeCreateAccountStatusResponse> {
    let organization = managed(ctx).await?;
    let id = &input.create_account_request_id;
    let found = organization.requests.get(id).ok_or_else(errors::no_such_request)?;
    Ok(DescribeCreateAccountStatusResponse { create_account_status: Some(status(id, found)) })
}

pub async fn list_create_account_status(
    ctx: &Ctx,
    input: ListCreateAccountStatusRequest,
) -> Result<ListCreateAccountStatusResponse> {
    let organization = managed(ctx).await?;
    let wanted = input.states.unwrap_or_default();
    let all = organization.requests.iter().map(|(id, request)| (id.clone(), status(id, request)));
    let fits = |status: &CreateAccountStatus| {
        wanted.is_empty() || status.state.as_ref().is_some_and(|state| wanted.contains(state))
    };
    let all = all.filter(|(_, status)| fits(status)).collect();
    let (token, max) = (input.next_token.as_deref(), input.max_results);
    let (found, next_token) = page(ctx, "ListCreateAccountStatus", all, |(id, _)| id, token, max)?;
    let create_account_statuses = Some(found.into_iter().map(|(_, status)| status).collect());
    Ok(ListCreateAccountStatusResponse { create_account_statuses, next_token })
}

fn shown(organization: &Organization, number: &str, account: &Account) -> Shown {
    let (status, state) = match (account.is_closed, account.is_ready) {
        (true, _) => ("SUSPENDED", "CLOSED"),
        (false, true) => ("ACTIVE", "ACTIVE"),
        (false, false) => ("ACTIVE", "PENDING_ACTIVATION"),
    };
    let came_itself = account.is_invited || organization.management.to_string() == number;
    Shown {
        id: Some(number.to_owned()),
        arn: Some(organization.arn(format_args!("account/{}/{number}", organization.id))),
        email: Some(account.email.clone()),
        name: Some(account.name.clone()),
        status: Some(status.to_owned()),
        state: Some(state.to_owned()),
        paths: Some(vec![organization.path(number)]),
        joined_method: Some(if came_itself { "INVITED" } else { "CREATED" }.to_owned()),
        joined_timestamp: Some(Timestamp::from_millis(account.joined_at)),
    }
}

pub async fn describe_account(ctx: &Ctx, input: DescribeAccountRequest) -> Result<DescribeAccountResponse> {
    let organization = managed(ctx).await?;
    let account = organization.accounts.get(&input.account_id).ok_or_else(errors::no_such_account)?;
    Ok(DescribeAccountResponse { account: Some(shown(&organization, &input.account_id, account)) })
}

fn listed(organization: &Organization, parent: Option<&str>) -> Vec<(String, Shown)> {
    let all = organization.accounts.iter();
    let all = all.filter(|(_, account)| parent.is_none_or(|parent| account.parent == parent));
    all.map(|(number, account)| (number.clone(), shown(organization, number, account))).collect()
}

pub async fn list_accounts(ctx: &Ctx, input: ListAccountsRequest) -> Result<ListAccountsResponse> {
    let all = listed(&managed(ctx).await?, None);
    let (token, max) = (input.next_token.as_deref(), input.max_results);
    let (found, next_token) = page(ctx, "ListAccounts", all, |(number, _)| number, token, max)?;
    let accounts = Some(found.into_iter().map(|(_, account)| account).collect());
    Ok(ListAccountsResponse { accounts, next_token })
}

pub async fn list_accounts_for_parent(
    ctx: &Ctx,
    input: ListAccountsForParentRequest,
) -> Result<ListAccountsForParentResponse> {
    let organization = managed(ctx).await?;
    if !organization.is_parent(&input.parent_id) {
        return Err(errors::no_such_parent());
    }
    let all = listed(&organization, Some(&input.parent_id));
    let (token, max) = (input.next_token.as_deref(), input.max_results);
    let (found, next_token) = page(ctx, "ListAccountsForParent", all, |(number, _)| number, token, max)?;
    let accounts = Some(found.into_iter().map(|(_, account)| account).collect());
    Ok(ListAccountsForParentResponse { accounts, next_token })
}

pub async fn move_account(ctx: &Ctx, input: MoveAccountRequest) -> Result<()> {
    change(ctx, move |_, organization| {
        let MoveAccountRequest { account_id, source_parent_id, destination_parent_id } = &input;
        if !organization.is_parent(source_parent_id) {
            return Err(errors::no_such_source());
        }
        if !organization.is_parent(destination_parent_id) {
            return Err(errors::no_such_destination());
        }
        let found = organization.accounts.get_mut(account_id).ok_or_else(errors::no_such_account)?;
        if found.parent == *destination_parent_id {
            return Err(errors::already_there());
        }
        if found.parent != *source_parent_id {
            return Err(errors::no_such_account());
        }
        found.parent.clone_from(destination_parent_id);
        Ok(())
    })
    .await
}

pub async fn close_account(ctx: &Ctx, input: CloseAccountRequest) -> Result<()> {
    change(ctx, move |_, organization| {
        if organization.management.to_string() == input.account_id {
            let message = "You can't close the management account of an organization.";
            return Err(errors::constraint("CANNOT_CLOSE_MANAGEMENT_ACCOUNT", message));
        }
        let found = organization.accounts.get_mut(&input.account_id).ok_or_else(errors::no_such_account)?;
        if !found.is_ready {
            let message = "The account is still being created.";
            return Err(errors::constraint("ACCOUNT_CREATION_NOT_COMPLETE", message));
        }
        if std::mem::replace(&mut found.is_closed, true) {
            return Err(errors::account_already_closed());
        }
        Ok(())
    })
    .await
}

pub async fn remove_account_from_organization(
    ctx: &Ctx,
    input: RemoveAccountFromOrganizationRequest,
) -> Result<()> {
    managed(ctx).await?;
    let management = ctx.account();
    let account = input.account_id.parse().map_err(|_| errors::no_such_account())?;
    edit(ctx, move |tx| take_out(tx, management, account)).await
}

pub async fn leave_organization(ctx: &Ctx, (): ()) -> Result<()> {
    let management = mine(ctx).await?.management;
    let account = ctx.account();
    edit(ctx, move |tx| take_out(tx, management, account)).await
}

fn take_out(tx: &mut kernel::Tx<'_, '_>, management: AccountId, account: AccountId) -> Result<()> {
    let mut organization = organization::find(tx, management)?.ok_or_else(errors::not_in_use)?;
    if account == management {
        return Err(errors::management_cannot_leave());
    }
    let number = account.to_string();
    let found = organization.accounts.get(&number).ok_or_else(errors::no_such_account)?;
    if found.is_closed || !found.is_ready {
        let message = "The account is closed or not complete yet, and cannot leave.";
        return Err(errors::constraint("ACCOUNT_CANNOT_LEAVE_ORGANIZATION", message));
    }
    organization.accounts.remove(&number);
    organization.let_go(&number);
    organization::leave(tx, account)?;
    organization::put(tx, &organization)
}
