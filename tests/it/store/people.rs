//! People, sessions, one-time links and failed tries, on both engines.

use bugle::model::person::Role;
use bugle::store::invite::{self, For, LinkRow};
use bugle::store::person::{self, PersonRow};
use bugle::store::session::{self, SessionRow, Tries};
use jiff::{SignedDuration, Timestamp};

use super::{Place, commit, on_both};

on_both!(people_are_kept, sessions_are_kept, links_are_taken_once, tries_are_kept);

fn now() -> Timestamp {
    "2026-11-25T10:00:00Z".parse().unwrap()
}

async fn people_are_kept(place: Place) {
    let store = place.open().await;
    let full = PersonRow {
        email: Some("a@news.example".to_owned()),
        password: Some("$argon2id$…".to_owned()),
        password_at: Some(now()),
        totp: Some(vec![0, 255, 7]),
        totp_at: Some(now()),
        totp_step: Some(59_000_000),
        oidc: Some(("https://id.example".to_owned(), "sub|1".to_owned())),
        signed_in: Some(now()),
        disabled: Some(now()),
        ..PersonRow::new("Günay Əliyeva", Role::Editor, now())
    };
    let bare = PersonRow::new("bea", Role::Admin, now());
    let (one, two) = (full.clone(), bare.clone());
    commit!(store, |conn| {
        person::add(conn, &one).await?;
        person::add(conn, &two).await
    })
    .unwrap();
    // The name is taken, however it is written.
    let again = PersonRow::new(" GÜNAY ƏLIYEVA ", Role::Viewer, now());
    let taken = commit!(store, |conn| person::add(conn, &again).await).unwrap_err();
    assert!(taken.to_string().contains("already"), "{taken}");
    let mut conn = store.read().await.unwrap();
    assert_eq!(person::one(&mut conn, &full.id).await.unwrap(), Some(full.clone()));
    assert_eq!(person::by_login(&mut conn, "BEA").await.unwrap(), Some(bare.clone()));
    assert_eq!(person::by_oidc(&mut conn, "https://id.example", "sub|1").await.unwrap(), Some(full.clone()));
    assert_eq!(person::by_oidc(&mut conn, "https://id.example", "sub|2").await.unwrap(), None);
    assert_eq!(person::all(&mut conn).await.unwrap(), [bare.clone(), full.clone()]);
    assert_eq!(person::admins(&mut conn).await.unwrap(), 1);
    drop(conn);
    let id = bare.id.clone();
    let used = commit!(store, |conn| {
        person::set_password(conn, &id, "$argon2id$2", now()).await?;
        person::set_totp(conn, &id, Some(b"sealed"), None).await?;
        person::set_recovery(conn, &id, &["a".to_owned(), "b".to_owned()]).await?;
        person::set_disabled(conn, &id, Some(now())).await?;
        person::set_oidc(conn, &id, ("https://id.example", "sub|3"), None).await?;
        Ok((
            person::use_step(conn, &id, 7).await?,
            person::use_step(conn, &id, 7).await?,
            person::use_step(conn, &id, 6).await?,
            person::use_recovery(conn, &id, "a", now()).await?,
            person::use_recovery(conn, &id, "a", now()).await?,
            person::use_recovery(conn, &id, "c", now()).await?,
            person::recovery_left(conn, &id).await?,
        ))
    });
    assert_eq!(used, Ok((true, false, false, true, false, false, 1)));
    let mut conn = store.read().await.unwrap();
    let row = person::one(&mut conn, &bare.id).await.unwrap().unwrap();
    assert_eq!((row.totp.as_deref(), row.has_totp(), row.totp_step), (Some(&b"sealed"[..]), false, Some(7)));
    assert_eq!(person::admins(&mut conn).await.unwrap(), 0);
}

async fn sessions_are_kept(place: Place) {
    let store = place.open().await;
    let person = PersonRow::new("ana", Role::Admin, now());
    let row = |id: &str| SessionRow {
        id: id.to_owned(),
        person: person.id.clone(),
        half: id == "half",
        how: "password".to_owned(),
        address: "2001:db8::1".to_owned(),
        agent: "Firefox".to_owned(),
        begun: now(),
        seen: now(),
        until: now() + SignedDuration::from_hours(1),
    };
    let (owner, rows) = (person.clone(), [row("a"), row("b"), row("half")]);
    commit!(store, |conn| {
        person::add(conn, &owner).await?;
        for row in &rows {
            session::add(conn, row).await?;
        }
        session::touch(conn, "b", now() + SignedDuration::from_mins(9)).await?;
        // Never back.
        session::touch(conn, "b", now() + SignedDuration::from_mins(8)).await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(session::one(&mut conn, "half").await.unwrap(), Some((row("half"), person.clone())));
    assert_eq!(session::one(&mut conn, "none").await.unwrap(), None);
    let ids: Vec<String> = session::of(&mut conn, &person.id).await.unwrap().into_iter().map(|it| it.id).collect();
    assert_eq!(ids, ["b", "a", "half"]);
    drop(conn);
    let id = person.id.clone();
    let ended = commit!(store, |conn| {
        let others = session::end_of(conn, &id, Some("b")).await?;
        Ok((others, session::end(conn, "a").await?, session::end(conn, "b").await?))
    });
    assert_eq!(ended, Ok((2, false, true)));
    let rows = [row("idle"), row("old"), SessionRow { seen: now() + SignedDuration::from_mins(1), ..row("good") }];
    let until = SessionRow { until: now(), seen: now() + SignedDuration::from_mins(1), ..rows[1].clone() };
    let (idle, good) = (rows[0].clone(), rows[2].clone());
    commit!(store, |conn| {
        for row in [&idle, &until, &good] {
            session::add(conn, row).await?;
        }
        session::sweep(conn, now(), now()).await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    let left = session::of(&mut conn, &person.id).await.unwrap();
    assert_eq!(left.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["good"]);
}

async fn links_are_taken_once(place: Place) {
    let store = place.open().await;
    let later = now() + SignedDuration::from_hours(1);
    let row = |id: &str, what: For, until: Option<Timestamp>| LinkRow {
        id: id.to_owned(),
        what,
        by: "ana".to_owned(),
        made: now(),
        until,
    };
    let invitation = For::Invitation { name: "Bea".to_owned(), email: None, role: Role::Viewer };
    let rows = [
        row("s", For::Setup, None),
        row("i", invitation.clone(), Some(later)),
        row("r", For::Reset("p1".into()), Some(later)),
        row("late", invitation, Some(now())),
    ];
    let kept = rows.clone();
    commit!(store, |conn| {
        for row in &kept {
            invite::add(conn, row).await?;
        }
        Ok(())
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    for row in &rows[..3] {
        assert_eq!(invite::one(&mut conn, &row.id, now()).await.unwrap().as_ref(), Some(row));
    }
    assert_eq!(invite::one(&mut conn, "late", now()).await.unwrap(), None);
    assert_eq!(invite::all(&mut conn, now()).await.unwrap().len(), 3);
    drop(conn);
    let done = commit!(store, |conn| {
        let taken = (invite::take(conn, "i").await?, invite::take(conn, "i").await?);
        invite::forget_resets(conn, &"p1".into()).await?;
        invite::sweep(conn, now()).await?;
        let left = invite::all(conn, Timestamp::MIN).await?.len();
        invite::forget_setup(conn).await?;
        Ok((taken, left, invite::all(conn, Timestamp::MIN).await?.len()))
    });
    assert_eq!(done, Ok(((true, false), 1, 0)));
}

async fn tries_are_kept(place: Place) {
    let store = place.open().await;
    let tries = |failures| Tries { failures, last: now(), until: now() + SignedDuration::from_secs(failures) };
    let found = commit!(store, |conn| {
        session::set_tries(conn, "who:a", &tries(1)).await?;
        session::set_tries(conn, "who:a", &tries(2)).await?;
        session::set_tries(conn, "from:b", &tries(3)).await?;
        session::forget_tries(conn, "from:b").await?;
        let kept = (session::tries(conn, "who:a").await?, session::tries(conn, "from:b").await?);
        session::sweep_tries(conn, now()).await?;
        Ok((kept, session::tries(conn, "who:a").await?))
    });
    assert_eq!(found, Ok(((Some(tries(2)), None), None)));
}
