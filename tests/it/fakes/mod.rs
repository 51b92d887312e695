//! Fake platforms and feeds: real HTTP servers on 127.0.0.1, strict about the documented contract, each with a ledger of
//! what readers saw and a plan of what goes wrong. This file is the frame they share; each platform's rules are in its
//! own file, written from the platform's documentation and never from Bugle's code.
//!
//! They run on threads of their own, so that a test may block, and outlive a Bugle that is killed.
//!
//! ```text
//! let x = FakeX::start();
//! x.fail(x::CREATE, Fault::ResetAfter);
//! // … run Bugle against x.url() …
//! assert_eq!(x.ledger().wait_for(1).await.len(), 1);
//! ```

pub mod bluesky;
pub mod discord;
pub mod facebook;
pub mod fault;
pub mod feed;
pub mod http;
pub mod hub;
pub mod instagram;
pub mod linkedin;
pub mod mastodon;
pub mod matrix;
pub mod meta;
pub mod oauth;
pub mod slack;
pub mod telegram;
pub mod threads;
#[cfg(test)]
mod trials;
pub mod webhook;
pub mod x;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as Bound};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bugle::clock::{SharedClock, SystemClock};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::fault::{CONNECT, Fault, Plan};
use self::http::{Reply, Request};
use crate::ledger::{Ledger, PATIENCE};

/// How long a connection that hangs is held when the client never gives up.
const HANG: Duration = Duration::from_secs(600);

/// One platform's rules.
pub trait Rules: Send + 'static {
    /// The name of the endpoint that a request is for: one of the constants of the platform's file.
    fn endpoint(&self, request: &Request) -> &'static str;

    /// Carries a request out and answers it.
    fn answer(&mut self, request: &Request, now: Timestamp) -> Reply;
}

/// A request that came, and what became of it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The name of its endpoint.
    pub endpoint: &'static str,
    /// As it came.
    pub request: Request,
    /// The status the platform's rules gave it; `None`: it was not carried out.
    pub outcome: Option<u16>,
    /// When, by the fake's clock.
    pub at: Timestamp,
}

struct Shared<R> {
    rules: Mutex<R>,
    plan: Mutex<Plan>,
    seen: Mutex<Vec<Seen>>,
    count: watch::Sender<usize>,
    clock: SharedClock,
    skew_ms: AtomicI64,
}

/// A running fake.
pub struct Fake<R: Rules> {
    shared: Arc<Shared<R>>,
    ledger: Ledger,
    address: SocketAddr,
    door: Mutex<Option<JoinHandle<()>>>,
}

/// Locks, also after a panic elsewhere: the panic is reported by its own test.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The clock of a fake that shares none with its test.
fn machine_clock() -> SharedClock {
    Arc::new(SystemClock::new())
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("fakes")
            .enable_all()
            .build()
            .expect("threads can be started")
    })
}

/// Opens a door on 127.0.0.1: port 0 is any free one.
pub fn open_door(port: u16) -> io::Result<Bound> {
    let bound = Bound::bind((Ipv4Addr::LOCALHOST, port))?;
    bound.set_nonblocking(true)?;
    Ok(bound)
}

/// Runs a task on the fakes' threads.
pub fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    runtime().spawn(task)
}

impl<R: Rules> Fake<R> {
    /// Starts a fake with a clock that it shares with the test.
    pub fn with_clock(clock: SharedClock, make: impl FnOnce(Ledger) -> R) -> Self {
        let ledger = Ledger::default();
        let bound = open_door(0).expect("127.0.0.1 has a free port");
        let address = bound.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            rules: Mutex::new(make(ledger.clone())),
            plan: Mutex::default(),
            seen: Mutex::default(),
            count: watch::Sender::new(0),
            clock,
            skew_ms: AtomicI64::new(0),
        });
        let fake = Self { shared, ledger, address, door: Mutex::new(None) };
        fake.listen(bound);
        fake
    }

    fn listen(&self, bound: Bound) {
        let shared = Arc::clone(&self.shared);
        let task = spawn(async move {
            let listener = TcpListener::from_std(bound).expect("the fakes' threads have an event loop");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Arc::clone(&shared), stream));
            }
        });
        *lock(&self.door) = Some(task);
    }

    /// Its address as a URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its address as `host:port`, for `allow_private`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// What readers saw.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The platform's state, for set-up and questions that its file offers.
    pub fn rules(&self) -> MutexGuard<'_, R> {
        lock(&self.shared.rules)
    }

    /// The fault strikes the next request of that endpoint.
    pub fn fail(&self, endpoint: &'static str, fault: Fault) {
        self.fail_times(endpoint, 1, fault);
    }

    /// The fault strikes the next `times` requests of that endpoint.
    pub fn fail_times(&self, endpoint: &'static str, times: u32, fault: Fault) {
        lock(&self.shared.plan).add(endpoint, Some(times), fault);
    }

    /// The fault strikes every request of that endpoint, until [`heal`](Self::heal).
    pub fn fail_always(&self, endpoint: &'static str, fault: Fault) {
        lock(&self.shared.plan).add(endpoint, None, fault);
    }

    /// Asks `script` about every request that no other fault strikes.
    pub fn script(&self, script: impl FnMut(&str, &Request) -> Option<Fault> + Send + 'static) {
        lock(&self.shared.plan).script(Box::new(script));
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        lock(&self.shared.plan).clear();
    }

    /// Its clock, and with it the `Date` of its answers, runs ahead by this much (behind where negative).
    pub fn skew(&self, ms: i64) {
        self.shared.skew_ms.store(ms, Ordering::Relaxed);
    }

    /// From now on connections are refused.
    pub fn down(&self) {
        if let Some(task) = lock(&self.door).take() {
            task.abort();
            while !task.is_finished() {
                std::thread::yield_now();
            }
        }
    }

    /// Ends [`down`](Self::down), on the same port.
    pub fn up(&self) {
        if lock(&self.door).is_none() {
            self.listen(open_door(self.address.port()).expect("nobody else took the port meanwhile"));
        }
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// Carries a request out that did not come over the wire: once more, or by another hand.
    pub fn replay(&self, request: &Request) -> Reply {
        self.shared.carry_out(request)
    }

    /// How many requests of that endpoint came, carried out or not.
    pub fn count(&self, endpoint: &str) -> usize {
        lock(&self.shared.seen).iter().filter(|seen| seen.endpoint == endpoint).count()
    }

    /// Waits until `n` requests of that endpoint have come.
    ///
    /// # Panics
    /// When they do not within [`PATIENCE`].
    pub async fn wait_for(&self, endpoint: &str, n: usize) {
        let mut count = self.shared.count.subscribe();
        let waited = tokio::time::timeout(PATIENCE, count.wait_for(|_| self.count(endpoint) >= n)).await;
        let enough = matches!(waited, Ok(Ok(_)));
        assert!(enough, "waited {PATIENCE:?} for {n} requests of {endpoint}, seen: {:#?}", self.seen());
    }
}

impl<R: Rules> Drop for Fake<R> {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.door).take() {
            task.abort();
        }
    }
}

impl<R: Rules> Shared<R> {
    fn now(&self) -> Timestamp {
        let skew = jiff::SignedDuration::from_millis(self.skew_ms.load(Ordering::Relaxed));
        self.clock.now().checked_add(skew).expect("a skew of a test stays within the calendar")
    }

    fn carry_out(&self, request: &Request) -> Reply {
        lock(&self.rules).answer(request, self.now())
    }

    fn note(&self, endpoint: &'static str, request: Request, outcome: Option<u16>) {
        let at = self.now();
        let count = {
            let mut seen = lock(&self.seen);
            seen.push(Seen { endpoint, request, outcome, at });
            seen.len()
        };
        self.count.send_replace(count);
    }
}

/// One connection, one request. Errors of writing are the client's going away, which is its right.
async fn serve<R: Rules>(shared: Arc<Shared<R>>, mut stream: TcpStream) {
    let struck = lock(&shared.plan).strike(CONNECT, &Request::default());
    if let Some(fault) = struck {
        return match fault {
            Fault::HangBefore | Fault::HangAfter => hang(&mut stream).await,
            _ => reset(stream),
        };
    }
    let Some(request) = http::read_request(&mut stream).await else { return };
    let endpoint = lock(&shared.rules).endpoint(&request);
    let fault = lock(&shared.plan).strike(endpoint, &request);
    if let Some(Fault::Late(wait)) = fault {
        tokio::time::sleep(wait).await;
    }
    let reply = fault.as_ref().is_none_or(Fault::carries_out).then(|| shared.carry_out(&request));
    shared.note(endpoint, request, reply.as_ref().map(|reply| reply.status));
    let date = fault::http_date(shared.now());
    let date = date.as_str();
    let done = match (fault, reply) {
        (Some(Fault::ResetBefore | Fault::ResetAfter), _) => {
            reset(stream);
            Ok(())
        }
        (Some(Fault::HangBefore | Fault::HangAfter), _) => {
            hang(&mut stream).await;
            Ok(())
        }
        (Some(Fault::Instead(reply) | Fault::After(reply)), _) => reply.write(&mut stream, date).await,
        (Some(Fault::HalfBody), Some(reply)) => {
            let (head, body) = reply.wire(date);
            let half = [&head[..], &body[..body.len() / 2]].concat();
            match stream.write_all(&half).await {
                Ok(()) => stream.shutdown().await,
                broken => broken,
            }
        }
        (Some(Fault::Drip(pause)), Some(reply)) => drip(&mut stream, &reply, date, pause).await,
        (Some(Fault::Slow(wait)), Some(reply)) => {
            tokio::time::sleep(wait).await;
            reply.write(&mut stream, date).await
        }
        (_, Some(reply)) => reply.write(&mut stream, date).await,
        (_, None) => Ok(()),
    };
    drop(done);
}

async fn drip(stream: &mut TcpStream, reply: &Reply, date: &str, pause: Duration) -> io::Result<()> {
    let (head, body) = reply.wire(date);
    for byte in head.iter().chain(body) {
        stream.write_all(&[*byte]).await?;
        tokio::time::sleep(pause).await;
    }
    stream.shutdown().await
}

/// Ends the connection with a reset instead of a proper close.
pub fn reset(stream: TcpStream) {
    // Where this fails the close is a proper one, which is a fault as well: the answer is missing.
    drop(stream.set_zero_linger());
}

/// Holds the connection until the client closes it.
async fn hang(stream: &mut TcpStream) {
    let mut rest = [0; 1024];
    drop(tokio::time::timeout(HANG, async { while stream.read(&mut rest).await.is_ok_and(|n| n > 0) {} }).await);
}
