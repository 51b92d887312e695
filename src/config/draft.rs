//! The text of a first config, from the answers `bugle init` asks for. Pure; what it writes, [`super::parse`] accepts.

/// The answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// The newsroom's name.
    pub newsroom: String,
    /// Its time zone, as `Asia/Baku`.
    pub zone: String,
    /// Where its feed is: a URL or a file.
    pub feed: String,
    /// The channels.
    pub channels: Vec<Wanted>,
}

/// A channel that is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The platform's word: `x`, `mastodon`, `bluesky`, `telegram`; any other gets its keys named in a comment only.
    pub platform: String,
    /// The account's name there: `@AzerNewsAz`, `azernews.bsky.social`, a chat.
    pub handle: String,
    /// The server, where the platform has several.
    pub server: Option<String>,
}

/// Writes the config. Without channels it gets a timeline, so that it can be tried at once.
pub fn draft(answers: &Answers) -> String {
    let source = name_of(&answers.newsroom).unwrap_or_else(|| "news".to_owned());
    let mut out = format!(
        "# Every key: config/bugle.example.toml. `bugle check` says what is wrong with this file.\n\n\
         [newsroom]\nname     = {}\ntimezone = {}   # all times below are in it\n\n\
         [store]\nurl = \"sqlite:data/bugle.db\"\n\n\
         [web]\nlisten = \"127.0.0.1:8080\"\n\n\
         [source.{source}]\nurl   = {}\npoll  = \"every 2m\"\nstart = \"from now\"   # the first poll posts nothing old\n",
        quoted(&answers.newsroom),
        quoted(&answers.zone),
        quoted(&answers.feed),
    );
    let timeline = [Wanted { platform: "timeline".to_owned(), ..Wanted::default() }];
    let wanted = if answers.channels.is_empty() { &timeline[..] } else { &answers.channels[..] };
    let mut names: Vec<String> = Vec::new();
    for channel in wanted {
        let base = name_of(&channel.platform).unwrap_or_else(|| "channel".to_owned());
        let name = (1..)
            .map(|n| if n == 1 { base.clone() } else { format!("{base}-{n}") })
            .find(|name| !names.contains(name))
            .unwrap_or(base);
        out.push_str(&format!(
            "\n[channel.{name}]\nplatform = {}\n{}",
            quoted(&channel.platform),
            keys(&name, channel)
        ));
        names.push(name);
    }
    let to: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    out.push_str(&format!(
        "\n[[route]]\nfrom     = [{}]\nto       = [{}]\ntemplate = \"headline\"\napprove  = false\n",
        quoted(&source),
        to.join(", ")
    ));
    out
}

/// A channel's own keys.
fn keys(name: &str, channel: &Wanted) -> String {
    let variable = |what: &str| {
        let name: String = name.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_uppercase() }).collect();
        format!("{{ env = \"{name}_{what}\" }}")
    };
    let handle = quoted(&channel.handle);
    let server = |default: &str| quoted(channel.server.as_deref().unwrap_or(default));
    match channel.platform.as_str() {
        "x" => {
            let server = channel.server.as_deref().map(|s| format!("server = {}\n", quoted(s))).unwrap_or_default();
            format!(
                "account  = {handle}\n{server}consumer_key    = {}\nconsumer_secret = {}\naccess_token    = {}\naccess_secret   = {}\n",
                variable("CONSUMER_KEY"),
                variable("CONSUMER_SECRET"),
                variable("ACCESS_TOKEN"),
                variable("ACCESS_SECRET"),
            )
        }
        "mastodon" => format!(
            "account  = {handle}\nserver   = {}\ntoken    = {}\n",
            server("https://mastodon.social"),
            variable("TOKEN")
        ),
        "bluesky" => format!(
            "server   = {}\nhandle   = {}\npassword = {}   # an app password\n",
            server("https://bsky.social"),
            quoted(channel.handle.trim_start_matches('@')),
            variable("APP_PASSWORD")
        ),
        "matrix" => format!(
            "server   = {}\nroom     = {handle}\ntoken    = {}\n",
            server("https://matrix.org"),
            variable("TOKEN")
        ),
        "telegram" => format!("chat     = {handle}\ntoken    = {}\n", variable("TOKEN")),
        "discord" | "slack" => format!("channel  = {handle}\ntoken    = {}\n", variable("TOKEN")),
        "webhook" => format!("url      = {handle}\nsecret   = {}\n", variable("SECRET")),
        "timeline" => "like     = \"x\"   # kept in the store, shown on the desk; nothing leaves\n".to_owned(),
        _ => "# its keys: config/bugle.example.toml\n".to_owned(),
    }
}

/// A name made of what a title has of letters and digits.
fn name_of(title: &str) -> Option<String> {
    let words: Vec<String> = title
        .to_ascii_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let name: String = words.join("-").chars().take(64).collect();
    (!name.is_empty()).then_some(name)
}

/// As a TOML text.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
