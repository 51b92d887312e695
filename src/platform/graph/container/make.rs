//! How a container is made: of a text, of one picture, or of several. Meta fetches pictures by itself, so each is put
//! where it can be had from outside before its container is asked for.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{borrowed, id_of, pairs, segment};
use super::frozen::Frozen;
use super::{Containers, FETCHES, MOST, State, Work, after, later, malformed, newest, refused};
use crate::model::picture::{Fit, Origin, Picture};
use crate::model::post::Rejection;
use crate::model::receipt::Op;
use crate::platform::{Journal, PauseScopeKind, PublishError, picture};

/// What a container is made of.
enum Matter {
    /// The text alone; with why, where a picture was meant to be there.
    Bare(Option<String>),
    /// The picture of the step itself.
    Own,
    /// A picture that can be fetched there, with its alternative text.
    Shown(String, String),
    /// The containers of an album's pictures.
    Album(Vec<String>),
}

/// A picture of an album whose container is ready.
struct Item {
    id: String,
    url: String,
    alt: String,
}

impl Containers<'_> {
    /// The container of that generation, made where it is not there yet. `without`: why it has no picture.
    pub(super) async fn container(
        &self,
        work: &Work<'_>,
        frozen: &Frozen,
        generation: u16,
        without: Option<String>,
        journal: &mut Journal<'_>,
    ) -> Result<Value, PublishError> {
        let planned = work.container()?;
        let step = after(planned.step, generation);
        if let Some(value) = journal.done(step) {
            return Ok(value);
        }
        let matter = match without {
            Some(why) => Matter::Bare(Some(why)),
            None if frozen.items > 0 => {
                let items = self.items(work, generation, journal).await?;
                match items.as_slice() {
                    [] => Matter::Bare(Some("none of its pictures could be had".to_owned())),
                    [one] => Matter::Shown(one.url.clone(), one.alt.clone()),
                    several => Matter::Album(several.iter().map(|item| item.id.clone()).collect()),
                }
            }
            None if frozen.picture.is_some() => Matter::Own,
            None => Matter::Bare(None),
        };
        let send = || self.make(frozen, &matter, work.parent.as_deref());
        journal.step(step, planned.body.as_bytes(), self.within(self.dialect.make_within), send).await
    }

    /// The pictures of an album that are ready, each with a container of its own.
    async fn items(
        &self,
        work: &Work<'_>,
        generation: u16,
        journal: &mut Journal<'_>,
    ) -> Result<Vec<Item>, PublishError> {
        let mut items = Vec::new();
        for planned in &work.uploads[..work.uploads.len().saturating_sub(1)] {
            let picture: Picture = serde_json::from_str(&planned.body).map_err(|e| malformed(&e.to_string()))?;
            let mut made = newest(planned.step, |step| journal.done(step).is_some()).max(generation);
            while made < MOST {
                let send = || self.item(&picture);
                let within = self.within(self.dialect.make_within);
                let value = journal.step(after(planned.step, made), planned.body.as_bytes(), within, send).await?;
                let (Some(id), Some(url)) = (id_of(&value["id"]), value["shown"].as_str()) else { break };
                match self.wait(&id).await? {
                    State::Ready | State::Published => {
                        items.push(Item { id, url: url.to_owned(), alt: picture.alt.clone() });
                        break;
                    }
                    State::Pending(said) => return Err(later(&format!("a picture is not ready: {said}"))),
                    // Kept waiting for more than a day.
                    State::Expired => made += 1,
                    State::Failed(why) => {
                        tracing::warn!(why, "a picture of the album is left out");
                        break;
                    }
                }
            }
        }
        Ok(items)
    }

    /// The container of one picture of an album; where there is none, why.
    async fn item(&self, of: &Picture) -> Result<Value, PublishError> {
        let shown = match self.show(&of.origin).await {
            Ok(shown) => shown,
            Err(error) => return self.left_out(error),
        };
        let mut form = self.image(&shown, &of.alt);
        form.push(("is_carousel_item".to_owned(), "true".to_owned()));
        match self.ask(&form).await {
            Ok(mut value) => {
                value["shown"] = json!(shown);
                Ok(value)
            }
            Err(error) => self.left_out(error),
        }
    }

    fn left_out(&self, error: PublishError) -> Result<Value, PublishError> {
        match error {
            PublishError::Rejected { reason: Rejection::Media, said } => Ok(picture::without(&said)),
            other => Err(other),
        }
    }

    async fn make(&self, frozen: &Frozen, matter: &Matter, parent: Option<&str>) -> Result<Value, PublishError> {
        let with_picture = match matter {
            Matter::Bare(why) => return self.bare(frozen, parent, why.as_deref()).await,
            Matter::Own => match &frozen.picture {
                Some(of) => match self.show(&of.origin).await {
                    Ok(shown) => self.ask(&self.beside(frozen, self.image(&shown, &of.alt), parent)?).await,
                    Err(error) => Err(error),
                },
                None => Err(malformed("expected a picture in the frozen container, found none")),
            },
            Matter::Shown(shown, alt) => self.ask(&self.beside(frozen, self.image(shown, alt), parent)?).await,
            Matter::Album(children) => {
                let of =
                    vec![("media_type".to_owned(), "CAROUSEL".to_owned()), ("children".to_owned(), children.join(","))];
                self.ask(&self.beside(frozen, of, parent)?).await
            }
        };
        match with_picture {
            // A post is worth more than its picture, where there can be one without.
            Err(PublishError::Rejected { reason: Rejection::Media, said }) if frozen.bare.is_some() => {
                self.bare(frozen, parent, Some(&said)).await
            }
            other => other,
        }
    }

    /// The container of a text.
    async fn bare(&self, frozen: &Frozen, parent: Option<&str>, why: Option<&str>) -> Result<Value, PublishError> {
        let Some(form) = &frozen.bare else {
            return Err(refused(why.unwrap_or("expected a picture, found none")));
        };
        let mut form = pairs(form)?;
        form.extend(parent.map(|id| ("reply_to_id".to_owned(), id.to_owned())));
        let mut value = self.ask(&form).await?;
        if let Some(why) = why {
            value[picture::WITHOUT] = picture::without(why)[picture::WITHOUT].clone();
        }
        Ok(value)
    }

    /// The form of a container with a picture: what it shows, and what stands beside it.
    fn beside(
        &self,
        frozen: &Frozen,
        mut of: Vec<(String, String)>,
        parent: Option<&str>,
    ) -> Result<Vec<(String, String)>, PublishError> {
        of.extend(pairs(frozen.with.as_ref().unwrap_or(&Value::Null))?);
        of.extend(parent.map(|id| ("reply_to_id".to_owned(), id.to_owned())));
        Ok(of)
    }

    fn image(&self, url: &str, alt: &str) -> Vec<(String, String)> {
        let kind = self.dialect.image.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut form: Vec<(String, String)> = kind.collect();
        form.push(("image_url".to_owned(), url.to_owned()));
        if !alt.is_empty() {
            form.push(("alt_text".to_owned(), alt.to_owned()));
        }
        form
    }

    /// Asks for a container; where its picture could not be fetched, a few times.
    async fn ask(&self, form: &[(String, String)]) -> Result<Value, PublishError> {
        let path = format!("/{}/{}", segment(&self.user), self.dialect.create);
        let mut answer = self.wire.post(&path, &borrowed(form)).await?;
        for wait in &FETCHES[1..] {
            if !answer.as_ref().is_err_and(|fault| (self.dialect.unfetched)(fault)) {
                break;
            }
            tokio::time::sleep(self.within(Duration::from_secs(*wait))).await;
            answer = self.wire.post(&path, &borrowed(form)).await?;
        }
        let answer = answer.map_err(|fault| self.class(&fault, Op::Upload))?;
        match id_of(&answer["id"]) {
            Some(id) => Ok(json!({"id": id, "made": self.now().to_string()})),
            None => Err(PublishError::Unknown { said: "expected the id of a container, found none".to_owned() }),
        }
    }

    /// Puts a picture where Meta can fetch it: on our own web server where it has a public address, else a photo is
    /// fetched from where its source has it.
    async fn show(&self, origin: &Origin) -> Result<String, PublishError> {
        let cx = self.wire.cx;
        if !cx.studio.shows() {
            return match origin {
                Origin::Photo { urls } => {
                    urls.first().map(ToString::to_string).ok_or_else(|| refused("it has no address"))
                }
                Origin::Headline(_) => Err(no_address(self.dialect.needs_picture)),
            };
        }
        let patience = self.within(self.dialect.make_within) / 2;
        let work = async {
            let fit = self.dialect.fit;
            let mut jpeg = cx.studio.make(origin, &fit).await?;
            if let Some(crop) = self.dialect.bounds.and_then(|bounds| bounds.crop(jpeg.width, jpeg.height)) {
                jpeg = cx.studio.make(origin, &Fit { crop: Some(crop), ..fit }).await?;
            }
            cx.studio.show(&jpeg).await
        };
        match tokio::time::timeout(patience, work).await {
            Ok(Ok(url)) => Ok(url.to_string()),
            Ok(Err(why)) => Err(refused(&why.to_string())),
            Err(_) => Err(refused("it took too long")),
        }
    }
}

/// A drawn picture can be fetched from nowhere. Where a picture is needed, that stops every post of the channel.
fn no_address(is_needed: bool) -> PublishError {
    let said = "a drawn picture is fetched from this service: set [web] public_url";
    match is_needed {
        true => PublishError::Forbidden { scope: PauseScopeKind::Channel, said: said.to_owned() },
        false => refused(said),
    }
}
