//! Instagram's content publishing as documented (guide as read 2026-09-12): containers of a JPEG or of a carousel, their
//! publication, the own list, the day's limit, tokens of 60 days. Stricter than Instagram: an unknown parameter is
//! refused.

use std::ops::Deref;

use bugle::clock::SharedClock;
use jiff::Timestamp;
use serde_json::{Value, json};

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
/// Reads the own posts.
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

const PLATFORM: &str = "instagram";

/// What is refused where the container is not ready.
pub fn not_ready() -> Reply {
    refusal(9007, 2_207_027, "Media ID is not available")
}

/// The state behind the API.
pub struct Instagram {
    ledger: Ledger,
    /// Who is let in.
    pub gate: Gate,
    /// Containers and posts.
    pub boxes: Boxes,
}

/// A running fake of Instagram.
pub struct FakeInstagram(Fake<Instagram>);

impl Deref for FakeInstagram {
    type Target = Fake<Instagram>;
    fn deref(&self) -> &Fake<Instagram> {
        &self.0
    }
}

impl FakeInstagram {
    /// With no account yet.
    pub fn start() -> Self {
        Self::with_clock(super::machine_clock())
    }

    /// With a clock shared with the test.
    pub fn with_clock(clock: SharedClock) -> Self {
        let make = |ledger| Instagram {
            ledger,
            gate: Gate::default(),
            boxes: Boxes { slow: 1, quota: 50, ..Boxes::default() },
        };
        Self(Fake::with_clock(clock, make))
    }

    /// A long-lived token of that account.
    pub fn account(&self, name: &str) -> String {
        self.rules().gate.token(name, Timestamp::UNIX_EPOCH, true)
    }
}

impl Instagram {
    fn container(&mut self, request: &Request, account: &str) -> Reply {
        let known = ["image_url", "caption", "alt_text", "is_carousel_item", "media_type", "children"];
        let form = match fields(request, &known) {
            Ok(form) => form,
            Err(refusal) => return refusal,
        };
        let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        match get("media_type") {
            "" if get("image_url").is_empty() => return refusal(9004, 0, "The parameter image_url is required"),
            "CAROUSEL" if !self.boxes.are_children(get("children"), 10) => {
                return bad("children are 2 to 10 ready items");
            }
            "" | "CAROUSEL" => {}
            other => return bad(&format!("Param media_type must be one of REELS, STORIES, CAROUSEL, got {other}")),
        }
        if get("caption").chars().count() > 2200 {
            return refusal(36_004, 2_207_010, "The caption is too long");
        }
        let tags = get("caption").split_whitespace().filter(|word| word.starts_with('#')).count();
        if tags > 30 || get("alt_text").chars().count() > 1000 {
            return bad("too many hashtags, or alt_text is too long");
        }
        let id = self.gate.fresh();
        self.boxes.keep(&id, account, form);
        Reply::json(200, &json!({ "id": id }))
    }

    fn publish(&mut self, request: &Request, account: &str, now: Timestamp) -> Reply {
        let form = match fields(request, &["creation_id"]) {
            Ok(form) => form,
            Err(refusal) => return refusal,
        };
        let id = form.get("creation_id").cloned().unwrap_or_default();
        let Some(container) = self.boxes.containers.get(&id).filter(|it| it.account == account) else {
            return not_ready();
        };
        match &container.state {
            State::Finished => {}
            State::Expired => return refusal(-1, 2_207_020, "The media has expired"),
            _ => return not_ready(),
        }
        if self.boxes.unseen > 0 {
            self.boxes.unseen -= 1;
            return not_ready();
        }
        let used = self.boxes.told(account, now)["data"][0]["quota_usage"].as_u64().unwrap_or(0);
        if used >= self.boxes.quota as u64 {
            return refusal(9, 2_207_042, "You reached the maximum number of posts");
        }
        let form = container.form.clone();
        let media = self.gate.fresh();
        if let Some(container) = self.boxes.containers.get_mut(&id) {
            container.state = State::Published(media.clone());
        }
        let text = form.get("caption").cloned().unwrap_or_default();
        let link = links(&text).first().map(|link| (*link).to_owned());
        let event = Event::Published { text, link, parent: None };
        self.ledger.write(Entry { platform: PLATFORM, account: account.to_owned(), id: media.clone(), event, at: now });
        self.boxes.posts.push(Posted { id: media.clone(), account: account.to_owned(), form, at: now });
        Reply::json(200, &json!({ "id": media }))
    }

    fn read(&mut self, id: &str) -> Reply {
        if let Some(state) = self.boxes.state(id, is_picture) {
            let said = match &state {
                State::Error(why) => format!("Error: {why}"),
                other => other.word().to_owned(),
            };
            return Reply::json(200, &json!({"id": id, "status_code": state.word(), "status": said}));
        }
        match self.boxes.posts.iter().find(|post| post.id == id) {
            Some(post) => Reply::json(200, &shown(post)),
            None => refusal(100, 33, "Unsupported get request. Object does not exist"),
        }
    }
}

fn shown(post: &Posted) -> Value {
    json!({"id": post.id, "caption": post.form.get("caption"), "timestamp": time(post.at), "media_type": "IMAGE",
        "permalink": format!("https://www.instagram.com/p/{}/", post.id)})
}

/// JPEG and nothing else, at most 8 MB, 4:5 to 1.91:1.
fn is_picture(bytes: &[u8]) -> Result<(), String> {
    if image::guess_format(bytes).ok() != Some(image::ImageFormat::Jpeg) {
        return Err("2207005: the image format is not supported".to_owned());
    }
    let picture = image::load_from_memory(bytes).map_err(|e| format!("2207004: {e}"))?;
    let ratio = f64::from(picture.width()) / f64::from(picture.height());
    match bytes.len() <= 8_000_000 && (0.8..=1.91).contains(&ratio) {
        true => Ok(()),
        false => {
            Err(format!("2207009: the aspect ratio {ratio} is not supported, or {} bytes are too many", bytes.len()))
        }
    }
}

impl Rules for Instagram {
    fn endpoint(&self, request: &Request) -> &'static str {
        let words: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        match (request.method.as_str(), words.as_slice()) {
            ("GET", ["oauth", "authorize"]) => AUTHORIZE,
            ("POST", ["oauth", "access_token"]) => TOKEN,
            ("GET", ["access_token"]) => LONG,
            ("GET", ["refresh_access_token"]) => REFRESH,
            ("POST", ["v26.0", _, "media"]) => CONTAINER,
            ("POST", ["v26.0", _, "media_publish"]) => PUBLISH,
            ("GET", ["v26.0", _, "content_publishing_limit"]) => LIMIT,
            ("GET", ["v26.0", _, "media"]) => LOOK,
            ("GET", ["v26.0", "me"]) => ME,
            ("GET", ["v26.0", _]) => READ,
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
                        let scopes = "instagram_business_basic,instagram_business_content_publish";
                        let entry = json!({"access_token": token, "user_id": number(&account), "permissions": scopes});
                        Reply::json(200, &json!({ "data": [entry] }))
                    }
                    Err(refusal) => refusal,
                };
            }
            LONG => return self.gate.lengthen(request, "ig_exchange_token", now),
            REFRESH => return self.gate.refresh(request, "ig_refresh_token", now),
            OTHER => return refusal(2500, 0, "Unknown path components"),
            _ => {}
        }
        let owner = match self.gate.enter(request) {
            Ok(owner) => owner,
            Err(refusal) => return refusal,
        };
        let account = owner.account;
        let id = request.path.trim_matches('/').split('/').nth(1).unwrap_or_default().to_owned();
        let on_account = [CONTAINER, PUBLISH, LIMIT, LOOK].contains(&endpoint);
        if on_account && id != "me" && id != number(&account) {
            return refusal(100, 33, "Unsupported request. Object does not exist or is not yours");
        }
        let reply = match endpoint {
            CONTAINER => self.container(request, &account),
            PUBLISH => self.publish(request, &account, now),
            LIMIT => Reply::json(200, &self.boxes.told(&account, now)),
            ME => Reply::json(200, &json!({"user_id": number(&account), "id": "77", "username": account})),
            LOOK => self.boxes.list(request, &account, now, |_| true, shown),
            _ => self.read(&id),
        };
        self.gate.stamp(reply)
    }
}

/// The account's number.
fn number(account: &str) -> String {
    format!("178414{:05}", account.len())
}
