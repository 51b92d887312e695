//! Markup that is nearly XML -> tags and text. Forgives what feeds get wrong (a bare `&`, HTML names, missing quotes,
//! crossed and unclosed tags) and is bounded by construction: every byte is looked at once, nothing is expanded, and
//! nesting, attributes and namespaces have limits. What the tags mean is `feed` and `entry`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The deepest nesting followed. Source: reliability.md section 6, 2026-11.
pub const MAX_DEPTH: usize = 64;
/// The most attributes of one tag. Source: reliability.md section 6, 2026-11.
pub const MAX_ATTRIBUTES: usize = 64;
/// The most namespace declarations in force at one place. Source: reliability.md section 6, 2026-11.
pub const MAX_NAMESPACES: usize = 64;

/// The longest name of a character between `&` and `;`, bytes (`thetasym`, `#x10FFFF`).
const LONGEST_REFERENCE: usize = 10;

/// One piece of markup.
#[derive(Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// `<name …>` or `<name …/>`.
    Open(Tag<'a>),
    /// `</name>`.
    Close(&'a str),
    /// Text with its references resolved, or a CDATA section as it stands.
    Text(Cow<'a, str>),
    /// `<!DOCTYPE name …>`; what it declares is skipped.
    Doctype(&'a str),
}

/// A start tag.
#[derive(Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// As written, prefix and all.
    pub name: &'a str,
    /// At most [`MAX_ATTRIBUTES`], in the order given, values with their references resolved.
    pub attributes: Vec<(&'a str, Cow<'a, str>)>,
    /// Whether it closes itself.
    pub empty: bool,
    /// Whether there were more attributes than are kept.
    pub crowded: bool,
}

/// Cuts a text into tokens, from left to right, never failing.
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Skips to behind `end`, or to the end of the text; gives what lies before it.
    fn until(&mut self, end: &str) -> &'a str {
        let rest = self.rest();
        let (inside, next) = rest.find(end).map_or((rest, rest.len()), |i| (&rest[..i], i + end.len()));
        self.at += next;
        inside
    }

    /// From behind a start tag whose content is no markup (a script): skips to its end tag, or to the end of the text;
    /// gives what lies before it.
    pub fn raw(&mut self, name: &str) -> &'a str {
        let rest = self.rest();
        let mut from = 0;
        while let Some(at) = rest[from..].find("</").map(|n| from + n) {
            let behind = &rest[at + 2..];
            let ends = behind.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
                && !behind[name.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '-');
            if ends {
                self.at += at;
                return &rest[..at];
            }
            from = at + 2;
        }
        self.at += rest.len();
        rest
    }

    /// From behind `<!DOCTYPE`: skips the declaration with its internal subset, quotes and comments respected.
    fn doctype(&mut self) -> &'a str {
        let rest = self.rest();
        let name = rest.trim_start();
        let name = &name[..name.find(|c: char| c.is_whitespace() || matches!(c, '>' | '[')).unwrap_or(name.len())];
        let bytes = rest.as_bytes();
        let (mut i, mut subset, mut quote) = (0, false, None);
        while let Some(&b) = bytes.get(i) {
            match (quote, b) {
                (Some(q), _) if b == q => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(b),
                (None, b'[') => subset = true,
                (None, b']') => subset = false,
                (None, b'>') if !subset => break,
                (None, b'<') if bytes[i..].starts_with(b"<!--") => {
                    i += rest[i..].find("-->").map_or(rest.len() - i, |n| n + 2);
                }
                _ => {}
            }
            i += 1;
        }
        self.at += (i + 1).min(rest.len());
        name
    }

    /// From behind `<`: a start tag.
    fn tag(&mut self) -> Tag<'a> {
        let rest = self.rest();
        let end = |from: usize, stop: fn(char) -> bool| rest[from..].find(stop).map_or(rest.len(), |n| from + n);
        let space = |c: char| !c.is_whitespace();
        let mut i = end(0, |c| c.is_whitespace() || matches!(c, '>' | '/' | '<'));
        let name = &rest[..i];
        let (mut attributes, mut empty, mut crowded) = (Vec::new(), false, false);
        loop {
            i = end(i, space);
            match rest.as_bytes().get(i) {
                // A `<` here means the `>` was forgotten.
                None | Some(b'<') => break,
                Some(b'>') => {
                    i += 1;
                    break;
                }
                Some(b'/') => {
                    empty = rest[i + 1..].trim_start().starts_with('>');
                    i += 1;
                    continue;
                }
                Some(b'=' | b'"' | b'\'') => {
                    i += 1;
                    continue;
                }
                Some(_) => {}
            }
            let key_start = i;
            i = end(i, |c| c.is_whitespace() || matches!(c, '=' | '>' | '/' | '<'));
            let key = &rest[key_start..i];
            let equals = end(i, space);
            let mut value = "";
            if rest[equals..].starts_with('=') {
                i = end(equals + 1, space);
                match rest.as_bytes().get(i) {
                    Some(&quote @ (b'"' | b'\'')) => {
                        let from = i + 1;
                        let to = rest[from..].find(char::from(quote)).map_or(rest.len(), |n| from + n);
                        value = &rest[from..to];
                        i = (to + 1).min(rest.len());
                    }
                    _ => {
                        let from = i;
                        i = end(from, |c| c.is_whitespace() || c == '>');
                        value = &rest[from..i];
                    }
                }
            }
            if attributes.len() < MAX_ATTRIBUTES {
                attributes.push((key, resolve(value)));
            } else {
                crowded = true;
            }
        }
        self.at += i;
        Tag { name, attributes, empty, crowded }
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = self.rest();
            if rest.is_empty() {
                return None;
            }
            let Some(behind) = rest.strip_prefix('<') else {
                let end = rest.find('<').unwrap_or(rest.len());
                self.at += end;
                return Some(Token::Text(resolve(&rest[..end])));
            };
            if behind.starts_with("!--") {
                self.at += 4;
                self.until("-->");
            } else if behind.starts_with("![CDATA[") {
                self.at += 9;
                return Some(Token::Text(Cow::Borrowed(self.until("]]>"))));
            } else if behind.get(..8).is_some_and(|b| b.eq_ignore_ascii_case("!doctype")) {
                self.at += 9;
                return Some(Token::Doctype(self.doctype()));
            } else if behind.starts_with('!') {
                self.until(">");
            } else if behind.starts_with('?') {
                self.until("?>");
            } else if behind.starts_with('/') {
                self.at += 2;
                return Some(Token::Close(self.until(">").trim()));
            } else if behind.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                self.at += 1;
                return Some(Token::Open(self.tag()));
            } else {
                // A `<` that opens nothing: "fewer than < 5".
                self.at += 1;
                return Some(Token::Text(Cow::Borrowed("<")));
            }
        }
    }
}

/// Resolves the references of a text: the five of XML, HTML's names, and numbers. Any other `&` stays as it is; a
/// number that is no character, or a control character, vanishes.
pub fn resolve(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        let end = behind.bytes().take(LONGEST_REFERENCE + 1).position(|b| b == b';');
        match end.and_then(|end| Some((character(&behind[..end])?, end))) {
            Some((found, end)) => {
                out.extend(found);
                rest = &behind[end + 1..];
            }
            None => {
                out.push('&');
                rest = behind;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character a reference names: `Some(None)` for one that must not be.
fn character(name: &str) -> Option<Option<char>> {
    if let Some(number) = name.strip_prefix('#') {
        let (digits, radix) = number.strip_prefix(['x', 'X']).map_or((number, 10), |hex| (hex, 16));
        let code = u32::from_str_radix(digits, radix).ok()?;
        // Numbers 128 to 159 mean windows-1252 to everyone who writes them. Source: HTML standard, 13.2.5.80.
        let code = if let Ok(byte @ 0x80..=0x9f) = u8::try_from(code) {
            let one = [byte];
            let (decoded, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&one);
            decoded.chars().next().map_or(0, u32::from)
        } else {
            code
        };
        return Some(char::from_u32(code).filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r')));
    }
    let plain = match name {
        "amp" | "AMP" => '&',
        "lt" | "LT" => '<',
        "gt" | "GT" => '>',
        "quot" | "QUOT" => '"',
        "apos" => '\'',
        _ => named(name)?,
    };
    Some(Some(plain))
}

/// HTML's names by name: a text may hold millions of references.
static NAMES: LazyLock<HashMap<&str, char>> = LazyLock::new(|| {
    let latin = LATIN1.split_ascii_whitespace().zip('\u{a0}'..);
    let mut words = OTHERS.split_ascii_whitespace();
    let others = std::iter::from_fn(|| {
        let (name, code) = (words.next()?, words.next()?);
        Some((name, char::from_u32(u32::from_str_radix(code, 16).ok()?)?))
    });
    latin.chain(others).collect()
});

fn named(name: &str) -> Option<char> {
    NAMES.get(name).copied()
}

/// Escapes a text so that it reads as itself where markup is expected.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Names of the characters U+00A0 to U+00FF, in that order. Source: HTML 4.01, section 24.2.
const LATIN1: &str = "\
    nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute \
    micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring \
    AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml \
    times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil \
    egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash \
    ugrave uacute ucirc uuml yacute thorn yuml";

/// The other names of HTML 4.01 (sections 24.3 and 24.4), each with its code point in hex.
const OTHERS: &str = "\
    OElig 152 oelig 153 Scaron 160 scaron 161 Yuml 178 fnof 192 circ 2c6 tilde 2dc Alpha 391 Beta 392 Gamma 393 \
    Delta 394 Epsilon 395 Zeta 396 Eta 397 Theta 398 Iota 399 Kappa 39a Lambda 39b Mu 39c Nu 39d Xi 39e Omicron \
    39f Pi 3a0 Rho 3a1 Sigma 3a3 Tau 3a4 Upsilon 3a5 Phi 3a6 Chi 3a7 Psi 3a8 Omega 3a9 alpha 3b1 beta 3b2 gamma \
    3b3 delta 3b4 epsilon 3b5 zeta 3b6 eta 3b7 theta 3b8 iota 3b9 kappa 3ba lambda 3bb mu 3bc nu 3bd xi 3be \
    omicron 3bf pi 3c0 rho 3c1 sigmaf 3c2 sigma 3c3 tau 3c4 upsilon 3c5 phi 3c6 chi 3c7 psi 3c8 omega 3c9 \
    thetasym 3d1 upsih 3d2 piv 3d6 ensp 2002 emsp 2003 thinsp 2009 zwnj 200c zwj 200d lrm 200e rlm 200f ndash \
    2013 mdash 2014 lsquo 2018 rsquo 2019 sbquo 201a ldquo 201c rdquo 201d bdquo 201e dagger 2020 Dagger 2021 \
    bull 2022 hellip 2026 permil 2030 prime 2032 Prime 2033 lsaquo 2039 rsaquo 203a oline 203e frasl 2044 euro \
    20ac image 2111 weierp 2118 real 211c trade 2122 alefsym 2135 larr 2190 uarr 2191 rarr 2192 darr 2193 harr \
    2194 crarr 21b5 lArr 21d0 uArr 21d1 rArr 21d2 dArr 21d3 hArr 21d4 forall 2200 part 2202 exist 2203 empty \
    2205 nabla 2207 isin 2208 notin 2209 ni 220b prod 220f sum 2211 minus 2212 lowast 2217 radic 221a prop 221d \
    infin 221e ang 2220 and 2227 or 2228 cap 2229 cup 222a int 222b there4 2234 sim 223c cong 2245 asymp 2248 ne \
    2260 equiv 2261 le 2264 ge 2265 sub 2282 sup 2283 nsub 2284 sube 2286 supe 2287 oplus 2295 otimes 2297 perp \
    22a5 sdot 22c5 lceil 2308 rceil 2309 lfloor 230a rfloor 230b lang 2329 rang 232a loz 25ca spades 2660 clubs \
    2663 hearts 2665 diams 2666";

#[cfg(test)]
mod tests {
    use super::*;

    /// A token list as one line: `<a k=v>`, `</a>`, `"text"`.
    fn shown(markup: &str) -> String {
        Scanner::new(markup)
            .map(|token| match token {
                Token::Open(tag) => {
                    let attributes: String = tag.attributes.iter().map(|(k, v)| format!(" {k}={v}")).collect();
                    format!("<{}{attributes}{}>", tag.name, if tag.empty { "/" } else { "" })
                }
                Token::Close(name) => format!("</{name}>"),
                Token::Text(text) => format!("{text:?}"),
                Token::Doctype(name) => format!("<!{name}>"),
            })
            .collect()
    }

    #[test]
    fn cuts_markup_into_tokens() {
        for (markup, expected) in [
            ("<a x='1' y=\"2\">t</a>", r#"<a x=1 y=2>"t"</a>"#),
            ("<a x=1 y>t</a >", r#"<a x=1 y=>"t"</a>"#),
            ("<a/><b x=''/><c />", "<a/><b x=/><c/>"),
            ("<a href=http://x/y/>", "<a href=http://x/y/>"),
            ("<a<b>", "<a><b>"),
            ("a < b & c &amp; d &nbsp;&hellip;&#1076;&#x434;&#150;", "\"a \"\"<\"\" b & c & d \\u{a0}…дд–\""),
            ("&unknown; &amp &; &#0;&#7;&#xD800;&#99999999;", r#""&unknown; &amp &; ""#),
            ("<![CDATA[<b>&nbsp;</b>]]>", r#""<b>&nbsp;</b>""#),
            ("<!-- <a> --><?xml version='1.0'?><b>", "<b>"),
            (
                "<!DOCTYPE rss [<!ENTITY a \"]>\"><!-- ]> --><!ENTITY b '&a;&a;'>]><rss>&a;</rss>",
                "<!rss><rss>\"&a;\"</rss>",
            ),
            ("<!doctype html><html>", "<!html><html>"),
            ("<!-- never closed <a>", ""),
            ("<![CDATA[never closed", r#""never closed""#),
            ("<a x='never closed", "<a x=never closed>"),
            ("<", r#""<""#),
            ("</", "</>"),
            ("<!", ""),
            ("<заголовок>да</заголовок>", "<заголовок>\"да\"</заголовок>"),
        ] {
            assert_eq!(shown(markup), expected, "{markup}");
        }
    }

    #[test]
    fn steps_over_what_is_no_markup() {
        for (markup, inside, next) in [
            ("<script>a</b><c></SCRIPT >x", "a</b><c>", Some(Token::Close("SCRIPT"))),
            ("<script>'</scripts>'</script>", "'</scripts>'", Some(Token::Close("script"))),
            ("<script>never closed", "never closed", None),
            ("<script>dé</script", "dé", Some(Token::Close("script"))),
        ] {
            let mut tokens = Scanner::new(markup);
            assert!(matches!(tokens.next(), Some(Token::Open(_))));
            assert_eq!(tokens.raw("script"), inside, "{markup}");
            assert_eq!(tokens.next(), next, "{markup}");
        }
    }

    #[test]
    fn keeps_a_tag_small() {
        let many: String = (0..100_000).map(|n| format!(" a{n}='x'")).collect();
        let markup = format!("<a{many}>t</a>");
        let mut tokens = Scanner::new(&markup);
        let Some(Token::Open(tag)) = tokens.next() else { panic!("a tag was expected") };
        assert!(tag.crowded && tag.attributes.len() == MAX_ATTRIBUTES);
        assert_eq!(tokens.count(), 2);
    }

    #[test]
    fn knows_every_name_of_html_4() {
        assert_eq!(NAMES.len(), 96 + 152);
        for (name, expected) in [("nbsp", '\u{a0}'), ("yuml", 'ÿ'), ("OElig", 'Œ'), ("euro", '€'), ("diams", '♦')]
        {
            assert_eq!(named(name), Some(expected), "{name}");
        }
    }

    #[test]
    fn escaping_is_undone_by_resolving() {
        let text = "a <b> & &amp; \"c\"";
        assert_eq!(resolve(&escape(text)), text);
    }
}
