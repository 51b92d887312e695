//! A page's markup, tamed before the HTML library builds a tree of it: scripts gone, tags balanced, depth and number
//! bounded. The HTML standard's rules for tags that cross each other are quadratic and worse in hostile markup; balanced
//! tags never reach them.

use super::MAX_PAGE;
use crate::source::mend::{Scanner, Tag, Token, escape};

/// The most elements of a page.
const MAX_ELEMENTS: usize = 50_000;
/// How deep they may nest.
const MAX_DEPTH: usize = 200;
/// How deep of these the ones that the standard opens again after a block (`b`, `a`) may nest.
const MAX_STYLES: usize = 8;

/// Elements that never hold anything. Source: HTML standard, 13.1.2, 2026-11.
const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];
/// Elements that the standard opens again where they were left open. Source: HTML standard, 13.2.4.3, 2026-11.
const STYLES: [&str; 14] =
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];
/// Elements that go with all they hold.
const DROPPED: [&str; 7] = ["script", "style", "template", "svg", "textarea", "iframe", "noembed"];

/// The page as balanced markup within bounds.
pub(super) fn tame(html: &str) -> String {
    let html = &html[..html.floor_char_boundary(MAX_PAGE)];
    let mut out =
        Tamed { out: String::with_capacity(html.len()), stack: Vec::new(), beyond: 0, elements: 0, styles: 0 };
    let mut tokens = Scanner::new(html);
    while let Some(token) = tokens.next() {
        match token {
            Token::Open(tag) if DROPPED.iter().any(|name| tag.name.eq_ignore_ascii_case(name)) => {
                if !tag.empty || !tag.name.eq_ignore_ascii_case("svg") {
                    tokens.raw(tag.name);
                }
            }
            Token::Open(tag) => out.open(&tag),
            Token::Close(name) => out.close(&name.to_ascii_lowercase()),
            Token::Text(text) if out.beyond == 0 => out.out.push_str(&escape(&text)),
            Token::Text(_) | Token::Doctype(_) => {}
        }
        if out.elements >= MAX_ELEMENTS {
            break;
        }
    }
    out.pop_to(0);
    out.out
}

struct Tamed {
    out: String,
    stack: Vec<String>,
    /// How many elements are open below the deepest that is kept.
    beyond: usize,
    elements: usize,
    styles: usize,
}

fn is_style(name: &str) -> bool {
    STYLES.contains(&name)
}

impl Tamed {
    fn open(&mut self, tag: &Tag<'_>) {
        let name = tag.name.to_ascii_lowercase();
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let void = VOID.contains(&name.as_str());
        if !plain || (self.beyond > 0 && void) {
            return;
        }
        if self.beyond > 0 {
            self.beyond += 1;
            return;
        }
        self.close_before(&name);
        if self.stack.len() >= MAX_DEPTH && !void {
            self.beyond = 1;
            return;
        }
        if is_style(&name) && self.styles >= MAX_STYLES {
            // What it holds stays; its end tag finds nothing to close.
            return;
        }
        self.elements += 1;
        self.out.push('<');
        self.out.push_str(&name);
        for (key, value) in &tag.attributes {
            let fits = |c: char| !c.is_control() && !matches!(c, ' ' | '"' | '\'' | '>' | '/' | '=' | '<');
            if key.chars().all(fits) && !key.is_empty() {
                let value = escape(value).replace('"', "&quot;");
                for part in [" ", &key.to_ascii_lowercase(), "=\"", &value, "\""] {
                    self.out.push_str(part);
                }
            }
        }
        self.out.push('>');
        if !void {
            self.styles += usize::from(is_style(&name));
            self.stack.push(name);
        }
    }

    /// End tags that HTML lets authors leave out.
    fn close_before(&mut self, name: &str) {
        let (same, within): (&[&str], &[&str]) = match name {
            "li" => (&["li"], &["ul", "ol", "menu"]),
            "dt" | "dd" => (&["dt", "dd"], &["dl"]),
            "tr" => (&["tr"], &["table", "tbody", "thead", "tfoot"]),
            "td" | "th" => (&["td", "th"], &["tr", "table"]),
            "tbody" | "thead" | "tfoot" => (&["tbody", "thead", "tfoot"], &["table"]),
            "option" => (&["option"], &["select", "datalist"]),
            "a" => (&["a"], &["td", "th", "table"]),
            "body" => (&["head"], &["html"]),
            "p" | "div" | "ul" | "ol" | "dl" | "table" | "section" | "article" | "header" | "footer" | "nav"
            | "main" | "aside" | "figure" | "blockquote" | "form" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "pre"
            | "hr" => {
                // A block ends an open paragraph, through what only marks words.
                let inner = self.stack.iter().rposition(|open| !is_style(open) && open != "span");
                if let Some(at) = inner.filter(|at| self.stack[*at] == "p") {
                    self.pop_to(at);
                }
                return;
            }
            _ => return,
        };
        let hit = self.stack.iter().rposition(|open| same.contains(&open.as_str()) || within.contains(&open.as_str()));
        if let Some(at) = hit.filter(|at| same.contains(&self.stack[*at].as_str())) {
            self.pop_to(at);
        }
    }

    fn close(&mut self, name: &str) {
        if self.beyond > 0 {
            // Whatever its name: what lies that deep is not shown to anyone.
            self.beyond -= 1;
        } else if let Some(at) = self.stack.iter().rposition(|open| open == name) {
            // An end tag that nothing opened is ignored; a style's does not close blocks around which it was opened.
            let crosses = is_style(name) && self.stack[at..].iter().any(|open| !is_style(open) && open != "span");
            if !crosses {
                self.pop_to(at);
            }
        }
    }

    fn pop_to(&mut self, at: usize) {
        while self.stack.len() > at {
            let Some(name) = self.stack.pop() else { return };
            self.styles -= usize::from(is_style(&name));
            self.out.push_str("</");
            self.out.push_str(&name);
            self.out.push('>');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_balanced() {
        for (html, expected) in [
            ("<p>a<p>b", "<p>a</p><p>b</p>"),
            ("<ul><li>a<li><b>b</ul>c", "<ul><li>a</li><li><b>b</b></li></ul>c"),
            ("<li>a<ul><li>b</ul><li>c", "<li>a<ul><li>b</li></ul></li><li>c</li>"),
            ("<div><p>a</div>b</p>", "<div><p>a</p></div>b"),
            ("<p><b>a<div>b</div>", "<p><b>a</b></p><div>b</div>"),
            ("<a href=x><h2>A</h2></a>", "<a href=\"x\"><h2>A</h2></a>"),
            ("<b><i>x</b></i>y", "<b><i>x</i></b>y"),
            (
                "<table><tr><td>a<td>b<tr><td>c</table>",
                "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
            ),
            ("<img src='a.jpg' alt='\"<'><br/>", "<img src=\"a.jpg\" alt=\"&quot;&lt;\"><br>"),
            ("<script>'<p>'</script><svg><a/></svg>x&lt;y", "x&lt;y"),
            ("<DIV Class=A>x</DIV>", "<div class=\"A\">x</div>"),
        ] {
            assert_eq!(tame(html), expected, "{html}");
        }
    }

    #[test]
    fn hostile_markup_stays_small() {
        for html in [
            "<div>".repeat(400_000),
            "<p><div>".repeat(200_000),
            (0..100_000).map(|n| format!("<b id={n}>")).collect::<String>() + &"<p></p>".repeat(100_000),
            "<a>".repeat(500_000),
            "<table><tr>".repeat(100_000),
            "</x>".repeat(500_000),
            "<script>".repeat(200_000),
            "<!--".repeat(300_000),
        ] {
            let out = tame(&html);
            assert!(out.matches('<').count() <= 2 * MAX_ELEMENTS, "{}", &html[..20]);
            // The tree of it is bounded too: nothing is opened again.
            let tree = scraper::Html::parse_document(&out);
            assert!(tree.tree.nodes().count() < 4 * MAX_ELEMENTS, "{}", &html[..20]);
        }
    }
}
