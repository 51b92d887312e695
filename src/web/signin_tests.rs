//! The second factor on the wire: set up, asked for, worth nothing twice, gone.

use jiff::SignedDuration;
use secrecy::ExposeSecret as _;

use super::tests::{Answer, Desk};
use crate::clock::Clock as _;
use crate::model::person::Role;
use crate::people::{link, totp};
use crate::store::job;

const NAME: &str = "Günay";
const PASSWORD: &str = "velvet orbit 7 lantern";

/// A desk with one person, and a browser.
struct Stand {
    desk: Desk,
}

impl Stand {
    /// With a person who was invited; gives their session's cookie, too.
    async fn open() -> (Self, String) {
        let desk = Desk::open("127.0.0.1").await;
        let asked = link::Invitation { name: NAME.to_owned(), email: None, role: Role::Editor };
        let secret = link::invite(&desk.store, &asked, "Ana", desk.clock.now()).await.unwrap();
        let stand = Self { desk };
        let path = format!("/invite/{}", secret.expose_secret());
        let answer = stand.post(&path, None, &[("password", PASSWORD), ("again", PASSWORD)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        (stand, cookie(&answer).unwrap())
    }

    async fn get(&self, path: &str, cookie: Option<&str>) -> Answer {
        let cookie = cookie.map(|it| format!("Cookie: {it}\r\n")).unwrap_or_default();
        let at = self.desk.at;
        self.desk.send(&format!("GET {path} HTTP/1.1\r\nHost: {at}\r\n{cookie}Connection: close\r\n\r\n")).await
    }

    async fn post(&self, path: &str, cookie: Option<&str>, form: &[(&str, &str)]) -> Answer {
        let cookie = cookie.map(|it| format!("Cookie: {it}\r\n")).unwrap_or_default();
        let (at, body) =
            (self.desk.at, url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish());
        let head = "Content-Type: application/x-www-form-urlencoded\r\nConnection: close";
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {at}\r\nOrigin: http://{at}\r\n{cookie}{head}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.desk.send(&request).await
    }

    /// Signs in by password; gives the cookie and where it leads.
    async fn password(&self) -> (String, String) {
        let answer =
            self.post("/sign-in", None, &[("name", NAME), ("password", PASSWORD), ("back", "/articles")]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        (cookie(&answer).unwrap(), answer.header("location").unwrap().to_owned())
    }

    /// Sets the second factor up; gives its secret and the recovery codes.
    async fn set_up(&self, session: &str) -> (String, Vec<String>) {
        let answer = self.post("/account/totp", Some(session), &[("password", PASSWORD)]).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/account/totp")), "{}", answer.body);
        let page = self.get("/account/totp", Some(session)).await.body;
        assert!(page.contains("<svg class=\"qr\"") && !page.contains("otpauth:"), "{page}");
        let secret: String = between(&page, "translate=\"no\">", "<").split(' ').collect();
        assert_eq!(secret.len(), 32, "{page}");
        let answer = self.post("/account/totp/confirm", Some(session), &[("code", &self.code(&secret, 0))]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let list = between(&answer.body, "<ol", "</ol>");
        let codes: Vec<String> = list.split("<li>").skip(1).map(|it| it[..19].to_owned()).collect();
        assert_eq!(codes.len(), totp::RECOVERY_CODES, "{}", answer.body);
        (secret, codes)
    }

    /// The code that the app shows so many steps from now.
    fn code(&self, secret: &str, steps: i64) -> String {
        totp::shown(secret, self.desk.clock.now() + SignedDuration::from_secs(30 * steps))
    }

    async fn count(&self, sql: &'static str) -> i64 {
        let mut conn = self.desk.store.read().await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut *conn).await.unwrap()
    }
}

/// The cookie that an answer sets.
fn cookie(answer: &Answer) -> Option<String> {
    let line = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: "))?;
    line.split(';').next().map(str::to_owned)
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}"));
    rest.split_once(to).unwrap().0
}

#[tokio::test]
async fn a_code_is_asked_for_after_the_password_and_works_once() {
    let (stand, session) = Stand::open().await;
    let other = stand.password().await.0;
    let (secret, codes) = stand.set_up(&session).await;
    // The other window was begun without it.
    assert_eq!(stand.get("/account", Some(&other)).await.status, 303);
    assert_eq!(stand.get("/account", Some(&session)).await.status, 200);

    let (half, to) = stand.password().await;
    assert!(to.starts_with("/sign-in/totp?back="), "{to}");
    assert_eq!(stand.get("/account", Some(&half)).await.status, 303, "half a session opens nothing");
    let page = stand.get(&to, Some(&half)).await;
    assert!(page.status == 200 && page.body.contains("value=\"/articles\""), "{}", page.body);
    // The code that set it up was used.
    let used = stand.code(&secret, 0);
    assert_eq!(stand.post("/sign-in/totp", Some(&half), &[("code", &used)]).await.status, 401);
    stand.desk.clock.advance(SignedDuration::from_secs(30));
    let code = stand.code(&secret, 0);
    let answer = stand.post("/sign-in/totp", Some(&half), &[("code", &code), ("back", "/articles")]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/articles")), "{}", answer.body);
    let whole = cookie(&answer).unwrap();
    assert_ne!(whole, half, "another session than before");
    assert_eq!(stand.get("/account", Some(&whole)).await.status, 200);
    assert_eq!(stand.get("/account", Some(&half)).await.status, 303, "the half one has ended");

    // The same code again, and the one of the step before.
    let (half, _) = stand.password().await;
    for code in [code, used] {
        let answer = stand.post("/sign-in/totp", Some(&half), &[("code", &code)]).await;
        assert!(answer.status == 401 && answer.body.contains("does not fit"), "{}", answer.body);
        assert!(cookie(&answer).is_none());
    }
    // A recovery code, however it is typed, works once.
    let typed = codes[0].to_uppercase().replace('-', " ");
    assert_eq!(stand.post("/sign-in/totp", Some(&half), &[("code", &typed)]).await.status, 303);
    let (half, _) = stand.password().await;
    assert_eq!(stand.post("/sign-in/totp", Some(&half), &[("code", &codes[0])]).await.status, 401);
    assert_eq!(stand.post("/sign-in/totp", Some(&half), &[("code", &codes[1])]).await.status, 303);
    // Without a half session there is nothing to add a code to.
    for cookie in [None, Some(session.as_str()), Some("bugle-session=made-up")] {
        let answer = stand.post("/sign-in/totp", cookie, &[("code", &codes[2])]).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/sign-in")), "{cookie:?}");
    }
    assert_eq!(stand.count("SELECT count(*) FROM recovery_code WHERE used_at IS NULL").await, 8);
    // What is kept shows neither.
    let kept = stand.count("SELECT count(*) FROM person WHERE totp IS NOT NULL AND totp_at IS NOT NULL").await;
    assert_eq!(kept, 1);
    let mut conn = stand.desk.store.read().await.unwrap();
    let sealed: Vec<u8> =
        sqlx::query_scalar("SELECT totp FROM person WHERE totp IS NOT NULL").fetch_one(&mut *conn).await.unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains(&secret));
    let hashes: Vec<String> = sqlx::query_scalar("SELECT code FROM recovery_code").fetch_all(&mut *conn).await.unwrap();
    assert!(hashes.iter().all(|hash| hash.len() == 64 && !codes.contains(hash)));
}

#[tokio::test]
async fn two_windows_with_one_code_are_one_sign_in() {
    let (stand, session) = Stand::open().await;
    let (secret, _) = stand.set_up(&session).await;
    let mut halves = Vec::new();
    for _ in 0..4 {
        halves.push(stand.password().await.0);
    }
    stand.desk.clock.advance(SignedDuration::from_secs(30));
    let code = stand.code(&secret, 0);
    let form = [("code", code.as_str())];
    let [a, b, c, d] = [0, 1, 2, 3].map(|n| stand.post("/sign-in/totp", Some(&halves[n]), &form));
    let (a, b, c, d) = tokio::join!(a, b, c, d);
    let came = [a, b, c, d].iter().filter(|answer| answer.status == 303).count();
    assert_eq!(came, 1);
}

#[tokio::test]
async fn guessing_codes_takes_ever_longer() {
    let (stand, session) = Stand::open().await;
    let (secret, _) = stand.set_up(&session).await;
    let (half, _) = stand.password().await;
    let mut tries = 0;
    let last = loop {
        let answer = stand.post("/sign-in/totp", Some(&half), &[("code", "000000")]).await;
        if answer.status != 401 {
            break answer;
        }
        tries += 1;
        assert!(tries < 10, "no end of guessing");
    };
    assert_eq!(last.status, 429, "{}", last.body);
    assert!(last.body.contains("possible in"), "{}", last.body);
    // The right one waits, too, and is good afterwards.
    stand.desk.clock.advance(SignedDuration::from_secs(30));
    // Five wrong ones are behind it: half a minute is more than the wait.
    let code = stand.code(&secret, 0);
    assert_eq!(stand.post("/sign-in/totp", Some(&half), &[("code", &code)]).await.status, 303);
    let said = "SELECT count(*) FROM audit WHERE what = 'sign-in' AND why LIKE 'failed to sign in by second factor%'";
    assert_eq!(stand.count(said).await, i64::from(tries));
    // A person has five minutes for it.
    let (half, to) = stand.password().await;
    stand.desk.clock.advance(SignedDuration::from_mins(5));
    assert_eq!(stand.get(&to, Some(&half)).await.header("location"), Some("/sign-in"));
}

#[tokio::test]
async fn it_is_set_up_by_its_owner_and_taken_away_by_a_code() {
    let (stand, session) = Stand::open().await;
    // A window that was left open does not lock its owner out.
    let answer = stand.post("/account/totp", Some(&session), &[("password", "another password")]).await;
    assert!(answer.status == 422 && answer.body.contains("not your password"), "{}", answer.body);
    assert_eq!(stand.count("SELECT count(*) FROM person WHERE totp IS NOT NULL").await, 0);
    // Begun, but without a code of it: nothing is asked for.
    stand.post("/account/totp", Some(&session), &[("password", PASSWORD)]).await;
    let answer = stand.post("/account/totp/confirm", Some(&session), &[("code", "123")]).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert_eq!(stand.password().await.1, "/articles");
    let (secret, old) = stand.set_up(&session).await;
    // In force: it is not simply made anew.
    let answer = stand.post("/account/totp", Some(&session), &[("password", PASSWORD)]).await;
    assert!(answer.status == 409 && answer.body.contains("already"), "{}", answer.body);
    let page = stand.get("/account/totp", Some(&session)).await.body;
    assert!(page.contains("Recovery codes left: <b>10</b>") && !page.contains(&secret[..8]), "{page}");

    // New recovery codes, for a code: the old ones are void.
    assert_eq!(stand.post("/account/totp/codes", Some(&session), &[("code", "")]).await.status, 422);
    stand.desk.clock.advance(SignedDuration::from_secs(30));
    let code = stand.code(&secret, 0);
    let answer = stand.post("/account/totp/codes", Some(&session), &[("code", &code)]).await;
    assert!(answer.status == 200 && !answer.body.contains(&old[0]), "{}", answer.body);
    let list = between(&answer.body, "<ol", "</ol>");
    let new = list.split("<li>").nth(1).unwrap()[..19].to_owned();
    assert_eq!(stand.post("/account/totp/remove", Some(&session), &[("code", &old[0])]).await.status, 422);
    // Gone, for a code; then the password alone opens.
    assert_eq!(stand.post("/account/totp/remove", Some(&session), &[("code", &new)]).await.status, 303);
    assert_eq!(stand.password().await.1, "/articles");
    assert_eq!(stand.count("SELECT count(*) FROM person WHERE totp IS NOT NULL").await, 0);
    assert_eq!(stand.count("SELECT count(*) FROM recovery_code").await, 0);
    for words in ["set up", "new recovery codes", "taken away from Günay"] {
        let mut conn = stand.desk.store.read().await.unwrap();
        let sql = "SELECT count(*) FROM audit WHERE what = 'second-factor' AND why = $1";
        let count: i64 = sqlx::query_scalar(sql).bind(words).fetch_one(&mut *conn).await.unwrap();
        assert_eq!(count, 1, "{words}");
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_opened_leaves_the_recovery_codes() {
    let (stand, session) = Stand::open().await;
    let (secret, codes) = stand.set_up(&session).await;
    let spoil = job(|conn| {
        Box::pin(async move {
            Ok(sqlx::query("UPDATE person SET totp = x'02ffff' WHERE totp IS NOT NULL")
                .execute(conn)
                .await
                .map(drop)?)
        })
    });
    stand.desk.store.write(spoil).await.unwrap();
    let (half, _) = stand.password().await;
    stand.desk.clock.advance(SignedDuration::from_secs(30));
    assert_eq!(stand.post("/sign-in/totp", Some(&half), &[("code", &stand.code(&secret, 0))]).await.status, 401);
    assert_eq!(stand.post("/sign-in/totp", Some(&half), &[("code", &codes[0])]).await.status, 303);
}
