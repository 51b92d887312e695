//! What the commands share: opening the config and the store, who is at work, how a time, a table or JSON is shown.

use std::io::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Call, Exit, say};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, Faults};
use crate::expr::Templates;
use crate::model::id::ChannelName;
use crate::publish::Channel;
use crate::publish::actions::{Hand, Place};
use crate::publish::prepare::Setting;
use crate::store::post::{self, PostRow, SHORT, short};
use crate::store::{Conn, Dialect, Store, StoreError, amend, meta};

/// The call is wrong: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(pub String);

/// What is shown of a command's end. Faults of the config and of the call are told here and end with code 2.
///
/// # Errors
/// Everything else.
pub fn ending(result: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    let error = match result {
        Ok(exit) => return Ok(exit),
        Err(error) => error,
    };
    if error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe) {
        return Ok(Exit::Done);
    }
    if error.is::<Faults>() || error.is::<Wrong>() {
        complain(&format!("{error:#}"));
        return Ok(Exit::Wrong);
    }
    Err(error)
}

/// Writes a line to standard error.
pub fn complain(line: &str) {
    // Where even that is closed, the exit code says it.
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

/// Reads one variable of the environment.
#[expect(clippy::disallowed_methods, reason = "the command line reads who is at work here, and nothing else")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Who is at work: the login name.
fn person() -> String {
    variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(|| "command line".to_owned())
}

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
        Ok(Self { config, store, hand: Hand { name: person(), now: clock.now() }, json: call.json })
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

    /// The channel of that name, as publishing wants it; `None` where the config has it no more.
    pub fn channel(&self, name: &str) -> Option<Channel> {
        self.config.channel(&ChannelName::new(name)).map(super::opened::channel)
    }

    /// The same, where the call must name one.
    ///
    /// # Errors
    /// [`Wrong`], with the names there are.
    pub fn must_have(&self, name: &str) -> anyhow::Result<Channel> {
        self.channel(name).ok_or_else(|| {
            let names: Vec<_> = self.config.channels.iter().map(|channel| channel.name.as_str()).collect();
            Wrong(format!("the config has no channel {name:?}; it has {}", names.join(", "))).into()
        })
    }

    /// The templates beside the config.
    ///
    /// # Errors
    /// The first template's fault.
    pub fn templates(&self) -> anyhow::Result<Templates> {
        let folder = std::path::Path::new("templates/post");
        let beside = self.config.path().parent().map(|parent| parent.join(folder));
        // `config/bugle.toml` has its templates in `templates/post` of the same project.
        let found = [beside, Some(folder.to_owned())].into_iter().flatten().find(|path| path.is_dir());
        Templates::load(found.as_deref()).map_err(|faults| {
            let said: Vec<_> = faults.iter().map(|(path, e)| format!("{}: {e}", path.display())).collect();
            anyhow::anyhow!(said.join("\n"))
        })
    }

    /// A channel with what composing needs.
    pub fn place<'a>(&'a self, channel: &'a Channel, templates: &'a Templates) -> Place<'a> {
        let (newsroom, look) = (&self.config.newsroom.name, &self.config.card);
        let setting = Setting { templates, newsroom, zone: self.zone(), look };
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
                    complain(&format!("{e:#}"));
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

/// `14:05` where it is today, else `2026-11-25 14:05`, in that zone.
pub fn when(zone: &TimeZone, at: Timestamp, now: Timestamp) -> String {
    let (at, now) = (at.to_zoned_datetime(zone.clone()), now.to_zoned_datetime(zone.clone()));
    let format = if at.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M" };
    at.strftime(format).to_string()
}

/// One line, cut to that many characters.
pub fn clip(text: &str, most: usize) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= most {
        return line;
    }
    let cut: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

/// Rows in columns as wide as their widest cell; the last one as long as it is.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let all = || std::iter::once(&head).chain(rows);
    let width = |n: usize| all().filter_map(|row| row.get(n)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all().map(line).collect::<Vec<_>>().join("\n")
}

/// A post as `--json` shows it.
pub fn post_json(row: &PostRow) -> serde_json::Value {
    let post = &row.post;
    let state = serde_json::to_value(&post.state).unwrap_or_default();
    let mut json = serde_json::json!({
        "id": row.id(),
        "channel": post.channel,
        "article": post.article,
        "occasion": post.occasion.key(),
        "route": post.route,
        "template": post.template,
        "urgency": post.urgency,
        "created": post.created,
        "due": post.due,
        "expires": post.expires,
        "attempts": post.attempts,
        "text": text_of(row),
        "revision": row.revision,
        "payload_hash": row.payload_hash,
        "sent": row.sent,
        "resends": row.resends,
        "verify": row.verify,
    });
    if let (Some(json), serde_json::Value::Object(state)) = (json.as_object_mut(), state) {
        json.extend(state);
    }
    json
}

/// The text that went or will go out, as far as it is settled: the frozen one, else a person's.
pub fn text_of(row: &PostRow) -> Option<String> {
    let frozen = row.payload.as_deref().and_then(|text| serde_json::from_str::<crate::platform::Payload>(text).ok());
    row.post.text.clone().or(frozen.map(|payload| payload.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["x".to_owned(), "y".to_owned()], vec!["long".to_owned(), String::new()]];
        assert_eq!(table(&["A", "B"], &rows), "A     B\nx     y\nlong");
    }

    #[test]
    fn times_are_the_newsrooms() {
        let zone = TimeZone::get("Asia/Baku").unwrap();
        let now: Timestamp = "2026-11-25T20:30:00Z".parse().unwrap();
        for (at, shown) in [("2026-11-25T20:05:09Z", "00:05:09"), ("2026-11-25T19:05:00Z", "2026-11-25 23:05")] {
            assert_eq!(when(&zone, at.parse().unwrap(), now), shown);
        }
    }

    #[test]
    fn a_line_is_cut_at_a_character() {
        assert_eq!(clip("Bakı\nşəhəri", 7), "Bakı ş…");
        assert_eq!(clip("Bakı", 4), "Bakı");
    }
}
