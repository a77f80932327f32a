//! The contents page: everything Glacier does.

use std::sync::Arc;

use api_glacier::{SERVICE, op};
use blob::Blobs;
use kernel::{Plugs, Sealer, Service, ServiceBuilder};

use crate::controllers::{job as jobs, leftover, storage};
use crate::ops::{
    archive, gate, job, job_output, notification, retrieval, tags, upload, upload_list, vault, vault_lock,
    vault_policy,
};
use crate::rules::account::{on_account, on_archive, on_vault};
use crate::state::bytes::Strongroom;
use crate::state::policy::Compiled;
use crate::state::{job as stored_jobs, upload as stored_uploads};

/// The service, ready for a house. It keeps bytes in the plugged [`Blobs`], sealed under the plugged [`Sealer`].
pub fn service(plugs: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.own(Strongroom { blobs: plugs.get::<Blobs>(), sealer: plugs.get::<Arc<dyn Sealer>>() });
    s.own(Compiled::default());
    let speed = plugs.setting(job::SPEED).and_then(|speed| speed.parse().ok());
    s.own(job::Speed(speed.unwrap_or(1)));
    s.attached(gate::attached);
    s.resource_facts(gate::facts_of);
    vaults(&mut s);
    archives(&mut s);
    of_jobs(&mut s);
    s.timer(stored_jobs::KIND, jobs::due);
    s.timer(stored_uploads::KIND, upload::lapse);
    s.controller(
        leftover::NAME,
        leftover::CONCURRENCY,
        leftover::SWEEP_EVERY_MS,
        leftover::list,
        leftover::reconcile,
    );
    s.after_reset(leftover::sweep_older);
    s.sweep("glacier-orphans", leftover::ORPHANS_EVERY_MS, leftover::sweep);
    s.sweep("glacier-storage", storage::EVERY_MS, storage::sweep);
    s.build()
}

fn vaults(s: &mut ServiceBuilder) {
    s.op(op::CreateVault, vault::create_vault).access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::DescribeVault, vault::describe_vault).access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::ListVaults, vault::list_vaults).access(|c, i| on_account(c, &i.account_id));
    s.op(op::DeleteVault, vault::delete_vault).access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::AddTagsToVault, tags::add_tags_to_vault).access(tags::add_access);
    s.op(op::RemoveTagsFromVault, tags::remove_tags_from_vault).access(tags::remove_access);
    s.op(op::ListTagsForVault, tags::list_tags_for_vault)
        .access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::SetVaultAccessPolicy, vault_policy::set_vault_access_policy)
        .access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::GetVaultAccessPolicy, vault_policy::get_vault_access_policy)
        .access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::DeleteVaultAccessPolicy, vault_policy::delete_vault_access_policy)
        .access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::InitiateVaultLock, vault_lock::initiate_vault_lock)
        .access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::CompleteVaultLock, vault_lock::complete_vault_lock)
        .access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::AbortVaultLock, vault_lock::abort_vault_lock)
        .access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::GetVaultLock, vault_lock::get_vault_lock)
        .access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::GetVaultNotifications, notification::get_vault_notifications)
        .access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::DeleteVaultNotifications, notification::delete_vault_notifications)
        .access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
}

fn archives(s: &mut ServiceBuilder) {
    s.op(op::UploadArchive, archive::upload_archive).access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::DeleteArchive, archive::delete_archive)
        .access(|c, i| on_archive(c, &i.account_id, &i.vault_name, &i.archive_id));
    s.op(op::InitiateMultipartUpload, upload::initiate_multipart_upload)
        .access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::UploadMultipartPart, upload::upload_multipart_part)
        .access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::CompleteMultipartUpload, upload::complete_multipart_upload)
        .access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::AbortMultipartUpload, upload::abort_multipart_upload)
        .access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::ListMultipartUploads, upload_list::list_multipart_uploads)
        .access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::ListParts, upload_list::list_parts).access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
}

fn of_jobs(s: &mut ServiceBuilder) {
    s.op(op::InitiateJob, job::initiate_job).access(|c, i| {
        let archive = i.job_parameters.as_ref().and_then(|parameters| parameters.archive_id.as_deref());
        match archive {
            Some(archive) => on_archive(c, &i.account_id, &i.vault_name, archive),
            None => on_vault(c, &i.account_id, &i.vault_name),
        }
    });
    s.op(op::DescribeJob, job::describe_job).access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::ListJobs, job::list_jobs).access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::GetJobOutput, job_output::get_job_output)
        .access(|c, i| on_vault(c, &i.account_id, &i.vault_name));
    s.op(op::SetDataRetrievalPolicy, retrieval::set_data_retrieval_policy)
        .access(|c, i| on_account(c, &i.account_id));
    s.op(op::GetDataRetrievalPolicy, retrieval::get_data_retrieval_policy)
        .access(|c, i| on_account(c, &i.account_id));
    s.op(op::PurchaseProvisionedCapacity, retrieval::purchase_provisioned_capacity)
        .access(|c, i| on_account(c, &i.account_id));
    s.op(op::ListProvisionedCapacity, retrieval::list_provisioned_capacity)
        .access(|c, i| on_account(c, &i.account_id));
}
