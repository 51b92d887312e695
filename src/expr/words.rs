//! The filters that depend on a text's language, and the one that turns names into mentions. Each takes the language of
//! the article unless the template names another: `{{ title | upper }}`, `{{ title | upper(language="tr") }}`.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, State, Value};

use super::env::{kind, wrong};
use super::locale::{self, Digits, case};

/// The hidden variable with the names that may become mentions: pairs of name and handle, the longest name first. No
/// template can name it: it is not among `NAMES`.
pub(super) const MENTIONS: &str = "__mentions";
/// What is remembered while one text is made: names that were mentioned already.
const MENTIONED: &str = "mentioned";

pub(super) fn add(env: &mut Environment<'_>) {
    env.add_filter("upper", |state: &State, value: &Value, how: Kwargs| {
        cased(state, value, &how, "upper", case::upper)
    });
    env.add_filter("lower", |state: &State, value: &Value, how: Kwargs| {
        cased(state, value, &how, "lower", case::lower)
    });
    env.add_filter("title", |state: &State, value: &Value, how: Kwargs| {
        cased(state, value, &how, "title", case::title)
    });
    env.add_filter("capitalize", |state: &State, value: &Value, how: Kwargs| {
        cased(state, value, &how, "capitalize", |text, tag| case::raised(&case::lower(text, tag), tag))
    });
    env.add_filter("date", date);
    env.add_filter("number", number);
    env.add_filter("mentions", mentions);
}

/// The language a filter goes by: the one it names, else the article's.
fn language(state: &State, how: &Kwargs) -> Result<String, Error> {
    let named = how.get::<Option<String>>("language")?;
    let of_article = || state.lookup("language").and_then(|tag| tag.as_str().map(str::to_owned));
    Ok(named.or_else(of_article).unwrap_or_default())
}

fn digits(how: &Kwargs) -> Result<Digits, Error> {
    let word = how.get::<Option<String>>("digits")?;
    word.map_or(Ok(Digits::Latin), |word| Digits::parse(&word).map_err(wrong))
}

fn cased(
    state: &State,
    value: &Value,
    how: &Kwargs,
    filter: &str,
    change: impl Fn(&str, &str) -> String,
) -> Result<String, Error> {
    let text = text(value, filter)?;
    let tag = language(state, how)?;
    how.assert_all_used()?;
    Ok(change(&text, &tag))
}

fn text(value: &Value, filter: &str) -> Result<String, Error> {
    match value.kind() {
        ValueKind::String | ValueKind::Number => Ok(value.to_string()),
        _ => Err(wrong(format!("{filter}: expected a text, found {} (use join for a list)", kind(value)))),
    }
}

/// `{{ published | date }}`, `{{ published | date("d MMMM y") }}`: an instant in the newsroom's zone. What has no date
/// stays empty.
fn date(state: &State, value: &Value, pattern: Option<String>, how: Kwargs) -> Result<String, Error> {
    let text = text(value, "date")?;
    let (tag, digits) = (language(state, &how)?, digits(&how)?);
    how.assert_all_used()?;
    let pattern = pattern.as_deref().unwrap_or("medium");
    if text.is_empty() {
        // A fault in the pattern shows also where there is no date.
        return locale::check_pattern(pattern).map(|()| String::new()).map_err(|said| wrong(format!("date: {said}")));
    }
    let at =
        moment(&text).ok_or_else(|| wrong(format!("date: expected a date such as `published`, found {text:?}")))?;
    locale::date(&at, pattern, &tag, digits).map_err(|said| wrong(format!("date: {said}")))
}

/// RFC 3339 with its offset, so that the clock on the wall is the newsroom's.
fn moment(text: &str) -> Option<jiff::ZonedDateTime> {
    let at: jiff::Timestamp = text.parse().ok()?;
    let pieces = jiff::fmt::temporal::Pieces::parse(text).ok()?;
    let offset = pieces.to_numeric_offset().unwrap_or(jiff::tz::Offset::UTC);
    Some(at.to_zoned_datetime(jiff::tz::TimeZone::fixed(offset)))
}

/// `{{ 1234.5 | number }}`, `{{ "1234.5" | number(decimals=2) }}`.
fn number(state: &State, value: &Value, how: Kwargs) -> Result<String, Error> {
    let text = text(value, "number")?;
    let decimals = how.get::<Option<usize>>("decimals")?;
    let (tag, digits) = (language(state, &how)?, digits(&how)?);
    how.assert_all_used()?;
    if text.is_empty() {
        return Ok(text);
    }
    locale::number(&text, decimals, &tag, digits).map_err(wrong)
}

/// Turns the names of the config's `[mentions]` into mentions: of each name only the first in the whole post.
fn mentions(state: &mut State, value: &Value) -> Result<String, Error> {
    let mut text = text(value, "mentions")?;
    let Some(pairs) = state.lookup(MENTIONS) else { return Ok(text) };
    let tag = state.lookup("language").and_then(|tag| tag.as_str().map(str::to_owned)).unwrap_or_default();
    let mut done: Vec<String> = Vec::new();
    if let Some(before) = state.get_temp(MENTIONED) {
        done.extend(before.try_iter()?.filter_map(|it| it.as_str().map(str::to_owned)));
    }
    for pair in pairs.try_iter()? {
        let (name, handle) = (pair.get_item_by_index(0)?, pair.get_item_by_index(1)?);
        let (Some(name), Some(handle)) = (name.as_str(), handle.as_str()) else { continue };
        if done.iter().any(|it| it == handle) {
            continue;
        }
        if let Some(at) = first(&text, name, &tag) {
            text.replace_range(at, handle);
            done.push(handle.to_owned());
        }
    }
    state.set_temp(MENTIONED, Value::from(done));
    Ok(text)
}

/// Where a name first stands by itself: as it is written, or all in capitals; not inside a longer word, a link, a tag or
/// another mention.
fn first(text: &str, name: &str, tag: &str) -> Option<std::ops::Range<usize>> {
    // A foreign name in a Turkic text may keep its own capitals.
    let forms = [name.to_owned(), case::upper(name, tag), case::upper(name, "")];
    let mut found: Vec<_> = forms.iter().flat_map(|form| text.match_indices(form.as_str())).collect();
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(at, it)| at..at + it.len()).find(|at| stands_alone(text, at))
}

fn stands_alone(text: &str, at: &std::ops::Range<usize>) -> bool {
    let (before, after) = (&text[..at.start], &text[at.end..]);
    let opens = before.chars().next_back().is_none_or(|c| c.is_whitespace() || "([{“„«‚‘\"'—–-¿¡".contains(c));
    let mut rest = after.chars();
    // What goes on like a name would become part of the mention on one platform or another.
    let ends = match rest.next() {
        Some(c) if c.is_alphanumeric() || "_@#/-:\u{200B}\u{200C}\u{200D}".contains(c) => false,
        Some('.') => rest.next().is_none_or(char::is_whitespace),
        _ => true,
    };
    let word_start = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let inside_link = before.get(word_start..).is_some_and(|word| word.contains("://") || word.contains(['#', '@']));
    opens && ends && !inside_link
}

#[cfg(test)]
mod tests {
    use super::super::{Scene, Snippet};

    fn made(template: &str, scene: &Scene) -> Result<String, String> {
        Snippet::parse(template).and_then(|it| it.render(scene)).map_err(|e| e.said)
    }

    fn story(language: &str) -> Scene {
        Scene { language: language.into(), title: "Bakı işıqlıdır".into(), ..Scene::full() }
    }

    #[test]
    fn filters_go_by_the_articles_language() {
        for (language, template, want) in [
            ("az", "{{ title | upper }}", "BAKI İŞIQLIDIR"),
            ("en", "{{ title | upper }}", "BAKI IŞIQLIDIR"),
            ("en", "{{ title | upper(language='az') }}", "BAKI İŞIQLIDIR"),
            ("az", "{{ 'IRAN' | lower }} {{ 'iş' | title }} {{ 'İŞ' | capitalize }}", "ıran İş İş"),
            ("ru", "{{ published | date('long') }}", "25 ноября 2026 г."),
            ("az", "{{ published | date }}", "25 noy 2026"),
            ("de", "{{ published | date('HH:mm') }}", "12:00"),
            ("en", "{{ published | date('d MMMM', language='uk') }}", "25 листопада"),
            ("ar", "{{ published | date('d', digits='native') }}", "٢٥"),
            ("de", "{{ 1234.5 | number }} {{ '1' | number(decimals=2) }}", "1.234,5 1,00"),
            ("fa", "{{ 1234 | number(digits='native') }}", "۱٬۲۳۴"),
        ] {
            assert_eq!(made(template, &story(language)).as_deref(), Ok(want), "{language} {template}");
        }
        assert_eq!(made("{{ published | date('long') }}", &Scene::empty()).as_deref(), Ok(""));
    }

    #[test]
    fn a_fault_in_a_filter_is_told_at_once() {
        for (template, said) in [
            ("{{ published | date('QQ') }}", "a date's pattern has"),
            ("{{ title | date }}", "expected a date such as `published`"),
            ("{{ title | number }}", "expected a number"),
            ("{{ 1 | number(digits='roman') }}", "expected digits"),
            ("{{ authors | upper }}", "expected a text, found a sequence"),
            ("{{ title | upper(tongue='az') }}", "tongue"),
        ] {
            let e = made(template, &Scene::full()).expect_err(template);
            assert!(e.contains(said), "{template}: {e}");
        }
    }

    #[test]
    fn names_of_the_list_become_mentions_once() {
        let pairs = |list: &[(&str, &str)]| list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let list =
            [("President Ilham Aliyev", "@president"), ("Ilham Aliyev", "@presidentaz"), ("İlham Əliyev", "@az")];
        for (title, want) in [
            ("Ilham Aliyev opens bridge", "@presidentaz opens bridge"),
            ("Talks: Ilham Aliyev, Ilham Aliyev.", "Talks: @presidentaz, Ilham Aliyev."),
            ("President Ilham Aliyev speaks", "@president speaks"),
            ("Ilham Aliyev's visit", "@presidentaz's visit"),
            ("Ilham Aliyevs and Ilham Aliyev-led", "Ilham Aliyevs and Ilham Aliyev-led"),
            ("ILHAM ALIYEV IN BAKU", "@presidentaz IN BAKU"),
            ("«İLHAM ƏLİYEV» Bakıda", "«@az» Bakıda"),
            ("ilham aliyev", "ilham aliyev"),
            ("#Ilham Aliyev https://e.org/Ilham Aliyev", "#Ilham Aliyev https://e.org/Ilham Aliyev"),
            ("Ilham Aliyev.com", "Ilham Aliyev.com"),
            ("Said Ilham Aliyev.", "Said @presidentaz."),
        ] {
            let scene = Scene { title: title.into(), language: "az".into(), mentions: pairs(&list), ..Scene::empty() };
            assert_eq!(made("{{ title | mentions }}", &scene).as_deref(), Ok(want));
            assert_eq!(made("{{ title }}", &scene).as_deref(), Ok(title), "without the filter nothing happens");
        }
        let scene = Scene {
            title: "Ilham Aliyev".into(),
            summary: "Ilham Aliyev said".into(),
            mentions: pairs(&list),
            ..Scene::empty()
        };
        let both = made("{{ title | mentions }}: {{ summary | mentions }}", &scene);
        assert_eq!(both.as_deref(), Ok("@presidentaz: Ilham Aliyev said"), "once in a post");
    }
}
