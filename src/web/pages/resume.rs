//! `/resume`: first what resuming will do, then the button. What grew stale meanwhile goes out only as a person chooses.

use askama::Template;
use axum::extract::Query;
use axum::response::Response;

use super::look::When;
use super::pause::{Asked, Line, known};
use super::shown::Titles;
use super::{Desk, Frame, Shared, Site, Trouble, answer};
use crate::model::channel::PauseScope;
use crate::publish::actions::{self, Ahead, Hand, Release, Reopen, Resumed};
use crate::store::Conn;
use crate::store::post::PostRow;
use crate::telemetry::field;
use crate::web::Works;
use crate::web::form::Form;
use crate::web::said;
use crate::web::visitor::Visitor;

/// The most stale posts that are listed one by one.
const MOST: usize = 200;

/// The most posts of a channel whose times are shown.
const NEXT: usize = 8;

/// A post in a list.
struct Item {
    id: String,
    title: String,
    channel: String,
    at: When,
}

/// What lies ahead of a channel.
struct Row {
    name: String,
    /// What its place on the page is called.
    key: usize,
    counts: String,
    next: Vec<Item>,
    more: usize,
    still: Option<String>,
}

#[derive(Template)]
#[template(path = "web/resume.html")]
struct Page {
    frame: Frame,
    channel: Option<String>,
    ends: Vec<Line>,
    lifts: Option<String>,
    rows: Vec<Row>,
    stale: Vec<Item>,
    /// How many stale posts there are, listed or not.
    late: usize,
    back: String,
}

pub(in crate::web) async fn page(site: Shared, asked: Query<Asked>) -> Response {
    let desk = Desk::new(&site);
    let built = match asked.channel(&desk) {
        Ok(channel) => build(&site, &desk, channel, asked.back()).await,
        Err(trouble) => Err(trouble),
    };
    answer(&desk, built)
}

/// The pauses that end: of the newsroom as a whole, or all that concern a channel but that.
fn scopes(works: Option<&Works>, channel: Option<&str>) -> Vec<PauseScope> {
    let Some(name) = channel else { return vec![PauseScope::All] };
    let own = || vec![PauseScope::Channel(name.to_owned())];
    let Some(channel) = works.and_then(|works| works.channel(name)) else { return own() };
    // Without its secrets nobody can tell which shared pauses concern it; its own does in any case.
    let mut scopes = channel.credential().map_or_else(|_| own(), |credential| channel.scopes(&credential));
    scopes.retain(|scope| *scope != PauseScope::All);
    scopes
}

fn counts(ahead: &Ahead) -> String {
    let posts = |n: usize| if n == 1 { "1 post".to_owned() } else { format!("{n} posts") };
    let mut words = Vec::new();
    match ahead.due {
        0 => {}
        n => words.push(format!("{} due already", posts(n))),
    }
    match ahead.later {
        0 => {}
        n => words.push(format!("{} later", posts(n))),
    }
    match ahead.stale.len() {
        0 => {}
        n => words.push(format!("{} more than two hours late", posts(n))),
    }
    words.join(", ")
}

async fn items(
    conn: &mut Conn,
    desk: &Desk,
    titles: &mut Titles,
    rows: &[(PostRow, jiff::Timestamp)],
) -> Result<Vec<Item>, Trouble> {
    let posts: Vec<PostRow> = rows.iter().map(|(row, _)| row.clone()).collect();
    let shown = titles.show(conn, desk, &posts).await?;
    let item = |(shown, (_, at)): (super::shown::Shown, &(PostRow, jiff::Timestamp))| Item {
        id: shown.id,
        title: shown.title,
        channel: shown.channel,
        at: desk.when(*at),
    };
    Ok(shown.into_iter().zip(rows).map(item).collect())
}

async fn build(site: &Site, desk: &Desk, channel: Option<String>, back: String) -> Result<Page, Trouble> {
    let works = site.state.works.borrow().clone();
    let works = works.as_deref();
    let asked = actions::Asked {
        scopes: scopes(works, channel.as_deref()),
        channel,
        policies: works
            .into_iter()
            .flat_map(|it| &it.channels)
            .map(|it| (it.name.to_string(), it.policy.clone()))
            .collect(),
        zone: desk.view.zone.clone(),
        now: desk.now,
        scale: works.map_or(1.0, |works| works.house.scale),
    };
    let mut conn = site.state.store.read().await?;
    let foreseen = actions::foresee(&mut conn, &asked).await?;
    let mut titles = Titles::default();
    let mut rows = Vec::new();
    let mut stale: Vec<(PostRow, jiff::Timestamp)> = Vec::new();
    for (key, mut ahead) in foreseen.channels.into_iter().enumerate() {
        let counts = counts(&ahead);
        let more = (ahead.due + ahead.later).saturating_sub(ahead.next.len().min(NEXT));
        ahead.next.truncate(NEXT);
        let next = items(&mut conn, desk, &mut titles, &ahead.next).await?;
        stale.extend(ahead.stale.into_iter().map(|row| (row.clone(), row.post.due)));
        rows.push(Row { name: ahead.name, key, counts, next, more, still: ahead.still });
    }
    let late = stale.len();
    stale.truncate(MOST);
    let title = asked.channel.as_ref().map_or_else(|| "Resume everything".to_owned(), |name| format!("Resume {name}"));
    Ok(Page {
        frame: desk.frame(title, here(asked.channel.as_deref())),
        channel: asked.channel,
        ends: foreseen.ends.iter().map(|pause| Line::new(desk, pause)).collect(),
        lifts: foreseen.lifts.map(|block| super::look::sentence(&block.to_string())),
        rows,
        stale: items(&mut conn, desk, &mut titles, &stale).await?,
        late,
        back,
    })
}

fn here(channel: Option<&str>) -> String {
    let query = |name: &str| url::form_urlencoded::Serializer::new(String::new()).append_pair("channel", name).finish();
    channel.map_or_else(|| "/resume".to_owned(), |name| format!("/resume?{}", query(name)))
}

fn release(form: &Form) -> Result<Release, String> {
    match form.text("release") {
        // Who ticked some means them, or the other choice: not to be guessed.
        "" | "none" | "all" | "newest" if form.has("post") => {
            Err("Not resumed: late posts are ticked, but \u{201c}Just these\u{201d} is not chosen.".to_owned())
        }
        "" | "none" => Ok(Release::None),
        "all" => Ok(Release::All),
        "newest" => match form.text("newest").trim().parse() {
            Ok(n) if n > 0 => Ok(Release::Newest(n)),
            _ => Err("Not resumed: how many of the newest shall go out?".to_owned()),
        },
        "these" => match form.all("post") {
            ids if ids.is_empty() => Err("Not resumed: none of the late posts is ticked.".to_owned()),
            ids => Ok(Release::These(ids.into_iter().map(str::to_owned).collect())),
        },
        _ => Err("Not resumed: what shall become of the late posts?".to_owned()),
    }
}

fn words(what: &str, out: &Resumed) -> String {
    let mut said = Vec::new();
    match (out.ended.is_empty(), &out.unblocked) {
        (true, None) => said.push(format!("{what} was not paused.")),
        _ => said.push(format!("{what} is resumed.")),
    }
    match out.released.len() {
        0 => {}
        1 => said.push("1 late post goes out after all.".to_owned()),
        n => said.push(format!("{n} late posts go out after all.")),
    }
    match out.left {
        0 => {}
        1 => said.push("1 late post is held.".to_owned()),
        n => said.push(format!("{n} late posts are held.")),
    }
    said.extend(out.still.iter().map(|still| format!("But {still}.")));
    said.join(" ")
}

pub(in crate::web) async fn act(site: Shared, visitor: Visitor, form: Form) -> Response {
    let desk = Desk::new(&site);
    let works = site.state.works.borrow().clone();
    let Some(works) = works else { return said::not_here() };
    let channel = match known(&desk, form.text("channel")) {
        Ok(channel) => channel,
        Err(words) => return said::bad(form.back(), words),
    };
    let release = match release(&form) {
        Ok(release) => release,
        Err(words) => return said::bad(&here(channel.as_deref()), words),
    };
    let what = channel.as_ref().map_or_else(|| "Everything".to_owned(), |name| format!("Channel {name}"));
    let hand = Hand { name: visitor.name, now: desk.now };
    let wish = Reopen {
        scopes: scopes(Some(&works), channel.as_deref()),
        channel,
        release,
        new_account: false,
        scale: works.house.scale,
    };
    match actions::resume(&site.state.store, &hand, wish).await {
        Ok(out) => {
            works.wake();
            tracing::info!({ field::ACTOR } = %hand.name, "{what} is resumed from the desk");
            said::ok(form.back(), words(&what, &out))
        }
        Err(error) => said::refused(form.back(), &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_the_late_posts() {
        for (body, expected) in [
            ("", Ok(Release::None)),
            ("release=none", Ok(Release::None)),
            ("release=none&post=a", Err("are ticked")),
            ("release=all&post=a", Err("are ticked")),
            ("release=all", Ok(Release::All)),
            ("release=newest&newest=3", Ok(Release::Newest(3))),
            ("release=newest&newest=0", Err("how many")),
            ("release=these&post=a&post=b", Ok(Release::These(vec!["a".to_owned(), "b".to_owned()]))),
            ("release=these", Err("none of the late posts")),
            ("release=some", Err("what shall become")),
        ] {
            match (release(&Form::of(body.as_bytes())), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{body}"),
                (Err(words), Err(part)) => assert!(words.contains(part), "{body}: {words}"),
                (found, _) => panic!("{body}: {found:?}"),
            }
        }
    }

    #[test]
    fn what_came_of_it_is_said() {
        let out = Resumed { left: 2, still: vec!["channel x is blocked: no token".to_owned()], ..Resumed::default() };
        assert_eq!(
            words("Everything", &out),
            "Everything was not paused. 2 late posts are held. But channel x is blocked: no token."
        );
    }
}
