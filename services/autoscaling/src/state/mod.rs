//! How groups and what belongs to them are stored.

pub mod activity;
pub mod chore;
pub mod forecast;
pub mod group;
pub mod hook;
pub mod instance;
pub mod launch_configuration;
pub mod policy;
pub mod refresh;
pub mod scheduled_action;

#[cfg(test)]
mod tests {
    use api_autoscaling as api;
    use kept::{Kept, alike, overlaid};

    #[test]
    fn what_is_kept_reads_back_and_goes_by_names() {
        let asked = api::CreateAutoScalingGroupType {
            auto_scaling_group_name: "g".to_owned(),
            min_size: 1,
            tags: Some(vec![api::Tag { key: "k".to_owned(), ..Default::default() }]),
            ..Default::default()
        };
        let text = serde_json::to_string(&Kept(asked)).unwrap();
        let back: Kept<api::CreateAutoScalingGroupType> = serde_json::from_str(&text).unwrap();
        assert_eq!(back.0.tags.unwrap()[0].key, "k");
        let change = api::UpdateAutoScalingGroupType {
            auto_scaling_group_name: "g".to_owned(),
            max_size: Some(4),
            ..Default::default()
        };
        let base = api::CreateAutoScalingGroupType { min_size: 1, max_size: 2, ..Default::default() };
        let merged = overlaid(&base, &change);
        assert_eq!((merged.min_size, merged.max_size), (1, 4));
        let shown: api::AutoScalingGroup = alike(&merged);
        assert_eq!(shown.max_size, 4);
        assert!(serde_json::from_str::<Kept<api::Tag>>("3").is_err());
    }
}
