//! Search and lists: the same articles are found on both engines, whatever was typed; pages follow each other without a gap;
//! and what the pages ask for is read by an index.

use bugle::model::article::{Article, Entry};
use bugle::model::id::SourceName;
use bugle::model::post::{Actor, PostState, SkipReason};
use bugle::store::listed::{self, Filter, Order};
use bugle::store::search::{self, Words};
use bugle::store::{Store, article, audit, meta, post, spend};

use super::{Place, at, commit, odd, on_both, scheduled};

on_both!(
    articles_are_found_by_their_words,
    an_article_is_found_by_its_newest_words,
    what_is_typed_is_never_a_fault,
    articles_of_an_earlier_version_become_findable,
    pages_follow_each_other_without_a_gap,
    posts_are_narrowed_and_counted,
    the_log_is_paged,
    spending_of_many_posts_is_summed,
);

async fn put(store: &Store, id: &str, title: &str, seconds: i64) {
    let story = Article {
        first_seen: at(seconds),
        entry: Entry { title: title.to_owned(), language: Some("az".to_owned()), ..Entry::default() },
        ..super::article(id)
    };
    commit!(store, |conn| article::insert(conn, &story, "h", "t", &[]).await).unwrap();
}

async fn found(store: &Store, text: &str) -> Vec<String> {
    let filter = Filter { words: Words::of(text), ..Filter::default() };
    let mut conn = store.read().await.unwrap();
    let rows = listed::articles(&mut conn, &filter, None, 99).await.unwrap();
    rows.into_iter().map(|(article, _)| article.id.to_string()).collect()
}

async fn articles_are_found_by_their_words(place: Place) {
    let store = place.open().await;
    for (n, (id, title)) in [
        ("bridge", "Körpü açıldı, İstanbul"),
        ("market", "Bazar: ISPARTA'da qiymət 1.500 manat"),
        ("name", "Əliyev görüşdü"),
        ("latin", "Aliyev visits Łódź, Straße of São Paulo"),
        ("russian", "Ёлка в Баку"),
        ("arabic", "كتاب جديد"),
        ("chinese", "东京奥运会"),
    ]
    .into_iter()
    .enumerate()
    {
        put(&store, id, title, i64::try_from(n).unwrap()).await;
    }
    for (text, ids) in [
        ("körpü", &["bridge"][..]),
        ("KORPU ACILDI", &["bridge"]),
        ("istanbul", &["bridge"]),
        ("İSTANBUL", &["bridge"]),
        ("ıspart", &["market"]),
        ("qiym", &["market"]),
        ("500 manat", &["market"]),
        ("eliyev", &["name"]),
        ("ƏLİYEV", &["name"]),
        ("lodz strasse sao", &["latin"]),
        ("елка", &["russian"]),
        ("کتاب", &["arabic"]),
        ("东京", &["chinese"]),
        // A beginning counts, a middle does not; a single letter is a word of its own.
        ("stanbul", &[]),
        ("v", &[]),
        ("в", &["russian"]),
        // All words, in any order.
        ("acildi korpu", &["bridge"]),
        ("korpu bazar", &[]),
    ] {
        assert_eq!(found(&store, text).await, ids, "{text}");
    }
    assert_eq!(found(&store, "aliyev").await, ["latin"]);
    assert_eq!(found(&store, "").await.len(), 7, "nothing typed narrows nothing");
}

async fn an_article_is_found_by_its_newest_words(place: Place) {
    let store = place.open().await;
    put(&store, "a", "First headline", 0).await;
    let entry = Entry { title: "Second wording".to_owned(), ..Entry::default() };
    commit!(store, |conn| article::new_version(conn, "a", &entry, "h2", "t2", at(1)).await).unwrap();
    assert_eq!((found(&store, "first").await.len(), found(&store, "second").await.len()), (0, 1));
    let entry = Entry { title: "Third".to_owned(), summary: Some("a page's words".to_owned()), ..Entry::default() };
    commit!(store, |conn| article::enrich(conn, "a", &entry, "t3").await).unwrap();
    assert_eq!((found(&store, "second").await.len(), found(&store, "page words").await.len()), (0, 1));
    // What is forgotten is not found.
    commit!(store, |conn| article::forget(conn, at(99)).await).unwrap();
    let mut conn = store.read().await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM article_search").fetch_one(&mut *conn).await.unwrap();
    drop(conn);
    assert_eq!((found(&store, "third").await.len(), left), (0, 0));
    put(&store, "b", "Third again", 0).await;
    assert_eq!(found(&store, "third").await, ["b"]);
}

async fn what_is_typed_is_never_a_fault(place: Place) {
    let store = place.open().await;
    put(&store, "a", &odd(), 0).await;
    assert_eq!(found(&store, "drop table").await, ["a"]);
    for text in [
        "\"",
        "\"\"",
        "a\"b",
        "*",
        "a*",
        "^a",
        "a:b",
        "words:a",
        "-a",
        "+a",
        "a AND",
        "NOT",
        "OR",
        "a NEAR b",
        "NEAR(a b, 2)",
        "(",
        ")",
        "()",
        "a & b",
        "!a",
        "a | b",
        "a <-> b",
        "a:*",
        "'a'",
        "''",
        "\\",
        "\\'",
        "a\\",
        "{a}",
        "[a]",
        "~",
        "%",
        "_",
        "$1",
        "?1",
        "--",
        "/*",
        "\u{fffd}",
        "\u{202e}a",
        "👩‍👩‍👧‍👦",
        "e\u{301}",
        "\u{301}",
        "½",
        "२०२६",
        "ก็",
        "ﷺ",
        "a\u{0}b",
        "İ",
    ] {
        let filter = Filter { words: Words::of(text), ..Filter::default() };
        let mut conn = store.read().await.unwrap();
        if let Err(fault) = listed::articles(&mut conn, &filter, None, 9).await {
            panic!("{text:?}: {fault}");
        }
    }
    let long = odd();
    found(&store, &long).await;
}

async fn articles_of_an_earlier_version_become_findable(place: Place) {
    let store = place.open().await;
    for n in 0..25 {
        put(&store, &format!("a{n:02}"), &format!("Old story {n}"), n).await;
    }
    // As an earlier version left it, or a backup: articles, and nothing to find them by.
    commit!(store, |conn| {
        sqlx::query("DELETE FROM article_search").execute(&mut *conn).await?;
        search::begin_anew(conn).await
    })
    .unwrap();
    assert_eq!(found(&store, "story").await.len(), 0);
    let mut rounds = 0;
    while !commit!(store, |conn| search::catch_up(conn, 10).await).unwrap() {
        rounds += 1;
        assert!(rounds < 9, "it comes to an end");
    }
    assert_eq!((found(&store, "story").await.len(), rounds), (25, 3));
    let mut conn = store.read().await.unwrap();
    assert!(search::is_whole(&mut conn).await.unwrap());
    assert!(meta::get(&mut conn, "search").await.unwrap().is_some());
}

async fn pages_follow_each_other_without_a_gap(place: Place) {
    let store = place.open().await;
    // Several at the same instant: the id decides.
    for n in 0..40 {
        put(&store, &format!("s{n:02}"), "Story", n / 7).await;
        let row = scheduled(&format!("p{n:02}"), &format!("s{n:02}"));
        let mut row = row;
        row.post.due = at(n / 7);
        super::add(&store, row).await;
    }
    let mut conn = store.read().await.unwrap();
    for order in [Order::Due, Order::Newest] {
        let (mut after, mut ids) = (None, Vec::new());
        loop {
            let page = listed::posts(&mut conn, &["scheduled", "held"], order, &Filter::default(), after.as_ref(), 7)
                .await
                .unwrap();
            ids.extend(page.iter().map(|it| it.row.id().to_owned()));
            let Some(last) = page.last() else { break };
            after = listed::Key::of(&last.key(order).text());
            assert!(after.is_some());
        }
        let mut sorted = ids.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!((ids.len(), sorted.len()), (40, 40), "{order:?}: each once");
        if order == Order::Due {
            assert_eq!(ids, sorted, "the first due first");
        } else {
            sorted.reverse();
            assert_eq!(ids, sorted, "all changed at once: by id");
        }
    }
    let (mut after, mut ids) = (None, Vec::new());
    loop {
        let page = listed::articles(&mut conn, &Filter::default(), after.as_ref(), 7).await.unwrap();
        ids.extend(page.iter().map(|(article, _)| article.id.to_string()));
        let Some((last, _)) = page.last() else { break };
        after = listed::Key::of(&listed::key_of(last).text());
    }
    let expected: Vec<String> = (0..40).rev().map(|n| format!("s{n:02}")).collect();
    assert_eq!(ids, expected);
}

async fn posts_are_narrowed_and_counted(place: Place) {
    let store = place.open().await;
    for (n, (source, channel, title)) in
        [("wire", "x", "Bridge"), ("wire", "y", "Bridges"), ("news", "x", "Market"), ("news", "y", "Bridge")]
            .iter()
            .enumerate()
    {
        let mut story = super::article(&format!("a{n}"));
        story.source = SourceName::new(*source);
        story.entry.title = (*title).to_owned();
        commit!(store, |conn| article::insert(conn, &story, "h", "t", &[]).await).unwrap();
        let mut row = scheduled(&format!("p{n}"), &format!("a{n}"));
        row.post.channel = (*channel).into();
        super::add(&store, row).await;
    }
    // One whose article is gone.
    super::add(&store, scheduled("p9", "gone")).await;
    let some = |text: &str| Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
    let mut conn = store.read().await.unwrap();
    for (channel, source, words, ids) in [
        ("", "", "", &["p0", "p1", "p2", "p3", "p9"][..]),
        ("x", "", "", &["p0", "p2"]),
        ("", "news", "", &["p2", "p3"]),
        ("", "", "bridge", &["p0", "p1", "p3"]),
        ("y", "news", "bridge", &["p3"]),
        ("x", "news", "bridge", &[]),
        ("'; --", "", "", &[]),
    ] {
        let filter = Filter { channel: some(channel), source: some(source), words: Words::of(words) };
        let rows = listed::posts(&mut conn, &["scheduled"], Order::Due, &filter, None, 99).await.unwrap();
        let found: Vec<&str> = rows.iter().map(|it| it.row.id()).collect();
        assert_eq!(found, ids, "{channel} {source} {words}");
        let counted = listed::count(&mut conn, &["scheduled", "held"], &filter, 99).await.unwrap();
        assert_eq!(counted, ids.len(), "{channel} {source} {words}");
        let cut = listed::count(&mut conn, &["scheduled"], &filter, 2).await.unwrap();
        assert_eq!(cut, ids.len().min(2), "counting ends where it is told to");
    }
    let rows = listed::posts(&mut conn, &["scheduled"], Order::Due, &Filter::default(), None, 99).await.unwrap();
    let titles: Vec<Option<&str>> = rows.iter().map(|it| it.title.as_deref()).collect();
    assert_eq!(titles, [Some("Bridge"), Some("Bridges"), Some("Market"), Some("Bridge"), None]);
    let all = listed::of_articles(&mut conn, &["a0", "a3", "none"]).await.unwrap();
    assert_eq!(all.iter().map(|row| row.id()).collect::<Vec<_>>(), ["p0", "p3"]);
    assert!(listed::of_articles(&mut conn, &[]).await.unwrap().is_empty());
}

async fn the_log_is_paged(place: Place) {
    let store = place.open().await;
    commit!(store, |conn| {
        for n in 0..30 {
            let by = if n % 10 == 0 { Actor::Person("Ada".to_owned()) } else { Actor::Route };
            audit::add(conn, at(n), &by, "post", &format!("p{}", n % 3), (None, Some("held")), &n.to_string()).await?;
        }
        Ok(())
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    let filter = |actor: &str, people, subject: &str| audit::Filter {
        actor: Some(actor.to_owned()).filter(|it| !it.is_empty()),
        people,
        what: Some("post".to_owned()),
        subject: Some(subject.to_owned()).filter(|it| !it.is_empty()),
    };
    for (filter, whys) in [
        (filter("", true, ""), &["20", "10", "0"][..]),
        (filter("Ada", false, ""), &["20", "10", "0"]),
        (filter("Ada", false, "p1"), &["10"]),
        (filter("route", false, "p0"), &["27", "24", "21", "18", "15", "12", "9", "6", "3"]),
        (filter("nobody", false, ""), &[]),
    ] {
        let (mut after, mut found): (Option<String>, Vec<String>) = (None, Vec::new());
        loop {
            let page = audit::page(&mut conn, &filter, after.as_deref(), 2).await.unwrap();
            let Some((id, _)) = page.last() else { break };
            after = Some(id.clone());
            found.extend(page.into_iter().map(|(_, entry)| entry.why));
        }
        assert_eq!(found, whys, "{filter:?}");
    }
    assert_eq!(audit::people(&mut conn).await.unwrap(), ["Ada"]);
}

async fn spending_of_many_posts_is_summed(place: Place) {
    let store = place.open().await;
    commit!(store, |conn| {
        for (id, post, micros) in [("1", "a", 200), ("2", "a", 15), ("3", "b", 7), ("4", "c", 9)] {
            let charge = spend::Charge {
                id: id.to_owned(),
                channel: "x".to_owned(),
                app: None,
                post: Some(post.to_owned()),
                what: "create/0".to_owned(),
                price: bugle::model::money::Price::micros(micros),
                day: "2026-11-25".parse().expect("a day"),
                at: at(0),
            };
            spend::add(conn, &charge).await?;
        }
        spend::void(conn, "4", at(1)).await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    let mut sums = spend::of_posts(&mut conn, &["a", "b", "c", "d"]).await.unwrap();
    sums.sort();
    let sums: Vec<(&str, u64)> = sums.iter().map(|(id, price)| (id.as_str(), price.as_micros())).collect();
    assert_eq!(sums, [("a", 215), ("b", 7)]);
    assert!(spend::of_posts(&mut conn, &[]).await.unwrap().is_empty());
}

/// What the pages ask for most is read by an index that has its order: nothing is sorted, however much is stored.
#[tokio::test]
async fn nothing_is_sorted_for_the_pages() {
    let place = Place::sqlite();
    let store = place.open().await;
    let mut conn = store.read().await.unwrap();
    let channel = Filter { channel: Some("x".to_owned()), ..Filter::default() };
    let source = Filter { source: Some("wire".to_owned()), ..Filter::default() };
    for (state, order, filter, index) in [
        ("scheduled", Order::Due, &Filter::default(), "post_due"),
        ("published", Order::Newest, &Filter::default(), "post_state"),
        ("held", Order::Newest, &channel, "post_state"),
        ("published", Order::Newest, &source, "post_state"),
        ("scheduled", Order::Due, &channel, "post_due"),
    ] {
        let plan = listed::plan(&mut conn, state, order, filter).await.unwrap();
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{state} {order:?} {filter:?}:\n{plan}");
    }
}

/// A published post that was skipped before keeps its place by when it changed.
#[tokio::test]
async fn what_changed_last_comes_first() {
    let place = Place::sqlite();
    let store = place.open().await;
    for n in 0..3 {
        super::add(&store, scheduled(&format!("p{n}"), &format!("a{n}"))).await;
    }
    for (n, id) in ["p1", "p0", "p2"].into_iter().enumerate() {
        let row = super::one(&store, id).await;
        let now = at(10 + i64::try_from(n).unwrap());
        let mut next = row.clone();
        next.post.state = PostState::Skipped { at: now, why: SkipReason::Expired };
        commit!(store, |conn| post::put(conn, &row, &next, now, &Actor::Bugle, "old").await).unwrap();
    }
    let mut conn = store.read().await.unwrap();
    let rows = listed::posts(&mut conn, &["skipped"], Order::Newest, &Filter::default(), None, 9).await.unwrap();
    assert_eq!(rows.iter().map(|it| it.row.id()).collect::<Vec<_>>(), ["p2", "p0", "p1"]);
}
