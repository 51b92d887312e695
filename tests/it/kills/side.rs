//! The platform's side of a campaign: one fake of each recovery class, and its weather.

use std::time::Duration;

use super::campaign::Chance;
use crate::fakes::bluesky::FakeBluesky;
use crate::fakes::fault::Fault;
use crate::fakes::mastodon::FakeMastodon;
use crate::fakes::telegram::FakeTelegram;
use crate::fakes::threads::FakeThreads;
use crate::fakes::x::FakeX;
use crate::fakes::{bluesky, mastodon, telegram, threads, x};
use crate::harness::Newsroom;
use crate::ledger::Ledger;

/// How long a new post may stay out of X's timeline, in seconds at scale 1: shorter than the wait before absence is
/// believed (300 s), longer than that before the first look (60 s).
const LAG: f64 = 200.0;

/// How a doubt can be settled, by the platform that stands for it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Bluesky.
    OwnId,
    /// Threads: an own id that the platform chose in a first, invisible step.
    Container,
    /// Mastodon.
    Key,
    /// X.
    Look,
    /// Telegram.
    Blind,
}

impl Class {
    /// As reliability.md calls it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OwnId => "own-id",
            Self::Container => "container",
            Self::Key => "key",
            Self::Look => "look",
            Self::Blind => "blind",
        }
    }

    /// The channel's name, which is the platform's.
    pub const fn channel(self) -> &'static str {
        match self {
            Self::OwnId => "bluesky",
            Self::Container => "threads",
            Self::Key => "mastodon",
            Self::Look => "x",
            Self::Blind => "telegram",
        }
    }
}

/// The fake of a class.
pub enum Side {
    OwnId(FakeBluesky),
    Container(FakeThreads),
    Key(FakeMastodon),
    Look(FakeX),
    Blind(FakeTelegram),
}

impl Side {
    /// Starts it. X refuses no text twice, so that a double post shows, and its timeline lags.
    pub fn start(class: Class, scale: f64) -> Self {
        let lag = Duration::from_secs_f64(LAG * scale);
        match class {
            Class::OwnId => Self::OwnId(FakeBluesky::start()),
            Class::Container => {
                let fake = FakeThreads::start();
                // A campaign posts more than a profile may in a day.
                fake.rules().boxes.quota = 100_000;
                Self::Container(fake)
            }
            Class::Key => Self::Key(FakeMastodon::start()),
            Class::Look => {
                let fake = FakeX::start();
                {
                    let mut rules = fake.rules();
                    rules.duplicate_guard = false;
                    rules.lag = lag;
                }
                Self::Look(fake)
            }
            Class::Blind => Self::Blind(FakeTelegram::start()),
        }
    }

    /// Its class.
    pub const fn class(&self) -> Class {
        match self {
            Self::OwnId(_) => Class::OwnId,
            Self::Container(_) => Class::Container,
            Self::Key(_) => Class::Key,
            Self::Look(_) => Class::Look,
            Self::Blind(_) => Class::Blind,
        }
    }

    /// What readers saw.
    pub fn ledger(&self) -> &Ledger {
        match self {
            Self::OwnId(fake) => fake.ledger(),
            Self::Container(fake) => fake.ledger(),
            Self::Key(fake) => fake.ledger(),
            Self::Look(fake) => fake.ledger(),
            Self::Blind(fake) => fake.ledger(),
        }
    }

    /// Gives the newsroom its channel there.
    pub fn join(&self, newsroom: Newsroom) -> Newsroom {
        let newsroom = match self {
            Self::OwnId(fake) => newsroom.bluesky(fake),
            Self::Container(fake) => newsroom.threads(fake),
            Self::Key(fake) => newsroom.mastodon(fake),
            Self::Look(fake) => newsroom.x(fake),
            Self::Blind(fake) => newsroom.telegram(fake),
        };
        // A story that has a picture takes it along.
        match self {
            Self::Container(_) => newsroom,
            _ => newsroom.with(self.class().channel(), "picture = \"photo\""),
        }
    }

    /// What posts, on any of them.
    fn creates(endpoint: &str) -> bool {
        let all = [
            bluesky::PUT,
            bluesky::CREATE,
            threads::CONTAINER,
            threads::PUBLISH,
            mastodon::CREATE,
            x::CREATE,
            telegram::SEND,
            telegram::PHOTO,
        ];
        all.contains(&endpoint)
    }

    /// From now on answers come slowly and late, or, where `always`, each answer to a post is slow.
    pub fn weather(&self, mut chance: Chance, always: bool) {
        let script = move |endpoint: &str, _: &crate::fakes::http::Request| {
            if !Self::creates(endpoint) {
                return chance.one_in(8).then(|| Fault::Slow(chance.millis(1..40)));
            }
            match chance.below(10) {
                _ if always => Some(Fault::Slow(Duration::from_millis(40))),
                0..=3 => Some(Fault::Slow(chance.millis(5..150))),
                4..=5 => Some(Fault::Late(chance.millis(5..100))),
                _ => None,
            }
        };
        match self {
            Self::OwnId(fake) => fake.script(script),
            Self::Container(fake) => fake.script(script),
            Self::Key(fake) => fake.script(script),
            Self::Look(fake) => fake.script(script),
            Self::Blind(fake) => fake.script(script),
        }
    }

    /// Something that the channel must get over by itself: an access token ends, where tokens end.
    pub fn trouble(&self) {
        if let Self::OwnId(fake) = self {
            fake.expire_access();
        }
    }

    /// How many requests to post came.
    pub fn sends(&self) -> usize {
        match self {
            Self::OwnId(fake) => fake.count(bluesky::PUT) + fake.count(bluesky::CREATE),
            Self::Container(fake) => fake.count(threads::PUBLISH),
            Self::Key(fake) => fake.count(mastodon::CREATE),
            Self::Look(fake) => fake.count(x::CREATE),
            Self::Blind(fake) => fake.count(telegram::SEND) + fake.count(telegram::PHOTO),
        }
    }

    /// How many pictures came, each before its post or with it.
    pub fn pictures(&self) -> usize {
        match self {
            Self::OwnId(fake) => fake.count(bluesky::UPLOAD),
            // It fetches pictures itself, by an address that this newsroom does not have.
            Self::Container(_) => 0,
            Self::Key(fake) => fake.count(mastodon::MEDIA),
            Self::Look(fake) => fake.count(x::UPLOAD),
            Self::Blind(fake) => fake.count(telegram::PHOTO),
        }
    }

    /// How many look-ups came.
    pub fn looks(&self) -> usize {
        match self {
            Self::OwnId(fake) => fake.count(bluesky::GET) + fake.count(bluesky::LIST),
            Self::Container(fake) => fake.count(threads::READ) + fake.count(threads::LOOK),
            Self::Key(fake) => fake.count(mastodon::LOOK),
            Self::Look(fake) => fake.count(x::LOOK),
            Self::Blind(_) => 0,
        }
    }
}
