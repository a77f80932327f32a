//! The values of enumerations, as constants.

use std::collections::BTreeSet;

use super::put;
use crate::names::{constant, field};
use crate::reach::Reach;

pub(super) fn write(out: &mut String, reach: &Reach<'_>) {
    put!(
        out,
        "/// The values of enumerations, which are strings on the wire and in the structs.\npub mod values {{"
    );
    for (name, shape) in &reach.shapes {
        if shape.values.is_empty() {
            continue;
        }
        put!(out, "    pub mod {} {{", field(name));
        let mut seen = BTreeSet::new();
        for value in &shape.values {
            let constant = constant(value);
            if seen.insert(constant.clone()) {
                put!(out, "        pub const {constant}: &str = {value:?};");
            }
        }
        put!(out, "    }}");
    }
    put!(out, "}}");
}
