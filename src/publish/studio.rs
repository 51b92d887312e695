//! Where pictures are made: fetched under the address guard, drawn where the post carries its headline, and fitted to the
//! platform. Few at once, so that memory stays bounded whatever the channels post.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use url::Url;

use super::retry;
use super::shelf::Shelf;
use crate::card::{self, Brand, Raster, Unfit};
use crate::http::{Call, Http, Trust};
use crate::model::picture::{Fit, Headline, Jpeg, NoPicture, Origin};
use crate::platform::Studio;

/// Pictures decoded or drawn at once. One of 40 megapixels takes some 300 MB while it is decoded. Ours.
const AT_ONCE: usize = 2;

/// Time for one picture to arrive. Source: reliability.md section 1, a step's deadline.
const PATIENCE: Duration = Duration::from_secs(25);

/// The waits before a picture whose server did not answer is asked for again. Ours: together they bridge a restart.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// Redirects followed: from a short address to a network's, and on to its nearest copy. Ours.
const HOPS: usize = 4;

/// What is decoded or drawn in this process.
static SEATS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(AT_ONCE)));

/// The newsroom's studio.
pub struct Workshop {
    /// The network.
    pub http: Http,
    /// The newsroom's looks.
    pub brand: Arc<Brand>,
    /// All waits are multiplied by this.
    pub scale: f64,
    /// Where pictures are shown to the outside; `None`: nobody reaches us.
    pub shelf: Option<Shelf>,
}

#[async_trait]
impl Studio for Workshop {
    async fn make(&self, origin: &Origin, fit: &Fit) -> Result<Jpeg, NoPicture> {
        let fit = *fit;
        match origin {
            Origin::Photo { urls } => self
                .first(urls, move |bytes| card::shrink(&bytes, &fit))
                .await
                .unwrap_or_else(|| Err(NoPicture::Never("expected a picture's address, found none".to_owned()))),
            Origin::Headline(card) => {
                let card = card.clone();
                let behind = self.behind(&card).await;
                let brand = self.brand.clone();
                let drawn = aside(move || brand.draw(&card, behind).and_then(|canvas| canvas.jpeg(&fit)));
                drawn.await?.map_err(|e| NoPicture::Never(e.to_string()))
            }
        }
    }

    fn shows(&self) -> bool {
        self.shelf.is_some()
    }

    async fn show(&self, jpeg: &Jpeg) -> Result<Url, NoPicture> {
        match &self.shelf {
            Some(shelf) => shelf.show(jpeg).await,
            None => Err(NoPicture::Never("a picture is fetched from this service: set [web] public_url".to_owned())),
        }
    }
}

impl Workshop {
    /// The first picture that can be put behind a headline; without one it stands on its ground.
    pub async fn behind(&self, card: &Headline) -> Option<Raster> {
        let ratio = card.ratio;
        match self.first(&card.behind, move |bytes| card::backdrop(&bytes, ratio)).await {
            None => None,
            Some(Ok(picture)) => Some(picture),
            Some(Err(why)) => {
                tracing::warn!(%why, "the headline card goes without a picture behind it");
                None
            }
        }
    }

    /// The first picture that can be had and used; the reason of the last where none can. `None`: there is no address.
    async fn first<T: Send + 'static>(
        &self,
        urls: &[Url],
        make: impl Fn(Vec<u8>) -> Result<T, Unfit> + Clone + Send + 'static,
    ) -> Option<Result<T, NoPicture>> {
        let mut last = None;
        for url in urls {
            let made = match self.fetch(url).await {
                Ok(bytes) => {
                    let make = make.clone();
                    match aside(move || make(bytes)).await {
                        Ok(made) => made.map_err(|e| NoPicture::Never(format!("{url}: {e}"))),
                        Err(e) => Err(e),
                    }
                }
                Err(e) => Err(e),
            };
            if made.is_ok() {
                return Some(made);
            }
            last = Some(made);
        }
        last
    }

    /// Fetches a picture. A server that does not answer, or says that it cannot just now, is asked again.
    ///
    /// # Errors
    /// Why there are no bytes.
    pub async fn fetch(&self, url: &Url) -> Result<Vec<u8>, NoPicture> {
        let mut waits = AGAIN.iter();
        loop {
            match (self.fetch_once(url).await, waits.next()) {
                (Err(NoPicture::Later(_)), Some(wait)) => {
                    tokio::time::sleep(retry::scaled(wait.as_secs_f64(), self.scale).try_into().unwrap_or(*wait)).await;
                }
                (answer, _) => return answer,
            }
        }
    }

    async fn fetch_once(&self, url: &Url) -> Result<Vec<u8>, NoPicture> {
        let mut at = url.clone();
        for _ in 0..=HOPS {
            let mut get =
                Call::get(at.clone()).header("accept", "image/jpeg,image/png,image/webp,image/gif;q=0.8,*/*;q=0.1");
            get.trust = Trust::Content;
            get.cap = card::BYTES;
            get.timeout = PATIENCE;
            let answer = match self.http.read_or_fault(get).await {
                Ok(answer) => answer,
                Err(fault) if fault.is_final() => return Err(NoPicture::Never(fault.to_string())),
                Err(fault) => return Err(NoPicture::Later(fault.to_string())),
            };
            match answer.status {
                200 => return Ok(answer.body),
                301 | 302 | 303 | 307 | 308 => {
                    let to = answer.header("location").and_then(|to| at.join(to).ok());
                    at = to.ok_or_else(|| NoPicture::Never(format!("{at}: a redirect to nowhere")))?;
                }
                408 | 425 | 429 | 500..=599 => {
                    return Err(NoPicture::Later(format!("{url}: answered {}", answer.status)));
                }
                status => return Err(NoPicture::Never(format!("{url}: expected a picture, found status {status}"))),
            }
        }
        Err(NoPicture::Never(format!("{url}: more than {HOPS} redirects")))
    }
}

/// Runs work that takes long and much memory where it holds up nobody, few at once.
///
/// # Errors
/// Where the work came to grief.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, NoPicture> {
    let fault = |e: &dyn std::fmt::Display| NoPicture::Never(format!("the picture came to grief: {e}"));
    let seat = SEATS.clone().acquire_owned().await.map_err(|e| fault(&e))?;
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(seat);
        done
    });
    done.await.map_err(|e| fault(&e))
}
