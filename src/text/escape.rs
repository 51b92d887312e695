//! How a plain text is written where the platform's field is not plain text. What counts is what is sent, so `measure`
//! counts the answers of these functions, and an adapter must send them.

use super::entities::{Kind, Sight, raw};

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

/// Signs that Discord's Markdown reads wherever they stand.
const ANYWHERE: &[char] = &['\\', '*', '_', '~', '|', '`', '<', '[', ']'];
/// Signs that it reads at the beginning of a line: headings, small print, lists, quotes.
const AT_START: &[char] = &['#', '-', '>'];

/// The text for Discord's `content`: what its Markdown would read outside of links gets a backslash, so that nothing in it
/// is markup, a mention or a time. Inside of links a backslash would become a part of them, and nothing is markup there.
/// Source: discord-api-docs, "Message formatting", and the help centre's "Markdown Text 101", 2026-08.
pub fn markdown(text: &str) -> String {
    // Discord's links go on to the next white space or `<`, whatever sentence stands around them.
    let whole = |start: usize| {
        let ends = |c: char| c.is_whitespace() || c == '<';
        start..text[start..].find(ends).map_or(text.len(), |at| start + at)
    };
    let links = raw(text, Sight::Discord).into_iter().filter(|it| it.kind == Kind::Link);
    let mut links = links.map(|it| whole(it.start)).peekable();
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut at_start = true;
    for (at, c) in text.char_indices() {
        while links.next_if(|link| link.end <= at).is_some() {}
        let linked = links.peek().is_some_and(|link| link.start <= at);
        if !linked && (ANYWHERE.contains(&c) || at_start && AT_START.contains(&c)) {
            out.push('\\');
        }
        out.push(c);
        at_start = c == '\n' || at_start && c.is_whitespace();
    }
    out
}

/// UTF-16 units of a text for Discord, every sign outside of links that may be markup counted twice: never less than
/// [`markdown`] makes of it, and the same wherever a line begins.
pub(crate) fn marked(text: &str) -> usize {
    let mut links = match text.contains("://") {
        true => raw(text, Sight::Discord),
        false => Vec::new(),
    }
    .into_iter()
    .filter(|it| it.kind == Kind::Link)
    .peekable();
    let signs = text.char_indices().filter(|(at, c)| {
        while links.next_if(|link| link.end <= *at).is_some() {}
        let linked = links.peek().is_some_and(|link| link.start <= *at);
        !linked && (ANYWHERE.contains(c) || AT_START.contains(c))
    });
    text.encode_utf16().count() + signs.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_discord_reads_as_markup_gets_a_backslash() {
        for (text, want) in [
            ("**Bold** _it_ ~~no~~ ||spoiler|| `code`", r"\*\*Bold\*\* \_it\_ \~\~no\~\~ \|\|spoiler\|\| \`code\`"),
            ("# Title\n- one\n  > two\n-# three", "\\# Title\n\\- one\n  \\> two\n\\-# three"),
            ("a # b - c > d", "a # b - c > d"),
            ("[here](https://evil.example/_a_)", r"\[here\](https://evil.example/_a_)"),
            ("see https://e.org/a_b*c?x=[1], _now_", r"see https://e.org/a_b*c?x=[1], \_now\_"),
            ("<@123456789012345678> <t:1:R> <#1>", r"\<@123456789012345678> \<t:1:R> \<#1>"),
            ("https://e.org/a_ https://e.org/b_*, *x*", r"https://e.org/a_ https://e.org/b_*, \*x\*"),
            (r"back\slash", r"back\\slash"),
            ("Bakı, 100 % – “so” ^ $ + = & ' \"", "Bakı, 100 % – “so” ^ $ + = & ' \""),
        ] {
            assert_eq!(markdown(text), want, "{text}");
            assert!(marked(text) >= markdown(text).encode_utf16().count(), "{text}");
        }
    }

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
