//! The contents page of EC2 Instance Connect.

use std::sync::Arc;

use api_ec2_instance_connect::op;
use kernel::{Plugs, Service, ServiceBuilder};

use crate::ops::{console_key, ssh_key};
use crate::{controllers, state};

/// The machines that keys are sent to.
#[derive(Clone)]
pub struct Machines(pub Arc<dyn compute::Machines>);

/// Who may come to the consoles of machines.
#[derive(Clone)]
pub struct Consoles(pub Arc<compute::ConsoleKeys>);

pub fn service(plugs: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&api_ec2_instance_connect::SERVICE);
    s.own(Machines(plugs.get()));
    s.own(Consoles(plugs.get()));
    s.op(op::SendSSHPublicKey, ssh_key::send_ssh_public_key).access(ssh_key::access);
    s.op(op::SendSerialConsoleSSHPublicKey, console_key::send_serial_console_ssh_public_key)
        .access(console_key::access);
    s.timer(state::ssh_key::END, controllers::ssh_key::end);
    s.timer(state::console_key::END, controllers::console_key::end);
    s.on_open(controllers::console_key::admit_all);
    s.on_reset(controllers::console_key::forget_all);
    s.build()
}
