//! What no durable, signed service can be faster than: a bare HTTP handler that verifies SigV4 and writes 512 bytes to a
//! preallocated file, one `fdatasync` for all who wait, before it answers. And, of long bodies: `PUT /name` writes what
//! comes to a file and syncs it, `GET /name` sends it. `floor ADDRESS FILE`; see docs/benchmarks.md.

use std::convert::Infallible;
use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kernel::clock::SystemClock;
use kernel::{AccountId, BoxFuture, Credential, Credentials, NoCredential, Principal};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::block_in_place;
use wire::sigv4::{Accepts, Presented, Signing, Verifier};

const RECORD_BYTES: u64 = 512;
const FILE_BYTES: u64 = 64 * 1_024 * 1_024;
const ACCEPTS: Accepts = Accepts { signing: Signing::Common, scope: "sqs", aliases: &[] };
/// As long as what a queue answers.
const ANSWER: &[u8] =
    br#"{"MD5OfMessageBody":"5d41402abc4b2a76b9719d911017c592","MessageId":"00000000-0000-4000-8000-000000000000"}"#;

/// `test`, with the secret `test`.
struct OneKey;

impl Credentials for OneKey {
    fn find<'a>(
        &'a self,
        access_key: &'a str,
        _: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Credential, NoCredential>> {
        let account = "000000000000".parse::<AccountId>().ok().filter(|_| access_key == "test");
        let found = account.map(|account| Credential {
            secret: "test".into(),
            account,
            principal: Principal::Root,
            session: None,
            expires_at: None,
            is_well_known: false,
        });
        Box::pin(std::future::ready(found.ok_or(NoCredential::Unknown)))
    }
}

type Wait = oneshot::Sender<()>;

/// Writes for all who wait, syncs once, tells them.
fn commit(file: &File, waiting: &Receiver<Wait>) -> std::io::Result<()> {
    let record = [b'x'; 512];
    let mut at = 0;
    while let Ok(first) = waiting.recv() {
        let all: Vec<Wait> = std::iter::once(first).chain(waiting.try_iter()).collect();
        let bytes = record.repeat(all.len());
        let length = RECORD_BYTES * u64::try_from(all.len()).unwrap_or(u64::MAX);
        if at + length > FILE_BYTES {
            at = 0;
        }
        file.write_all_at(&bytes, at)?;
        at += length;
        file.sync_data()?;
        for one in all {
            // Whoever hung up needs no answer.
            let _ = one.send(());
        }
    }
    Ok(())
}

async fn answer(
    request: Request<Incoming>,
    verifier: &Verifier,
    committer: &Sender<Wait>,
) -> Result<StatusCode, Box<dyn Error + Send + Sync>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let Ok(Some(presented)) = Presented::find(&parts) else { return Ok(StatusCode::FORBIDDEN) };
    let payload = hex(digest(&SHA256, &body).as_ref());
    if verifier.verify(&parts, &presented, ACCEPTS, &payload).await.is_err() {
        return Ok(StatusCode::FORBIDDEN);
    }
    let (done, durable) = oneshot::channel();
    committer.send(done)?;
    durable.await?;
    Ok(StatusCode::OK)
}

/// Bytes read from a file at once.
const CHUNK_BYTES: usize = 256 * 1_024;

type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

/// Writes what comes to the file, and syncs it.
async fn put(path: PathBuf, mut body: Incoming) -> Result<Answer, Box<dyn Error + Send + Sync>> {
    let mut file = block_in_place(|| File::create(path))?;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            block_in_place(|| file.write_all(&data))?;
        }
    }
    block_in_place(|| file.sync_all())?;
    Ok(Response::new(Full::default().map_err(|never| match never {}).boxed_unsync()))
}

/// Sends the file.
fn get(path: PathBuf) -> Result<Answer, Box<dyn Error + Send + Sync>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let chunks = futures_util::stream::try_unfold(file, |mut file| async move {
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = block_in_place(|| file.read(&mut chunk))?;
        chunk.truncate(read);
        Ok((read > 0).then(|| (Frame::data(Bytes::from(chunk)), file)))
    });
    let mut response = Response::new(StreamBody::new(chunks).boxed_unsync());
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    Ok(response)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address: SocketAddr = arguments.next().ok_or("floor ADDRESS FILE")?.parse()?;
    let path = arguments.next().ok_or("floor ADDRESS FILE")?;
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
    // Written, not only reserved: else the first sync of each block changes the file's metadata too.
    let megabyte = vec![0; 1_024 * 1_024];
    for at in 0..FILE_BYTES / (1_024 * 1_024) {
        file.write_all_at(&megabyte, at * 1_024 * 1_024)?;
    }
    file.sync_all()?;
    let (committer, waiting) = channel();
    std::thread::spawn(move || commit(&file, &waiting));
    let verifier = Arc::new(Verifier::new(Arc::new(OneKey), Arc::new(SystemClock)));
    // As many threads for requests as `cloudlet up` has.
    let cpus = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(cpus.clamp(2, 8)).enable_all().build()?;
    let folder = PathBuf::from(path).parent().map(PathBuf::from).unwrap_or_default();
    runtime.block_on(serve(address, folder, &verifier, &committer))
}

async fn serve(
    address: SocketAddr,
    folder: PathBuf,
    verifier: &Arc<Verifier>,
    committer: &Sender<Wait>,
) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (verifier, committer, folder) = (verifier.clone(), committer.clone(), folder.clone());
        let service = service_fn(move |request| {
            let (verifier, committer) = (verifier.clone(), committer.clone());
            let place = folder.join(request.uri().path().replace('/', "-"));
            async move {
                let outcome = match *request.method() {
                    Method::PUT => put(place, request.into_body()).await,
                    Method::GET => get(place),
                    _ => {
                        let status = answer(request, &verifier, &committer).await;
                        let body = Full::new(Bytes::from_static(ANSWER)).map_err(|never| match never {});
                        status.map(|status| {
                            let mut response = Response::new(body.boxed_unsync());
                            *response.status_mut() = status;
                            response
                        })
                    }
                };
                Ok::<_, Infallible>(outcome.unwrap_or_else(|_| {
                    let mut response =
                        Response::new(Full::default().map_err(|never| match never {}).boxed_unsync());
                    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                    response
                }))
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
