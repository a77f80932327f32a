//! A look into a queue that changes nothing: `GET /_aws/sqs/messages?QueueUrl=…`.

use std::collections::BTreeMap;

use kernel::{Ctx, LocalRequest, LocalResponse, Result, Scope};
use serde_json::{Value, json};

use super::{data_key, queue_by_address};
use crate::errors;
use crate::rules::address::Address;
use crate::rules::message::{self, Wanted};
use crate::state::index::{Lease, Sequence};
use crate::state::message::{MESSAGES, Message};

pub const PATH: &str = "/_aws/sqs/messages";
/// Messages shown by one look.
const SHOWN_MAX: usize = 1_000;
/// Stands where a receipt handle would: looking in gives none.
const NO_HANDLE: &str = "SQS/BACKDOOR/ACCESS";

/// `QueueUrl`, or `/<region>/<account>/<name>` behind the path. `ShowInvisible` and `ShowDelayed` show the others too.
pub async fn messages(ctx: &Ctx, request: LocalRequest) -> Result<LocalResponse> {
    let Some(address) = address(&request) else {
        return Ok(refusal(&errors::no_such_queue()));
    };
    let Some(queue) = queue_by_address(ctx, &address).await? else {
        return Ok(refusal(&errors::no_such_queue()));
    };
    let is_set = |name: &str| request.query(name).is_some_and(|v| v == "1" || v.eq_ignore_ascii_case("true"));
    let (invisible, delayed) = (is_set("ShowInvisible"), is_set("ShowDelayed"));
    let seen = queue.index().peek(ctx.now(), SHOWN_MAX);
    let wanted = Wanted { system: vec!["All".to_owned()], message: vec!["All".to_owned()] };
    let mut shown = Vec::new();
    for (sequence, is_visible, is_delayed) in seen {
        let hidden = if is_delayed { !delayed } else { !is_visible && !invisible };
        if hidden {
            continue;
        }
        let get = |snap: &mut kernel::Snapshot<'_>| MESSAGES.get(snap, &queue.scope, (queue.id, sequence));
        let Some(record) = ctx.read(get).await? else { continue };
        let lease = queue.index().lease(sequence).unwrap_or_default();
        let mut extra = BTreeMap::new();
        if invisible {
            extra.insert("IsVisible", is_visible);
        }
        if delayed {
            extra.insert("IsDelayed", is_delayed);
        }
        let mut message = Message::unpack(&record)?;
        data_key::open(ctx, &queue, &mut message).await?;
        shown.push(print(message, sequence, lease, queue.fifo, &wanted, &extra));
    }
    Ok(LocalResponse::json(200, &json!({ "Messages": shown })))
}

fn address(request: &LocalRequest) -> Option<Address> {
    let scope = Scope { account: kernel::AccountId::DEFAULT, region: "us-east-1".parse().ok()? };
    let tail = request.path.strip_prefix(PATH)?.trim_matches('/');
    let mut parts = tail.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(region), Some(account), Some(name)) => {
            let scope = Scope { account: account.parse().ok()?, region: region.parse().ok()? };
            Some(Address { scope, name: name.to_owned() })
        }
        _ => request.query("QueueUrl").map(|url| Address::of_url(&scope, url)),
    }
}

fn refusal(error: &kernel::Error) -> LocalResponse {
    LocalResponse::json(404, &json!({ "__type": error.code(), "message": error.message() }))
}

fn print(
    message: Message,
    sequence: Sequence,
    lease: Lease,
    fifo: bool,
    wanted: &Wanted,
    extra: &BTreeMap<&str, bool>,
) -> Value {
    use base64::Engine;
    let shown = message::show(message, sequence, lease, fifo, wanted, NO_HANDLE.to_owned());
    let mut attributes = shown.attributes.unwrap_or_default();
    attributes.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())));
    let mut out = json!({
        "MessageId": shown.message_id,
        "ReceiptHandle": shown.receipt_handle,
        "MD5OfBody": shown.md5_of_body,
        "Body": shown.body,
        "Attributes": attributes,
    });
    if let Some(given) = shown.message_attributes {
        let value = |a: api_sqs::MessageAttributeValue| {
            let binary = a.binary_value.map(|b| base64::engine::general_purpose::STANDARD.encode(b));
            match binary {
                Some(binary) => json!({ "DataType": a.data_type, "BinaryValue": binary }),
                None => json!({ "DataType": a.data_type, "StringValue": a.string_value }),
            }
        };
        let given: serde_json::Map<_, _> = given.into_iter().map(|(name, a)| (name, value(a))).collect();
        if let Some(out) = out.as_object_mut() {
            out.insert("MessageAttributes".to_owned(), Value::Object(given));
            out.insert("MD5OfMessageAttributes".to_owned(), json!(shown.md5_of_message_attributes));
        }
    }
    out
}
