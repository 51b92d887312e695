//! LinkedIn's versioned API as its pages have it (2026-08): posts with their "little" text, pictures in three calls, the
//! finder of a page's posts, pages and roles, and the code flow with a client secret. A new post's id stands in a header
//! alone. Every call wants a live version in its header; unknown fields are refused.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::time::Duration;

use bugle::clock::SharedClock;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::http::{Reply, Request};
use super::x::links;
use super::{Fake, Rules};
use crate::ledger::{Entry, Event, Ledger};

/// Makes a post.
pub const CREATE: &str = "create";
/// Reads a page's own posts.
pub const LOOK: &str = "look";
/// Reads one post.
pub const READ: &str = "read";
/// Changes a post's text.
pub const EDIT: &str = "edit";
/// Takes a post down.
pub const DELETE: &str = "delete";
/// Asks where a picture may be sent to.
pub const INITIALIZE: &str = "initialize";
/// Takes a picture's bytes.
pub const PUT: &str = "put";
/// Says how far a picture is.
pub const IMAGE: &str = "image";
/// Who am I.
pub const ME: &str = "me";
/// A page.
pub const PAGE: &str = "page";
/// The pages a person has a role of.
pub const ROLES: &str = "roles";
/// Gives tokens.
pub const TOKEN: &str = "token";
/// Anything else.
pub const OTHER: &str = "other";

const PLATFORM: &str = "linkedin";

/// How long the same content is refused again. The documentation of the older UGC Post API says 10 minutes.
const SAME: Duration = Duration::from_secs(600);

/// What a token opens.
#[derive(Clone, Debug)]
struct Opens {
    person: String,
    scopes: Vec<String>,
}

#[derive(Clone, Debug)]
struct Post {
    urn: String,
    author: String,
    commentary: String,
    content: Value,
    visibility: String,
    at: Timestamp,
}

#[derive(Clone, Debug)]
struct Image {
    owner: String,
    bytes: usize,
    /// How many more questions are answered with PROCESSING.
    busy: u32,
}

/// The state behind the API.
pub struct LinkedIn {
    ledger: Ledger,
    tokens: BTreeMap<String, Opens>,
    withdrawn: BTreeMap<String, Opens>,
    /// Codes that a person's consent gave: whose, for which redirect, with which scopes.
    codes: BTreeMap<String, (String, String, String)>,
    refreshes: BTreeMap<String, Opens>,
    roles: Vec<(String, u64, &'static str)>,
    posts: Vec<Post>,
    images: BTreeMap<String, Image>,
    next: u64,
    /// Versions that work.
    pub versions: Vec<String>,
    /// How long a new post stays out of its author's list.
    pub lag: Duration,
    /// Whether the same content is refused for a while.
    pub duplicate_guard: bool,
    /// How many questions a picture takes to become available.
    pub busy: u32,
    /// Whether new pictures fail to be processed.
    pub spoils: bool,
    /// Whether tokens come with one that renews them.
    pub partner: bool,
}

/// A running fake LinkedIn.
pub struct FakeLinkedIn(Fake<LinkedIn>);

impl Deref for FakeLinkedIn {
    type Target = Fake<LinkedIn>;
    fn deref(&self) -> &Fake<LinkedIn> {
        &self.0
    }
}

/// The app's id and secret.
pub const APP: (&str, &str) = ("app-id", "app-s3cret");

impl FakeLinkedIn {
    /// With nobody in it.
    pub fn start() -> Self {
        Self::with_clock(super::machine_clock())
    }

    /// With a clock shared with the test.
    pub fn with_clock(clock: SharedClock) -> Self {
        Self(Fake::with_clock(clock, LinkedIn::new))
    }

    /// A token of an editor of that page, with all a page's app is given.
    pub fn page(&self, id: u64) -> String {
        let scopes = ["w_organization_social", "r_organization_social", "rw_organization_admin"];
        self.rules().roles.push(("editor".to_owned(), id, "ADMINISTRATOR"));
        self.token("editor", &scopes)
    }

    /// A token of a person's own profile.
    pub fn profile(&self, person: &str) -> String {
        self.token(person, &["openid", "profile", "w_member_social"])
    }

    /// A token of that person with those scopes.
    pub fn token(&self, person: &str, scopes: &[&str]) -> String {
        let mut rules = self.rules();
        let token = format!("token-{}", rules.fresh());
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        rules.tokens.insert(token.clone(), Opens { person: person.to_owned(), scopes });
        token
    }

    /// Somebody withdraws that token.
    pub fn revoke(&self, token: &str) {
        let mut rules = self.rules();
        if let Some(opens) = rules.tokens.remove(token) {
            rules.withdrawn.insert(token.to_owned(), opens);
        }
    }

    /// And gives it back.
    pub fn give_back(&self, token: &str) {
        let mut rules = self.rules();
        if let Some(opens) = rules.withdrawn.remove(token) {
            rules.tokens.insert(token.to_owned(), opens);
        }
    }

    /// A role of a page for a person.
    pub fn role(&self, person: &str, page: u64, role: &'static str) {
        self.rules().roles.push((person.to_owned(), page, role));
    }

    /// The code that a person's browser brings back after consenting to what is asked on that URL.
    ///
    /// # Panics
    /// Where the URL asks for something LinkedIn would not show.
    pub fn consent(&self, asked: &url::Url, person: &str) -> String {
        let get = |name: &str| asked.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned());
        assert_eq!(asked.path(), "/oauth/v2/authorization");
        assert_eq!((get("response_type").as_deref(), get("client_id").as_deref()), (Some("code"), Some(APP.0)));
        assert!(get("state").is_some_and(|state| state.len() >= 16), "{asked}");
        assert!(get("code_challenge").is_none(), "this flow has no PKCE");
        let mut rules = self.rules();
        let code = format!("code-{}", rules.fresh());
        let (redirect, scopes) = (get("redirect_uri").expect("a redirect"), get("scope").expect("scopes"));
        rules.codes.insert(code.clone(), (person.to_owned(), redirect, scopes));
        code
    }

    /// What LinkedIn answers over its daily limit: no header tells how long.
    pub fn too_many() -> Reply {
        error(
            429,
            "TOO_MANY_REQUESTS",
            "Resource level throttle APPLICATION_AND_MEMBER DAY limit for calls to this resource is reached.",
        )
    }
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({ "status": status, "code": code, "message": message }))
        .header("x-li-uuid", "AAYfake==")
        .header("x-li-fabric", "fake-lva1")
}

fn not_found() -> Reply {
    error(404, "NOT_FOUND", "Could not find entity")
}

fn denied(what: &str) -> Reply {
    error(403, "ACCESS_DENIED", &format!("Not enough permissions to access: {what}"))
}

/// A "little" text as readers see it: the first reserved character that is no escape and no markup cuts the rest off, as
/// LinkedIn does without a word.
fn shown(little: &str) -> String {
    const RESERVED: &str = r"|{}@[]()<>#*_~";
    let mut out = String::new();
    let mut chars = little.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(next) if next == '\\' || RESERVED.contains(next) => out.push(next),
                _ => return out,
            },
            _ if RESERVED.contains(c) => return out,
            _ => out.push(c),
        }
    }
    out
}

impl Post {
    fn text(&self) -> String {
        shown(&self.commentary)
    }

    fn link(&self) -> Option<String> {
        let card = self.content["article"]["source"].as_str().map(str::to_owned);
        card.or_else(|| links(&self.text()).first().map(|link| (*link).to_owned()))
    }

    fn json(&self) -> Value {
        let ms = self.at.as_millisecond();
        let mut json = json!({
            "id": self.urn, "author": self.author, "commentary": self.commentary, "visibility": self.visibility,
            "lifecycleState": "PUBLISHED", "createdAt": ms, "publishedAt": ms, "lastModifiedAt": ms,
            "distribution": {"feedDistribution": "MAIN_FEED"}, "isReshareDisabledByAuthor": false,
        });
        if !self.content.is_null() {
            json["content"] = self.content.clone();
        }
        json
    }
}

/// Refuses a field that is none of those.
fn known(fields: &Map<String, Value>, names: &[&str], place: &str) -> Result<(), Reply> {
    match fields.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(error(
            422,
            "UNPERMITTED_FIELDS_PRESENT",
            &format!("Unpermitted fields present in REQUEST_BODY: [/{place}{name}]"),
        )),
        None => Ok(()),
    }
}

impl LinkedIn {
    fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            tokens: BTreeMap::new(),
            withdrawn: BTreeMap::new(),
            codes: BTreeMap::new(),
            refreshes: BTreeMap::new(),
            roles: Vec::new(),
            posts: Vec::new(),
            images: BTreeMap::new(),
            next: 7_200_000_000_000_000_000,
            versions: ["202601", "202602", "202603", "202608"].map(str::to_owned).to_vec(),
            lag: Duration::ZERO,
            duplicate_guard: true,
            busy: 1,
            spoils: false,
            partner: false,
        }
    }

    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Whether that token may post as that author.
    fn may_post(&self, opens: &Opens, author: &str) -> bool {
        let has = |scope: &str| opens.scopes.iter().any(|it| it == scope);
        match author.strip_prefix("urn:li:organization:").and_then(|id| id.parse::<u64>().ok()) {
            Some(id) => {
                let role = |(person, page, role): &(String, u64, &'static str)| {
                    *person == opens.person && *page == id && *role != "ANALYST"
                };
                has("w_organization_social") && self.roles.iter().any(role)
            }
            None => has("w_member_social") && author == format!("urn:li:person:{}", opens.person),
        }
    }

    fn create(&mut self, request: &Request, opens: &Opens, now: Timestamp) -> Reply {
        match self.draft(request, opens) {
            Ok(draft) => self.publish(draft, now),
            Err(refusal) => refusal,
        }
    }

    fn draft(&self, request: &Request, opens: &Opens) -> Result<Post, Reply> {
        let Some(Value::Object(body)) = request.json() else {
            return Err(error(400, "BAD_REQUEST", "the body is no JSON object"));
        };
        let fields = [
            "author",
            "commentary",
            "visibility",
            "distribution",
            "content",
            "lifecycleState",
            "isReshareDisabledByAuthor",
        ];
        known(&body, &fields, "")?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let needed = |name: &str| text(name).ok_or_else(|| error(400, "MISSING_FIELD", &format!("/{name} is missing")));
        let (author, commentary) = (needed("author")?, needed("commentary")?);
        let (visibility, state) = (needed("visibility")?, needed("lifecycleState")?);
        if !["PUBLIC", "CONNECTIONS", "LOGGED_IN"].contains(&visibility.as_str()) || state != "PUBLISHED" {
            return Err(error(400, "INVALID_VALUE_FOR_FIELD", "visibility or lifecycleState is not an enum symbol"));
        }
        let Some(Value::Object(distribution)) = body.get("distribution") else {
            return Err(error(400, "MISSING_FIELD", "/distribution is missing"));
        };
        known(
            distribution,
            &["feedDistribution", "targetEntities", "thirdPartyDistributionChannels"],
            "distribution/",
        )?;
        if !author.starts_with("urn:li:organization:") && !author.starts_with("urn:li:person:") {
            return Err(error(400, "INVALID_URN_TYPE", "/author is no member and no organization"));
        }
        if !self.may_post(opens, &author) {
            return Err(denied("partnerApiPosts.CREATE"));
        }
        // What readers would see, and what is counted: by a count of this file's own.
        if commentary.encode_utf16().count() > 3000 {
            return Err(error(
                400,
                "FIELD_LENGTH_TOO_LONG",
                "/commentary :: text length is more than the maximum (3000)",
            ));
        }
        if shown(&commentary).trim().is_empty() {
            return Err(error(422, "UNPROCESSABLE_ENTITY", "commentary is empty"));
        }
        let content = body.get("content").cloned().unwrap_or_default();
        self.content(&content, &author)?;
        Ok(Post { urn: String::new(), author, commentary, content, visibility, at: Timestamp::UNIX_EPOCH })
    }

    fn content(&self, content: &Value, author: &str) -> Result<(), Reply> {
        let Value::Object(kinds) = content else {
            return if content.is_null() { Ok(()) } else { Err(error(400, "BAD_REQUEST", "/content is no object")) };
        };
        known(kinds, &["article", "media", "multiImage"], "content/")?;
        if kinds.len() != 1 {
            return Err(error(400, "INVALID_VALUE_FOR_FIELD", "/content holds more than one kind"));
        }
        if let Some(Value::Object(article)) = kinds.get("article") {
            known(article, &["source", "title", "description", "thumbnail"], "content/article/")?;
            let source = article.get("source").and_then(Value::as_str).unwrap_or_default();
            let title = article.get("title").and_then(Value::as_str).unwrap_or_default();
            if !source.starts_with("http") || title.is_empty() {
                return Err(error(400, "MISSING_FIELD", "an article needs source and title"));
            }
            if title.encode_utf16().count() > 400 {
                return Err(error(400, "FIELD_LENGTH_TOO_LONG", "/content/article/title is too long"));
            }
            return article.get("thumbnail").map_or(Ok(()), |urn| self.is_ready(urn, author));
        }
        if let Some(Value::Object(media)) = kinds.get("media") {
            return self.media(media, "content/media/", author);
        }
        let images = content["multiImage"]["images"].as_array().cloned().unwrap_or_default();
        if !(2..=20).contains(&images.len()) {
            return Err(error(400, "INVALID_VALUE_FOR_FIELD", "multiImage takes 2 to 20 images"));
        }
        images.iter().try_for_each(|image| match image {
            Value::Object(media) => self.media(media, "content/multiImage/images/", author),
            _ => Err(error(400, "BAD_REQUEST", "an image is no object")),
        })
    }

    fn media(&self, media: &Map<String, Value>, place: &str, author: &str) -> Result<(), Reply> {
        known(media, &["id", "altText", "title"], place)?;
        let alt = media.get("altText").and_then(Value::as_str).unwrap_or_default();
        if alt.encode_utf16().count() > 4086 {
            return Err(error(400, "FIELD_LENGTH_TOO_LONG", "altText is too long"));
        }
        self.is_ready(media.get("id").unwrap_or(&Value::Null), author)
    }

    fn is_ready(&self, urn: &Value, author: &str) -> Result<(), Reply> {
        match urn.as_str().and_then(|urn| self.images.get(urn)) {
            None => Err(error(400, "INVALID_URN_ID", "there is no such image")),
            Some(image) if image.owner != author => Err(denied("an image of another owner")),
            Some(image) if image.bytes == 0 || image.busy > 0 => {
                Err(error(400, "MEDIA_ASSET_WAITING_UPLOAD", "the image is not ready"))
            }
            Some(_) => Ok(()),
        }
    }

    fn publish(&mut self, draft: Post, now: Timestamp) -> Reply {
        let same = |post: &&Post| {
            let content = |post: &Post| post.content["article"]["source"].clone();
            post.author == draft.author
                && post.commentary == draft.commentary
                && content(post) == content(&draft)
                && now.duration_since(post.at).unsigned_abs() < SAME
        };
        if let Some(first) = self.posts.iter().find(same).filter(|_| self.duplicate_guard) {
            let said = format!("Content is a duplicate of {}", first.urn);
            let body = json!({
                "status": 422, "code": "UNPROCESSABLE_ENTITY", "message": said,
                "errorDetailType": "com.linkedin.common.error.BadRequest",
                "errorDetails": {"inputErrors": [{"code": "DUPLICATE_POST", "description": said,
                                                  "input": {"inputPath": {"fieldPath": ""}}}]},
            });
            return Reply::json(422, &body);
        }
        let post = Post { urn: format!("urn:li:share:{}", self.fresh()), at: now, ..draft };
        let event = Event::Published { text: post.text(), link: post.link(), parent: None };
        self.write(&post, event, now);
        let reply = Reply::empty(201).header("x-restli-id", post.urn.clone());
        self.posts.push(post);
        reply
    }

    fn write(&self, post: &Post, event: Event, at: Timestamp) {
        let (account, id) = (post.author.clone(), post.urn.clone());
        self.ledger.write(Entry { platform: PLATFORM, account, id, event, at });
    }

    fn edit(&mut self, request: &Request, at: usize, now: Timestamp) -> Reply {
        if request.header("x-restli-method") != Some("PARTIAL_UPDATE") {
            return error(400, "BAD_REQUEST", "X-RestLi-Method: PARTIAL_UPDATE is missing");
        }
        let body = request.json().unwrap_or_default();
        let Some(Value::Object(set)) = body.pointer("/patch/$set") else {
            return error(400, "BAD_REQUEST", "patch is missing");
        };
        let may = ["commentary", "contentCallToActionLabel", "contentLandingPage", "lifecycleState"];
        if let Err(refusal) = known(set, &may, "patch/$set/") {
            return refusal;
        }
        let Some(commentary) = set.get("commentary").and_then(Value::as_str) else {
            return error(400, "MISSING_FIELD", "commentary is missing");
        };
        if commentary.encode_utf16().count() > 3000 {
            return error(400, "FIELD_LENGTH_TOO_LONG", "/commentary is too long");
        }
        let changed = self.posts[at].commentary != commentary;
        self.posts[at].commentary = commentary.to_owned();
        if changed {
            let post = self.posts[at].clone();
            self.write(&post, Event::Edited { text: post.text(), link: post.link() }, now);
        }
        Reply::empty(204)
    }

    fn look(&self, request: &Request, opens: &Opens, now: Timestamp) -> Reply {
        if request.header("x-restli-method") != Some("FINDER") || request.query("q") != Some("author") {
            return error(400, "ILLEGAL_ARGUMENT", "a finder wants q=author and X-RestLi-Method: FINDER");
        }
        let author = request.query("author").unwrap_or_default();
        if !request.target.contains("author=urn%3Ali%3A") {
            return error(400, "ILLEGAL_ARGUMENT", "the URN is not encoded");
        }
        let scope =
            if author.starts_with("urn:li:organization:") { "r_organization_social" } else { "r_member_social" };
        if !opens.scopes.iter().any(|it| it == scope) {
            return denied("partnerApiPosts.FINDER-author");
        }
        let number =
            |name: &str, default: usize| request.query(name).map_or(Ok(default), str::parse).unwrap_or(default);
        let (start, count) = (number("start", 0), number("count", 10));
        if count > 100 || request.query("sortBy") != Some("CREATED") {
            return error(400, "ILLEGAL_ARGUMENT", "count is at most 100; sortBy is CREATED here");
        }
        let is_seen = |post: &&Post| post.author == author && now.duration_since(post.at).unsigned_abs() >= self.lag;
        let elements: Vec<Value> =
            self.posts.iter().rev().filter(is_seen).skip(start).take(count).map(Post::json).collect();
        Reply::json(200, &json!({"paging": {"start": start, "count": count, "links": []}, "elements": elements}))
    }

    fn initialize(&mut self, request: &Request, opens: &Opens) -> Reply {
        let body = request.json().unwrap_or_default();
        let owner = body["initializeUploadRequest"]["owner"].as_str().unwrap_or_default().to_owned();
        if !self.may_post(opens, &owner) {
            return denied("images.ACTION-initializeUpload");
        }
        let n = self.fresh();
        let urn = format!("urn:li:image:C4E{n}");
        self.images.insert(urn.clone(), Image { owner, bytes: 0, busy: self.busy });
        let host = request.header("host").unwrap_or_default();
        let url = format!("http://{host}/dms-uploads/C4E{n}/uploaded-image/0?ca=vector_feedshare&cn=uploads");
        Reply::json(
            200,
            &json!({"value": {"uploadUrlExpiresAt": 1_900_000_000_000_i64, "uploadUrl": url, "image": urn}}),
        )
    }

    fn take(&mut self, request: &Request, id: &str) -> Reply {
        let urn = format!("urn:li:image:{id}");
        let jpeg = request.body.starts_with(b"\xFF\xD8");
        match self.images.get_mut(&urn) {
            Some(image) if jpeg => {
                image.bytes = request.body.len();
                Reply::empty(201)
            }
            Some(_) => Reply::gateway(400),
            None => Reply::gateway(404),
        }
    }

    fn image(&mut self, opens: &Opens, urn: &str) -> Reply {
        let reads = ["r_organization_social", "rw_organization_admin"];
        if !opens.scopes.iter().any(|scope| reads.contains(&scope.as_str())) {
            return denied("images.GET");
        }
        let Some(image) = self.images.get_mut(urn) else { return not_found() };
        let status = match (image.bytes, image.busy) {
            (0, _) => "WAITING_UPLOAD",
            (_, 0) if self.spoils => "PROCESSING_FAILED",
            (_, 0) => "AVAILABLE",
            _ => {
                image.busy -= 1;
                "PROCESSING"
            }
        };
        Reply::json(200, &json!({"id": urn, "owner": image.owner, "status": status}))
    }

    fn roles(&self, request: &Request, opens: &Opens) -> Reply {
        let finder = request.header("x-restli-method") == Some("FINDER");
        if !finder || request.query("q") != Some("roleAssignee") || request.query("state") != Some("APPROVED") {
            return error(400, "ILLEGAL_ARGUMENT", "a finder wants q=roleAssignee");
        }
        if !opens.scopes.iter().any(|scope| scope == "rw_organization_admin") {
            return denied("organizationAcls.FINDER-roleAssignee");
        }
        let mine = self.roles.iter().filter(|(person, ..)| *person == opens.person);
        let elements: Vec<Value> = mine
            .map(|(person, page, role)| {
                json!({"role": role, "state": "APPROVED", "roleAssignee": format!("urn:li:person:{person}"),
                       "organization": format!("urn:li:organization:{page}")})
            })
            .collect();
        Reply::json(200, &json!({"elements": elements, "paging": {"start": 0, "count": 50}}))
    }

    fn give(&mut self, request: &Request) -> Reply {
        let form: BTreeMap<String, String> = request.form().into_iter().collect();
        let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let refuse = |status: u16, word: &str| {
            Reply::json(status, &json!({"error": word, "error_description": "Unable to retrieve access token"}))
        };
        if request.content_type() != "application/x-www-form-urlencoded"
            || (get("client_id"), get("client_secret")) != APP
        {
            return refuse(401, "invalid_client");
        }
        let opens = match get("grant_type") {
            "authorization_code" => {
                // A code serves once, also when the rest of the request is wrong.
                let Some((person, redirect, scopes)) = self.codes.remove(get("code")) else {
                    return refuse(400, "invalid_request");
                };
                if redirect != get("redirect_uri") {
                    return refuse(400, "invalid_redirect_uri");
                }
                Opens { person, scopes: scopes.split_whitespace().map(str::to_owned).collect() }
            }
            "refresh_token" => match self.refreshes.get(get("refresh_token")) {
                Some(opens) => opens.clone(),
                None => return refuse(400, "invalid_grant"),
            },
            _ => return refuse(400, "unsupported_grant_type"),
        };
        let token = format!("granted-{}", self.fresh());
        let mut json = json!({"access_token": token, "expires_in": 5_184_000, "scope": opens.scopes.join(","), "token_type": "Bearer"});
        if self.partner {
            let refresh = format!("refresh-{}", self.fresh());
            json["refresh_token"] = json!(refresh);
            json["refresh_token_expires_in"] = json!(31_536_000);
            self.refreshes.insert(refresh, opens.clone());
        }
        self.tokens.insert(token, opens);
        Reply::json(200, &json)
    }
}

impl Rules for LinkedIn {
    fn endpoint(&self, request: &Request) -> &'static str {
        let words: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        match (request.method.as_str(), words.as_slice()) {
            ("POST", ["rest", "posts"]) => CREATE,
            ("GET", ["rest", "posts"]) => LOOK,
            ("GET", ["rest", "posts", _]) => READ,
            ("POST", ["rest", "posts", _]) => EDIT,
            ("DELETE", ["rest", "posts", _]) => DELETE,
            ("POST", ["rest", "images"]) if request.query("action") == Some("initializeUpload") => INITIALIZE,
            ("GET", ["rest", "images", _]) => IMAGE,
            ("PUT", ["dms-uploads", ..]) => PUT,
            ("GET", ["rest", "organizations", _]) => PAGE,
            ("GET", ["rest", "organizationAcls"]) => ROLES,
            ("GET", ["v2", "userinfo"]) => ME,
            ("POST", ["oauth", "v2", "accessToken"]) => TOKEN,
            _ => OTHER,
        }
    }

    fn answer(&mut self, request: &Request, now: Timestamp) -> Reply {
        let endpoint = self.endpoint(request);
        if endpoint == OTHER {
            return not_found();
        }
        if endpoint == TOKEN {
            return self.give(request);
        }
        let Some(opens) = request.bearer().and_then(|token| self.tokens.get(token)).cloned() else {
            return Reply::json(
                401,
                &json!({"status": 401, "serviceErrorCode": 65601, "code": "REVOKED_ACCESS_TOKEN",
                                            "message": "The token used in the request has been revoked by the user"}),
            );
        };
        let word = request.path.trim_matches('/').split('/').nth(2).unwrap_or_default().to_owned();
        if endpoint == PUT {
            let id = request.path.trim_matches('/').split('/').nth(1).unwrap_or_default().to_owned();
            return self.take(request, &id);
        }
        if request.path.starts_with("/rest/") {
            match request.header("linkedin-version") {
                None => {
                    return error(
                        400,
                        "VERSION_MISSING",
                        "A version must be present. Please specify a version by adding the LinkedIn-Version header.",
                    );
                }
                Some(version) if !self.versions.iter().any(|it| it == version) => {
                    return error(426, "NONEXISTENT_VERSION", &format!("Requested version {version}01 is not active"));
                }
                Some(_) => {}
            }
            if request.header("x-restli-protocol-version") != Some("2.0.0") {
                return error(400, "BAD_REQUEST", "X-Restli-Protocol-Version: 2.0.0 is missing");
            }
        }
        let at = self.posts.iter().position(|post| post.urn == word && self.may_post(&opens, &post.author));
        match (endpoint, at) {
            (CREATE, _) => self.create(request, &opens, now),
            (LOOK, _) => self.look(request, &opens, now),
            (READ, _) if !opens.scopes.iter().any(|scope| scope == "r_organization_social") => {
                denied("partnerApiPosts.GET")
            }
            (READ, Some(at)) => Reply::json(200, &self.posts[at].json()),
            (EDIT, Some(at)) => self.edit(request, at, now),
            // Idempotent: a post that is down already is answered the same.
            (DELETE, None) => Reply::empty(204),
            (DELETE, Some(at)) => {
                let post = self.posts.remove(at);
                self.write(&post, Event::Deleted, now);
                Reply::empty(204)
            }
            (INITIALIZE, _) => self.initialize(request, &opens),
            (IMAGE, _) => self.image(&opens, &word),
            (ROLES, _) => self.roles(request, &opens),
            (PAGE, _) if !opens.scopes.iter().any(|scope| scope == "rw_organization_admin") => {
                denied("organizations.GET")
            }
            (PAGE, _) => Reply::json(
                200,
                &json!({"id": word.parse::<u64>().unwrap_or_default(), "localizedName": format!("Page {word}"),
                        "vanityName": format!("page-{word}")}),
            ),
            (ME, _) if !opens.scopes.iter().any(|scope| scope == "openid") => denied("userinfo.GET"),
            (ME, _) => Reply::json(200, &json!({"sub": opens.person, "name": format!("The {}", opens.person)})),
            _ => not_found(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unescaped_character_cuts_the_text_without_a_word() {
        for (little, expected) in [
            (r"Budget \(2026\) \*draft\*", "Budget (2026) *draft*"),
            ("Budget (2026)", "Budget "),
            (r"a\_b c#d", "a_b c"),
            (r"back\\slash", r"back\slash"),
        ] {
            assert_eq!(shown(little), expected);
        }
    }
}
