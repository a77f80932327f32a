//! An instance for tests.

use std::net::Ipv4Addr;

use crate::state::id::{Id, ImageId, InstanceId, InterfaceId, ReservationId, SubnetId, VolumeId, VpcId};
use crate::state::instance::{
    Capacity, Desired, Instance, Maintenance, MetadataOptions, Observed, OnShutdown, Place, Power, RootVolume,
};
use crate::state::subnet::NameOptions;

pub(crate) fn sample() -> Instance {
    fn id<I: Id>() -> I {
        I::parse(&format!("{}12345678", I::PREFIX)).expect("a well-formed id")
    }
    Instance {
        id: id::<InstanceId>(),
        reservation: id::<ReservationId>(),
        launch_index: 0,
        client_token: None,
        created_at: 0,
        launched_at: 0,
        image: id::<ImageId>(),
        instance_type: "t3.micro".to_owned(),
        key_name: None,
        public_key: None,
        user_data: None,
        interface: id::<InterfaceId>(),
        vpc: id::<VpcId>(),
        subnet: id::<SubnetId>(),
        zone: "us-east-1a".to_owned(),
        private_ip: Ipv4Addr::new(172, 31, 0, 4),
        metadata: MetadataOptions::default(),
        profile: None,
        termination_protected: false,
        stop_protected: false,
        on_shutdown: OnShutdown::Stop,
        monitoring: false,
        root: RootVolume {
            id: id::<VolumeId>(),
            size_gib: 8,
            volume_type: "gp2".to_owned(),
            delete_on_termination: true,
        },
        cpu_credits: None,
        ebs_optimized: false,
        spot: None,
        capacity: Capacity::default(),
        place: Place::default(),
        maintenance: Maintenance::default(),
        names: NameOptions::default(),
        desired: Desired { power: Power::Running, generation: 1, reboots: 0, force: false, at: 0 },
        observed: Observed::default(),
        state_since: 0,
    }
}
