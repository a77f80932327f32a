//! Why they differ, where they do: each explanation takes what it speaks of out of the case, and then both must agree.

use crate::cases::Case;
use crate::theirs;

type Explanation = (&'static str, fn(&mut Case));

const EXPLANATIONS: &[Explanation] = &[
    ("they take policy variables in conditions for plain text", |case| {
        for condition in case.statements_mut().flat_map(|statement| &mut statement.conditions) {
            condition.values.iter_mut().for_each(|value| *value = value.replace("${aws:username}", "kim"));
        }
    }),
    ("they compare ArnEquals and ArnNotEquals as text, AWS as ArnLike and ArnNotLike", |case| {
        for condition in case.statements_mut().flat_map(|statement| &mut statement.conditions) {
            condition.operator =
                condition.operator.replace("ArnEquals", "ArnLike").replace("ArnNotEquals", "ArnNotLike");
        }
    }),
];

/// The explanation without whose matter, and that of those before it, both agree.
pub fn find(case: &Case, ours: fn(&Case) -> bool) -> Option<&'static str> {
    let mut without = case.clone();
    let explains = |(_, take_out): &&Explanation| {
        take_out(&mut without);
        ours(&without) == theirs::allows(&without)
    };
    EXPLANATIONS.iter().find(explains).map(|(why, _)| *why)
}
