//! Who may what, and from where: every page and act of [`ROOMS`] is tried by everybody and by every other site, as the
//! list has it. A new line there is tried without a line here.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use secrecy::ExposeSecret as _;

use super::rooms::{DOORS, ROOMS, Room};
use super::tests::{Answer, Desk};
use crate::clock::Clock as _;
use crate::model::person::Role;
use crate::people::{fresh, hash};
use crate::store::job;
use crate::store::person::{self, PersonRow};
use crate::store::session::{self, SessionRow};

/// A form that every act finds something in, so that an act which should have been refused would change something.
const FORM: &str = "role=viewer&name=New+Person&email=new%40news.example&old=x&password=correct+horse+battery+staple&\
                    again=correct+horse+battery+staple&code=000000&text=Forged&to=x&back=%2F&version=1&reason=forged&\
                    row_version=1&when=2026-03-13T10%3A00&channel=x&url=https%3A%2F%2Fnews.example%2Fa&all=1";

struct Cast {
    desk: Desk,
    people: BTreeMap<Role, PersonRow>,
    /// Somebody whom the acts on people are about: none of those who try them.
    subject: PersonRow,
}

impl Cast {
    async fn open() -> Self {
        let desk = Desk::open("127.0.0.1").await;
        desk.fill().await;
        let now = desk.clock.now();
        let people: BTreeMap<Role, PersonRow> = Role::ALL
            .into_iter()
            .map(|role| (role, PersonRow::new(&format!("the {}", role.word()), role, now)))
            .collect();
        let subject = PersonRow::new("the subject", Role::Editor, now);
        let rows: Vec<PersonRow> = people.values().chain([&subject]).cloned().collect();
        let add = job(move |conn| {
            Box::pin(async move {
                for row in rows {
                    person::add(conn, &row).await?;
                }
                Ok(())
            })
        });
        desk.store.write(add).await.unwrap();
        Self { desk, people, subject }
    }

    /// A session of theirs, as the browser sends it.
    async fn session(&self, role: Role, half: bool) -> String {
        let (secret, now) = (fresh(), self.desk.clock.now());
        let row = SessionRow {
            id: hash(secret.expose_secret()),
            person: self.people[&role].id.clone(),
            half,
            how: "password".to_owned(),
            address: "127.0.0.1".to_owned(),
            agent: String::new(),
            begun: now,
            seen: now,
            until: now + SignedDuration::from_hours(24),
        };
        let add = job(move |conn| Box::pin(async move { session::add(conn, &row).await }));
        self.desk.store.write(add).await.unwrap();
        format!("bugle-session={}", secret.expose_secret())
    }

    /// Where a room is, with names and ids of things that are there.
    fn path(&self, path: &str) -> String {
        let person = self.subject.id.as_str();
        let parts = path.split('/').scan("", |before, part| {
            let filled = match (*before, part) {
                ("people", "{id}") => person,
                ("posts", "{id}") => "p0",
                ("articles", "{id}") => "a1",
                ("timelines", "{name}") => "trial",
                ("channels", "{name}") => "x",
                (_, part) if part.starts_with('{') => "1",
                (_, part) => part,
            };
            *before = part;
            Some(filled)
        });
        parts.collect::<Vec<_>>().join("/")
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        cookie: Option<&str>,
        headers: &[(&str, &str)],
        form: &str,
    ) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.desk.at);
        for (name, value) in cookie.map(|it| ("Cookie", it)).into_iter().chain(headers.iter().copied()) {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if method == "POST" {
            let kind = "Content-Type: application/x-www-form-urlencoded";
            request.push_str(&format!("{kind}\r\nContent-Length: {}\r\n\r\n{form}", form.len()));
        } else {
            request.push_str("\r\n");
        }
        self.desk.send(&request).await
    }

    fn origin(&self) -> String {
        format!("http://{}", self.desk.at)
    }

    /// Everything that is stored, table by table.
    async fn stored(&self) -> BTreeMap<String, String> {
        let mut conn = self.desk.store.read().await.unwrap();
        let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'";
        let names: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *conn).await.unwrap();
        let mut all = BTreeMap::new();
        for name in names {
            let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info($1)")
                .bind(&name)
                .fetch_all(&mut *conn)
                .await
                .unwrap();
            let row = columns.iter().map(|it| format!("quote(\"{it}\")")).collect::<Vec<_>>().join(" || '|' || ");
            let sql = format!(
                "SELECT coalesce(group_concat(row, char(10)), '') FROM (SELECT {row} AS row FROM \"{name}\" ORDER BY 1)"
            );
            let text: String = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *conn).await.unwrap();
            all.insert(name, text);
        }
        all
    }
}

fn acts() -> impl Iterator<Item = &'static Room> {
    ROOMS.iter().filter(|room| room.act.is_some())
}

#[tokio::test]
async fn every_role_may_what_the_list_says_and_no_more() {
    let cast = Cast::open().await;
    let origin = cast.origin();
    let mut tried = 0;
    for room in ROOMS {
        let path = cast.path(room.path);
        for (method, least) in [("GET", room.see), ("HEAD", room.see), ("POST", room.act)] {
            for who in [None, Some(Role::Viewer), Some(Role::Editor), Some(Role::Admin)] {
                // A session for each: an act may end it.
                let cookie = match who {
                    Some(role) => Some(cast.session(role, false).await),
                    None => None,
                };
                let before = (method == "POST").then_some(cast.stored().await);
                let answer = cast.ask(method, &path, cookie.as_deref(), &[("Origin", &origin)], FORM).await;
                let what = format!("{method} {path} by {who:?}: {} {}", answer.status, answer.body);
                tried += 1;
                let allowed = match (least, who) {
                    (None, _) => {
                        assert_eq!(answer.status, 405, "{what}");
                        false
                    }
                    (Some(_), None) if method == "POST" => {
                        assert_eq!(answer.status, 401, "{what}");
                        false
                    }
                    (Some(_), None) => {
                        assert_eq!(answer.status, 303, "{what}");
                        assert!(answer.header("location").unwrap().starts_with("/sign-in"), "{what}");
                        false
                    }
                    (Some(least), Some(who)) if who < least => {
                        assert_eq!(answer.status, 403, "{what}");
                        let said = method == "HEAD" || answer.body.contains("This is for people with the role");
                        assert!(said, "{what}");
                        false
                    }
                    (Some(_), Some(_)) => true,
                };
                if allowed {
                    let said = ["This is for people with the role", "You are not signed in"];
                    let refused = said.iter().any(|words| answer.body.contains(words));
                    assert!(!refused && !matches!(answer.status, 405 | 500), "{what}");
                } else if let Some(before) = before {
                    assert_eq!(cast.stored().await, before, "{what}: something was changed");
                }
            }
        }
    }
    assert_eq!(tried, ROOMS.len() * 12);
}

#[tokio::test]
async fn a_half_session_opens_nothing() {
    let cast = Cast::open().await;
    let (cookie, origin) = (cast.session(Role::Admin, true).await, cast.origin());
    for room in ROOMS {
        let path = cast.path(room.path);
        if room.see.is_some() {
            let answer = cast.ask("GET", &path, Some(&cookie), &[], "").await;
            assert_eq!(answer.status, 303, "{path}");
            assert!(answer.header("location").unwrap().starts_with("/sign-in/totp"), "{path}");
        }
        if room.act.is_some() {
            let before = cast.stored().await;
            let answer = cast.ask("POST", &path, Some(&cookie), &[("Origin", &origin)], FORM).await;
            assert_eq!((answer.status, cast.stored().await), (401, before), "{path}");
        }
    }
}

#[tokio::test]
async fn no_other_site_changes_anything() {
    let cast = Cast::open().await;
    let cookie = cast.session(Role::Admin, false).await;
    let (own, before) = (cast.origin(), cast.stored().await);
    let (https, port) = (own.replace("http:", "https:"), format!("{}1", own));
    let same = ("Sec-Fetch-Site", "same-origin");
    let foreign: Vec<Vec<(&str, &str)>> = vec![
        vec![("Origin", "https://evil.example")],
        vec![("Origin", "https://evil.example"), same],
        vec![("Origin", "null")],
        vec![("Origin", "null"), same],
        vec![("Origin", "")],
        vec![("Origin", &https)],
        vec![("Origin", &port)],
        vec![("Origin", "http://127.0.0.1.evil.example")],
        vec![("Origin", "https://desk.example.evil.example")],
        vec![("Origin", &own), ("Origin", "https://evil.example")],
        vec![("Origin", &own), ("Sec-Fetch-Site", "cross-site")],
        vec![("Origin", &own), ("Sec-Fetch-Site", "same-site")],
        vec![("Origin", &own), ("Sec-Fetch-Site", "none")],
        vec![("Sec-Fetch-Site", "cross-site")],
        vec![("Sec-Fetch-Site", "same-site")],
        vec![("Sec-Fetch-Site", "none")],
        vec![same, ("Sec-Fetch-Site", "cross-site")],
        vec![("Referer", &own)],
        vec![],
    ];
    let stranger = hash("another session");
    let forms = [FORM.to_owned(), format!("{FORM}&token="), format!("{FORM}&token={stranger}")];
    let paths = acts().map(|room| cast.path(room.path)).chain(DOORS.iter().map(|door| cast.path(door.path)));
    for path in paths {
        for headers in &foreign {
            for form in &forms {
                let answer = cast.ask("POST", &path, Some(&cookie), headers, form).await;
                // A door that has no form takes none, from whomever.
                assert!(matches!(answer.status, 403 | 405), "{path} {headers:?}: {} {}", answer.status, answer.body);
            }
        }
        // Nor does anything change by what a link or a picture can send.
        for method in ["GET", "HEAD"] {
            cast.ask(method, &path, Some(&cookie), &[], "").await;
        }
        for method in ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            let answer = cast.ask(method, &path, Some(&cookie), &[("Origin", &own)], "").await;
            assert_eq!(answer.status, 405, "{method} {path}");
        }
    }
    let after = cast.stored().await;
    for (table, rows) in &before {
        // A sign-in that is begun at a sign-in service is nobody's yet.
        assert_eq!(after.get(table), Some(rows), "{table}");
    }
    // The same session, from our own page, does change something: it was not the stand that refused.
    let answer = cast.ask("POST", "/sign-out", Some(&cookie), &[("Origin", &own)], "").await;
    assert_eq!(answer.status, 303);
    assert_ne!(cast.stored().await, before);
}

#[tokio::test]
async fn a_session_ends_by_time_and_by_what_is_done() {
    let cast = Cast::open().await;
    let is_open = async |cookie: &str| cast.ask("GET", "/account", Some(cookie), &[], "").await.status == 200;
    let (origin, admin) = (cast.origin(), cast.session(Role::Admin, false).await);
    let viewer = cast.people[&Role::Viewer].id.clone();
    // Unknown, cut off, longer, two of them, as it is kept, another's name.
    let good = cast.session(Role::Viewer, false).await;
    let secret = good.strip_prefix("bugle-session=").unwrap();
    for forged in [
        "bugle-session=".to_owned(),
        "bugle-session=made-up".to_owned(),
        format!("bugle-session={}", hash(secret)),
        good[..good.len() - 1].to_owned(),
        format!("{good}x"),
        format!("{good}; {good}"),
        format!("__Host-{good}"),
        format!("session={secret}"),
    ] {
        assert!(!is_open(&forged).await, "{forged}");
    }
    assert!(is_open(&good).await);
    // What an admin does reaches it at once.
    for (act, form) in [("role", "role=editor"), ("sign-out", ""), ("disable", "")] {
        let cookie = cast.session(Role::Viewer, false).await;
        assert!(is_open(&cookie).await, "{act}");
        let path = format!("/people/{viewer}/{act}");
        let answer = cast.ask("POST", &path, Some(&admin), &[("Origin", &origin)], form).await;
        assert!(matches!(answer.status, 200 | 303), "{act}: {} {}", answer.status, answer.body);
        assert!(!is_open(&cookie).await, "{act}");
    }
    // Who is shut out stays out, also with a session that was begun somehow.
    assert!(!is_open(&cast.session(Role::Viewer, false).await).await);
    // Signed out on the server, whatever the browser keeps.
    let cookie = cast.session(Role::Editor, false).await;
    cast.ask("POST", "/sign-out", Some(&cookie), &[("Origin", &origin)], "").await;
    assert!(!is_open(&cookie).await);
    // Twelve hours without use.
    let (used, unused) = (cast.session(Role::Editor, false).await, cast.session(Role::Editor, false).await);
    cast.desk.clock.advance(SignedDuration::from_hours(11));
    assert!(is_open(&used).await);
    cast.desk.clock.advance(SignedDuration::from_hours(2));
    assert!(!is_open(&unused).await, "unused");
    assert!(is_open(&used).await, "used two hours ago");
    // And its own end, however much it is used.
    for _ in 0..3 {
        cast.desk.clock.advance(SignedDuration::from_hours(4));
        is_open(&used).await;
    }
    assert!(!is_open(&used).await, "after its last hour");
}

#[tokio::test]
async fn nobody_reaches_what_is_anothers() {
    let cast = Cast::open().await;
    let (theirs, mine, origin) =
        (cast.session(Role::Admin, false).await, cast.session(Role::Viewer, false).await, cast.origin());
    let id = hash(theirs.strip_prefix("bugle-session=").unwrap());
    let before = cast.stored().await;
    for (path, form) in [
        ("/account/sessions/end", format!("session={id}")),
        ("/account/sessions/end", format!("session={}", theirs.strip_prefix("bugle-session=").unwrap())),
        ("/account/sessions/end", "session=".to_owned()),
        ("/account/sessions/end", "session=%27+OR+1%3D1+--".to_owned()),
        ("/account/totp/confirm", "code=000000".to_owned()),
    ] {
        cast.ask("POST", path, Some(&mine), &[("Origin", &origin)], &form).await;
    }
    let after = cast.stored().await;
    for table in ["session", "person", "recovery_code", "post", "article"] {
        assert_eq!(after.get(table), before.get(table), "{table}");
    }
    assert_eq!(cast.ask("GET", "/people", Some(&theirs), &[], "").await.status, 200);
    // A viewer's own end is theirs.
    let own = hash(mine.strip_prefix("bugle-session=").unwrap());
    cast.ask("POST", "/account/sessions/end", Some(&mine), &[("Origin", &origin)], &format!("session={own}")).await;
    assert_eq!(cast.ask("GET", "/account", Some(&mine), &[], "").await.status, 303);
}

#[tokio::test]
async fn signed_in_pages_are_kept_by_nobody() {
    let cast = Cast::open().await;
    let cookie = cast.session(Role::Admin, false).await;
    for room in ROOMS.iter().filter(|room| room.see.is_some()) {
        let path = cast.path(room.path);
        let answer = cast.ask("GET", &path, Some(&cookie), &[], "").await;
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}: {name}");
        }
        let policy = answer.header("content-security-policy").unwrap_or_default();
        for part in ["default-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{path}: {policy}");
    }
}

/// Paths that are open to whoever reaches the port, beside [`DOORS`]: each has a reason.
const OPEN: &[(&str, &str)] = &[
    ("/healthz", "says whether the process is alive"),
    ("/readyz", "says whether it works"),
    ("/metrics", "counts, without names of articles or people"),
    ("/style.css", "nothing of the newsroom"),
    ("/icon.svg", "nothing of the newsroom"),
    ("/favicon.ico", "the same picture"),
    ("/manifest.webmanifest", "nothing of the newsroom"),
    ("/desk.js", "nothing of the newsroom"),
    ("/r/{id}", "short links, for readers"),
    ("/shown/{name}", "pictures on their way to a platform, under names that cannot be guessed"),
    ("/connect/{channel}", "asks for a one-time ticket"),
    ("/connect/callback/{channel}", "asks for the state of a consent and the cookie it was begun with"),
    ("/connect/choose/{channel}", "asks for the cookie of a consent"),
    ("/ingest/{source}", "asks for a token or a signature"),
    ("/websub/{token}", "asks for a token and a signature"),
];

#[test]
fn every_route_stands_in_a_list() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
    let route = regex::Regex::new(r#"\.route\(\s*"([^"]+)""#).unwrap();
    let mut found = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("security_tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.extend(route.captures_iter(&text).map(|it| it[1].to_owned()));
            }
        }
    }
    let known: Vec<&str> = OPEN.iter().map(|(path, _)| *path).collect();
    for path in &found {
        assert!(known.contains(&path.as_str()), "{path} is no room: put it into ROOMS, or say here why it is open");
    }
    for path in known {
        assert!(found.iter().any(|it| it == path), "{path} is there no more");
    }
    // Nothing stands in two lists, or twice in one.
    let mut all: Vec<&str> = ROOMS.iter().map(|room| room.path).chain(DOORS.iter().map(|door| door.path)).collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
    assert!(ROOMS.iter().all(|room| room.see.is_some() || room.act.is_some()), "a room nobody may enter");
}
