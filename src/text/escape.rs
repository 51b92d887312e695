//! How a plain text is written where the platform's field is not plain text. What counts is what is sent, so `measure`
//! counts the answers of these functions, and an adapter must send them.

/// Characters that LinkedIn's "little" text format reserves; each one meant literally wants a backslash before it, even
/// where no markup is intended. Source: Microsoft Learn, "little text format", as quoted 2026-08.
const LITTLE: &[char] = &['\\', '|', '{', '}', '@', '[', ']', '(', ')', '<', '>', '#', '*', '_', '~'];

/// The text for LinkedIn's `commentary`, every reserved character escaped: nothing in it is markup.
pub fn little(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        if LITTLE.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The text for Slack's mrkdwn: exactly `&`, `<` and `>` as references, and nothing else (which also takes the life out
/// of `<!channel>` and `<@U…>`). Source: docs.slack.dev, "Formatting message text", 2026-08.
pub fn references(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_little_reserves_gets_a_backslash() {
        for (text, want) in [
            ("Budget (2026) *draft*", r"Budget \(2026\) \*draft\*"),
            ("https://e.org/a_b?x=(1)", r"https://e.org/a\_b?x=\(1\)"),
            (r"a\b|c{d}e@f[g]h<i>j#k~l", r"a\\b\|c\{d\}e\@f\[g\]h\<i\>j\#k\~l"),
            ("Bakı, 100 % – “so” `x` ^ $ + = & ' \"", "Bakı, 100 % – “so” `x` ^ $ + = & ' \""),
            ("", ""),
        ] {
            assert_eq!(little(text), want, "{text}");
        }
    }

    #[test]
    fn three_characters_become_references() {
        for (text, want) in [
            ("AT&T <b> > c", "AT&amp;T &lt;b&gt; &gt; c"),
            ("<!channel> &amp;", "&lt;!channel&gt; &amp;amp;"),
            ("\"'*_~|", "\"'*_~|"),
        ] {
            assert_eq!(references(text), want, "{text}");
        }
    }
}
