//! Whom the service's word makes, meets or does not let in.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::{Fault, Who};
use crate::clock::{Clock as _, FakeClock, SharedClock};
use crate::model::person::Role;
use crate::people::{Caller, People, link, manage};
use crate::store::person::{self, PersonRow};
use crate::store::{Store, job};
use crate::vault::Vault;

const ISSUER: &str = "https://id.example";

struct Stand {
    people: People,
    clock: Arc<FakeClock>,
    _folder: tempfile::TempDir,
}

impl Stand {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("bugle.db").display())).await.unwrap();
        let clock = Arc::new(FakeClock::at("2026-11-25T12:00:00Z".parse().unwrap()));
        let vault = Arc::new(Vault::with_key(&SecretString::from("a".repeat(64))).unwrap());
        let shared: SharedClock = Arc::<FakeClock>::clone(&clock);
        Self { people: People::new(store, shared, vault), clock, _folder: folder }
    }

    async fn enter(&self, who: Who) -> Result<(PersonRow, bool), Fault> {
        let from = Caller { address: "192.0.2.7".parse().unwrap(), agent: "a browser".to_owned() };
        let opened = self.people.enter(ISSUER, who, &from).await?;
        let (session, person) = self.people.session(opened.secret.expose_secret()).await.unwrap().expect("it is open");
        assert_eq!((session.half, session.how.as_str()), (opened.half, "oidc"));
        Ok((person, opened.half))
    }

    async fn add(&self, row: &PersonRow) {
        let row = row.clone();
        let add = job(move |conn| Box::pin(async move { person::add(conn, &row).await }));
        self.people.store.write(add).await.unwrap();
    }

    async fn count(&self) -> usize {
        let mut conn = self.people.store.read().await.unwrap();
        person::all(&mut conn).await.unwrap().len()
    }
}

fn who(subject: &str, email: &str) -> Who {
    Who { subject: subject.to_owned(), email: email.to_owned(), name: None, role: Role::Viewer, is_told: false }
}

#[tokio::test]
async fn people_are_known_by_what_does_not_change() {
    let stand = Stand::open().await;
    let ann = Who { name: Some("Ann".to_owned()), ..who("1", "ann@news.example") };
    let (first, _) = stand.enter(ann.clone()).await.unwrap();
    assert_eq!((first.name.as_str(), first.email.as_deref()), ("Ann", Some("ann@news.example")));
    // Married: another name and address, the same person. Their name here stays, as the audit log has it.
    let married = Who { name: Some("Ann Other".to_owned()), ..who("1", "ann.other@news.example") };
    let (again, _) = stand.enter(married).await.unwrap();
    assert_eq!((&again.id, again.name.as_str()), (&first.id, "Ann"));
    assert_eq!(again.email.as_deref(), Some("ann.other@news.example"));
    // Somebody who was given the old address is somebody else; as is a namesake.
    let (heir, _) = stand.enter(ann_with("2", &ann)).await.unwrap();
    assert_ne!(heir.id, first.id);
    assert_eq!(heir.name, "ann@news.example", "the name is taken");
    let (third, _) = stand.enter(ann_with("3", &ann)).await.unwrap();
    assert_eq!(third.name, "ann@news.example 2");
    assert_eq!(stand.count().await, 3);
}

fn ann_with(subject: &str, ann: &Who) -> Who {
    Who { subject: subject.to_owned(), ..ann.clone() }
}

#[tokio::test]
async fn an_administrators_word_says_who_comes_by_an_address() {
    let stand = Stand::open().await;
    let now = stand.clock.now();
    let mut boss = PersonRow::new("Boss", Role::Admin, now);
    boss.email = Some(" Boss@News.example".to_owned());
    boss.password = Some("a hash".to_owned());
    stand.add(&boss).await;
    let mut other = PersonRow::new("Other", Role::Editor, now);
    other.email = Some("other@news.example".to_owned());
    other.oidc = Some(("https://elsewhere.example".to_owned(), "9".to_owned()));
    stand.add(&other).await;
    let (met, _) = stand.enter(who("7", "boss@news.example")).await.unwrap();
    assert_eq!((&met.id, met.role), (&boss.id, Role::Admin));
    assert_eq!(met.oidc, Some((ISSUER.to_owned(), "7".to_owned())));
    // Tied once, the address opens it to nobody else; nor does one that is tied to another service.
    assert_ne!(stand.enter(who("8", "boss@news.example")).await.unwrap().0.id, boss.id);
    assert_ne!(stand.enter(who("9", "other@news.example")).await.unwrap().0.id, other.id);
    // An invitation that waits is theirs, with its name and role, and is used by it.
    let asked =
        link::Invitation { name: "Cem".to_owned(), email: Some("cem@news.example".to_owned()), role: Role::Editor };
    let secret = link::invite(&stand.people.store, &asked, "Boss", now).await.unwrap();
    let (cem, _) = stand.enter(who("10", "cem@news.example")).await.unwrap();
    assert_eq!((cem.name.as_str(), cem.role), ("Cem", Role::Editor));
    assert!(stand.people.link(secret.expose_secret()).await.unwrap().is_none(), "the link is used up");
}

#[tokio::test]
async fn who_is_shut_out_or_has_a_second_factor_is_not_simply_let_in() {
    let stand = Stand::open().await;
    stand.add(&PersonRow::new("Boss", Role::Admin, stand.clock.now())).await;
    let (ann, half) = stand.enter(who("1", "ann@news.example")).await.unwrap();
    assert!(!half);
    let id = ann.id.clone();
    let now = stand.clock.now();
    let arm = job(move |conn| Box::pin(async move { person::set_totp(conn, &id, Some(&[2, 3]), Some(now)).await }));
    stand.people.store.write(arm).await.unwrap();
    assert!(stand.enter(who("1", "ann@news.example")).await.unwrap().1, "a code is asked for");
    manage::set_disabled(&stand.people.store, &ann.id, true, "Boss", now).await.unwrap();
    assert_eq!(stand.enter(who("1", "ann@news.example")).await.map(|_| ()), Err(Fault::Closed));
    // Nor does a new subject with the address meet a closed person.
    let mut closed = PersonRow::new("Gone", Role::Admin, now);
    (closed.email, closed.disabled) = (Some("gone@news.example".to_owned()), Some(now));
    stand.add(&closed).await;
    let came = stand.enter(who("2", "gone@news.example")).await;
    assert_eq!(came.map(|_| ()), Err(Fault::Closed));
}
