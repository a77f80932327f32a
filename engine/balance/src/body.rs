//! Bodies on their way through.

use std::error::Error;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::journal::{Draft, Notes};
use crate::live::Underway;
use crate::upstream::Back;

/// What is sent to a member.
pub(crate) enum Upload {
    Nothing,
    Client(FromClient),
}

/// A client's body, with the notes that count it, where any are taken.
pub(crate) struct FromClient {
    body: Incoming,
    notes: Option<Notes>,
    flow: Arc<Flow>,
}

/// How an upload goes, for whoever waits for its answer.
pub(crate) struct Flow {
    begun: Instant,
    /// Milliseconds after, when something last came or the end was seen.
    moved_ms: AtomicU64,
    /// The next piece is asked for and has not come.
    waits: AtomicBool,
    fault: Mutex<Option<Fault>>,
}

/// Why an upload did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It cannot be read as what it says it is.
    Malformed,
    /// The client is no more.
    Gone,
}

impl Fault {
    fn of(error: &hyper::Error) -> Self {
        use std::io::ErrorKind::{InvalidData, InvalidInput};
        let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
        match io.map(std::io::Error::kind) {
            Some(InvalidData | InvalidInput) => Self::Malformed,
            _ => Self::Gone,
        }
    }
}

impl Flow {
    /// When it last went on.
    pub(crate) fn moved_at(&self) -> Instant {
        self.begun + Duration::from_millis(self.moved_ms.load(Ordering::Relaxed))
    }

    /// Whether it is the client that keeps it waiting.
    pub(crate) fn waits_for_client(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }

    /// What is wrong with it.
    pub(crate) fn fault(&self) -> Option<Fault> {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: &hyper::Error) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(Fault::of(error));
    }

    fn note(&self, polled_ready: bool) {
        self.waits.store(!polled_ready, Ordering::Relaxed);
        if polled_ready {
            let passed = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.moved_ms.store(passed, Ordering::Relaxed);
        }
    }
}

impl Upload {
    pub(crate) fn of_client(body: Incoming, notes: Option<Notes>) -> Self {
        if body.is_end_stream() {
            return Self::Nothing;
        }
        let (moved_ms, waits) = (AtomicU64::new(0), AtomicBool::new(false));
        let flow = Flow { begun: Instant::now(), moved_ms, waits, fault: Mutex::new(None) };
        Self::Client(FromClient { body, notes, flow: Arc::new(flow) })
    }

    pub(crate) fn flow(&self) -> Option<Arc<Flow>> {
        match self {
            Self::Nothing => None,
            Self::Client(upload) => Some(upload.flow.clone()),
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            Upload::Nothing => Poll::Ready(None),
            Upload::Client(FromClient { body, notes, flow }) => {
                let polled = Pin::new(body).poll_frame(cx);
                flow.note(polled.is_ready());
                if let Poll::Ready(Some(Err(error))) = &polled {
                    flow.failed(error);
                }
                if let (Some(notes), Poll::Ready(Some(Ok(frame)))) = (notes, &polled) {
                    notes.received(frame.data_ref().map_or(0, Bytes::len));
                }
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Upload::Nothing => true,
            Upload::Client(upload) => upload.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Upload::Nothing => SizeHint::with_exact(0),
            Upload::Client(upload) => upload.body.size_hint(),
        }
    }
}

/// What is answered.
pub struct Outgoing {
    kind: Kind,
    /// Of the entry in the journal, which ends with the answer.
    draft: Option<Box<Draft>>,
}

enum Kind {
    Own(Option<Bytes>),
    Member(FromMember),
}

/// A member's answer. When it has been read to its end, its connection can serve others.
struct FromMember {
    body: Incoming,
    ended: bool,
    back: Option<Back>,
    _underway: Underway,
}

impl Outgoing {
    pub(crate) fn own(bytes: impl Into<Bytes>) -> Self {
        let kind = Kind::Own(Some(bytes.into()).filter(|bytes: &Bytes| !bytes.is_empty()));
        Self { kind, draft: None }
    }

    pub(crate) fn of_member(body: Incoming, back: Option<Back>, underway: Underway) -> Self {
        let kind = Kind::Member(FromMember { body, ended: false, back, _underway: underway });
        Self { kind, draft: None }
    }

    /// What is sent of it is written down.
    pub(crate) fn noted(self, draft: Draft) -> Self {
        Self { draft: Some(Box::new(draft)), ..self }
    }
}

impl Drop for FromMember {
    fn drop(&mut self) {
        if let Some(back) = self.back.take()
            && (self.ended || self.body.is_end_stream())
        {
            back.give();
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { kind, draft } = &mut *self;
        let polled = match kind {
            Kind::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Member(member) => {
                let polled = Pin::new(&mut member.body).poll_frame(cx);
                member.ended |= matches!(polled, Poll::Ready(None));
                polled
            }
        };
        if let (Some(draft), Poll::Ready(Some(Ok(frame)))) = (draft, &polled) {
            draft.sent(frame.data_ref().map_or(0, Bytes::len));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Own(bytes) => bytes.is_none(),
            Kind::Member(member) => member.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Own(bytes) => SizeHint::with_exact(
                bytes.as_ref().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(0)),
            ),
            Kind::Member(member) => member.body.size_hint(),
        }
    }
}
