//! Whether a post whose answer was lost is among the account's own recent posts. Pure: pages of answers in, a verdict
//! out. The link decides, for a later part of a thread the post it answers; the text only chooses among several and must
//! agree.

use jiff::Timestamp;
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;
use url::Url;

/// One page of `GET /2/users/:id/tweets`.
/// Source: <https://docs.x.com/x-api/users/get-posts>, 2026-08.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    /// Newest first; absent where there are none.
    #[serde(default)]
    pub data: Vec<Tweet>,
    /// Always there in a well-formed answer.
    pub meta: Meta,
    /// Means that something was left out: then nothing can be told from what is there.
    pub errors: Option<serde_json::Value>,
}

/// The end of a page.
#[derive(Debug, Deserialize)]
pub(super) struct Meta {
    /// Where the next page starts, if there is one.
    pub next_token: Option<String>,
}

/// One post as X shows it.
#[derive(Debug, Deserialize)]
pub(super) struct Tweet {
    /// Digits.
    pub id: String,
    /// With every link as t.co, and `&`, `<`, `>` as HTML entities.
    #[serde(default)]
    text: String,
    created_at: Option<Timestamp>,
    #[serde(default)]
    entities: Entities,
    /// The whole text of a long post, where it was asked for.
    // X's OpenAPI document of 2026-08 has another name for it.
    #[serde(alias = "note_post")]
    note_tweet: Option<Note>,
    /// What it answers, quotes or repeats, where it was asked for.
    #[serde(default, alias = "referenced_posts")]
    referenced_tweets: Vec<Reference>,
}

#[derive(Debug, Deserialize)]
struct Reference {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

/// What a post of ours is known by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark<'a> {
    /// It links to the article.
    Links(&'a Url),
    /// It answers that post: a later part of a thread.
    Answers(&'a str),
}

impl Mark<'_> {
    /// As a person says it.
    const fn said(self) -> &'static str {
        match self {
            Self::Links(_) => "links to the article",
            Self::Answers(_) => "answers the part before",
        }
    }
}

#[derive(Debug, Deserialize)]
struct Note {
    text: String,
    #[serde(default)]
    entities: Entities,
}

#[derive(Debug, Default, Deserialize)]
struct Entities {
    #[serde(default)]
    urls: Vec<Link>,
}

#[derive(Debug, Deserialize)]
struct Link {
    url: String,
    expanded_url: Option<String>,
    unwound_url: Option<String>,
}

/// What the pages say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    /// The id of the post that is ours.
    Ours(&'a str),
    /// None has the mark.
    None,
    /// Something has it, but it cannot be told whether it is ours.
    Unsure(String),
}

/// Judges all posts of the window.
pub(super) fn judge<'a>(tweets: &'a [Tweet], mark: Mark<'_>, text: &str, since: Timestamp) -> Verdict<'a> {
    let linking: Vec<&Tweet> = tweets.iter().filter(|tweet| tweet.has(mark)).collect();
    if let Some(undated) = linking.iter().find(|tweet| tweet.created_at.is_none()) {
        return Verdict::Unsure(format!("post {} {} but carries no date", undated.id, mark.said()));
    }
    let recent: Vec<&Tweet> = linking.into_iter().filter(|tweet| tweet.created_at >= Some(since)).collect();
    let same: Vec<&Tweet> = recent.iter().copied().filter(|tweet| tweet.reads(text)).collect();
    match (recent.as_slice(), same.as_slice()) {
        ([], _) => Verdict::None,
        (_, [ours]) => Verdict::Ours(&ours.id),
        ([other], []) => Verdict::Unsure(format!("post {} {} but has another text", other.id, mark.said())),
        (several, _) => {
            let ids: Vec<&str> = several.iter().map(|tweet| tweet.id.as_str()).collect();
            Verdict::Unsure(format!("each of several posts {}: {}", mark.said(), ids.join(", ")))
        }
    }
}

impl Tweet {
    fn links(&self) -> &[Link] {
        self.note_tweet.as_ref().map_or(&self.entities.urls, |note| &note.entities.urls)
    }

    fn has(&self, mark: Mark<'_>) -> bool {
        match mark {
            Mark::Links(link) => self.links_to(link),
            Mark::Answers(id) => self.referenced_tweets.iter().any(|to| to.kind == "replied_to" && to.id == id),
        }
    }

    fn links_to(&self, link: &Url) -> bool {
        self.links().iter().chain(&self.entities.urls).any(|found| {
            [&found.expanded_url, &found.unwound_url]
                .into_iter()
                .flatten()
                .any(|text| Url::parse(text).is_ok_and(|url| url == *link))
        })
    }

    /// Whether this is what became of `sent`: the texts agree, with each t.co standing for the link it hides.
    fn reads(&self, sent: &str) -> bool {
        let shown = self.note_tweet.as_ref().map_or(&self.text, |note| &note.text);
        let (shown, sent) = (plain(&unescape(shown)), plain(sent));
        let (mut shown, mut sent) = (shown.as_str(), sent.as_str());
        for link in self.links() {
            let Some((before, after)) = shown.split_once(link.url.as_str()) else { return false };
            if link.is_picture() {
                // X writes a link to the post's own picture after its text.
                let Some(rest) = sent.strip_prefix(before.trim_end()) else { return false };
                (shown, sent) = (after, rest);
                continue;
            }
            let Some(rest) = sent.strip_prefix(before) else { return false };
            let Some(rest) = link.strip(rest) else { return false };
            (shown, sent) = (after, rest);
        }
        shown == sent
    }
}

impl Link {
    /// Whether it leads to a picture of the post itself.
    fn is_picture(&self) -> bool {
        let url = self.expanded_url.as_deref().and_then(|text| Url::parse(text).ok());
        url.is_some_and(|url| {
            let ours = matches!(url.host_str(), Some("x.com" | "twitter.com" | "pic.x.com" | "pic.twitter.com"));
            ours && url.path().contains("/status/") && url.path().contains("/photo/")
        })
    }

    /// Cuts this link off the start of the text that was sent: in full, or as the bare domain that X gave a scheme.
    fn strip<'a>(&self, sent: &'a str) -> Option<&'a str> {
        let full = self.expanded_url.as_deref()?;
        let bare = full.strip_prefix("https://").or_else(|| full.strip_prefix("http://"));
        let forms = [Some(full), bare, full.strip_suffix('/'), bare.and_then(|bare| bare.strip_suffix('/'))];
        forms.into_iter().flatten().find_map(|form| sent.strip_prefix(form))
    }
}

/// The three entities that X writes into a text.
fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// NFC, with each run of blanks as one: X may trim and normalise.
fn plain(text: &str) -> String {
    text.nfc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields as X's page documents them; names and addresses are invented.
    const PAGE: &str = r#"{
      "data": [
        {
          "id": "1880000000000000011", "edit_history_tweet_ids": ["1880000000000000011"],
          "created_at": "2026-11-20T10:05:00.000Z",
          "text": "Bread &amp; salt: prices &lt;up&gt;\nhttps://t.co/AAAAAAAAAA",
          "entities": {"urls": [{"start": 30, "end": 53, "url": "https://t.co/AAAAAAAAAA",
            "expanded_url": "https://news.example/a?x=1&y=2", "display_url": "news.example/a?x=1&y=2",
            "status": 200, "unwound_url": "https://news.example/a?x=1&y=2"}]}
        },
        {"id": "1880000000000000010", "created_at": "2026-11-20T10:01:00Z", "text": "Nothing linked"},
        {
          "id": "1880000000000000009", "created_at": "2026-11-20T09:00:00Z",
          "text": "ASP.NET: https://t.co/BBBBBBBBBB news https://t.co/CCCCCCCCCC",
          "entities": {"urls": [
            {"url": "https://t.co/BBBBBBBBBB", "expanded_url": "http://ASP.NET/"},
            {"url": "https://t.co/CCCCCCCCCC", "expanded_url": "https://short.example/z",
             "unwound_url": "https://news.example/net"}]}
        }
      ],
      "meta": {"result_count": 3, "newest_id": "1880000000000000011", "oldest_id": "1880000000000000009"}
    }"#;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn finds_ours_by_link_and_text() {
        let page: Page = serde_json::from_str(PAGE).unwrap();
        let a = url("https://news.example/a?x=1&y=2");
        let sent = "Bread & salt: prices <up>\nhttps://news.example/a?x=1&y=2";
        let ours = Verdict::Ours("1880000000000000011");
        assert_eq!(judge(&page.data, Mark::Links(&a), sent, at("2026-11-20T10:00:00Z")), ours);
        // Too old for the window: not ours, whatever it says.
        assert_eq!(judge(&page.data, Mark::Links(&a), sent, at("2026-11-20T10:05:01Z")), Verdict::None);
        assert_eq!(
            judge(&page.data, Mark::Links(&url("https://news.example/b")), sent, at("2026-11-20T00:00:00Z")),
            Verdict::None
        );
        // The same words never suffice without the link.
        assert_eq!(
            judge(&page.data, Mark::Links(&url("https://x.example/")), "Nothing linked", at("2026-11-20T00:00:00Z")),
            Verdict::None
        );
    }

    #[test]
    fn undoes_the_wrapping_of_bare_domains_and_redirects() {
        let page: Page = serde_json::from_str(PAGE).unwrap();
        let net = url("https://news.example/net");
        let verdict = judge(
            &page.data,
            Mark::Links(&net),
            "ASP.NET: ASP.NET news https://short.example/z",
            at("2026-11-20T00:00:00Z"),
        );
        assert_eq!(verdict, Verdict::Ours("1880000000000000009"));
    }

    #[test]
    fn another_text_with_the_link_is_no_answer() {
        let page: Page = serde_json::from_str(PAGE).unwrap();
        let a = url("https://news.example/a?x=1&y=2");
        for sent in ["Other words https://news.example/a?x=1&y=2", "Bread & salt: prices <up>", ""] {
            let verdict = judge(&page.data, Mark::Links(&a), sent, at("2026-11-20T00:00:00Z"));
            assert!(matches!(&verdict, Verdict::Unsure(why) if why.contains("another text")), "{sent}: {verdict:?}");
        }
    }

    #[test]
    fn among_several_the_text_decides_or_nobody() {
        let tweet = |id: &str, words: &str, created: &str| {
            format!(
                r#"{{"id":"{id}","text":"{words} https://t.co/A","created_at":{created},
                "entities":{{"urls":[{{"url":"https://t.co/A","expanded_url":"https://n.example/1"}}]}}}}"#
            )
        };
        let day = r#""2026-11-20T10:00:00Z""#;
        let link = url("https://n.example/1");
        let cases = [
            (vec![tweet("1", "one", day), tweet("2", "two", day)], Some("2")),
            (vec![tweet("1", "one", day), tweet("2", "one", day)], None),
            (vec![tweet("1", "two", day), tweet("2", "two", day)], None),
            (vec![tweet("1", "two", day), tweet("2", "one", "null")], None),
        ];
        for (tweets, expected) in cases {
            let page: Page =
                serde_json::from_str(&format!(r#"{{"data":[{}],"meta":{{"result_count":2}}}}"#, tweets.join(",")))
                    .unwrap();
            let verdict = judge(&page.data, Mark::Links(&link), "two https://n.example/1", at("2026-11-20T00:00:00Z"));
            match expected {
                Some(id) => assert_eq!(verdict, Verdict::Ours(id)),
                None => assert!(matches!(verdict, Verdict::Unsure(_)), "{verdict:?}"),
            }
        }
    }

    #[test]
    fn a_later_part_is_known_by_the_part_it_answers_and_its_text() {
        let tweet = |id: &str, words: &str, parent: &str, kind: &str| {
            format!(
                r#"{{"id":"{id}","text":"{words}","created_at":"2026-11-20T10:00:00Z",
                "referenced_tweets":[{{"type":"{kind}","id":"{parent}"}}]}}"#
            )
        };
        let cases = [
            (vec![tweet("1", "two", "7", "replied_to"), tweet("2", "two", "8", "replied_to")], Some(Some("1"))),
            (vec![tweet("1", "two", "8", "replied_to"), tweet("2", "two", "7", "quoted")], Some(None)),
            (vec![tweet("1", "other", "7", "replied_to")], None),
            (vec![tweet("1", "two", "7", "replied_to"), tweet("2", "two", "7", "replied_to")], None),
            (vec![], Some(None)),
        ];
        for (tweets, expected) in cases {
            let page: Page =
                serde_json::from_str(&format!(r#"{{"data":[{}],"meta":{{"result_count":2}}}}"#, tweets.join(",")))
                    .unwrap();
            let verdict = judge(&page.data, Mark::Answers("7"), "two", at("2026-11-20T00:00:00Z"));
            match expected {
                Some(Some(id)) => assert_eq!(verdict, Verdict::Ours(id)),
                Some(None) => assert_eq!(verdict, Verdict::None),
                None => assert!(matches!(verdict, Verdict::Unsure(_)), "{verdict:?}"),
            }
        }
    }

    #[test]
    fn reads_the_whole_text_of_a_long_post() {
        let page: Page = serde_json::from_str(
            r#"{"data":[{"id":"5","text":"A long beginning that X cuts","created_at":"2026-11-20T10:00:00Z",
                "note_tweet":{"text":"A long beginning that X cuts in the list https://t.co/D",
                "entities":{"urls":[{"url":"https://t.co/D","expanded_url":"https://n.example/long"}]}}}],
                "meta":{"result_count":1}}"#,
        )
        .unwrap();
        let sent = "A long beginning that X cuts in the list https://n.example/long";
        let verdict = judge(&page.data, Mark::Links(&url("https://n.example/long")), sent, at("2026-11-20T00:00:00Z"));
        assert_eq!(verdict, Verdict::Ours("5"));
    }

    #[test]
    fn a_page_without_its_end_is_no_page() {
        assert!(serde_json::from_str::<Page>("{}").is_err());
        assert!(serde_json::from_str::<Page>(r#"{"data":[]}"#).is_err());
        assert!(serde_json::from_str::<Page>(r#"{"meta":{"result_count":0}}"#).unwrap().data.is_empty());
    }
}
