//! The service's own name in policies: one in each region, `logs.us-east-1.amazonaws.com`.

const NAMES: [&str; 34] = [
    "logs.af-south-1",
    "logs.ap-east-1",
    "logs.ap-northeast-1",
    "logs.ap-northeast-2",
    "logs.ap-northeast-3",
    "logs.ap-south-1",
    "logs.ap-south-2",
    "logs.ap-southeast-1",
    "logs.ap-southeast-2",
    "logs.ap-southeast-3",
    "logs.ap-southeast-4",
    "logs.ap-southeast-5",
    "logs.ap-southeast-7",
    "logs.ca-central-1",
    "logs.ca-west-1",
    "logs.cn-north-1",
    "logs.cn-northwest-1",
    "logs.eu-central-1",
    "logs.eu-central-2",
    "logs.eu-north-1",
    "logs.eu-south-1",
    "logs.eu-south-2",
    "logs.eu-west-1",
    "logs.eu-west-2",
    "logs.eu-west-3",
    "logs.il-central-1",
    "logs.me-central-1",
    "logs.me-south-1",
    "logs.mx-central-1",
    "logs.sa-east-1",
    "logs.us-east-1",
    "logs.us-east-2",
    "logs.us-west-1",
    "logs.us-west-2",
];

/// Without `.amazonaws.com`. Regions that AWS does not have share one name.
pub fn of_region(region: &str) -> &'static str {
    NAMES.into_iter().find(|name| name.strip_prefix("logs.") == Some(region)).unwrap_or("logs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_region_has_its_own() {
        assert_eq!((of_region("eu-west-1"), of_region("moon-1")), ("logs.eu-west-1", "logs"));
        assert!(NAMES.is_sorted());
    }
}
