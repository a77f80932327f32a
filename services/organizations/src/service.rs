//! The contents page: everything Organizations does.

use api_organizations::{SERVICE, op};
use kernel::{Access, Ctx, Plugs, Result, Service, ServiceBuilder};

use crate::controllers::account as making;
use crate::ops::{account, attachment, handshake, organization, policy, tags, tree, unit};
use crate::state::place::{Places, place_of};

/// The service, ready for a house.
pub fn service(_: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.own(Places::default());
    s.memberships(place_of);

    // the organization and its root
    s.op(op::CreateOrganization, organization::create_organization).access(|_, _| any());
    s.op(op::DescribeOrganization, organization::describe_organization).access(|_, _| any());
    s.op(op::DeleteOrganization, organization::delete_organization).access(|_, _| any());
    s.op(op::ListRoots, organization::list_roots).access(|_, _| any());
    s.op(op::EnablePolicyType, organization::enable_policy_type).access(|_, i| of_type(&i.policy_type));
    s.op(op::DisablePolicyType, organization::disable_policy_type).access(|_, i| of_type(&i.policy_type));

    // accounts
    s.op(op::CreateAccount, account::create_account).access(|_, i| making_with(i.tags.as_deref()));
    s.op(op::DescribeCreateAccountStatus, account::describe_create_account_status).access(|_, _| any());
    s.op(op::ListCreateAccountStatus, account::list_create_account_status).access(|_, _| any());
    s.op(op::DescribeAccount, account::describe_account).access(|_, _| any());
    s.op(op::ListAccounts, account::list_accounts).access(|_, _| any());
    s.op(op::ListAccountsForParent, account::list_accounts_for_parent).access(|_, _| any());
    s.op(op::MoveAccount, account::move_account).access(|_, _| any());
    s.op(op::CloseAccount, account::close_account).access(|_, _| any());
    s.op(op::RemoveAccountFromOrganization, account::remove_account_from_organization).access(|_, _| any());
    s.op(op::LeaveOrganization, account::leave_organization).access(|_, _| any());

    // invitations
    s.op(op::InviteAccountToOrganization, handshake::invite_account_to_organization)
        .access(|_, i| making_with(i.tags.as_deref()));
    s.op(op::DescribeHandshake, handshake::describe_handshake).access(|_, _| any());
    s.op(op::ListHandshakesForAccount, handshake::list_handshakes_for_account).access(|_, _| any());
    s.op(op::ListHandshakesForOrganization, handshake::list_handshakes_for_organization).access(|_, _| any());
    s.op(op::AcceptHandshake, handshake::accept_handshake).access(|_, _| any());
    s.op(op::DeclineHandshake, handshake::decline_handshake).access(|_, _| any());
    s.op(op::CancelHandshake, handshake::cancel_handshake).access(|_, _| any());

    // units and the tree
    s.op(op::CreateOrganizationalUnit, unit::create_organizational_unit)
        .access(|_, i| making_with(i.tags.as_deref()));
    s.op(op::DescribeOrganizationalUnit, unit::describe_organizational_unit).access(|_, _| any());
    s.op(op::UpdateOrganizationalUnit, unit::update_organizational_unit).access(|_, _| any());
    s.op(op::DeleteOrganizationalUnit, unit::delete_organizational_unit).access(|_, _| any());
    s.op(op::ListOrganizationalUnitsForParent, unit::list_organizational_units_for_parent)
        .access(|_, _| any());
    s.op(op::ListChildren, tree::list_children).access(|_, _| any());
    s.op(op::ListParents, tree::list_parents).access(|_, _| any());

    // policies
    s.op(op::CreatePolicy, policy::create_policy).access(|_, i| {
        Ok(making_with(i.tags.as_deref())?.condition("organizations:PolicyType", [i.r#type.clone()]))
    });
    s.op(op::DescribePolicy, policy::describe_policy).access(|_, _| any());
    s.op(op::UpdatePolicy, policy::update_policy).access(|_, _| any());
    s.op(op::DeletePolicy, policy::delete_policy).access(|_, _| any());
    s.op(op::ListPolicies, policy::list_policies).access(|_, i| of_type(&i.filter));
    s.op(op::AttachPolicy, attachment::attach_policy).access(|_, _| any());
    s.op(op::DetachPolicy, attachment::detach_policy).access(|_, _| any());
    s.op(op::ListPoliciesForTarget, attachment::list_policies_for_target).access(|_, i| of_type(&i.filter));
    s.op(op::ListTargetsForPolicy, attachment::list_targets_for_policy).access(|_, _| any());

    // tags
    s.op(op::TagResource, tags::tag_resource).access(|_, i| Ok(any()?.request_tags(pairs(&i.tags))));
    s.op(op::UntagResource, tags::untag_resource).access(|_, i| Ok(any()?.tag_keys(&i.tag_keys)));
    s.op(op::ListTagsForResource, tags::list_tags_for_resource).access(|_, _| any());

    s.controller(making::NAME, making::CONCURRENCY, making::SWEEP_EVERY_MS, making::list, making::reconcile);
    s.on_reset(forget);
    s.build()
}

/// A request does not name the organization, which every ARN here bears.
fn any() -> Result<Access> {
    Ok(Access::any())
}

fn of_type(policy_type: &str) -> Result<Access> {
    Ok(any()?.condition("organizations:PolicyType", [policy_type.to_owned()]))
}

fn making_with(tags: Option<&[api_organizations::Tag]>) -> Result<Access> {
    Ok(any()?.request_tags(pairs(tags.unwrap_or_default())).also_to_tag("organizations:TagResource"))
}

fn pairs(tags: &[api_organizations::Tag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))
}

async fn forget(ctx: &Ctx) -> Result<()> {
    ctx.own::<Places>().forget_all();
    Ok(())
}
