//! A publisher with a WebSub hub on its own server: its feed names the hub, the hub takes subscriptions. It is strict
//! about what it is asked, and does nothing by itself: when it verifies, how it is answered and what it pushes is the
//! test's doing. And a front: the address that Bugle gives to the world, before whichever Bugle runs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::http::{Reply, Request};
use super::{Fake, Rules, lock, machine_clock, open_door, spawn};
use crate::wire::{Answer, Ask};

/// Takes subscriptions.
pub const HUB: &str = "hub";
/// The feed.
pub const FEED: &str = "feed";

/// What it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `subscribe` or `unsubscribe`.
    pub mode: String,
    /// Where it is to push to.
    pub callback: String,
    /// What.
    pub topic: String,
    /// What it signs with.
    pub secret: String,
}

/// The hub and what is up.
#[derive(Default)]
pub struct Hub {
    feeds: BTreeMap<String, Reply>,
    asked: Vec<Asked>,
    /// The topic it knows.
    pub topic: String,
}

impl Rules for Hub {
    fn endpoint(&self, request: &Request) -> &'static str {
        if request.path == "/hub" { HUB } else { FEED }
    }

    fn answer(&mut self, request: &Request, _now: Timestamp) -> Reply {
        if request.path != "/hub" {
            return self.feeds.get(&request.path).cloned().unwrap_or_else(|| Reply::gateway(404));
        }
        match self.asked_of(request) {
            Ok(asked) => {
                self.asked.push(asked);
                Reply::empty(202)
            }
            Err(said) => Reply::text(400, "text/plain", said),
        }
    }
}

impl Hub {
    fn asked_of(&self, request: &Request) -> Result<Asked, String> {
        if request.method != "POST" || request.content_type() != "application/x-www-form-urlencoded" {
            return Err("expected a POST of a form".to_owned());
        }
        let form = request.form();
        let one = |name: &str| -> Result<Option<String>, String> {
            let mut all = form.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone());
            let first = all.next();
            if all.next().is_some() { Err(format!("{name} is there twice")) } else { Ok(first) }
        };
        let need = |name: &str| one(name)?.ok_or_else(|| format!("{name} is missing"));
        let mode = need("hub.mode")?;
        let secret = one("hub.secret")?.unwrap_or_default();
        if mode == "subscribe" {
            let lease = need("hub.lease_seconds")?;
            lease.parse::<u32>().map_err(|_| format!("hub.lease_seconds is {lease:?}"))?;
            // Under 200 bytes, by the Recommendation; and hard to guess, by ours.
            if !(32..200).contains(&secret.len()) {
                return Err(format!("hub.secret of {} bytes", secret.len()));
            }
        } else if mode != "unsubscribe" {
            return Err(format!("hub.mode is {mode:?}"));
        }
        let (callback, topic) = (need("hub.callback")?, need("hub.topic")?);
        if topic != self.topic {
            return Err(format!("there is no topic {topic:?}"));
        }
        if !callback.starts_with("http://") {
            return Err(format!("hub.callback is {callback:?}"));
        }
        Ok(Asked { mode, callback, topic, secret })
    }
}

/// A running publisher.
pub struct FakeHub(Fake<Hub>);

impl Deref for FakeHub {
    type Target = Fake<Hub>;
    fn deref(&self) -> &Fake<Hub> {
        &self.0
    }
}

impl FakeHub {
    /// With an empty feed, at `/feed`, that names its hub and itself in its headers.
    pub fn start() -> Self {
        let hub = Self(Fake::with_clock(machine_clock(), |_| Hub::default()));
        hub.rules().topic = hub.topic();
        hub
    }

    /// The feed's address.
    pub fn topic(&self) -> String {
        format!("{}/feed", self.url())
    }

    /// Puts the feed up; nobody is told.
    pub fn print(&self, body: &str) {
        let link = format!("<{}/hub>; rel=\"hub\", <{}>; rel=\"self\"", self.url(), self.topic());
        self.put(Reply::text(200, "application/xml; charset=utf-8", body).header("Link", link));
    }

    /// Puts any answer up as the feed.
    pub fn put(&self, reply: Reply) {
        self.rules().feeds.insert("/feed".to_owned(), reply);
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.rules().asked.clone()
    }

    /// Waits until it was asked for the `n`th time, and gives that.
    pub async fn wait_asked(&self, n: usize) -> Asked {
        crate::harness::until(&format!("the hub is asked {n} times"), async || self.asked().len() >= n).await;
        self.asked()[n - 1].clone()
    }
}

/// Asks at a callback whether it was meant.
pub async fn ask_back(asked: &Asked, mode: &str, topic: &str, more: &str) -> Answer {
    let topic: String = url::form_urlencoded::byte_serialize(topic.as_bytes()).collect();
    let url = format!("{}?hub.mode={mode}&hub.topic={topic}{more}", asked.callback);
    Ask::get(url).send().await.expect("bugle answers at its callback")
}

/// Verifies as hubs do; whether it was confirmed.
pub async fn verify(asked: &Asked, lease: u32) -> bool {
    let challenge = uuid::Uuid::now_v7().to_string();
    let more = format!("&hub.challenge={challenge}&hub.lease_seconds={lease}");
    let answer = ask_back(asked, &asked.mode, &asked.topic, &more).await;
    (200..300).contains(&answer.status) && answer.text() == challenge
}

/// A signature with that method.
pub fn sign(method: &str, secret: &str, body: &str) -> String {
    macro_rules! hex {
        ($hash:ty) => {{
            let mut mac = Hmac::<$hash>::new_from_slice(secret.as_bytes()).expect("any key fits");
            mac.update(body.as_bytes());
            bugle::text::plain::hex(&mac.finalize().into_bytes())
        }};
    }
    let hex = match method {
        "sha1" => hex!(sha1::Sha1),
        "sha256" => hex!(sha2::Sha256),
        "sha384" => hex!(sha2::Sha384),
        "sha512" => hex!(sha2::Sha512),
        _ => panic!("there is no method {method}"),
    };
    format!("{method}={hex}")
}

/// Pushes, signed or not.
pub async fn push(asked: &Asked, body: &str, signature: Option<String>) -> std::io::Result<Answer> {
    let ask = Ask::new("POST", &asked.callback).body("application/xml; charset=utf-8", body);
    let ask = match signature {
        Some(signature) => ask.header("X-Hub-Signature", signature),
        None => ask,
    };
    ask.send().await
}

/// The address that Bugle gives to the world. Whatever connects is handed on to the Bugle that runs; while none does, it
/// is hung up on.
pub struct Front {
    at: SocketAddr,
    behind: Arc<Mutex<Option<String>>>,
    door: JoinHandle<()>,
}

impl Front {
    /// With nobody behind it.
    pub fn open() -> Self {
        let bound = open_door(0).expect("127.0.0.1 has a free port");
        let at = bound.local_addr().expect("a bound listener has an address");
        let behind = Arc::new(Mutex::new(None::<String>));
        let shared = Arc::clone(&behind);
        let door = spawn(async move {
            let listener = TcpListener::from_std(bound).expect("the fakes' threads have an event loop");
            while let Ok((mut client, _)) = listener.accept().await {
                let Some(to) = lock(&shared).clone() else { continue };
                tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(to).await {
                        drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
                    }
                });
            }
        });
        Self { at, behind, door }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// From now on that Bugle is behind it.
    pub fn lead_to(&self, bugle: &crate::harness::Running) {
        *lock(&self.behind) = Some(bugle.port());
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.door.abort();
    }
}
