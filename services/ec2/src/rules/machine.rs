//! Which kind of machine an instance is: a tag of its own says so, else what this cloud was told.

use compute::Kind;
use kernel::Result;

use crate::errors;
use crate::state::tag::Tags;

/// The tag's key. It is looked at whenever the instance starts.
pub const TAG: &str = "cloudlet:machine";
const KINDS: [(&str, Kind); 2] = [("container", Kind::Container), ("microvm", Kind::MicroVm)];

/// What instances without the tag are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usual(pub Kind);

/// The kind of this name.
pub fn find(name: &str) -> Option<Kind> {
    KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// # Errors
/// `InvalidParameterValue` for a kind that there is not.
pub fn kind(tags: &Tags, usual: Usual) -> Result<Kind> {
    match tags.get(TAG) {
        None => Ok(usual.0),
        Some(name) => {
            let why = "an instance is a container or a microvm";
            find(name).ok_or_else(|| errors::invalid_because(name, TAG, why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_decides_before_the_setting() {
        let tags = |value: &str| Tags::from([(TAG.to_owned(), value.to_owned())]);
        assert_eq!(kind(&Tags::new(), Usual::default()).unwrap(), Kind::Container);
        assert_eq!(kind(&Tags::new(), Usual(Kind::MicroVm)).unwrap(), Kind::MicroVm);
        assert_eq!(kind(&tags("container"), Usual(Kind::MicroVm)).unwrap(), Kind::Container);
        assert_eq!(kind(&tags("microvm"), Usual::default()).unwrap(), Kind::MicroVm);
        assert_eq!(kind(&tags("metal"), Usual::default()).unwrap_err().code(), "InvalidParameterValue");
    }
}
