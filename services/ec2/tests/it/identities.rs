//! A service that keeps identities, as small as these tests need it: users with policies, roles, instance profiles.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use api_iam as api;
use kernel::authorize::{Granted, Grants};
use kernel::{
    AccountId, Arn, BoxFuture, Ctx, Identities, OidcProvider, Principal, Result, Role, SamlProvider, Service,
    ServiceBuilder, Session,
};
use policy::{Document, Policy};

const ACCOUNT: &str = "000000000000";

/// Who there is, for tests to say.
#[derive(Clone, Default)]
pub(crate) struct Known(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Policies by the ARN of a user.
    users: BTreeMap<String, Arc<Policy>>,
    /// Trust policies by name.
    roles: BTreeMap<String, Arc<Policy>>,
    /// What roles may, by name.
    may: BTreeMap<String, Arc<Policy>>,
    /// Whether there is a role in it, of its own name.
    profiles: BTreeMap<String, bool>,
}

fn policy(kind: policy::Kind, statements: &str) -> Arc<Policy> {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    Arc::new(Policy::compile("p", &Document::parse(kind, &text, &[]).unwrap()))
}

impl Known {
    /// A user with these statements; its ARN.
    pub(crate) fn user(&self, name: &str, statements: &str) -> String {
        let arn = format!("arn:aws:iam::{ACCOUNT}:user/{name}");
        let policy = policy(policy::Kind::Identity, statements);
        self.0.lock().unwrap().users.insert(arn.clone(), policy);
        arn
    }

    /// A role that trusts a service, under a profile of the same name; the profile's ARN.
    pub(crate) fn profile(&self, name: &str, trusted: &str) -> String {
        let trust = format!(
            r#"{{"Effect":"Allow","Principal":{{"Service":"{trusted}"}},"Action":"sts:AssumeRole"}}"#
        );
        self.0.lock().unwrap().roles.insert(name.to_owned(), policy(policy::Kind::Trust, &trust));
        self.0.lock().unwrap().profiles.insert(name.to_owned(), true);
        profile_arn(name)
    }

    /// A role with these statements in its trust policy, and in its own.
    pub(crate) fn role(&self, name: &str, trust: &str, statements: &str) {
        let mut state = self.0.lock().unwrap();
        state.roles.insert(name.to_owned(), policy(policy::Kind::Trust, trust));
        state.may.insert(name.to_owned(), policy(policy::Kind::Identity, statements));
    }

    pub(crate) fn empty_profile(&self, name: &str) -> String {
        self.0.lock().unwrap().profiles.insert(name.to_owned(), false);
        profile_arn(name)
    }

    pub(crate) fn service(&self) -> Service {
        let mut s = ServiceBuilder::new(&api::SERVICE);
        s.own(self.clone());
        s.op(api::op::GetInstanceProfile, get_instance_profile).access(|_, _| Ok(kernel::Access::any()));
        s.op(api::op::GetRole, get_role).access(|_, _| Ok(kernel::Access::any()));
        let known = self.clone();
        s.keeps_identities(move |_| Box::new(known.clone()));
        s.build()
    }
}

fn profile_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:instance-profile/{name}")
}

fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

async fn get_instance_profile(
    ctx: &Ctx,
    input: api::GetInstanceProfileRequest,
) -> Result<api::GetInstanceProfileResponse> {
    let name = input.instance_profile_name;
    let found = ctx.own::<Known>().0.lock().unwrap().profiles.get(&name).copied();
    let has_role = found.ok_or_else(|| kernel::Error::new(kernel::Kind::NotFound, "NoSuchEntity", "none"))?;
    let role = api::Role { role_name: name.clone(), arn: role_arn(&name), ..Default::default() };
    let instance_profile = api::InstanceProfile {
        instance_profile_id: format!("AIPA{name}"),
        arn: profile_arn(&name),
        roles: if has_role { vec![role] } else { Vec::new() },
        instance_profile_name: name,
        ..Default::default()
    };
    Ok(api::GetInstanceProfileResponse { instance_profile })
}

async fn get_role(ctx: &Ctx, input: api::GetRoleRequest) -> Result<api::GetRoleResponse> {
    let name = input.role_name;
    if !ctx.own::<Known>().0.lock().unwrap().roles.contains_key(&name) {
        return Err(kernel::Error::new(kernel::Kind::NotFound, "NoSuchEntity", "none"));
    }
    let role = api::Role { arn: role_arn(&name), role_name: name, ..Default::default() };
    Ok(api::GetRoleResponse { role })
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, Result<T>> {
    Box::pin(std::future::ready(Ok(value)))
}

impl Identities for Known {
    fn granted<'a>(
        &'a self,
        principal: &'a Principal,
        _: Option<&'a Session>,
    ) -> BoxFuture<'a, Result<Option<Granted>>> {
        let Principal::Identity { arn, .. } = principal else { return ready(None) };
        let state = self.0.lock().unwrap();
        let role = arn.split_once(":assumed-role/").and_then(|(_, rest)| rest.split('/').next());
        let of_role = role.and_then(|name| state.may.get(name)).cloned();
        let identity = state.users.get(&**arn).cloned().or(of_role).into_iter().collect();
        ready(Some(Grants { identity, ..Grants::default() }.into()))
    }

    fn role<'a>(&'a self, arn: &'a Arn) -> BoxFuture<'a, Result<Option<Role>>> {
        let name = arn.resource.strip_prefix("role/").unwrap_or_default();
        let trust = self.0.lock().unwrap().roles.get(name).cloned();
        ready(trust.map(|trust| Role {
            arn: role_arn(name),
            id: format!("AROA{name}"),
            name: name.to_owned(),
            session_s_max: 3_600,
            tags: Vec::new(),
            trust,
            session_arns: format!("arn:aws:sts::000000000000:assumed-role/{name}/"),
            take_on_action: "sts:AssumeRole",
        }))
    }

    fn id<'a>(&'a self, _: &'a Arn) -> BoxFuture<'a, Result<Option<String>>> {
        ready(None)
    }

    fn arn<'a>(&'a self, _: &'a Arn, _: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        ready(None)
    }

    fn has_administrator<'a>(&'a self, _: AccountId) -> BoxFuture<'a, Result<bool>> {
        ready(false)
    }

    fn knows_policy<'a>(&'a self, _: AccountId, _: &'a str) -> BoxFuture<'a, Result<bool>> {
        ready(false)
    }

    fn oidc_provider<'a>(&'a self, _: AccountId, _: &'a str) -> BoxFuture<'a, Result<Option<OidcProvider>>> {
        ready(None)
    }

    fn saml_provider<'a>(&'a self, _: &'a Arn) -> BoxFuture<'a, Result<Option<SamlProvider>>> {
        ready(None)
    }

    fn check_mfa<'a>(&'a self, _: &'a str, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<bool>> {
        ready(false)
    }
}
