//! `/new`: a post by hand, or of an article by its address, to several channels: first what and where, then each channel's
//! preview to write at, then it is sent, scheduled or held. Nothing is stored before the last step; what was read of an
//! article's page travels in the form.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::post::edit::counted;
use super::post::sight::{self, address};
use super::post::writing::{self, Filled, Writing, alt, count, digest, options};
use super::preview::{Preview, Whose};
use super::shown::platform_name;
use super::{Desk, Frame, Shared, Site, Trouble, answer, html, look};
use crate::http::Trust;
use crate::model::article::{Article, Entry};
use crate::model::id::{ArticleId, PostId};
use crate::model::picture::Chosen;
use crate::model::post::{Actor, Approval, Occasion, Post, PostState, Urgency};
use crate::platform::Identity;
use crate::publish::actions::{self, ByHand, Hand, Place, Sight, Start, UNDO};
use crate::publish::prepare::prepare;
use crate::publish::{Channel, identity_of};
use crate::source::page::visit::Outcome;
use crate::source::page::{Rule, merge};
use crate::store::{StoreError, article, channel};
use crate::text::plain::line;
use crate::text::thread;
use crate::timetable::civil;
use crate::web::form::Form;
use crate::web::said;
use crate::web::visitor::Visitor;
use crate::web::works::Works;

/// How long an article's page may take to be read while a person waits. 8 s, ours: within the time of an answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// The first step: what and where.
#[derive(Template)]
#[template(path = "web/new.html")]
struct New {
    frame: Frame,
    channels: Vec<Tick>,
    url: String,
    article: String,
    title: String,
    text: String,
    error: Option<String>,
    closed: bool,
}

/// A channel that can be ticked.
struct Tick {
    name: String,
    platform: String,
    like: Option<String>,
    ticked: bool,
}

/// The second step: each channel's post, to be looked at and written at.
#[derive(Template)]
#[template(path = "web/draft.html")]
struct Draft {
    frame: Frame,
    story: Story,
    posts: Vec<Drafted>,
    error: Option<String>,
    at_field: String,
    zone_note: String,
    breaking: bool,
    again: bool,
}

/// What the post is of, as it travels in the form.
struct Story {
    /// The article's id, where the store knows it.
    article: String,
    /// What was read of its page, as JSON, where it does not.
    entry: String,
    /// The id that it will have then: the same form sent twice makes one story, not two.
    draft: String,
    title: String,
    lang: Option<String>,
    out: Option<look::Out>,
    /// What a person should know of it.
    note: Option<String>,
}

/// One channel's post of a draft.
struct Drafted {
    channel: String,
    platform: String,
    like: Option<String>,
    seen: Option<Preview>,
    unfit: Option<String>,
    writing: Writing,
}

fn works(site: &Site) -> Option<Arc<Works>> {
    site.state.works.borrow().clone()
}

/// `GET /new`: the first step, with what its address says filled in (`url`, `article`, `text`, `to`).
pub(in crate::web) async fn page(site: Shared, RawQuery(query): RawQuery) -> Response {
    let desk = Desk::new(&site);
    let form = Form::of(query.unwrap_or_default().as_bytes());
    let built = first(&site, &desk, &form, None).await;
    answer(&desk, built)
}

async fn first(site: &Site, desk: &Desk, form: &Form, error: Option<String>) -> Result<New, Trouble> {
    let works = works(site);
    let mut conn = site.state.store.read().await?;
    let known = article::one(&mut conn, form.text("article")).await?.map(|(article, _)| article);
    let to = form.all("to");
    let channels = works.iter().flat_map(|works| &works.channels).map(|channel| Tick {
        name: channel.name.to_string(),
        platform: channel.account.spec().name.to_owned(),
        like: channel.account.like().map(platform_name),
        ticked: to.contains(&channel.name.as_str()),
    });
    Ok(New {
        frame: desk.frame("New post", "/new"),
        channels: channels.collect(),
        url: form.text("url").to_owned(),
        article: known.as_ref().map(|known| known.id.to_string()).unwrap_or_default(),
        title: known.map(|known| known.entry.title).unwrap_or_default(),
        text: form.text("text").to_owned(),
        error,
        closed: works.is_none(),
    })
}

async fn once_more(site: &Site, desk: &Desk, form: &Form, error: String) -> Response {
    match first(site, desk, form, Some(error)).await {
        Ok(page) => html(StatusCode::UNPROCESSABLE_ENTITY, &page),
        Err(trouble) => answer::<New>(desk, Err(trouble)),
    }
}

/// The channels that were ticked, in the order of the config.
fn chosen<'a>(works: &'a Works, form: &Form) -> Vec<&'a Channel> {
    let to = form.all("to");
    works.channels.iter().filter(|channel| to.contains(&channel.name.as_str())).collect()
}

/// `POST /new/preview`: the second step. Reads the article's page, where the story is not known.
pub(in crate::web) async fn preview(site: Shared, form: Form) -> Response {
    let desk = Desk::new(&site);
    let Some(works) = works(&site) else { return said::not_here() };
    let channels = chosen(&works, &form);
    if channels.is_empty() {
        return once_more(&site, &desk, &form, "Choose at least one channel.".to_owned()).await;
    }
    let url = match address(form.text("url")) {
        Ok(url) => url,
        Err(words) => return once_more(&site, &desk, &form, words).await,
    };
    let text = actions::plain(form.text("text")).ok();
    let found = match find(&site, &works, form.text("article"), url.as_ref(), desk.now).await {
        Ok(found) => found,
        Err(error) => return answer::<New>(&desk, Err(error.into())),
    };
    let (article, note) = match (found, &text, &url) {
        (Some(found), ..) => found,
        (None, Some(text), _) => (own(&works, text, desk.now), None),
        (None, None, _) => {
            let words = "Write a text, or give the address of an article.".to_owned();
            return once_more(&site, &desk, &form, words).await;
        }
    };
    // Of an article without a headline there is nothing but its link.
    let bare = text.clone().or_else(|| {
        let link = article.entry.link.as_ref().map(Url::to_string);
        link.filter(|_| article.entry.title.is_empty())
    });
    let typed = |_: &Channel| Filled { text: bare.clone(), picture: None };
    let draft = Drafting { works: &works, article: &article, note, form: &form };
    match draft.page(&site, &desk, &channels, &typed, None).await {
        Ok(page) => html(StatusCode::OK, &page),
        Err(trouble) => answer::<Draft>(&desk, Err(trouble)),
    }
}

/// The article that is meant: by its id, else by its address, else what its page says. With what a person should know.
async fn find(
    site: &Site,
    works: &Works,
    id: &str,
    url: Option<&Url>,
    now: Timestamp,
) -> Result<Option<(Article, Option<String>)>, StoreError> {
    let mut conn = site.state.store.read().await?;
    if let Some((article, _)) = article::one(&mut conn, id).await? {
        return Ok(Some((article, None)));
    }
    let Some(url) = url else { return Ok(None) };
    if let Some(article) = actions::by_link(&mut conn, url).await? {
        return Ok(Some((article, None)));
    }
    drop(conn);
    let house = &works.house;
    let mut entry = Entry { link: Some(url.clone()), ..Entry::default() };
    let read = works.gather.pages.read(&house.http, &works.gather.robots, url, Trust::Content, &house.zone);
    let note = match tokio::time::timeout(PATIENCE, read).await {
        Ok(Outcome::Read(read)) => {
            merge::merge(&mut entry, &read.facts, Some(&read.at), Rule { source: Some(url), hosts: &[] });
            entry.title.is_empty().then(|| "Its page has no headline: the post is its bare link.".to_owned())
        }
        Ok(Outcome::Later { said, .. } | Outcome::Never { said }) => {
            Some(format!("Its page cannot be read ({said}): the post is its bare link."))
        }
        Err(_) => Some("Its page takes too long to answer: the post is its bare link.".to_owned()),
    };
    entry.language = entry.language.or_else(|| house.language.clone());
    // The page may name another address as its own, under which the story is known.
    if let Some(link) = &entry.link {
        let mut conn = site.state.store.read().await?;
        if let Some(article) = actions::by_link(&mut conn, link).await? {
            return Ok(Some((article, None)));
        }
    }
    Ok(Some((actions::own_article(entry, now), note)))
}

/// A story of the text's own.
fn own(works: &Works, text: &str, now: Timestamp) -> Article {
    let title = line(text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default());
    let entry =
        Entry { title, link: actions::link_in(text), language: works.house.language.clone(), ..Entry::default() };
    actions::own_article(entry, now)
}

/// A draft being made: what it is of, and what the form says.
struct Drafting<'a> {
    works: &'a Works,
    article: &'a Article,
    note: Option<String>,
    form: &'a Form,
}

impl Drafting<'_> {
    /// The post as it would be made on that channel.
    fn post(&self, channel: &Channel, filled: &Filled, now: Timestamp) -> Post {
        let id = PostId::new("draft");
        let approval = Approval { by: Actor::Bugle, at: now, payload: None };
        Post {
            occasion: Occasion::ByHand(id.as_str().to_owned()),
            id,
            channel: channel.name.clone(),
            article: self.article.id.clone(),
            route: 0,
            template: self.works.template(&channel.name).to_owned(),
            urgency: Urgency::Normal,
            created: now,
            expires: None,
            due: now,
            attempts: 0,
            text: filled.text.as_deref().and_then(|text| actions::plain(text).ok()),
            picture: filled.picture.clone().unwrap_or_default(),
            state: PostState::Scheduled { approval, retry: None },
        }
    }

    async fn page(
        self,
        site: &Site,
        desk: &Desk,
        channels: &[&Channel],
        typed: &(dyn Fn(&Channel) -> Filled + Sync),
        error: Option<String>,
    ) -> Result<Draft, Trouble> {
        let mut conn = site.state.store.read().await?;
        let mut posts = Vec::with_capacity(channels.len());
        for channel in channels {
            let stored = channel::one(&mut conn, channel.name.as_str()).await?;
            let identity = stored.and_then(|stored| identity_of(stored.identity.as_deref()));
            posts.push(self.drafted(channel, identity.as_ref(), &typed(channel), desk.now));
        }
        let known = article::one(&mut conn, self.article.id.as_str()).await?.is_some();
        let entry = &self.article.entry;
        Ok(Draft {
            frame: desk.frame("New post", "/new"),
            story: Story {
                article: if known { self.article.id.to_string() } else { String::new() },
                entry: if known { String::new() } else { travelling(entry) },
                draft: if known { String::new() } else { self.article.id.to_string() },
                title: entry.title.clone(),
                lang: entry.language.clone(),
                out: entry.link.as_ref().and_then(look::Out::new),
                note: self.note,
            },
            posts,
            error,
            at_field: match self.form.text("at") {
                "" => civil::field(desk.now + SignedDuration::from_hours(1), &desk.view.zone),
                at => at.to_owned(),
            },
            zone_note: desk.view.zone.iana_name().unwrap_or("UTC").to_owned(),
            breaking: self.form.has("breaking"),
            again: self.form.has("again"),
        })
    }

    fn drafted(&self, channel: &Channel, identity: Option<&Identity>, filled: &Filled, now: Timestamp) -> Drafted {
        let place = self.works.place(channel);
        let article = Some(self.article);
        let post = self.post(channel, filled, now);
        let made = |post: &Post| {
            let made = prepare(place.setting, channel, identity, self.article, post, 0, now);
            made.map_or_else(Sight::Unfit, |made| Sight::Composed(Box::new(made)))
        };
        let sight = made(&post);
        // What the template makes of it is what a text is held against.
        let usual = match &made(&Post { text: None, ..post.clone() }) {
            Sight::Composed(made) => thread::join(made.composed.parts().map(|part| part.as_str())),
            _ => String::new(),
        };
        let text = filled.text.clone().unwrap_or_else(|| usual.clone());
        let media = channel.account.media();
        let plain = Post { picture: Chosen::default(), ..post.clone() };
        let counted = Post { text: Some(actions::plain(&text).unwrap_or_default()), ..post.clone() };
        let spec = channel.account.spec();
        // What a timeline says of itself is no account.
        let known = identity.filter(|_| channel.account.like().is_none());
        let handle = known.map(|it| it.handle.as_str()).filter(|it| !it.is_empty());
        let whose = Whose {
            like: channel.account.like().unwrap_or(spec.id),
            newsroom: &self.works.house.newsroom,
            handle: handle.unwrap_or(channel.name.as_str()),
        };
        Drafted {
            channel: channel.name.to_string(),
            platform: channel.account.spec().name.to_owned(),
            like: channel.account.like().map(platform_name),
            unfit: match &sight {
                Sight::Unfit(why) => Some(look::sentence(why)),
                _ => None,
            },
            seen: sight::seen(&place, identity, article, (&sight, &post), None)
                .map(|seen| seen.preview(whose, self.article.entry.language.as_deref())),
            writing: Writing {
                key: format!(".{}", channel.name),
                channel: channel.name.to_string(),
                text_was: digest(&usual),
                counter: count(&place, identity, article, &counted, 0, now),
                measure: "/new/measure".to_owned(),
                options: options(&place, article, &post),
                alt: alt(&place, article, &post),
                alt_was: digest(&alt(&place, article, &plain)),
                alt_most: if media.max == 0 { 0 } else { media.alt },
                own: false,
                text,
            },
        }
    }
}

/// What of an article travels in a form: all that a post is made of, not its whole text.
fn travelling(entry: &Entry) -> String {
    crate::store::to_json(&Entry { content: None, ..entry.clone() })
}

/// The story that the form of the second step is about. What comes back is a person's word, as if they had written it.
async fn story(site: &Site, form: &Form, now: Timestamp) -> Result<Article, Trouble> {
    let gone = || Trouble::Nothing("What this post was of is gone meanwhile: begin a new one.".to_owned());
    let mut conn = site.state.store.read().await?;
    for id in ["article", "draft"] {
        if let Some((article, _)) = article::one(&mut conn, form.text(id)).await? {
            return Ok(article);
        }
    }
    let entry: Entry = serde_json::from_str(form.text("entry")).map_err(|_| gone())?;
    let is_web = |url: &Url| matches!(url.scheme(), "http" | "https");
    let images = entry.image.iter().chain(&entry.pictures).map(|image| &image.url);
    if !entry.link.iter().chain(images).all(is_web) {
        return Err(gone());
    }
    // Standing and embargo are a source's to say, of stories that it brought.
    let entry = Entry { standing: Default::default(), embargo: None, title: line(&entry.title), ..entry };
    let draft = uuid::Uuid::parse_str(form.text("draft")).ok();
    let own = actions::own_article(entry, now);
    Ok(Article { id: draft.map_or(own.id, |id| ArticleId::new(id.hyphenated().to_string())), ..own })
}

/// `POST /new`: makes the posts, or shows the draft again (`do=look`).
pub(in crate::web) async fn make(site: Shared, visitor: Visitor, form: Form) -> Response {
    let desk = Desk::new(&site);
    let Some(works) = works(&site) else { return said::not_here() };
    match made(&site, &desk, &works, &visitor, &form).await {
        Ok(answer) => answer,
        Err(trouble) => answer::<Draft>(&desk, Err(trouble)),
    }
}

async fn made(site: &Site, desk: &Desk, works: &Works, visitor: &Visitor, form: &Form) -> Result<Response, Trouble> {
    let channels = chosen(works, form);
    if channels.is_empty() {
        return Ok(once_more(site, desk, form, "Choose at least one channel.".to_owned()).await);
    }
    let article = story(site, form, desk.now).await?;
    let (mut all, mut fault) = (Vec::new(), None);
    for channel in &channels {
        let filled = writing::filled(form, &format!(".{}", channel.name), &Chosen::default(), Some(&article));
        all.push((
            channel.name.clone(),
            filled.unwrap_or_else(|words| {
                fault.get_or_insert(words);
                Filled { text: Some(form.text(&format!("text.{}", channel.name)).to_owned()), picture: None }
            }),
        ));
    }
    let typed = |channel: &Channel| {
        all.iter().find(|(name, _)| *name == channel.name).map(|(_, filled)| filled.clone()).unwrap_or_default()
    };
    let draft = |note| Drafting { works, article: &article, note, form };
    let (start, remark) = match (form.text("do"), fault) {
        (_, Some(words)) => (Err(Some(words)), None),
        ("send", _) => (Ok(Start::Soon), None),
        ("queue", _) => (Ok(Start::Queued), None),
        ("hold", _) => (Ok(Start::Held), None),
        ("schedule", _) => match civil::meant(form.text("at"), form.has("second"), &desk.view.zone) {
            Ok(meant) if meant.at <= desk.now => (Err(Some("Not scheduled: that time is over.".to_owned())), None),
            Ok(meant) => (Ok(Start::At(meant.at)), meant.remark),
            Err(words) => (Err(Some(format!("Not scheduled. {words}"))), None),
        },
        _ => (Err(None), None),
    };
    let start = match start {
        Ok(start) => start,
        Err(error) => {
            let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
            return Ok(html(status, &draft(None).page(site, desk, &channels, &typed, error).await?));
        }
    };
    let wishes: Vec<(Place<'_>, ByHand)> = channels
        .iter()
        .map(|channel| {
            let filled = typed(channel);
            let wish = ByHand {
                article: article.clone(),
                text: filled.text,
                picture: filled.picture.unwrap_or_default(),
                template: works.template(&channel.name).to_owned(),
                urgency: if form.has("breaking") { Urgency::Breaking } else { Urgency::Normal },
                again: form.has("again"),
                start,
            };
            (works.place(channel), wish)
        })
        .collect();
    let hand = Hand { name: visitor.name.clone(), now: desk.now };
    match actions::all_by_hand(&site.state.store, &hand, wishes).await {
        Ok(rows) => {
            works.wake();
            let Some(first) = rows.first() else { return Ok(said::bad("/new", "Nothing was made.")) };
            let several = rows.len() > 1;
            let back = if several { "/".to_owned() } else { look::path("/posts", first.id()) };
            let what = if several { format!("{} posts", rows.len()) } else { "The post".to_owned() };
            let s = if several { "" } else { "s" };
            let when = desk.when(first.post.due).short;
            let remark = remark.map(|remark| format!(" {remark}")).unwrap_or_default();
            Ok(match start {
                Start::Soon => {
                    let words =
                        format!("{what} go{} out in {} seconds.", if several { "" } else { "es" }, UNDO.as_secs());
                    said::undoable(&back, words, first.id())
                }
                Start::Queued => said::ok(&back, format!("{what} wait{s} in the queue.")),
                Start::Held => said::ok(&back, format!("{what} wait{s} for somebody to approve.")),
                Start::At(_) => said::ok(&back, format!("{what} wait{s} until {when}.{remark}")),
            })
        }
        Err(StoreError::Conflict(words)) => {
            // The terminal's way out is this page's box.
            let words = words.replace("--again makes another", "tick “also where the story has a post already”");
            let error = Some(format!("Nothing was made: {words}."));
            let page = draft(None).page(site, desk, &channels, &typed, error).await?;
            Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /new/measure`: what a text counts on the channel `to`, by the measure of composing. Stores nothing.
pub(in crate::web) async fn measure(site: Shared, headers: HeaderMap, form: Form) -> Response {
    let desk = Desk::new(&site);
    let Some(works) = works(&site) else { return said::not_here() };
    let name = form.text("channel").to_owned();
    let Some(channel) = works.channel(&name) else { return said::not_here() };
    let found = async {
        let article = story(&site, &form, desk.now).await?;
        let mut conn = site.state.store.read().await?;
        let stored = channel::one(&mut conn, &name).await?;
        Ok::<_, Trouble>((article, stored.and_then(|stored| identity_of(stored.identity.as_deref()))))
    };
    let (article, identity) = match found.await {
        Ok(found) => found,
        Err(trouble) => return answer::<Draft>(&desk, Err(trouble)),
    };
    let key = format!(".{name}");
    let filled = writing::filled(&form, &key, &Chosen::default(), Some(&article)).unwrap_or_default();
    let draft = Drafting { works: &works, article: &article, note: None, form: &form };
    let mut post = draft.post(channel, &filled, desk.now);
    post.text = Some(actions::plain(form.text(&format!("text{key}"))).unwrap_or_default());
    let place = works.place(channel);
    counted(count(&place, identity.as_ref(), Some(&article), &post, 0, desk.now), &headers)
}
