//! Security policies by name: which versions of TLS a listener speaks (user guide, "Security policies").

use balance::Versions;
use kernel::Result;

use crate::errors;

/// What listeners have that name none.
pub const USUAL: &str = "ELBSecurityPolicy-2016-08";

/// Names, with the versions they allow by AWS's word and those that are spoken here. TLS 1.0 and 1.1 are not.
pub const POLICIES: &[(&str, &[&str], Versions)] = &[
    ("ELBSecurityPolicy-TLS13-1-3-2021-06", &["TLSv1.3"], Versions::Tls13),
    ("ELBSecurityPolicy-TLS13-1-2-2021-06", &["TLSv1.2", "TLSv1.3"], Versions::Tls12And13),
    ("ELBSecurityPolicy-TLS13-1-2-Res-2021-06", &["TLSv1.2", "TLSv1.3"], Versions::Tls12And13),
    ("ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06", &["TLSv1.2", "TLSv1.3"], Versions::Tls12And13),
    ("ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", &["TLSv1.2", "TLSv1.3"], Versions::Tls12And13),
    ("ELBSecurityPolicy-TLS13-1-1-2021-06", &["TLSv1.1", "TLSv1.2", "TLSv1.3"], Versions::Tls12And13),
    (
        "ELBSecurityPolicy-TLS13-1-0-2021-06",
        &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"],
        Versions::Tls12And13,
    ),
    ("ELBSecurityPolicy-2016-08", &["TLSv1", "TLSv1.1", "TLSv1.2"], Versions::Tls12),
    ("ELBSecurityPolicy-TLS-1-2-2017-01", &["TLSv1.2"], Versions::Tls12),
    ("ELBSecurityPolicy-TLS-1-2-Ext-2018-06", &["TLSv1.2"], Versions::Tls12),
    ("ELBSecurityPolicy-TLS-1-1-2017-01", &["TLSv1.1", "TLSv1.2"], Versions::Tls12),
    ("ELBSecurityPolicy-FS-2018-06", &["TLSv1", "TLSv1.1", "TLSv1.2"], Versions::Tls12),
    ("ELBSecurityPolicy-FS-1-1-2019-08", &["TLSv1.1", "TLSv1.2"], Versions::Tls12),
    ("ELBSecurityPolicy-FS-1-2-2019-08", &["TLSv1.2"], Versions::Tls12),
    ("ELBSecurityPolicy-FS-1-2-Res-2019-08", &["TLSv1.2"], Versions::Tls12),
    ("ELBSecurityPolicy-FS-1-2-Res-2020-10", &["TLSv1.2"], Versions::Tls12),
];

/// Suites that are spoken, best first, as OpenSSL names them.
pub const SUITES_13: [&str; 3] =
    ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];
pub const SUITES_12: [&str; 4] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
];

/// # Errors
/// `SSLPolicyNotFound`.
pub fn versions(name: &str) -> Result<Versions> {
    let found = POLICIES.iter().find(|(policy, ..)| *policy == name);
    found.map(|(.., versions)| *versions).ok_or_else(|| errors::ssl_policy_not_found(name))
}
