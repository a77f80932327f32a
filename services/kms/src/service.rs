//! The contents page: everything KMS does.

use std::sync::Arc;

use api_kms::{SERVICE, op};
use kernel::{Access, Ctx, Plugs, Result, Sealer, Service, ServiceBuilder};

use crate::controllers::key::{self as timed, Timed};
use crate::ops::{
    alias, ciphertext, data_key, gate, grant, import, key, key_state, mac, policy, replica, rotation,
    signature, tags,
};
use crate::rules::access::{self, bypassing, on, on_with, opening, sealing, signing};
use crate::rules::key::WINDOW_DAYS;
use crate::rules::rotation::PERIOD_DAYS;
use crate::state::material::{Vault, check_root_key};
use crate::state::policy::Compiled;

/// The service, ready for a house. It seals what it keeps with the plugged [`Sealer`].
pub fn service(plugs: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.own(Vault::new(plugs.get::<Arc<dyn Sealer>>()));
    s.own(Compiled::default());
    s.attached(gate::attached);
    s.resource_facts(gate::facts_of);

    // keys
    s.op(op::CreateKey, key::create_key)
        .access(|_, i| Ok(tags::making(access::making(i), i.tags.as_deref())));
    s.op(op::DescribeKey, key::describe_key).access(|scope, i| on(scope, &i.key_id));
    s.op(op::ListKeys, key::list_keys).access(|_, _| Ok(Access::any()));
    s.op(op::UpdateKeyDescription, key::update_key_description).access(|scope, i| on(scope, &i.key_id));
    s.op(op::EnableKey, key_state::enable_key).access(|scope, i| on(scope, &i.key_id));
    s.op(op::DisableKey, key_state::disable_key).access(|scope, i| on(scope, &i.key_id));
    s.op(op::ScheduleKeyDeletion, key_state::schedule_key_deletion).access(|scope, i| {
        let days = i.pending_window_in_days.unwrap_or(WINDOW_DAYS).to_string();
        on_with(scope, &i.key_id, "kms:ScheduleKeyDeletionPendingWindowInDays", days)
    });
    s.op(op::CancelKeyDeletion, key_state::cancel_key_deletion).access(|scope, i| on(scope, &i.key_id));
    s.op(op::ReplicateKey, replica::replicate_key).access(|scope, i| {
        let asked = on_with(scope, &i.key_id, "kms:ReplicaRegion", i.replica_region.clone())?;
        Ok(tags::making(bypassing(asked, i.bypass_policy_lockout_safety_check), i.tags.as_deref()))
    });
    s.op(op::UpdatePrimaryRegion, replica::update_primary_region)
        .access(|scope, i| on_with(scope, &i.key_id, "kms:PrimaryRegion", i.primary_region.clone()));
    s.op(op::TagResource, tags::tag_resource)
        .access(|scope, i| Ok(on(scope, &i.key_id)?.request_tags(tags::pairs(&i.tags))));
    s.op(op::UntagResource, tags::untag_resource)
        .access(|scope, i| Ok(on(scope, &i.key_id)?.tag_keys(&i.tag_keys)));
    s.op(op::ListResourceTags, tags::list_resource_tags).access(|scope, i| on(scope, &i.key_id));

    // aliases
    s.op(op::CreateAlias, alias::create_alias)
        .access(|scope, i| Ok(with(on(scope, &i.alias_name)?, on(scope, &i.target_key_id)?)));
    s.op(op::UpdateAlias, alias::update_alias)
        .access(|scope, i| Ok(with(on(scope, &i.alias_name)?, on(scope, &i.target_key_id)?)));
    s.op(op::DeleteAlias, alias::delete_alias).access(|scope, i| on(scope, &i.alias_name));
    s.op(op::ListAliases, alias::list_aliases)
        .access(|scope, i| i.key_id.as_deref().map_or_else(|| Ok(Access::any()), |key| on(scope, key)));

    // encryption
    s.op(op::Encrypt, ciphertext::encrypt).access(|scope, i| {
        let (algorithm, context) = (i.encryption_algorithm.as_deref(), i.encryption_context.as_ref());
        Ok(sealing(on(scope, &i.key_id)?, algorithm, context))
    });
    s.op(op::Decrypt, ciphertext::decrypt).access(|scope, i| {
        let (blob, key) = (i.ciphertext_blob.as_deref(), i.key_id.as_deref());
        opening(scope, blob, key, i.encryption_algorithm.as_deref(), i.encryption_context.as_ref())
    });
    s.op(op::ReEncrypt, ciphertext::re_encrypt).access(access::re_encrypting);
    s.op(op::GenerateRandom, ciphertext::generate_random).access(|_, _| Ok(Access::any()));
    s.op(op::GenerateDataKey, data_key::generate_data_key)
        .access(|scope, i| Ok(sealing(on(scope, &i.key_id)?, None, i.encryption_context.as_ref())));
    s.op(op::GenerateDataKeyWithoutPlaintext, data_key::generate_data_key_without_plaintext)
        .access(|scope, i| Ok(sealing(on(scope, &i.key_id)?, None, i.encryption_context.as_ref())));
    s.op(op::GenerateDataKeyPair, data_key::generate_data_key_pair).access(|scope, i| {
        let asked = on_with(scope, &i.key_id, "kms:DataKeyPairSpec", i.key_pair_spec.clone())?;
        Ok(sealing(asked, None, i.encryption_context.as_ref()))
    });
    s.op(op::GenerateDataKeyPairWithoutPlaintext, data_key::generate_data_key_pair_without_plaintext).access(
        |scope, i| {
            let asked = on_with(scope, &i.key_id, "kms:DataKeyPairSpec", i.key_pair_spec.clone())?;
            Ok(sealing(asked, None, i.encryption_context.as_ref()))
        },
    );

    // signatures and codes
    s.op(op::Sign, signature::sign)
        .access(|scope, i| signing(scope, &i.key_id, &i.signing_algorithm, i.message_type.as_deref()));
    s.op(op::Verify, signature::verify)
        .access(|scope, i| signing(scope, &i.key_id, &i.signing_algorithm, i.message_type.as_deref()));
    s.op(op::GetPublicKey, signature::get_public_key).access(|scope, i| on(scope, &i.key_id));
    s.op(op::GenerateMac, mac::generate_mac)
        .access(|scope, i| on_with(scope, &i.key_id, "kms:MacAlgorithm", i.mac_algorithm.clone()));
    s.op(op::VerifyMac, mac::verify_mac)
        .access(|scope, i| on_with(scope, &i.key_id, "kms:MacAlgorithm", i.mac_algorithm.clone()));

    // who may
    s.op(op::GetKeyPolicy, policy::get_key_policy).access(|scope, i| on(scope, &i.key_id));
    s.op(op::PutKeyPolicy, policy::put_key_policy)
        .access(|scope, i| Ok(bypassing(on(scope, &i.key_id)?, i.bypass_policy_lockout_safety_check)));
    s.op(op::ListKeyPolicies, policy::list_key_policies).access(|scope, i| on(scope, &i.key_id));
    s.op(op::CreateGrant, grant::create_grant).access(access::granting);
    s.op(op::ListGrants, grant::list_grants).access(|scope, i| on(scope, &i.key_id));
    s.op(op::ListRetirableGrants, grant::list_retirable_grants).access(|_, _| Ok(Access::any()));
    s.op(op::RetireGrant, grant::retire_grant).access(access::retiring);
    s.op(op::RevokeGrant, grant::revoke_grant).access(|scope, i| on(scope, &i.key_id));

    // rotation and import
    s.op(op::EnableKeyRotation, rotation::enable_key_rotation).access(|scope, i| {
        let days = i.rotation_period_in_days.unwrap_or(PERIOD_DAYS).to_string();
        on_with(scope, &i.key_id, "kms:RotationPeriodInDays", days)
    });
    s.op(op::DisableKeyRotation, rotation::disable_key_rotation).access(|scope, i| on(scope, &i.key_id));
    s.op(op::GetKeyRotationStatus, rotation::get_key_rotation_status).access(|scope, i| on(scope, &i.key_id));
    s.op(op::RotateKeyOnDemand, rotation::rotate_key_on_demand).access(|scope, i| on(scope, &i.key_id));
    s.op(op::ListKeyRotations, rotation::list_key_rotations).access(|scope, i| on(scope, &i.key_id));
    s.op(op::GetParametersForImport, import::get_parameters_for_import).access(|scope, i| {
        let asked = on_with(scope, &i.key_id, "kms:WrappingAlgorithm", i.wrapping_algorithm.clone())?;
        Ok(asked.condition("kms:WrappingKeySpec", [i.wrapping_key_spec.clone()]))
    });
    s.op(op::ImportKeyMaterial, import::import_key_material).access(access::importing);
    s.op(op::DeleteImportedKeyMaterial, import::delete_imported_key_material)
        .access(|scope, i| on(scope, &i.key_id));

    s.timer(Timed::Deletion.kind(), timed::delete);
    s.timer(Timed::Rotation.kind(), timed::rotate);
    s.timer(Timed::Expiry.kind(), timed::expire);
    s.on_open(check_root_key);
    s.on_reset(forget);
    s.build()
}

/// Both resources under the same action: an alias, and the key it is to stand for.
fn with(mut one: Access, other: Access) -> Access {
    one.resources.extend(other.resources);
    one
}

async fn forget(ctx: &Ctx) -> Result<()> {
    ctx.own::<Vault>().forget_all();
    Ok(())
}
