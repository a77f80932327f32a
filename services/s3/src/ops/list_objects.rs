//! Objects listed, in both versions of the operation.

use api_s3::{
    CommonPrefix, ListObjectsOutput, ListObjectsRequest, ListObjectsV2Output, ListObjectsV2Request,
    Object as Shown, Owner,
};
use kernel::{Access, Ctx, Reader, Result, Scope};

use super::{bucket, canonical_id, date, long, on_bucket};
use crate::errors;
use crate::rules::listing::{common_prefix, page_size};
use crate::rules::url::Encoding;
use crate::state::bucket::Bucket;
use crate::state::cursor::Cursor;
use crate::state::object::Object;

const V2: &str = "ListObjectsV2";

pub fn list_access(
    scope: &Scope,
    bucket: &str,
    prefix: Option<&str>,
    delimiter: Option<&str>,
    max: Option<i32>,
) -> Result<Access> {
    let access = on_bucket(scope, bucket, "s3:ListBucket")?;
    let with = |access: Access, key, value: Option<String>| match value {
        Some(value) => access.condition(key, [value]),
        None => access,
    };
    let access = with(access, "s3:prefix", prefix.map(str::to_owned));
    let access = with(access, "s3:delimiter", delimiter.map(str::to_owned));
    Ok(with(access, "s3:max-keys", max.map(|max| max.to_string())))
}

/// What to list.
struct Wanted<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    begin: Begin,
    limit: usize,
}

/// Behind what to begin.
enum Begin {
    First,
    Key(String),
    /// Behind all keys that begin so.
    Prefix(String),
}

/// A page as it fills.
#[derive(Default)]
struct Page {
    objects: Vec<(String, Object)>,
    prefixes: Vec<String>,
    truncated: bool,
    /// The last entry, and whether it is a common prefix.
    last: Option<(String, bool)>,
}

fn fill(snap: &mut impl Reader, bucket: &Bucket, wanted: &Wanted<'_>) -> Result<Page> {
    let mut cursor = Cursor::objects(bucket, wanted.prefix);
    match &wanted.begin {
        Begin::First => {}
        Begin::Key(key) => cursor.leap_key(key),
        Begin::Prefix(prefix) => cursor.leap_prefix(prefix),
    }
    let mut page = Page::default();
    if wanted.limit == 0 {
        return Ok(page);
    }
    loop {
        let Some((key, object)) = cursor.next(snap)? else { break };
        if page.objects.len() + page.prefixes.len() == wanted.limit {
            page.truncated = true;
            break;
        }
        match common_prefix(&key, wanted.prefix, wanted.delimiter) {
            Some(common) => {
                cursor.leap_prefix(common);
                page.last = Some((common.to_owned(), true));
                page.prefixes.push(common.to_owned());
            }
            None => {
                page.last = Some((key.clone(), false));
                page.objects.push((key, object));
            }
        }
    }
    Ok(page)
}

fn shown(encoding: Encoding, owner: Option<&Owner>, (key, object): &(String, Object)) -> Shown {
    Shown {
        key: Some(encoding.write(key)),
        last_modified: date(object.modified_at),
        e_tag: Some(object.shown_etag()),
        checksum_algorithm: object.checksum.as_ref().map(|c| vec![c.algorithm.name().to_owned()]),
        checksum_type: object.checksum.as_ref().map(|c| c.of.name().to_owned()),
        size: Some(long(object.size)),
        storage_class: Some(object.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned())),
        owner: owner.cloned(),
        ..Shown::default()
    }
}

fn prefixes(encoding: Encoding, page: &Page) -> Option<Vec<CommonPrefix>> {
    let shown = |prefix: &String| CommonPrefix { prefix: Some(encoding.write(prefix)) };
    (!page.prefixes.is_empty()).then(|| page.prefixes.iter().map(shown).collect())
}

fn owner(bucket: &Bucket) -> Owner {
    Owner { id: Some(canonical_id(bucket.owner)), ..Owner::default() }
}

pub async fn list_objects(ctx: &Ctx, input: ListObjectsRequest) -> Result<ListObjectsOutput> {
    let encoding = Encoding::parse(input.encoding_type.as_deref())?;
    let limit = page_size(input.max_keys, "maxKeys")?;
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let marker = input.marker.as_deref().unwrap_or_default();
    let begin = match common_prefix(marker, prefix, delimiter) {
        _ if marker.is_empty() => Begin::First,
        // A marker may be a common prefix of the page before: nothing under it is listed again.
        Some(common) if marker.starts_with(prefix) => Begin::Prefix(common.to_owned()),
        _ => Begin::Key(marker.to_owned()),
    };
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let wanted = Wanted { prefix, delimiter, begin, limit };
    let page = ctx.read(|snap| fill(snap, &found, &wanted)).await?;
    let owner = owner(&found);
    // Without a delimiter clients take the last key as the next marker.
    let next = page.last.as_ref().filter(|_| page.truncated && delimiter.is_some());
    Ok(ListObjectsOutput {
        is_truncated: Some(page.truncated),
        marker: Some(encoding.write(marker)),
        next_marker: next.map(|(name, _)| encoding.write(name)),
        contents: (!page.objects.is_empty())
            .then(|| page.objects.iter().map(|entry| shown(encoding, Some(&owner), entry)).collect()),
        common_prefixes: prefixes(encoding, &page),
        name: Some(input.bucket.clone()),
        prefix: Some(encoding.write(prefix)),
        delimiter: input.delimiter.as_deref().map(|delimiter| encoding.write(delimiter)),
        max_keys: i32::try_from(limit).ok(),
        encoding_type: encoding.member(),
        ..ListObjectsOutput::default()
    })
}

pub async fn list_objects_v2(ctx: &Ctx, input: ListObjectsV2Request) -> Result<ListObjectsV2Output> {
    let encoding = Encoding::parse(input.encoding_type.as_deref())?;
    let limit = page_size(input.max_keys, "maxKeys")?;
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let token_of = format!("{V2}/{}", found.id);
    let begin = match (input.continuation_token.as_deref(), input.start_after.as_deref()) {
        (Some(token), _) => begin_of(&open_token(ctx, &token_of, token)?),
        (None, Some(after)) if !after.is_empty() => Begin::Key(after.to_owned()),
        (None, _) => Begin::First,
    };
    let wanted = Wanted { prefix, delimiter, begin, limit };
    let page = ctx.read(|snap| fill(snap, &found, &wanted)).await?;
    let owner = input.fetch_owner.unwrap_or(false).then(|| owner(&found));
    let next = page.last.as_ref().filter(|_| page.truncated);
    let position =
        |(name, is_prefix): &(String, bool)| format!("{}{name}", if *is_prefix { 'p' } else { 'k' });
    Ok(ListObjectsV2Output {
        is_truncated: Some(page.truncated),
        contents: (!page.objects.is_empty())
            .then(|| page.objects.iter().map(|entry| shown(encoding, owner.as_ref(), entry)).collect()),
        common_prefixes: prefixes(encoding, &page),
        name: Some(input.bucket.clone()),
        prefix: Some(encoding.write(prefix)),
        delimiter: input.delimiter.as_deref().map(|delimiter| encoding.write(delimiter)),
        max_keys: i32::try_from(limit).ok(),
        key_count: i32::try_from(page.objects.len() + page.prefixes.len()).ok(),
        continuation_token: input.continuation_token.clone(),
        next_continuation_token: next.map(|last| ctx.seal_page(&token_of, position(last).as_bytes())),
        start_after: input.start_after.as_deref().map(|after| encoding.write(after)),
        encoding_type: encoding.member(),
        ..ListObjectsV2Output::default()
    })
}

fn begin_of(position: &str) -> Begin {
    match position.split_at_checked(1) {
        Some(("p", prefix)) => Begin::Prefix(prefix.to_owned()),
        Some((_, key)) => Begin::Key(key.to_owned()),
        None => Begin::First,
    }
}

/// What a token of ours says: it goes on with the listing it is of, `ListObjectsV2/5` of the bucket of that id.
pub(super) fn open_token(ctx: &Ctx, of: &str, token: &str) -> Result<String> {
    let position = ctx.open_page(of, token).and_then(|position| String::from_utf8(position).ok());
    let message = "The continuation token provided is incorrect";
    position.ok_or_else(|| errors::argument("continuation-token", token, message))
}
