//! Mastodon and the servers that speak its API: one POST a part, each of a thread answering the one before, repeated safely under an `Idempotency-Key` where the
//! server honours it. Which of them does is in `kin`, the table of refusals in `error`, the look-up in `seek`, the
//! account's opening in `consent`.
//!
//! Pages: <https://docs.joinmastodon.org/methods/statuses/>, <https://docs.joinmastodon.org/methods/instance/>.

mod api;
mod consent;
mod error;
mod kin;
mod media;
mod quota;
mod seek;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use url::Url;

use super::{
    Account, Amend, Connect, ConnectError, Consent, Context, Identity, Ids, Journal, Lookup, MediaRules, Mention,
    Outgoing, Payload, Planned, Platform, PublishError, Recovery, Sought, Spec, Terms, picture, wire,
};
use crate::model::grant::SecretRef;
use crate::model::picture::Ratio;
use crate::model::post::Rejection;
use crate::model::receipt::{Known, Op, Receipt, Step};
use crate::text::limits;
use crate::text::rules::{FittedText, TextRules};

pub use self::error::classify;

/// What a link costs whatever its length. Source: Mastodon's StatusLengthValidator, 2026-08.
const LINK: usize = limits::MASTODON_LINK;

/// What a constant can say of Mastodon.
static SPEC: Spec = Spec {
    id: "mastodon",
    name: "Mastodon",
    text: limits::MASTODON.rules,
    // 4 pictures, 16 MiB, 33,177,600 pixels, alternative text 1,500 characters before 4.6 (10,000 since). Source:
    // Mastodon's source, 2026-08. Sent smaller: what a timeline shows is less, and every server keeps a copy.
    media: MediaRules {
        max: 4,
        bytes: 4_000_000,
        side: 2000,
        longest: 20,
        alt: 1500,
        caption: None,
        ratio: Ratio::Wide,
    },
    threads: true,
    edits: true,
    deletes: true,
    deadline: Duration::from_secs(25),
    media_deadline: Duration::from_secs(120),
    connect: Connect::OAuth2,
    terms: Terms {
        ask: "Mastodon itself forbids no automation and has a mark for automated accounts (Preferences, Public profile, This \
              is an automated account). The rules are each instance's own, on its About page: many want the mark, some want \
              to be asked first, or `visibility = \"unlisted\"`.",
        source: "https://docs.joinmastodon.org/user/profile/#bot",
        read: "2026-11",
    },
};

/// The platform.
pub struct Mastodon;

/// A channel's own keys.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The instance: `https://mastodon.example`.
    #[serde(deserialize_with = "wire::server")]
    pub server: Url,
    /// The access token; not needed where `bugle connect` opened the account.
    #[serde(default)]
    pub token: Option<SecretRef>,
    /// Who sees the posts.
    #[serde(default)]
    pub visibility: Visibility,
}

/// Who sees a post.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody, also in public timelines.
    #[default]
    Public,
    /// Everybody who looks, not in public timelines.
    Unlisted,
    /// Followers.
    Private,
}

impl Platform for Mastodon {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn open(&self, keys: toml::de::DeTable<'_>) -> Result<Arc<dyn Account>, toml::de::Error> {
        Ok(Arc::new(Instance { config: wire::keys(keys)? }))
    }

    fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<Config>()
    }
}

/// One account on one instance.
struct Instance {
    config: Config,
}

#[async_trait]
impl Account for Instance {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn rules(&self, identity: Option<&Identity>) -> TextRules {
        kin::rules(identity)
    }

    fn recovery(&self, identity: Option<&Identity>) -> Recovery {
        kin::recovery(identity)
    }

    fn secrets(&self) -> Vec<(&'static str, SecretRef)> {
        self.config.token.iter().map(|token| ("token", token.clone())).collect()
    }

    fn server(&self) -> Option<&Url> {
        Some(&self.config.server)
    }

    fn consent(&self) -> Option<&dyn Consent> {
        Some(self)
    }

    fn freeze(&self, post: &Outgoing, ids: &Ids) -> Result<Payload, (Rejection, String)> {
        let mut texts = Vec::new();
        let mut steps = Vec::new();
        for (n, part) in (0_u16..).zip(post.parts()) {
            let text = without_mentions(part.as_str(), &post.mentions);
            if text.trim().is_empty() {
                return Err((Rejection::Content, "expected a text, found none".to_owned()));
            }
            if text != part.as_str()
                && let Err(e) = FittedText::new(text.clone(), part.rules())
            {
                return Err((Rejection::TooLong, format!("with its mentions made plain text, {e}")));
            }
            let mut body = json!({"status": text, "visibility": self.config.visibility});
            // `allowed_mentions` empty: the second line against mentions out of a feed; servers that do not know the
            // name pass it over. It takes ids, which only the server knows, so a mention that is wanted leaves it out.
            if !post.mentions.iter().any(|mention| text.contains(&mention.handle)) {
                body["allowed_mentions"] = json!([]);
            }
            if let Some(language) = post.language.as_deref().and_then(language) {
                body["language"] = json!(language);
            }
            steps.push(Planned { step: Step { op: Op::Create, n }, body: body.to_string() });
            texts.push(text);
        }
        Ok(Payload {
            format: 1,
            revision: ids.revision,
            key: format!("bugle-{}", ids.seed),
            steps: picture::attached(post).chain(steps).collect(),
            text: crate::text::thread::join(texts.iter().map(String::as_str)),
            link: post.link.clone(),
        })
    }

    async fn publish(
        &self,
        cx: &Context<'_>,
        payload: &Payload,
        journal: &mut Journal<'_>,
    ) -> Result<Receipt, PublishError> {
        let mut parts: Vec<Receipt> = Vec::new();
        for planned in payload.creates() {
            let value = match journal.done(planned.step) {
                Some(value) => value,
                None => {
                    let body = match parts.last().and_then(|part| part.remote_id.as_deref()) {
                        Some(parent) => wire::with_field(&planned.body, "in_reply_to_id", json!(parent))?,
                        None => planned.body.clone(),
                    };
                    let token = cx.token("token").await?;
                    // All pictures are the first part's.
                    let mut sent = Vec::new();
                    for upload in payload.uploads().filter(|_| planned.step.n == 0) {
                        let deadline = wire::scaled(cx, SPEC.media_deadline);
                        let send = || self.picture(cx, &token, &upload.body);
                        sent.push(journal.step(upload.step, upload.body.as_bytes(), deadline, send).await?);
                    }
                    let naming = media::naming(&body, &sent);
                    let (body, bare) =
                        naming.as_deref().map_or((body.as_str(), None), |with| (with, Some(body.as_str())));
                    let deadline = wire::scaled(cx, SPEC.deadline);
                    let key = part_key(&payload.key, planned.step.n);
                    let send = || self.post_with(cx, &token, &key, body, bare);
                    journal.step(planned.step, body.as_bytes(), deadline, send).await?
                }
            };
            parts.push(receipt(&value, Known::Answered, cx.clock.now())?);
        }
        wire::whole(parts)
    }

    async fn amend(&self, cx: &Context<'_>, what: &Amend, journal: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        let token = cx.token("token").await?;
        let deadline = wire::scaled(cx, SPEC.deadline);
        match what {
            Amend::Edit { receipt: old, payload } => {
                let mut parts = Vec::new();
                for (id, planned) in wire::edited(old, payload)? {
                    let step = Step { op: Op::Edit, n: planned.step.n };
                    let value = match journal.done(step) {
                        Some(value) => value,
                        None => {
                            // An edit replaces every field: what is left out counts as emptied.
                            let now = self.status(cx, &token, id, Op::Edit).await?;
                            let body = api::edit(&planned.body, &now).ok_or_else(no_step)?;
                            let send = || self.put(cx, &token, id, &body);
                            journal.step(step, body.as_bytes(), deadline, send).await?
                        }
                    };
                    parts.push(receipt(&value, Known::Answered, cx.clock.now())?);
                }
                let new = wire::whole(parts)?;
                Ok(Receipt { url: new.url.or_else(|| old.url.clone()), parts: old.parts.clone(), ..new })
            }
            Amend::Delete { receipt: old } => {
                let parts = wire::last_first(old);
                if parts.is_empty() {
                    return Err(no_id());
                }
                for (n, id) in (0_u16..).zip(parts) {
                    let step = Step { op: Op::Delete, n };
                    journal.step(step, id.as_bytes(), deadline, || self.delete(cx, &token, id)).await?;
                }
                Ok(Receipt { at: cx.clock.now(), how: Known::Answered, ..old.clone() })
            }
        }
    }

    async fn find(&self, cx: &Context<'_>, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        let token = cx.token("token").await?;
        self.seek(cx, &token, sought).await
    }

    async fn whoami(&self, cx: &Context<'_>) -> Result<Identity, ConnectError> {
        let token = cx.token("token").await.map_err(introduce)?;
        let me = self.me(cx, &token).await.map_err(introduce)?;
        let (Some(id), Some(acct)) = (me["id"].as_str(), me["acct"].as_str()) else {
            return Err(ConnectError::Unreachable(
                "expected an id and an acct from verify_credentials, found neither".to_owned(),
            ));
        };
        // What the server says of itself is worth having, but no reason to refuse an account that is known by now.
        let about = match self.about(cx, &token).await {
            Ok(about) => about,
            // No answer tells nothing of the server's kind, and its kind decides how a lost answer is settled.
            Err(
                e @ (PublishError::NotSent { .. } | PublishError::Unknown { .. } | PublishError::RateLimited { .. }),
            ) => {
                return Err(introduce(e));
            }
            Err(_) => api::About::default(),
        };
        let host = self.config.server.host_str().unwrap_or_default();
        let mut identity = Identity {
            id: id.to_owned(),
            handle: format!("@{acct}@{host}"),
            ..kin::read(&about.instance, about.software.as_deref())
        };
        match self.recovery(Some(&identity)) {
            Recovery::Key { .. } => {}
            _ => identity.remarks.push(
                "this server is not known to honour an Idempotency-Key: a lost answer is settled by looking".to_owned(),
            ),
        }
        if me["bot"] == json!(false) {
            identity.remarks.push(
                "the account is not marked as automated: Preferences, Public profile, This is an automated account"
                    .to_owned(),
            );
        }
        if let Some(scopes) = self.scopes(cx, &token).await
            && !scopes.iter().any(|scope| scope == "write" || scope == "write:statuses")
        {
            identity.remarks.push(format!("the token may not post: its scopes are {}", scopes.join(" ")));
        }
        Ok(identity)
    }
}

/// Makes what would be read as a mention plain text, but for the wanted ones: a joiner after the `@`, which belongs to the
/// same grapheme cluster and shows nothing.
fn without_mentions(text: &str, wanted: &[Mention]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before: Option<char> = None;
    for (at, c) in text.char_indices() {
        out.push(c);
        // Inside a word or a URL's path an `@` names nobody. Source: Mastodon's Account::MENTION_RE, 2026-08.
        let opens = before.is_none_or(|b| !(b.is_alphanumeric() || matches!(b, '_' | '/' | '=')));
        let rest = &text[at..];
        let named = rest.chars().nth(1).is_some_and(|n| n.is_alphanumeric() || n == '_');
        if c == '@' && opens && named && !wanted.iter().any(|mention| is_all_of(rest, &mention.handle)) {
            out.push('\u{200D}');
        }
        before = Some(c);
    }
    out
}

/// Whether the name that `text` begins with is that one and no longer one.
fn is_all_of(text: &str, handle: &str) -> bool {
    text.strip_prefix(handle).is_some_and(|after| {
        let mut after = after.chars();
        match after.next() {
            Some('.' | '-') => !after.next().is_some_and(char::is_alphanumeric),
            Some(c) => !(c.is_alphanumeric() || matches!(c, '_' | '@')),
            None => true,
        }
    })
}

/// The language as Mastodon names it (ISO 639-1, or 639-3 where there is none).
fn language(tag: &str) -> Option<String> {
    let first = tag.split(['-', '_']).next()?;
    let fits = matches!(first.len(), 2 | 3) && first.bytes().all(|b| b.is_ascii_alphabetic());
    fits.then(|| first.to_ascii_lowercase())
}

/// The receipt of a stored step.
fn receipt(value: &Value, how: Known, at: jiff::Timestamp) -> Result<Receipt, PublishError> {
    let id =
        value["id"].as_str().ok_or_else(|| PublishError::Unknown { said: "the stored step has no id".to_owned() })?;
    let url = value["url"].as_str().map(str::to_owned);
    Ok(Receipt { remote_id: Some(id.to_owned()), url, parts: Vec::new(), at, how })
}

/// The idempotency key of a part: the first has the post's own.
fn part_key(key: &str, n: u16) -> String {
    if n == 0 { key.to_owned() } else { format!("{key}-{n}") }
}

fn no_step() -> PublishError {
    let said = "expected a create step in the payload, found none".to_owned();
    PublishError::Rejected { reason: Rejection::Invalid, said }
}

fn no_id() -> PublishError {
    let said = "expected the remote id of what is to be changed, found none".to_owned();
    PublishError::Rejected { reason: Rejection::Invalid, said }
}

fn introduce(error: PublishError) -> ConnectError {
    match error {
        PublishError::Auth { said } => ConnectError::Refused(said),
        PublishError::Forbidden { said, .. } | PublishError::Gone { said } => ConnectError::Forbidden(said),
        other => ConnectError::Unreachable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::ONLY;

    fn account(text: &str) -> Result<Arc<dyn Account>, toml::de::Error> {
        Mastodon.open(toml::de::DeTable::parse(text).unwrap().into_inner())
    }

    fn ids() -> Ids {
        Ids {
            seed: "ab".repeat(32),
            created: "2026-11-01T10:00:00Z".parse().unwrap(),
            story: "2026-11-01T10:00:00Z".parse().unwrap(),
            revision: 0,
        }
    }

    fn post(text: &str, language: Option<&str>) -> Outgoing {
        Outgoing {
            text: FittedText::new(text.to_owned(), SPEC.text).unwrap(),
            link: Some(Url::parse("https://e.org/a").unwrap()),
            more: Vec::new(),
            card: None,
            picture: None,
            further: Vec::new(),
            language: language.map(str::to_owned),
            mentions: Vec::new(),
        }
    }

    #[test]
    fn keys_are_read_with_their_defaults_and_faults_point_at_their_line() {
        let bare = account("server = \"https://m.example\"").ok().unwrap();
        assert!(bare.secrets().is_empty());
        let full = account("server = \"https://m.example/\"\ntoken = { file = \"/run/t\" }\nvisibility = \"unlisted\"");
        assert_eq!(full.ok().unwrap().secrets(), [("token", SecretRef::File("/run/t".into()))]);
        for (text, at) in [
            ("server = \"m.example\"", "\"m.example\""),
            ("server = \"https://m.example\"\ntoken = \"abc\"", "\"abc\""),
            ("server = \"https://m.example\"\nvisibility = \"direct\"", "\"direct\""),
            ("server = \"https://m.example\"\nurl = \"x\"", "url"),
        ] {
            let fault = account(text).err().unwrap();
            assert_eq!(&text[fault.span().unwrap()], at, "{fault}");
        }
    }

    #[test]
    fn a_frozen_post_is_the_body_that_is_sent() {
        let account = account("server = \"https://m.example\"\nvisibility = \"unlisted\"").ok().unwrap();
        let payload = account.freeze(&post("Salam https://e.org/a", Some("az-AZ")), &ids()).unwrap();
        assert_eq!(payload, account.freeze(&post("Salam https://e.org/a", Some("az-AZ")), &ids()).unwrap());
        assert_eq!(payload.key, format!("bugle-{}", "ab".repeat(32)));
        let body: Value = serde_json::from_str(&payload.planned(ONLY).unwrap().body).unwrap();
        assert_eq!(
            body,
            json!({"status": "Salam https://e.org/a", "visibility": "unlisted", "language": "az", "allowed_mentions": []})
        );
        let bare = account.freeze(&post("x", Some("english")), &ids()).unwrap();
        assert!(!bare.planned(ONLY).unwrap().body.contains("language"));
        assert!(account.freeze(&post(" \n", None), &ids()).is_err());
    }

    #[test]
    fn each_part_of_a_thread_has_its_own_body_and_key() {
        let account = account("server = \"https://m.example\"").ok().unwrap();
        let more = vec![FittedText::new("two @all".to_owned(), SPEC.text).unwrap()];
        let payload = account.freeze(&Outgoing { more, ..post("one https://e.org/a", None) }, &ids()).unwrap();
        let texts: Vec<String> = payload
            .creates()
            .map(|it| serde_json::from_str::<Value>(&it.body).unwrap()["status"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(texts, ["one https://e.org/a", "two @\u{200D}all"]);
        assert_eq!(payload.parts(), texts);
        assert_eq!(part_key(&payload.key, 0), payload.key);
        assert_eq!(part_key(&payload.key, 1), format!("{}-1", payload.key));
    }

    #[test]
    fn a_name_in_a_headline_mentions_nobody() {
        for (text, expected) in [
            ("@all hear", "@\u{200D}all hear"),
            ("(@a@b.example) says", "(@\u{200D}a@b.example) says"),
            ("mail a@b.example or 5 @ 3", "mail a@b.example or 5 @ 3"),
            ("https://e.org/@name/1", "https://e.org/@name/1"),
        ] {
            assert_eq!(without_mentions(text, &[]), expected);
        }
    }

    #[test]
    fn a_wanted_mention_stays_and_no_other() {
        let mention = Mention { handle: "@a@b.example".to_owned(), id: None };
        for (text, expected) in [
            ("@a@b.example's", "@a@b.example's"),
            ("@a@b.example. @c@b.example", "@a@b.example. @\u{200D}c@b.example"),
            ("@a@b.example.org", "@\u{200D}a@b.example.org"),
            ("@a", "@\u{200D}a"),
        ] {
            assert_eq!(without_mentions(text, std::slice::from_ref(&mention)), expected);
        }
        let account = account("server = \"https://m.example\"").ok().unwrap();
        let wanted = |text: &str| Outgoing { mentions: vec![mention.clone()], ..post(text, None) };
        let body = |text: &str| account.freeze(&wanted(text), &ids()).unwrap().planned(ONLY).unwrap().body.clone();
        assert!(!body("by @a@b.example").contains("allowed_mentions"));
        assert!(body("by nobody").contains("allowed_mentions"), "the second line stays where nobody is wanted");
    }
}
