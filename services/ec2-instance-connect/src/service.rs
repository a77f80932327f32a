//! The contents page of EC2 Instance Connect.

use std::sync::Arc;

use api_ec2_instance_connect::op;
use kernel::{Plugs, Service, ServiceBuilder};

use crate::ops::ssh_key;
use crate::{controllers, state};

/// The machines that keys are sent to.
#[derive(Clone)]
pub struct Machines(pub Arc<dyn compute::Machines>);

pub fn service(plugs: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&api_ec2_instance_connect::SERVICE);
    s.own(Machines(plugs.get()));
    s.op(op::SendSSHPublicKey, ssh_key::send_ssh_public_key).access(ssh_key::access);
    s.op(op::SendSerialConsoleSSHPublicKey, ssh_key::send_serial_console_ssh_public_key)
        .access(ssh_key::console_access);
    s.timer(state::ssh_key::END, controllers::ssh_key::end);
    s.build()
}
