//! The one minijinja environment of templates and conditions.

/// What a condition or a template sees: every documented variable, always defined (missing = empty).
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Scene {
    /// The article's title, plain text, one line.
    pub title: String,
    /// Its link, or empty.
    pub link: String,
    /// Its summary, plain text.
    pub summary: String,
    /// Its content, plain text.
    pub content: String,
    /// Names of its authors.
    pub authors: Vec<String>,
    /// Its categories.
    pub categories: Vec<String>,
    /// `#Tag #Other`: its categories as hashtags.
    pub hashtags: String,
    /// BCP 47 tag, or empty.
    pub language: String,
    /// The name of its source.
    pub source: String,
    /// The newsroom's name.
    pub newsroom: String,
    /// The channel's name; empty in a route's conditions.
    pub channel: String,
    /// The platform's word; empty in a route's conditions.
    pub platform: String,
    /// RFC 3339 in the newsroom's zone, or empty.
    pub published: String,
    /// The picture's address, or empty.
    pub image: String,
}

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
pub struct Condition {}

impl Condition {
    /// Compiles it.
    ///
    /// # Errors
    /// [`ExprError`].
    pub fn parse(_text: &str) -> Result<Self, ExprError> {
        Ok(Self {})
    }

    /// Whether it holds for the article.
    ///
    /// # Errors
    /// [`ExprError`]: an undefined name, a wrong type, out of fuel.
    pub fn holds(&self, _scene: &Scene) -> Result<bool, ExprError> {
        Ok(true)
    }
}

/// The templates: those in the binary and those that override them by name.
#[derive(Clone)]
pub struct Templates {}

impl Templates {
    /// The built-in ones, overridden by `NAME.j2`, `NAME.PLATFORM.j2` and `NAME.@CHANNEL.j2` in `folder`.
    ///
    /// # Errors
    /// Every fault found, with the file it is in.
    pub fn load(_folder: Option<&std::path::Path>) -> Result<Self, Vec<(std::path::PathBuf, ExprError)>> {
        Ok(Self {})
    }

    /// Whether there is a template of that name for that channel.
    pub fn has(&self, _name: &str, _channel: &str, _platform: &str) -> bool {
        true
    }

    /// Renders the template for that channel and platform with marks for what may give way.
    ///
    /// # Errors
    /// [`ExprError`].
    pub fn render(&self, _name: &str, _scene: &Scene) -> Result<String, ExprError> {
        Ok(String::new())
    }
}
