//! What the wire and the gate ask all the time, kept in memory: whose an access key is, and which policies apply.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use kernel::authorize::Grants;
use kernel::{
    AccountId, Arn, BoxFuture, Credential, Credentials, Ctx, Error, NoCredential, Principal, Result, Scope,
};
use policy::{Document, Policy};

use super::identity::{self, Identity, Kind, RoleFacts};
use super::{access_key, home, home_of, seal};
use crate::rules::trusted;

/// Whose an access key is.
#[derive(Clone)]
pub struct KeyHolder {
    pub secret: Arc<str>,
    pub account: AccountId,
    pub is_active: bool,
    pub user: String,
    pub user_arn: Arc<str>,
    pub user_id: Arc<str>,
}

/// A user or role with every policy that applies to it.
#[derive(Debug)]
pub struct Applied {
    pub kind: Kind,
    pub name: String,
    pub arn: String,
    pub id: String,
    /// Policies inline and attached, those of a user's groups after its own.
    pub grants: Arc<Grants>,
    /// A role's trust policy.
    pub trust: Option<Arc<Policy>>,
    /// How long sessions of a role may last, in seconds.
    pub session_s_max: i32,
}

/// Answers kept, at most [`Directory::KEPT_MAX`] of each sort, until anything changes in their account.
#[derive(Default)]
pub struct Directory(RwLock<Kept>);

#[derive(Default)]
struct Kept {
    /// Raised by every change: who was reading meanwhile keeps nothing.
    changes: u64,
    keys: HashMap<String, Arc<KeyHolder>>,
    applied: HashMap<(Scope, Kind, String), Arc<Applied>>,
    /// The same, by unique id: roles keep their names; a user may be renamed, and is looked for by name again.
    by_id: HashMap<String, (Scope, Arc<Applied>)>,
    /// By ARN, as seen by an account.
    managed: HashMap<(Scope, String), Arc<Policy>>,
}

impl Directory {
    pub const KEPT_MAX: usize = 4_096;

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Kept> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something changed in an account.
    pub fn forget(&self, account: AccountId) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        kept.changes += 1;
        kept.keys.retain(|_, holder| holder.account != account);
        kept.applied.retain(|(scope, _, _), _| scope.account != account);
        kept.by_id.retain(|_, (scope, _)| scope.account != account);
        kept.managed.retain(|(scope, _), _| scope.account != account);
    }

    pub fn forget_all(&self) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *kept = Kept { changes: kept.changes + 1, ..Kept::default() };
    }

    fn keep(&self, changes: u64, put: impl FnOnce(&mut Kept)) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.changes == changes {
            if kept.keys.len() >= Self::KEPT_MAX {
                kept.keys.clear();
            }
            if kept.applied.len() >= Self::KEPT_MAX {
                kept.applied.clear();
                kept.by_id.clear();
            }
            if kept.managed.len() >= Self::KEPT_MAX {
                kept.managed.clear();
            }
            put(&mut kept);
        }
    }
}

/// Whose an access key is, in any account of the caller's partition; `None` when nobody's.
pub async fn find_key(ctx: &Ctx, id: &str) -> Result<Option<Arc<KeyHolder>>> {
    let directory = ctx.own::<Directory>();
    let changes = {
        let kept = directory.read();
        if let Some(holder) = kept.keys.get(id) {
            return Ok(Some(holder.clone()));
        }
        kept.changes
    };
    let Some(account) = kernel::access_key::account_of(id) else { return Ok(None) };
    let home = home_of(account, ctx.partition());
    let found = ctx
        .read(|snap| {
            let Some(key) = access_key::find(snap, &home, id)? else { return Ok(None) };
            let user = identity::find(snap, &home, Kind::User, &key.user)?;
            Ok(user.map(|user| (key, user)))
        })
        .await?;
    let Some((key, user)) = found else { return Ok(None) };
    let secret = String::from_utf8(seal::open(ctx, id, &key.sealed_secret)?).map_err(Error::internal)?;
    let holder = Arc::new(KeyHolder {
        secret: Arc::from(secret),
        account,
        is_active: key.is_active,
        user_arn: Arc::from(user.arn(&home)),
        user_id: Arc::from(user.id.as_str()),
        user: user.name,
    });
    directory.keep(changes, |kept| {
        kept.keys.insert(id.to_owned(), holder.clone());
    });
    Ok(Some(holder))
}

/// The keys of users, as the wire verifies signatures with them. Made of a context of this service.
#[derive(Clone)]
pub struct UserKeys(pub Ctx);

impl Credentials for UserKeys {
    fn find<'a>(
        &'a self,
        access_key: &'a str,
        session_token: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Credential, NoCredential>> {
        Box::pin(async move {
            let holder = find_key(&self.0, access_key).await.map_err(NoCredential::Failed)?;
            // A key that is switched off is as good as none.
            let holder = holder.filter(|holder| holder.is_active).ok_or(NoCredential::Unknown)?;
            if session_token.is_some() {
                return Err(NoCredential::InvalidToken);
            }
            Ok(Credential {
                secret: holder.secret.clone(),
                account: holder.account,
                principal: Principal::Identity {
                    arn: holder.user_arn.clone(),
                    unique_id: holder.user_id.clone(),
                },
                session: None,
                expires_at: None,
                is_well_known: false,
            })
        })
    }
}

/// The kind and name an ARN of a user, or of a role or its session, names.
pub fn named_by(arn: &Arn) -> Option<(Kind, &str)> {
    let last = |rest: &'_ str| rest.len() - rest.rsplit('/').next().map_or(0, str::len);
    let (word, rest) = arn.resource.split_once('/')?;
    match (arn.service.as_str(), word) {
        ("iam", "user") => Some((Kind::User, rest.get(last(rest)..)?)),
        ("iam", "group") => Some((Kind::Group, rest.get(last(rest)..)?)),
        ("iam", "role") => Some((Kind::Role, rest.get(last(rest)..)?)),
        ("sts", "assumed-role") => Some((Kind::Role, rest.split('/').next()?)),
        _ => None,
    }
}

/// The policies that apply to a user or a role's session; `None` when it is neither, or is gone: one made again under
/// the same name is another.
pub async fn policies_of(ctx: &Ctx, principal: &Principal) -> Result<Option<Arc<Applied>>> {
    let Principal::Identity { arn, unique_id } = principal else { return Ok(None) };
    // A session's id is the role's, a colon, and the session's name.
    let id = unique_id.split(':').next().unwrap_or_default();
    if let Some((_, applied)) = ctx.own::<Directory>().read().by_id.get(id)
        && (applied.kind == Kind::Role || applied.arn == **arn)
    {
        return Ok(Some(applied.clone()));
    }
    let Ok(arn) = arn.parse::<Arn>() else { return Ok(None) };
    let Ok(account) = arn.account.parse() else { return Ok(None) };
    let Some((kind, name)) = named_by(&arn) else { return Ok(None) };
    let applied = policies_of_named(ctx, &home_of(account, ctx.partition()), kind, name).await?;
    Ok(applied.filter(|applied| applied.id == id))
}

/// [`policies_of`], by kind and name.
pub async fn policies_of_named(
    ctx: &Ctx,
    home: &Scope,
    kind: Kind,
    name: &str,
) -> Result<Option<Arc<Applied>>> {
    let directory = ctx.own::<Directory>();
    let key = (*home, kind, super::fold(name));
    let changes = {
        let kept = directory.read();
        if let Some(applied) = kept.applied.get(&key) {
            return Ok(Some(applied.clone()));
        }
        kept.changes
    };
    let Some(applied) = ctx.read(|snap| collect(snap, home, kind, name)).await? else { return Ok(None) };
    let applied = Arc::new(applied);
    directory.keep(changes, |kept| {
        kept.by_id.insert(applied.id.clone(), (*home, applied.clone()));
        kept.applied.insert(key, applied.clone());
    });
    Ok(Some(applied))
}

/// A managed policy an account may use, compiled; `None` when there is none of this ARN.
///
/// # Errors
/// When the text is no ARN.
pub async fn managed_policy(ctx: &Ctx, home: &Scope, arn: &str) -> Result<Option<Arc<Policy>>> {
    let directory = ctx.own::<Directory>();
    let key = (*home, arn.to_owned());
    let changes = {
        let kept = directory.read();
        if let Some(known) = kept.managed.get(&key) {
            return Ok(Some(known.clone()));
        }
        kept.changes
    };
    let found = ctx.read(|snap| managed(snap, home, arn)).await?;
    if let Some(found) = &found {
        directory.keep(changes, |kept| {
            kept.managed.insert(key, found.clone());
        });
    }
    Ok(found)
}

fn collect(snap: &mut kernel::Snapshot<'_>, home: &Scope, kind: Kind, name: &str) -> Result<Option<Applied>> {
    let Some(own) = identity::find(snap, home, kind, name)? else { return Ok(None) };
    let mut policies = Vec::new();
    add_policies(snap, home, &own, &mut policies)?;
    for group in &own.groups {
        if let Some(group) = identity::find(snap, home, Kind::Group, group)? {
            add_policies(snap, home, &group, &mut policies)?;
        }
    }
    let boundary = own.boundary.as_deref().map(|arn| managed(snap, home, arn)).transpose()?.flatten();
    let trust = own.role.as_ref().map(compile_trust).transpose()?;
    let session_s_max = own.role.as_ref().map_or(0, |role| role.session_s_max);
    let arn = own.arn(home);
    let user_name = (kind == Kind::User).then(|| own.name.clone());
    let grants = Arc::new(Grants { identity: policies, boundary, user_name, tags: own.tags.0 });
    Ok(Some(Applied { kind, arn, id: own.id, name: own.name, grants, trust, session_s_max }))
}

fn add_policies(
    snap: &mut kernel::Snapshot<'_>,
    home: &Scope,
    of: &Identity,
    to: &mut Vec<Arc<Policy>>,
) -> Result<()> {
    for (name, document) in &of.inline {
        to.push(compile(
            &format!("{}_{}_{name}", of.kind.word(), of.name),
            policy::Kind::Identity,
            document,
        )?);
    }
    for arn in &of.attached {
        to.extend(managed(snap, home, arn)?);
    }
    Ok(())
}

fn managed(snap: &mut kernel::Snapshot<'_>, home: &Scope, arn: &str) -> Result<Option<Arc<Policy>>> {
    let found = super::policy::find(snap, home, arn)?;
    found.map(|found| compile(arn, policy::Kind::Identity, found.document())).transpose()
}

/// What was accepted is read again: a failure is ours.
pub fn compile(id: &str, kind: policy::Kind, text: &str) -> Result<Arc<Policy>> {
    let document = Document::parse(kind, text, &[]).map_err(Error::internal)?;
    Ok(Arc::new(Policy::compile(id, &document)))
}

/// Those whom it names are meant by their ids.
fn compile_trust(role: &RoleFacts) -> Result<Arc<Policy>> {
    let document = Document::parse(policy::Kind::Trust, &role.trust, &[]).map_err(Error::internal)?;
    Ok(Arc::new(Policy::compile("trust", &trusted::by_id(document, &role.trusted))))
}

/// Changes the store, and then what is kept of it, even if the caller goes away meanwhile.
pub async fn change<T: Send + 'static>(
    ctx: &Ctx,
    f: impl FnMut(&mut kernel::Tx<'_, '_>) -> Result<T> + Send + 'static,
) -> Result<T> {
    let task = ctx.clone();
    ctx.see_through(async move {
        let outcome = task.write(f).await;
        task.own::<Directory>().forget(home(&task).account);
        outcome
    })
    .await
}
