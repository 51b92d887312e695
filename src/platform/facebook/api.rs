//! The endpoints of a Page, one function each, and the look-up.

use serde_json::{Value, json};

use super::super::graph::seek::{Mark, Own, Verdict, judge};
use super::super::graph::{Fault, borrowed, id_of, instant, pairs, segment, untold};
use super::{Hand, ONLY, SCRAPE, SPEC, UNREAD, classify, error, reference, wire};
use crate::model::post::Rejection;
use crate::model::receipt::{Known, Op, Receipt};
use crate::platform::picture::{self, Form, WITHOUT};
use crate::platform::{Journal, Lookup, PauseScopeKind, Payload, PublishError, Sought};

/// What is read of a listed post. Source: published_posts edge, SDK specs of 2026-04-15.
const FIELDS: &str = "id,message,created_time,permalink_url,application,attachments{unshimmed_url,url,title}";
/// Posts of one page of the list, and pages that are read: more than a Page posts in a day.
const PAGE: (&str, usize) = ("100", 5);

impl Hand<'_> {
    /// Uploads the pictures, has the link read, and posts.
    pub(super) async fn send(&self, payload: &Payload, journal: &mut Journal<'_>) -> Result<Value, PublishError> {
        let cx = self.wire.cx;
        let planned = payload.planned(ONLY).ok_or_else(|| PublishError::Rejected {
            reason: Rejection::Invalid,
            said: "expected a create step in the payload, found none".to_owned(),
        })?;
        let media_deadline = wire::scaled(cx, SPEC.media_deadline);
        let mut photos = Vec::new();
        for upload in payload.steps.iter().filter(|it| it.step.op == Op::Upload && it.step.n < SCRAPE.n) {
            let send = || self.photo(&upload.body);
            let value = journal.step(upload.step, upload.body.as_bytes(), media_deadline, send).await?;
            photos.extend(id_of(&value["id"]));
        }
        let deadline = wire::scaled(cx, SPEC.deadline);
        if let Some(scrape) = payload.planned(SCRAPE) {
            journal.step(SCRAPE, scrape.body.as_bytes(), deadline, || self.scrape(&scrape.body)).await?;
        }
        let body: Value = serde_json::from_str(&planned.body).unwrap_or(Value::Null);
        let bare = pairs(&body)?;
        let form = with_photos(&bare, &photos);
        let bare = (!photos.is_empty()).then_some(bare);
        let request = format!("{}\n{}", planned.body, photos.join(","));
        let unread = std::sync::atomic::AtomicBool::new(false);
        let send = || self.feed(&form, bare.as_deref(), &unread);
        match journal.step(ONLY, request.as_bytes(), deadline, send).await {
            Err(error) if unread.load(std::sync::atomic::Ordering::Relaxed) => Err(self.unread(error, journal).await?),
            other => other,
        }
    }

    /// Facebook could not read the link: certainly not posted. Twice it is tried again later, then it is given up.
    async fn unread(&self, error: PublishError, journal: &mut Journal<'_>) -> Result<PublishError, PublishError> {
        let (cx, said) = (self.wire.cx, error.to_string());
        for (note, wait) in UNREAD {
            if journal.done(note).is_some() {
                continue;
            }
            let keep = said.clone();
            let deadline = wire::scaled(cx, SPEC.deadline);
            journal.step(note, said.as_bytes(), deadline, || async move { Ok(json!({ "said": keep })) }).await?;
            let until = cx.clock.now().checked_add(wire::scaled(cx, wait)).ok();
            return Ok(PublishError::RateLimited { until, scope: PauseScopeKind::Channel, said });
        }
        Ok(PublishError::Rejected { reason: Rejection::Content, said })
    }

    /// Uploads a picture that nobody sees yet. The value is its id.
    async fn photo(&self, body: &str) -> Result<Value, PublishError> {
        let cx = self.wire.cx;
        let deadline = wire::scaled(cx, SPEC.media_deadline);
        picture::upload(cx, body, SPEC.media.fit(), deadline, |jpeg, planned| async move {
            let mut form = Form::new(&jpeg.bytes).field("published", "false");
            if let Some(alt) = planned.alt().filter(|alt| !alt.is_empty()) {
                form = form.field("alt_text_custom", alt);
            }
            let (kind, bytes) = form.jpeg("source", &jpeg.bytes).finish();
            let path = format!("/{}/photos", segment(&self.page));
            let answer =
                self.slow().send(&path, &kind, bytes).await?.map_err(|fault| self.class(&fault, Op::Upload))?;
            match id_of(&answer["id"]) {
                Some(id) => Ok(json!({ "id": id })),
                None => Err(PublishError::Unknown { said: "expected a photo with an id, found something else".into() }),
            }
        })
        .await
    }

    /// The same way with the patience that a picture needs.
    fn slow(&self) -> super::Wire<'_> {
        super::Wire {
            cx: self.wire.cx,
            server: self.wire.server,
            prefix: self.wire.prefix.clone(),
            token: self.wire.token.clone(),
            proof: self.wire.proof.clone(),
            deadline: wire::scaled(self.wire.cx, SPEC.media_deadline),
        }
    }

    /// Has Facebook read the article's page. What it says of it stops nothing: the post itself decides.
    async fn scrape(&self, link: &str) -> Result<Value, PublishError> {
        match self.wire.post("/", &[("id", link), ("scrape", "true")]).await {
            Ok(Ok(_)) => Ok(json!({"read": true})),
            Ok(Err(fault)) => match self.class(&fault, Op::Upload) {
                error @ (PublishError::RateLimited { .. } | PublishError::Auth { .. }) if !error::is_unread(&fault) => {
                    Err(error)
                }
                other => Ok(json!({"read": false, "said": other.to_string()})),
            },
            Err(error @ PublishError::NotSent { .. }) => Err(error),
            Err(other) => Ok(json!({"read": false, "said": other.to_string()})),
        }
    }

    /// Posts; `bare`: without its photos, where these are refused, so that nothing was posted.
    async fn feed(
        &self,
        form: &[(String, String)],
        bare: Option<&[(String, String)]>,
        unread: &std::sync::atomic::AtomicBool,
    ) -> Result<Value, PublishError> {
        match (self.feed_once(form, unread).await, bare) {
            (Err(PublishError::Rejected { reason: Rejection::Media, said }), Some(bare)) => {
                let mut value = self.feed_once(bare, unread).await?;
                value[WITHOUT] = json!(said);
                Ok(value)
            }
            (answer, _) => answer,
        }
    }

    async fn feed_once(
        &self,
        form: &[(String, String)],
        unread: &std::sync::atomic::AtomicBool,
    ) -> Result<Value, PublishError> {
        let path = format!("/{}/feed", segment(&self.page));
        let mut form = borrowed(form);
        // Read after write: one answer gives the id and the address.
        form.push(("fields", "id,permalink_url,created_time"));
        match self.wire.post(&path, &form).await? {
            Ok(post) => reference(&post),
            Err(fault) => {
                unread.store(error::is_unread(&fault), std::sync::atomic::Ordering::Relaxed);
                Err(self.class(&fault, Op::Create))
            }
        }
    }

    /// Changes the text. The link of a post cannot be changed.
    pub(super) async fn edit(&self, id: &str, body: &str) -> Result<Value, PublishError> {
        let body: Value = serde_json::from_str(body).unwrap_or(Value::Null);
        let message = body["message"].as_str().unwrap_or_default();
        let path = format!("/{}", segment(id));
        let answer = self.wire.post(&path, &[("message", message)]).await?;
        let answer = answer.map_err(|fault| self.class(&fault, Op::Edit))?;
        succeeded(&answer, id)
    }

    /// Takes a post down. One that is gone is down, where it cannot be read either.
    pub(super) async fn delete(&self, id: &str) -> Result<Value, PublishError> {
        let path = format!("/{}", segment(id));
        let fault = match self.wire.delete(&path).await? {
            Ok(answer) => return succeeded(&answer, id),
            Err(fault) => fault,
        };
        if !error::is_gone(&fault) {
            return Err(self.class(&fault, Op::Delete));
        }
        match self.wire.get(&path, &[("fields", "id")]).await? {
            Err(again) if error::is_gone(&again) => {
                // "Gone" and "not for this token" look alike: the Page itself must be readable.
                match self.wire.get(&format!("/{}", segment(&self.page)), &[("fields", "id")]).await? {
                    Ok(_) => Ok(json!({ "id": id })),
                    Err(page) => Err(self.class(&page, Op::Delete)),
                }
            }
            Ok(_) => Err(self.class(&fault, Op::Delete)),
            Err(other) => {
                Err(PublishError::Unknown { said: format!("cannot see whether it is down: {}", other.said()) })
            }
        }
    }

    /// The post among the Page's own recent ones. `app`: the number of the app that made it.
    pub(super) async fn find(&self, sought: &Sought<'_>, app: Option<&str>) -> Result<Lookup, PublishError> {
        let Some(link) = &sought.payload.link else {
            return Ok(Lookup::CannotTell("the post has no link to know it by; look at the Page".to_owned()));
        };
        let list = self.recent(sought).await?;
        let ours: Vec<Own> = list
            .into_iter()
            .filter(|own| own.app.is_none() || app.is_none_or(|app| own.app.as_deref() == Some(app)))
            .collect();
        Ok(match judge(&ours, Mark::Links(link), &sought.payload.text, sought.since) {
            Verdict::Ours(own) => Lookup::Published {
                value: json!({"id": own.id, "url": own.url}),
                receipt: Receipt {
                    remote_id: Some(own.id.clone()),
                    url: own.url.clone(),
                    parts: Vec::new(),
                    at: self.wire.cx.clock.now(),
                    how: Known::Found,
                },
            },
            Verdict::None if is_markless(sought.payload) => Lookup::CannotTell(
                "the post went out with photos and without its link, which it would be known by; look at the Page"
                    .to_owned(),
            ),
            Verdict::None => Lookup::Absent,
            Verdict::Unsure(why) => Lookup::CannotTell(why),
        })
    }

    async fn recent(&self, sought: &Sought<'_>) -> Result<Vec<Own>, PublishError> {
        let path = format!("/{}/published_posts", segment(&self.page));
        let since = sought.since.as_second().to_string();
        let mut after: Option<String> = None;
        let mut list = Vec::new();
        for _ in 0..PAGE.1 {
            let mut query = vec![("fields", FIELDS), ("since", since.as_str()), ("limit", PAGE.0)];
            query.extend(after.as_deref().map(|cursor| ("after", cursor)));
            let answer = self.wire.get(&path, &query).await?.map_err(|fault| self.class(&fault, Op::Upload))?;
            let Some(entries) = answer["data"].as_array() else {
                return Err(PublishError::Unknown {
                    said: "expected a list of posts, found something else".to_owned(),
                });
            };
            list.extend(entries.iter().filter_map(listed));
            let next = answer["paging"]["next"].is_string();
            after = answer["paging"]["cursors"]["after"].as_str().filter(|_| next).map(str::to_owned);
            // Newest first; the edge is not documented to know `since`.
            let older = list.last().and_then(|own| own.at).is_some_and(|at| at < sought.since);
            if after.is_none() || older {
                return Ok(list);
            }
        }
        Err(PublishError::Unknown { said: "there are more posts since then than are read".to_owned() })
    }

    /// The class of a refusal; a limit without a told end waits a while.
    fn class(&self, fault: &Fault, op: Op) -> PublishError {
        untold(self.wire.cx, classify(fault, op))
    }
}

/// Whether a payload may have gone out without the link it is known by: photos take the place of the card, and the text
/// does not name it.
fn is_markless(payload: &Payload) -> bool {
    let has_photos = payload.uploads().any(|it| it.step.n < SCRAPE.n);
    has_photos && !payload.link.as_ref().is_some_and(|link| wire::names(&payload.text, link.as_str()))
}

/// The form with its photos; a link's card cannot stand beside them, the link in the text does.
fn with_photos(bare: &[(String, String)], photos: &[String]) -> Vec<(String, String)> {
    if photos.is_empty() {
        return bare.to_vec();
    }
    let mut form: Vec<_> = bare.iter().filter(|(name, _)| name != "link").cloned().collect();
    form.extend(photos.iter().enumerate().map(|(n, id)| {
        let value = json!({ "media_fbid": id }).to_string();
        (format!("attached_media[{n}]"), value)
    }));
    form
}

/// An entry of `published_posts`.
fn listed(entry: &Value) -> Option<Own> {
    let attachments = entry["attachments"]["data"].as_array().into_iter().flatten();
    // The decoded target; `url` may be Facebook's own wrapper.
    let leads = |it: &Value| it["unshimmed_url"].as_str().or_else(|| it["url"].as_str()).map(str::to_owned);
    Some(Own {
        id: id_of(&entry["id"])?,
        text: entry["message"].as_str().unwrap_or_default().to_owned(),
        at: entry["created_time"].as_str().and_then(instant),
        url: entry["permalink_url"].as_str().map(str::to_owned),
        links: attachments.filter_map(leads).collect(),
        parent: None,
        app: id_of(&entry["application"]["id"]),
    })
}

fn succeeded(answer: &Value, id: &str) -> Result<Value, PublishError> {
    match answer["success"].as_bool() {
        Some(true) => Ok(json!({ "id": id })),
        _ => Err(PublishError::Unknown { said: "expected success, found something else".to_owned() }),
    }
}

/// The id of a stored step.
pub(super) fn id(value: &Value) -> Result<String, PublishError> {
    id_of(&value["id"]).ok_or_else(|| PublishError::Unknown { said: "the stored step has no id".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_take_the_place_of_the_card() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let bare = [pair("link", "https://e.org/a"), pair("message", "News https://e.org/a")];
        assert_eq!(with_photos(&bare, &[]), bare);
        assert_eq!(
            with_photos(&bare, &["7".to_owned(), "8".to_owned()]),
            [
                pair("message", "News https://e.org/a"),
                pair("attached_media[0]", r#"{"media_fbid":"7"}"#),
                pair("attached_media[1]", r#"{"media_fbid":"8"}"#),
            ]
        );
    }

    #[test]
    fn photos_leave_a_post_only_the_link_in_its_text() {
        let planned =
            |op, n| crate::platform::Planned { step: crate::model::receipt::Step { op, n }, body: String::new() };
        for (photos, text, markless) in [
            (false, "News", false),
            (true, "News", true),
            (true, "News https://e.org/a/b", true),
            (true, "News (https://e.org/a).", false),
        ] {
            let first = if photos { planned(Op::Upload, 0) } else { planned(Op::Upload, SCRAPE.n) };
            let payload = Payload {
                format: 1,
                revision: 0,
                key: String::new(),
                steps: vec![first, planned(Op::Create, 0)],
                text: text.to_owned(),
                link: "https://e.org/a".parse().ok(),
            };
            assert_eq!(is_markless(&payload), markless, "{photos} {text}");
        }
    }

    #[test]
    fn a_listed_post_leads_where_its_card_does() {
        let entry = json!({"id": "1_2", "message": "News", "created_time": "2026-11-25T12:00:00+0000",
            "permalink_url": "https://www.facebook.com/1/posts/2", "application": {"id": "77", "name": "Desk"},
            "attachments": {"data": [{"url": "https://l.facebook.com/l.php?u=x", "unshimmed_url": "https://e.org/a"}]}});
        let own = listed(&entry).unwrap();
        assert_eq!((own.id.as_str(), own.app.as_deref()), ("1_2", Some("77")));
        assert_eq!(own.links, ["https://e.org/a"]);
        assert_eq!(own.at, "2026-11-25T12:00:00Z".parse().ok());
        assert_eq!(listed(&json!({"message": "no id"})), None);
    }
}
