//! Tracing set-up; the names of all metrics and log fields, as constants; the metrics themselves.
//!
//! No URL, no title and no account name is ever a label: those are without bound, and some are secret. Names of
//! channels and sources are fine: the config bounds them. Nor is a secret ever a log field: secrets are `SecretString`,
//! which prints nothing.

use std::io::IsTerminal as _;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

/// Names of log fields: `tracing::info!({ field::POST } = %id, "published")`.
pub mod field {
    /// A post's id.
    pub const POST: &str = "post.id";
    /// An article's id.
    pub const ARTICLE: &str = "article.id";
    /// A channel's name.
    pub const CHANNEL: &str = "channel.id";
    /// A source's name.
    pub const SOURCE: &str = "source.id";
    /// A platform's word.
    pub const PLATFORM: &str = "platform";
    /// An attempt's id.
    pub const ATTEMPT: &str = "attempt";
    /// A journal step: `create/0`.
    pub const STEP: &str = "step";
    /// A post's state.
    pub const STATE: &str = "state";
    /// An error's class.
    pub const CLASS: &str = "class";
    /// An error, in words.
    pub const ERROR: &str = "error";
    /// A length of time in milliseconds.
    pub const ELAPSED_MS: &str = "elapsed_ms";
    /// Who acted.
    pub const ACTOR: &str = "actor";
    /// The process, as a lease names it.
    pub const WORKER: &str = "worker";
}

/// Names of metrics as registered. A counter is exported with `_total` behind its name, the histogram with `_seconds`,
/// the build with `_info`.
pub mod metric {
    /// Posts that reached an outcome, by `platform` and `outcome`.
    pub const POSTS: &str = "bugle_posts";
    /// Tries at a journal step that ended, by `platform` and `class` (`done`, or the error's class).
    pub const ATTEMPTS: &str = "bugle_attempts";
    /// Polls of a source, by `source` and `outcome`.
    pub const POLLS: &str = "bugle_polls";
    /// Seconds since a source last answered well, by `source`; exported with `_seconds` behind its name.
    pub const SOURCE_AGE: &str = "bugle_source_age";
    /// Failures in a row of a source, by `source`.
    pub const SOURCE_FAILURES: &str = "bugle_source_failures";
    /// Articles seen for the first time, by `source`.
    pub const ARTICLES: &str = "bugle_articles";
    /// Posts in the store that are not final, by `state`.
    pub const QUEUE: &str = "bugle_queue";
    /// Posts of which nobody can tell whether they are out.
    pub const UNCERTAIN: &str = "bugle_uncertain";
    /// 1 where a channel takes no posts until a person acts, by `channel`.
    pub const BLOCKED: &str = "bugle_channel_blocked";
    /// Days until only a person can open an account again, by `channel`; only where that is known.
    pub const TOKEN_DAYS_LEFT: &str = "bugle_channel_token_days_left";
    /// Renewals of tokens that ended, by `platform` and `outcome`.
    pub const RENEWALS: &str = "bugle_token_renewals";
    /// The share of a platform's own limit that is used up, by `channel` and `limit`.
    pub const LIMIT_USED: &str = "bugle_limit_used_ratio";
    /// Notices nobody has dismissed, by `level`.
    pub const NOTICES: &str = "bugle_notices";
    /// From the first to the last request of a publish, by `platform`.
    pub const PUBLISH_DURATION: &str = "bugle_publish_duration";
    /// The version that runs, as `version`.
    pub const BUILD: &str = "bugle_build";
}

/// The content type of [`Metrics::encode`].
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is logged where nobody says otherwise: ours, and of others what is worth a look.
pub const DEFAULT_FILTER: &str = "warn,bugle=info";

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; in colour on a terminal.
    #[default]
    Pretty,
    /// One JSON object a line, for machines.
    Json,
}

/// A log filter that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a log filter such as \"info\" or \"warn,bugle=debug\", found \"{found}\": {why}")]
pub struct BadFilter {
    /// As given.
    pub found: String,
    /// What the reader said.
    pub why: String,
}

/// Sends logs to standard error. `filter` is as `RUST_LOG` has it, [`DEFAULT_FILTER`] where left out. Called again it
/// checks the filter and leaves everything as it is.
///
/// # Errors
/// [`BadFilter`].
pub fn init(format: LogFormat, filter: Option<&str>) -> Result<(), BadFilter> {
    let text = filter.unwrap_or(DEFAULT_FILTER);
    let filter = EnvFilter::builder()
        .parse(text)
        .map_err(|error| BadFilter { found: text.to_owned(), why: error.to_string().to_lowercase() })?;
    // A line that cannot be written (the disk is full) is lost: to complain of it on the same stream would panic.
    let lines = match format {
        LogFormat::Pretty => {
            let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
            layer.log_internal_errors(false).boxed()
        }
        LogFormat::Json => {
            let layer = fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(std::io::stderr);
            layer.log_internal_errors(false).boxed()
        }
    };
    // The only fault left is that logging is set up already, by an earlier call or by a test.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Ok(())
}

/// What became of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PostOutcome {
    /// It is out.
    Published,
    /// The platform refuses it.
    Failed,
    /// It will not be posted.
    Skipped,
    /// A person has to decide.
    Held,
    /// Sent, answer lost.
    Uncertain,
    /// It was out and is no more.
    Retracted,
}

impl PostOutcome {
    /// The word in metrics: that of the post's state.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Held => "held",
            Self::Uncertain => "uncertain",
            Self::Retracted => "retracted",
        }
    }
}

/// What a poll brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PollOutcome {
    /// The source was read.
    Read,
    /// The source says it has not changed.
    Unchanged,
    /// It could not be fetched or read.
    Failed,
}

impl PollOutcome {
    /// The word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
        }
    }
}

/// Bounds of [`metric::PUBLISH_DURATION`] in seconds: from a local fake's answer to the longest deadline, media's 120 s
/// (reliability.md section 1).
const DURATION_BOUNDS: [f64; 11] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 120.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPlatform {
    platform: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PostLabels {
    platform: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    platform: &'static str,
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PollLabels {
    source: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSource {
    source: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfChannel {
    channel: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    channel: String,
    limit: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfState {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLevel {
    level: &'static str,
}

/// All metrics of a process, and the registry that prints them. Share it behind an `Arc`; every method takes `&self`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    posts: Family<PostLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    polls: Family<PollLabels, Counter>,
    articles: Family<OfSource, Counter>,
    source_age: Family<OfSource, Gauge>,
    source_failures: Family<OfSource, Gauge>,
    queue: Family<OfState, Gauge>,
    uncertain: Gauge,
    blocked: Family<OfChannel, Gauge>,
    token_days: Family<OfChannel, Gauge>,
    renewals: Family<PostLabels, Counter>,
    limits: Family<LimitLabels, Gauge<f64, AtomicU64>>,
    notices: Family<OfLevel, Gauge>,
    durations: Family<OfPlatform, Histogram, fn() -> Histogram>,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            posts: Family::default(),
            attempts: Family::default(),
            polls: Family::default(),
            articles: Family::default(),
            source_age: Family::default(),
            source_failures: Family::default(),
            queue: Family::default(),
            uncertain: Gauge::default(),
            blocked: Family::default(),
            token_days: Family::default(),
            renewals: Family::default(),
            limits: Family::default(),
            notices: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATION_BOUNDS)),
        };
        let registry = &mut metrics.registry;
        registry.register(metric::POSTS, "Posts that reached an outcome", metrics.posts.clone());
        registry.register(metric::ATTEMPTS, "Tries at a step of publishing that ended", metrics.attempts.clone());
        registry.register(metric::POLLS, "Polls of a source", metrics.polls.clone());
        registry.register(metric::ARTICLES, "Articles seen for the first time", metrics.articles.clone());
        let help = "Time since a source last answered well";
        registry.register_with_unit(metric::SOURCE_AGE, help, Unit::Seconds, metrics.source_age.clone());
        let help = "Failures in a row of a source";
        registry.register(metric::SOURCE_FAILURES, help, metrics.source_failures.clone());
        registry.register(metric::QUEUE, "Posts in the store that are not final", metrics.queue.clone());
        let help = "Posts of which nobody can tell whether they are out";
        registry.register(metric::UNCERTAIN, help, metrics.uncertain.clone());
        let help = "1 where a channel takes no posts until a person acts";
        registry.register(metric::BLOCKED, help, metrics.blocked.clone());
        let help = "Days until only a person can open the account again";
        registry.register(metric::TOKEN_DAYS_LEFT, help, metrics.token_days.clone());
        registry.register(metric::RENEWALS, "Renewals of tokens that ended", metrics.renewals.clone());
        let help = "The share of a platform's own limit that is used up";
        registry.register(metric::LIMIT_USED, help, metrics.limits.clone());
        registry.register(metric::NOTICES, "Notices nobody has dismissed", metrics.notices.clone());
        let help = "From the first to the last request of a publish";
        registry.register_with_unit(metric::PUBLISH_DURATION, help, Unit::Seconds, metrics.durations.clone());
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register(metric::BUILD, "The version that runs", build);
        metrics
    }

    /// A post reached an outcome.
    pub fn post(&self, platform: &'static str, outcome: PostOutcome) {
        self.posts.get_or_create(&PostLabels { platform, outcome: outcome.as_str() }).inc();
    }

    /// An attempt ended: `done`, or the error's class.
    pub fn attempt(&self, platform: &'static str, class: &'static str) {
        self.attempts.get_or_create(&AttemptLabels { platform, class }).inc();
    }

    /// A source was polled.
    pub fn poll(&self, source: &str, outcome: PollOutcome) {
        self.polls.get_or_create(&PollLabels { source: source.to_owned(), outcome: outcome.as_str() }).inc();
    }

    /// Articles were seen for the first time.
    pub fn articles(&self, source: &str, count: u64) {
        self.articles.get_or_create(&OfSource { source: source.to_owned() }).inc_by(count);
    }

    /// How the sources are: for each its name, how many seconds ago it last answered well (if ever), and its failures in a
    /// row. Those that are not among them are forgotten.
    pub fn sources<'a>(&self, all: impl IntoIterator<Item = (&'a str, Option<i64>, i64)>) {
        self.source_age.clear();
        self.source_failures.clear();
        for (source, age, failures) in all {
            let label = OfSource { source: source.to_owned() };
            if let Some(age) = age {
                self.source_age.get_or_create(&label).set(age);
            }
            self.source_failures.get_or_create(&label).set(failures);
        }
    }

    /// How many posts are in a state now. [`uncertain`](Self::uncertain) has a gauge of its own besides: it has an
    /// alarm.
    pub fn queue(&self, state: &'static str, count: i64) {
        self.queue.get_or_create(&OfState { state }).set(count);
    }

    /// How many posts are uncertain, or held in doubt.
    pub fn uncertain(&self, count: i64) {
        self.uncertain.set(count);
    }

    /// Whether a channel is blocked.
    pub fn blocked(&self, channel: &str, blocked: bool) {
        self.blocked.get_or_create(&OfChannel { channel: channel.to_owned() }).set(i64::from(blocked));
    }

    /// How many days are left until only a person can open a channel's account again; `None`: that is not known.
    pub fn token_days_left(&self, channel: &str, days: Option<i64>) {
        let label = OfChannel { channel: channel.to_owned() };
        match days {
            Some(days) => drop(self.token_days.get_or_create(&label).set(days)),
            None => drop(self.token_days.remove(&label)),
        }
    }

    /// A renewal of a token ended: `renewed`, `lost`, `spent`, `later` or `never`.
    pub fn renewal(&self, platform: &'static str, outcome: &'static str) {
        self.renewals.get_or_create(&PostLabels { platform, outcome }).inc();
    }

    /// A channel is gone, from the config and the store: its gauge goes too.
    pub fn forget_channel(&self, channel: &str) {
        self.blocked.remove(&OfChannel { channel: channel.to_owned() });
        self.token_days_left(channel, None);
    }

    /// What platforms say of their limits: channel, limit, the share used up in millionths. Those that are not among them
    /// are forgotten.
    pub fn limits<'a>(&self, all: impl IntoIterator<Item = (&'a str, &'a str, u64)>) {
        self.limits.clear();
        for (channel, limit, used) in all {
            let label = LimitLabels { channel: channel.to_owned(), limit: limit.to_owned() };
            #[expect(clippy::cast_precision_loss, reason = "at most a hundred million")]
            self.limits.get_or_create(&label).set(used as f64 / 1_000_000.0);
        }
    }

    /// How many notices of that level nobody has dismissed.
    pub fn notices(&self, level: &'static str, count: i64) {
        self.notices.get_or_create(&OfLevel { level }).set(count);
    }

    /// A publish took so long.
    pub fn publish_took(&self, platform: &'static str, took: std::time::Duration) {
        self.durations.get_or_create(&OfPlatform { platform }).observe(took.as_secs_f64());
    }

    /// All of them as OpenMetrics text ([`OPENMETRICS`]).
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.registry) {
            // Writing into a String cannot fail; a metric that refuses would be a bug worth seeing, not worth dying of.
            tracing::error!({ field::ERROR } = %error, "metrics cannot be written");
        }
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn everything_counted_is_printed_under_its_name() {
        let metrics = Metrics::new();
        metrics.post("x", PostOutcome::Published);
        metrics.post("x", PostOutcome::Published);
        metrics.post("telegram", PostOutcome::Uncertain);
        metrics.attempt("x", "done");
        metrics.attempt("x", "rate_limited");
        metrics.poll("azernews", PollOutcome::Unchanged);
        metrics.articles("azernews", 3);
        metrics.queue("scheduled", 7);
        metrics.queue("scheduled", 5);
        metrics.uncertain(1);
        metrics.blocked("main \"x\"", true);
        metrics.blocked("gone", true);
        metrics.forget_channel("gone");
        metrics.token_days_left("main", Some(12));
        metrics.token_days_left("gone", Some(3));
        metrics.token_days_left("gone", None);
        metrics.renewal("x", "renewed");
        metrics.notices("alarm", 2);
        metrics.publish_took("x", Duration::from_millis(300));
        let text = metrics.encode();
        let lines: Vec<&str> = text.lines().collect();
        let expected = [
            "bugle_posts_total{platform=\"x\",outcome=\"published\"} 2",
            "bugle_posts_total{platform=\"telegram\",outcome=\"uncertain\"} 1",
            "bugle_attempts_total{platform=\"x\",class=\"done\"} 1",
            "bugle_attempts_total{platform=\"x\",class=\"rate_limited\"} 1",
            "bugle_polls_total{source=\"azernews\",outcome=\"unchanged\"} 1",
            "bugle_articles_total{source=\"azernews\"} 3",
            "bugle_queue{state=\"scheduled\"} 5",
            "bugle_uncertain 1",
            "bugle_channel_blocked{channel=\"main \\\"x\\\"\"} 1",
            "bugle_channel_token_days_left{channel=\"main\"} 12",
            "bugle_token_renewals_total{platform=\"x\",outcome=\"renewed\"} 1",
            "bugle_notices{level=\"alarm\"} 2",
            "bugle_publish_duration_seconds_count{platform=\"x\"} 1",
            "bugle_publish_duration_seconds_bucket{le=\"0.25\",platform=\"x\"} 0",
            "bugle_publish_duration_seconds_bucket{le=\"0.5\",platform=\"x\"} 1",
        ];
        for line in expected {
            assert!(lines.contains(&line), "{line} is not in\n{text}");
        }
        let build = format!("bugle_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
        assert!(lines.contains(&build.as_str()), "{text}");
        assert!(!text.contains("gone"), "{text}");
        assert_eq!(lines.last(), Some(&"# EOF"));
    }

    #[test]
    fn logging_is_set_up_once_and_a_bad_filter_is_told() {
        assert_eq!(init(LogFormat::Json, None), Ok(()));
        assert_eq!(init(LogFormat::Pretty, Some("warn,bugle=debug")), Ok(()));
        tracing::info!({ field::POST } = "p", { field::CHANNEL } = "x", "field names are constants");
        let fault = init(LogFormat::Pretty, Some("bugle=loud")).expect_err("no such level");
        let start = "expected a log filter such as \"info\" or \"warn,bugle=debug\", found \"bugle=loud\": ";
        assert!(fault.to_string().starts_with(start), "{fault}");
    }
}
