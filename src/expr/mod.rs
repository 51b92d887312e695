//! The language of templates and conditions: what they see (`Scene`), conditions, and their faults. The environment is
//! in `env`, the templates in `templates`, one-line values of the config in `snippet`, the marks for what may give way in
//! `marks`; filters that depend on the language are in `words`, the facts of languages in `locale`.

mod env;
pub mod locale;
pub mod marks;
mod nearest;
mod scene;
mod snippet;
mod templates;
mod words;

use std::sync::Arc;

use minijinja::Expression;

pub use self::scene::{Item, NAMES, Scene};
pub use self::snippet::Snippet;
pub use self::templates::Templates;

/// A fault in a template or condition: what, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct ExprError {
    /// What was expected and what was found.
    pub said: String,
    /// 1-based line, where known.
    pub line: Option<usize>,
    /// Byte range within the text, where known.
    pub range: Option<std::ops::Range<usize>>,
}

/// A compiled condition.
#[derive(Clone)]
pub struct Condition {
    text: Arc<str>,
    compiled: Arc<Expression<'static, 'static>>,
}

impl std::fmt::Debug for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Condition").field(&self.text).finish()
    }
}

impl Condition {
    /// Compiles it. Unknown names and broken patterns are found here, not at the first article that meets them.
    ///
    /// # Errors
    /// [`ExprError`].
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        let compiled =
            env::CONDITIONS.compile_expression_owned(text.to_owned()).map_err(|e| env::fault(&e, text, |at| at))?;
        env::check_names(text, &compiled.undeclared_variables(false))?;
        env::check_patterns(text)?;
        let condition = Self { text: text.into(), compiled: Arc::new(compiled) };
        for scene in [Scene::full(), Scene::empty()] {
            condition.holds(&scene)?;
        }
        Ok(condition)
    }

    /// Whether it holds for the article. Empty text, an empty list and 0 count as no.
    ///
    /// # Errors
    /// [`ExprError`]: an undefined name, a wrong type, out of fuel.
    pub fn holds(&self, scene: &Scene) -> Result<bool, ExprError> {
        let value = self.compiled.eval(scene.value()).map_err(|e| env::fault(&e, &self.text, |at| at))?;
        if value.is_undefined() {
            return Err(ExprError { said: "the condition gives nothing to judge by".into(), line: None, range: None });
        }
        Ok(value.is_true())
    }

    /// The condition as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> Scene {
        Scene { title: "Weekly Horoscope".into(), categories: vec!["Nation".into(), "Life".into()], ..Scene::default() }
    }

    #[test]
    fn conditions_judge_articles() {
        for (text, want) in [
            ("'Nation' in categories", true),
            ("'Nation' in categories and not title is matching('(?i)horoscope')", false),
            ("title is matching('\\bHoroscope\\b')", true),
            ("title is matching('scope\\b') and not title is matching('^scope')", true),
            ("summary", false),
            ("summary or title", true),
            ("categories | length == 2", true),
            ("title | lower is startingwith 'weekly'", true),
            ("language == 'az' or source in ['a', 'b']", false),
            ("true", true),
        ] {
            assert_eq!(Condition::parse(text).and_then(|c| c.holds(&scene())), Ok(want), "{text}");
        }
    }

    #[test]
    fn faults_say_what_and_where() {
        for (text, said, at) in [
            ("'Nation' in categorys", "unknown name `categorys`", Some(12..21)),
            ("titel == 'x' and nothing", "unknown name `titel`", Some(0..5)),
            ("false and titel", "unknown name `titel`", Some(10..15)),
            ("title is matching('(')", "unclosed group", Some(18..21)),
            ("false and title is matching('[')", "unclosed character class", Some(28..31)),
            ("title is mathcing('x')", "mathcing", None),
            ("title in", "unexpected end", None),
            ("categories is matching('x')", "expected a text", None),
        ] {
            let e = Condition::parse(text).expect_err(text);
            assert!(e.said.contains(said), "{text}: {}", e.said);
            if let Some(at) = at {
                assert_eq!(e.range, Some(at), "{text}");
            }
            assert_eq!(e.line, Some(1), "{text}: {e:?}");
        }
    }

    #[test]
    fn a_condition_ends() {
        let text = "range(9999) | map('string') | join | length + range(9999) | map('string') | join | length";
        let _ = Condition::parse(text);
        let e = Condition::parse("title is matching('(a{1000}){1000}{1000}')").expect_err("too large");
        assert!(e.said.contains("size limit"), "{e}");
    }
}
