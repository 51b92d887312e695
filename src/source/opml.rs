//! OPML, the list of subscriptions that feed readers exchange: its bytes -> what is subscribed to, and back. Read with
//! `mend`'s lenient tokens, so bounded as feeds are. What becomes of a subscription is `cli::import`.

use url::Url;

use super::feed::Unreadable;
use super::mend::{Scanner, Tag, Token, escape};
use super::{Settings, decode, entry};
use crate::text::plain;

/// The most bytes of a list, 5 MiB. Source: reliability.md section 6, 2026-11.
pub const MAX_LIST: usize = 5 * 1024 * 1024;
/// The most subscriptions of one list.
pub const MAX_SUBSCRIPTIONS: usize = 5_000;
/// The deepest folder that names a category; folders further in are read, but name none.
const MAX_FOLDERS: usize = 16;
/// The most notes kept.
const MAX_NOTES: usize = 20;
/// The longest name of a folder or a feed, bytes.
const LONGEST_NAME: usize = 256;

/// What a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// In the order of the list, each address once.
    pub subscriptions: Vec<Subscription>,
    /// What was left out and why, one readable line each.
    pub dropped: Vec<String>,
}

/// A feed that somebody follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its name there, plain text; may be empty.
    pub title: String,
    /// Where it is.
    pub url: Url,
    /// The folders it lies in, outermost first, and the categories it states.
    pub categories: Vec<String>,
    /// BCP 47 tag.
    pub language: Option<String>,
}

/// Reads a list. A feed that stands in it twice is taken once, with the categories of both.
///
/// # Errors
/// [`Unreadable`] for what is no OPML.
pub fn read(bytes: &[u8]) -> Result<List, Unreadable> {
    if bytes.len() > MAX_LIST {
        return Err(Unreadable::new(format!("larger than {} MiB", MAX_LIST / 1024 / 1024)));
    }
    let text = decode::decode(bytes, None);
    let mut list = List::default();
    let mut places = std::collections::HashMap::new();
    let (mut root, mut folders): (Option<bool>, Vec<Option<String>>) = (None, Vec::new());
    for token in Scanner::new(&text) {
        match token {
            Token::Open(tag) if is_outline(tag.name) => {
                let folder = match address(&tag) {
                    Some(address) => {
                        take(&mut list, &mut places, &tag, &address, &folders);
                        None
                    }
                    None => name(&tag),
                };
                if !tag.empty {
                    folders.push(folder);
                }
            }
            Token::Open(tag) => {
                root = root.or(Some(tag.name.eq_ignore_ascii_case("opml")));
                if root == Some(false) {
                    return Err(Unreadable::new(format!("a document of <{}>, not an OPML list", shown(tag.name))));
                }
            }
            Token::Close(name) if is_outline(name) => {
                folders.pop();
            }
            _ => {}
        }
    }
    // Some write the outlines and nothing around them.
    if root.is_none() && list.subscriptions.is_empty() {
        return Err(Unreadable::new("not an OPML list"));
    }
    Ok(list)
}

/// Writes a list: one line a subscription, in folders as deep as it has categories, in the order given.
pub fn write(title: &str, subscriptions: &[Subscription]) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<opml version=\"2.0\">\n  <head><title>{}</title></head>\n  <body>\n",
        escape(title)
    );
    let mut open: &[String] = &[];
    let indent = |depth: usize| "  ".repeat(depth + 2);
    for subscription in subscriptions {
        let wanted = subscription.categories.as_slice();
        let common = open.iter().zip(wanted).take_while(|(a, b)| a == b).count();
        for depth in (common..open.len()).rev() {
            out.push_str(&format!("{}</outline>\n", indent(depth)));
        }
        for (depth, folder) in wanted.iter().enumerate().skip(common) {
            out.push_str(&format!("{}<outline text=\"{}\">\n", indent(depth), value(folder)));
        }
        open = wanted;
        let language = subscription.language.as_ref().map(|tag| format!(" language=\"{}\"", value(tag)));
        out.push_str(&format!(
            "{}<outline type=\"rss\" text=\"{2}\" title=\"{2}\" xmlUrl=\"{1}\"{3}/>\n",
            indent(wanted.len()),
            value(subscription.url.as_str()),
            value(&subscription.title),
            language.unwrap_or_default(),
        ));
    }
    for depth in (0..open.len()).rev() {
        out.push_str(&format!("{}</outline>\n", indent(depth)));
    }
    out + "  </body>\n</opml>\n"
}

/// A source of the config as a subscription; `None` for one that is a file.
pub fn subscription(name: &str, settings: &Settings) -> Option<Subscription> {
    let url = entry::resolve(settings.url.as_deref()?, &Url::parse("about:blank").ok()?)?;
    let (categories, language) = (settings.categories.clone(), settings.language.clone());
    Some(Subscription { title: name.to_owned(), url, categories, language })
}

fn is_outline(name: &str) -> bool {
    name.eq_ignore_ascii_case("outline")
}

fn attribute<'t>(tag: &'t Tag<'_>, name: &str) -> Option<&'t str> {
    let found = tag.attributes.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
}

/// Where an outline's feed is; `None` for a folder.
fn address(tag: &Tag<'_>) -> Option<String> {
    let kind = attribute(tag, "type").unwrap_or("").to_ascii_lowercase();
    let loose = || attribute(tag, "url").filter(|_| matches!(kind.as_str(), "rss" | "atom" | "feed"));
    let text = attribute(tag, "xmlUrl").or_else(loose)?;
    // feed://host/path and feed:https://host/path
    Some(match text.strip_prefix("feed:") {
        Some(rest) if rest.starts_with("//") => format!("http:{rest}"),
        Some(rest) => rest.to_owned(),
        None => text.to_owned(),
    })
}

fn name(tag: &Tag<'_>) -> Option<String> {
    ["title", "text"].into_iter().filter_map(|key| attribute(tag, key)).map(clean).find(|name| !name.is_empty())
}

/// One short line of plain text.
fn clean(text: &str) -> String {
    let mut name = plain::line(text);
    name.truncate(name.floor_char_boundary(LONGEST_NAME));
    name
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

fn take(
    list: &mut List,
    places: &mut std::collections::HashMap<Url, usize>,
    tag: &Tag<'_>,
    address: &str,
    folders: &[Option<String>],
) {
    let mut note = |note: String| {
        if list.dropped.len() < MAX_NOTES {
            list.dropped.push(note);
        }
    };
    let found = Url::parse(address).ok().and_then(|url| entry::resolve(url.as_str(), &url));
    let Some(url) = found else {
        note(format!("{:?} is not an http or https address", shown(address)));
        return;
    };
    if !url.username().is_empty() || url.password().is_some() {
        note(format!("the address at {} holds a password, which no config may", url.host_str().unwrap_or("")));
        return;
    }
    let stated = attribute(tag, "category").unwrap_or("").split([',', '/']).map(clean);
    let mut categories: Vec<String> = folders.iter().flatten().take(MAX_FOLDERS).cloned().collect();
    categories.extend(stated);
    if let Some(known) = places.get(&url).and_then(|at: &usize| list.subscriptions.get_mut(*at)) {
        categories.splice(0..0, known.categories.drain(..));
        known.categories = entry::distinct(categories);
    } else if list.subscriptions.len() < MAX_SUBSCRIPTIONS {
        places.insert(url.clone(), list.subscriptions.len());
        let short = |tag: &String| tag.split('-').all(|part| part.len() <= 8) && !tag[..2].contains(char::is_numeric);
        let language = attribute(tag, "language").and_then(entry::language).filter(short);
        let title = name(tag).unwrap_or_default();
        list.subscriptions.push(Subscription { title, url, categories: entry::distinct(categories), language });
    } else {
        let full = format!("more than {MAX_SUBSCRIPTIONS} feeds: the others were not read");
        if !list.dropped.contains(&full) {
            list.dropped.push(full);
        }
    }
}

/// A text as the value of an attribute.
fn value(text: &str) -> String {
    escape(text).replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> List {
        read(text.as_bytes()).unwrap()
    }

    /// `name url [categories] language` of each.
    fn told(list: &List) -> Vec<String> {
        let one = |s: &Subscription| {
            format!("{} {} {:?} {}", s.title, s.url, s.categories, s.language.as_deref().unwrap_or("-"))
        };
        list.subscriptions.iter().map(one).collect()
    }

    #[test]
    fn folders_become_categories() {
        let list = list(
            "<?xml version='1.0'?><!-- mine --><opml version='1.1'><head><title>Mine</title></head><body>\
             <outline text='News'><outline title='City &amp; land'><outline text='Gazette' type='rss' language='en-us' \
             xmlUrl='https://gazette.example/rss'/></outline><outline TEXT='Radio' XMLURL='http://radio.example/feed'></outline>\
             </outline><outline text='Loose' xmlUrl='feed://loose.example/a' category='/Tech/AI,Web'/>\
             <outline xmlUrl='feed:https://nameless.example/'/></body></opml>",
        );
        assert_eq!(
            told(&list),
            [
                r#"Gazette https://gazette.example/rss ["News", "City & land"] en-us"#,
                r#"Radio http://radio.example/feed ["News"] -"#,
                r#"Loose http://loose.example/a ["Tech", "AI", "Web"] -"#,
                r#" https://nameless.example/ [] -"#,
            ]
        );
        assert_eq!(list.dropped, Vec::<String>::new());
    }

    #[test]
    fn a_feed_that_stands_twice_is_one() {
        let list = list(
            "<opml><body><outline text='A'><outline text='x' xmlUrl='https://x.example/f'/></outline><outline text='B'>\
             <outline text='y' xmlUrl='https://x.example/f'/></outline></body></opml>",
        );
        assert_eq!(told(&list), [r#"x https://x.example/f ["A", "B"] -"#]);
    }

    #[test]
    fn only_the_web_gets_in() {
        let list = list(
            "<opml><outline text='a' xmlUrl='file:///etc/passwd'/><outline text='b' xmlUrl='javascript:alert(1)'/>\
             <outline text='c' xmlUrl='/relative'/><outline text='d' xmlUrl='https://u:p@d.example/'/>\
             <outline text='e' type='link' url='https://e.example/other.opml'/>\
             <outline text='good' xmlUrl='https://good.example/'></opml>",
        );
        assert_eq!(told(&list), ["good https://good.example/ [] -"]);
        assert_eq!(list.dropped.len(), 4, "{:?}", list.dropped);
        assert!(!list.dropped.iter().any(|note| note.contains("u:p")), "{:?}", list.dropped);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for (text, expected) in [
            ("<rss><channel/></rss>", "a document of <rss>, not an OPML list"),
            ("", "not an OPML list"),
            ("[rss]\nuri=x", "not an OPML list"),
            ("<html><outline xmlUrl='https://a.example/'/></html>", "a document of <html>, not an OPML list"),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap_err().said, expected, "{text}");
        }
        assert!(read(&vec![b' '; MAX_LIST + 1]).is_err());
        // Nothing around the outlines.
        assert_eq!(list("<outline text='a' xmlUrl='https://a.example/'/>").subscriptions.len(), 1);
    }

    #[test]
    fn hostile_lists_stay_small() {
        let deep =
            format!("<opml>{}<outline text='f' xmlUrl='https://f.example/'/>", "<outline text='d'>".repeat(200_000));
        let deep = list(&deep);
        assert_eq!(deep.subscriptions[0].categories, ["d"]);
        let many: String = (0..20_000).map(|n| format!("<outline text='f' xmlUrl='https://f.example/{n}'/>")).collect();
        let many = list(&format!("<opml>{many}"));
        assert_eq!((many.subscriptions.len(), many.dropped.len()), (MAX_SUBSCRIPTIONS, 1));
        let bad: String = (0..20_000).map(|n| format!("<outline xmlUrl='x:{n}'/>")).collect();
        assert_eq!(list(&format!("<opml>{bad}")).dropped.len(), MAX_NOTES);
        let long = "n".repeat(1_000_000);
        let long = list(&format!("<opml><outline text='{long}' xmlUrl='https://f.example/'/>"));
        assert_eq!(long.subscriptions[0].title.len(), LONGEST_NAME);
        let bomb = "<!DOCTYPE opml [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><opml><outline text='&b;' xmlUrl='https://f.example/'/>";
        assert_eq!(list(bomb).subscriptions[0].title, "&b;");
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let subscriptions: Vec<Subscription> = [
            ("a", "https://a.example/?x=1&y=2", vec!["News"], None),
            ("b", "https://b.example/", vec!["News", "City, \"land\" & <sea>"], Some("pt-BR")),
            ("c", "https://c.example/", vec![], None),
        ]
        .into_iter()
        .map(|(title, url, categories, language)| Subscription {
            title: title.to_owned(),
            url: url.parse().unwrap(),
            categories: categories.into_iter().map(str::to_owned).collect(),
            language: language.map(str::to_owned),
        })
        .collect();
        let text = write("Daily & Sons", &subscriptions);
        assert_eq!(list(&text).subscriptions, subscriptions, "{text}");
        assert_eq!(text.matches("<outline").count(), 3 + 2, "{text}");
        assert_eq!(text.matches("</outline>").count(), 2, "{text}");
        assert!(list(&write("", &[])).subscriptions.is_empty());
    }
}
