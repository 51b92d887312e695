//! What a post of containers is frozen as: for each part the forms of its container, with and without its pictures, and
//! what readers will see of it. Pure.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::malformed;
use crate::model::picture::Picture;
use crate::model::receipt::{Op, Step};
use crate::platform::{Planned, PublishError};

/// One part of a post, as its platform wants it.
pub struct Part {
    /// What readers see.
    pub text: String,
    /// The article's link, where this part carries it.
    pub link: Option<Url>,
    /// The form of a container without a picture; `None`: there is no such post.
    pub bare: Option<Map<String, Value>>,
    /// The form beside a picture.
    pub with: Map<String, Value>,
}

/// The body of the step that makes the container which is published. With one picture it reads as that picture too.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Frozen {
    /// The one picture.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
    /// The form without a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bare: Option<Value>,
    /// The form beside a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Value>,
    /// How many steps before it make the pictures of an album.
    #[serde(default)]
    pub items: usize,
}

impl Frozen {
    pub(super) fn read(body: &str) -> Result<Self, PublishError> {
        serde_json::from_str(body).map_err(|e| malformed(&format!("expected a container's forms: {e}")))
    }

    /// Whether it was meant to have one.
    pub(super) const fn has_picture(&self) -> bool {
        self.picture.is_some() || self.items > 0
    }
}

/// The body of the step that shows a part.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Visible {
    /// What readers see.
    pub text: String,
    /// The article's link, where this part carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Url>,
}

impl Visible {
    pub(super) fn read(body: &str) -> Result<Self, PublishError> {
        serde_json::from_str(body).map_err(|e| malformed(&format!("expected what readers see: {e}")))
    }
}

/// The steps of a post: its containers, each before what it becomes. The pictures go with the first part.
pub fn steps(parts: Vec<Part>, pictures: &[Picture]) -> Vec<Planned> {
    let mut steps = Vec::new();
    let mut uploads: u16 = 0;
    let mut upload = |body: String, steps: &mut Vec<Planned>| {
        steps.push(Planned { step: Step { op: Op::Upload, n: uploads }, body });
        uploads = uploads.saturating_add(1);
    };
    for (n, part) in (0_u16..).zip(parts) {
        let pictures = if n == 0 { pictures } else { &[] };
        let items = if pictures.len() > 1 { pictures.len() } else { 0 };
        for item in pictures.iter().filter(|_| items > 0) {
            upload(json(item), &mut steps);
        }
        let frozen = Frozen {
            picture: pictures.first().filter(|_| items == 0).cloned(),
            bare: part.bare.map(Value::Object),
            with: (!pictures.is_empty()).then_some(Value::Object(part.with)),
            items,
        };
        upload(json(&frozen), &mut steps);
        let body = json(&Visible { text: part.text, link: part.link });
        steps.push(Planned { step: Step { op: Op::Create, n }, body });
    }
    steps
}

/// Plain data as JSON.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data with text keys")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::picture::Origin;
    use crate::platform::picture;

    fn part(text: &str) -> Part {
        let form = |kind: &str| {
            let value = serde_json::json!({"media_type": kind, "text": text});
            value.as_object().cloned().unwrap_or_default()
        };
        Part { text: text.to_owned(), link: None, bare: Some(form("TEXT")), with: form("IMAGE") }
    }

    fn photo(n: u32) -> Picture {
        let url = Url::parse(&format!("https://e.org/{n}.jpg")).unwrap();
        Picture { origin: Origin::Photo { urls: vec![url] }, alt: format!("Alt {n}") }
    }

    fn names(steps: &[Planned]) -> Vec<String> {
        steps.iter().map(|planned| planned.step.to_string()).collect()
    }

    #[test]
    fn each_part_has_its_container_before_it() {
        let steps = steps(vec![part("one"), part("two")], &[]);
        assert_eq!(names(&steps), ["upload/0", "create/0", "upload/1", "create/1"]);
        let frozen = Frozen::read(&steps[0].body).unwrap();
        assert!(!frozen.has_picture() && frozen.with.is_none());
        assert_eq!(frozen.bare.unwrap()["text"], "one");
        assert_eq!(Visible::read(&steps[3].body).unwrap().text, "two");
    }

    #[test]
    fn one_picture_is_the_containers_own_and_shows_in_a_preview() {
        let steps = steps(vec![part("one"), part("two")], &[photo(1)]);
        assert_eq!(names(&steps), ["upload/0", "create/0", "upload/1", "create/1"]);
        let frozen = Frozen::read(&steps[0].body).unwrap();
        assert_eq!(frozen.picture, Some(photo(1)));
        assert_eq!((frozen.with.unwrap()["media_type"].clone(), frozen.items), ("IMAGE".into(), 0));
        assert_eq!(picture::Planned::read(&steps[0].body).unwrap().alt(), Some("Alt 1"));
        assert!(!Frozen::read(&steps[2].body).unwrap().has_picture(), "the pictures go with the first part");
    }

    #[test]
    fn an_album_has_a_container_for_each_picture() {
        let steps = steps(vec![part("one")], &[photo(1), photo(2), photo(3)]);
        assert_eq!(names(&steps), ["upload/0", "upload/1", "upload/2", "upload/3", "create/0"]);
        let frozen = Frozen::read(&steps[3].body).unwrap();
        assert_eq!((frozen.picture.is_none(), frozen.items), (true, 3));
        assert_eq!(picture::Planned::read(&steps[0].body).unwrap().alt(), Some("Alt 1"));
    }
}
