//! What refusals of object stores tell besides code and message: elements of the answer's body, in this order.
//!
//! Sources: answers of the object store's, quoted in public issue trackers (versity/versitygw 1514, 2042, 2043, 2116;
//! minio/minio 2638).

use shape::{Kind, Member, Schema, Shape, Struct, no_member};

static TEXT: Schema = Schema { name: "Text", kind: Kind::String, ..Schema::PLAIN };

macro_rules! detail {
    ($($field:ident: $wire:literal,)*) => {
        #[derive(Clone, Default)]
        pub(crate) struct Detail {
            $(pub(crate) $field: Option<String>,)*
        }

        static MEMBERS: &[Member] = &[$(Member { name: $wire, wire: $wire, schema: &TEXT, ..Member::PLAIN },)*];

        impl Struct for Detail {
            fn schema(&self) -> &'static Schema {
                static SCHEMA: Schema = Schema { name: "Detail", members: MEMBERS, ..Schema::PLAIN };
                &SCHEMA
            }
            fn get(&self, i: usize) -> &dyn Shape {
                let all: &[&dyn Shape] = &[$(&self.$field),*];
                all.get(i).copied().unwrap_or_else(|| no_member(i))
            }
            fn get_mut(&mut self, i: usize) -> &mut dyn Shape {
                let all: [&mut dyn Shape; MEMBERS.len()] = [$(&mut self.$field),*];
                all.into_iter().nth(i).unwrap_or_else(|| no_member(i))
            }
            shape::any!();
        }
        shape::structure!(Detail);
    };
}

detail! {
    argument_name: "ArgumentName",
    argument_value: "ArgumentValue",
    access_key: "AWSAccessKeyId",
    string_to_sign: "StringToSign",
    signature_provided: "SignatureProvided",
    string_to_sign_bytes: "StringToSignBytes",
    canonical_request: "CanonicalRequest",
    canonical_request_bytes: "CanonicalRequestBytes",
    request_time: "RequestTime",
    signed_at_ms: "X-Amz-Date",
    lasts_seconds: "X-Amz-Expires",
    expires: "Expires",
    server_time: "ServerTime",
    skew_ms_max: "MaxAllowedSkewMilliseconds",
    sha256_given: "ClientComputedContentSHA256",
    sha256_computed: "S3ComputedContentSHA256",
}
