//! `/posts/ID/pictures/N` and `/timelines/NAME/POST/pictures/N`: the pictures of a post, made by the studio that makes
//! them for sending, so that what is seen here is what goes out. `N` counts from 0; `card` is the picture of the link's
//! card. Kept in memory for a while: a page asks for the same few again and again. No browser ever asks another host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;

use super::{Shared, Site};
use crate::card;
use crate::model::picture::{Fit, NoPicture, Origin, Picture};
use crate::platform::picture::Planned;
use crate::platform::{Payload, Studio as _, WallPost};
use crate::publish::identity_of;
use crate::publish::prepare::prepare;
use crate::store::{StoreError, article, channel, post, wall};
use crate::telemetry::field;
use crate::web::works::Works;

/// The most bytes of pictures that are kept. 32 MiB, ours: some 200 pictures, and half of what decoding one may take.
const KEPT: usize = 32 * 1024 * 1024;

/// How long a picture is kept. 10 min, ours: as long as somebody looks at a post.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// How long it is remembered that there is none. 30 s, ours: a server that is back shows soon, and no page that is loaded
/// again and again asks it each time.
const GONE: SignedDuration = SignedDuration::from_secs(30);

/// The most pictures that are made for the desk at once: 1, ours, of the two that the studio makes at a time: what is sent
/// must not wait behind what is looked at.
const AT_ONCE: usize = 1;

/// The longest side of a card's picture here, in pixels. Ours: twice what a page shows.
const CARD: Fit = Fit { bytes: 400_000, side: 1200, crop: None, longest: 3 };

/// A picture, or why there is none.
type Made = Result<Bytes, String>;

/// The pictures that are kept.
pub(in crate::web) struct Album {
    kept: Mutex<HashMap<String, (Timestamp, Made)>>,
    seats: Semaphore,
}

impl Default for Album {
    fn default() -> Self {
        Self { kept: Mutex::default(), seats: Semaphore::new(AT_ONCE) }
    }
}

impl Album {
    fn get(&self, key: &str, now: Timestamp) -> Option<Made> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|(at, made)| is_fresh(*at, made, now)).map(|(_, made)| made.clone())
    }

    fn keep(&self, key: String, made: Made, now: Timestamp) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (at, made)| is_fresh(*at, made, now));
        kept.insert(key, (now, made));
        let size = |(_, made): &(Timestamp, Made)| made.as_ref().map_or_else(String::len, Bytes::len);
        let mut total: usize = kept.values().map(size).sum();
        while total > KEPT {
            let oldest = kept.iter().min_by_key(|(_, (at, _))| *at).map(|(key, _)| key.clone());
            let Some(gone) = oldest.and_then(|key| kept.remove(&key)) else { break };
            total -= size(&gone);
        }
    }
}

fn is_fresh(at: Timestamp, made: &Made, now: Timestamp) -> bool {
    let age = now.duration_since(at);
    age < if made.is_ok() { FRESH } else { GONE }
}

/// What a post carries for the eye.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Carried {
    /// The pictures attached to it, in order.
    pub own: Vec<Picture>,
    /// The picture of its link's card, where it is sent.
    pub card: Option<Origin>,
}

impl Carried {
    /// Of a payload: by its upload steps, or of a timeline by what is kept there.
    pub fn of(payload: &Payload) -> Self {
        let mut carried = Self::default();
        for planned in payload.uploads().filter_map(|upload| Planned::read(&upload.body).ok()) {
            match planned {
                Planned::Attached(own) => carried.own.push(own),
                Planned::Thumb(origin) => carried.card = Some(origin),
            }
        }
        let walls = payload.creates().filter_map(|create| serde_json::from_str::<WallPost>(&create.body).ok());
        for wall in walls {
            let more = Self::on_wall(&wall);
            carried.own.extend(more.own);
            carried.card = carried.card.or(more.card);
        }
        carried
    }

    /// Of a post on a timeline.
    pub fn on_wall(wall: &WallPost) -> Self {
        let image = wall.card.as_ref().and_then(|card| card.image.clone());
        Self {
            own: wall.picture.iter().chain(&wall.further).cloned().collect(),
            card: image.map(|url| Origin::Photo { urls: vec![url] }),
        }
    }

    fn origin(&self, n: &str) -> Option<&Origin> {
        match n {
            "card" => self.card.as_ref(),
            n => self.own.get(n.parse::<usize>().ok()?).map(|picture| &picture.origin),
        }
    }
}

/// Why there is no picture to answer with.
enum Not {
    Found,
    /// Another process publishes: this one makes no pictures.
    Here,
    Store(StoreError),
}

impl From<StoreError> for Not {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// `/posts/{id}/pictures/{n}`.
pub(in crate::web) async fn of_post(site: Shared, at: Result<Path<(String, String)>, PathRejection>) -> Response {
    let Ok(Path((id, n))) = at else { return answer(Err(Not::Found)) };
    answer(post_picture(&site, &id, &n).await)
}

/// `/timelines/{name}/{post}/pictures/{n}`.
pub(in crate::web) async fn of_wall(
    site: Shared,
    at: Result<Path<(String, String, String)>, PathRejection>,
) -> Response {
    let Ok(Path((name, id, n))) = at else { return answer(Err(Not::Found)) };
    answer(wall_picture(&site, &name, &id, &n).await)
}

async fn post_picture(site: &Arc<Site>, id: &str, n: &str) -> Result<Made, Not> {
    let works = site.state.works.borrow().clone().ok_or(Not::Here)?;
    let now = site.state.clock.now();
    let mut conn = site.state.store.read().await?;
    let row = post::one(&mut conn, id).await?.ok_or(Not::Found)?;
    let story = article::one(&mut conn, row.post.article.as_str()).await?.map(|(article, _)| article);
    let known = channel::one(&mut conn, row.post.channel.as_str()).await?;
    drop(conn);
    let place = works.channel(row.post.channel.as_str());
    let frozen = row.payload.as_deref().and_then(|text| serde_json::from_str::<Payload>(text).ok());
    let mut carried = match (&frozen, place, &story) {
        (Some(payload), _, _) => Carried::of(payload),
        (None, Some(channel), Some(article)) => {
            let identity = known.and_then(|row| identity_of(row.identity.as_deref()));
            let setting = works.place(channel).setting;
            let made = prepare(setting, channel, identity.as_ref(), article, &row.post, row.revision, now);
            made.map_or_else(|_| Carried::default(), |prepared| Carried::of(&prepared.payload))
        }
        _ => Carried::default(),
    };
    if carried.card.is_none() {
        // Where the platform builds the card, its picture is the page's: the article's stands for it here.
        let image = story.as_ref().and_then(|article| card::best(&article.entry).first().map(|it| it.url.clone()));
        carried.card = image.map(|url| Origin::Photo { urls: vec![url] });
    }
    let origin = carried.origin(n).cloned().ok_or(Not::Found)?;
    let fit = place.filter(|_| n != "card").map_or(CARD, |channel| channel.account.media().fit());
    Ok(made(site, &works, origin, fit, now).await)
}

async fn wall_picture(site: &Arc<Site>, name: &str, id: &str, n: &str) -> Result<Made, Not> {
    let works = site.state.works.borrow().clone().ok_or(Not::Here)?;
    let mut conn = site.state.store.read().await?;
    let row = wall::one(&mut conn, name, id).await?.ok_or(Not::Found)?;
    drop(conn);
    let wall: WallPost = serde_json::from_str(&row.post).map_err(|e| StoreError::Corrupt {
        table: "wall",
        column: "post",
        id: row.id.clone(),
        said: e.to_string(),
    })?;
    let origin = Carried::on_wall(&wall).origin(n).cloned().ok_or(Not::Found)?;
    let place = works.channel(name).filter(|_| n != "card");
    let fit = place.map_or(CARD, |channel| channel.account.media().fit());
    Ok(made(site, &works, origin, fit, site.state.clock.now()).await)
}

/// The picture, from memory or from the studio.
async fn made(site: &Arc<Site>, works: &Arc<Works>, origin: Origin, fit: Fit, now: Timestamp) -> Made {
    let key = serde_json::to_string(&origin).unwrap_or_default() + &format!("{fit:?}");
    if let Some(known) = site.album.get(&key, now) {
        return known;
    }
    // Whoever asked may be gone before it is there: it is made all the same, and the next who asks has it.
    let (site, works) = (Arc::clone(site), Arc::clone(works));
    let making = tokio::spawn(async move {
        let seat = site.album.seats.acquire().await;
        if let Some(known) = site.album.get(&key, now) {
            return known;
        }
        // What a platform would refuse by its rules is shown as it is: the rules of no pictures have no room for one.
        let fit = if fit.bytes == 0 { CARD } else { fit };
        let made = match works.house.studio.make(&origin, &fit).await {
            Ok(jpeg) => Ok(Bytes::from(jpeg.bytes)),
            Err(NoPicture::Later(why) | NoPicture::Never(why)) => Err(why),
        };
        site.album.keep(key, made.clone(), site.state.clock.now());
        drop(seat);
        made
    });
    making.await.unwrap_or_else(|e| Err(format!("the picture came to grief: {e}")))
}

/// What stands where a picture cannot be had: browsers show it whatever the status is.
#[derive(Template)]
#[template(path = "web/no-picture.svg")]
struct NoneThere<'a> {
    why: &'a str,
}

fn answer(found: Result<Made, Not>) -> Response {
    let (status, why) = match found {
        Ok(Ok(jpeg)) => return ([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response(),
        Ok(Err(why)) => {
            tracing::info!({ field::ERROR } = %why, "a picture for the desk cannot be had");
            (StatusCode::BAD_GATEWAY, "It cannot be had just now.")
        }
        Err(Not::Found) => (StatusCode::NOT_FOUND, "There is none."),
        Err(Not::Here) => (StatusCode::SERVICE_UNAVAILABLE, "Another process publishes and makes pictures."),
        Err(Not::Store(error)) => {
            tracing::warn!({ field::ERROR } = %error, "a picture could not be looked up");
            (StatusCode::SERVICE_UNAVAILABLE, "The store does not answer.")
        }
    };
    let drawn = NoneThere { why }.render().unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "image/svg+xml")], drawn).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{Card, Planned as Step};

    fn origin(text: &str) -> Origin {
        Origin::Photo { urls: vec![text.parse().unwrap()] }
    }

    fn payload(steps: Vec<Step>) -> Payload {
        Payload { format: 1, revision: 0, key: String::new(), steps, text: String::new(), link: None }
    }

    #[test]
    fn what_a_post_carries_is_read_from_its_steps_or_from_the_wall() {
        use crate::model::receipt::{Op, Step as Name};
        let own = Picture { origin: origin("https://e.example/own.jpg"), alt: "A".to_owned() };
        let step = |op, n, body: String| Step { step: Name { op, n }, body };
        let sent = payload(vec![
            step(Op::Upload, 0, serde_json::to_string(&own).unwrap()),
            step(Op::Upload, 1, "https://e.example/card.jpg".to_owned()),
            step(Op::Upload, 2, "no address".to_owned()),
            step(Op::Create, 0, "{\"text\":\"t\"}".to_owned()),
        ]);
        let carried = Carried::of(&sent);
        assert_eq!(carried, Carried { own: vec![own.clone()], card: Some(origin("https://e.example/card.jpg")) });
        assert_eq!(carried.origin("0"), Some(&own.origin));
        assert_eq!(carried.origin("card"), carried.card.as_ref());
        for none in ["1", "-1", "", "x", "0x", "18446744073709551616"] {
            assert_eq!(carried.origin(none), None, "{none}");
        }
        let wall = WallPost {
            text: "t".to_owned(),
            link: None,
            card: Some(Card {
                url: "https://e.example/".parse().unwrap(),
                title: String::new(),
                description: String::new(),
                image: Some("https://e.example/c.jpg".parse().unwrap()),
            }),
            picture: Some(own.clone()),
            further: vec![own.clone()],
            language: None,
            length: 1,
            limit: 2,
            part: None,
        };
        let kept = payload(vec![step(Op::Create, 0, serde_json::to_string(&wall).unwrap())]);
        let both = Carried { own: vec![own.clone(), own], card: Some(origin("https://e.example/c.jpg")) };
        assert_eq!(Carried::of(&kept), both);
    }

    #[test]
    fn the_album_keeps_what_is_fresh_and_never_more_than_it_may() {
        let album = Album::default();
        let start: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let after = |seconds| start + SignedDuration::from_secs(seconds);
        album.keep("a".to_owned(), Ok(Bytes::from_static(b"a")), start);
        album.keep("no".to_owned(), Err("gone".to_owned()), start);
        assert!(album.get("a", after(599)).is_some() && album.get("a", after(600)).is_none());
        assert!(album.get("no", after(29)).is_some() && album.get("no", after(30)).is_none());
        let big = Bytes::from(vec![0; KEPT / 2]);
        for n in 0..4 {
            album.keep(format!("big {n}"), Ok(big.clone()), after(n));
        }
        let left: Vec<bool> = (0..4).map(|n| album.get(&format!("big {n}"), after(4)).is_some()).collect();
        assert_eq!(left, [false, false, true, true], "the oldest leave first");
        assert!(album.get("a", after(4)).is_none());
    }
}
