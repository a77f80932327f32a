//! What refusals of object stores tell besides code and message: elements of the answer's body, in this order.
//!
//! Sources: answers of the object store's, quoted in public issue trackers (versity/versitygw 1514, 2042, 2043, 2116;
//! minio/minio 2638).

shape::texts! {
    pub(crate) struct Detail {
        argument_name: "ArgumentName" in Body,
        argument_value: "ArgumentValue" in Body,
        access_key: "AWSAccessKeyId" in Body,
        string_to_sign: "StringToSign" in Body,
        signature_provided: "SignatureProvided" in Body,
        string_to_sign_bytes: "StringToSignBytes" in Body,
        canonical_request: "CanonicalRequest" in Body,
        canonical_request_bytes: "CanonicalRequestBytes" in Body,
        request_time: "RequestTime" in Body,
        signed_at_ms: "X-Amz-Date" in Body,
        lasts_seconds: "X-Amz-Expires" in Body,
        expires: "Expires" in Body,
        server_time: "ServerTime" in Body,
        skew_ms_max: "MaxAllowedSkewMilliseconds" in Body,
        sha256_given: "ClientComputedContentSHA256" in Body,
        sha256_computed: "S3ComputedContentSHA256" in Body,
    }
}
