//! JSON-LD of a page -> the story it tells: `NewsArticle` and its kin, wherever they stand (alone, in lists, in
//! `@graph`, as `mainEntity`). JSON as pages write it: comments around it, commas too many, line ends inside texts.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use url::Url;

use super::meta::split_names;
use crate::model::article::Image;
use crate::source::date;
use crate::source::entry::{distinct, language, line, resolve, text as paragraphs};
use crate::source::identity::canonical;

/// Types that are an article. Source: schema.org, types below Article and SocialMediaPosting, 2026-11.
const ARTICLES: [&str; 16] = [
    "NewsArticle",
    "Article",
    "ReportageNewsArticle",
    "AnalysisNewsArticle",
    "BackgroundNewsArticle",
    "OpinionNewsArticle",
    "ReviewNewsArticle",
    "AskPublicNewsArticle",
    "LiveBlogPosting",
    "BlogPosting",
    "AdvertiserContentArticle",
    "SatiricalArticle",
    "Report",
    "TechArticle",
    "ScholarlyArticle",
    "SocialMediaPosting",
];
/// The most objects looked at on one page.
const MAX_OBJECTS: usize = 1_000;
/// How deep objects are followed.
const MAX_DEEP: usize = 8;
/// The most pictures or names kept of one story.
const MAX_LIST: usize = 20;

/// What JSON-LD says of one article.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// Its page.
    pub url: Option<Url>,
    /// Plain text, one line.
    pub headline: Option<String>,
    /// Plain text.
    pub description: Option<String>,
    /// In the order given.
    pub pictures: Vec<Image>,
    /// Names.
    pub authors: Vec<String>,
    /// When it was published.
    pub published: Option<Timestamp>,
    /// When it last changed.
    pub modified: Option<Timestamp>,
    /// The section it stands in.
    pub section: Option<String>,
    /// What it is about.
    pub keywords: Vec<String>,
    /// BCP 47 tag.
    pub language: Option<String>,
    /// Whether everyone may read it.
    pub free: Option<bool>,
    /// Who publishes it.
    pub publisher: Option<String>,
}

/// The stories of one script, in document order; none where it is no JSON even with goodwill.
pub fn read(script: &str, base: &Url, zone: &TimeZone) -> Vec<Story> {
    let Some(value) = lenient(script) else { return Vec::new() };
    let mut all = Vec::new();
    objects(&value, 0, &mut all);
    let graph = Graph { all, base, zone };
    let objects = graph.all.iter().filter_map(|value| value.as_object());
    objects.filter(|object| is_article(object)).map(|object| graph.story(object)).collect()
}

/// The story that a page with several is about: the one whose address is the page's, else the first.
pub fn of_page(mut stories: Vec<Story>, stated: Option<&Url>, base: &Url) -> Option<Story> {
    let wanted = [stated, Some(base)].into_iter().flatten().filter_map(canonical).collect::<Vec<_>>();
    let is_ours = |story: &Story| story.url.as_ref().and_then(canonical).is_some_and(|url| wanted.contains(&url));
    let at = stories.iter().position(is_ours).unwrap_or(0);
    (at < stories.len()).then(|| stories.swap_remove(at))
}

fn objects<'v>(value: &'v Value, deep: usize, out: &mut Vec<&'v Value>) {
    if deep > MAX_DEEP || out.len() >= MAX_OBJECTS {
        return;
    }
    match value {
        Value::Array(list) => list.iter().for_each(|value| objects(value, deep + 1, out)),
        Value::Object(object) => {
            out.push(value);
            // Where articles are kept; what else an article mentions is not the page's story.
            for key in ["@graph", "mainEntity", "mainEntityOfPage", "itemListElement", "item"] {
                if let Some(value) = object.get(key).filter(|_| key == "@graph" || !is_article(object)) {
                    objects(value, deep + 1, out);
                }
            }
            // Persons and pictures that others refer to by their id.
            if is_article(object) {
                for value in ["author", "image", "publisher"].iter().filter_map(|key| object.get(*key)) {
                    objects(value, MAX_DEEP, out);
                }
            }
        }
        _ => {}
    }
}

fn is_article(object: &Map<String, Value>) -> bool {
    let fits = |word: &str| ARTICLES.iter().any(|known| word.rsplit(['/', ':', '#']).next() == Some(known));
    match object.get("@type") {
        Some(Value::String(word)) => fits(word),
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).any(fits),
        _ => false,
    }
}

struct Graph<'v> {
    all: Vec<&'v Value>,
    base: &'v Url,
    zone: &'v TimeZone,
}

impl<'v> Graph<'v> {
    fn story(&self, object: &'v Map<String, Value>) -> Story {
        let text = |key: &str| texts(object.get(key)).into_iter().next();
        let words = |key: &str| text(key).map(|text| line(&text)).filter(|text| !text.is_empty());
        let when = |key: &str| text(key).and_then(|text| date::read(&text, self.zone));
        let page = object.get("mainEntityOfPage").map(|page| self.whole(page));
        let url = text("url").or_else(|| match page {
            Some(Value::String(url)) => Some(url.clone()),
            Some(Value::Object(page)) => texts(page.get("@id").or_else(|| page.get("url"))).into_iter().next(),
            _ => None,
        });
        let mut authors = Vec::new();
        self.names(object.get("author").or_else(|| object.get("creator")), &mut authors);
        let mut pictures = Vec::new();
        for key in ["image", "thumbnailUrl"] {
            if pictures.is_empty() {
                self.pictures(object.get(key), &mut pictures, 0);
            }
        }
        let mut publisher = Vec::new();
        self.names(object.get("publisher"), &mut publisher);
        let keywords = texts(object.get("keywords"));
        let keywords = keywords.iter().flat_map(|text| text.split([',', ';', '،', '、'])).map(line).collect();
        Story {
            url: url.and_then(|url| resolve(&url, self.base)),
            headline: words("headline").or_else(|| words("name")),
            description: text("description").map(|text| paragraphs(&text)).filter(|text| !text.is_empty()),
            pictures,
            authors: distinct(authors),
            published: when("datePublished").or_else(|| when("dateCreated")),
            modified: when("dateModified"),
            section: words("articleSection"),
            keywords: distinct(keywords),
            language: text("inLanguage").and_then(|tag| language(&tag)),
            free: free(object),
            publisher: publisher.into_iter().next(),
        }
    }

    /// An object that is only `{"@id": …}` stands for the one with that id.
    fn whole(&self, value: &'v Value) -> &'v Value {
        let id = value.as_object().filter(|object| object.len() == 1).and_then(|object| object.get("@id"));
        let Some(id) = id else { return value };
        let is_whole =
            |other: &&'v Value| other.get("@id") == Some(id) && other.as_object().is_some_and(|o| o.len() > 1);
        self.all.iter().copied().find(|other| is_whole(other)).unwrap_or(value)
    }

    fn names(&self, value: Option<&'v Value>, out: &mut Vec<String>) {
        match value.map(|value| self.whole(value)) {
            Some(Value::Array(list)) => list.iter().take(MAX_LIST).for_each(|value| self.names(Some(value), out)),
            Some(Value::Object(person)) => out.extend(texts(person.get("name")).iter().map(|name| line(name))),
            Some(Value::String(text)) if !text.contains("://") => out.extend(split_names(text)),
            _ => {}
        }
    }

    fn pictures(&self, value: Option<&'v Value>, out: &mut Vec<Image>, deep: usize) {
        if deep > 3 || out.len() >= MAX_LIST {
            return;
        }
        match value.map(|value| self.whole(value)) {
            Some(Value::Array(list)) => list.iter().for_each(|value| self.pictures(Some(value), out, deep + 1)),
            Some(Value::String(url)) => out.extend(resolve(url, self.base).map(Image::at)),
            Some(Value::Object(object)) => {
                let at = ["url", "contentUrl", "@id"].iter().find_map(|key| object.get(*key));
                let mut at = texts(at).into_iter();
                let Some(url) = at.next().and_then(|url| resolve(&url, self.base)) else { return };
                let said = |key: &str| texts(object.get(key)).first().map(|text| line(text)).filter(|t| !t.is_empty());
                out.push(Image {
                    alt: said("description").or_else(|| said("name")),
                    caption: said("caption"),
                    width: number(object.get("width")),
                    height: number(object.get("height")),
                    ..Image::at(url)
                });
            }
            _ => {}
        }
    }
}

/// Pixels: a number, `"1200"`, `"1200px"`, or `{ "value": 1200 }`.
fn number(value: Option<&Value>) -> Option<u32> {
    match value? {
        Value::Number(number) => {
            number.as_f64().filter(|n| (1.0..1e6).contains(n)).and_then(|n| format!("{n:.0}").parse().ok())
        }
        Value::String(text) => text.trim().trim_end_matches("px").trim().parse().ok(),
        Value::Object(object) => number(object.get("value").filter(|value| !value.is_object())),
        _ => None,
    }
}

/// The texts of a value: one, or a list; of a language map (`{"@value": …}`) its value.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) => list.iter().take(MAX_LIST).filter_map(|value| texts(Some(value)).pop()).collect(),
        Some(Value::Object(object)) => {
            let key = ["@value", "name", "@id"].iter().find_map(|key| object.get(*key)?.as_str());
            key.map(str::to_owned).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// `isAccessibleForFree` of the article, else of its parts: a part that costs makes the article cost. Source: Google,
/// "Subscription and paywalled content", 2026-11.
fn free(object: &Map<String, Value>) -> Option<bool> {
    let said = |object: &Map<String, Value>| match object.get("isAccessibleForFree")? {
        Value::Bool(free) => Some(*free),
        Value::String(word) => match word.rsplit('/').next()?.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" => Some(true),
            "false" | "no" => Some(false),
            _ => None,
        },
        _ => None,
    };
    said(object).or_else(|| {
        let parts = match object.get("hasPart")? {
            Value::Array(list) => list.iter().filter_map(Value::as_object).collect(),
            Value::Object(one) => vec![one],
            _ => Vec::new(),
        };
        parts.iter().any(|part| said(part) == Some(false)).then_some(false)
    })
}

/// JSON as pages write it.
fn lenient(script: &str) -> Option<Value> {
    let mut text = script.trim();
    for (start, end) in [("<!--", "-->"), ("<![CDATA[", "]]>"), ("//<![CDATA[", "//]]>"), ("/*<![CDATA[*/", "/*]]>*/")]
    {
        text = text.strip_prefix(start).unwrap_or(text).trim();
        text = text.strip_suffix(end).unwrap_or(text).trim();
    }
    let text = text.trim_end_matches(';').trim();
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&mended(text)).ok())
}

/// Without commas before a closing bracket; control characters inside texts are blanks; what follows the first value is
/// cut off.
fn mended(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut quoted, mut escaped, mut depth) = (false, false, 0usize);
    for c in text.chars() {
        if quoted {
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
            out.push(if c.is_control() { ' ' } else { c });
            continue;
        }
        match c {
            '"' => quoted = true,
            '{' | '[' => depth += 1,
            '}' | ']' => {
                out.truncate(out.trim_end().len());
                while out.ends_with(',') {
                    out.pop();
                    out.truncate(out.trim_end().len());
                }
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
        out.push(c);
        if depth == 0 && matches!(c, '}' | ']') {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Url {
        Url::parse("https://news.example/a").unwrap()
    }

    fn one(script: &str) -> Option<Story> {
        of_page(read(script, &base(), &TimeZone::UTC), None, &base())
    }

    #[test]
    fn finds_the_article_wherever_it_stands() {
        for (name, script) in [
            ("alone", r#"{"@type":"NewsArticle","headline":"H"}"#),
            ("list", r#"[{"@type":"WebSite"},{"@type":["Thing","NewsArticle"],"headline":"H"}]"#),
            ("graph", r#"{"@graph":[{"@type":"Organization"},{"@type":"schema:Article","headline":"H"}]}"#),
            ("main entity", r#"{"@type":"WebPage","mainEntity":{"@type":"LiveBlogPosting","headline":"H"}}"#),
            ("full name of the type", r#"{"@type":"http://schema.org/NewsArticle","headline":"H"}"#),
            ("comment around", "<!-- {\"@type\":\"NewsArticle\",\"headline\":\"H\"} -->"),
            ("commas too many", "{\"@type\":\"NewsArticle\",\"headline\":\"H\",\"a\":[1,2,],\n}"),
            ("a line's end in a text", "{\"@type\":\"NewsArticle\",\"description\":\"a\nb\",\"headline\":\"H\"}"),
            ("something behind", "{\"@type\":\"NewsArticle\",\"headline\":\"H\"}; var a = 1;"),
            ("name only", r#"{"@type":"Article","name":"H"}"#),
            ("markup in it", r#"{"@type":"Article","headline":"<b>H<\/b>"}"#),
        ] {
            assert_eq!(one(script).and_then(|story| story.headline).as_deref(), Some("H"), "{name}");
        }
        for script in
            ["", "{", "var a", r#"{"@type":"Person","name":"H"}"#, "[]", "\"NewsArticle\"", &"[".repeat(10_000)]
        {
            assert_eq!(one(script), None, "{}", &script[..script.len().min(40)]);
        }
    }

    #[test]
    fn the_story_of_the_page_is_chosen_by_its_address() {
        let script = r#"[{"@type":"NewsArticle","headline":"Other","url":"https://news.example/b"},
                         {"@type":"NewsArticle","headline":"Ours","mainEntityOfPage":{"@id":"https://news.example/a/"}}]"#;
        assert_eq!(one(script).unwrap().headline.as_deref(), Some("Ours"));
    }

    #[test]
    fn an_article_with_all_it_may_have() {
        let story = one(
            r##"{"@context":"https://schema.org","@graph":[
              {"@type":"Person","@id":"#p","name":"Leyla Əliyeva"},
              {"@type":"ImageObject","@id":"#i","url":"/p.jpg","width":1200,"height":"630px","caption":"Körpü"},
              {"@type":"NewsArticle","headline":"Körpü açıldı","author":[{"@id":"#p"},{"name":"John Doe"}],
               "image":{"@id":"#i"},"datePublished":"2026-11-25T08:00:00+04:00","dateModified":"2026-11-25T09:00:00+04:00",
               "articleSection":["Ölkə","Nəqliyyat"],"keywords":"körpü, yol","inLanguage":"az-AZ",
               "isAccessibleForFree":"False","publisher":{"@type":"Organization","name":"Xəbər"}}]}"##,
        )
        .unwrap();
        assert_eq!(story.authors, ["Leyla Əliyeva", "John Doe"]);
        let image = &story.pictures[0];
        assert_eq!((image.url.path(), image.width, image.height), ("/p.jpg", Some(1200), Some(630)));
        assert_eq!(story.published.unwrap().to_string(), "2026-11-25T04:00:00Z");
        assert_eq!((story.section.as_deref(), story.language.as_deref()), (Some("Ölkə"), Some("az-AZ")));
        assert_eq!((story.keywords, story.free), (vec!["körpü".to_owned(), "yol".to_owned()], Some(false)));
        assert_eq!(story.publisher.as_deref(), Some("Xəbər"));
    }

    #[test]
    fn who_may_read_it() {
        for (said, expected) in [
            ("true", Some(true)),
            ("\"https://schema.org/False\"", Some(false)),
            ("\"maybe\"", None),
            ("null, \"hasPart\":[{\"isAccessibleForFree\":true},{\"isAccessibleForFree\":\"false\"}]", Some(false)),
            ("null, \"hasPart\":{\"isAccessibleForFree\":true}", None),
        ] {
            let story = one(&format!("{{\"@type\":\"NewsArticle\",\"isAccessibleForFree\":{said}}}")).unwrap();
            assert_eq!(story.free, expected, "{said}");
        }
    }
}
