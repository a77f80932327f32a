//! The contents page: what EC2 serves.

mod network;
mod purchase;
mod storage;

use std::sync::Arc;

use api_ec2 as api;
use kernel::snapshot_blocks::SnapshotDesk;
use kernel::{Access, Plugs, Result, Scope, Service, ServiceBuilder};

use crate::controllers::alarm_action;
use crate::controllers::cpu_credits;
use crate::controllers::guest_agent::{self, Guests};
use crate::controllers::instance;
use crate::controllers::listener::Listeners;
use crate::controllers::metric;
use crate::controllers::network::Networks;
use crate::controllers::role_credentials::{self, RoleCredentials};
use crate::controllers::status::{self, Probes};
use crate::controllers::transfer;
use crate::ops::instance::access_to;
use crate::ops::{
    self, instance_attribute, instance_state, instance_status, instance_type, key_pair, launch,
    serial_console,
};
use crate::rules::capacity::Overcommit;
use crate::rules::machine::{self, Usual};
use crate::state::instance::FORGET;
use crate::state::public_address::Pool;

/// The machinery EC2 stands on.
#[derive(Clone)]
pub struct Engines {
    pub machines: Arc<dyn compute::Machines>,
    pub networks: Arc<dyn net::Networks>,
    pub volumes: Arc<dyn block::Volumes>,
}

/// The setting with the range public addresses are taken from.
const PUBLIC_ADDRESSES: &str = "ec2.public-addresses";

/// The setting with the name servers that are asked for names of the world.
const NAME_SERVERS: &str = "ec2.name-servers";

/// The setting with the factor by which memory may be promised beyond what there is.
const OVERCOMMIT: &str = "ec2.overcommit";
/// The setting with the factor by which what is archived comes back faster, S3's objects too.
const RESTORE_SPEED: &str = "s3.restore-speed";
/// The setting that is there when instances end with the cloud.
const INSTANCES_END: &str = "ec2.instances-end";
/// The setting with the kind of instances that are not tagged with one: `container` or `microvm`.
const MACHINES: &str = "ec2.machines";

/// EC2 on the engines and settings it is given.
///
/// Panics when an engine is missing, or a setting does not read: mistakes in the binary.
pub fn service(plugs: &Plugs) -> Service {
    let engines = Engines { machines: plugs.get(), networks: plugs.get(), volumes: plugs.get() };
    let pool = plugs.setting(PUBLIC_ADDRESSES).map_or(Pool::DEFAULT, |range| {
        Pool(range.parse().unwrap_or_else(|_| panic!("{PUBLIC_ADDRESSES}: {range} is no range of IPv4")))
    });
    let mut s = ServiceBuilder::new(&api::SERVICE);
    let speed = plugs.setting(RESTORE_SPEED).and_then(|speed| speed.parse().ok());
    s.own(ops::snapshot_tier::Speed(speed.unwrap_or(1)));
    let overcommit = plugs.setting(OVERCOMMIT).map_or(Overcommit::DEFAULT, |factor| {
        Overcommit::parse(factor)
            .unwrap_or_else(|| panic!("{OVERCOMMIT}: {factor} is no factor from 0.01 to 1000"))
    });
    s.own(overcommit);
    s.own(instance::EndWithCloud(plugs.setting(INSTANCES_END).is_some()));
    s.own(plugs.setting(MACHINES).map_or(Usual::default(), |name| {
        Usual(machine::find(name).unwrap_or_else(|| panic!("{MACHINES}: {name} is no kind of machine")))
    }));
    s.own(pool);
    s.own(crate::controllers::dns::NamesPlug(plugs.find()));
    s.own(Networks::new(engines.networks.clone()));
    if let Some(desk) = plugs.find::<Arc<SnapshotDesk>>() {
        desk.open(Arc::new(ops::snapshot_blocks::Desk(engines.volumes.clone())));
    }
    s.own(engines);
    // Instances first: what they live in is let go after them.
    instances(&mut s);
    // After the machines that hold them.
    storage::volumes(&mut s);
    storage::images(&mut s);
    storage::imports(&mut s);
    storage::exports(&mut s);
    storage::stored_images(&mut s);
    profiles(&mut s);
    launch_templates(&mut s);
    purchase::purchase(&mut s);
    purchase::placement(&mut s);
    s.resource_facts(ops::resource_facts::find);
    network::networks(&mut s, plugs);
    network::vpcs(&mut s);
    network::routing(&mut s);
    network::interfaces(&mut s);
    network::groups(&mut s);
    network::endpoints(&mut s, plugs);
    s.build()
}

/// On no resource in particular: looking is allowed or it is not.
fn any<I>(_: &Scope, _: &I) -> Result<Access> {
    Ok(Access::any())
}

/// Every minute is often enough for what only a crash leaves behind.
const ORPHANS_EVERY_MS: i64 = 60_000;

/// On a resource of a kind that a request names, or on any of the account.
fn on(scope: &Scope, kind: &str, id: Option<&str>) -> Result<Access> {
    Ok(Access::on(scope.arn("ec2", format_args!("{kind}/{}", id.unwrap_or("*")))))
}

fn instances(s: &mut ServiceBuilder) {
    s.own(Listeners::default());
    // What a launch touches comes out by looking: it asks the gate itself.
    s.op(api::op::RunInstances, launch::run_instances).access(|_, _| Ok(Access::free()));
    s.op(api::op::DescribeInstances, ops::instance::describe_instances).access(any);
    s.op(api::op::StartInstances, instance_state::start_instances)
        .access(|s, i| access_to(s, &i.instance_ids));
    s.op(api::op::StopInstances, instance_state::stop_instances).access(|s, i| access_to(s, &i.instance_ids));
    s.op(api::op::RebootInstances, instance_state::reboot_instances)
        .access(|s, i| access_to(s, &i.instance_ids));
    s.op(api::op::TerminateInstances, instance_state::terminate_instances)
        .access(|s, i| access_to(s, &i.instance_ids));
    s.op(api::op::DescribeInstanceStatus, instance_status::describe_instance_status).access(any);
    s.op(api::op::ReportInstanceStatus, instance_status::report_instance_status)
        .access(|s, i| access_to(s, &i.instances));
    s.op(api::op::MonitorInstances, instance_status::monitor_instances)
        .access(|s, i| access_to(s, &i.instance_ids));
    s.op(api::op::UnmonitorInstances, instance_status::unmonitor_instances)
        .access(|s, i| access_to(s, &i.instance_ids));
    s.op(api::op::ModifyInstanceMaintenanceOptions, instance_status::modify_instance_maintenance_options)
        .access(|s, i| access_to(s, [&i.instance_id]));
    s.op(api::op::ModifyInstanceEventStartTime, ops::scheduled_event::modify_instance_event_start_time)
        .access(|s, i| access_to(s, [&i.instance_id]));
    s.route("POST", ops::scheduled_event::PATH, ops::scheduled_event::raise);
    s.route("DELETE", ops::scheduled_event::PATH, ops::scheduled_event::cancel);
    s.timer(crate::state::scheduled_event::DUE, crate::controllers::scheduled_event::due);
    s.own(Probes::default());
    s.sweep("ec2/status", status::EVERY_MS, status::check_all);
    s.own(Guests::default());
    s.sweep("ec2/guest-agent", guest_agent::EVERY_MS, guest_agent::work_all);
    s.on_open(guest_agent::open);
    s.on_reset(guest_agent::forget_all);
    s.own(metric::Looks::default());
    s.sweep("ec2/metrics", metric::EVERY_MS, metric::put_all);
    s.own(transfer::Counted::default());
    s.sweep("ec2/transfer", transfer::EVERY_MS, transfer::meter_all);
    s.subscribe(
        alarm_action::NAME,
        Some(alarm_action::SOURCE),
        Some(alarm_action::DETAIL_TYPE),
        alarm_action::take,
    );
    s.op(api::op::EnableSerialConsoleAccess, serial_console::enable_serial_console_access).access(any);
    s.op(api::op::DisableSerialConsoleAccess, serial_console::disable_serial_console_access).access(any);
    s.op(api::op::GetSerialConsoleAccessStatus, serial_console::get_serial_console_access_status).access(any);
    s.op(api::op::GetConsoleOutput, instance_status::get_console_output)
        .access(|s, i| access_to(s, [&i.instance_id]));
    s.op(
        api::op::DescribeInstanceCreditSpecifications,
        ops::cpu_credits::describe_instance_credit_specifications,
    )
    .access(any);
    s.op(api::op::ModifyInstanceCreditSpecification, ops::cpu_credits::modify_instance_credit_specification)
        .access(|s, i| access_to(s, i.instance_credit_specifications.iter().map(|one| &one.instance_id)));
    s.op(api::op::GetDefaultCreditSpecification, ops::cpu_credits::get_default_credit_specification)
        .access(any);
    s.op(api::op::ModifyDefaultCreditSpecification, ops::cpu_credits::modify_default_credit_specification)
        .access(any);
    s.sweep("ec2/cpu-credits", cpu_credits::EVERY_MS, cpu_credits::keep_all);
    s.op(api::op::DescribeInstanceAttribute, instance_attribute::describe_instance_attribute)
        .access(|s, i| access_to(s, [&i.instance_id]));
    s.op(api::op::ModifyInstanceAttribute, instance_attribute::modify_instance_attribute)
        .access(|s, i| access_to(s, [&i.instance_id]));
    s.op(api::op::ModifyPrivateDnsNameOptions, ops::private_name::modify_private_dns_name_options)
        .access(|s, i| access_to(s, [&i.instance_id]));
    s.op(api::op::ModifyInstanceMetadataOptions, instance_attribute::modify_instance_metadata_options)
        .access(|s, i| access_to(s, [&i.instance_id]));

    s.op(api::op::CreateKeyPair, key_pair::create_key_pair)
        .access(|s, i| key_pair::access(s, Some(&i.key_name)));
    s.op(api::op::ImportKeyPair, key_pair::import_key_pair)
        .access(|s, i| key_pair::access(s, Some(&i.key_name)));
    s.op(api::op::DeleteKeyPair, key_pair::delete_key_pair)
        .access(|s, i| key_pair::access(s, i.key_name.as_deref()));
    s.op(api::op::DescribeKeyPairs, key_pair::describe_key_pairs).access(any);
    s.op(api::op::DescribeInstanceTypes, instance_type::describe_instance_types).access(any);
    s.op(api::op::DescribeInstanceTypeOfferings, instance_type::describe_instance_type_offerings).access(any);

    s.controller(
        instance::CONTROLLER,
        instance::CONCURRENCY,
        instance::SWEEP_EVERY_MS,
        instance::list,
        instance::reconcile,
    );
    s.timer(FORGET, instance::forget);
    s.sweep("ec2/usage", USAGE_EVERY_MS, instance::meter);
    s.on_open(instance::open);
    s.on_close(instance::stop_all);
    s.on_reset(instance::remove_all);
}

fn profiles(s: &mut ServiceBuilder) {
    use ops::instance_profile;

    s.own(RoleCredentials::default());
    s.on_reset(role_credentials::forget_all);
    s.op(api::op::AssociateIamInstanceProfile, instance_profile::associate_iam_instance_profile)
        .access(|s, i| access_to(s, [&i.instance_id]));
    s.op(
        api::op::DescribeIamInstanceProfileAssociations,
        instance_profile::describe_iam_instance_profile_associations,
    )
    .access(any);
    // Whose profile it is comes out by looking.
    s.op(api::op::DisassociateIamInstanceProfile, instance_profile::disassociate_iam_instance_profile)
        .access(|_, _| Ok(Access::free()));
    s.op(
        api::op::ReplaceIamInstanceProfileAssociation,
        instance_profile::replace_iam_instance_profile_association,
    )
    .access(|_, _| Ok(Access::free()));
}

fn launch_templates(s: &mut ServiceBuilder) {
    use ops::{launch_template as template, launch_template_version as version};

    s.op(api::op::CreateLaunchTemplate, template::create_launch_template).access(template::create_access);
    s.op(api::op::ModifyLaunchTemplate, template::modify_launch_template)
        .access(|s, i| template::access(s, i.launch_template_id.as_ref(), i.launch_template_name.is_some()));
    s.op(api::op::DeleteLaunchTemplate, template::delete_launch_template)
        .access(|s, i| template::access(s, i.launch_template_id.as_ref(), i.launch_template_name.is_some()));
    s.op(api::op::DescribeLaunchTemplates, template::describe_launch_templates).access(any);
    s.op(api::op::GetLaunchTemplateData, template::get_launch_template_data).access(any);
    s.op(api::op::CreateLaunchTemplateVersion, version::create_launch_template_version)
        .access(|s, i| template::access(s, i.launch_template_id.as_ref(), i.launch_template_name.is_some()));
    s.op(api::op::DeleteLaunchTemplateVersions, version::delete_launch_template_versions)
        .access(|s, i| template::access(s, i.launch_template_id.as_ref(), i.launch_template_name.is_some()));
    s.op(api::op::DescribeLaunchTemplateVersions, version::describe_launch_template_versions).access(any);
}

/// Usage of what runs is written down every hour; of what stops, when it does.
const USAGE_EVERY_MS: i64 = 3_600_000;
