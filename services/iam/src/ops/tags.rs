//! Tags of everything that can bear them.

use api_iam::{
    ListInstanceProfileTagsRequest, ListInstanceProfileTagsResponse, ListMFADeviceTagsRequest,
    ListMFADeviceTagsResponse, ListOpenIDConnectProviderTagsRequest, ListOpenIDConnectProviderTagsResponse,
    ListPolicyTagsRequest, ListPolicyTagsResponse, ListRoleTagsRequest, ListRoleTagsResponse,
    ListSAMLProviderTagsRequest, ListSAMLProviderTagsResponse, ListServerCertificateTagsRequest,
    ListServerCertificateTagsResponse, ListUserTagsRequest, ListUserTagsResponse, Tag,
    TagInstanceProfileRequest, TagMFADeviceRequest, TagOpenIDConnectProviderRequest, TagPolicyRequest,
    TagRoleRequest, TagSAMLProviderRequest, TagServerCertificateRequest, TagUserRequest,
    UntagInstanceProfileRequest, UntagMFADeviceRequest, UntagOpenIDConnectProviderRequest,
    UntagPolicyRequest, UntagRoleRequest, UntagSAMLProviderRequest, UntagServerCertificateRequest,
    UntagUserRequest,
};
use kernel::{Arn, Ctx, Kind as ErrorKind, Reader, ResourceFacts, Result, Scope, Tx};

use super::{Page, page};
use crate::errors;
use crate::rules::tags::Tags;
use crate::state::directory::change;
use crate::state::identity::{self, Kind};
use crate::state::{
    home, instance_profile, mfa_device, oidc_provider, policy, saml_provider, server_certificate,
};

/// What bears tags, by what it is asked for.
#[derive(Clone)]
enum Bearer {
    Identity(Kind, String),
    InstanceProfile(String),
    MfaDevice(String),
    OidcProvider(String),
    Policy(String),
    SamlProvider(String),
    ServerCertificate(String),
}

impl Bearer {
    /// What an ARN names; `None` for what bears no tags.
    fn of_arn(arn: &Arn) -> Option<Self> {
        let (word, path) = arn.resource.split_once('/')?;
        let name = || path.rsplit('/').next().unwrap_or(path).to_owned();
        match word {
            "user" => Some(Bearer::Identity(Kind::User, name())),
            "role" => Some(Bearer::Identity(Kind::Role, name())),
            "instance-profile" => Some(Bearer::InstanceProfile(name())),
            "mfa" => Some(Bearer::MfaDevice(arn.to_string())),
            "oidc-provider" => Some(Bearer::OidcProvider(arn.to_string())),
            "policy" => Some(Bearer::Policy(arn.to_string())),
            "saml-provider" => Some(Bearer::SamlProvider(arn.to_string())),
            "server-certificate" => Some(Bearer::ServerCertificate(name())),
            _ => None,
        }
    }

    fn read(&self, from: &mut impl Reader, home: &Scope) -> Result<Tags> {
        Ok(match self {
            Bearer::Identity(kind, name) => identity::get(from, home, *kind, name)?.tags,
            Bearer::InstanceProfile(name) => instance_profile::get(from, home, name)?.tags,
            Bearer::MfaDevice(serial) => mfa_device::get(from, home, serial)?.tags,
            Bearer::OidcProvider(arn) => oidc_provider::get(from, home, arn)?.tags,
            Bearer::Policy(arn) => policy::get(from, home, arn)?.tags,
            Bearer::SamlProvider(arn) => saml_provider::get(from, home, arn)?.tags,
            Bearer::ServerCertificate(name) => server_certificate::get(from, home, name)?.tags,
        })
    }

    fn write(&self, tx: &mut Tx<'_, '_>, home: &Scope, tags: Tags) -> Result<()> {
        match self {
            Bearer::Identity(kind, name) => {
                let identity = identity::get(tx, home, *kind, name)?;
                identity::put(tx, home, &identity::Identity { tags, ..identity })
            }
            Bearer::InstanceProfile(name) => {
                let profile = instance_profile::get(tx, home, name)?;
                instance_profile::put(tx, home, &instance_profile::InstanceProfile { tags, ..profile })
            }
            Bearer::MfaDevice(serial) => {
                let device = mfa_device::get(tx, home, serial)?;
                mfa_device::put(tx, home, &mfa_device::MfaDevice { tags, ..device })
            }
            Bearer::OidcProvider(arn) => {
                let provider = oidc_provider::get(tx, home, arn)?;
                oidc_provider::put(tx, home, &oidc_provider::Provider { tags, ..provider })
            }
            Bearer::Policy(arn) => match policy::get(tx, home, arn)? {
                known if known.is_known => Err(errors::policy_is_known()),
                own => policy::put(tx, home, &policy::ManagedPolicy { tags, ..own }),
            },
            Bearer::SamlProvider(arn) => {
                let provider = saml_provider::get(tx, home, arn)?;
                saml_provider::put(tx, home, &saml_provider::SamlProvider { tags, ..provider })
            }
            Bearer::ServerCertificate(name) => {
                let one = server_certificate::get(tx, home, name)?;
                server_certificate::put(tx, home, &server_certificate::ServerCertificate { tags, ..one })
            }
        }
    }
}

async fn edit(ctx: &Ctx, bearer: Bearer, f: impl Fn(&mut Tags) -> Result<()> + Send + 'static) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let mut tags = bearer.read(tx, &home)?;
        f(&mut tags)?;
        bearer.write(tx, &home, tags)
    })
    .await
}

async fn tag(ctx: &Ctx, bearer: Bearer, more: Vec<Tag>) -> Result<()> {
    edit(ctx, bearer, move |tags| tags.add(more.clone())).await
}

async fn untag(ctx: &Ctx, bearer: Bearer, keys: Vec<String>) -> Result<()> {
    edit(ctx, bearer, move |tags| {
        tags.remove(&keys);
        Ok(())
    })
    .await
}

async fn list(
    ctx: &Ctx,
    bearer: Bearer,
    marker: Option<String>,
    max_items: Option<i32>,
) -> Result<Page<Tag>> {
    let home = home(ctx);
    let tags = ctx.read(|snap| bearer.read(snap, &home)).await?;
    page(ctx, "ListTags", marker.as_deref(), max_items, tags.listed(), |tag| &tag.key)
}

/// The tags of what an ARN names; `None` where there is no such thing.
pub async fn facts_of(ctx: &Ctx, arn: Arn) -> Result<Option<ResourceFacts>> {
    let Some(bearer) = Bearer::of_arn(&arn) else { return Ok(None) };
    let home = home(ctx);
    match ctx.read(|snap| bearer.read(snap, &home)).await {
        Ok(tags) => Ok(Some(ResourceFacts { tags: tags.0, has_own_tag_key: true, ..Default::default() })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub async fn tag_user(ctx: &Ctx, input: TagUserRequest) -> Result<()> {
    tag(ctx, Bearer::Identity(Kind::User, input.user_name), input.tags).await
}

pub async fn untag_user(ctx: &Ctx, input: UntagUserRequest) -> Result<()> {
    untag(ctx, Bearer::Identity(Kind::User, input.user_name), input.tag_keys).await
}

pub async fn list_user_tags(ctx: &Ctx, input: ListUserTagsRequest) -> Result<ListUserTagsResponse> {
    let bearer = Bearer::Identity(Kind::User, input.user_name);
    let Page { items: tags, is_truncated, marker } = list(ctx, bearer, input.marker, input.max_items).await?;
    Ok(ListUserTagsResponse { tags, is_truncated, marker })
}

pub async fn tag_role(ctx: &Ctx, input: TagRoleRequest) -> Result<()> {
    tag(ctx, Bearer::Identity(Kind::Role, input.role_name), input.tags).await
}

pub async fn untag_role(ctx: &Ctx, input: UntagRoleRequest) -> Result<()> {
    untag(ctx, Bearer::Identity(Kind::Role, input.role_name), input.tag_keys).await
}

pub async fn list_role_tags(ctx: &Ctx, input: ListRoleTagsRequest) -> Result<ListRoleTagsResponse> {
    let bearer = Bearer::Identity(Kind::Role, input.role_name);
    let Page { items: tags, is_truncated, marker } = list(ctx, bearer, input.marker, input.max_items).await?;
    Ok(ListRoleTagsResponse { tags, is_truncated, marker })
}

pub async fn tag_policy(ctx: &Ctx, input: TagPolicyRequest) -> Result<()> {
    tag(ctx, Bearer::Policy(input.policy_arn), input.tags).await
}

pub async fn untag_policy(ctx: &Ctx, input: UntagPolicyRequest) -> Result<()> {
    untag(ctx, Bearer::Policy(input.policy_arn), input.tag_keys).await
}

pub async fn list_policy_tags(ctx: &Ctx, input: ListPolicyTagsRequest) -> Result<ListPolicyTagsResponse> {
    let bearer = Bearer::Policy(input.policy_arn);
    let Page { items: tags, is_truncated, marker } = list(ctx, bearer, input.marker, input.max_items).await?;
    Ok(ListPolicyTagsResponse { tags, is_truncated, marker })
}

pub async fn tag_instance_profile(ctx: &Ctx, input: TagInstanceProfileRequest) -> Result<()> {
    tag(ctx, Bearer::InstanceProfile(input.instance_profile_name), input.tags).await
}

pub async fn untag_instance_profile(ctx: &Ctx, input: UntagInstanceProfileRequest) -> Result<()> {
    untag(ctx, Bearer::InstanceProfile(input.instance_profile_name), input.tag_keys).await
}

pub async fn list_instance_profile_tags(
    ctx: &Ctx,
    input: ListInstanceProfileTagsRequest,
) -> Result<ListInstanceProfileTagsResponse> {
    let bearer = Bearer::InstanceProfile(input.instance_profile_name);
    let Page { items: tags, is_truncated, marker } = list(ctx, bearer, input.marker, input.max_items).await?;
    Ok(ListInstanceProfileTagsResponse { tags, is_truncated, marker })
}

pub async fn tag_mfa_device(ctx: &Ctx, input: TagMFADeviceRequest) -> Result<()> {
    tag(ctx, Bearer::MfaDevice(input.serial_number), input.tags).await
}

pub async fn untag_mfa_device(ctx: &Ctx, input: UntagMFADeviceRequest) -> Result<()> {
    untag(ctx, Bearer::MfaDevice(input.serial_number), input.tag_keys).await
}

pub async fn list_mfa_device_tags(
    ctx: &Ctx,
    input: ListMFADeviceTagsRequest,
) -> Result<ListMFADeviceTagsResponse> {
    let bearer = Bearer::MfaDevice(input.serial_number);
    let Page { items: tags, is_truncated, marker } = list(ctx, bearer, input.marker, input.max_items).await?;
    Ok(ListMFADeviceTagsResponse { tags, is_truncated, marker })
}

pub async fn tag_open_id_connect_provider(ctx: &Ctx, input: TagOpenIDConnectProviderRequest) -> Result<()> {
    tag(ctx, Bearer::OidcProvider(input.open_id_connect_provider_arn), input.tags).await
}

pub async fn untag_open_id_connect_provider(
    ctx: &Ctx,
    input: UntagOpenIDConnectProviderRequest,
) -> Result<()> {
    untag(ctx, Bearer::OidcProvider(input.open_id_connect_provider_arn), input.tag_keys).await
}

pub async fn list_open_id_connect_provider_tags(
    ctx: &Ctx,
    input: ListOpenIDConnectProviderTagsRequest,
) -> Result<ListOpenIDConnectProviderTagsResponse> {
    let bearer = Bearer::OidcProvider(input.open_id_connect_provider_arn);
    let Page { items: tags, is_truncated, marker } = list(ctx, bearer, input.marker, input.max_items).await?;
    Ok(ListOpenIDConnectProviderTagsResponse { tags, is_truncated, marker })
}

pub async fn tag_saml_provider(ctx: &Ctx, input: TagSAMLProviderRequest) -> Result<()> {
    tag(ctx, Bearer::SamlProvider(input.saml_provider_arn), input.tags).await
}

pub async fn untag_saml_provider(ctx: &Ctx, input: UntagSAMLProviderRequest) -> Result<()> {
    untag(ctx, Bearer::SamlProvider(input.saml_provider_arn), input.tag_keys).await
}

pub async fn list_saml_provider_tags(
    ctx: &Ctx,
    input: ListSAMLProviderTagsRequest,
) -> Result<ListSAMLProviderTagsResponse> {
    let bearer = Bearer::SamlProvider(input.saml_provider_arn);
    let Page { items: tags, is_truncated, marker } = list(ctx, bearer, input.marker, input.max_items).await?;
    Ok(ListSAMLProviderTagsResponse { tags, is_truncated, marker })
}

pub async fn tag_server_certificate(ctx: &Ctx, input: TagServerCertificateRequest) -> Result<()> {
    tag(ctx, Bearer::ServerCertificate(input.server_certificate_name), input.tags).await
}

pub async fn untag_server_certificate(ctx: &Ctx, input: UntagServerCertificateRequest) -> Result<()> {
    untag(ctx, Bearer::ServerCertificate(input.server_certificate_name), input.tag_keys).await
}

pub async fn list_server_certificate_tags(
    ctx: &Ctx,
    input: ListServerCertificateTagsRequest,
) -> Result<ListServerCertificateTagsResponse> {
    let bearer = Bearer::ServerCertificate(input.server_certificate_name);
    let Page { items: tags, is_truncated, marker } = list(ctx, bearer, input.marker, input.max_items).await?;
    Ok(ListServerCertificateTagsResponse { tags, is_truncated, marker })
}
