//! The stored plans.

use kernel::{Reader, Result, Scope, Table, Tx};

use crate::rules::plan::SavingsPlan;

static PLANS: Table<SavingsPlan> = Table::new("savingsplans/plan");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<SavingsPlan>> {
    PLANS.get(from, scope, id)
}

/// In the order of their beginning.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<SavingsPlan>> {
    let mut all = PLANS.all(from, scope, ())?;
    all.sort_by(|a, b| (a.start_at, &a.id).cmp(&(b.start_at, &b.id)));
    Ok(all)
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, SavingsPlan)>> {
    PLANS.all_scopes(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, plan: &SavingsPlan) -> Result<()> {
    PLANS.put(tx, scope, &*plan.id, plan)
}

/// The ARN of a plan: of an account, in no region.
pub fn arn(scope: &Scope, id: &str) -> String {
    format!("arn:{}:savingsplans::{}:savingsplan/{id}", scope.partition(), scope.account)
}
