//! An instance type as the API shows it, and by what it can be sought.

use api_ec2 as api;

use super::instance_type::InstanceType;

pub const FILTERS: &[&str] = &[
    "auto-recovery-supported",
    "bare-metal",
    "burstable-performance-supported",
    "current-generation",
    "dedicated-hosts-supported",
    "free-tier-eligible",
    "hibernation-supported",
    "hypervisor",
    "instance-storage-info.disk.count",
    "instance-storage-info.disk.size-in-gb",
    "instance-storage-info.disk.type",
    "instance-storage-info.total-size-in-gb",
    "instance-storage-supported",
    "instance-type",
    "memory-info.size-in-mib",
    "network-info.bandwidth-weightings",
    "network-info.efa-info.maximum-efa-interfaces",
    "network-info.efa-supported",
    "network-info.ena-support",
    "network-info.encryption-in-transit-supported",
    "network-info.flexible-ena-queues-support",
    "network-info.ipv4-addresses-per-interface",
    "network-info.ipv6-addresses-per-interface",
    "network-info.ipv6-supported",
    "network-info.maximum-network-cards",
    "network-info.maximum-network-interfaces",
    "network-info.network-performance",
    "nitro-enclaves-support",
    "nitro-tpm-info.supported-versions",
    "nitro-tpm-support",
    "processor-info.supported-architecture",
    "processor-info.supported-features",
    "reboot-migration-support",
    "supported-boot-mode",
    "supported-root-device-type",
    "supported-usage-class",
    "supported-virtualization-type",
    "vcpu-info.default-cores",
    "vcpu-info.default-threads-per-core",
    "vcpu-info.default-vcpus",
    "vcpu-info.valid-cores",
    "vcpu-info.valid-threads-per-core",
];

const BOOT_MODE: &str = "legacy-bios";
const USAGE_CLASSES: [&str; 2] = ["on-demand", "spot"];

/// What a type has under a filter's name.
pub fn values(t: &InstanceType, name: &str) -> Vec<String> {
    let disks = |value: fn(&super::instance_type::Disks) -> String| t.disks.as_ref().map(value);
    let text = match name {
        "bare-metal"
        | "hibernation-supported"
        | "network-info.efa-supported"
        | "network-info.encryption-in-transit-supported" => "false".to_owned(),
        "auto-recovery-supported" | "dedicated-hosts-supported" | "network-info.ipv6-supported" => {
            "true".to_owned()
        }
        "network-info.ena-support" => "supported".to_owned(),
        "network-info.flexible-ena-queues-support"
        | "nitro-enclaves-support"
        | "nitro-tpm-support"
        | "reboot-migration-support" => "unsupported".to_owned(),
        "network-info.maximum-network-cards" => "1".to_owned(),
        "supported-boot-mode" => BOOT_MODE.to_owned(),
        "burstable-performance-supported" => t.is_burstable().to_string(),
        "current-generation" => is_current(t).to_string(),
        "free-tier-eligible" => is_free(t).to_string(),
        "hypervisor" => t.hypervisor.to_owned(),
        "instance-storage-info.disk.count" => return disks(|d| d.count.to_string()).into_iter().collect(),
        "instance-storage-info.disk.size-in-gb" => {
            return disks(|d| d.size_gb.to_string()).into_iter().collect();
        }
        "instance-storage-info.disk.type" => return disks(|d| d.kind.to_owned()).into_iter().collect(),
        "instance-storage-info.total-size-in-gb" => {
            return disks(|d| (d.count * d.size_gb).to_string()).into_iter().collect();
        }
        "instance-storage-supported" => t.disks.is_some().to_string(),
        "instance-type" => t.name.to_owned(),
        "memory-info.size-in-mib" => t.memory_mib.to_string(),
        "network-info.ipv4-addresses-per-interface" | "network-info.ipv6-addresses-per-interface" => {
            t.addresses_per_interface.to_string()
        }
        "network-info.maximum-network-interfaces" => t.interfaces.to_string(),
        "network-info.network-performance" => t.network.to_owned(),
        "processor-info.supported-architecture" => t.architecture.to_owned(),
        "supported-root-device-type" => "ebs".to_owned(),
        "supported-usage-class" => return USAGE_CLASSES.map(str::to_owned).to_vec(),
        "supported-virtualization-type" => "hvm".to_owned(),
        "vcpu-info.default-cores" | "vcpu-info.valid-cores" => t.cores.to_string(),
        "vcpu-info.default-threads-per-core" | "vcpu-info.valid-threads-per-core" => {
            t.threads_per_core().to_string()
        }
        "vcpu-info.default-vcpus" => t.vcpus.to_string(),
        _ => return Vec::new(),
    };
    vec![text]
}

/// AWS still recommends all but its first generation.
fn is_current(t: &InstanceType) -> bool {
    !t.name.starts_with("m1.")
}

fn is_free(t: &InstanceType) -> bool {
    matches!(t.name, "t2.micro" | "t3.micro")
}

fn int(value: u32) -> Option<i32> {
    i32::try_from(value).ok()
}

fn long(value: impl Into<u64>) -> Option<i64> {
    i64::try_from(value.into()).ok()
}

fn words(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

pub fn show(t: &InstanceType) -> api::InstanceTypeInfo {
    api::InstanceTypeInfo {
        instance_type: Some(t.name.to_owned()),
        current_generation: Some(is_current(t)),
        free_tier_eligible: Some(is_free(t)),
        supported_usage_classes: words(&USAGE_CLASSES),
        supported_root_device_types: words(&["ebs"]),
        supported_virtualization_types: words(&["hvm"]),
        bare_metal: Some(false),
        hypervisor: Some(t.hypervisor.to_owned()),
        processor_info: Some(api::ProcessorInfo {
            supported_architectures: words(&[t.architecture]),
            ..Default::default()
        }),
        v_cpu_info: Some(api::VCpuInfo {
            default_v_cpus: int(t.vcpus),
            default_cores: int(t.cores),
            default_threads_per_core: int(t.threads_per_core()),
            ..Default::default()
        }),
        memory_info: Some(api::MemoryInfo { size_in_mi_b: long(t.memory_mib) }),
        instance_storage_supported: Some(t.disks.is_some()),
        instance_storage_info: storage(t),
        network_info: Some(network(t)),
        gpu_info: gpus(t),
        hibernation_supported: Some(false),
        burstable_performance_supported: Some(t.is_burstable()),
        dedicated_hosts_supported: Some(true),
        auto_recovery_supported: Some(true),
        supported_boot_modes: words(&[BOOT_MODE]),
        nitro_enclaves_support: Some("unsupported".to_owned()),
        nitro_tpm_support: Some("unsupported".to_owned()),
        ..Default::default()
    }
}

fn storage(t: &InstanceType) -> Option<api::InstanceStorageInfo> {
    let disks = t.disks.as_ref()?;
    let disk = api::DiskInfo {
        size_in_gb: long(disks.size_gb),
        count: int(disks.count),
        r#type: Some(disks.kind.to_owned()),
    };
    Some(api::InstanceStorageInfo {
        total_size_in_gb: long(disks.size_gb * disks.count),
        disks: Some(vec![disk]),
        ..Default::default()
    })
}

fn network(t: &InstanceType) -> api::NetworkInfo {
    let card = api::NetworkCardInfo {
        network_card_index: Some(0),
        network_performance: Some(t.network.to_owned()),
        maximum_network_interfaces: int(t.interfaces),
        ..Default::default()
    };
    api::NetworkInfo {
        network_performance: Some(t.network.to_owned()),
        maximum_network_interfaces: int(t.interfaces),
        maximum_network_cards: Some(1),
        default_network_card_index: Some(0),
        network_cards: Some(vec![card]),
        ipv4_addresses_per_interface: int(t.addresses_per_interface),
        ipv6_supported: Some(true),
        ipv6_addresses_per_interface: int(t.addresses_per_interface),
        ena_support: Some("supported".to_owned()),
        efa_supported: Some(false),
        ..Default::default()
    }
}

fn gpus(t: &InstanceType) -> Option<api::GpuInfo> {
    let accelerators = t.accelerators.as_ref()?;
    let gpu = api::GpuDeviceInfo {
        name: Some(accelerators.name.to_owned()),
        manufacturer: Some(accelerators.manufacturer.to_owned()),
        count: int(accelerators.count),
        memory_info: Some(api::GpuDeviceMemoryInfo { size_in_mi_b: int(accelerators.memory_mib) }),
        ..Default::default()
    };
    Some(api::GpuInfo {
        gpus: Some(vec![gpu]),
        total_gpu_memory_in_mi_b: int(accelerators.memory_mib * accelerators.count),
    })
}
