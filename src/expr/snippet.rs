//! A short template inside a value of the config: `"{{ platform }}"`.

use super::{ExprError, Scene, env, marks};

/// Bytes of one.
const LONGEST: usize = 500;

/// A short template, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    text: String,
}

impl Snippet {
    /// Reads it, and tries it on a full and an empty article.
    ///
    /// # Errors
    /// [`ExprError`].
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        let whole = |said: String| ExprError { said, line: None, range: None };
        if text.len() > LONGEST {
            return Err(whole(format!("expected at most {LONGEST} bytes, found {}", text.len())));
        }
        let snippet = Self { text: text.to_owned() };
        let template = env::CONDITIONS.template_from_str(text).map_err(|e| env::fault(&e, text, |at| at))?;
        env::check_names(text, &template.undeclared_variables(false))?;
        env::check_patterns(text)?;
        for scene in [Scene::full(), Scene::empty()] {
            snippet.render(&scene)?;
        }
        Ok(snippet)
    }

    /// What it gives for an article: one line, without marks.
    ///
    /// # Errors
    /// [`ExprError`].
    pub fn render(&self, scene: &Scene) -> Result<String, ExprError> {
        let text =
            env::CONDITIONS.render_str(&self.text, scene.value()).map_err(|e| env::fault(&e, &self.text, |at| at))?;
        Ok(marks::unmarked(&text).split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_rendered_and_its_faults_are_told() {
        let made = |text: &str| Snippet::parse(text).and_then(|it| it.render(&Scene::full())).map_err(|e| e.said);
        assert_eq!(made("{{ platform }}-{{ category | lower }}").as_deref(), Ok("platform-nation"));
        assert_eq!(made("plain").as_deref(), Ok("plain"));
        assert!(made("{{ platfrom }}").expect_err("unknown").starts_with("unknown name `platfrom`"));
        assert!(made("{{ platform").is_err() && made(&"x".repeat(600)).is_err());
    }
}
