//! What Telegram's apps and servers make clickable in a text sent without markup. Counting is in `measure`.
//!
//! Source: the rules in tdlib/td, MessageEntity.cpp, 2023 to 2026.

use std::sync::LazyLock;

use regex::Regex;

use super::entities::{Kind, Raw};
use super::tlds::{self, List};

/// Characters that do not end a link there.
const TRAIL: &[char] = &['.', ':', ';', ',', '(', '\'', '?', '!', '`'];
/// Short names that are mentions although names have four characters or more.
const SHORT: &[&str] = &["gif", "vid", "pic"];
/// Characters of a tag.
const MAX_TAG: usize = 256;
/// Characters of a channel's name after a tag.
const MAX_NAME: usize = 32;
/// Characters of a host's label.
const MAX_LABEL: usize = 63;

/// All of them, unsorted, maybe overlapping.
pub(super) fn find(text: &str) -> Vec<Raw> {
    let mut all = Vec::new();
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    if text.contains('@') {
        mentions(text, &mut all);
    }
    if text.contains('#') {
        tags(text, &chars, &mut all);
    }
    if text.contains('.') {
        Links { text, chars, out: &mut all }.run();
    }
    all
}

fn mentions(text: &str, all: &mut Vec<Raw>) {
    for (at, _) in text.match_indices('@') {
        let name_len = text[at + 1..].bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let end = at + 1 + name_len;
        let name = &text[at + 1..end];
        let bound =
            !text[..at].chars().next_back().is_some_and(is_word) && !text[end..].chars().next().is_some_and(is_word);
        let long = (4..=32).contains(&name_len) || SHORT.iter().any(|s| s.eq_ignore_ascii_case(name));
        if bound && long {
            all.push(Raw { kind: Kind::Mention, start: at, end });
        }
    }
}

fn tags(text: &str, chars: &[(usize, char)], all: &mut Vec<Raw>) {
    let mut i = 0;
    while i < chars.len() {
        if chars[i].1 != '#' || (i > 0 && is_tag_char(chars[i - 1].1)) {
            i += 1;
            continue;
        }
        let run = chars[i + 1..].iter().take_while(|(_, c)| is_tag_char(*c)).count();
        let mut next = i + 1 + run;
        let mut kept = run.min(MAX_TAG);
        let lettered = chars[i + 1..i + 1 + kept].iter().any(|(_, c)| is_letter(*c));
        // `#tag@channel` is the tag in that channel.
        if run > 0 && kept == run && chars.get(next).is_some_and(|(_, c)| *c == '@') {
            let name =
                chars[next + 1..].iter().take(MAX_NAME).take_while(|(_, c)| *c == '_' || c.is_ascii_alphanumeric());
            let name = name.count();
            if name >= 3 {
                next += 1 + name;
                kept += 1 + name;
            }
        }
        if lettered && chars.get(next).is_none_or(|(_, c)| *c != '#') {
            let end = chars.get(i + 1 + kept).map_or(text.len(), |(b, _)| *b);
            all.push(Raw { kind: Kind::Tag, start: chars[i].0, end });
        }
        i = next;
    }
}

/// Finds links around dots, from left to right; what was used up is not looked at again.
struct Links<'a> {
    text: &'a str,
    chars: Vec<(usize, char)>,
    out: &'a mut Vec<Raw>,
}

impl Links<'_> {
    fn run(mut self) {
        let mut begin = 0;
        while let Some(dot) = (begin..self.chars.len()).find(|&i| self.at(i) == Some('.')) {
            if dot + 1 >= self.chars.len() {
                break;
            }
            begin = if self.at(dot + 1) == Some(' ') { dot + 2 } else { self.around(begin, dot).max(dot + 1) };
        }
    }

    fn at(&self, i: usize) -> Option<char> {
        self.chars.get(i).map(|(_, c)| *c)
    }

    fn back_while(&self, begin: usize, mut i: usize, keep: impl Fn(char) -> bool) -> usize {
        while i > begin && keep(self.chars[i - 1].1) {
            i -= 1;
        }
        i
    }

    /// Looks at the link around the dot; gives where to go on.
    fn around(&mut self, begin: usize, dot: usize) -> usize {
        let mut host = self.back_while(begin, dot, is_domain);
        let (mut end, mut at_sign) = (dot, false);
        while let Some(c) = self.at(end)
            && (c == '@' || is_domain(c))
        {
            at_sign |= c == '@';
            end += 1;
        }
        if at_sign {
            host = self.back_while(begin, host, is_user);
        }
        end = self.path_end(self.port_end(end));
        while end > dot + 1 && self.at(end - 1) == Some('.') {
            end -= 1;
        }

        let mut start = host;
        let mut bad = false;
        if start > begin && self.at(start - 1) == Some('@') {
            let user = self.back_while(begin, start - 1, is_user);
            bad = at_sign || user == start - 1;
            start = user;
        }
        if start > begin {
            let prefix = &self.text[self.byte(begin)..self.byte(start)];
            if prefix.len() >= 6 && prefix.ends_with("://") {
                match self.scheme(begin, start) {
                    Some(len) => start -= len,
                    None => bad = true,
                }
            } else {
                bad |= self.at(start - 1).is_some_and(|c| is_word(c) || matches!(c, '/' | '#' | '@'));
            }
        }
        if bad {
            while end > dot + 1 && self.at(end - 1) != Some('.') {
                end -= 1;
            }
            return end;
        }
        if end > dot + 1
            && let Some(kept) = checked(&self.text[self.byte(start)..self.byte(end)])
        {
            let from = self.byte(start);
            self.out.push(Raw { kind: Kind::Link, start: from, end: from + kept });
        }
        while self.at(end) == Some('.') {
            end += 1;
        }
        end
    }

    fn byte(&self, i: usize) -> usize {
        self.chars.get(i).map_or(self.text.len(), |(b, _)| *b)
    }

    /// Characters of a scheme that Telegram links, before `start`.
    fn scheme(&self, begin: usize, start: usize) -> Option<usize> {
        let from = self.back_while(begin, start - 3, |c| {
            if c.is_ascii() { c.is_ascii_alphanumeric() || matches!(c, '+' | '-') } else { !c.is_whitespace() }
        });
        let word: String = self.chars[from..start - 3].iter().map(|(_, c)| c.to_ascii_lowercase()).collect();
        match word.as_str() {
            w if w.ends_with("https") => Some(8),
            w if w.ends_with("http") && w != "shttp" => Some(7),
            w if w.ends_with("ftp") && w != "tftp" && w != "sftp" => Some(6),
            w if w.ends_with("tonsite") => Some(10),
            _ => None,
        }
    }

    fn port_end(&self, end: usize) -> usize {
        if self.at(end) != Some(':') {
            return end;
        }
        let digits: String =
            self.chars[end + 1..].iter().map(|(_, c)| *c).take_while(char::is_ascii_digit).take(64).collect();
        let port: Option<u32> = digits.trim_start_matches('0').parse().ok();
        if port.is_some_and(|p| p <= 65_535) { end + 1 + digits.len() } else { end }
    }

    fn path_end(&self, end: usize) -> usize {
        if !self.at(end).is_some_and(|c| matches!(c, '/' | '?' | '#')) {
            return end;
        }
        let mut path = end + 1;
        while self.at(path).is_some_and(is_path) {
            path += 1;
        }
        while path > end + 1 && self.at(path - 1).is_some_and(|c| TRAIL.contains(&c)) {
            path -= 1;
        }
        if self.at(end) == Some('/') || path > end + 1 { path } else { end }
    }
}

/// Bytes of the candidate that are a link, `None` where it is none (a mail address, no known domain).
fn checked(url: &str) -> Option<usize> {
    if is_mail(url.strip_prefix("mailto:").unwrap_or(url)) {
        return None;
    }
    let begins = |s: &&str| url.get(..s.len()).is_some_and(|head| head.eq_ignore_ascii_case(s));
    let scheme = ["https://", "http://", "ftp://", "tonsite://"].into_iter().find(begins).map_or(0, str::len);
    let rest = &url[scheme..];
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(host_end);
    let host = authority.split_once('@').map_or(authority, |(_, h)| h);
    let host = host.rsplit_once(':').map_or(host, |(h, _)| h);
    // A look-alike of its own domain, and the only name it bars.
    (is_host(host, scheme > 0) && !host.eq_ignore_ascii_case("teiegram.org"))
        .then(|| scheme + host_end + balanced(path).len())
}

/// The path up to the first bracket that closes what it did not open, without the sentence's punctuation after it.
fn balanced(path: &str) -> &str {
    let mut open = [0_i32; 3];
    let mut end = path.len();
    for (i, c) in path.char_indices() {
        let (kind, step) = match c {
            '(' => (0, 1),
            ')' => (0, -1),
            '[' => (1, 1),
            ']' => (1, -1),
            '{' => (2, 1),
            '}' => (2, -1),
            _ => continue,
        };
        open[kind] += step;
        if open[kind] < 0 {
            end = i;
            break;
        }
    }
    path[..end].trim_end_matches(TRAIL)
}

fn is_host(host: &str, scheme: bool) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    if labels.len() < 2 || labels.iter().any(|l| l.is_empty() || l.len() > MAX_LABEL || l.ends_with('-')) {
        return false;
    }
    if labels.len() == 4 && labels.iter().all(|l| l.parse::<u8>().is_ok() && (l.len() == 1 || !l.starts_with('0'))) {
        return true;
    }
    let (tld, name) = (labels[labels.len() - 1], labels[labels.len() - 2]);
    if host.chars().all(|c| c.is_ascii_digit() || c == '.') || tld.chars().count() < 2 || name.contains('_') {
        return false;
    }
    if let Some(code) = tld.strip_prefix("xn--") {
        return code.len() > 1 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    }
    !tld.contains(['_', '-']) && (scheme || is_known(tld))
}

/// A known top-level domain. One with only its first letter a capital begins a sentence: "Ru" is a word, "RU" a domain.
fn is_known(tld: &str) -> bool {
    let lower = tld.to_lowercase();
    let after_first = |word: &str| word.chars().next().map_or(0, char::len_utf8);
    if lower != tld && lower[after_first(&lower)..] == tld[after_first(tld)..] {
        return false;
    }
    tlds::knows(&lower, List::Telegram)
}

static MAIL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\A(?:[a-zA-Z0-9_-]{0,26}[.+]){0,10}[a-zA-Z0-9_-]{1,35}@(?:(?:[a-zA-Z0-9][a-zA-Z0-9_-]{0,28})?[a-zA-Z0-9]\.){1,6}[a-zA-Z]{2,8}\z")
        .expect("a constant pattern")
});

fn is_mail(text: &str) -> bool {
    text.contains('@') && MAIL.is_match(text)
}

static LETTER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\p{L}").expect("a constant pattern"));
static LETTER_OR_DIGIT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[\p{L}\p{Nd}]").expect("a constant pattern"));

fn is_letter(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphabetic() } else { LETTER.is_match(c.encode_utf8(&mut [0; 4])) }
}

fn is_word(c: char) -> bool {
    c == '_' || if c.is_ascii() { c.is_ascii_alphanumeric() } else { c.is_numeric() || is_letter(c) }
}

fn is_tag_char(c: char) -> bool {
    if c.is_ascii() {
        return c == '_' || c.is_ascii_alphanumeric();
    }
    matches!(c, '\u{200C}' | '\u{B7}' | '\u{D80}'..='\u{DFF}') || LETTER_OR_DIGIT.is_match(c.encode_utf8(&mut [0; 4]))
}

fn is_symbol(c: char) -> bool {
    if ('\u{2000}'..='\u{206F}').contains(&c) {
        return matches!(c, '\u{200C}' | '\u{200D}' | '\u{2010}'..='\u{2015}');
    }
    !c.is_whitespace()
}

fn is_path(c: char) -> bool {
    !matches!(c, '\n' | '<' | '>' | '"' | '«' | '»') && is_symbol(c)
}

fn is_user(c: char) -> bool {
    !matches!(c, '\n' | '/' | '[' | ']' | '{' | '}' | '(' | ')' | '\'' | '`' | '<' | '>' | '"' | '@' | '«' | '»')
        && is_symbol(c)
}

fn is_domain(c: char) -> bool {
    if c < '\u{C0}' { matches!(c, '.' | '_' | '-' | '~') || c.is_ascii_alphanumeric() } else { is_symbol(c) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sees() {
        use Kind::{Link, Mention, Tag};
        let cases: &[(&str, &[(Kind, &str)])] = &[
            ("go to example.org, now", &[(Link, "example.org")]),
            ("(https://example.org/a_(b))", &[(Link, "https://example.org/a_(b)")]),
            ("https://example.org/a?b=c!", &[(Link, "https://example.org/a?b=c")]),
            ("https://example.notatld example.notatld", &[(Link, "https://example.notatld")]),
            ("bob@example.org mailto:bob@example.org", &[]),
            ("End.Start again. Fine", &[]),
            ("10.5 and 1.2.3.4 and v1.2.3", &[(Link, "1.2.3.4")]),
            ("@bob12 @bob @gif @", &[(Mention, "@bob12"), (Mention, "@gif")]),
            ("a@bob12 (@bob12)", &[(Mention, "@bob12")]),
            ("#tag #12 #1a #x#y", &[(Tag, "#tag"), (Tag, "#1a")]),
            ("https://example.org:8080/x", &[(Link, "https://example.org:8080/x")]),
            ("сайт.рф Сайт.Рф сайт.РФ", &[(Link, "сайт.рф"), (Link, "сайт.РФ")]),
            ("#tag@news #tag@ab #tag@news#x", &[(Tag, "#tag@news"), (Tag, "#tag")]),
            ("shop.ton tonsite://shop.ton teiegram.org", &[(Link, "shop.ton"), (Link, "tonsite://shop.ton")]),
        ];
        for (text, want) in cases {
            let mut found = find(text);
            found.sort_by_key(|r| r.start);
            let got: Vec<_> = found.iter().map(|r| (r.kind, &text[r.start..r.end])).collect();
            assert_eq!(got, *want, "{text}");
        }
    }
}
