//! The Threads API as documented (publishing reference of 2026-03, posts guide of 2026-04-14, overview of 2025-12-22):
//! containers and their publication, answers, lists, the day's limit, taking down, tokens of 60 days. Stricter than
//! Threads: an unknown parameter is refused.

use std::ops::Deref;
use std::sync::LazyLock;

use bugle::clock::SharedClock;
use jiff::Timestamp;
use regex::Regex;
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation as _;

use super::http::{Reply, Request};
use super::meta::{Boxes, Gate, Posted, State, bad, fields, refusal, time};
use super::x::links;
use super::{Fake, Rules};
use crate::ledger::{Entry, Event, Ledger};

/// Makes a container.
pub const CONTAINER: &str = "container";
/// Publishes one.
pub const PUBLISH: &str = "publish";
/// Reads a container or a post.
pub const READ: &str = "read";
/// Takes a post down.
pub const DELETE: &str = "delete";
/// Reads the own posts or answers.
pub const LOOK: &str = "look";
/// Reads the day's limit.
pub const LIMIT: &str = "limit";
/// Who am I.
pub const ME: &str = "me";
/// Where a person consents.
pub const AUTHORIZE: &str = "authorize";
/// Trades a code.
pub const TOKEN: &str = "token";
/// Lengthens a token.
pub const LONG: &str = "long";
/// Renews one.
pub const REFRESH: &str = "refresh";
/// Anything else.
pub const OTHER: &str = "other";

const PLATFORM: &str = "threads";

/// What is refused where the container is not there (yet).
pub fn not_found() -> Reply {
    refusal(24, 4_279_009, "The requested resource does not exist: Media Not Found")
}

/// The state behind the API.
pub struct Threads {
    ledger: Ledger,
    /// Who is let in.
    pub gate: Gate,
    /// Containers and posts.
    pub boxes: Boxes,
    /// Take-downs so far.
    pub deleted: Vec<String>,
}

/// A running fake of Threads.
pub struct FakeThreads(Fake<Threads>);

impl Deref for FakeThreads {
    type Target = Fake<Threads>;
    fn deref(&self) -> &Fake<Threads> {
        &self.0
    }
}

impl FakeThreads {
    /// With no account yet.
    pub fn start() -> Self {
        Self::with_clock(super::machine_clock())
    }

    /// With a clock shared with the test.
    pub fn with_clock(clock: SharedClock) -> Self {
        let make = |ledger| Threads {
            ledger,
            gate: Gate::default(),
            boxes: Boxes { slow: 1, quota: 250, ..Boxes::default() },
            deleted: Vec::new(),
        };
        Self(Fake::with_clock(clock, make))
    }

    /// A long-lived token of that account.
    pub fn account(&self, name: &str) -> String {
        self.rules().gate.token(name, Timestamp::UNIX_EPOCH, true)
    }
}

impl Threads {
    fn container(&mut self, request: &Request, account: &str) -> Reply {
        const KNOWN: [&str; 10] = [
            "media_type",
            "text",
            "link_attachment",
            "image_url",
            "alt_text",
            "is_carousel_item",
            "children",
            "reply_to_id",
            "topic_tag",
            "reply_control",
        ];
        let form = match fields(request, &KNOWN) {
            Ok(form) => form,
            Err(refusal) => return refusal,
        };
        let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if let Some(fault) = self.fault(&form, &get) {
            return bad(&fault);
        }
        let id = self.gate.fresh();
        self.boxes.keep(&id, account, form);
        Reply::json(200, &json!({ "id": id }))
    }

    fn fault<'f>(
        &self,
        form: &'f std::collections::BTreeMap<String, String>,
        get: &impl Fn(&str) -> &'f str,
    ) -> Option<String> {
        let said = |text: &str| Some(text.to_owned());
        match get("media_type") {
            "TEXT" if get("text").trim().is_empty() => return said("The parameter text is required"),
            "TEXT" if form.contains_key("image_url") => return said("image_url is for images"),
            "IMAGE" if get("image_url").is_empty() => return said("The parameter image_url is required"),
            "CAROUSEL" if !self.boxes.are_children(get("children"), 20) => {
                return said("children are 2 to 20 ready items");
            }
            "TEXT" | "IMAGE" | "CAROUSEL" => {}
            other => return Some(format!("Param media_type must be one of TEXT, IMAGE, CAROUSEL, got {other}")),
        }
        if get("media_type") != "TEXT" && form.contains_key("link_attachment") {
            return said("link_attachment is for TEXT posts only");
        }
        if count(get("text")) > 500 {
            return said("Param text must be at most 500 characters long.");
        }
        let mut unique: Vec<&str> = links(get("text"));
        unique.extend(form.get("link_attachment").map(String::as_str));
        unique.sort_unstable();
        unique.dedup();
        if unique.len() > 5 {
            return said("THREADS_API__LINK_LIMIT_EXCEEDED");
        }
        if get("alt_text").chars().count() > 1000 {
            return said("alt_text is too long");
        }
        if let Some(topic) = form.get("topic_tag")
            && (topic.is_empty() || topic.chars().count() > 50 || topic.contains(['.', '&']))
        {
            return said("topic_tag is invalid");
        }
        if let Some(parent) = form.get("reply_to_id")
            && !self.boxes.posts.iter().any(|post| post.id == *parent)
        {
            return said("reply_to_id does not exist");
        }
        None
    }

    fn publish(&mut self, request: &Request, account: &str, now: Timestamp) -> Reply {
        let form = match fields(request, &["creation_id"]) {
            Ok(form) => form,
            Err(refusal) => return refusal,
        };
        let id = form.get("creation_id").cloned().unwrap_or_default();
        let Some(container) = self.boxes.containers.get(&id).filter(|it| it.account == account) else {
            return not_found();
        };
        if container.state != State::Finished {
            return not_found();
        }
        if self.boxes.unseen > 0 {
            self.boxes.unseen -= 1;
            return not_found();
        }
        let form = container.form.clone();
        let media = self.gate.fresh();
        if let Some(container) = self.boxes.containers.get_mut(&id) {
            container.state = State::Published(media.clone());
        }
        let get = |name: &str| form.get(name).cloned();
        let text = get("text").unwrap_or_default();
        let link = get("link_attachment").or_else(|| links(&text).first().map(|link| (*link).to_owned()));
        let event = Event::Published { text, link, parent: get("reply_to_id") };
        self.ledger.write(Entry { platform: PLATFORM, account: account.to_owned(), id: media.clone(), event, at: now });
        self.boxes.posts.push(Posted { id: media.clone(), account: account.to_owned(), form, at: now });
        Reply::json(200, &json!({ "id": media }))
    }

    fn read(&mut self, request: &Request, id: &str) -> Reply {
        let wanted: Vec<&str> = request.query("fields").unwrap_or("id").split(',').collect();
        if let Some(state) = self.boxes.state(id, is_picture) {
            let why = match &state {
                State::Error(why) => why.clone(),
                _ => String::new(),
            };
            return Reply::json(200, &json!({"id": id, "status": state.word(), "error_message": why}));
        }
        let Some(post) = self.boxes.posts.iter().find(|post| post.id == id) else {
            return refusal(100, 33, "Unsupported get request. Object does not exist");
        };
        if wanted.contains(&"status") {
            return bad("Tried accessing nonexisting field (status)");
        }
        Reply::json(200, &shown(post))
    }

    fn delete(&mut self, id: &str, account: &str, now: Timestamp) -> Reply {
        let Some(at) = self.boxes.posts.iter().position(|post| post.id == id && post.account == account) else {
            return refusal(100, 33, "Unsupported delete request. Object does not exist");
        };
        self.boxes.posts.remove(at);
        self.deleted.push(id.to_owned());
        let entry = Entry {
            platform: PLATFORM,
            account: account.to_owned(),
            id: id.to_owned(),
            event: Event::Deleted,
            at: now,
        };
        self.ledger.write(entry);
        Reply::json(200, &json!({"success": true, "deleted_id": id}))
    }
}

fn shown(post: &Posted) -> Value {
    let get = |name: &str| post.form.get(name).cloned();
    json!({"id": post.id, "text": get("text").unwrap_or_default(), "timestamp": time(post.at), "media_type": "TEXT_POST",
        "permalink": format!("https://www.threads.net/@{}/post/{}", post.account, post.id),
        "link_attachment_url": get("link_attachment"), "replied_to": get("reply_to_id").map(|id| json!({"id": id}))})
}

/// JPEG or PNG, at most 8 MB, at most ten times longer than its shorter side.
fn is_picture(bytes: &[u8]) -> Result<(), String> {
    let picture = image::load_from_memory(bytes).map_err(|e| format!("the image cannot be read: {e}"))?;
    let kind = image::guess_format(bytes).map_err(|e| e.to_string())?;
    let (long, short) = (picture.width().max(picture.height()), picture.width().min(picture.height()));
    match kind {
        image::ImageFormat::Jpeg | image::ImageFormat::Png if bytes.len() <= 8_000_000 && long <= short * 10 => Ok(()),
        other => Err(format!("the image is not supported: {other:?}, {} bytes", bytes.len())),
    }
}

/// The length as the posts guide has it: characters, and an emoji by its UTF-8 bytes.
fn count(text: &str) -> usize {
    static EMOJI: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"[\p{Extended_Pictographic}\u{1F1E6}-\u{1F1FF}\u{20E3}]").expect("the pattern is fixed")
    });
    text.graphemes(true).map(|it| if EMOJI.is_match(it) && !it.is_ascii() { it.len() } else { 1 }).sum()
}

impl Rules for Threads {
    fn endpoint(&self, request: &Request) -> &'static str {
        let words: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        match (request.method.as_str(), words.as_slice()) {
            ("GET", ["oauth", "authorize"]) => AUTHORIZE,
            ("POST", ["oauth", "access_token"]) => TOKEN,
            ("GET", ["access_token"]) => LONG,
            ("GET", ["refresh_access_token"]) => REFRESH,
            ("POST", ["v1.0", _, "threads"]) => CONTAINER,
            ("POST", ["v1.0", _, "threads_publish"]) => PUBLISH,
            ("GET", ["v1.0", _, "threads_publishing_limit"]) => LIMIT,
            ("GET", ["v1.0", _, "threads" | "replies"]) => LOOK,
            ("GET", ["v1.0", "me"]) => ME,
            ("GET", ["v1.0", _]) => READ,
            ("DELETE", ["v1.0", _]) => DELETE,
            _ => OTHER,
        }
    }

    fn answer(&mut self, request: &Request, now: Timestamp) -> Reply {
        let endpoint = self.endpoint(request);
        match endpoint {
            AUTHORIZE => return self.gate.consent(request, "newsroom"),
            TOKEN => {
                let known = ["client_id", "client_secret", "grant_type", "redirect_uri", "code"];
                return match fields(request, &known).and_then(|form| self.gate.redeem(&form)) {
                    Ok(account) => {
                        let token = self.gate.token(&account, now, false);
                        Reply::json(200, &json!({"access_token": token, "user_id": 26_000_001}))
                    }
                    Err(refusal) => refusal,
                };
            }
            LONG => return self.gate.lengthen(request, "th_exchange_token", now),
            REFRESH => return self.gate.refresh(request, "th_refresh_token", now),
            OTHER => return refusal(2500, 0, "Unknown path components"),
            _ => {}
        }
        let owner = match self.gate.enter(request) {
            Ok(owner) => owner,
            Err(refusal) => return refusal,
        };
        let account = owner.account;
        let id = request.path.trim_matches('/').split('/').nth(1).unwrap_or_default().to_owned();
        let reply = match endpoint {
            CONTAINER => self.container(request, &account),
            PUBLISH => self.publish(request, &account, now),
            LIMIT => Reply::json(200, &self.boxes.told(&account, now)),
            ME => Reply::json(200, &json!({"id": format!("26{}", account.len()), "username": account})),
            LOOK => {
                let replies = request.path.ends_with("/replies");
                let wanted = |post: &Posted| post.form.contains_key("reply_to_id") == replies;
                self.boxes.list(request, &account, now, wanted, shown)
            }
            DELETE => self.delete(&id, &account, now),
            _ => self.read(request, &id),
        };
        self.gate.stamp(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_as_the_posts_guide_has_it() {
        for (text, expected) in [("abc", 3), ("əğ日", 3), ("\u{1F44D}", 4), ("\u{1F1E6}\u{1F1FF}", 8), ("a#1", 3)] {
            assert_eq!(count(text), expected, "{text}");
        }
    }
}
