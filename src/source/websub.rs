//! WebSub as a subscriber: what a feed offers, what is asked of its hub, what is answered to the hub, and whether a push
//! is the hub's. Pure; the subscriptions are the store's, their keeping the engine's.
//!
//! Source: W3C Recommendation WebSub, 2018-01-23, as maintained 2026-01-15.

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::door::auth::unhex;

/// How long a lease we ask for: 10 days, what hubs usually grant. Source: `platforms/sources.md`, 2026-11.
pub const LEASE: SignedDuration = SignedDuration::from_hours(10 * 24);
/// No lease counts for longer, whatever a hub grants: a subscription must prove itself from time to time. Ours, 2026-11.
const LONGEST_LEASE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The longest challenge that is sent back. Ours: hubs use some 40 characters.
const LONGEST_CHALLENGE: usize = 1_024;
/// The longest reason of a refusal that is kept.
const LONGEST_REASON: usize = 200;

/// What a feed offers to who would subscribe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The hub, if it names one.
    pub hub: Option<Url>,
    /// The feed's own address: what a hub knows it by.
    pub topic: Url,
}

/// What an answer offers: its `Link` headers first, else what the document says (section 4). `at`: where it was fetched,
/// the topic of a feed that does not name its own address. Of several hubs the first with https. `None` for what is not on
/// the web.
pub fn discover(links: &[String], hubs: &[Url], own: Option<&Url>, at: &Url) -> Option<Offer> {
    let header = |rel: &str| -> Vec<Url> {
        links.iter().flat_map(|value| targets(value, rel)).filter_map(|it| web(at.join(&it).ok()?)).collect()
    };
    let named = header("hub");
    let all = if named.is_empty() { hubs.to_vec() } else { named };
    let secure = |hub: &&Url| hub.scheme() == "https";
    let hub = all.iter().find(secure).or(all.first()).cloned().and_then(web);
    let topic = header("self").into_iter().next().or_else(|| own.cloned()).unwrap_or_else(|| at.clone());
    let mut topic = web(topic)?;
    topic.set_fragment(None);
    Some(Offer { hub, topic })
}

fn web(url: Url) -> Option<Url> {
    (matches!(url.scheme(), "http" | "https") && url.has_host() && url.as_str().len() <= super::entry::MAX_URL)
        .then_some(url)
}

/// The targets of a `Link` header with that relation. Source: RFC 8288 section 3.
fn targets(value: &str, rel: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some((target, after)) = rest.split_once('<').and_then(|(_, it)| it.split_once('>')) {
        let end = end_of_params(after);
        let (params, next) = after.split_at(end);
        let says = |param: &str| {
            let (name, words) = param.split_once('=')?;
            let words = words.trim().trim_matches('"');
            let named = name.trim().eq_ignore_ascii_case("rel");
            Some(named && words.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case(rel)))
        };
        if params.split(';').filter_map(says).any(|yes| yes) {
            found.push(target.trim().to_owned());
        }
        rest = next;
    }
    found
}

/// Where the parameters of a link end: at the comma outside of quotes.
fn end_of_params(text: &str) -> usize {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

/// What is asked of a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To push from now on.
    Subscribe,
    /// To stop.
    Unsubscribe,
}

impl Mode {
    /// `hub.mode`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

/// The body of a request to a hub (section 5.1).
pub fn form(mode: Mode, callback: &str, topic: &str, secret: &str) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("hub.callback", callback).append_pair("hub.mode", mode.word()).append_pair("hub.topic", topic);
    if mode == Mode::Subscribe {
        form.append_pair("hub.lease_seconds", &LEASE.as_secs().to_string()).append_pair("hub.secret", secret);
    }
    form.finish()
}

/// What we want of a subscription, as far as a question of the hub is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// It: asked for, or active already.
    It,
    /// To be rid of it.
    Rid,
    /// Neither asked for nor had: the hub refused it.
    Nothing,
}

/// How to answer a hub's question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes, with this challenge; it pushes for so long (for a subscription).
    Confirm {
        /// To be sent back as it is.
        challenge: String,
        /// The lease.
        lease: SignedDuration,
    },
    /// The hub says that it will not push (any more), and why.
    Denied {
        /// Its reason, or nothing.
        reason: String,
    },
    /// That is not what we asked for: 404.
    Refuse,
}

/// Answers what a hub asks at a callback (section 5.2, 5.3): only what was asked for is confirmed, and only for its topic.
/// A hub that asks again about a subscription that we have and want is confirmed too: some renew leases that way.
pub fn judge(want: Want, topic: &str, query: &str) -> Verdict {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let get = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if get("hub.topic").is_none_or(|asked| !same_topic(asked, topic)) {
        return Verdict::Refuse;
    }
    let challenge =
        get("hub.challenge").filter(|it| !it.is_empty() && it.len() <= LONGEST_CHALLENGE).map(str::to_owned);
    match (get("hub.mode"), want, challenge) {
        (Some("subscribe"), Want::It, Some(challenge)) => {
            // Older hubs grant what was asked for without saying so.
            let seconds = get("hub.lease_seconds").and_then(|text| text.trim().parse::<i64>().ok());
            let lease = seconds.filter(|n| *n > 0).map_or(LEASE, SignedDuration::from_secs).min(LONGEST_LEASE);
            Verdict::Confirm { challenge, lease }
        }
        (Some("unsubscribe"), Want::Rid, Some(challenge)) => {
            Verdict::Confirm { challenge, lease: SignedDuration::ZERO }
        }
        (Some("denied"), Want::It | Want::Nothing, _) => {
            let reason = super::entry::line(&super::mend::escape(get("hub.reason").unwrap_or_default()));
            Verdict::Denied { reason: crate::text::plain::clip_field(&reason, LONGEST_REASON).to_owned() }
        }
        _ => Verdict::Refuse,
    }
}

/// The same address, where a hub has written it anew (`http://host` and `http://host/`).
fn same_topic(asked: &str, ours: &str) -> bool {
    asked == ours || Url::parse(asked).ok().zip(Url::parse(ours).ok()).is_some_and(|(a, b)| a == b)
}

/// When to renew a lease: after 80 to 90 % of it, so that there is time to ask again, and not all at once. `chance`: from
/// 0 to 1.
pub fn renew_at(now: Timestamp, lease: SignedDuration, chance: f64) -> Timestamp {
    let part = 0.8 + 0.1 * chance.clamp(0.0, 1.0);
    let wait = SignedDuration::try_from_secs_f64(lease.as_secs_f64() * part).unwrap_or(lease);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Whether a push is the hub's: `X-Hub-Signature: METHOD=HEX`, HMAC of the body with our secret by SHA-1, 256, 384 or 512
/// (section 7.1). Takes the same time for every signature of a method.
pub fn is_signed(secret: &str, header: Option<&str>, body: &[u8]) -> bool {
    let Some((method, hex)) = header.and_then(|text| text.trim().split_once('=')) else { return false };
    let Some(given) = unhex(hex.trim()) else { return false };
    macro_rules! fits {
        ($hash:ty) => {
            Hmac::<$hash>::new_from_slice(secret.as_bytes())
                .is_ok_and(|mac| mac.chain_update(body).verify_slice(&given).is_ok())
        };
    }
    match method.trim().to_ascii_lowercase().as_str() {
        "sha1" => fits!(sha1::Sha1),
        "sha256" => fits!(sha2::Sha256),
        "sha384" => fits!(sha2::Sha384),
        "sha512" => fits!(sha2::Sha512),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn what_is_offered() {
        let (hub, feed) = ("https://hub.example/", "https://news.example/feed");
        for (name, links, hubs, own, expected) in [
            ("nothing", &[][..], &[][..], None, None),
            (
                "headers",
                &[r#"<https://hub.example/>; rel="hub", <https://news.example/own>; rel="self""#],
                &[],
                None,
                Some((hub, "https://news.example/own")),
            ),
            (
                "two headers",
                &["<https://hub.example/>; rel=hub", "<https://news.example/own>;rel=self"],
                &[],
                None,
                Some((hub, "https://news.example/own")),
            ),
            ("one link, two relations", &[r#"<https://hub.example/>; rel="self hub""#], &[], None, Some((hub, hub))),
            (
                "a comma in quotes",
                &[r#"</x>; title="a, b"; rel="next", <https://hub.example/>; rel="hub""#],
                &[],
                None,
                Some((hub, feed)),
            ),
            ("relative", &["</hub>; rel=HUB"], &[], None, Some(("https://news.example/hub", feed))),
            (
                "document",
                &[],
                &["https://hub.example/"],
                Some("https://news.example/own"),
                Some((hub, "https://news.example/own")),
            ),
            (
                "headers first",
                &["<https://one.example/>; rel=hub"],
                &["https://hub.example/"],
                Some("https://news.example/own"),
                Some(("https://one.example/", "https://news.example/own")),
            ),
            ("https first", &[], &["http://hub.example/", "https://hub.example/"], None, Some((hub, feed))),
            ("only http", &[], &["http://hub.example/"], None, Some(("http://hub.example/", feed))),
            (
                "a fragment",
                &[],
                &["https://hub.example/"],
                Some("https://news.example/own#x"),
                Some((hub, "https://news.example/own")),
            ),
            ("no web", &["<mailto:a@b.example>; rel=hub"], &[], None, None),
            ("broken", &["<https://hub.example/; rel=hub", "rel=hub", "<>"], &[], None, None),
            ("another relation", &["<https://hub.example/>; rel=hubs; title=hub"], &[], None, None),
        ] {
            let links: Vec<String> = links.iter().map(|it| (*it).to_owned()).collect();
            let hubs: Vec<Url> = hubs.iter().map(|it| url(it)).collect();
            let found = discover(&links, &hubs, own.map(url).as_ref(), &url(feed));
            let (hub, topic) = expected.map_or((None, feed), |(hub, topic)| (Some(url(hub)), topic));
            assert_eq!(found, Some(Offer { hub, topic: url(topic) }), "{name}");
        }
        let own = Url::parse("https://news.example/own").unwrap();
        let alone = discover(&[], &[], Some(&own), &url(feed));
        assert_eq!(alone, Some(Offer { hub: None, topic: own }), "for a hub that the config names");
        assert_eq!(discover(&[], &[], None, &url("file:///feed.xml")), None);
    }

    #[test]
    fn what_is_asked() {
        let form = form(Mode::Subscribe, "https://a.example/websub/T", "https://b.example/feed?a=1&b=2", "s");
        assert_eq!(
            form,
            "hub.callback=https%3A%2F%2Fa.example%2Fwebsub%2FT&hub.mode=subscribe&hub.topic=https%3A%2F%2Fb.example\
             %2Ffeed%3Fa%3D1%26b%3D2&hub.lease_seconds=864000&hub.secret=s"
        );
        let form = super::form(Mode::Unsubscribe, "https://a.example/", "https://b.example/", "s");
        assert!(form.contains("hub.mode=unsubscribe") && !form.contains("secret"), "{form}");
    }

    #[test]
    fn only_what_was_asked_for_is_confirmed() {
        let topic = "https://news.example/feed";
        let ask = |mode: &str, topic: &str, rest: &str| {
            let topic: String = url::form_urlencoded::byte_serialize(topic.as_bytes()).collect();
            format!("hub.mode={mode}&hub.topic={topic}{rest}")
        };
        let yes =
            |lease: i64| Verdict::Confirm { challenge: "c+ &h".to_owned(), lease: SignedDuration::from_secs(lease) };
        let challenge = "&hub.challenge=c%2B%20%26h";
        let (leased, other) = (format!("{challenge}&hub.lease_seconds=300"), "https://news.example/other");
        let long = format!("&hub.challenge={}", "c".repeat(1_025));
        for (name, want, query, expected) in [
            ("subscribe", Want::It, ask("subscribe", topic, &leased), yes(300)),
            ("no lease", Want::It, ask("subscribe", topic, challenge), yes(864_000)),
            (
                "an endless lease",
                Want::It,
                ask("subscribe", topic, &format!("{challenge}&hub.lease_seconds=99999999999")),
                yes(2_592_000),
            ),
            (
                "a lease of nothing",
                Want::It,
                ask("subscribe", topic, &format!("{challenge}&hub.lease_seconds=0")),
                yes(864_000),
            ),
            (
                "a lease that is no number",
                Want::It,
                ask("subscribe", topic, &format!("{challenge}&hub.lease_seconds=x")),
                yes(864_000),
            ),
            ("another topic", Want::It, ask("subscribe", other, &leased), Verdict::Refuse),
            ("no topic", Want::It, format!("hub.mode=subscribe{leased}"), Verdict::Refuse),
            ("no challenge", Want::It, ask("subscribe", topic, "&hub.lease_seconds=300"), Verdict::Refuse),
            ("a book as challenge", Want::It, ask("subscribe", topic, &long), Verdict::Refuse),
            ("subscribe, unwanted", Want::Rid, ask("subscribe", topic, &leased), Verdict::Refuse),
            ("subscribe, not asked", Want::Nothing, ask("subscribe", topic, &leased), Verdict::Refuse),
            ("unsubscribe", Want::Rid, ask("unsubscribe", topic, &leased), yes(0)),
            ("unsubscribe, unwanted", Want::It, ask("unsubscribe", topic, &leased), Verdict::Refuse),
            (
                "denied",
                Want::It,
                ask("denied", topic, "&hub.reason=no%0Amoney"),
                Verdict::Denied { reason: "no money".to_owned() },
            ),
            ("denied without a word", Want::It, ask("denied", topic, ""), Verdict::Denied { reason: String::new() }),
            ("denied, another topic", Want::It, ask("denied", other, ""), Verdict::Refuse),
            ("another mode", Want::It, ask("publish", topic, &leased), Verdict::Refuse),
            ("nothing", Want::It, String::new(), Verdict::Refuse),
        ] {
            assert_eq!(judge(want, topic, &query), expected, "{name}");
        }
        assert!(matches!(
            judge(Want::It, "http://a.example", &ask("subscribe", "http://a.example/", challenge)),
            Verdict::Confirm { .. }
        ));
    }

    #[test]
    fn leases_are_renewed_in_time() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        for (lease, chance, expected) in [(1_000, 0.0, 800), (1_000, 0.5, 850), (1_000, 1.0, 900), (10, 9.0, 9)] {
            let at = renew_at(now, SignedDuration::from_secs(lease), chance);
            assert_eq!(at.duration_since(now).as_secs(), expected);
        }
        assert_eq!(renew_at(Timestamp::MAX, LEASE, 0.5), Timestamp::MAX);
    }

    #[test]
    fn signatures() {
        // Made with Python's hmac over b"<feed/>" with the key "secret".
        for (header, fits) in [
            (SHA1, true),
            (SHA256, true),
            (SHA384, true),
            (SHA512, true),
            (&SHA256.to_ascii_uppercase(), true),
            (&SHA256.replace("sha256", "sha1"), false),
            (&SHA256[..70], false),
            ("sha256=", false),
            ("md5=00", false),
            ("sha256=zz", false),
            ("", false),
        ] {
            assert_eq!(is_signed("secret", Some(header), b"<feed/>"), fits, "{header}");
        }
        assert!(!is_signed("secret", None, b"<feed/>"));
        assert!(!is_signed("secret", Some(SHA256), b"<feed/> "));
        assert!(!is_signed("other", Some(SHA256), b"<feed/>"));
    }

    const SHA1: &str = "sha1=f38e73e7d772790d36ded9be19b36748b2a27335";
    const SHA256: &str = "sha256=bc34c1a93cc52a1e89787d5bfca33388be4a3190ed87910472a44e4bbb8122c2";
    const SHA384: &str =
        "sha384=991b82d52d84d0f54f761c9280f24c677925d37e91ac9fb14e89a93aa91f221eb2fea7a97266aadb15dcf06007c6295b";
    const SHA512: &str = "sha512=384ccd8dbbe4e9af2519c641f8c9da094d600f81617283772712527e64841de36bb901fbb336a95fe96811d03de0c574537044d4bdcfc9559aa97e4eec5f8c7a";
}
