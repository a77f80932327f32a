//! From the interfaces there are to those that are wanted, one at a time.

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
}

impl Wanted {
    /// `None` when all is as wanted. New ones come before old ones go.
    pub fn next_step<'a>(&'a self, nodes: &'a [Node]) -> Option<Step<'a>> {
        let is_there = |place: &Place| nodes.iter().any(|node| node.subnet == place.subnet);
        let is_wanted = |node: &Node| self.places.iter().any(|place| place.subnet == node.subnet);
        let missing = self.places.iter().find(|place| !is_there(place)).map(Step::Make);
        let stray = || nodes.iter().find(|node| !is_wanted(node)).map(Step::Remove);
        let other = || nodes.iter().find(|node| node.security_groups != self.security_groups);
        missing.or_else(stray).or_else(|| other().map(Step::SetGroups))
    }
}

impl Step<'_> {
    /// Does it. Before an interface goes, `leave` is told which stay. Gives what has changed, to be written down.
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
                let mut kept = nodes.to_vec();
                change.note(&mut kept);
                leave(kept).await?;
                stray.remove(ctx).await?;
                Ok(change)
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
}

impl Change {
    /// Brings what is known of the interfaces up to date.
    pub fn note(&self, nodes: &mut Vec<Node>) {
        match self {
            Change::Made(made) => {
                nodes.retain(|node| node.subnet != made.subnet);
                nodes.push(made.clone());
            }
            Change::Removed(id) => nodes.retain(|node| node.interface != *id),
            Change::Groups(id, groups) => {
                for node in nodes.iter_mut().filter(|node| node.interface == *id) {
                    node.security_groups.clone_from(groups);
                }
            }
        }
    }
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
            security_groups: vec!["sg-1".to_owned()],
        }
    }

    fn wanted(subnets: &[&str], group: &str) -> Wanted {
        let place = |subnet: &&str| Place { subnet: (*subnet).to_owned(), ..Place::default() };
        Wanted {
            places: subnets.iter().map(place).collect(),
            security_groups: vec![group.to_owned()],
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
            };
            change.note(&mut nodes);
            taken.push(name);
        }
        assert_eq!(taken, ["make 3", "remove 1", "groups of 2", "groups of 3"]);
        assert!(nodes.iter().all(|node| node.security_groups == ["sg-2"]));
    }
}
