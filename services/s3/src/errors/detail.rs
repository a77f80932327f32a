//! What errors tell besides code and message: elements of the answer's body, and headers.

shape::texts! {
    /// Each where it is said.
    pub struct Detail {
        bucket_name: "BucketName" in Body,
        key: "Key" in Body,
        version_id: "VersionId" in Body,
        upload_id: "UploadId" in Body,
        part_number: "PartNumber" in Body,
        e_tag: "ETag" in Body,
        resource_type: "ResourceType" in Body,
        argument_name: "ArgumentName" in Body,
        argument_value: "ArgumentValue" in Body,
        condition: "Condition" in Body,
        range_requested: "RangeRequested" in Body,
        actual_object_size: "ActualObjectSize" in Body,
        expected_digest: "ExpectedDigest" in Body,
        calculated_digest: "CalculatedDigest" in Body,
        size: "Size" in Body,
        proposed_size: "ProposedSize" in Body,
        min_size_allowed: "MinSizeAllowed" in Body,
        max_size_allowed: "MaxSizeAllowed" in Body,
        storage_class: "StorageClass" in Body,
        access_tier: "AccessTier" in Body,
        header: "Header" in Body,
        allow: "Allow" in Header,
        content_range: "Content-Range" in Header,
        shown_etag: "ETag" in Header,
        last_modified: "Last-Modified" in Header,
        cache_control: "Cache-Control" in Header,
        expires: "Expires" in Header,
        shown_version: "x-amz-version-id" in Header,
        delete_marker: "x-amz-delete-marker" in Header,
    }
}
