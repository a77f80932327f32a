//! The contents page: everything IAM does.

use std::sync::Arc;

use api_iam::{SERVICE, op};
use kernel::{Ctx, Plugs, Result, Sealer, Service, ServiceBuilder};

use crate::ops::{
    access_key, access_report, account, attachment, authorization_details, boundary, credential_report,
    foreign_credential, group, inline_policy, instance_profile, linked_role, login_profile, mfa_device,
    oidc_provider, password_policy, policy, policy_version, role, saml_provider, server_certificate,
    simulation, tags, user,
};
use crate::rules::access;
use crate::state::directory::{Directory, UserKeys};
use crate::state::keeper::{self, Keeper};
use crate::state::last_used::{self, LastUsed};
use crate::state::seal::Seal;

/// Who tells which certificates its resources use, and how.
const BALANCERS: &str = "aws.elasticloadbalancing";
const CERTIFICATES: &str = "Load Balancer Certificates";

/// The service, ready for a house. It needs a [`Sealer`] for secrets.
pub fn service(plugs: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.own(Seal(plugs.get::<Arc<dyn Sealer>>()));
    s.own(Directory::default());
    let last_used = LastUsed::default();
    s.own(last_used.clone());
    s.notices_calls(move |call| last_used.note(call));
    identities(&mut s);
    policies(&mut s);
    rest(&mut s);
    s.sweep("iam-last-used", last_used::WRITE_EVERY_MS, last_used::write);
    s.on_close(last_used::write);
    s.on_reset(forget);
    s.issues_credentials(|ctx| Box::new(UserKeys(ctx)));
    s.keeps_identities(|ctx| Box::new(Keeper(ctx)));
    s.keeps_certificates(server_certificate::keyed);
    s.subscribe("iam/certificate-in-use", Some(BALANCERS), Some(CERTIFICATES), server_certificate::used);
    s.attached(keeper::attached);
    s.resource_facts(tags::facts_of);
    s.build()
}

async fn forget(ctx: &Ctx) -> Result<()> {
    ctx.own::<Directory>().forget_all();
    ctx.own::<LastUsed>().forget_all();
    Ok(())
}

/// Who there is.
fn identities(s: &mut ServiceBuilder) {
    // users
    s.op(op::CreateUser, user::create_user).access(|scope, i| {
        access::making(
            access::with_boundary(access::user(scope, &i.user_name), i.permissions_boundary.as_deref()),
            i.tags.as_deref(),
            "iam:TagUser",
        )
    });
    s.op(op::DeleteUser, user::delete_user).access(|scope, i| access::user(scope, &i.user_name));
    s.op(op::GetUser, user::get_user).access(|scope, i| access::user_or_self(scope, i.user_name.as_deref()));
    s.op(op::ListUsers, user::list_users).access(|_, _| access::any());
    s.op(op::UpdateUser, user::update_user).access(|scope, i| access::user(scope, &i.user_name));
    // passwords
    s.op(op::ChangePassword, login_profile::change_password).access(|_, _| access::any());
    s.op(op::CreateLoginProfile, login_profile::create_login_profile)
        .access(|scope, i| access::user_or_self(scope, i.user_name.as_deref()));
    s.op(op::DeleteLoginProfile, login_profile::delete_login_profile)
        .access(|scope, i| access::user_or_self(scope, i.user_name.as_deref()));
    s.op(op::GetLoginProfile, login_profile::get_login_profile)
        .access(|scope, i| access::user_or_self(scope, i.user_name.as_deref()));
    s.op(op::UpdateLoginProfile, login_profile::update_login_profile)
        .access(|scope, i| access::user(scope, &i.user_name));
    // access keys
    s.op(op::CreateAccessKey, access_key::create_access_key)
        .access(|scope, i| access::user_or_self(scope, i.user_name.as_deref()));
    s.op(op::DeleteAccessKey, access_key::delete_access_key)
        .access(|scope, i| access::user_or_self(scope, i.user_name.as_deref()));
    s.op(op::GetAccessKeyLastUsed, access_key::get_access_key_last_used).access(|_, _| access::any());
    s.op(op::ListAccessKeys, access_key::list_access_keys)
        .access(|scope, i| access::user_or_self(scope, i.user_name.as_deref()));
    s.op(op::UpdateAccessKey, access_key::update_access_key)
        .access(|scope, i| access::user_or_self(scope, i.user_name.as_deref()));
    // credentials for services that are not here
    s.op(op::ListSSHPublicKeys, foreign_credential::list_ssh_public_keys)
        .access(|scope, i| access::user_or_self(scope, i.user_name.as_deref()));
    s.op(op::ListSigningCertificates, foreign_credential::list_signing_certificates)
        .access(|scope, i| access::user_or_self(scope, i.user_name.as_deref()));
    s.op(op::ListServiceSpecificCredentials, foreign_credential::list_service_specific_credentials)
        .access(|scope, i| access::user_or_self(scope, i.user_name.as_deref()));
    // MFA devices
    s.op(op::CreateVirtualMFADevice, mfa_device::create_virtual_mfa_device).access(|scope, i| {
        access::making(
            access::mfa_device(scope, i.path.as_deref(), &i.virtual_mfa_device_name),
            i.tags.as_deref(),
            "iam:TagMFADevice",
        )
    });
    s.op(op::DeactivateMFADevice, mfa_device::deactivate_mfa_device)
        .access(|scope, i| access::user_or_self(scope, i.user_name.as_deref()));
    s.op(op::DeleteVirtualMFADevice, mfa_device::delete_virtual_mfa_device)
        .access(|_, i| access::by_arn(&i.serial_number));
    s.op(op::EnableMFADevice, mfa_device::enable_mfa_device)
        .access(|scope, i| access::user(scope, &i.user_name));
    s.op(op::GetMFADevice, mfa_device::get_mfa_device).access(|_, i| access::by_arn(&i.serial_number));
    s.op(op::ListMFADevices, mfa_device::list_mfa_devices)
        .access(|scope, i| access::user_or_self(scope, i.user_name.as_deref()));
    s.op(op::ListVirtualMFADevices, mfa_device::list_virtual_mfa_devices).access(|_, _| access::any());
    s.op(op::ResyncMFADevice, mfa_device::resync_mfa_device)
        .access(|scope, i| access::user(scope, &i.user_name));
    // groups
    s.op(op::AddUserToGroup, group::add_user_to_group).access(|scope, i| access::group(scope, &i.group_name));
    s.op(op::CreateGroup, group::create_group).access(|scope, i| access::group(scope, &i.group_name));
    s.op(op::DeleteGroup, group::delete_group).access(|scope, i| access::group(scope, &i.group_name));
    s.op(op::GetGroup, group::get_group).access(|scope, i| access::group(scope, &i.group_name));
    s.op(op::ListGroups, group::list_groups).access(|_, _| access::any());
    s.op(op::ListGroupsForUser, group::list_groups_for_user)
        .access(|scope, i| access::user(scope, &i.user_name));
    s.op(op::RemoveUserFromGroup, group::remove_user_from_group)
        .access(|scope, i| access::group(scope, &i.group_name));
    s.op(op::UpdateGroup, group::update_group).access(|scope, i| access::group(scope, &i.group_name));
    // roles
    s.op(op::CreateRole, role::create_role).access(|scope, i| {
        access::making(
            access::with_boundary(access::role(scope, &i.role_name), i.permissions_boundary.as_deref()),
            i.tags.as_deref(),
            "iam:TagRole",
        )
    });
    s.op(op::DeleteRole, role::delete_role).access(|scope, i| access::role(scope, &i.role_name));
    s.op(op::GetRole, role::get_role).access(|scope, i| access::role(scope, &i.role_name));
    s.op(op::ListRoles, role::list_roles).access(|_, _| access::any());
    s.op(op::UpdateAssumeRolePolicy, role::update_assume_role_policy)
        .access(|scope, i| access::role(scope, &i.role_name));
    s.op(op::UpdateRole, role::update_role).access(|scope, i| access::role(scope, &i.role_name));
    s.op(op::UpdateRoleDescription, role::update_role_description)
        .access(|scope, i| access::role(scope, &i.role_name));
    // roles of services
    s.op(op::CreateServiceLinkedRole, linked_role::create_service_linked_role)
        .access(|scope, i| access::linked_role(scope, &i.aws_service_name));
    s.op(op::DeleteServiceLinkedRole, linked_role::delete_service_linked_role)
        .access(|scope, i| access::role(scope, &i.role_name));
    s.op(op::GetServiceLinkedRoleDeletionStatus, linked_role::get_service_linked_role_deletion_status)
        .access(|_, _| access::any());
    // instance profiles
    s.op(op::AddRoleToInstanceProfile, instance_profile::add_role_to_instance_profile)
        .access(|scope, i| access::profile(scope, &i.instance_profile_name));
    s.op(op::CreateInstanceProfile, instance_profile::create_instance_profile).access(|scope, i| {
        access::making(
            access::profile(scope, &i.instance_profile_name),
            i.tags.as_deref(),
            "iam:TagInstanceProfile",
        )
    });
    s.op(op::DeleteInstanceProfile, instance_profile::delete_instance_profile)
        .access(|scope, i| access::profile(scope, &i.instance_profile_name));
    s.op(op::GetInstanceProfile, instance_profile::get_instance_profile)
        .access(|scope, i| access::profile(scope, &i.instance_profile_name));
    s.op(op::ListInstanceProfiles, instance_profile::list_instance_profiles).access(|_, _| access::any());
    s.op(op::ListInstanceProfilesForRole, instance_profile::list_instance_profiles_for_role)
        .access(|scope, i| access::role(scope, &i.role_name));
    s.op(op::RemoveRoleFromInstanceProfile, instance_profile::remove_role_from_instance_profile)
        .access(|scope, i| access::profile(scope, &i.instance_profile_name));
}

/// What they may do.
fn policies(s: &mut ServiceBuilder) {
    // managed policies
    s.op(op::CreatePolicy, policy::create_policy).access(|scope, i| {
        access::making(
            access::new_policy(scope, i.path.as_deref(), &i.policy_name),
            i.tags.as_deref(),
            "iam:TagPolicy",
        )
    });
    s.op(op::DeletePolicy, policy::delete_policy).access(|_, i| access::by_arn(&i.policy_arn));
    s.op(op::GetPolicy, policy::get_policy).access(|_, i| access::by_arn(&i.policy_arn));
    s.op(op::ListPolicies, policy::list_policies).access(|_, _| access::any());
    // their versions
    s.op(op::CreatePolicyVersion, policy_version::create_policy_version)
        .access(|_, i| access::by_arn(&i.policy_arn));
    s.op(op::DeletePolicyVersion, policy_version::delete_policy_version)
        .access(|_, i| access::by_arn(&i.policy_arn));
    s.op(op::GetPolicyVersion, policy_version::get_policy_version)
        .access(|_, i| access::by_arn(&i.policy_arn));
    s.op(op::ListPolicyVersions, policy_version::list_policy_versions)
        .access(|_, i| access::by_arn(&i.policy_arn));
    s.op(op::SetDefaultPolicyVersion, policy_version::set_default_policy_version)
        .access(|_, i| access::by_arn(&i.policy_arn));
    // who has which
    s.op(op::AttachGroupPolicy, attachment::attach_group_policy)
        .access(|scope, i| access::with_policy(access::group(scope, &i.group_name), &i.policy_arn));
    s.op(op::AttachRolePolicy, attachment::attach_role_policy)
        .access(|scope, i| access::with_policy(access::role(scope, &i.role_name), &i.policy_arn));
    s.op(op::AttachUserPolicy, attachment::attach_user_policy)
        .access(|scope, i| access::with_policy(access::user(scope, &i.user_name), &i.policy_arn));
    s.op(op::DetachGroupPolicy, attachment::detach_group_policy)
        .access(|scope, i| access::with_policy(access::group(scope, &i.group_name), &i.policy_arn));
    s.op(op::DetachRolePolicy, attachment::detach_role_policy)
        .access(|scope, i| access::with_policy(access::role(scope, &i.role_name), &i.policy_arn));
    s.op(op::DetachUserPolicy, attachment::detach_user_policy)
        .access(|scope, i| access::with_policy(access::user(scope, &i.user_name), &i.policy_arn));
    s.op(op::ListAttachedGroupPolicies, attachment::list_attached_group_policies)
        .access(|scope, i| access::group(scope, &i.group_name));
    s.op(op::ListAttachedRolePolicies, attachment::list_attached_role_policies)
        .access(|scope, i| access::role(scope, &i.role_name));
    s.op(op::ListAttachedUserPolicies, attachment::list_attached_user_policies)
        .access(|scope, i| access::user(scope, &i.user_name));
    s.op(op::ListEntitiesForPolicy, attachment::list_entities_for_policy)
        .access(|_, i| access::by_arn(&i.policy_arn));
    // policies written into an identity
    s.op(op::DeleteGroupPolicy, inline_policy::delete_group_policy)
        .access(|scope, i| access::group(scope, &i.group_name));
    s.op(op::DeleteRolePolicy, inline_policy::delete_role_policy)
        .access(|scope, i| access::role(scope, &i.role_name));
    s.op(op::DeleteUserPolicy, inline_policy::delete_user_policy)
        .access(|scope, i| access::user(scope, &i.user_name));
    s.op(op::GetGroupPolicy, inline_policy::get_group_policy)
        .access(|scope, i| access::group(scope, &i.group_name));
    s.op(op::GetRolePolicy, inline_policy::get_role_policy)
        .access(|scope, i| access::role(scope, &i.role_name));
    s.op(op::GetUserPolicy, inline_policy::get_user_policy)
        .access(|scope, i| access::user(scope, &i.user_name));
    s.op(op::ListGroupPolicies, inline_policy::list_group_policies)
        .access(|scope, i| access::group(scope, &i.group_name));
    s.op(op::ListRolePolicies, inline_policy::list_role_policies)
        .access(|scope, i| access::role(scope, &i.role_name));
    s.op(op::ListUserPolicies, inline_policy::list_user_policies)
        .access(|scope, i| access::user(scope, &i.user_name));
    s.op(op::PutGroupPolicy, inline_policy::put_group_policy)
        .access(|scope, i| access::group(scope, &i.group_name));
    s.op(op::PutRolePolicy, inline_policy::put_role_policy)
        .access(|scope, i| access::role(scope, &i.role_name));
    s.op(op::PutUserPolicy, inline_policy::put_user_policy)
        .access(|scope, i| access::user(scope, &i.user_name));
    // permissions boundaries
    s.op(op::DeleteRolePermissionsBoundary, boundary::delete_role_permissions_boundary)
        .access(|scope, i| access::role(scope, &i.role_name));
    s.op(op::DeleteUserPermissionsBoundary, boundary::delete_user_permissions_boundary)
        .access(|scope, i| access::user(scope, &i.user_name));
    s.op(op::PutRolePermissionsBoundary, boundary::put_role_permissions_boundary).access(|scope, i| {
        access::with_boundary(access::role(scope, &i.role_name), Some(&i.permissions_boundary))
    });
    s.op(op::PutUserPermissionsBoundary, boundary::put_user_permissions_boundary).access(|scope, i| {
        access::with_boundary(access::user(scope, &i.user_name), Some(&i.permissions_boundary))
    });
    // tags
    s.op(op::ListInstanceProfileTags, tags::list_instance_profile_tags)
        .access(|scope, i| access::profile(scope, &i.instance_profile_name));
    s.op(op::ListMFADeviceTags, tags::list_mfa_device_tags).access(|_, i| access::by_arn(&i.serial_number));
    s.op(op::ListOpenIDConnectProviderTags, tags::list_open_id_connect_provider_tags)
        .access(|_, i| access::by_arn(&i.open_id_connect_provider_arn));
    s.op(op::ListPolicyTags, tags::list_policy_tags).access(|_, i| access::by_arn(&i.policy_arn));
    s.op(op::ListRoleTags, tags::list_role_tags).access(|scope, i| access::role(scope, &i.role_name));
    s.op(op::ListUserTags, tags::list_user_tags).access(|scope, i| access::user(scope, &i.user_name));
    s.op(op::TagInstanceProfile, tags::tag_instance_profile)
        .access(|scope, i| access::tagging(access::profile(scope, &i.instance_profile_name), &i.tags));
    s.op(op::TagMFADevice, tags::tag_mfa_device)
        .access(|_, i| access::tagging(access::by_arn(&i.serial_number), &i.tags));
    s.op(op::TagOpenIDConnectProvider, tags::tag_open_id_connect_provider)
        .access(|_, i| access::tagging(access::by_arn(&i.open_id_connect_provider_arn), &i.tags));
    s.op(op::TagPolicy, tags::tag_policy)
        .access(|_, i| access::tagging(access::by_arn(&i.policy_arn), &i.tags));
    s.op(op::TagRole, tags::tag_role)
        .access(|scope, i| access::tagging(access::role(scope, &i.role_name), &i.tags));
    s.op(op::ListSAMLProviderTags, tags::list_saml_provider_tags)
        .access(|_, i| access::by_arn(&i.saml_provider_arn));
    s.op(op::TagSAMLProvider, tags::tag_saml_provider)
        .access(|_, i| access::tagging(access::by_arn(&i.saml_provider_arn), &i.tags));
    s.op(op::UntagSAMLProvider, tags::untag_saml_provider)
        .access(|_, i| access::untagging(access::by_arn(&i.saml_provider_arn), &i.tag_keys));
    s.op(op::ListServerCertificateTags, tags::list_server_certificate_tags)
        .access(|scope, i| access::server_certificate(scope, None, &i.server_certificate_name));
    s.op(op::TagServerCertificate, tags::tag_server_certificate).access(|scope, i| {
        access::tagging(access::server_certificate(scope, None, &i.server_certificate_name), &i.tags)
    });
    s.op(op::UntagServerCertificate, tags::untag_server_certificate).access(|scope, i| {
        access::untagging(access::server_certificate(scope, None, &i.server_certificate_name), &i.tag_keys)
    });
    s.op(op::TagUser, tags::tag_user)
        .access(|scope, i| access::tagging(access::user(scope, &i.user_name), &i.tags));
    s.op(op::UntagInstanceProfile, tags::untag_instance_profile)
        .access(|scope, i| access::untagging(access::profile(scope, &i.instance_profile_name), &i.tag_keys));
    s.op(op::UntagMFADevice, tags::untag_mfa_device)
        .access(|_, i| access::untagging(access::by_arn(&i.serial_number), &i.tag_keys));
    s.op(op::UntagOpenIDConnectProvider, tags::untag_open_id_connect_provider)
        .access(|_, i| access::untagging(access::by_arn(&i.open_id_connect_provider_arn), &i.tag_keys));
    s.op(op::UntagPolicy, tags::untag_policy)
        .access(|_, i| access::untagging(access::by_arn(&i.policy_arn), &i.tag_keys));
    s.op(op::UntagRole, tags::untag_role)
        .access(|scope, i| access::untagging(access::role(scope, &i.role_name), &i.tag_keys));
    s.op(op::UntagUser, tags::untag_user)
        .access(|scope, i| access::untagging(access::user(scope, &i.user_name), &i.tag_keys));
}

/// The account itself.
fn rest(s: &mut ServiceBuilder) {
    // the account
    s.op(op::CreateAccountAlias, account::create_account_alias).access(|_, _| access::any());
    s.op(op::DeleteAccountAlias, account::delete_account_alias).access(|_, _| access::any());
    s.op(op::GetAccountSummary, account::get_account_summary).access(|_, _| access::any());
    s.op(op::ListAccountAliases, account::list_account_aliases).access(|_, _| access::any());
    // what it demands of passwords
    s.op(op::DeleteAccountPasswordPolicy, password_policy::delete_account_password_policy)
        .access(|_, _| access::any());
    s.op(op::GetAccountPasswordPolicy, password_policy::get_account_password_policy)
        .access(|_, _| access::any());
    s.op(op::UpdateAccountPasswordPolicy, password_policy::update_account_password_policy)
        .access(|_, _| access::any());
    // identity providers
    s.op(op::AddClientIDToOpenIDConnectProvider, oidc_provider::add_client_id_to_open_id_connect_provider)
        .access(|_, i| access::by_arn(&i.open_id_connect_provider_arn));
    s.op(op::CreateOpenIDConnectProvider, oidc_provider::create_open_id_connect_provider).access(
        |scope, i| {
            access::making(
                access::oidc_provider(scope, &i.url),
                i.tags.as_deref(),
                "iam:TagOpenIDConnectProvider",
            )
        },
    );
    s.op(op::DeleteOpenIDConnectProvider, oidc_provider::delete_open_id_connect_provider)
        .access(|_, i| access::by_arn(&i.open_id_connect_provider_arn));
    s.op(op::GetOpenIDConnectProvider, oidc_provider::get_open_id_connect_provider)
        .access(|_, i| access::by_arn(&i.open_id_connect_provider_arn));
    s.op(op::ListOpenIDConnectProviders, oidc_provider::list_open_id_connect_providers)
        .access(|_, _| access::any());
    s.op(
        op::RemoveClientIDFromOpenIDConnectProvider,
        oidc_provider::remove_client_id_from_open_id_connect_provider,
    )
    .access(|_, i| access::by_arn(&i.open_id_connect_provider_arn));
    s.op(
        op::UpdateOpenIDConnectProviderThumbprint,
        oidc_provider::update_open_id_connect_provider_thumbprint,
    )
    .access(|_, i| access::by_arn(&i.open_id_connect_provider_arn));
    for_providers(s);
    // certificates of servers
    s.op(op::DeleteServerCertificate, server_certificate::delete_server_certificate)
        .access(|scope, i| access::server_certificate(scope, None, &i.server_certificate_name));
    s.op(op::GetServerCertificate, server_certificate::get_server_certificate)
        .access(|scope, i| access::server_certificate(scope, None, &i.server_certificate_name));
    s.op(op::ListServerCertificates, server_certificate::list_server_certificates)
        .access(|_, _| access::any());
    s.op(op::UpdateServerCertificate, server_certificate::update_server_certificate)
        .access(|scope, i| access::server_certificate(scope, None, &i.server_certificate_name));
    s.op(op::UploadServerCertificate, server_certificate::upload_server_certificate).access(|scope, i| {
        let on = access::server_certificate(scope, i.path.as_deref(), &i.server_certificate_name);
        access::making(on, i.tags.as_deref(), "iam:TagServerCertificate")
    });
    // who called what
    s.op(op::GenerateServiceLastAccessedDetails, access_report::generate_service_last_accessed_details)
        .access(|_, i| access::by_arn(&i.arn));
    s.op(op::GetServiceLastAccessedDetails, access_report::get_service_last_accessed_details)
        .access(|_, _| access::any());
    s.op(
        op::GetServiceLastAccessedDetailsWithEntities,
        access_report::get_service_last_accessed_details_with_entities,
    )
    .access(|_, _| access::any());
    s.op(op::ListPoliciesGrantingServiceAccess, access_report::list_policies_granting_service_access)
        .access(|_, i| access::by_arn(&i.arn));
    // the credential report
    s.op(op::GenerateCredentialReport, credential_report::generate_credential_report)
        .access(|_, _| access::any());
    s.op(op::GetCredentialReport, credential_report::get_credential_report).access(|_, _| access::any());
    // everything at once
    s.op(op::GetAccountAuthorizationDetails, authorization_details::get_account_authorization_details)
        .access(|_, _| access::any());
    // what policies would say
    s.op(op::GetContextKeysForCustomPolicy, simulation::get_context_keys_for_custom_policy)
        .access(|_, _| access::any());
    s.op(op::GetContextKeysForPrincipalPolicy, simulation::get_context_keys_for_principal_policy)
        .access(|_, i| access::by_arn(&i.policy_source_arn));
    s.op(op::SimulateCustomPolicy, simulation::simulate_custom_policy).access(|_, _| access::any());
    s.op(op::SimulatePrincipalPolicy, simulation::simulate_principal_policy)
        .access(|_, i| access::by_arn(&i.policy_source_arn));
}

/// SAML providers.
fn for_providers(s: &mut ServiceBuilder) {
    s.op(op::CreateSAMLProvider, saml_provider::create_saml_provider).access(|scope, i| {
        access::making(access::saml_provider(scope, &i.name), i.tags.as_deref(), "iam:TagSAMLProvider")
    });
    s.op(op::DeleteSAMLProvider, saml_provider::delete_saml_provider)
        .access(|_, i| access::by_arn(&i.saml_provider_arn));
    s.op(op::GetSAMLProvider, saml_provider::get_saml_provider)
        .access(|_, i| access::by_arn(&i.saml_provider_arn));
    s.op(op::ListSAMLProviders, saml_provider::list_saml_providers).access(|_, _| access::any());
    s.op(op::UpdateSAMLProvider, saml_provider::update_saml_provider)
        .access(|_, i| access::by_arn(&i.saml_provider_arn));
}
