//! Full-text search over all articles: FTS5 on SQLite, a tsvector on PostgreSQL. What a word is and how letters are folded
//! is decided here, once for both: the engines are handed plain words parted by blanks, so that they find the same.
//!
//! What a person types can never be a syntax error: only folded letters and digits reach the engine.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{Conn, StoreError, get, json, meta};
use crate::model::article::Entry;

/// The most different words of an article that are kept. Ours, 2026-11: a long article has some 800.
const WORDS: usize = 3_000;
/// The most characters of a word. Ours; PostgreSQL takes 2,046 bytes.
const LETTERS: usize = 64;
/// The most words that are searched for; those beyond are not asked for.
const ASKED: usize = 12;
/// Since which article all are in: the id of the last one that was caught up with, or [`DONE`].
const CAUGHT_UP: &str = "search";
/// The value there once all articles are in.
const DONE: &str = "done";

/// A search: words of which an article must have all, each whole or as a beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// Reads what a person typed. `None`: there is no letter and no digit in it.
    pub fn of(text: &str) -> Option<Self> {
        let mut words = Vec::new();
        for word in folded(text) {
            if !words.contains(&word) {
                words.push(word);
            }
            if words.len() == ASKED {
                break;
            }
        }
        (!words.is_empty()).then_some(Self(words))
    }

    /// As the engine asks. A single letter counts as a whole word: as a beginning it would be half of all articles.
    pub(super) fn ask(&self, conn: &Conn) -> String {
        let begins = |word: &str| word.chars().nth(1).is_some();
        let sqlite = |word: &String| format!("\"{word}\"{}", if begins(word) { "*" } else { "" });
        let postgres = |word: &String| format!("'{word}'{}", if begins(word) { ":*" } else { "" });
        match is_postgres(conn) {
            false => self.0.iter().map(sqlite).collect::<Vec<_>>().join(" AND "),
            true => self.0.iter().map(postgres).collect::<Vec<_>>().join(" & "),
        }
    }

    /// The ids of the articles that have them, as a query; `mark` is where [`ask`](Self::ask) is bound.
    pub(super) fn articles(conn: &Conn, mark: &str) -> String {
        match is_postgres(conn) {
            false => format!(
                "SELECT article FROM article_search WHERE n IN \
                 (SELECT rowid FROM article_words WHERE article_words MATCH {mark})"
            ),
            true => format!("SELECT article FROM article_search WHERE lexemes @@ CAST({mark} AS tsquery)"),
        }
    }
}

fn is_postgres(conn: &Conn) -> bool {
    conn.backend_name() == "PostgreSQL"
}

/// The words of a text, folded: without case, without accents, the letters of one language as they are typed on the
/// keyboard of another.
fn folded(text: &str) -> impl Iterator<Item = String> {
    text.unicode_words().flat_map(|word| {
        let mut out = String::new();
        for c in word.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
            // Lower case may part a letter into two again: İ becomes i and a dot.
            if !is_combining_mark(c) {
                fold(c, &mut out);
            }
        }
        // Signs within a word (an apostrophe, a full stop) part it.
        let parts: Vec<String> =
            out.split(|c: char| !c.is_alphanumeric()).filter(|it| !it.is_empty()).map(cut).collect();
        parts
    })
}

fn cut(word: &str) -> String {
    word.chars().take(LETTERS).collect()
}

/// Letters that have no accent to take away and are typed as another where a keyboard lacks them: `ə` as `e`, `ı` as `i`
/// (both are usual in Azerbaijani and Turkish), the rest as their languages transcribe them.
fn fold(c: char, out: &mut String) {
    match c {
        'ə' => out.push('e'),
        'ı' => out.push('i'),
        'ß' => out.push_str("ss"),
        'æ' => out.push_str("ae"),
        'œ' => out.push_str("oe"),
        'ø' => out.push('o'),
        'đ' | 'ð' => out.push('d'),
        'ł' => out.push('l'),
        'þ' => out.push_str("th"),
        'ħ' => out.push('h'),
        // The two ways in which Arabic and Persian write one letter, and the stroke that only stretches a word.
        'ك' => out.push('ک'),
        'ي' | 'ى' => out.push('ی'),
        'ـ' => {}
        c => out.push(c),
    }
}

/// All words of an article, each once.
fn words(entry: &Entry) -> String {
    let lists = [&entry.categories, &entry.keywords, &entry.authors];
    let one = [Some(entry.title.as_str()), entry.summary.as_deref(), entry.content.as_deref()];
    let link = entry.link.as_ref().map(|link| link.path());
    let texts = one.into_iter().flatten().chain(lists.into_iter().flatten().map(String::as_str)).chain(link);
    let mut seen = std::collections::HashSet::new();
    let mut out: Vec<String> = Vec::new();
    for word in texts.flat_map(folded) {
        if seen.insert(word.clone()) {
            out.push(word);
        }
        if out.len() == WORDS {
            break;
        }
    }
    out.join(" ")
}

/// Makes an article findable by the words of its newest version.
///
/// # Errors
/// The database's.
pub async fn index(conn: &mut Conn, id: &str, entry: &Entry) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO article_search (article, words, language) VALUES ($1,$2,$3) ON CONFLICT (article) DO UPDATE \
         SET words = $2, language = $3 WHERE article_search.words <> $2 \
         OR COALESCE(article_search.language, '') <> COALESCE($3, '')",
    )
    .bind(id)
    .bind(words(entry))
    .bind(entry.language.as_deref())
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes the next so many articles findable that an earlier version stored, or a backup brought. Returns whether all are.
///
/// # Errors
/// The database's.
pub async fn catch_up(conn: &mut Conn, most: i64) -> Result<bool, StoreError> {
    let after = meta::get(conn, CAUGHT_UP).await?.unwrap_or_default();
    if after == DONE {
        return Ok(true);
    }
    let rows = sqlx::query("SELECT id, entry FROM article WHERE id > $1 ORDER BY id LIMIT $2")
        .bind(&after)
        .bind(most)
        .fetch_all(&mut *conn)
        .await?;
    let mut last = DONE.to_owned();
    for row in &rows {
        let id: String = get(row, "id")?;
        let entry: Entry = json("article", "entry", &id, &get::<String>(row, "entry")?)?;
        index(conn, &id, &entry).await?;
        last = id;
    }
    meta::set(conn, CAUGHT_UP, &last).await?;
    Ok(rows.is_empty())
}

/// Whether every article can be found by now.
///
/// # Errors
/// The database's.
pub async fn is_whole(conn: &mut Conn) -> Result<bool, StoreError> {
    Ok(meta::get(conn, CAUGHT_UP).await?.as_deref() == Some(DONE))
}

/// All articles are to be caught up with: a backup was put in.
///
/// # Errors
/// The database's.
pub async fn begin_anew(conn: &mut Conn) -> Result<(), StoreError> {
    meta::clear(conn, CAUGHT_UP).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        folded(text).collect()
    }

    #[test]
    fn letters_are_folded_as_people_type_them() {
        for (text, words) in [
            ("Körpü AÇILDI", &["korpu", "acildi"][..]),
            ("İstanbul ISTANBUL ıstanbul istanbul", &["istanbul"; 4]),
            ("Əliyev Aliyev əliyev", &["eliyev", "aliyev", "eliyev"]),
            ("Şəki, Gəncə; Naxçıvan", &["seki", "gence", "naxcivan"]),
            ("Straße Æther Łódź", &["strasse", "aether", "lodz"]),
            ("Ёлка ёжик й", &["елка", "ежик", "и"]),
            ("don't U.S. 3.14 a_b", &["don", "t", "u", "s", "3", "14", "a", "b"]),
            ("ﬁn ½", &["fin", "1", "2"]),
            ("كتاب کتاب", &["کتاب"; 2]),
            ("東京", &["東", "京"]),
            ("— … !!", &[]),
        ] {
            assert_eq!(all(text), words, "{text}");
        }
    }

    #[test]
    fn a_search_is_words_and_nothing_else() {
        assert_eq!(Words::of(""), None);
        assert_eq!(Words::of("\"*:&|!()<->' --"), None);
        let words = |text: &str| Words::of(text).unwrap().0;
        assert_eq!(words("title:\"a b\" OR NOT NEAR(c) a*"), ["title", "a", "b", "or", "not", "near", "c"]);
        assert_eq!(words(&"a b c d e f g h i j k l m n ".repeat(9)).len(), ASKED);
        assert_eq!(words(&"x".repeat(5_000))[0].len(), LETTERS);
    }

    #[test]
    fn an_article_is_its_words_each_once() {
        let entry = Entry {
            title: "A bridge, a Bridge".to_owned(),
            summary: Some("opened".to_owned()),
            categories: vec!["Nation".to_owned()],
            link: "https://news.example/bridge-7/".parse().ok(),
            ..Entry::default()
        };
        assert_eq!(words(&entry), "a bridge opened nation 7");
        let long = (0..WORDS + 50).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
        let entry = Entry { content: Some(long), ..entry };
        assert_eq!(words(&entry).split(' ').count(), WORDS);
    }
}
