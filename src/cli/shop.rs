//! The config and its open store, as the commands that work beside the service use them: finding the posts a person
//! means, doing something to each, showing what became of it.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::show::{post_json, when};
use super::{Call, Exit, Trouble, opened, say, warn};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::expr::Templates;
use crate::model::id::ChannelName;
use crate::publish::Channel;
use crate::publish::actions::{Hand, Place};
use crate::publish::prepare::Setting;
use crate::store::post::{self, PostRow, SHORT, short};
use crate::store::{Conn, Dialect, Store, StoreError, amend, meta};
use crate::timetable::civil;

/// A config and its open store.
pub struct Shop {
    /// The config.
    pub config: Config,
    /// The store.
    pub store: Store,
    /// Who is at work, and when.
    pub hand: Hand,
    json: bool,
}

/// What a command needs of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It works on what is there.
    There,
    /// It makes one where there is none.
    Any,
}

/// Posts, or a whole group of them, as a call names them.
#[derive(Clone, Debug, clap::Args)]
pub struct Which {
    /// Ids of posts, or at least six characters of the beginning or end of one.
    #[arg(required_unless_present = "group", value_name = "POST")]
    pub posts: Vec<String>,
    /// All held posts of a flood, by the name that `bugle queue` shows.
    #[arg(long, conflicts_with = "posts")]
    pub group: Option<String>,
}

impl Shop {
    /// Opens the config's store; with `rehearse` that of its rehearsal.
    ///
    /// # Errors
    /// The config's faults; where there is no database yet; the database's.
    pub async fn open(call: &Call, need: Need, rehearse: bool) -> anyhow::Result<Self> {
        let mut config = crate::config::load(&call.config)?;
        if rehearse {
            config = config.rehearsal(|channel| channel.account.clone());
        }
        let url = config.store.url.clone();
        if need == Need::There && Dialect::of(&url)? == Dialect::Sqlite {
            let file = Dialect::sqlite_file(&url);
            anyhow::ensure!(
                file.is_file(),
                "there is no database at {} yet: `bugle run{}` makes it",
                file.display(),
                if rehearse { " --rehearse" } else { "" }
            );
        }
        let store = Store::open(&url).await?;
        let clock = SystemClock::new();
        let offset = store.clock_offset(clock.now()).await?;
        clock.correct(offset);
        Ok(Self { config, store, hand: Hand { name: super::person(), now: clock.now() }, json: call.json })
    }

    /// The newsroom's zone.
    pub const fn zone(&self) -> &TimeZone {
        &self.config.newsroom.zone
    }

    /// An instant as the newsroom reads it; without the date where that is today's.
    pub fn when(&self, at: Timestamp) -> String {
        when(self.zone(), at, self.hand.now)
    }

    /// Shows JSON or, without `--json`, what the closure says.
    ///
    /// # Errors
    /// Standard output's.
    pub fn show(&self, json: &serde_json::Value, text: impl FnOnce() -> String) -> std::io::Result<()> {
        if self.json {
            return say(format!("{json:#}"));
        }
        let text = text();
        if text.is_empty() { Ok(()) } else { say(text.trim_end()) }
    }

    /// A time by the newsroom's clock, as a person writes it; what a change of the clocks does to it is told.
    ///
    /// # Errors
    /// Where there is no such time.
    pub fn time(&self, text: &str, second: bool) -> anyhow::Result<Timestamp> {
        let meant = civil::meant(text, second, self.zone()).map_err(Trouble::wrong)?;
        if let Some(remark) = meant.remark {
            warn(remark)?;
        }
        Ok(meant.at)
    }

    /// The channel of that name, as publishing wants it; `None` where the config has it no more.
    pub fn channel(&self, name: &str) -> Option<Channel> {
        self.config.channel(&ChannelName::new(name)).map(opened::channel)
    }

    /// The same, where the call must name one.
    ///
    /// # Errors
    /// [`Trouble`], with the names there are.
    pub fn must_have(&self, name: &str) -> anyhow::Result<Channel> {
        self.channel(name).ok_or_else(|| {
            let names: Vec<_> = self.config.channels.iter().map(|channel| channel.name.as_str()).collect();
            Trouble::wrong(format!("the config has no channel {name:?}; it has {}", names.join(", "))).into()
        })
    }

    /// The channel of a post, as publishing wants it; `None` where the config has it no more.
    ///
    /// # Errors
    /// The database's.
    pub async fn channel_of(&self, id: &str) -> Result<Option<Channel>, StoreError> {
        let mut conn = self.store.read().await?;
        Ok(post::one(&mut conn, id).await?.and_then(|row| self.channel(row.post.channel.as_str())))
    }

    /// The templates, as the service has them.
    ///
    /// # Errors
    /// Every fault found.
    pub fn templates(&self) -> anyhow::Result<Templates> {
        Ok(opened::good_templates(&self.config)?)
    }

    /// A channel with what composing needs.
    pub fn place<'a>(&'a self, channel: &'a Channel, templates: &'a Templates) -> Place<'a> {
        let (newsroom, words, look) = (&self.config.newsroom.name, &self.config.words, &self.config.card);
        let setting = Setting { templates, newsroom, zone: self.zone(), words, digest: &[], look };
        Place { channel, setting }
    }

    /// The one post that a text means.
    ///
    /// # Errors
    /// Where it means none, or several.
    pub async fn post_id(&self, text: &str) -> anyhow::Result<String> {
        let mut conn = self.store.read().await?;
        let mut found = post::meant(&mut conn, text).await?;
        match (found.len(), text.len()) {
            (1, _) => Ok(found.remove(0)),
            (0, length) if length < SHORT => {
                Err(anyhow::anyhow!("expected an id, or at least {SHORT} characters of one, found {text:?}"))
            }
            (0, _) => Err(anyhow::anyhow!("there is no post {text}; `bugle queue` shows their ids")),
            _ => Err(anyhow::anyhow!("{text} means several posts: {}; give more of the id", found.join(", "))),
        }
    }

    /// Does one thing to each post, says what became of it, and goes on where one cannot be.
    ///
    /// # Errors
    /// Standard output's.
    pub async fn each(
        &self,
        texts: &[String],
        what: &str,
        act: impl AsyncFn(String) -> Result<PostRow, StoreError>,
    ) -> anyhow::Result<Exit> {
        let (mut rows, mut exit) = (Vec::new(), Exit::Done);
        for text in texts {
            let done = match self.post_id(text).await {
                Ok(id) => act(id).await.map_err(anyhow::Error::from),
                Err(e) => Err(e),
            };
            match done {
                Ok(row) => rows.push(row),
                Err(e) => {
                    warn(format_args!("{e:#}"))?;
                    exit = Exit::Failed;
                }
            }
        }
        self.done(what, &rows)?;
        Ok(exit)
    }

    /// Shows what became of posts, one line each.
    ///
    /// # Errors
    /// Standard output's.
    pub fn done(&self, what: &str, rows: &[PostRow]) -> std::io::Result<()> {
        let json = rows.iter().map(post_json).collect();
        self.show(&serde_json::Value::Array(json), || {
            let line = |row: &PostRow| format!("{what} {} on {}", short(row.id()), row.post.channel);
            rows.iter().map(line).collect::<Vec<_>>().join("\n")
        })
    }

    /// Whether the service is alive, by its heartbeat.
    ///
    /// # Errors
    /// The database's.
    pub async fn is_running(&self, conn: &mut Conn) -> Result<bool, StoreError> {
        let beat = meta::instant_of(conn, meta::HEARTBEAT).await?;
        Ok(beat.is_some_and(|at| self.hand.now.duration_since(at) < ALIVE))
    }

    /// Waits until a wish is carried out, and tells how it ended. Where no service runs, nothing is waited for.
    ///
    /// # Errors
    /// The database's, or standard output's.
    pub async fn wait_for(&self, wish: &str, seconds: u64, done: &str) -> anyhow::Result<Exit> {
        let mut conn = self.store.read().await?;
        let running = self.is_running(&mut conn).await?;
        let looks = if running { seconds.saturating_mul(LOOKS_A_SECOND) } else { 0 };
        let mut row = amend::one(&mut conn, wish).await?;
        for _ in 0..looks {
            if row.as_ref().is_none_or(|row| row.state != "asked") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1000 / LOOKS_A_SECOND)).await;
            row = amend::one(&mut conn, wish).await?;
        }
        let row = row.ok_or_else(|| anyhow::anyhow!("the wish {wish} is gone from the store"))?;
        self.show(&serde_json::to_value(&row)?, || match row.state.as_str() {
            "done" => format!("{done} {} on {}", short(&row.post), row.channel),
            "failed" => format!("it failed: {}", row.said.as_deref().unwrap_or("no reason was stored")),
            _ if running => match &row.said {
                Some(said) => format!("asked for; not carried out yet, it is tried again ({said})"),
                None => "asked for; the service has not carried it out yet".to_owned(),
            },
            _ => "asked for; no service is running, it is carried out when one is".to_owned(),
        })?;
        Ok(if row.state == "failed" { Exit::Failed } else { Exit::Done })
    }
}

/// A heartbeat older than this means that no service runs.
const ALIVE: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);
/// How often a waiting command looks.
const LOOKS_A_SECOND: u64 = 5;
