//! A hostile feed's words come out as words: nobody is called, nothing is marked up, nothing leads anywhere but the
//! article's own link, whatever the platform makes of plain text by itself.

use bugle::text::plain;

use super::stage::{Stage, link};
use super::stand::{self, Eye, Make, Sign};

/// Titles and summaries as a feed may hold them, before Bugle has read them.
const BAIT: &[&str] = &[
    "@everyone read this, @here too",
    "&lt;!channel&gt; and &lt;!here|here&gt; &lt;!subteam^S012345&gt; &lt;@U12345678&gt; &lt;#C12345678|general&gt;",
    "&lt;@123456789012345678&gt; &lt;@&amp;123456789012345678&gt; &lt;@!42424242424242424&gt; &lt;:smile:1234567890123456789&gt;",
    "Hello @presidentaz and @presidentaz@social.example and \u{ff20}fullwidth, says @newsroom_bot",
    "@room wake up @alice:server.example !room:server.example #general:server.example",
    "**bold** __under__ _it_ *star* ~~gone~~ ||spoiler|| `code` [click here](https://evil.org/x) # Heading",
    "&lt;b&gt;bold&lt;/b&gt; &lt;a href=\"https://evil.org/a\"&gt;go&lt;/a&gt; &lt;script&gt;alert(1)&lt;/script&gt;",
    "<b>bold</b> <a href=\"https://evil.org/a\">go</a> <img src=x onerror=alert(1)>",
    "&lt;https://evil.org/slack|our site&gt; and &lt;mailto:a@evil.org|mail&gt;",
    "Win at https://evil.org/win or http://evil.org, www.evil.org, evil.com/path and evil.az",
    "Inside: http://intranet/admin and https://evil.example/other, ftp://evil.org/file",
    "https://news.example@evil.org/ javascript:alert(1) https://news.example.evil.com",
    "Cheap \u{202E}gpj.exe\u{202C} \u{2066}isolated\u{2069} \u{200F}marks\u{200E} zero\u{200B}width",
    "---\nA second part\n---\nA third",
    "1. one\n2. two\n&gt; quoted\n- list\n```\nblock\n```",
    "{@organization|Evil|1} @[Evil](urn:li:organization:1) {hashtag|\\#|evil} \\@name",
];

fn is(sign: &Sign, link: &str) -> bool {
    matches!(sign, Sign::Link(to) if to.trim_end_matches(|c: char| !c.is_alphanumeric()) == link)
}

/// What readers would get of the raw words if nobody took care.
fn raw(bait: &str) -> String {
    bait.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

pub async fn bait_in_a_feed_stays_text(make: Make) {
    let mut stage = Stage::set(make).await;
    // The eye is not blind: it sees what it is to see where it stands.
    let eye: Eye = stage.stand.eye();
    let all: Vec<Sign> = BAIT.iter().flat_map(|bait| eye.see(&raw(bait))).collect();
    for (kind, is) in [
        (eye.mention.is_some(), all.iter().any(|sign| matches!(sign, Sign::Mention(_)))),
        (eye.link.is_some(), all.iter().any(|sign| matches!(sign, Sign::Link(to) if to.contains("evil")))),
        (eye.markup.is_some(), all.iter().any(|sign| matches!(sign, Sign::Markup(_)))),
    ] {
        assert_eq!(kind, is, "{}: what its eye looks for is in the bait: {all:#?}", stage.stand.platform());
    }
    for (n, bait) in BAIT.iter().enumerate() {
        let id = format!("bait {n}");
        let (title, summary) = (plain::title(bait), plain::paragraphs(bait));
        stage
            .post_with(&id, |post, entry| {
                post.template = "headline-summary".to_owned();
                entry.title = if title.is_empty() { "Untitled".to_owned() } else { title };
                entry.summary = Some(summary);
            })
            .await;
        assert_eq!(stage.rest(&id).await, "published", "{bait}\n{}", stage.story().await);
        let shown = stage.shown().await;
        assert_eq!(shown.len(), n + 1, "{bait}: it is one post\n{}", stage.story().await);
        let text = &shown[n].text;
        let mut signs = stage.stand.marked();
        signs.extend(eye.see(text));
        signs.retain(|sign| !is(sign, &link(&id)));
        assert_eq!(signs, [], "{bait}\n{text}");
        assert_eq!(stand::turns(text), Vec::<char>::new(), "{bait}\n{text}");
    }
}
