//! Whether a post of ours is among an account's own recent posts. Pure: what a list showed in, a verdict out. The link
//! decides, for a later part of a thread the post it answers; the text chooses among several and must agree. The words of
//! ours without its mark are not nothing: it may have lost the mark, so nobody can tell.

use jiff::Timestamp;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;
use url::Url;

use super::{id_of, instant};
use crate::platform::wire;

/// One post as a list shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// The platform's id of it.
    pub id: String,
    /// Its text.
    pub text: String,
    /// When it was made.
    pub at: Option<Timestamp>,
    /// Where people see it.
    pub url: Option<String>,
    /// Where it leads, beside the links in its text.
    pub links: Vec<String>,
    /// The post it answers.
    pub parent: Option<String>,
    /// The id of the app that made it, where it is told.
    pub app: Option<String>,
}

impl Own {
    /// Reads an entry of a list of Instagram or Threads; `text` is the field its words are in.
    pub fn read(entry: &Value, text: &str) -> Option<Self> {
        Some(Self {
            id: id_of(&entry["id"])?,
            text: entry[text].as_str().unwrap_or_default().to_owned(),
            at: entry["timestamp"].as_str().and_then(instant),
            url: entry["permalink"].as_str().map(str::to_owned),
            links: entry["link_attachment_url"].as_str().map(str::to_owned).into_iter().collect(),
            parent: id_of(&entry["replied_to"]["id"]).or_else(|| id_of(&entry["replied_to"])),
            app: None,
        })
    }
}

/// What a post of ours is known by.
#[derive(Clone, Copy, Debug)]
pub enum Mark<'a> {
    /// It leads to the article.
    Links(&'a Url),
    /// It answers that post: a later part of a thread.
    Answers(&'a str),
    /// Its words alone. Enough only where something else proves that it is out.
    Words,
}

/// What a list says.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// The post that is ours.
    Ours(&'a Own),
    /// None has the mark.
    None,
    /// Something has it, but it cannot be told whether it is ours.
    Unsure(String),
}

/// Judges what was made since then.
pub fn judge<'a>(list: &'a [Own], mark: Mark<'_>, text: &str, since: Timestamp) -> Verdict<'a> {
    let marked: Vec<&Own> = list.iter().filter(|own| has(own, mark, text)).collect();
    if let Some(undated) = marked.iter().find(|own| own.at.is_none()) {
        return Verdict::Unsure(format!("post {} is like ours but carries no date", undated.id));
    }
    let recent: Vec<&Own> = marked.into_iter().filter(|own| own.at >= Some(since)).collect();
    let same: Vec<&Own> = recent.iter().copied().filter(|own| plain(&own.text) == plain(text)).collect();
    match (recent.as_slice(), same.as_slice()) {
        ([], _) => unmarked(list, mark, text, since),
        (_, [ours]) => Verdict::Ours(ours),
        ([other], []) => Verdict::Unsure(format!("post {} has the link of ours and another text", other.id)),
        (several, _) => {
            let ids: Vec<&str> = several.iter().map(|own| own.id.as_str()).collect();
            Verdict::Unsure(format!("each of several posts may be ours: {}", ids.join(", ")))
        }
    }
}

/// None has the mark: whether one has the words alone.
fn unmarked<'a>(list: &'a [Own], mark: Mark<'_>, text: &str, since: Timestamp) -> Verdict<'a> {
    let elsewhere = |own: &Own| matches!(mark, Mark::Answers(_)) && own.parent.is_some();
    let alike = list.iter().find(|own| {
        own.at.is_none_or(|at| at >= since)
            && !elsewhere(own)
            && !text.trim().is_empty()
            && plain(&own.text) == plain(text)
    });
    match alike {
        Some(own) => Verdict::Unsure(format!("post {} has the text of ours, and nothing else to know it by", own.id)),
        None => Verdict::None,
    }
}

fn has(own: &Own, mark: Mark<'_>, text: &str) -> bool {
    match mark {
        Mark::Links(link) => {
            let leads = |text: &String| Url::parse(text).is_ok_and(|url| url == *link);
            own.links.iter().any(leads) || wire::names(&own.text, link.as_str())
        }
        Mark::Answers(id) => own.parent.as_deref() == Some(id),
        Mark::Words => plain(&own.text) == plain(text),
    }
}

/// NFC, with each run of blanks as one: platforms trim and normalise.
pub fn plain(text: &str) -> String {
    text.nfc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(id: &str, text: &str, at: &str) -> Own {
        Own { id: id.to_owned(), text: text.to_owned(), at: at.parse().ok(), ..Own::default() }
    }

    #[test]
    fn a_post_is_known_by_its_link_and_its_words_agree() {
        let link = Url::parse("https://e.org/a").unwrap();
        let since: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let (new, old) = ("2026-11-25T12:01:00Z", "2026-11-25T11:59:00Z");
        let verdict = |list: &[Own], mark: Mark<'_>, text: &str| match judge(list, mark, text, since) {
            Verdict::Ours(own) => own.id.clone(),
            Verdict::None => "none".to_owned(),
            Verdict::Unsure(why) => format!("? {why}"),
        };
        let text = "News https://e.org/a";
        let of = |list: &[Own]| verdict(list, Mark::Links(&link), text);
        assert_eq!(of(&[]), "none");
        assert_eq!(of(&[own("1", "News  https://e.org/a\n", new)]), "1");
        assert_eq!(of(&[own("1", text, old)]), "none");
        assert_eq!(of(&[own("1", "News https://e.org/ab", new)]), "none", "another link that begins alike");
        assert!(of(&[own("1", "Other https://e.org/a", new)]).contains("another text"));
        assert!(of(&[own("1", text, new), own("2", text, new)]).contains("1, 2"));
        assert_eq!(of(&[own("1", text, new), own("2", "Other https://e.org/a", new)]), "1", "the text chooses");
        assert!(of(&[own("1", text, "never")]).contains("no date"));
        let carded = Own { links: vec!["https://e.org/a".to_owned()], ..own("1", "News", new) };
        assert_eq!(
            verdict(std::slice::from_ref(&carded), Mark::Links(&link), "News"),
            "1",
            "the link stands in its card alone"
        );
        assert!(verdict(std::slice::from_ref(&carded), Mark::Answers("0"), "News").contains("has the text"));
        let elsewhere = Own { parent: Some("9".to_owned()), ..carded };
        assert_eq!(verdict(&[elsewhere], Mark::Answers("0"), "News"), "none", "it answers another post");
        assert_eq!(of(&[own("1", "Read (https://e.org/a).", new)]), "? post 1 has the link of ours and another text");
        let bare = |at: &str| verdict(&[own("1", "News", at)], Mark::Links(&link), " News\n");
        assert!(bare(new).contains("has the text of ours"), "it may have lost its link");
        assert!(bare("never").contains("has the text of ours"));
        assert_eq!(bare(old), "none");
        let reply = Own { parent: Some("0".to_owned()), ..own("2", "More", new) };
        assert_eq!(verdict(std::slice::from_ref(&reply), Mark::Answers("0"), "More"), "2");
        assert_eq!(verdict(&[reply, own("3", "More!", new)], Mark::Words, "More!"), "3");
    }

    #[test]
    fn an_entry_of_a_list_is_read() {
        let entry = serde_json::json!({"id": "7", "text": "t", "timestamp": "2026-01-31T08:15:00+0000",
            "permalink": "https://p.example/7", "link_attachment_url": "https://e.org/a", "replied_to": {"id": "6"}});
        let own = Own::read(&entry, "text").unwrap();
        assert_eq!((own.id.as_str(), own.text.as_str(), own.parent.as_deref()), ("7", "t", Some("6")));
        assert_eq!((own.links.len(), own.at), (1, "2026-01-31T08:15:00Z".parse().ok()));
        assert_eq!(Own::read(&serde_json::json!({"caption": "c"}), "caption"), None);
    }
}
