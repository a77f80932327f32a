//! The stored queue: its settings, tags, and what was purged of it.

use std::collections::BTreeMap;

use kernel::{Ctx, Millis, Reader, ResourcePolicy, Result, Row, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::index::Sequence;

/// By name.
static QUEUES: Table<Queue> = Table::new("sqs/queue");
/// By dead-letter queue and source queue: who sends dead letters where.
static SOURCES: Table<()> = Table::new("sqs/dead-letter-source");

/// A queue as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// Its messages are kept under this id; a queue made again under the same name has another.
    pub id: u64,
    pub name: String,
    pub fifo: bool,
    pub created_at: Millis,
    pub modified_at: Millis,
    pub settings: Settings,
    pub tags: BTreeMap<String, String>,
    /// Messages with a lower number were purged.
    pub floor: Sequence,
    pub purged_at: Option<Millis>,
}

/// What the attributes of a queue set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    pub visibility_s: u32,
    pub delay_s: u32,
    pub wait_s: u32,
    pub retention_s: u32,
    pub message_bytes_max: u32,
    pub policy: Option<ResourcePolicy>,
    pub redrive: Option<Redrive>,
    pub redrive_allow: Option<RedriveAllow>,
    pub content_based_deduplication: bool,
    pub deduplication_scope: DeduplicationScope,
    pub throughput_limit: ThroughputLimit,
    /// Under the house's key.
    pub managed_sse: bool,
    /// Under data keys of this KMS key, named as it was given; then not under the house's.
    #[serde(default)]
    pub kms_key: Option<String>,
    #[serde(default = "data_key_reuse_s")]
    pub data_key_reuse_s: u32,
}

/// Seconds for which a data key is used again, unless a queue says otherwise.
pub fn data_key_reuse_s() -> u32 {
    300
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            visibility_s: 30,
            delay_s: 0,
            wait_s: 0,
            retention_s: 345_600,
            message_bytes_max: 1_048_576,
            policy: None,
            redrive: None,
            redrive_allow: None,
            content_based_deduplication: false,
            deduplication_scope: DeduplicationScope::Queue,
            throughput_limit: ThroughputLimit::PerQueue,
            managed_sse: true,
            kms_key: None,
            data_key_reuse_s: data_key_reuse_s(),
        }
    }
}

/// Where messages go that were received too often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// In the same account and region.
    pub target: String,
    pub receives_max: u32,
}

/// Who may send dead letters here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedriveAllow {
    All,
    Nobody,
    /// By ARN.
    Queues(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeduplicationScope {
    Queue,
    MessageGroup,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThroughputLimit {
    PerQueue,
    PerMessageGroupId,
}

pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<Queue>> {
    QUEUES.get(from, scope, name)
}

/// Stores a queue, new or changed, and where its dead letters go; `before` is what was stored.
pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, before: Option<&Queue>, queue: &Queue) -> Result<()> {
    let old = before.and_then(|q| q.settings.redrive.as_ref()).map(|r| r.target.as_str());
    let new = queue.settings.redrive.as_ref().map(|r| r.target.as_str());
    if old != new {
        if let Some(old) = old {
            SOURCES.delete(tx, scope, (old, queue.name.as_str()))?;
        }
        if let Some(new) = new {
            SOURCES.put(tx, scope, (new, queue.name.as_str()), &())?;
        }
    }
    QUEUES.put(tx, scope, queue.name.as_str(), queue)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, queue: &Queue) -> Result<()> {
    if let Some(redrive) = &queue.settings.redrive {
        SOURCES.delete(tx, scope, (redrive.target.as_str(), queue.name.as_str()))?;
    }
    QUEUES.delete(tx, scope, queue.name.as_str())
}

/// Names of queues that begin with `prefix`, in order, after the name `after`.
pub async fn list_names(ctx: &Ctx, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut after = after.map(kernel::Key::to_bytes);
    // The row behind the bare prefix is the first name that begins with it.
    after = after.or_else(|| (!prefix.is_empty()).then(|| prefix.as_bytes().to_vec()));
    while names.len() < limit {
        let rows = ctx.read(|snap| QUEUES.list(snap, ctx.scope(), (), after.as_deref(), limit)).await?;
        let full = rows.len() == limit;
        after = rows.last().map(|(key, _)| key.to_vec());
        for (_, queue) in rows {
            if queue.name.starts_with(prefix) {
                names.push(queue.name);
            } else if queue.name.as_str() > prefix {
                return Ok(names);
            }
        }
        if !full {
            break;
        }
    }
    names.truncate(limit);
    Ok(names)
}

/// Names of the queues whose dead letters go to `target`, in order, after the name `after`.
pub fn list_sources(
    from: &mut impl Reader,
    scope: &Scope,
    target: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>> {
    let after = after.map(|after| kernel::Key::to_bytes(&(target, after)));
    let rows: Vec<Row<()>> = SOURCES.list(from, scope, target, after.as_deref(), limit)?;
    let name = |key: &[u8]| {
        let mut key = kernel::key::KeyReader(key);
        key.text().and_then(|_| key.text())
    };
    Ok(rows.iter().filter_map(|(key, _)| name(key)).collect())
}
