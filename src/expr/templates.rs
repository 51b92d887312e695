//! The templates: those in the binary and those that override them by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use minijinja::Environment;
use regex::Regex;

use super::marks::{self, Part, SOFT, Section};
use super::{ExprError, Scene, env};

/// Bytes of one template's file.
const MAX_FILE: u64 = 64 * 1024;

/// Name and text of the templates in the binary.
const BUILT_IN: &[(&str, &str)] = &[
    ("headline", include_str!("../../templates/post/headline.j2")),
    ("headline-summary", include_str!("../../templates/post/headline-summary.j2")),
    ("breaking", include_str!("../../templates/post/breaking.j2")),
    ("correction", include_str!("../../templates/post/correction.j2")),
    ("digest", include_str!("../../templates/post/digest.j2")),
    ("thread", include_str!("../../templates/post/thread.j2")),
];

/// A link no feed has: where it comes out in a part that may give way, the template puts it there.
const PROBE: &str = "https://bugle.invalid/the-link";

/// The templates: those in the binary and those that override them by name.
#[derive(Clone)]
pub struct Templates {
    env: Arc<Environment<'static>>,
    sources: Arc<BTreeMap<String, Source>>,
}

struct Source {
    path: PathBuf,
    text: String,
    /// Bytes of `text` after which a mark was put in.
    softened: Vec<usize>,
    /// The names it uses; `None` where others may be used through another template.
    uses: Option<BTreeSet<String>>,
}

impl std::fmt::Debug for Templates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.sources.keys()).finish()
    }
}

impl Templates {
    /// The built-in ones, overridden by `NAME.j2`, `NAME.PLATFORM.j2` and `NAME.@CHANNEL.j2` in `folder`; a folder that
    /// is not there overrides nothing. Each is rendered on a full and an empty article.
    ///
    /// # Errors
    /// Every fault found, with the file it is in.
    pub fn load(folder: Option<&Path>) -> Result<Self, Vec<(PathBuf, ExprError)>> {
        let mut faults = Vec::new();
        let mut sources = BTreeMap::new();
        for (name, text) in BUILT_IN {
            let path = Path::new("templates/post").join(format!("{name}.j2"));
            sources.insert((*name).to_owned(), Source::new(path, (*text).to_owned()));
        }
        for path in folder.map(files).unwrap_or_default() {
            match read(&path) {
                Ok((name, text)) => {
                    sources.insert(name, Source::new(path, text));
                }
                Err(said) => faults.push((path, ExprError { said, line: None, range: None })),
            }
        }
        let mut env = env::environment();
        for (name, source) in &sources {
            if let Err(e) = env.add_template_owned(name.clone(), source.softened_text()) {
                faults.push((source.path.clone(), env::fault(&e, &source.text, |at| source.place(at))));
            }
        }
        for (name, source) in &mut sources {
            if let Ok(template) = env.get_template(name)
                && !["include", "import", "extends"].iter().any(|word| source.text.contains(word))
            {
                source.uses = Some(template.undeclared_variables(false).into_iter().collect());
            }
        }
        let all = Self { env: Arc::new(env), sources: Arc::new(sources) };
        if faults.is_empty() {
            faults = all
                .sources
                .iter()
                .filter_map(|(name, source)| all.check(name).err().map(|e| (source.path.clone(), e)))
                .collect();
        }
        if faults.is_empty() { Ok(all) } else { Err(faults) }
    }

    /// The names of the templates, without those for one platform or channel.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str).filter(|n| !n.contains('.'))
    }

    /// Whether there is a template of that name for that channel.
    pub fn has(&self, name: &str, channel: &str, platform: &str) -> bool {
        self.find(name, channel, platform).is_some()
    }

    /// The file (or built-in text) that is used for that channel.
    pub fn path(&self, name: &str, channel: &str, platform: &str) -> Option<&Path> {
        self.sources.get(&self.find(name, channel, platform)?).map(|s| s.path.as_path())
    }

    /// Whether the template, as it is used for the scene's channel, may look at a variable.
    pub fn uses<'a>(&'a self, name: &str, scene: &Scene) -> impl Fn(&str) -> bool + use<'a> {
        let source = self.find(name, &scene.channel, &scene.platform).and_then(|key| self.sources.get(&key));
        let uses = source.and_then(|source| source.uses.as_ref());
        move |variable| uses.is_none_or(|uses| uses.contains(variable))
    }

    /// Renders the template for the scene's channel and platform with marks for what may give way; `marks::parts` reads
    /// them.
    ///
    /// # Errors
    /// [`ExprError`].
    pub fn render(&self, name: &str, scene: &Scene) -> Result<String, ExprError> {
        let key = self.find(name, &scene.channel, &scene.platform).ok_or_else(|| ExprError {
            said: format!("there is no template `{name}`; there are {}", self.names().collect::<Vec<_>>().join(", ")),
            line: None,
            range: None,
        })?;
        self.render_key(&key, scene)
    }

    /// Tries one template by its whole name (`headline`, `headline.x`, `headline.@main`) on a full and an empty article.
    ///
    /// # Errors
    /// [`ExprError`]: also a name unknown in a branch not taken, and the link in a part that may give way.
    pub fn check(&self, key: &str) -> Result<(), ExprError> {
        let (Some(source), Ok(template)) = (self.sources.get(key), self.env.get_template(key)) else {
            return Err(ExprError { said: format!("there is no template `{key}`"), line: None, range: None });
        };
        env::check_names(&source.text, &template.undeclared_variables(false))?;
        env::check_filters(&source.text)?;
        env::check_patterns(&source.text)?;
        let probe = Scene { link: PROBE.into(), ..Scene::full() };
        let only_link = Scene { link: PROBE.into(), ..Scene::empty() };
        for scene in [&probe, &only_link, &Scene::full(), &Scene::empty()] {
            let sections = marks::sections(&self.render_key(key, scene)?).map_err(|said| torn(&source.text, said))?;
            let at_link = |said: String| Err(env::at_word(&source.text, "link", said));
            if let Some(word) = sections.iter().find_map(gives_up) {
                return at_link(format!("the link is inside `{word}`, but the link always stays: move it out"));
            }
            let linked: Vec<usize> = (0..sections.len()).filter(|&n| stays(&sections[n])).collect();
            match linked.as_slice() {
                [] | [0] => {}
                [n] if n + 1 == sections.len() => {}
                [n] => {
                    let n = n + 1;
                    return at_link(format!("the link is in part {n}: expected it in the first part or the last"));
                }
                several => {
                    let count = several.len();
                    return at_link(format!("the link is in {count} parts: expected it in one, the first or the last"));
                }
            }
        }
        Ok(())
    }

    fn render_key(&self, key: &str, scene: &Scene) -> Result<String, ExprError> {
        let place = |e: &minijinja::Error| match self.sources.get(e.name().unwrap_or(key)) {
            Some(source) => env::fault(e, &source.text, |at| source.place(at)),
            None => env::fault(e, "", |at| at),
        };
        self.env.get_template(key).and_then(|t| t.render(scene.value())).map_err(|e| place(&e))
    }

    /// A channel's own template, else its platform's, else the plain one.
    fn find(&self, name: &str, channel: &str, platform: &str) -> Option<String> {
        [format!("{name}.@{channel}"), format!("{name}.{platform}"), name.to_owned()]
            .into_iter()
            .find(|key| self.sources.contains_key(key))
    }
}

/// A fault in how marks are put, at the first filter that makes one.
fn torn(text: &str, said: String) -> ExprError {
    let faults = ["thread", "part", "optional", "elastic"].map(|word| env::at_word(text, word, said.clone()));
    let first =
        faults.into_iter().filter(|fault| fault.range.is_some()).min_by_key(|f| f.range.clone().map(|r| r.start));
    first.unwrap_or(ExprError { said, line: Some(1), range: None })
}

/// The filter through which the link may give way in a section, if it may.
fn gives_up(section: &Section) -> Option<&'static str> {
    match section {
        Section::Spread { text, .. } => text.contains(PROBE).then_some("thread"),
        Section::Part { pieces, .. } => pieces.iter().find_map(|piece| match piece {
            Part::Optional(inner) if inner.iter().any(has_probe) => Some("optional"),
            Part::Elastic { .. } if has_probe(piece) => Some("elastic"),
            _ => None,
        }),
    }
}

fn stays(section: &Section) -> bool {
    matches!(section, Section::Part { pieces, .. } if pieces.iter().any(has_probe))
}

fn has_probe(part: &Part) -> bool {
    match part {
        Part::Text(text) | Part::Elastic { text, .. } => text.contains(PROBE),
        Part::Optional(parts) => parts.iter().any(has_probe),
        Part::Soft => false,
    }
}

/// The template files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "j2") && path.is_file())
        .collect();
    found.sort();
    found
}

/// Whole name and text of a template's file.
fn read(path: &Path) -> Result<(String, String), String> {
    let name = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let word = |w: &str| !w.is_empty() && w.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    let good = match name.split_once('.') {
        None => word(name),
        Some((first, channel)) if channel.starts_with('@') => word(first) && channel.len() > 1,
        Some((first, platform)) => word(first) && word(platform),
    };
    if !good {
        return Err("expected NAME.j2, NAME.PLATFORM.j2 or NAME.@CHANNEL.j2".into());
    }
    let length = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if length > MAX_FILE {
        return Err(format!("expected at most {MAX_FILE} bytes, found {length}"));
    }
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    Ok((name.to_owned(), marks::unmarked(&text)))
}

impl Source {
    /// A block at the end of a line eats the line's end (`trim_blocks`). Where the line has other content that would
    /// join two lines nobody joined, so a mark is put between: the line ends, or goes if nothing is on it.
    fn new(path: PathBuf, text: String) -> Self {
        static BLOCK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{%[^%\n]*%\}").expect("a constant pattern"));
        let mut softened = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let body = line.trim_end_matches(['\n', '\r']);
            let last = BLOCK.find_iter(body).last();
            let closes = last
                .is_some_and(|m| m.end() == body.len() && !m.as_str().ends_with("-%}") && !m.as_str().ends_with("+%}"));
            if closes && body.len() < line.len() && !BLOCK.replace_all(body, "").trim().is_empty() {
                softened.push(start + body.len());
            }
            start += line.len();
        }
        Self { path, text, softened, uses: None }
    }

    fn softened_text(&self) -> String {
        let mut out = String::with_capacity(self.text.len() + self.softened.len());
        let mut at = 0;
        for &byte in &self.softened {
            out.push_str(&self.text[at..byte]);
            out.push(SOFT);
            at = byte;
        }
        out.push_str(&self.text[at..]);
        out
    }

    /// The byte of the written text for a byte of the softened one.
    fn place(&self, byte: usize) -> usize {
        let before = self.softened.iter().enumerate().filter(|(i, soft)| **soft + i < byte).count();
        byte - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).expect("written");
        }
        dir
    }

    fn load(files: &[(&str, &str)]) -> Result<Templates, Vec<(PathBuf, ExprError)>> {
        Templates::load(Some(folder(files).path()))
    }

    #[test]
    fn a_channels_template_goes_before_its_platforms() {
        let all =
            load(&[("headline.j2", "plain"), ("headline.x.j2", "x"), ("headline.@main.j2", "main")]).expect("good");
        for (channel, platform, want) in [("main", "x", "main"), ("other", "x", "x"), ("other", "telegram", "plain")] {
            let scene = Scene { channel: channel.into(), platform: platform.into(), ..Scene::full() };
            assert_eq!(all.render("headline", &scene).as_deref(), Ok(want));
        }
        assert!(all.has("breaking", "", "") && !all.has("nothing", "", ""));
        assert_eq!(
            all.names().collect::<Vec<_>>(),
            ["breaking", "correction", "digest", "headline", "headline-summary", "thread"]
        );
    }

    #[test]
    fn what_is_built_in_is_good_and_a_missing_folder_changes_nothing() {
        let all = Templates::load(Some(Path::new("/nowhere/at/all"))).expect("good");
        assert!(all.render("headline", &Scene::empty()).is_ok());
        let e = all.render("headlin", &Scene::full()).expect_err("no such template");
        assert!(e.said.contains("there are breaking, correction, digest, headline, headline-summary, thread"), "{e}");
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let cases = [
            ("{{ title }\n", "", None),
            ("a\nb {{ titel }}\n", "unknown name `titel`", Some((2, 7..12))),
            ("{% if false %}{{ nope }}{% endif %} x", "unknown name `nope`", Some((1, 17..21))),
            (
                "{% filter optional %}{{ summary }} {{ link }}{% endfilter %}\n",
                "the link is inside `optional`",
                Some((1, 38..42)),
            ),
            ("{{ link | optional }}", "the link is inside `optional`", Some((1, 3..7))),
            ("{{ link | elastic }}", "the link is inside `elastic`", Some((1, 3..7))),
            (
                "{% filter optional %}a{% endfilter %}\n{{ authors | elastic }}\n",
                "expected a text, found a sequence",
                Some((2, 0..0)),
            ),
            ("{{ title | elastic(weight=0) }}", "expected a weight from 1 to 1000, found 0", None),
            ("{{ title | elastic(wieght=2) }}", "wieght", None),
            ("{{ title | elastic | optional | elastic }}", "last filters", None),
            (
                "{% if false %}{{ title | uper }}{% endif %}",
                "unknown filter `uper`; did you mean `upper`?",
                Some((1, 25..29)),
            ),
            ("a\n{{ title | elastic(min=3) | upper }}", "found `upper` behind it", Some((2, 30..35))),
            ("{{ title | optional | trim }}", "have to be the last filters", Some((1, 22..26))),
            ("{{ (title | elastic)[:9] }}", "have to be the last filters", Some((1, 12..19))),
            ("{{ titel }}", "unknown name `titel`; did you mean `title`?", Some((1, 3..8))),
            ("{% filter parts %}{{ title }}{% endfilter %}", "did you mean `part`?", Some((1, 10..15))),
            ("{{ title | default('a | b') | thread(max=0) }}", "expected a max from 1 to 25, found 0", None),
            ("{{ content | thread }}{{ link | thread }}", "the link is inside `thread`", Some((1, 25..29))),
            (
                "{% filter part %}{{ title }} {{ link }}{% endfilter %}{% filter part %}{{ link }}{% endfilter %}",
                "the link is in 2 parts",
                Some((1, 32..36)),
            ),
            (
                "{% filter part %}1{% endfilter %}{% filter part %}{{ link }}{% endfilter %}{% filter part %}3{% endfilter %}",
                "the link is in part 2",
                Some((1, 53..57)),
            ),
            (
                "x {% filter optional %}{% filter part %}{{ title }}{% endfilter %}{% endfilter %}",
                "stand by themselves",
                Some((1, 12..20)),
            ),
            ("{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}", "", None),
        ];
        for (text, said, place) in cases {
            let faults = load(&[("a.j2", text)]).map(|_| ()).expect_err(text);
            assert_eq!(faults.len(), 1, "{text}");
            let e = &faults[0].1;
            assert!(e.said.contains(said), "{text}: {}", e.said);
            if let Some((line, range)) = place {
                assert_eq!(e.line, Some(line), "{text}: {e:?}");
                if !range.is_empty() {
                    assert_eq!(e.range, Some(range), "{text}");
                }
            }
        }
        let faults = load(&[("bad name.j2", ""), ("x.j2", "{{"), ("y.j2", "{%")]).map(|_| ()).expect_err("three");
        assert_eq!(faults.len(), 3);
    }

    #[test]
    fn text_is_not_escaped_and_marks_of_a_feed_are_gone() {
        let all = load(&[("a.j2", "{{ title }}")]).expect("good");
        let scene = Scene { title: "<b> & \u{4}x\u{3}".into(), ..Scene::default() };
        assert_eq!(all.render("a", &scene).as_deref(), Ok("<b> & x"));
    }

    #[test]
    fn a_block_at_a_lines_end_joins_no_lines() {
        let all = load(&[(
            "a.j2",
            "{{ title }}\n{% if summary %}{{ summary }}{% endif %}\n{% if true %}\n{{ link }}\n{% endif %}\n",
        )])
        .expect("good");
        let scene = Scene { title: "t".into(), summary: "s".into(), link: "l".into(), ..Scene::default() };
        assert_eq!(all.render("a", &scene).as_deref(), Ok("t\ns\u{5}\nl\n"));
    }
}
