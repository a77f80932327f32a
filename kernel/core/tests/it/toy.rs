//! A service of one operation, built by hand as the generator would.

use std::any::Any;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use kernel::events::Event;
use kernel::testing::TestCloud;
use kernel::timers::TimerKey;
use kernel::{Access, Ctx, Error, GateSettings, Kind, Next, Result, Scope, Service, ServiceBuilder, Table};
use shape::{
    Honoured, Kind as ShapeKind, Member, OpDef, Operation, Protocol, Schema, ServiceDef, Shape, Struct,
};
use store::Store;

static TEXT: Schema = schema("Text", ShapeKind::String, &[]);
static NOTE: Schema = schema("Note", ShapeKind::Structure, NOTE_MEMBERS);
static NOTE_MEMBERS: &[Member] = &[member("Text", false), member("Token", true)];

const fn schema(name: &'static str, kind: ShapeKind, members: &'static [Member]) -> Schema {
    Schema { name, kind, members, ..Schema::PLAIN }
}

const fn member(name: &'static str, idempotency_token: bool) -> Member {
    Member { name, wire: name, query: name, schema: &TEXT, idempotency_token, ..Member::PLAIN }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Note {
    pub(crate) text: Option<String>,
    pub(crate) token: Option<String>,
}

impl Note {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: Some(text.to_owned()), token: None }
    }
}

impl Struct for Note {
    fn schema(&self) -> &'static Schema {
        &NOTE
    }
    fn get(&self, i: usize) -> &dyn Shape {
        [&self.text, &self.token][i]
    }
    fn get_mut(&mut self, i: usize) -> &mut dyn Shape {
        if i == 0 { &mut self.text } else { &mut self.token }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send + Sync> {
        self
    }
}

macro_rules! operation {
    ($name:ident, $def:ident) => {
        #[derive(Clone, Copy)]
        pub(crate) struct $name;
        static $def: OpDef = op(stringify!($name));
        impl Operation for $name {
            type Input = Note;
            type Output = Note;
            const DEF: &'static OpDef = &$def;
            const SERVICE: &'static ServiceDef = &TOY;
        }
    };
}
operation!(WriteNote, WRITE_NOTE);
operation!(ReadNote, READ_NOTE);
operation!(ReadNamed, READ_NAMED);
operation!(Wait, WAIT);

const fn op(name: &'static str) -> OpDef {
    OpDef {
        name,
        service: "toy",
        method: "POST",
        uri: "/",
        status: 200,
        input: &NOTE,
        output: &NOTE,
        result_wrapper: None,
        input_root: None,
        input_namespace: None,
        output_root: None,
        errors: &[],
        unsigned: false,
        harmless: &[],
        honoured: Honoured::All,
        checksum_required: false,
        gzip: false,
    }
}

static TOY: ServiceDef = ServiceDef {
    name: "toy",
    id: "Toy",
    signing_name: "toy",
    action_prefix: "toy",
    endpoint_prefix: "toy",
    target_prefix: "Toy",
    version: "2026-01-01",
    protocols: &[Protocol::Json10],
    xml_namespace: "",
    error_namespace: "",
    checks: shape::Checks::Standard,
    query_compatible: false,
    routing: shape::Routing::PLAIN,
    ops: &[&READ_NAMED, &READ_NOTE, &WAIT, &WRITE_NOTE],
    unserved: &[shape::Unserved::named("EraseNote")],
    errors: &[],
};

pub(crate) static NOTES: Table<String> = Table::new("toy/note");
const KEEPER: &str = "toy.keeper";
pub(crate) const HOUR_MS: kernel::Millis = 3_600_000;

/// What went on behind the operations.
#[derive(Default)]
pub(crate) struct Diary {
    pub(crate) reconciled: AtomicU32,
    pub(crate) reconcile_failures_left: AtomicU32,
    pub(crate) heard: Mutex<Vec<String>>,
    pub(crate) refusals_left: AtomicU32,
    pub(crate) rung: Mutex<Vec<String>>,
    pub(crate) swept: AtomicU32,
}

async fn write_note(ctx: &Ctx, input: Note) -> Result<Note> {
    let text = input.text.clone().unwrap_or_default();
    if text.is_empty() {
        return Err(Error::new(Kind::Invalid, "EmptyNote", "A note must say something."));
    }
    ctx.write(|tx| {
        NOTES.put(tx, ctx.scope(), "note", &text)?;
        tx.publish(&Event::new(ctx, "toy", "Note written", vec![], serde_json::json!({ "text": text })))?;
        tx.schedule(&TimerKey::new(ctx, "ring", text.clone()), ctx.now() + 1_000)
    })
    .await?;
    ctx.nudge(KEEPER, "note");
    Ok(input)
}

async fn read_note(ctx: &Ctx, _: Note) -> Result<Note> {
    let text = ctx.read(|snap| NOTES.get(snap, ctx.scope(), "note")).await?;
    Ok(Note { text, token: None })
}

async fn wait(ctx: &Ctx, _: Note) -> Result<Note> {
    ctx.sleep_until(ctx.now() + 1_000_000).await;
    Ok(Note::default())
}

async fn list(_: &Ctx) -> Result<Vec<(Scope, String)>> {
    Ok(vec![])
}

async fn keep(ctx: &Ctx, _: String) -> Result<Next> {
    let diary = ctx.own::<Arc<Diary>>();
    diary.reconciled.fetch_add(1, Ordering::SeqCst);
    if take_one(&diary.reconcile_failures_left) {
        return Err(Error::internal("not yet"));
    }
    Ok(Next::Done)
}

async fn hear(ctx: &Ctx, event: Arc<Event>) -> Result<()> {
    let diary = ctx.own::<Arc<Diary>>();
    if take_one(&diary.refusals_left) {
        return Err(Error::internal("not now"));
    }
    diary.heard.lock().unwrap().push(event.detail["text"].as_str().unwrap().to_owned());
    Ok(())
}

async fn ring(ctx: &Ctx, name: String) -> Result<()> {
    ctx.own::<Arc<Diary>>().rung.lock().unwrap().push(name);
    Ok(())
}

async fn sweep(ctx: &Ctx) -> Result<()> {
    ctx.own::<Arc<Diary>>().swept.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

fn take_one(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}

pub(crate) fn service(diary: Arc<Diary>) -> Service {
    let mut s = ServiceBuilder::new(&TOY);
    s.own(diary);
    let note = |scope: &Scope, _: &Note| Ok(Access::on(scope.arn("toy", "note")));
    s.op(WriteNote, write_note).access(note);
    s.op(ReadNote, read_note).access(note);
    s.op(Wait, wait).access(note);
    // What is asked for is named as the caller pleases.
    s.op(ReadNamed, read_note).access(|_, note: &Note| Ok(Access::on(note.text.clone().unwrap_or_default())));
    s.controller(KEEPER, 2, 60_000, list, keep);
    s.subscribe("toy.listener", Some("toy"), None, hear);
    s.timer("ring", ring);
    s.sweep("toy.hourly", HOUR_MS, sweep);
    s.build()
}

pub(crate) async fn cloud() -> (TestCloud, Arc<Diary>) {
    cloud_with(GateSettings::default()).await
}

pub(crate) async fn cloud_with(gate: GateSettings) -> (TestCloud, Arc<Diary>) {
    let diary = Arc::new(Diary::default());
    let store = Store::temporary().unwrap();
    (TestCloud::over_with(store, gate, vec![service(diary.clone())]).await, diary)
}
