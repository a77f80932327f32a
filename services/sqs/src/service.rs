//! The contents page: everything SQS does.

use std::sync::Arc;

use api_sqs::{SERVICE, op};
use kernel::{Access, Ctx, Plugs, Result, Scope, Sealer, Service, ServiceBuilder, boxed};

use crate::controllers::{leftover, metric, move_task as moving, retention};
use crate::ops::{
    dead_letter, inspect, message_delete, message_receive, message_send, message_visibility, move_task,
    permission, queue, queue_attributes, tags,
};
use crate::rules::address::{access, access_by_arn};
use crate::state::data_key::{DataKeys, check_root_key};
use crate::state::open::Queues;

/// The service, ready for a house. It seals bodies with the plugged [`Sealer`], or has KMS do it.
pub fn service(plugs: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.own(DataKeys::new(plugs.get::<Arc<dyn Sealer>>()));
    s.own(Queues::default());
    s.attached(|ctx, asked| boxed(move || async move { permission::attached(&ctx, asked).await }));
    s.resource_facts(tags::facts_of);

    // queues
    s.op(op::CreateQueue, queue::create_queue).access(queue::create_access);
    s.op(op::GetQueueUrl, queue::get_queue_url).access(queue::get_url_access);
    s.op(op::ListQueues, queue::list_queues).access(|_, _| Ok(Access::any()));
    s.op(op::DeleteQueue, queue::delete_queue).access(|scope, i| access(scope, &i.queue_url));
    s.op(op::PurgeQueue, queue::purge_queue).access(|scope, i| access(scope, &i.queue_url));
    s.op(op::GetQueueAttributes, queue_attributes::get_queue_attributes)
        .access(|scope, i| access(scope, &i.queue_url));
    s.op(op::SetQueueAttributes, queue_attributes::set_queue_attributes)
        .access(|scope, i| access(scope, &i.queue_url));
    s.op(op::ListDeadLetterSourceQueues, dead_letter::list_dead_letter_source_queues)
        .access(|scope, i| access(scope, &i.queue_url));
    s.op(op::TagQueue, tags::tag_queue).access(tags::tag_access);
    s.op(op::UntagQueue, tags::untag_queue).access(tags::untag_access);
    s.op(op::ListQueueTags, tags::list_queue_tags).access(|scope, i| access(scope, &i.queue_url));
    s.op(op::AddPermission, permission::add_permission).access(|scope, i| access(scope, &i.queue_url));
    s.op(op::RemovePermission, permission::remove_permission).access(|scope, i| access(scope, &i.queue_url));

    // messages; a batch needs the permission of its single operation
    s.op(op::SendMessage, message_send::send_message).access(|scope, i| access(scope, &i.queue_url));
    s.op(op::SendMessageBatch, message_send::send_message_batch)
        .access(|scope, i| as_single(scope, &i.queue_url, "sqs:SendMessage"));
    s.op(op::ReceiveMessage, message_receive::receive_message).access(|scope, i| access(scope, &i.queue_url));
    s.op(op::DeleteMessage, message_delete::delete_message).access(|scope, i| access(scope, &i.queue_url));
    s.op(op::DeleteMessageBatch, message_delete::delete_message_batch)
        .access(|scope, i| as_single(scope, &i.queue_url, "sqs:DeleteMessage"));
    s.op(op::ChangeMessageVisibility, message_visibility::change_message_visibility)
        .access(|scope, i| access(scope, &i.queue_url));
    s.op(op::ChangeMessageVisibilityBatch, message_visibility::change_message_visibility_batch)
        .access(|scope, i| as_single(scope, &i.queue_url, "sqs:ChangeMessageVisibility"));

    // move tasks
    s.op(op::StartMessageMoveTask, move_task::start_message_move_task)
        .access(|_, i| access_by_arn(&i.source_arn));
    s.op(op::CancelMessageMoveTask, move_task::cancel_message_move_task).access(move_task::cancel_access);
    s.op(op::ListMessageMoveTasks, move_task::list_message_move_tasks)
        .access(|_, i| access_by_arn(&i.source_arn));

    s.controller(
        leftover::NAME,
        leftover::CONCURRENCY,
        leftover::SWEEP_EVERY_MS,
        leftover::list,
        leftover::reconcile,
    );
    s.controller(moving::NAME, moving::CONCURRENCY, moving::SWEEP_EVERY_MS, moving::list, moving::reconcile);
    s.sweep("sqs-metrics", metric::EVERY_MS, metric::put_all);
    s.sweep("sqs-retention", retention::SWEEP_EVERY_MS, retention::sweep);
    s.route("GET", inspect::PATH, inspect::messages);
    s.on_open(check_root_key);
    s.on_reset(forget);
    s.build()
}

fn as_single(scope: &Scope, url: &str, action: &'static str) -> Result<Access> {
    Ok(access(scope, url)?.action(action))
}

async fn forget(ctx: &Ctx) -> Result<()> {
    ctx.own::<Queues>().forget_all();
    ctx.own::<DataKeys>().forget_all();
    Ok(())
}
