//! Where X and Mastodon see links in a text. Both follow the rules of twitter-text; Mastodon wants a scheme and allows
//! more characters in a path. Tags and mentions are in `entities`, what a link costs in `measure`.
//!
//! Linear in the length of the text: what lies ahead of each character is computed once, from the back.

use std::sync::LazyLock;

use regex::Regex;

use super::entities::{Kind, Raw};
use super::punycode::{MAX_LABEL, ascii_len};
use super::tlds::{self, List};

/// Letters with accents that X takes for Latin ones, as the inside of a character class. Source: twitter-text, 2021-10.
pub(super) const LATIN: &str = r"\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{FF}\x{100}-\x{24F}\x{253}\x{254}\x{256}\x{257}\x{259}\x{25B}\x{263}\x{268}\x{26F}\x{272}\x{289}\x{28B}\x{2BB}\x{300}-\x{36F}\x{1E00}-\x{1EFF}";

/// Characters of a link's longest spelling that X still links, counted in UTF-16 units. Source: twitter-text, 2021-10.
const MAX_URL: usize = 4096;
/// Characters of the path of a t.co link that X still links. Source: twitter-text, 2021-10.
const MAX_TCO: usize = 40;
/// Labels of one host name that are looked at: a name has at most 127 by its length (RFC 1035).
const MAX_LABELS: usize = 128;
/// Characters of a host name that are looked at where one is read alone: it has at most 253 (RFC 1035).
const MAX_HOST: usize = 512;

/// Whose rules hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// With and without a scheme.
    X,
    /// With a scheme only, more schemes, wider paths.
    Mastodon,
}

/// A link: where it is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// First byte.
    pub start: usize,
    /// After the last byte.
    pub end: usize,
    /// Up to here its price covers the text. That is its end, but where a bare name goes on in another script before its
    /// path: twitter-text then takes as many characters as the Latin part and the path have together.
    pub priced: usize,
}

static REST_X: LazyLock<Regex> = LazyLock::new(|| {
    let general = format!(r"[a-zA-Z\x{{400}}-\x{{4FF}}0-9!*';:=+,.$/%#\[\]\-\x{{2013}}_~@|&{LATIN}]");
    let ending = format!(r"[+\-a-zA-Z\x{{400}}-\x{{4FF}}0-9=_#/{LATIN}]");
    rest(&general, &ending, &format!("@{general}+/"), r"[a-zA-Z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]", r"[a-zA-Z0-9\-_&=#/]")
});
/// Characters beyond ASCII that Mastodon allows in a query, as the inside of a character class.
const QUERY_MORE: &str = r"\x{A0}-\x{D7FF}\x{F900}-\x{FDCF}\x{FDF0}-\x{FFEF}\x{10000}-\x{1FFFD}\x{20000}-\x{2FFFD}\x{30000}-\x{3FFFD}\x{E000}-\x{F8FF}";
static REST_MASTODON: LazyLock<Regex> = LazyLock::new(|| {
    let general = r"[^\p{White_Space}<>()?]";
    let ending = r#"[^\p{White_Space}()?!*"'「」<>;:=,.$%\[\]~&|]"#;
    let other = QUERY_MORE;
    rest(
        general,
        ending,
        &format!("{general}+/"),
        &format!(r"[a-zA-Z0-9!?*'();:&=+$/%#\[\]\-_.,~|@\^{other}]"),
        &format!(r"[a-zA-Z0-9_&=#/\-{other}]"),
    )
});
static TCO: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\A(?i:https?://t\.co)/([a-zA-Z0-9]+)(?:\?[a-zA-Z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-zA-Z0-9\-_&=#/])?")
        .expect("a constant pattern")
});

/// What may follow a host name: port, path with parentheses balanced to depth two, query.
fn rest(general: &str, ending: &str, second: &str, query: &str, query_end: &str) -> Regex {
    let parens = format!(r"\((?:{general}+|{general}*\({general}+\){general}*)\)");
    let piece = format!("(?:{general}*(?:{parens}{general}*)*(?:{ending}|{parens})|{second})");
    Regex::new(&format!(r"\A(?::[0-9]+)?(?:/{piece}*)?(?:\?{query}*{query_end})?")).expect("a constant pattern")
}

/// The links in `text`, in their order.
pub(super) fn links(text: &str, dialect: Dialect) -> Vec<Span> {
    if !has_inner_dot(text) || (dialect == Dialect::Mastodon && !text.contains("://")) {
        return Vec::new();
    }
    Scan::new(text, dialect).run()
}

/// The links as entities.
pub(super) fn raw(text: &str, dialect: Dialect) -> Vec<Raw> {
    links(text, dialect).into_iter().map(|s| Raw { kind: Kind::Link, start: s.start, end: s.end }).collect()
}

/// Whether a dot stands inside something: a sentence's full stop begins no domain, and most texts have no other.
fn has_inner_dot(text: &str) -> bool {
    text.as_bytes().windows(2).any(|w| w[0] == b'.' && !w[1].is_ascii_whitespace())
}

/// Bytes to the end of the host name with a known top-level domain that begins at `at`, counted from the text's beginning.
pub(super) fn domain_end(text: &str, at: usize) -> Option<usize> {
    // A host name of 128 labels has fewer characters than this; what lies behind is not looked at.
    let ahead = &text[at..];
    let near = ahead.char_indices().nth(MAX_HOST).map_or(ahead, |(i, _)| &ahead[..i]);
    let mut scan = Scan::new(near, Dialect::Mastodon);
    let end = scan.domain_at(0)?;
    Some(at + scan.at[end])
}

static QUERY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(r"\A\?[a-zA-Z0-9!?*'();:&=+$/%#\[\]\-_.,~|@\^{QUERY_MORE}]*[a-zA-Z0-9_&=#/\-{QUERY_MORE}]"))
        .expect("a constant pattern")
});

/// Bytes of the query that begins the text, as Mastodon reads one.
pub(super) fn query(ahead: &str) -> Option<usize> {
    QUERY.find(ahead).map(|m| m.end())
}

struct Scan<'a> {
    text: &'a str,
    dialect: Dialect,
    chars: Vec<char>,
    /// Byte offset of each character, and of the end.
    at: Vec<usize>,
    /// For each index the next one that cannot be inside a label.
    stop: Vec<usize>,
    /// For each index the number of underscores before it.
    underscores: Vec<usize>,
    /// What is known of the top-level domain at each index.
    tlds: Vec<Option<Option<usize>>>,
    out: Vec<Span>,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str, dialect: Dialect) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let n = chars.len();
        let mut at: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
        at.push(text.len());
        let mut stop = vec![n; n + 1];
        for i in (0..n).rev() {
            stop[i] = if in_label(chars[i]) || matches!(chars[i], '-' | '_') { stop[i + 1] } else { i };
        }
        let mut underscores = vec![0; n + 1];
        for i in 0..n {
            underscores[i + 1] = underscores[i] + usize::from(chars[i] == '_');
        }
        Self { text, dialect, chars, at, stop, underscores, tlds: vec![None; n + 1], out: Vec::new() }
    }

    fn run(mut self) -> Vec<Span> {
        // A link consumes the character before it, so none can start right at the end of the last; and the first
        // character of the text comes before a link rather than being part of one, where both are possible.
        let (mut i, mut last) = (0, 0);
        if self.chars.first().is_some_and(|c| may_precede(*c))
            && let Some(end) = self.try_at(1)
        {
            (i, last) = (end.max(2), end);
        }
        while i < self.chars.len() {
            let may = i == 0 || (i > last && may_precede(self.chars[i - 1]));
            match may.then(|| self.try_at(i)).flatten() {
                Some(end) => {
                    last = end;
                    i = end.max(i + 1);
                }
                None => i += 1,
            }
        }
        self.out
    }

    /// Reads a link at character `i`; gives the index after what it used up, even where that is no valid link.
    fn try_at(&mut self, i: usize) -> Option<usize> {
        let scheme = self.scheme_at(i);
        let host = i + scheme;
        let host_end = self.domain_at(host)?;
        let re = if self.dialect == Dialect::X { &REST_X } else { &REST_MASTODON };
        let tail = &self.text[self.at[host_end]..];
        let end_byte = self.at[host_end] + re.find(tail)?.end();
        let after_port =
            tail.strip_prefix(':').map_or(tail, |port| port.trim_start_matches(|c: char| c.is_ascii_digit()));
        let path = after_port.starts_with('/') && !tail.starts_with(":/");
        let end = self.at.partition_point(|&b| b < end_byte);
        let (start_byte, host_byte) = (self.at[i], self.at[host_end]);

        let coded = self.text[self.at[host]..].starts_with("xn--");
        if coded && self.latin_parts(host, host_end).is_empty() {
            return Some(end);
        }
        let labels_fit = self.text[self.at[host]..host_byte].split('.').all(|l| ascii_len(l) <= MAX_LABEL);
        let units: usize = self.chars[i..end].iter().map(|c| c.len_utf16()).sum();
        if !labels_fit || units + if scheme > 0 { scheme } else { 8 } > MAX_URL {
            return Some(end);
        }
        if scheme > 0 {
            let mut span = Span { start: start_byte, end: end_byte, priced: end_byte };
            if self.dialect == Dialect::X
                && let Some(tco) = TCO.captures(&self.text[start_byte..end_byte])
            {
                if tco.get(1).is_some_and(|slug| slug.len() > MAX_TCO) {
                    return Some(end);
                }
                span.end = start_byte + tco.get(0).map_or(0, |m| m.end());
                span.priced = span.end;
            }
            self.out.push(span);
        } else if self.dialect == Dialect::X && (i == 0 || !matches!(self.chars[i - 1], '-' | '_' | '.' | '/')) {
            self.bare(i, host_end, path.then_some(end_byte));
        }
        Some(end)
    }

    /// Of a host name without a scheme only the parts in Latin letters are links; a path belongs to the last of them,
    /// and without a path neither port nor query is part of the link.
    fn bare(&mut self, from: usize, to: usize, path_end: Option<usize>) {
        let mut parts = self.latin_parts(from, to);
        let last = parts.pop();
        for (start, end) in parts {
            self.out.push(Span { start: self.at[start], end: self.at[end], priced: self.at[end] });
        }
        if let Some((start, end)) = last {
            let whole = path_end.unwrap_or(self.at[end]);
            let path = path_end.map_or(0, |stop| self.text[self.at[to]..stop].len());
            let mut priced = whole;
            if path > 0 && end < to {
                // Counted in units of UTF-16, as the reference does.
                let units = |text: &str| text.encode_utf16().count();
                let said = units(&self.text[self.at[start]..self.at[end]]) + units(&self.text[whole - path..whole]);
                let mut passed = 0;
                priced = self.text[self.at[start]..whole]
                    .char_indices()
                    .find(|(_, c)| {
                        passed += c.len_utf16();
                        passed > said
                    })
                    .map_or(whole, |(i, _)| self.at[start] + i);
            }
            self.out.push(Span { start: self.at[start], end: whole, priced });
        }
    }

    /// The stretches of a host name that are host names in Latin letters by themselves.
    fn latin_parts(&mut self, from: usize, to: usize) -> Vec<(usize, usize)> {
        let (mut i, mut out) = (from, Vec::new());
        while i < to {
            let (mut best, mut label, mut e) = (None, i, i);
            while e < to && is_latin_label(self.chars[e]) {
                e += 1;
                if e < to && self.chars[e] == '.' && e > label {
                    best = self.tld_at(e + 1).filter(|&end| end <= to).or(best);
                    label = e + 1;
                    e = label;
                }
            }
            if let Some(end) = best {
                out.push((i, end));
                i = end;
            } else {
                i = e.max(i) + 1;
            }
        }
        out
    }

    /// Characters of the scheme at `i`, 0 without one.
    fn scheme_at(&self, i: usize) -> usize {
        let schemes: &[&str] = match self.dialect {
            Dialect::X => &["http://", "https://"],
            Dialect::Mastodon => {
                &["http://", "https://", "dat://", "dweb://", "ipfs://", "ipns://", "ssb://", "gopher://", "gemini://"]
            }
        };
        // Most characters begin none.
        if !self.chars.get(i).is_some_and(|c| matches!(c.to_ascii_lowercase(), 'h' | 'd' | 'i' | 's' | 'g')) {
            return 0;
        }
        let ahead = &self.text.as_bytes()[self.at[i]..];
        schemes
            .iter()
            .find(|s| ahead.len() > s.len() && ahead[..s.len()].eq_ignore_ascii_case(s.as_bytes()))
            .map_or(0, |s| s.len())
    }

    /// The end of the longest host name with a known top-level domain at `i`.
    fn domain_at(&mut self, i: usize) -> Option<usize> {
        let (mut best, mut label) = (None, i);
        for _ in 0..MAX_LABELS {
            // Most words are followed by no dot, which is the cheapest to see.
            let e = self.stop[label.min(self.chars.len())];
            if self.chars.get(e) != Some(&'.')
                || e == label
                || !in_label(self.chars[label])
                || !in_label(self.chars[e - 1])
            {
                break;
            }
            // The registered name itself has no underscore; names below it may.
            if self.underscores[e] == self.underscores[label]
                && let Some(end) = self.tld_at(e + 1)
            {
                best = Some(end);
            }
            label = e + 1;
        }
        best
    }

    /// The end of a top-level domain at `i` that is not the beginning of something longer.
    fn tld_at(&mut self, i: usize) -> Option<usize> {
        if let Some(known) = *self.tlds.get(i)? {
            return known;
        }
        let found = self.read_tld(i);
        self.tlds[i] = Some(found);
        found
    }

    fn read_tld(&self, i: usize) -> Option<usize> {
        let ends =
            |e: usize| self.chars.get(e).is_none_or(|c| !c.is_ascii_alphanumeric() && !matches!(c, '@' | '+' | '-'));
        let ahead = &self.text[*self.at.get(i)?..];
        let run = ahead.bytes().take(64).take_while(u8::is_ascii_alphanumeric).count();
        if tlds::knows(&ahead[..run], List::X) && ends(i + run) {
            return Some(i + run);
        }
        if ahead.len() > 4 && ahead.as_bytes()[..4].eq_ignore_ascii_case(b"xn--") {
            let more = ahead.bytes().skip(4).take(60).take_while(|b| b.is_ascii_alphanumeric() || *b == b'-').count();
            return (more > 0).then_some(i + 4 + more);
        }
        let name = tlds::OTHER.iter().find(|t| ahead.starts_with(**t) && ends(i + t.chars().count()))?;
        Some(i + name.chars().count())
    }
}

/// Whether a link may begin after this character.
pub(super) fn may_precede(c: char) -> bool {
    !(c.is_ascii_alphanumeric()
        || matches!(c, '@' | '\u{FF20}' | '$' | '#' | '\u{FF03}' | '\u{FFFE}' | '\u{FEFF}' | '\u{FFFF}'))
}

/// Whether a label of a host name may contain this character; `-` and `_` are judged apart.
fn in_label(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric()
            || matches!(c, '"' | '`')
            || (c.is_ascii_control() && !('\t'..='\r').contains(&c));
    }
    !matches!(
        c,
        '\u{85}' | '\u{A0}' | '\u{1680}' | '\u{180E}' | '\u{2000}'..='\u{200A}' | '\u{2028}' | '\u{2029}' | '\u{202F}'
            | '\u{205F}' | '\u{3000}' | '\u{FFFE}' | '\u{FEFF}' | '\u{FFFF}' | '\u{202A}'..='\u{202E}' | '\u{61C}'
            | '\u{200E}' | '\u{200F}' | '\u{2066}'..='\u{2069}'
    )
}

/// Whether X takes the character for part of a Latin label.
fn is_latin_label(c: char) -> bool {
    c == '-' || c.is_ascii_alphanumeric() || is_latin_accent(c)
}

/// Whether X takes the character for an accented Latin letter.
pub(super) fn is_latin_accent(c: char) -> bool {
    matches!(
        c,
        '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{24F}' | '\u{253}' | '\u{254}' | '\u{256}' | '\u{257}'
            | '\u{259}' | '\u{25B}' | '\u{263}' | '\u{268}' | '\u{26F}' | '\u{272}' | '\u{289}' | '\u{28B}' | '\u{2BB}'
            | '\u{300}'..='\u{36F}' | '\u{1E00}'..='\u{1EFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str, dialect: Dialect) -> Vec<&str> {
        links(text, dialect).into_iter().map(|s| &text[s.start..s.end]).collect()
    }

    #[test]
    fn x_links_with_and_without_scheme() {
        for (text, want) in [
            ("see example.org now", vec!["example.org"]),
            ("see https://example.org/a(b)c, ok", vec!["https://example.org/a(b)c"]),
            ("(https://example.org/a)", vec!["https://example.org/a"]),
            ("https://example.org/wiki/A_(b).", vec!["https://example.org/wiki/A_(b)"]),
            ("end https://example.org.", vec!["https://example.org"]),
            ("nothing example.notatld here", vec![]),
            ("mail bob@example.org", vec![]),
            ("ASP.NET and Node.js", vec!["ASP.NET"]),
            ("日本語example.comです", vec!["example.com"]),
            ("日本語.com", vec![]),
            ("http://日本語.com/", vec!["http://日本語.com/"]),
            ("bare example.org?a=1", vec!["example.org"]),
            ("bare example.org/?a=1", vec!["example.org/?a=1"]),
            ("a_b.example.org c_d.org", vec!["b.example.org"]),
            ("http://xn--日本.com/", vec![]),
            ("https://a_b.example.org", vec!["https://a_b.example.org"]),
            ("-example.org /example.org", vec![]),
            ("HTTPS://EXAMPLE.ORG/A", vec!["HTTPS://EXAMPLE.ORG/A"]),
            ("http://127.0.0.1/ http://localhost/", vec![]),
            ("1.com,2.com", vec!["1.com", "2.com"]),
            ("https://xn--80ak6aa92e.com/", vec!["https://xn--80ak6aa92e.com/"]),
            ("example.community example.comx", vec!["example.community"]),
        ] {
            assert_eq!(seen(text, Dialect::X), want, "{text}");
        }
    }

    #[test]
    fn x_leaves_what_no_name_server_could_hold() {
        let label = "a".repeat(63);
        assert_eq!(seen(&format!("https://{label}.com"), Dialect::X).len(), 1);
        assert_eq!(seen(&format!("https://{label}a.com"), Dialect::X).len(), 0);
        // 57 letters of one script grow beyond 63 in their ASCII spelling.
        assert_eq!(seen(&format!("https://{}.com", "あ".repeat(60)), Dialect::X).len(), 0);
        assert_eq!(seen(&format!("https://e.com/{}", "a".repeat(4000)), Dialect::X).len(), 1);
        assert_eq!(seen(&format!("https://e.com/{}", "a".repeat(4096)), Dialect::X).len(), 0);
    }

    #[test]
    fn mastodon_links_want_a_scheme() {
        for (text, want) in [
            ("example.org", vec![]),
            ("https://example.org/ü«x»", vec!["https://example.org/ü«x»"]),
            ("https://example.org/日本(語)。", vec!["https://example.org/日本(語)。"]),
            ("(https://example.org/a)", vec!["https://example.org/a"]),
            ("https://example.org.", vec!["https://example.org"]),
            ("gemini://example.org/x", vec!["gemini://example.org/x"]),
        ] {
            assert_eq!(seen(text, Dialect::Mastodon), want, "{text}");
        }
    }

    #[test]
    fn hostile_texts_take_linear_time() {
        for piece in ["a.", "日.", "日", "http://", "https://a.com/(((", "(", "a.com/@", "._-"] {
            let text = piece.repeat(20_000);
            let _ = links(&text, Dialect::X);
            let _ = links(&text, Dialect::Mastodon);
        }
    }
}
