//! People over a real store: links, signing in, waits, sessions, roles.

use std::sync::Arc;

use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};

use super::*;
use crate::clock::{Clock as _, FakeClock};
use crate::model::person::Role;
use crate::store::person::{self, PersonRow};
use crate::store::{audit, job, session};

const GOOD: &str = "kvadrat xurma telefon";

struct Scene {
    people: People,
    clock: Arc<FakeClock>,
    _folder: tempfile::TempDir,
}

fn caller() -> Caller {
    Caller { address: "192.0.2.7".parse().unwrap(), agent: "Firefox\r\n".to_owned() }
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

impl Scene {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("b.db").display())).await.unwrap();
        let clock = Arc::new(FakeClock::at("2026-11-25T10:00:00Z".parse().unwrap()));
        let vault = Arc::new(Vault::with_key(&secret(&"7".repeat(64))).unwrap());
        let people = People::new(store, Arc::<FakeClock>::clone(&clock), vault);
        Self { people, clock, _folder: folder }
    }

    /// With the first administrator, signed in.
    async fn set_up() -> (Self, Opened) {
        let scene = Self::open().await;
        let link = link::setup(&scene.people.store, scene.clock.now()).await.unwrap().unwrap();
        let opened = scene.people.set_up(link.expose_secret(), "Ana", secret(GOOD), "News", &caller()).await.unwrap();
        (scene, opened)
    }

    /// A person who came in by an invitation.
    async fn person(&self, name: &str, role: Role) -> Opened {
        let asked = link::Invitation { name: name.to_owned(), email: None, role };
        let link = link::invite(&self.people.store, &asked, "Ana", self.clock.now()).await.unwrap();
        self.people.use_link(link.expose_secret(), secret(GOOD), "News", &caller()).await.unwrap()
    }

    async fn is_in(&self, opened: &Opened) -> bool {
        self.people.session(opened.secret.expose_secret()).await.unwrap().is_some()
    }

    async fn log(&self, id: &str) -> Vec<String> {
        let mut conn = self.people.store.read().await.unwrap();
        audit::of(&mut conn, id).await.unwrap().into_iter().map(|it| format!("{}: {}", it.actor, it.why)).collect()
    }

    async fn try_in(&self, name: &str, password: &str) -> Result<Opened, Fault> {
        self.people.sign_in(name, &secret(password), &caller()).await
    }
}

#[tokio::test]
async fn the_first_administrator_is_made_once_and_by_the_newest_link() {
    let scene = Scene::open().await;
    let people = &scene.people;
    let first = link::setup(&people.store, scene.clock.now()).await.unwrap().unwrap();
    let second = link::setup(&people.store, scene.clock.now()).await.unwrap().unwrap();
    let try_it = |link: &SecretString, name: &'static str, password: &'static str| {
        let link = link.clone();
        async move {
            people
                .set_up(link.expose_secret(), name, secret(password), "News", &caller())
                .await
                .map(|it| it.person.role)
        }
    };
    assert_eq!(try_it(&first, "Ana", GOOD).await, Err(Fault::Link));
    assert_eq!(try_it(&second, "<b>", GOOD).await, Err(Fault::Name(name::Bad::Character('<'))));
    assert_eq!(try_it(&second, "Ana", "short").await, Err(Fault::Weak(password::Weak::Short(5))));
    assert_eq!(try_it(&second, "Ana", "News-Ana-2026").await, Err(Fault::Weak(password::Weak::Common)));
    // An invitation is no set-up, and a set-up no invitation.
    assert_eq!(people.use_link(second.expose_secret(), secret(GOOD), "", &caller()).await.unwrap_err(), Fault::Link);
    // Weeks later, and from two windows at once.
    scene.clock.advance(SignedDuration::from_hours(24 * 30));
    let both = tokio::join!(try_it(&second, "Ana", GOOD), try_it(&second, "Eve", GOOD));
    let (won, lost) = if both.0.is_ok() { both } else { (both.1, both.0) };
    assert_eq!((won, lost), (Ok(Role::Admin), Err(Fault::SetUp)));
    assert_eq!(link::setup(&people.store, scene.clock.now()).await.unwrap().map(|_| ()), None);
    assert_eq!(try_it(&second, "Eve", GOOD).await, Err(Fault::SetUp));
    let mut conn = people.store.read().await.unwrap();
    assert_eq!(person::all(&mut conn).await.unwrap().len(), 1);
}

#[tokio::test]
async fn wrong_names_and_wrong_passwords_are_answered_alike_and_slowed_down() {
    let (scene, ana) = Scene::set_up().await;
    assert_eq!(scene.try_in(" ANA ", GOOD).await.map(|it| it.person.name).unwrap(), "Ana");
    for name in ["Ana", "nobody", "Ana"] {
        assert_eq!(scene.try_in(name, "wrong").await.unwrap_err(), Fault::Wrong, "{name}");
    }
    assert!(
        scene
            .log(ana.person.id.as_str())
            .await
            .contains(&"Ana: failed to sign in by password from 192.0.2.7".to_owned())
    );
    assert_eq!(scene.log("somebody").await.len(), 1);
    assert_eq!(scene.log("nobody").await.len(), 0, "never what was typed");
    for _ in 0..3 {
        assert_eq!(scene.try_in("Ana", "wrong").await.unwrap_err(), Fault::Wrong);
    }
    // Five are free, the sixth began a second's wait; the right password waits too, and waiting is not counted.
    assert_eq!(scene.try_in("Ana", "wrong").await.unwrap_err(), Fault::Wrong);
    for _ in 0..20 {
        assert_eq!(scene.try_in("Ana", GOOD).await.unwrap_err(), Fault::Later(SignedDuration::from_secs(1)));
    }
    scene.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(scene.try_in("Ana", "wrong").await.unwrap_err(), Fault::Wrong);
    assert_eq!(
        scene.try_in("Ana", GOOD).await.unwrap_err().to_string(),
        "too many failed tries: the next one is possible in 2 seconds"
    );
    // Another account is not slowed down by it.
    scene.clock.advance(SignedDuration::from_secs(2));
    assert!(scene.try_in("Ana", GOOD).await.is_ok());
    assert_eq!(scene.try_in("Ana", "wrong").await.unwrap_err(), Fault::Wrong, "a success forgets");
}

#[tokio::test]
async fn an_address_is_slowed_down_whatever_names_it_tries() {
    let (scene, _) = Scene::set_up().await;
    for n in 0..20 {
        assert_eq!(scene.try_in(&format!("name{n}"), "wrong").await.unwrap_err(), Fault::Wrong, "{n}");
    }
    assert_eq!(scene.try_in("other", "wrong").await.unwrap_err(), Fault::Wrong);
    assert!(matches!(scene.try_in("Ana", GOOD).await.unwrap_err(), Fault::Later(_)));
    let elsewhere = Caller { address: "192.0.2.8".parse().unwrap(), ..caller() };
    assert!(scene.people.sign_in("Ana", &secret(GOOD), &elsewhere).await.is_ok());
    // A success of one's own does not wash the address clean.
    scene.clock.advance(SignedDuration::from_secs(1));
    assert!(scene.try_in("Ana", GOOD).await.is_ok());
    assert_eq!(scene.try_in("another", "wrong").await.unwrap_err(), Fault::Wrong);
    assert!(matches!(scene.try_in("Ana", GOOD).await.unwrap_err(), Fault::Later(_)));
}

#[tokio::test]
async fn tries_at_the_same_time_cannot_slip_by_together() {
    let (scene, _) = Scene::set_up().await;
    let all = futures_util::future::join_all((0..30).map(|_| scene.try_in("Ana", "wrong"))).await;
    let wrong = all.iter().filter(|it| matches!(it, Err(Fault::Wrong))).count();
    let later = all.iter().filter(|it| matches!(it, Err(Fault::Later(_)))).count();
    assert_eq!((wrong, later), (6, 24));
}

#[tokio::test]
async fn sessions_end_when_idle_when_old_and_when_told() {
    let (scene, ana) = Scene::set_up().await;
    let later = |hours| scene.clock.advance(SignedDuration::from_hours(hours));
    later(11);
    assert!(scene.is_in(&ana).await);
    later(11);
    assert!(scene.is_in(&ana).await, "use keeps it open");
    later(12);
    assert!(!scene.is_in(&ana).await, "idle");
    let again = scene.try_in("Ana", GOOD).await.unwrap();
    for _ in 0..16 {
        later(10);
        assert!(scene.is_in(&again).await);
    }
    later(8);
    assert!(!scene.is_in(&again).await, "seven days");

    let (one, two) = (scene.try_in("Ana", GOOD).await.unwrap(), scene.try_in("Ana", GOOD).await.unwrap());
    assert_ne!(one.secret.expose_secret(), two.secret.expose_secret());
    let id = hash(one.secret.expose_secret());
    assert!(scene.people.is_open(&id).await.unwrap());
    scene.people.sign_out(&id, &one.person).await.unwrap();
    assert!(!scene.people.is_open(&id).await.unwrap());
    assert_eq!((scene.is_in(&one).await, scene.is_in(&two).await), (false, true));
    // The id that is stored and listed opens nothing.
    let stored = hash(two.secret.expose_secret());
    assert!(scene.people.session(&stored).await.unwrap().is_none());
    let mut conn = scene.people.store.read().await.unwrap();
    let rows = session::of(&mut conn, &two.person.id).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].address.as_str(), rows[0].agent.as_str()), ("192.0.2.7", "Firefox"));
}

#[tokio::test]
async fn whoever_may_less_or_more_is_signed_out() {
    let (scene, ana) = Scene::set_up().await;
    let (store, now) = (&scene.people.store, scene.clock.now());
    let bea = scene.person("Bea", Role::Editor).await;
    let (a, b) = (ana.person.id.clone(), bea.person.id.clone());
    // The last administrator stays.
    assert_eq!(manage::set_role(store, &a, Role::Editor, "Ana", now).await, Err(Fault::Last("Ana".to_owned())));
    assert_eq!(manage::set_disabled(store, &a, true, "Ana", now).await, Err(Fault::Last("Ana".to_owned())));
    assert_eq!(manage::set_role(store, &"none".into(), Role::Admin, "Ana", now).await, Err(Fault::Nobody));
    assert!(scene.is_in(&ana).await);

    manage::set_role(store, &b, Role::Editor, "Ana", now).await.unwrap();
    assert!(scene.is_in(&bea).await, "nothing changed");
    manage::set_role(store, &b, Role::Admin, "Ana", now).await.unwrap();
    assert!(!scene.is_in(&bea).await);
    let bea = scene.try_in("bea", GOOD).await.unwrap();
    assert_eq!(bea.person.role, Role::Admin);
    manage::set_disabled(store, &b, true, "Ana", now).await.unwrap();
    assert!(!scene.is_in(&bea).await);
    assert_eq!(scene.try_in("bea", GOOD).await.unwrap_err(), Fault::Wrong, "as if unknown");
    assert_eq!(manage::set_role(store, &a, Role::Viewer, "Ana", now).await, Err(Fault::Last("Ana".to_owned())));
    manage::set_disabled(store, &b, false, "Ana", now).await.unwrap();
    assert!(scene.try_in("bea", GOOD).await.is_ok());
    manage::set_role(store, &a, Role::Viewer, "Bea", now).await.unwrap();
    assert!(scene.log(a.as_str()).await.contains(&"Bea: Ana is viewer now".to_owned()));
}

#[tokio::test]
async fn a_new_password_ends_every_session_but_the_new_one() {
    let (scene, ana) = Scene::set_up().await;
    let other = scene.try_in("Ana", GOOD).await.unwrap();
    let change = |old: &'static str, new: &'static str| {
        let (people, person) = (&scene.people, &ana.person);
        async move { people.change_password(person, (&secret(old), secret(new)), "News", &caller()).await }
    };
    assert_eq!(change(GOOD, "password1234").await.unwrap_err(), Fault::Weak(password::Weak::Common));
    assert_eq!(change("wrong", "xurma telefon kvadrat").await.unwrap_err(), Fault::Wrong);
    assert!(scene.is_in(&other).await);
    let new = change(GOOD, "xurma telefon kvadrat").await.unwrap();
    assert_eq!((scene.is_in(&ana).await, scene.is_in(&other).await, scene.is_in(&new).await), (false, false, true));
    assert_eq!(scene.try_in("Ana", GOOD).await.unwrap_err(), Fault::Wrong);
    assert!(scene.try_in("Ana", "xurma telefon kvadrat").await.is_ok());
}

#[tokio::test]
async fn links_work_once_in_time_and_for_what_they_are() {
    let (scene, _) = Scene::set_up().await;
    let (people, store) = (&scene.people, &scene.people.store);
    let asked =
        |name: &str| link::Invitation { name: name.to_owned(), email: Some(" a@b ".to_owned()), role: Role::Viewer };
    let use_it = |link: &SecretString, password: &'static str| {
        let link = link.clone();
        async move { people.use_link(link.expose_secret(), secret(password), "News", &caller()).await }
    };
    let taken = link::invite(store, &asked("ANA"), "Ana", scene.clock.now()).await.unwrap_err();
    assert!(taken.to_string().contains("already"), "{taken}");
    let late = link::invite(store, &asked("Cem"), "Ana", scene.clock.now()).await.unwrap();
    scene.clock.advance(link::WITHIN);
    assert_eq!(use_it(&late, GOOD).await.unwrap_err(), Fault::Link);
    let good = link::invite(store, &asked("Cem"), "Ana", scene.clock.now()).await.unwrap();
    assert_eq!(use_it(&good, "Cem-Cem-Cem-1").await.unwrap_err(), Fault::Weak(password::Weak::Common));
    let cem = use_it(&good, GOOD).await.unwrap();
    assert_eq!((cem.person.role, cem.person.email.as_deref()), (Role::Viewer, Some("a@b")));
    assert_eq!(use_it(&good, GOOD).await.unwrap_err(), Fault::Link, "once");
    let gone = link::invite(store, &asked("Dan"), "Ana", scene.clock.now()).await.unwrap();
    assert!(manage::withdraw(store, &hash(gone.expose_secret()), "Ana", scene.clock.now()).await.unwrap());
    assert_eq!(use_it(&gone, GOOD).await.unwrap_err(), Fault::Link, "taken back");

    // A new password by a link: the older link is void, all sessions end, and the second factor stays unless taken away.
    let id = &cem.person.id;
    let now = scene.clock.now();
    let whose = id.clone();
    let totp =
        job(move |conn| Box::pin(async move { person::set_totp(conn, &whose, Some(b"sealed"), Some(now)).await }));
    store.write(totp).await.unwrap();
    let (older, newer) = (
        link::reset(store, id, false, "Ana", now).await.unwrap(),
        link::reset(store, id, false, "Ana", now).await.unwrap(),
    );
    assert_eq!(use_it(&older, GOOD).await.unwrap_err(), Fault::Link);
    assert!(scene.is_in(&cem).await);
    let back = use_it(&newer, "xurma telefon kvadrat").await.unwrap();
    assert!(back.half && !scene.is_in(&cem).await);
    assert!(!people.is_open(&hash(back.secret.expose_secret())).await.unwrap(), "half is not open");
    let half = scene.try_in("cem", "xurma telefon kvadrat").await.unwrap();
    assert!(half.half);
    let without = link::reset(store, id, true, "Ana", now).await.unwrap();
    assert!(!use_it(&without, GOOD).await.unwrap().half);
    assert_eq!(link::reset(store, &"none".into(), false, "Ana", now).await.unwrap_err(), Fault::Nobody);
    // Who is shut out has no use of a link.
    let void = link::reset(store, id, false, "Ana", now).await.unwrap();
    manage::set_disabled(store, id, true, "Ana", now).await.unwrap();
    assert_eq!(use_it(&void, GOOD).await.unwrap_err(), Fault::Link);
}

#[tokio::test]
async fn a_session_is_ended_by_its_owner_only() {
    let (scene, ana) = Scene::set_up().await;
    let bea = scene.person("Bea", Role::Admin).await;
    let id = hash(ana.secret.expose_secret());
    let end = |whose: PersonRow| {
        let (store, id, now) = (&scene.people.store, id.clone(), scene.clock.now());
        async move { manage::end_session(store, &whose, &id, now).await.unwrap() }
    };
    assert!(!end(bea.person.clone()).await && scene.is_in(&ana).await);
    assert!(end(ana.person.clone()).await && !scene.is_in(&ana).await);
}
