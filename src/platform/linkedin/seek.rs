//! The look-up of a page's own posts: which of them, if any, is the one whose answer was lost. A profile's posts cannot
//! be read.
//!
//! The rule (reliability.md section 2): the article's link within the time window, and the same text; a link under another
//! text is nobody's to judge, and so is the text without the link. What went out without showing its link is blind.
//! LinkedIn does not tell which app made a post.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::Url;

use super::api::Api;
use super::{body, receipt};
use crate::model::receipt::Known;
use crate::platform::{Lookup, ONLY, Payload, PublishError, Sought, wire};

/// How many pages are read back at most.
const PAGES: usize = 10;

/// How long LinkedIn refuses the same content again. Source: the documentation of the older UGC Post API, "10 minutes";
/// with a margin for the two clocks. A post made before that is another one.
const SAME_CONTENT: SignedDuration = SignedDuration::from_mins(15);

impl Api<'_> {
    /// Looks for a post.
    pub async fn seek(&self, author: &str, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        let cannot_tell = |why: &str| Ok(Lookup::CannotTell(why.to_owned()));
        let planned = sought.payload.planned(sought.step).filter(|planned| planned.step == ONLY);
        let Some(planned) = planned else { return cannot_tell("that is no step of a post on LinkedIn") };
        let Some(link) = &sought.payload.link else { return cannot_tell("the post has no link to look for") };
        let frozen: Value = serde_json::from_str(&planned.body).unwrap_or_default();
        let Some(text) = frozen["commentary"].as_str().map(body::plain) else {
            return cannot_tell("the frozen post cannot be read");
        };
        let mut posts = Vec::new();
        let mut whole = false;
        while posts.len() < PAGES * super::api::PAGE {
            let page = self.recent(author, posts.len()).await?;
            let oldest = page.iter().filter_map(created).min();
            let empty = page.is_empty();
            posts.extend(page);
            if empty || oldest.is_some_and(|at| at < sought.since) {
                whole = true;
                break;
            }
        }
        Ok(match judge(&posts, link, &text, sought.since) {
            Verdict::Ours(urn) => {
                let value = serde_json::json!({ "id": urn });
                Lookup::Published { receipt: receipt(&value, self.cx.clock.now(), Known::Found)?, value }
            }
            Verdict::Unsure(why) => Lookup::CannotTell(why),
            Verdict::None if !shows(sought.payload, &frozen, &text, link) => {
                Lookup::CannotTell("the post went out without a link to know it by".to_owned())
            }
            Verdict::None if whole => Lookup::Absent,
            Verdict::None => Lookup::CannotTell("too many posts since then to read them all".to_owned()),
        })
    }

    /// Whether the post that LinkedIn named as the original of a duplicate is what was to be sent: of this author, with
    /// the same link and text, and made just now. LinkedIn may go on naming posts that are not there any more.
    pub async fn is_original(&self, urn: &str, sent: &str) -> Result<bool, PublishError> {
        let sent: Value = serde_json::from_str(sent).unwrap_or_default();
        let Some(there) = self.post(urn).await? else { return Ok(false) };
        let since = self.cx.clock.now().checked_sub(SAME_CONTENT).unwrap_or(Timestamp::MIN);
        Ok(there["author"].is_string() && there["author"] == sent["author"] && same_content(&there, &sent, since))
    }
}

fn same_content(there: &Value, sent: &Value, since: Timestamp) -> bool {
    let text = |post: &Value| post["commentary"].as_str().map(|little| bare(&body::plain(little)));
    let source = |post: &Value| post["content"]["article"]["source"].as_str().map(str::to_owned);
    text(there).is_some()
        && text(there) == text(sent)
        && source(there) == source(sent)
        && created(there).is_some_and(|at| at >= since)
        && is_out(there)
}

/// What the posts of the window say.
#[derive(Debug, PartialEq, Eq)]
enum Verdict<'a> {
    None,
    Ours(&'a str),
    Unsure(String),
}

fn judge<'a>(posts: &'a [Value], link: &Url, text: &str, since: Timestamp) -> Verdict<'a> {
    let linking: Vec<&Value> = posts.iter().filter(|post| links_to(post, link)).collect();
    let id = |post: &'a Value| post["id"].as_str().unwrap_or_default();
    if let Some(undated) = linking.iter().find(|post| created(post).is_none()) {
        return Verdict::Unsure(format!("post {} has the link but carries no date", id(undated)));
    }
    let recent: Vec<&Value> = linking.into_iter().filter(|post| created(post) >= Some(since)).collect();
    if let Some(stuck) = recent.iter().find(|post| !is_out(post)) {
        let state = stuck["lifecycleState"].as_str().unwrap_or("unknown");
        return Verdict::Unsure(format!("post {} has the link but is {state}", id(stuck)));
    }
    let same: Vec<&Value> = recent.iter().copied().filter(|post| reads(post, text)).collect();
    match (recent.as_slice(), same.as_slice()) {
        ([], _) => {
            let alike = |post: &&Value| created(post).is_none_or(|at| at >= since) && reads(post, text);
            match posts.iter().find(alike) {
                Some(post) => Verdict::Unsure(format!("post {} has the text of ours without its link", id(post))),
                None => Verdict::None,
            }
        }
        (_, [ours]) if super::is_post(id(ours)) => Verdict::Ours(id(ours)),
        ([other], _) => Verdict::Unsure(format!("post {} has the link but another text", id(other))),
        (several, _) => {
            let ids: Vec<&str> = several.iter().map(|post| id(post)).collect();
            Verdict::Unsure(format!("each of several posts has the link: {}", ids.join(", ")))
        }
    }
}

/// Published, or accepted and about to be.
fn is_out(post: &Value) -> bool {
    matches!(post["lifecycleState"].as_str(), None | Some("PUBLISHED" | "PUBLISH_REQUESTED"))
}

fn created(post: &Value) -> Option<Timestamp> {
    let ms = post["createdAt"].as_i64().or_else(|| post["publishedAt"].as_i64())?;
    Timestamp::from_millisecond(ms).ok()
}

/// Whether a post leads to the article: by its card, or in its text.
fn links_to(post: &Value, link: &Url) -> bool {
    let by_card = post["content"]["article"]["source"].as_str().and_then(|source| Url::parse(source).ok());
    let in_text = || post["commentary"].as_str().is_some_and(|little| wire::names(&body::plain(little), link.as_str()));
    by_card.as_ref() == Some(link) || in_text()
}

/// Whether what was sent surely leads to the article: by its text, or by a card that no picture could take the place of.
fn shows(payload: &Payload, frozen: &Value, text: &str, link: &Url) -> bool {
    let source = frozen["content"]["article"]["source"].as_str().and_then(|source| Url::parse(source).ok());
    // An attached picture is frozen as JSON, a card's as its address.
    let attached = payload.uploads().any(|planned| planned.body.starts_with('{'));
    wire::names(text, link.as_str()) || (source.as_ref() == Some(link) && !attached)
}

fn reads(post: &Value, text: &str) -> bool {
    post["commentary"].as_str().is_some_and(|little| bare(&body::plain(little)) == bare(text))
}

/// Each run of blanks as one: LinkedIn may trim.
fn bare(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn since() -> Timestamp {
        Timestamp::from_millisecond(1_795_600_000_000).unwrap()
    }

    fn post(n: u8, more: Value) -> Value {
        let mut post = json!({
            "id": format!("urn:li:share:{n}"), "author": "urn:li:organization:1", "lifecycleState": "PUBLISHED",
            "createdAt": 1_795_600_000_000_i64, "commentary": r"Budget \(2026\)",
            "content": {"article": {"source": "https://e.org/a?x=1"}},
        });
        for (key, value) in more.as_object().unwrap() {
            post[key] = value.clone();
        }
        post
    }

    #[test]
    fn ours_is_the_one_with_link_and_text_within_the_window() {
        let link = Url::parse("https://e.org/a?x=1").unwrap();
        let cases = [
            (vec![post(1, json!({}))], "ours 1"),
            (vec![post(1, json!({"createdAt": 1_795_599_999_999_i64}))], "none"),
            (vec![post(1, json!({"createdAt": null}))], "no date"),
            (vec![post(1, json!({"commentary": "Other words"}))], "another text"),
            (vec![post(1, json!({"content": {"article": {"source": "https://e.org/b"}}}))], "without its link"),
            (vec![post(1, json!({"content": null}))], "without its link"),
            (vec![post(1, json!({"content": null, "createdAt": 1_795_599_999_999_i64}))], "none"),
            (vec![post(1, json!({"content": null, "commentary": "Other words"}))], "none"),
            (vec![post(1, json!({"content": null, "commentary": "See (https://e.org/a?x=1)."}))], "another text"),
            (vec![post(1, json!({"lifecycleState": "PUBLISH_FAILED"}))], "is PUBLISH_FAILED"),
            (vec![post(1, json!({"lifecycleState": "PUBLISH_REQUESTED"}))], "ours 1"),
            (vec![post(1, json!({})), post(2, json!({}))], "several"),
            (vec![post(1, json!({"commentary": "x"})), post(2, json!({}))], "ours 2"),
            (vec![], "none"),
        ];
        for (posts, expected) in cases {
            let found = match judge(&posts, &link, "Budget (2026)", since()) {
                Verdict::None => "none".to_owned(),
                Verdict::Ours(urn) => format!("ours {}", urn.rsplit(':').next().unwrap()),
                Verdict::Unsure(why) => why,
            };
            assert!(found.contains(expected), "{expected}: {found} {posts:#?}");
        }
    }

    #[test]
    fn a_post_with_pictures_is_known_by_the_link_in_its_text() {
        let link = Url::parse("https://e.org/a_b").unwrap();
        let with =
            |little: &str| post(1, json!({"content": {"media": {"id": "urn:li:image:C1"}}, "commentary": little}));
        let ours = [with(r"Budget https://e.org/a\_b")];
        assert_eq!(judge(&ours, &link, "Budget\nhttps://e.org/a_b", since()), Verdict::Ours("urn:li:share:1"));
        let longer = [with(r"Budget https://e.org/a\_b/c")];
        assert_eq!(judge(&longer, &link, "Budget\nhttps://e.org/a_b", since()), Verdict::None);
    }

    #[test]
    fn what_was_sent_shows_its_link_in_its_text_or_by_its_card() {
        let link = Url::parse("https://e.org/a").unwrap();
        let planned = |body: &str| {
            let step = crate::platform::picture::UPLOAD;
            crate::platform::Planned { step, body: body.to_owned() }
        };
        let card = json!({"content": {"article": {"source": "https://e.org/a"}}});
        let other = json!({"content": {"article": {"source": "https://e.org/b"}}});
        for (frozen, upload, text, is) in [
            (&card, None, "News", true),
            (&card, Some("https://e.org/thumb.jpg"), "News", true),
            (&card, Some("{\"alt\":\"\"}"), "News", false),
            (&card, Some("{\"alt\":\"\"}"), "News https://e.org/a.", true),
            (&other, None, "News", false),
            (&Value::Null, None, "News", false),
            (&Value::Null, None, "News https://e.org/a", true),
        ] {
            let payload = Payload {
                format: 1,
                revision: 0,
                key: String::new(),
                steps: upload.map(planned).into_iter().collect(),
                text: text.to_owned(),
                link: Some(link.clone()),
            };
            assert_eq!(shows(&payload, frozen, text, &link), is, "{frozen} {upload:?} {text}");
        }
    }

    #[test]
    fn the_original_of_a_duplicate_is_ours_only_as_a_whole() {
        let sent = json!({
            "author": "urn:li:organization:1", "commentary": r"Budget \(2026\)",
            "content": {"article": {"source": "https://e.org/a?x=1", "title": "T"}},
        });
        for (there, same) in [
            (post(1, json!({})), true),
            (post(1, json!({"commentary": "x"})), false),
            (post(1, json!({"commentary": null})), false),
            (post(1, json!({"content": null})), false),
            (post(1, json!({"createdAt": 1_795_599_999_999_i64})), false),
            (post(1, json!({"lifecycleState": "DRAFT"})), false),
        ] {
            assert_eq!(same_content(&there, &sent, since()), same, "{there:#}");
        }
    }
}
