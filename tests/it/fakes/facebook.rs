//! Facebook Pages as documented (Graph API v26.0): posts, unpublished photos, scraping, the list of published posts,
//! editing and taking down, the guard against duplicates, signing in and the tokens of Pages. Stricter than Facebook: an
//! unknown parameter is refused.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::time::Duration;

use bugle::clock::SharedClock;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::http::{Reply, Request};
use super::meta::{APP_ID, APP_SECRET, Gate, bad, fields, refusal, time};
use super::x::links;
use super::{Fake, Rules};
use crate::ledger::{Entry, Event, Ledger};

/// Makes a post.
pub const FEED: &str = "feed";
/// Takes a photo.
pub const PHOTOS: &str = "photos";
/// Reads a link's page.
pub const SCRAPE: &str = "scrape";
/// Changes a post.
pub const EDIT: &str = "edit";
/// Takes one down.
pub const DELETE: &str = "delete";
/// Reads a post or the Page.
pub const READ: &str = "read";
/// Reads the published posts.
pub const LOOK: &str = "look";
/// Who am I.
pub const ME: &str = "me";
/// A person's Pages.
pub const ACCOUNTS: &str = "accounts";
/// What a token may.
pub const DEBUG: &str = "debug";
/// Where a person consents.
pub const AUTHORIZE: &str = "authorize";
/// Trades a code or a short token.
pub const TOKEN: &str = "token";
/// Anything else.
pub const OTHER: &str = "other";

const PLATFORM: &str = "facebook";

/// A post.
#[derive(Clone, Debug)]
pub struct Made {
    /// `PAGE_POST`.
    pub id: String,
    /// The Page.
    pub page: String,
    /// Its text.
    pub message: String,
    /// Its card's link.
    pub link: Option<String>,
    /// Its photos.
    pub photos: Vec<String>,
    /// When it became visible.
    pub at: Timestamp,
}

/// The state behind the API.
pub struct Facebook {
    ledger: Ledger,
    /// Who is let in.
    pub gate: Gate,
    /// In order.
    pub posts: Vec<Made>,
    /// Unpublished photos by number: their alternative text.
    pub photos: BTreeMap<String, String>,
    /// The Pages of the one person: number, name, tasks.
    pub pages: Vec<(String, String, Vec<&'static str>)>,
    /// Links whose pages were read.
    pub scraped: Vec<String>,
    /// Links that cannot be read.
    pub unreadable: Vec<String>,
    /// How long a post stays out of the list.
    pub lag: Duration,
}

/// A running fake of Facebook.
pub struct FakeFacebook(Fake<Facebook>);

impl Deref for FakeFacebook {
    type Target = Fake<Facebook>;
    fn deref(&self) -> &Fake<Facebook> {
        &self.0
    }
}

impl FakeFacebook {
    /// With no Page yet.
    pub fn start() -> Self {
        Self::with_clock(super::machine_clock())
    }

    /// With a clock shared with the test.
    pub fn with_clock(clock: SharedClock) -> Self {
        let make = |ledger| Facebook {
            ledger,
            gate: Gate::default(),
            posts: Vec::new(),
            photos: BTreeMap::new(),
            pages: Vec::new(),
            scraped: Vec::new(),
            unreadable: Vec::new(),
            lag: Duration::ZERO,
        };
        Self(Fake::with_clock(clock, make))
    }

    /// A Page's token.
    pub fn page(&self, number: &str) -> String {
        let mut rules = self.rules();
        rules.pages.push((number.to_owned(), format!("Page {number}"), vec!["CREATE_CONTENT", "MANAGE"]));
        rules.gate.token(number, Timestamp::UNIX_EPOCH, true)
    }
}

impl Facebook {
    fn feed(&mut self, request: &Request, page: &str, now: Timestamp) -> Reply {
        let form = match fields(request, &["message", "link", "published", "attached_media", "fields"]) {
            Ok(form) => form,
            Err(refusal) => return refusal,
        };
        let message = form.get("message").cloned().unwrap_or_default();
        let link = form.get("link").cloned();
        let mut photos = Vec::new();
        for n in 0.. {
            let Some(value) = form.get(&format!("attached_media[{n}]")) else { break };
            let id =
                serde_json::from_str::<Value>(value).ok().and_then(|it| Some(it["media_fbid"].as_str()?.to_owned()));
            match id.filter(|id| self.photos.contains_key(id)) {
                Some(id) => photos.push(id),
                None => return bad("attached_media names an unknown photo"),
            }
        }
        if message.is_empty() && link.is_none() && photos.is_empty() {
            return bad("Either message or link is required");
        }
        if link.is_some() && !photos.is_empty() {
            return bad("attached_media cannot be mixed with link");
        }
        if link.as_ref().is_some_and(|link| self.unreadable.contains(link)) {
            return refusal(1_609_005, 0, "The link could not be read");
        }
        let same = |last: &Made| last.page == page && last.message == message && last.link == link;
        if self.posts.iter().rev().find(|post| post.page == page).is_some_and(same) {
            return refusal(506, 1_455_006, "(#506) Duplicate status message");
        }
        let id = format!("{page}_{}", self.gate.fresh());
        for photo in &photos {
            self.photos.remove(photo);
        }
        let shown = link.clone().or_else(|| links(&message).first().map(|link| (*link).to_owned()));
        let event = Event::Published { text: message.clone(), link: shown, parent: None };
        self.ledger.write(Entry { platform: PLATFORM, account: page.to_owned(), id: id.clone(), event, at: now });
        let post = Made { id, page: page.to_owned(), message, link, photos, at: now };
        let mut answer = json!({"id": post.id});
        for field in form.get("fields").map(String::as_str).unwrap_or_default().split(',') {
            match field {
                "permalink_url" => answer["permalink_url"] = json!(permalink(&post)),
                "created_time" => answer["created_time"] = json!(time(now)),
                _ => {}
            }
        }
        self.posts.push(post);
        Reply::json(200, &answer)
    }

    /// Another hand makes the newest post once more; `false`: there is none.
    pub fn twin(&mut self) -> bool {
        let Some(post) = self.posts.last().cloned() else { return false };
        let id = format!("{}_{}", post.page, self.gate.fresh());
        let link = post.link.clone().or_else(|| links(&post.message).first().map(|link| (*link).to_owned()));
        let event = Event::Published { text: post.message.clone(), link, parent: None };
        let (account, at) = (post.page.clone(), post.at);
        self.ledger.write(Entry { platform: PLATFORM, account, id: id.clone(), event, at });
        self.posts.push(Made { id, ..post });
        true
    }

    fn photo(&mut self, request: &Request) -> Reply {
        let Some(parts) = request.multipart() else { return bad("expected multipart/form-data") };
        let text = |name: &str| {
            let part = parts.iter().find(|(known, ..)| known == name);
            part.map(|(_, _, bytes)| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
        };
        if let Some((name, ..)) =
            parts.iter().find(|(name, ..)| !["published", "alt_text_custom", "source"].contains(&name.as_str()))
        {
            return bad(&format!("Unknown parameter {name}"));
        }
        if text("published") != "false" {
            return bad("a published photo is a post: this test takes unpublished ones only");
        }
        let source = parts.iter().find(|(name, ..)| name == "source").map(|(_, _, bytes)| bytes.as_slice());
        match source {
            Some(bytes) if bytes.len() <= 4_000_000 && image::load_from_memory(bytes).is_ok() => {
                let id = self.gate.fresh();
                self.photos.insert(id.clone(), text("alt_text_custom"));
                Reply::json(200, &json!({ "id": id }))
            }
            _ => refusal(324, 1_366_046, "Photos should be smaller than 4 MB and saved as JPG, PNG, GIF, TIFF or HEIF"),
        }
    }

    fn scrape(&mut self, request: &Request) -> Reply {
        match fields(request, &["id", "scrape"]) {
            Ok(form) if form.get("scrape").is_some_and(|it| it == "true") => {
                let link = form.get("id").cloned().unwrap_or_default();
                if self.unreadable.contains(&link) {
                    return refusal(1_609_005, 0, "The link could not be read");
                }
                self.scraped.push(link.clone());
                Reply::json(200, &json!({"url": link, "type": "article", "title": "t"}))
            }
            Ok(_) => bad("scrape is missing"),
            Err(refusal) => refusal,
        }
    }

    fn change(&mut self, request: &Request, at: usize, now: Timestamp) -> Reply {
        let form = match fields(request, &["message"]) {
            Ok(form) => form,
            Err(refusal) => return refusal,
        };
        let post = &mut self.posts[at];
        post.message = form.get("message").cloned().unwrap_or_default();
        let shown = post.link.clone().or_else(|| links(&post.message).first().map(|link| (*link).to_owned()));
        let event = Event::Edited { text: post.message.clone(), link: shown };
        let entry = Entry { platform: PLATFORM, account: post.page.clone(), id: post.id.clone(), event, at: now };
        self.ledger.write(entry);
        Reply::json(200, &json!({"success": true}))
    }

    fn delete(&mut self, at: usize, now: Timestamp) -> Reply {
        let post = self.posts.remove(at);
        self.ledger.write(Entry {
            platform: PLATFORM,
            account: post.page,
            id: post.id,
            event: Event::Deleted,
            at: now,
        });
        Reply::json(200, &json!({"success": true}))
    }

    fn list(&self, request: &Request, page: &str, now: Timestamp) -> Reply {
        let limit = request.query("limit").and_then(|text| text.parse::<usize>().ok()).unwrap_or(25).min(100);
        let visible = |post: &&Made| post.page == page && now.duration_since(post.at).unsigned_abs() >= self.lag;
        let shown: Vec<Value> = self.posts.iter().rev().filter(visible).take(limit).map(listed).collect();
        Reply::json(200, &json!({"data": shown, "paging": {"cursors": {"before": "a", "after": "b"}}}))
    }

    /// The three trades of a sign-in: a code, a short token, and what a token may.
    fn trade(&mut self, request: &Request, now: Timestamp) -> Reply {
        let known = ["client_id", "client_secret", "redirect_uri", "code", "grant_type", "fb_exchange_token"];
        let form = match fields(request, &known) {
            Ok(form) => form,
            Err(refusal) => return refusal,
        };
        let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if get("grant_type") != "fb_exchange_token" {
            return match self.gate.redeem(&form) {
                Ok(person) => {
                    let token = self.gate.token(&person, now, false);
                    Reply::json(200, &json!({"access_token": token, "token_type": "bearer", "expires_in": 5400}))
                }
                Err(refusal) => refusal,
            };
        }
        if get("client_id") != APP_ID || get("client_secret") != APP_SECRET {
            return refusal(101, 0, "Error validating client secret.");
        }
        match self.gate.owner(get("fb_exchange_token")).cloned() {
            Some(owner) => {
                let token = self.gate.token(&owner.account, now, true);
                Reply::json(200, &json!({"access_token": token, "token_type": "bearer", "expires_in": 5_184_000}))
            }
            None => refusal(190, 463, "Session has expired"),
        }
    }

    fn debug(&self, request: &Request) -> Reply {
        if request.query("access_token") != Some(&format!("{APP_ID}|{APP_SECRET}")) {
            return refusal(190, 0, "Invalid OAuth access token");
        }
        let owner = self.gate.owner(request.query("input_token").unwrap_or_default());
        let scopes = ["pages_show_list", "pages_read_engagement", "pages_manage_posts"];
        let end = owner.filter(|owner| !owner.lasts).map_or(0, |owner| owner.issued.as_second() + 5400);
        Reply::json(
            200,
            &json!({"data": {"app_id": APP_ID, "is_valid": owner.is_some(), "expires_at": end, "scopes": scopes}}),
        )
    }

    /// The Pages of a person: tokens without end only for a long-lived token.
    fn accounts(&mut self, lasts: bool) -> Reply {
        let issued = Timestamp::UNIX_EPOCH;
        let mut data = Vec::new();
        for (number, name, tasks) in self.pages.clone() {
            let token = self.gate.token(&number, issued, lasts);
            data.push(json!({"id": number, "name": name, "access_token": token, "tasks": tasks}));
        }
        Reply::json(200, &json!({"data": data, "paging": {"cursors": {"before": "a", "after": "b"}}}))
    }
}

fn permalink(post: &Made) -> String {
    format!("https://www.facebook.com/{}", post.id)
}

fn listed(post: &Made) -> Value {
    let card = post.link.as_ref().map(|link| json!({"url": "https://l.facebook.com/l.php?u=x", "unshimmed_url": link}));
    json!({"id": post.id, "message": post.message, "created_time": time(post.at), "permalink_url": permalink(post),
        "application": {"id": APP_ID, "name": "Desk"}, "attachments": {"data": card.into_iter().collect::<Vec<_>>()}})
}

impl Rules for Facebook {
    fn endpoint(&self, request: &Request) -> &'static str {
        let words: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        match (request.method.as_str(), words.as_slice()) {
            ("GET", ["v26.0", "dialog", "oauth"]) => AUTHORIZE,
            ("POST", ["v26.0", "oauth", "access_token"]) => TOKEN,
            ("GET", ["v26.0", "debug_token"]) => DEBUG,
            ("GET", ["v26.0", "me", "accounts"]) => ACCOUNTS,
            ("GET", ["v26.0", "me"]) => ME,
            ("POST", ["v26.0"]) => SCRAPE,
            ("POST", ["v26.0", _, "feed"]) => FEED,
            ("POST", ["v26.0", _, "photos"]) => PHOTOS,
            ("GET", ["v26.0", _, "published_posts"]) => LOOK,
            ("POST", ["v26.0", _]) => EDIT,
            ("DELETE", ["v26.0", _]) => DELETE,
            ("GET", ["v26.0", _]) => READ,
            _ => OTHER,
        }
    }

    fn answer(&mut self, request: &Request, now: Timestamp) -> Reply {
        let endpoint = self.endpoint(request);
        match endpoint {
            AUTHORIZE => return self.gate.consent(request, "editor"),
            TOKEN => return self.trade(request, now),
            DEBUG => return self.debug(request),
            OTHER => return refusal(2500, 0, "Unknown path components"),
            _ => {}
        }
        let owner = match self.gate.enter(request) {
            Ok(owner) => owner,
            Err(refusal) => return refusal,
        };
        let page = owner.account;
        let word = request.path.trim_matches('/').split('/').nth(1).unwrap_or_default().to_owned();
        let mine = |post: &Made| post.id == word && post.page == page;
        let at = self.posts.iter().position(mine);
        let on_page = [FEED, PHOTOS, LOOK].contains(&endpoint);
        if on_page && word != "me" && word != page {
            return refusal(200, 0, "(#200) Permissions error: not the token's Page");
        }
        let gone =
            || refusal(100, 33, "Unsupported request. Object does not exist, cannot be loaded due to permissions");
        let name = || self.pages.iter().find(|(number, ..)| *number == page).map_or("editor", |(_, name, _)| name);
        let reply = match (endpoint, at) {
            (FEED, _) => self.feed(request, &page, now),
            (PHOTOS, _) => self.photo(request),
            (SCRAPE, _) => self.scrape(request),
            (LOOK, _) => self.list(request, &page, now),
            (ME, _) => Reply::json(200, &json!({"id": page, "name": name()})),
            (ACCOUNTS, _) => self.accounts(owner.lasts),
            (EDIT, Some(at)) => self.change(request, at, now),
            (DELETE, Some(at)) => self.delete(at, now),
            (READ, Some(at)) => Reply::json(200, &json!({"id": self.posts[at].id})),
            (READ, None) if word == page => Reply::json(200, &json!({"id": page})),
            _ => gone(),
        };
        self.gate.stamp(reply)
    }
}
