//! Operations on what burstable instances do when their CPU credits are used up.

use std::collections::BTreeSet;

use api_ec2 as api;
use kernel::{Ctx, Error, Result, Scope, Tx};

use super::instance::{check_id, check_ids, get_all};
use super::page::{self, Once, check_dry_run};
use crate::rules::cpu_credits::{self as rules, FAMILIES, STANDARD, UNLIMITED};
use crate::rules::filter::Filters;
use crate::rules::instance::State;
use crate::rules::instance_type;
use crate::state::id::InstanceId;
use crate::state::instance::Instance;
use crate::state::tag::Tags;
use crate::state::{cpu_credits, instance};
use crate::{controllers, errors};

pub async fn describe_instance_credit_specifications(
    ctx: &Ctx,
    input: api::DescribeInstanceCreditSpecificationsRequest,
) -> Result<api::DescribeInstanceCreditSpecificationsResult> {
    const OPERATION: &str = "DescribeInstanceCreditSpecifications";
    let filters = Filters::check(input.filters, &["instance-id"])?;
    let page = page::open(ctx, OPERATION, input.max_results, input.next_token)?;
    let ids = check_ids(&input.instance_ids.unwrap_or_default())?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let mut instances = ctx
        .read(|snap| if ids.is_empty() { instance::all(snap, &scope) } else { get_all(snap, &scope, &ids) })
        .await?;
    instances.retain(|i| {
        i.cpu_credits.is_some()
            && i.state() != State::Terminated
            && filters.accept(&Tags::new(), |_| vec![i.id.to_string()])
    });
    let (instances, last) = page.cut(instances, |instance| instance.id.to_string());
    let show = |instance: Instance| api::InstanceCreditSpecification {
        instance_id: Some(instance.id.to_string()),
        cpu_credits: instance.cpu_credits,
    };
    Ok(api::DescribeInstanceCreditSpecificationsResult {
        instance_credit_specifications: Some(instances.into_iter().map(show).collect()),
        next_token: page::seal(ctx, OPERATION, last),
    })
}

pub async fn modify_instance_credit_specification(
    ctx: &Ctx,
    input: api::ModifyInstanceCreditSpecificationRequest,
) -> Result<api::ModifyInstanceCreditSpecificationResult> {
    let given = input.instance_credit_specifications;
    if given.is_empty() {
        return Err(errors::missing("InstanceCreditSpecifications"));
    }
    let wanted = given
        .into_iter()
        .map(|one| {
            let credits = one.cpu_credits.ok_or_else(|| errors::missing("CpuCredits"))?;
            Ok((one.instance_id, rules::check_credits(&credits, rules::OF_INSTANCE_INVALID)?))
        })
        .collect::<Result<Vec<_>>>()?;
    let mut seen = BTreeSet::new();
    if let Some((id, _)) = wanted.iter().find(|(id, _)| !seen.insert(id)) {
        return Err(errors::credits_twice(id));
    }
    let once =
        Once::new("ModifyInstanceCreditSpecification", input.client_token.as_ref(), format!("{wanted:?}"));
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let write = ctx.write(|tx| {
        // Said again, it is done again: it comes to the same.
        once.find_text(tx)?;
        let done =
            wanted.iter().map(|(text, credits)| Ok((text.clone(), change(tx, &scope, text, credits)?)));
        let done = done.collect::<Result<Vec<_>>>()?;
        once.remember_text(tx, "done")?;
        Ok(done)
    });
    let done = write.await?;
    // In force when it is answered.
    let read = ctx.read(|snap| {
        let ids = done.iter().filter_map(|(text, _)| check_id(text).ok());
        let found = ids.map(|id| Ok(instance::find(snap, &scope, &id)?.map(|found| (scope, found))));
        found.collect::<Result<Vec<_>>>()
    });
    controllers::cpu_credits::keep(ctx, read.await?.into_iter().flatten().collect()).await?;
    let (mut successful, mut unsuccessful) = (Vec::new(), Vec::new());
    for (id, refusal) in done {
        let instance_id = Some(id);
        match refusal {
            None => successful.push(api::SuccessfulInstanceCreditSpecificationItem { instance_id }),
            Some(error) => {
                let error = api::UnsuccessfulInstanceCreditSpecificationItemError {
                    code: Some(error.code().to_owned()),
                    message: Some(error.message().to_owned()),
                };
                let error = Some(error);
                unsuccessful.push(api::UnsuccessfulInstanceCreditSpecificationItem { instance_id, error });
            }
        }
    }
    Ok(api::ModifyInstanceCreditSpecificationResult {
        successful_instance_credit_specifications: Some(successful),
        unsuccessful_instance_credit_specifications: Some(unsuccessful),
    })
}

/// Changes one instance; the refusal of one is no refusal of the others.
fn change(tx: &mut Tx<'_, '_>, scope: &Scope, text: &str, credits: &str) -> Result<Option<Error>> {
    let id = match check_id(text) {
        Ok(id) => id,
        Err(refusal) => return Ok(Some(refusal)),
    };
    let Some(found) = instance::find(tx, scope, &id)? else {
        return Ok(Some(errors::instances_not_found(&[text.to_owned()])));
    };
    if found.cpu_credits.is_none() {
        return Ok(Some(errors::credits_not_supported(&id, &found.instance_type)));
    }
    if !matches!(found.state(), State::Pending | State::Running | State::Stopping | State::Stopped) {
        return Ok(Some(errors::is_terminated(&id)));
    }
    instance::update(tx, scope, &id, |instance| {
        instance.cpu_credits = Some(credits.to_owned());
        Ok(())
    })?;
    pay(tx, scope, &id, credits)?;
    Ok(None)
}

/// Who is unlimited no more pays at once what is owed.
fn pay(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InstanceId, credits: &str) -> Result<()> {
    let owing = cpu_credits::find(tx, scope, id)?.filter(|_| credits == STANDARD);
    if let Some(mut account) = owing {
        rules::settle(&mut account);
        cpu_credits::put(tx, scope, id, &account)?;
    }
    Ok(())
}

fn check_family(text: &str) -> Result<&'static str> {
    let known = FAMILIES.into_iter().find(|known| *known == text);
    known.ok_or_else(|| errors::family_not_burstable(text))
}

fn shown(family: &str, credits: &str) -> Option<api::InstanceFamilyCreditSpecification> {
    Some(api::InstanceFamilyCreditSpecification {
        instance_family: Some(family.to_owned()),
        cpu_credits: Some(credits.to_owned()),
    })
}

pub async fn modify_default_credit_specification(
    ctx: &Ctx,
    input: api::ModifyDefaultCreditSpecificationRequest,
) -> Result<api::ModifyDefaultCreditSpecificationResult> {
    let family = check_family(&input.instance_family)?;
    let credits = rules::check_credits(&input.cpu_credits, rules::OF_FAMILY_INVALID)?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let before = cpu_credits::default_changes(tx, &scope, family)?;
        let changes = rules::check_change(family, before, tx.ctx().now())?;
        cpu_credits::put_default(tx, &scope, family, credits == UNLIMITED, &changes)
    })
    .await?;
    Ok(api::ModifyDefaultCreditSpecificationResult {
        instance_family_credit_specification: shown(family, credits),
    })
}

pub async fn get_default_credit_specification(
    ctx: &Ctx,
    input: api::GetDefaultCreditSpecificationRequest,
) -> Result<api::GetDefaultCreditSpecificationResult> {
    let family = check_family(&input.instance_family)?;
    check_dry_run(input.dry_run)?;
    let credits = ctx.read(|snap| cpu_credits::default_of(snap, ctx.scope(), family)).await?;
    Ok(api::GetDefaultCreditSpecificationResult {
        instance_family_credit_specification: shown(family, credits),
    })
}

/// What a launch of this type does where it says nothing of it.
pub(super) fn default_of(tx: &mut Tx<'_, '_>, scope: &Scope, type_name: &str) -> Result<Option<String>> {
    let size = instance_type::find(type_name).filter(|size| size.is_burstable());
    size.map(|size| Ok(cpu_credits::default_of(tx, scope, size.family())?.to_owned())).transpose()
}
