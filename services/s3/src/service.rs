//! The contents page: everything S3 does.

mod control;

use std::sync::Arc;

use api_s3::{SERVICE, op};
use blob::Blobs;
use kernel::{Access, Plugs, Scope, Sealer, Service, ServiceBuilder};

use crate::controllers::{census, inventory, leftover, lifecycle, replication, scrub, watch};
use crate::ops::object_access::go_on_access;
use crate::ops::{
    acl, bucket, bucket_cors, bucket_encryption, bucket_inventory, bucket_lifecycle, bucket_logging,
    bucket_policy, bucket_replication, bucket_tags, bucket_versioning, data_key, list_objects, list_versions,
    multipart, multipart_end, multipart_list, notification, object_copy, object_delete, object_form,
    object_get, object_lock, object_put, object_restore, object_select, object_tags, on_bucket, on_object,
    policy, public_access, website,
};
use crate::state::bucket::Known;
use crate::state::bytes::Vault;
use crate::state::data_key::DataKeys;
use crate::state::policy::Compiled;
use crate::state::watch::Watch;
use crate::state::{notice, replication as leaving};

/// The service, ready for a house. It keeps bytes in the plugged [`Blobs`], sealed under the plugged [`Sealer`].
pub fn service(plugs: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.own(Vault { blobs: plugs.get::<Blobs>(), sealer: plugs.get::<Arc<dyn Sealer>>() });
    s.own(Compiled::default());
    let speed = plugs.setting(object_restore::SPEED).and_then(|speed| speed.parse().ok());
    s.own(object_restore::Speed(speed.unwrap_or(1)));
    s.own(Known::default());
    s.own(DataKeys::default());
    s.own(notice::Sequence::default());
    let seen = Arc::new(Watch::default());
    s.own(seen.clone());
    s.logs_requests(seen);
    s.on_open(bucket_logging::open);
    s.on_reset(bucket_logging::forget);
    s.on_reset(data_key::forget);
    s.after_reset(leftover::sweep_older);
    s.also(control::control());
    s.attached(policy::attached);
    s.resource_facts(policy::facts_of);
    s.origins(bucket_cors::answer);
    s.forms(object_form::post);
    s.site(website::LABEL, website::answer);
    buckets(&mut s);
    settings(&mut s);
    web(&mut s);
    notices(&mut s);
    reports(&mut s);
    objects(&mut s);
    locks(&mut s);
    uploads(&mut s);
    s.controller(
        leftover::NAME,
        leftover::CONCURRENCY,
        leftover::SWEEP_EVERY_MS,
        leftover::list,
        leftover::reconcile,
    );
    s.controller(
        replication::NAME,
        replication::CONCURRENCY,
        replication::SWEEP_EVERY_MS,
        replication::list,
        replication::reconcile,
    );
    s.timer(leaving::KIND, replication::wake);
    s.timer(notice::KIND, notification::deliver);
    s.timer(object_restore::KIND, object_restore::tell);
    s.sweep("s3-orphans", leftover::ORPHANS_EVERY_MS, leftover::sweep);
    s.controller(
        inventory::NAME,
        inventory::CONCURRENCY,
        inventory::SWEEP_EVERY_MS,
        inventory::list,
        inventory::reconcile,
    );
    s.controller(scrub::NAME, 1, scrub::SWEEP_EVERY_MS, scrub::list, scrub::reconcile);
    s.route("GET", scrub::PATH, scrub::show);
    s.sweep("s3-census", census::EVERY_MS, census::sweep);
    s.sweep("s3-logs", watch::LOGS_EVERY_MS, watch::deliver);
    s.sweep("s3-metrics", watch::METRICS_EVERY_MS, watch::tell);
    s.sweep("s3-lifecycle", lifecycle::EVERY_MS, lifecycle::sweep);
    s.build()
}

fn buckets(s: &mut ServiceBuilder) {
    s.op(op::CreateBucket, bucket::create_bucket).access(bucket::create_access);
    s.op(op::HeadBucket, bucket::head_bucket).access(|scope, i| on_bucket(scope, &i.bucket, "s3:ListBucket"));
    s.op(op::GetBucketLocation, bucket::get_bucket_location)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetBucketLocation"));
    s.op(op::ListBuckets, bucket::list_buckets)
        .access(|_, _| Ok(Access::any().action("s3:ListAllMyBuckets")));
    s.op(op::DeleteBucket, bucket::delete_bucket)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:DeleteBucket"));
    s.op(op::PutBucketVersioning, bucket_versioning::put_bucket_versioning)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutBucketVersioning"));
    s.op(op::GetBucketVersioning, bucket_versioning::get_bucket_versioning)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetBucketVersioning"));
    s.op(op::PutBucketTagging, bucket_tags::put_bucket_tagging)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutBucketTagging"));
    s.op(op::GetBucketTagging, bucket_tags::get_bucket_tagging)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetBucketTagging"));
    s.op(op::DeleteBucketTagging, bucket_tags::delete_bucket_tagging)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutBucketTagging"));
    s.op(op::ListObjects, list_objects::list_objects).access(|scope, i| {
        let (prefix, delimiter) = (i.prefix.as_deref(), i.delimiter.as_deref());
        list_objects::list_access(scope, &i.bucket, prefix, delimiter, i.max_keys)
    });
    s.op(op::ListObjectsV2, list_objects::list_objects_v2).access(|scope, i| {
        let (prefix, delimiter) = (i.prefix.as_deref(), i.delimiter.as_deref());
        list_objects::list_access(scope, &i.bucket, prefix, delimiter, i.max_keys)
    });
    s.op(op::ListObjectVersions, list_versions::list_object_versions).access(|scope, i| {
        let (prefix, delimiter) = (i.prefix.as_deref(), i.delimiter.as_deref());
        let access = list_objects::list_access(scope, &i.bucket, prefix, delimiter, i.max_keys)?;
        Ok(access.action("s3:ListBucketVersions"))
    });
}

/// What is set of a bucket as a whole.
fn settings(s: &mut ServiceBuilder) {
    s.op(op::PutBucketPolicy, bucket_policy::put_bucket_policy)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutBucketPolicy"));
    s.op(op::GetBucketPolicy, bucket_policy::get_bucket_policy)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetBucketPolicy"));
    s.op(op::GetBucketPolicyStatus, bucket_policy::get_bucket_policy_status)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetBucketPolicyStatus"));
    s.op(op::DeleteBucketPolicy, bucket_policy::delete_bucket_policy)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:DeleteBucketPolicy"));
    s.op(op::PutPublicAccessBlock, public_access::put_public_access_block)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutBucketPublicAccessBlock"));
    s.op(op::GetPublicAccessBlock, public_access::get_public_access_block)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetBucketPublicAccessBlock"));
    s.op(op::DeletePublicAccessBlock, public_access::delete_public_access_block)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutBucketPublicAccessBlock"));
    s.op(op::PutBucketOwnershipControls, public_access::put_bucket_ownership_controls)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutBucketOwnershipControls"));
    s.op(op::GetBucketOwnershipControls, public_access::get_bucket_ownership_controls)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetBucketOwnershipControls"));
    s.op(op::DeleteBucketOwnershipControls, public_access::delete_bucket_ownership_controls)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutBucketOwnershipControls"));
    s.op(op::GetBucketAcl, acl::get_bucket_acl)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetBucketAcl"));
    s.op(op::PutBucketAcl, acl::put_bucket_acl)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutBucketAcl"));
    s.op(op::PutBucketLifecycleConfiguration, bucket_lifecycle::put_bucket_lifecycle_configuration)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutLifecycleConfiguration"));
    s.op(op::GetBucketLifecycleConfiguration, bucket_lifecycle::get_bucket_lifecycle_configuration)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetLifecycleConfiguration"));
    s.op(op::DeleteBucketLifecycle, bucket_lifecycle::delete_bucket_lifecycle)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutLifecycleConfiguration"));
    s.op(op::PutBucketReplication, bucket_replication::put_bucket_replication)
        .access(bucket_replication::put_access);
    s.op(op::GetBucketReplication, bucket_replication::get_bucket_replication)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetReplicationConfiguration"));
    s.op(op::DeleteBucketReplication, bucket_replication::delete_bucket_replication)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutReplicationConfiguration"));
    s.op(op::PutBucketEncryption, bucket_encryption::put_bucket_encryption)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutEncryptionConfiguration"));
    s.op(op::GetBucketEncryption, bucket_encryption::get_bucket_encryption)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetEncryptionConfiguration"));
    s.op(op::DeleteBucketEncryption, bucket_encryption::delete_bucket_encryption)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutEncryptionConfiguration"));
}

/// What is set of a bucket for the web.
fn web(s: &mut ServiceBuilder) {
    s.op(op::PutBucketCors, bucket_cors::put_bucket_cors)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutBucketCORS"));
    s.op(op::GetBucketCors, bucket_cors::get_bucket_cors)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetBucketCORS"));
    s.op(op::DeleteBucketCors, bucket_cors::delete_bucket_cors)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutBucketCORS"));
    s.op(op::PutBucketWebsite, website::put_bucket_website)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutBucketWebsite"));
    s.op(op::GetBucketWebsite, website::get_bucket_website)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetBucketWebsite"));
    s.op(op::DeleteBucketWebsite, website::delete_bucket_website)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:DeleteBucketWebsite"));
}

/// Who is told.
fn notices(s: &mut ServiceBuilder) {
    s.op(op::PutBucketNotificationConfiguration, notification::put_bucket_notification_configuration)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutBucketNotification"));
    s.op(op::GetBucketNotificationConfiguration, notification::get_bucket_notification_configuration)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetBucketNotification"));
}

/// What is told of a bucket over time.
fn reports(s: &mut ServiceBuilder) {
    s.op(op::PutBucketLogging, bucket_logging::put_bucket_logging)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutBucketLogging"));
    s.op(op::GetBucketLogging, bucket_logging::get_bucket_logging)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetBucketLogging"));
    s.op(op::PutBucketMetricsConfiguration, bucket_logging::put_bucket_metrics_configuration)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutMetricsConfiguration"));
    s.op(op::GetBucketMetricsConfiguration, bucket_logging::get_bucket_metrics_configuration)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetMetricsConfiguration"));
    s.op(op::ListBucketMetricsConfigurations, bucket_logging::list_bucket_metrics_configurations)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetMetricsConfiguration"));
    s.op(op::DeleteBucketMetricsConfiguration, bucket_logging::delete_bucket_metrics_configuration)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutMetricsConfiguration"));
    s.op(op::PutBucketInventoryConfiguration, bucket_inventory::put_bucket_inventory_configuration)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutInventoryConfiguration"));
    s.op(op::GetBucketInventoryConfiguration, bucket_inventory::get_bucket_inventory_configuration)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetInventoryConfiguration"));
    s.op(op::ListBucketInventoryConfigurations, bucket_inventory::list_bucket_inventory_configurations)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetInventoryConfiguration"));
    s.op(op::DeleteBucketInventoryConfiguration, bucket_inventory::delete_bucket_inventory_configuration)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutInventoryConfiguration"));
}

fn objects(s: &mut ServiceBuilder) {
    s.op(op::PutObject, object_put::put_object).access(object_put::put_access);
    s.op(op::GetObject, object_get::get_object)
        .access(|scope, i| read(scope, &i.bucket, &i.key, i.version_id.as_deref()));
    s.op(op::HeadObject, object_get::head_object)
        .access(|scope, i| read(scope, &i.bucket, &i.key, i.version_id.as_deref()));
    s.op(op::GetObjectAttributes, object_get::get_object_attributes).access(|scope, i| {
        let attributes = ("s3:GetObjectAttributes", "s3:GetObjectVersionAttributes");
        let version_id = i.version_id.as_deref();
        let access = on_object(scope, (&i.bucket, &i.key), version_id, attributes)?;
        Ok(access.also(read(scope, &i.bucket, &i.key, version_id)?))
    });
    s.op(op::SelectObjectContent, object_select::select_object_content)
        .access(|scope, i| read(scope, &i.bucket, &i.key, None));
    s.op(op::RestoreObject, object_restore::restore_object).access(|scope, i| {
        let action = "s3:RestoreObject";
        on_object(scope, (&i.bucket, &i.key), i.version_id.as_deref(), (action, action))
    });
    s.op(op::CopyObject, object_copy::copy_object).access(object_copy::copy_access);
    s.op(op::DeleteObject, object_delete::delete_object).access(object_delete::delete_access);
    s.op(op::DeleteObjects, object_delete::delete_objects).access(object_delete::delete_many_access);
    s.op(op::GetObjectAcl, acl::get_object_acl).access(|scope, i| {
        let actions = ("s3:GetObjectAcl", "s3:GetObjectVersionAcl");
        on_object(scope, (&i.bucket, &i.key), i.version_id.as_deref(), actions)
    });
    s.op(op::PutObjectAcl, acl::put_object_acl).access(|scope, i| {
        let actions = ("s3:PutObjectAcl", "s3:PutObjectVersionAcl");
        on_object(scope, (&i.bucket, &i.key), i.version_id.as_deref(), actions)
    });
    s.op(op::PutObjectTagging, object_tags::put_object_tagging).access(object_tags::put_access);
    s.op(op::GetObjectTagging, object_tags::get_object_tagging).access(|scope, i| {
        let actions = ("s3:GetObjectTagging", "s3:GetObjectVersionTagging");
        on_object(scope, (&i.bucket, &i.key), i.version_id.as_deref(), actions)
    });
    s.op(op::DeleteObjectTagging, object_tags::delete_object_tagging).access(|scope, i| {
        let actions = ("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging");
        on_object(scope, (&i.bucket, &i.key), i.version_id.as_deref(), actions)
    });
}

/// What keeps versions from being deleted.
fn locks(s: &mut ServiceBuilder) {
    s.op(op::PutObjectLockConfiguration, object_lock::put_object_lock_configuration)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:PutBucketObjectLockConfiguration"));
    s.op(op::GetObjectLockConfiguration, object_lock::get_object_lock_configuration)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:GetBucketObjectLockConfiguration"));
    s.op(op::PutObjectRetention, object_lock::put_object_retention).access(object_lock::retention_access);
    s.op(op::GetObjectRetention, object_lock::get_object_retention).access(|scope, i| {
        let action = "s3:GetObjectRetention";
        on_object(scope, (&i.bucket, &i.key), i.version_id.as_deref(), (action, action))
    });
    s.op(op::PutObjectLegalHold, object_lock::put_object_legal_hold).access(object_lock::hold_access);
    s.op(op::GetObjectLegalHold, object_lock::get_object_legal_hold).access(|scope, i| {
        let action = "s3:GetObjectLegalHold";
        on_object(scope, (&i.bucket, &i.key), i.version_id.as_deref(), (action, action))
    });
}

fn read(scope: &Scope, bucket: &str, key: &str, version_id: Option<&str>) -> kernel::Result<Access> {
    on_object(scope, (bucket, key), version_id, ("s3:GetObject", "s3:GetObjectVersion"))
}

fn uploads(s: &mut ServiceBuilder) {
    s.op(op::CreateMultipartUpload, multipart::create_multipart_upload).access(multipart::create_access);
    s.op(op::UploadPart, multipart::upload_part)
        .access(|scope, i| go_on_access(scope, (&i.bucket, &i.key), &i.upload_id, false));
    s.op(op::UploadPartCopy, object_copy::upload_part_copy).access(object_copy::copy_part_access);
    s.op(op::CompleteMultipartUpload, multipart_end::complete_multipart_upload)
        .access(multipart_end::complete_access);
    s.op(op::AbortMultipartUpload, multipart_end::abort_multipart_upload).access(|scope, i| {
        on_object(scope, (&i.bucket, &i.key), None, ("s3:AbortMultipartUpload", "s3:AbortMultipartUpload"))
    });
    s.op(op::ListParts, multipart_list::list_parts).access(|scope, i| {
        let action = "s3:ListMultipartUploadParts";
        on_object(scope, (&i.bucket, &i.key), None, (action, action))
    });
    s.op(op::ListMultipartUploads, multipart_list::list_multipart_uploads)
        .access(|scope, i| on_bucket(scope, &i.bucket, "s3:ListBucketMultipartUploads"));
}
