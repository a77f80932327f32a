//! Service-linked roles: which services have them, and what they are called. Source: the user guides of the services,
//! each under "Using service-linked roles".

use kernel::Result;

use crate::errors;

/// Where such roles lie, and no others.
pub const PATH: &str = "/aws-service-role/";

struct Service {
    principal: &'static str,
    role: &'static str,
    /// Several may be made, told apart by a suffix.
    has_suffix: bool,
}

const fn one(principal: &'static str, role: &'static str) -> Service {
    Service { principal, role, has_suffix: false }
}

const SERVICES: &[Service] = &[
    Service {
        principal: "autoscaling.amazonaws.com",
        role: "AWSServiceRoleForAutoScaling",
        has_suffix: true,
    },
    one(
        "dynamodb.application-autoscaling.amazonaws.com",
        "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable",
    ),
    one(
        "ec2.application-autoscaling.amazonaws.com",
        "AWSServiceRoleForApplicationAutoScaling_EC2SpotFleetRequest",
    ),
    one("ecs.application-autoscaling.amazonaws.com", "AWSServiceRoleForApplicationAutoScaling_ECSService"),
    one("ecs.amazonaws.com", "AWSServiceRoleForECS"),
    one("eks-fargate.amazonaws.com", "AWSServiceRoleForAmazonEKSForFargate"),
    one("eks-nodegroup.amazonaws.com", "AWSServiceRoleForAmazonEKSNodegroup"),
    one("eks.amazonaws.com", "AWSServiceRoleForAmazonEKS"),
    one("elasticache.amazonaws.com", "AWSServiceRoleForElastiCache"),
    one("elasticbeanstalk.amazonaws.com", "AWSServiceRoleForElasticBeanstalk"),
    one("elasticloadbalancing.amazonaws.com", "AWSServiceRoleForElasticLoadBalancing"),
    one(
        "lambda.application-autoscaling.amazonaws.com",
        "AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency",
    ),
    one("logger.cloudfront.amazonaws.com", "AWSServiceRoleForCloudFrontLogger"),
    one("ops.apigateway.amazonaws.com", "AWSServiceRoleForAPIGateway"),
    one("organizations.amazonaws.com", "AWSServiceRoleForOrganizations"),
    one("rds.amazonaws.com", "AWSServiceRoleForRDS"),
    one("rds.application-autoscaling.amazonaws.com", "AWSServiceRoleForApplicationAutoScaling_RDSCluster"),
    one("replication.ecr.amazonaws.com", "AWSServiceRoleForECRReplication"),
    one("replicator.lambda.amazonaws.com", "AWSServiceRoleForLambdaReplicator"),
    one("spot.amazonaws.com", "AWSServiceRoleForEC2Spot"),
    one("spotfleet.amazonaws.com", "AWSServiceRoleForEC2SpotFleet"),
    one("ssm.amazonaws.com", "AWSServiceRoleForAmazonSSM"),
];

/// What a service's role is called; `None` for a service without one.
pub fn name_of(principal: &str) -> Option<&'static str> {
    SERVICES.iter().find(|service| service.principal == principal).map(|service| service.role)
}

/// The name of a role to be made for a service.
///
/// # Errors
/// When the service has no such roles, or not several.
pub fn name(principal: &str, suffix: Option<&str>) -> Result<String> {
    let service = SERVICES.iter().find(|service| service.principal == principal);
    let service = service.ok_or_else(|| errors::no_linked_roles(principal))?;
    match suffix {
        None => Ok(service.role.to_owned()),
        Some(suffix) if service.has_suffix => Ok(format!("{}_{suffix}", service.role)),
        Some(_) => Err(errors::no_suffix(principal)),
    }
}

/// Who may take such a role on: its service.
pub fn trust(principal: &str) -> String {
    let statement = serde_json::json!({
        "Effect": "Allow", "Principal": { "Service": principal }, "Action": "sts:AssumeRole",
    });
    serde_json::json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_services_own() {
        assert_eq!(name("spot.amazonaws.com", None).unwrap(), "AWSServiceRoleForEC2Spot");
        assert_eq!(name("autoscaling.amazonaws.com", Some("x")).unwrap(), "AWSServiceRoleForAutoScaling_x");
        assert!(name("spot.amazonaws.com", Some("x")).is_err());
        assert!(name("sqs.amazonaws.com", None).is_err());
    }
}
