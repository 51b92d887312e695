//! Where pictures are shown to platforms that fetch them by themselves: under `[web] public_url`, for an hour, at
//! addresses that nobody can guess. The web server answers them out of the store.

use std::fmt::Write as _;

use jiff::SignedDuration;
use url::Url;

use crate::clock::SharedClock;
use crate::model::picture::{Jpeg, NoPicture};
use crate::store::{Store, job, shown};

/// How long a picture is shown. Meta fetches within minutes of the container's making; the rest is for a slow day. Ours.
const SHOWN: SignedDuration = SignedDuration::from_hours(1);

/// The path under the public address, with the picture's name after it.
pub const PATH: &str = "shown";

/// Shows pictures.
#[derive(Clone)]
pub struct Shelf {
    /// Where they are kept meanwhile.
    pub store: Store,
    /// Where others reach the web server.
    pub public: Url,
    /// The time.
    pub clock: SharedClock,
}

impl Shelf {
    /// Shows a picture.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn show(&self, jpeg: &Jpeg) -> Result<Url, NoPicture> {
        let name = name(rand::random());
        let address = format!("{}/{PATH}/{name}", self.public.as_str().trim_end_matches('/'));
        let url = Url::parse(&address).map_err(|e| NoPicture::Never(format!("{address}: {e}")))?;
        let (now, bytes) = (self.clock.now(), jpeg.bytes.clone());
        let until = now.checked_add(SHOWN).unwrap_or(now);
        let keep = job(move |conn| Box::pin(async move { shown::put(conn, &name, &bytes, until, now).await }));
        self.store.write(keep).await.map_err(|e| NoPicture::Later(format!("the picture could not be shown: {e}")))?;
        Ok(url)
    }
}

/// 128 bits of chance as a name; it ends as pictures do, since some fetchers look at that.
fn name(chance: [u8; 16]) -> String {
    let mut name = String::with_capacity(36);
    for byte in chance {
        // Writing to a text cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name + ".jpg"
}

/// Whether a text can be the name of a picture here.
pub fn is_name(text: &str) -> bool {
    text.strip_suffix(".jpg").is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_by_its_form() {
        assert_eq!(name([0xAB; 16]), format!("{}.jpg", "ab".repeat(16)));
        assert!(is_name(&name([7; 16])));
        for bad in ["", ".jpg", "ab.jpg", "../../etc/passwd", &"A".repeat(36), &format!("{}.png", "ab".repeat(16))] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
