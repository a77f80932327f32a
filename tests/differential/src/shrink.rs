//! The least of a case that still makes the difference.

use crate::cases::Case;

/// Takes away what can be taken away while `differs` holds.
pub fn least(mut case: Case, differs: impl Fn(&Case) -> bool) -> Case {
    loop {
        let Some(smaller) = smaller(&case).into_iter().find(&differs) else { return case };
        case = smaller;
    }
}

/// The case with one thing less, in every way.
fn smaller(case: &Case) -> Vec<Case> {
    let mut all = Vec::new();
    let mut keep = |change: &dyn Fn(&mut Case)| {
        let mut changed = case.clone();
        change(&mut changed);
        all.push(changed);
    };
    if case.boundary.is_some() {
        keep(&|case| case.boundary = None);
    }
    if case.control.is_some() {
        keep(&|case| case.control = None);
    }
    for at in 0..case.context.len() {
        keep(&|case| drop(case.context.remove(at)));
    }
    if case.identity.len() > 1 {
        for at in 0..case.identity.len() {
            keep(&|case| drop(case.identity.remove(at)));
        }
    }
    for at in 0..case.identity.len() {
        for within in 0..case.identity[at].len() {
            if case.identity[at].len() > 1 {
                keep(&|case| drop(case.identity[at].remove(within)));
            }
        }
    }
    for at in 0..case.clone().statements_mut().count() {
        let lengths = case
            .clone()
            .statements_mut()
            .nth(at)
            .map(|s| (s.actions.len(), s.resources.len(), s.conditions.clone()));
        let Some((actions, resources, conditions)) = lengths else { continue };
        let mut within = |change: &dyn Fn(&mut crate::cases::Statement)| {
            keep(&|case| case.statements_mut().nth(at).into_iter().for_each(change));
        };
        for (position, condition) in conditions.iter().enumerate() {
            within(&|statement| drop(statement.conditions.remove(position)));
            for value in (0..condition.values.len()).filter(|_| condition.values.len() > 1) {
                within(&|statement| drop(statement.conditions[position].values.remove(value)));
            }
        }
        for position in (0..actions).filter(|_| actions > 1) {
            within(&|statement| drop(statement.actions.remove(position)));
        }
        for position in (0..resources).filter(|_| resources > 1) {
            within(&|statement| drop(statement.resources.remove(position)));
        }
    }
    all
}
