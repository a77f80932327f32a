//! From the interfaces there are to those that are wanted, one at a time.

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

/// What there is after a step has been made. `made` is the new interface of [`Step::Make`].
impl Step<'_> {
    /// Tells the interfaces there are of what has been done; `groups` are those they should be in.
    pub fn note(&self, nodes: &mut Vec<Node>, made: Option<&Node>, groups: &[String]) {
        match self {
            Step::Make(place) => {
                nodes.retain(|node| node.subnet != place.subnet);
                nodes.extend(made.cloned());
            }
            Step::Remove(stray) => nodes.retain(|node| node.interface != stray.interface),
            Step::SetGroups(other) => {
                for node in nodes.iter_mut().filter(|node| node.interface == other.interface) {
                    node.security_groups = groups.to_vec();
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
        while let Some(step) = wanted.next_step(&nodes.clone()) {
            let made = node("3");
            step.note(&mut nodes, Some(&made), &wanted.security_groups);
            taken.push(match step {
                Step::Make(place) => format!("make {}", place.subnet),
                Step::Remove(node) => format!("remove {}", node.subnet),
                Step::SetGroups(node) => format!("groups of {}", node.subnet),
            });
        }
        assert_eq!(taken, ["make 3", "remove 1", "groups of 2", "groups of 3"]);
        assert!(nodes.iter().all(|node| node.security_groups == ["sg-2"]));
    }
}
