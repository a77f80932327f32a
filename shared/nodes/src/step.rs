//! From the interfaces there are to those that are wanted, one at a time.

use std::net::{Ipv4Addr, Ipv6Addr};

use kernel::{Ctx, Result};

use crate::{Node, Place, Wanted};

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// An interface is missing.
    Make(&'a Place),
    /// One is where none is wanted any more.
    Remove(&'a Node),
    /// One is in other groups.
    SetGroups(&'a Node),
    /// One has no address of IPv6, or one too many.
    SetSix(&'a Node),
    /// One has no public address, or one too many.
    SetPublic(&'a Node),
    /// One passes on what is others', or does not, and it should be otherwise.
    SetCarries(&'a Node),
}

impl Wanted {
    /// `None` when all is as wanted. New ones come before old ones go.
    pub fn next_step<'a>(&'a self, nodes: &'a [Node]) -> Option<Step<'a>> {
        let is_there = |place: &Place| nodes.iter().any(|node| node.subnet == place.subnet);
        let is_wanted = |node: &Node| self.places.iter().any(|place| place.subnet == node.subnet);
        let missing = self.places.iter().find(|place| !is_there(place)).map(Step::Make);
        let stray = || nodes.iter().find(|node| !is_wanted(node)).map(Step::Remove);
        let other = || nodes.iter().find(|node| node.security_groups != self.security_groups);
        let six = || nodes.iter().find(|node| node.ipv6.is_some() != self.has_six);
        let is_public = |node: &&Node| self.is_public || self.allocation(node).is_some();
        let public = || nodes.iter().find(|node| node.public_ip.is_some() != is_public(node));
        let carries = || nodes.iter().find(|node| node.carries != self.carries);
        missing
            .or_else(stray)
            .or_else(|| other().map(Step::SetGroups))
            .or_else(|| six().map(Step::SetSix))
            .or_else(|| public().map(Step::SetPublic))
            .or_else(|| carries().map(Step::SetCarries))
    }
}

impl Step<'_> {
    /// Does it. Before an interface or an address goes, `leave` is told which stay. Gives what has changed, to be written down.
    ///
    /// # Errors
    /// What EC2 or `leave` says.
    pub async fn take(
        self,
        ctx: &Ctx,
        wanted: &Wanted,
        nodes: &[Node],
        leave: impl AsyncFnOnce(Vec<Node>) -> Result<()>,
    ) -> Result<Change> {
        match self {
            Step::Make(place) => Ok(Change::Made(wanted.make(ctx, place).await?)),
            Step::Remove(stray) => {
                let change = Change::Removed(stray.interface.clone());
                leave(change.after(nodes)).await?;
                stray.remove(ctx).await?;
                Ok(change)
            }
            Step::SetCarries(node) => {
                node.set_carries(ctx, wanted.carries).await?;
                Ok(Change::Carries(node.interface.clone(), wanted.carries))
            }
            Step::SetSix(node) if wanted.has_six => {
                Ok(Change::Six(node.interface.clone(), Some(node.assign_six(ctx).await?)))
            }
            Step::SetSix(node) => {
                let change = Change::Six(node.interface.clone(), None);
                leave(change.after(nodes)).await?;
                node.unassign_six(ctx).await?;
                Ok(change)
            }
            Step::SetPublic(node) => {
                let change = Change::Public(node.interface.clone(), None);
                if node.public_ip.is_some() {
                    leave(change.after(nodes)).await?;
                }
                Ok(Change::Public(node.interface.clone(), wanted.set_public(ctx, node).await?))
            }
            Step::SetGroups(node) => {
                let groups = wanted.security_groups.clone();
                node.set_groups(ctx, &groups).await?;
                Ok(Change::Groups(node.interface.clone(), groups))
            }
        }
    }
}

/// What a step has changed.
#[derive(Debug)]
pub enum Change {
    Made(Node),
    /// By its id.
    Removed(String),
    /// By its id, with the groups it is in now.
    Groups(String, Vec<String>),
    /// By its id, with the address it has now.
    Six(String, Option<Ipv6Addr>),
    /// By its id, with the public address it has now.
    Public(String, Option<Ipv4Addr>),
    /// By its id, with whether it does now.
    Carries(String, bool),
}

impl Change {
    fn after(&self, nodes: &[Node]) -> Vec<Node> {
        let mut after = nodes.to_vec();
        self.note(&mut after);
        after
    }

    /// Brings what is known of the interfaces up to date.
    pub fn note(&self, nodes: &mut Vec<Node>) {
        match self {
            Change::Made(made) => {
                nodes.retain(|node| node.subnet != made.subnet);
                nodes.push(made.clone());
            }
            Change::Removed(id) => nodes.retain(|node| node.interface != *id),
            Change::Groups(id, groups) => {
                each(nodes, id, |node| node.security_groups.clone_from(groups));
            }
            Change::Six(id, address) => each(nodes, id, |node| node.ipv6 = *address),
            Change::Public(id, address) => each(nodes, id, |node| node.public_ip = *address),
            Change::Carries(id, carries) => each(nodes, id, |node| node.carries = *carries),
        }
    }
}

fn each(nodes: &mut [Node], id: &str, change: impl FnMut(&mut Node)) {
    nodes.iter_mut().filter(|node| node.interface == id).for_each(change);
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn node(subnet: &str) -> Node {
        Node {
            subnet: subnet.to_owned(),
            zone: "a".to_owned(),
            interface: format!("eni-{subnet}"),
            private_ip: Ipv4Addr::new(10, 0, 0, 4),
            public_ip: None,
            ipv6: None,
            carries: false,
            security_groups: vec!["sg-1".to_owned()],
        }
    }

    fn wanted(subnets: &[&str], group: &str) -> Wanted {
        let place = |subnet: &&str| Place { subnet: (*subnet).to_owned(), ..Place::default() };
        Wanted {
            places: subnets.iter().map(place).collect(),
            security_groups: vec![group.to_owned()],
            is_public: true,
            has_six: true,
            carries: true,
            ..Wanted::default()
        }
    }

    #[test]
    fn steps_lead_from_what_there_is_to_what_is_wanted_and_end() {
        let mut nodes = vec![node("1"), node("2")];
        let wanted = wanted(&["2", "3"], "sg-2");
        let mut taken = Vec::new();
        while let Some(step) = wanted.next_step(&nodes) {
            let (name, change) = match step {
                Step::Make(place) => (format!("make {}", place.subnet), Change::Made(node(&place.subnet))),
                Step::Remove(node) => {
                    (format!("remove {}", node.subnet), Change::Removed(node.interface.clone()))
                }
                Step::SetGroups(node) => {
                    let groups = wanted.security_groups.clone();
                    (format!("groups of {}", node.subnet), Change::Groups(node.interface.clone(), groups))
                }
                Step::SetCarries(node) => {
                    (format!("carry by {}", node.subnet), Change::Carries(node.interface.clone(), true))
                }
                Step::SetSix(node) => {
                    let given = Some(Ipv6Addr::LOCALHOST);
                    (format!("IPv6 of {}", node.subnet), Change::Six(node.interface.clone(), given))
                }
                Step::SetPublic(node) => {
                    let given = Some(Ipv4Addr::LOCALHOST);
                    (format!("publish {}", node.subnet), Change::Public(node.interface.clone(), given))
                }
            };
            change.note(&mut nodes);
            taken.push(name);
        }
        let made = ["make 3", "remove 1", "groups of 2", "groups of 3"];
        let set = ["IPv6 of 2", "IPv6 of 3", "publish 2", "publish 3", "carry by 2", "carry by 3"];
        assert_eq!(taken, [&made[..], &set[..]].concat());
        assert!(nodes.iter().all(|node| node.security_groups == ["sg-2"]));
    }
}
