//! The look-up: which of the account's own recent posts, if any, is the one whose answer was lost.
//!
//! The rule (reliability.md section 2): the article's link within the time window, and from our own app where the server
//! tells; a text alone proves nothing, and a link under another text is nobody's to judge. A later part of a thread is
//! known by the post it answers instead of by the link.

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::{Instance, api, receipt};
use crate::model::receipt::Known;
use crate::platform::{Context, Lookup, PublishError, Sought};

/// How many pages of 40 are read back at most.
const PAGES: usize = 5;

impl Instance {
    pub(super) async fn seek(
        &self,
        cx: &Context<'_>,
        token: &SecretString,
        sought: &Sought<'_>,
    ) -> Result<Lookup, PublishError> {
        let cannot_tell = |why: &str| Ok(Lookup::CannotTell(why.to_owned()));
        let frozen = sought.payload.planned(sought.step).and_then(|planned| serde_json::from_str(&planned.body).ok());
        let frozen: Value = frozen.unwrap_or_default();
        let Some(text) = frozen["status"].as_str() else {
            return Ok(Lookup::CannotTell(format!("{} is no step of a Mastodon post", sought.step)));
        };
        let mark = match (sought.step.n, sought.parent, &sought.payload.link) {
            (1.., Some(parent), _) => Mark::Answers(parent),
            (1.., None, _) => return cannot_tell("the id of the part before is not known"),
            (0, _, None) => return cannot_tell("the post has no link to look for"),
            (0, _, Some(link)) if text.contains(link.as_str()) => Mark::Links(link),
            (0, _, Some(_)) => return cannot_tell("the post's text does not carry the link to look for"),
        };
        let account = match cx.identity {
            Some(identity) if !identity.id.is_empty() => identity.id.clone(),
            _ => self.me(cx, token).await?["id"].as_str().unwrap_or_default().to_owned(),
        };
        let app = self.app(cx, token).await.and_then(|app| app["name"].as_str().map(str::to_owned));
        let mut found = Vec::new();
        let mut before: Option<String> = None;
        let mut whole = false;
        for _ in 0..PAGES {
            let page = self.recent(cx, token, &account, before.as_deref()).await?;
            let oldest = page.iter().filter_map(created).min();
            before = page.last().and_then(|status| status["id"].as_str()).map(str::to_owned);
            let full = !page.is_empty();
            found.extend(page.into_iter().filter(|status| matches(status, mark, sought.since, app.as_deref())));
            // A pinned or edited post may stand out of order; the window is read whole once a page reaches behind it.
            if !full || oldest.is_none_or(|at| at < sought.since) {
                whole = true;
                break;
            }
        }
        match (found.as_slice(), whole) {
            ([], true) => return Ok(Lookup::Absent),
            ([], false) => return Ok(Lookup::CannotTell("too many posts since then to read them all".to_owned())),
            _ => {}
        }
        let mut same = Vec::new();
        let marked = found.len();
        for status in found {
            if shows(&status, text) || self.source_is(cx, token, &status, text).await {
                same.push(status);
            }
        }
        match same.as_slice() {
            [one] => {
                let value = api::reference(one)?;
                let receipt = receipt(&value, Known::Found, cx.clock.now())?;
                Ok(Lookup::Published { value, receipt })
            }
            [] => Ok(Lookup::CannotTell(match mark {
                Mark::Links(_) => format!("{marked} with the same link but another text"),
                Mark::Answers(_) => format!("{marked} answering the part before but with another text"),
            })),
            several => Ok(Lookup::CannotTell(format!("found {} times: {}", several.len(), ids(several)))),
        }
    }

    async fn source_is(&self, cx: &Context<'_>, token: &SecretString, status: &Value, text: &str) -> bool {
        let Some(id) = status["id"].as_str() else { return false };
        self.source(cx, token, id).await.is_some_and(|source| bare(&source) == bare(text))
    }
}

fn ids(statuses: &[Value]) -> String {
    statuses.iter().filter_map(|status| status["id"].as_str()).collect::<Vec<_>>().join(", ")
}

fn created(status: &Value) -> Option<Timestamp> {
    status["created_at"].as_str()?.parse().ok()
}

/// What a post of ours is known by.
#[derive(Clone, Copy)]
enum Mark<'a> {
    /// It links to the article.
    Links(&'a Url),
    /// It answers that post: a later part of a thread.
    Answers(&'a str),
}

/// Whether a post may be the one: made in the window, with the mark, by our app where both names are told.
fn matches(status: &Value, mark: Mark<'_>, since: Timestamp, app: Option<&str>) -> bool {
    let in_time = created(status).is_none_or(|at| at >= since);
    let by_us = match (app, status["application"]["name"].as_str()) {
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => true,
    };
    let marked = || match mark {
        Mark::Links(link) => links(status).iter().any(|found| same_page(found, link)),
        Mark::Answers(parent) => status["in_reply_to_id"].as_str() == Some(parent),
    };
    in_time && by_us && status["reblog"].is_null() && marked()
}

/// The links of a post: its card's and those of its text.
fn links(status: &Value) -> Vec<Url> {
    let content = status["content"].as_str().unwrap_or_default();
    let html = scraper::Html::parse_fragment(content);
    let hrefs = html.tree.values().filter_map(|node| node.as_element()?.attr("href"));
    status["card"]["url"].as_str().into_iter().chain(hrefs).filter_map(|href| Url::parse(href).ok()).collect()
}

fn same_page(a: &Url, b: &Url) -> bool {
    let key = |url: &Url| {
        let mut url = url.clone();
        url.set_fragment(None);
        url
    };
    key(a) == key(b)
}

/// Whether a post's content shows that text. Blanks are passed over: paragraphs and line breaks come back as tags.
fn shows(status: &Value, text: &str) -> bool {
    let content = status["content"].as_str().unwrap_or_default();
    let shown: String = scraper::Html::parse_fragment(content).root_element().text().collect();
    bare(&shown) == bare(text)
}

/// A text without blanks, joiners and other characters that show nothing.
fn bare(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}'))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(content: &str, more: Value) -> Value {
        let mut status =
            json!({"id": "1", "created_at": "2026-11-01T10:00:00.000Z", "content": content, "reblog": null});
        for (key, value) in more.as_object().unwrap() {
            status[key] = value.clone();
        }
        status
    }

    #[test]
    fn a_post_matches_by_its_link_within_the_window_and_from_our_app() {
        let link = Url::parse("https://e.org/a?x=1&y=2").unwrap();
        let since = "2026-11-01T09:58:00Z".parse().unwrap();
        let anchor = "<p>Hi <a href=\"https://e.org/a?x=1&amp;y=2\" rel=\"nofollow\"><span class=\"invisible\">https://\
                      </span><span>e.org/a?x=1&amp;y=2</span></a></p>";
        let cases = [
            (anchor, json!({}), true),
            ("<p>Hi</p>", json!({}), false),
            ("<p>Hi https://e.org/a?x=1&amp;y=2</p>", json!({}), false),
            ("<p>Hi</p>", json!({"card": {"url": "https://e.org/a?x=1&y=2#c"}}), true),
            ("<p>Hi</p>", json!({"card": {"url": "https://e.org/a?x=1"}}), false),
            (anchor, json!({"created_at": "2026-11-01T09:57:59Z"}), false),
            (anchor, json!({"application": {"name": "Bugle"}}), true),
            (anchor, json!({"application": {"name": "Web"}}), false),
            (anchor, json!({"application": null}), true),
            (anchor, json!({"reblog": {"id": "2"}}), false),
        ];
        for (content, more, expected) in cases {
            let status = status(content, more.clone());
            assert_eq!(matches(&status, Mark::Links(&link), since, Some("Bugle")), expected, "{content} {more}");
        }
    }

    #[test]
    fn a_later_part_is_known_by_the_part_it_answers() {
        let since = "2026-11-01T09:58:00Z".parse().unwrap();
        for (more, expected) in [
            (json!({"in_reply_to_id": "7"}), true),
            (json!({"in_reply_to_id": "8"}), false),
            (json!({"in_reply_to_id": null}), false),
            (json!({"in_reply_to_id": "7", "created_at": "2026-11-01T09:57:59Z"}), false),
            (json!({"in_reply_to_id": "7", "application": {"name": "Web"}}), false),
        ] {
            let status = status("<p>Two</p>", more.clone());
            assert_eq!(matches(&status, Mark::Answers("7"), since, Some("Bugle")), expected, "{more}");
        }
    }

    #[test]
    fn a_shown_text_is_compared_without_its_blanks() {
        let shown = status(
            "<p>One &amp; two<br />three</p><p><a href=\"https://e.org/a\"><span class=\"invisible\">https://</span>\
             <span class=\"ellipsis\">e.org</span><span class=\"invisible\">/a</span></a></p>",
            json!({}),
        );
        assert!(shows(&shown, "One & two\nthree\n\nhttps://e.org/a"));
        assert!(!shows(&shown, "One & two\nhttps://e.org/a"));
        assert_eq!(bare("@\u{200D}a b"), "@ab");
    }
}
