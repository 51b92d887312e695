//! A wire that can be cut: a TCP proxy in front of a real server (PostgreSQL, the PDS, snac), for faults those servers
//! do not produce themselves. It knows no protocol; it counts bytes and connections.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::fakes::{lock, open_door, reset, spawn};

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Bytes pass both ways.
    Pass,
    /// Reset as soon as it is accepted; the server never sees it.
    Refuse,
    /// The request passes, and the connection is reset when the first byte of the answer comes: the server did its work.
    LoseAnswer,
    /// Reset after this many bytes of the answer.
    CutAnswer(usize),
    /// Reset after this many bytes of the request: the server gets the beginning only.
    CutRequest(usize),
    /// Accepted, and then nothing, until the client gives up.
    Swallow,
    /// The request passes; the answer never arrives, until the client gives up.
    SwallowAnswer,
    /// Every piece of the answer arrives this much later.
    Delay(Duration),
}

struct Shared {
    upstream: String,
    mode: Mutex<Mode>,
    /// How many connections still get `mode`; after them all pass.
    left: Mutex<Option<usize>>,
    connections: AtomicUsize,
}

/// A running proxy.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    door: JoinHandle<()>,
}

impl Proxy {
    /// In front of `host:port`, letting everything pass.
    pub fn before(upstream: &str) -> Self {
        let bound = open_door(0).expect("127.0.0.1 has a free port");
        let address = bound.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            mode: Mutex::new(Mode::Pass),
            left: Mutex::new(None),
            connections: AtomicUsize::new(0),
        });
        let serving = Arc::clone(&shared);
        let door = spawn(async move {
            let listener = TcpListener::from_std(bound).expect("the fakes' threads have an event loop");
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                tokio::spawn(async move { drop(shared.serve(client).await) });
            }
        });
        Self { shared, address, door }
    }

    /// Its address as `host:port`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Its address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All connections from now on.
    pub fn set(&self, mode: Mode) {
        *lock(&self.shared.left) = None;
        *lock(&self.shared.mode) = mode;
    }

    /// The next `n` connections only.
    pub fn set_for(&self, n: usize, mode: Mode) {
        *lock(&self.shared.left) = Some(n);
        *lock(&self.shared.mode) = mode;
    }

    /// How many connections came.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.door.abort();
    }
}

impl Shared {
    fn next_mode(&self) -> Mode {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let mut left = lock(&self.left);
        match left.as_mut() {
            Some(0) => Mode::Pass,
            Some(n) => {
                *n -= 1;
                *lock(&self.mode)
            }
            None => *lock(&self.mode),
        }
    }

    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let mode = self.next_mode();
        match mode {
            Mode::Refuse => {
                reset(client);
                return Ok(());
            }
            Mode::Swallow => return drain(&mut client).await,
            _ => {}
        }
        let mut server = TcpStream::connect(&self.upstream).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (mut request, mut answer) = (Pump::default(), Pump::default());
        match mode {
            Mode::CutRequest(bytes) => request.cap = Some(bytes),
            Mode::LoseAnswer => answer.cap = Some(0),
            Mode::CutAnswer(bytes) => answer.cap = Some(bytes),
            Mode::Delay(wait) => answer.wait = wait,
            Mode::SwallowAnswer => answer.swallow = true,
            Mode::Pass | Mode::Refuse | Mode::Swallow => {}
        }
        let end = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            let up = request.run(from_client, to_server);
            let down = answer.run(from_server, to_client);
            tokio::pin!(up, down);
            tokio::select! {
                end = &mut up => match end {
                    // The client has said all it will; the answer is still to come.
                    Ok(End::Closed) => down.await,
                    cut => cut,
                },
                end = &mut down => match end {
                    Ok(End::Closed) if answer.swallow => up.await,
                    over => over,
                },
            }
        };
        if !matches!(end, Ok(End::Closed)) {
            reset(client);
            reset(server);
        }
        Ok(())
    }
}

/// Reads until the other side closes.
async fn drain(stream: &mut TcpStream) -> io::Result<()> {
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// How one direction ended.
enum End {
    /// Properly, by the side that writes.
    Closed,
    /// By the cap.
    Cut,
}

/// One direction of a connection.
#[derive(Clone, Copy, Default)]
struct Pump {
    cap: Option<usize>,
    wait: Duration,
    swallow: bool,
}

impl Pump {
    async fn run(self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<End> {
        let mut buffer = vec![0; 16 * 1024];
        let mut left = self.cap;
        loop {
            let n = from.read(&mut buffer).await?;
            if self.swallow {
                if n == 0 {
                    return Ok(End::Closed);
                }
                continue;
            }
            if n == 0 {
                to.shutdown().await?;
                return Ok(End::Closed);
            }
            tokio::time::sleep(self.wait).await;
            let room = left.map_or(n, |left| left.min(n));
            to.write_all(&buffer[..room]).await?;
            left = left.map(|left| left - room);
            if left == Some(0) {
                return Ok(End::Cut);
            }
        }
    }
}
