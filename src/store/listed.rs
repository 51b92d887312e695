//! Lists for people: posts and articles, filtered, a page at a time. A page begins after the last row of the one before
//! (a key, no offset), so that nothing is shown twice or left out while the store changes, and the thousandth page costs
//! what the first does. Counts stop where a person stops counting.

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::article::Verdict;
use super::post::PostRow;
use super::search::Words;
use super::{Conn, StoreError, article, get, instant, ms, post};
use crate::model::article::Article;

/// What a list is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Posts of that channel.
    pub channel: Option<String>,
    /// Of articles of that source.
    pub source: Option<String>,
    /// Of articles with these words.
    pub words: Option<Words>,
}

impl Filter {
    /// Whether it leaves nothing out.
    pub const fn is_open(&self) -> bool {
        self.channel.is_none() && self.source.is_none() && self.words.is_none()
    }
}

/// In which order posts are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// What is due first comes first.
    Due,
    /// What changed last comes first.
    Newest,
}

/// The place of a row in its list: where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    at: Timestamp,
    id: String,
}

impl Key {
    /// As it stands in an address.
    pub fn text(&self) -> String {
        format!("{}.{}", self.at.as_millisecond(), self.id)
    }

    /// Reads it from an address.
    pub fn of(text: &str) -> Option<Self> {
        let (at, id) = text.split_once('.')?;
        let at = Timestamp::from_millisecond(at.parse().ok()?).ok()?;
        let plain = !id.is_empty() && id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        plain.then(|| Self { at, id: id.to_owned() })
    }
}

/// A post of a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The post; its frozen payload only where there is no title to call it by.
    pub row: PostRow,
    /// Its article's title, if there is an article.
    pub title: Option<String>,
    /// BCP 47 tag of the title.
    pub language: Option<String>,
    /// When it last changed.
    pub changed: Timestamp,
}

impl Listed {
    /// Its place in the list.
    pub fn key(&self, order: Order) -> Key {
        let at = match order {
            Order::Due => self.row.post.due,
            Order::Newest => self.changed,
        };
        Key { at, id: self.row.id().to_owned() }
    }
}

/// A statement that grows, with what is bound to it.
#[derive(Default)]
struct Sql {
    text: String,
    binds: Vec<Bind>,
}

enum Bind {
    Text(String),
    Whole(i64),
}

impl Sql {
    fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Binds a value; its mark.
    fn bind(&mut self, value: Bind) -> String {
        self.binds.push(value);
        format!("${}", self.binds.len())
    }

    async fn rows(self, conn: &mut Conn) -> Result<Vec<AnyRow>, StoreError> {
        let mut query = sqlx::query(sqlx::AssertSqlSafe(self.text));
        for bind in self.binds {
            query = match bind {
                Bind::Text(text) => query.bind(text),
                Bind::Whole(n) => query.bind(n),
            };
        }
        Ok(query.fetch_all(conn).await?)
    }
}

/// Columns that must not be looked up by an index (the list's own order is the better way) stand in an expression.
fn narrow(conn: &Conn, sql: &mut Sql, filter: &Filter) {
    if let Some(channel) = &filter.channel {
        let mark = sql.bind(Bind::Text(channel.clone()));
        sql.push(&format!(" AND p.channel || '' = {mark}"));
    }
    if let Some(source) = &filter.source {
        let mark = sql.bind(Bind::Text(source.clone()));
        sql.push(&format!(" AND a.source || '' = {mark}"));
    }
    if let Some(words) = &filter.words {
        let mark = sql.bind(Bind::Text(words.ask(conn)));
        sql.push(&format!(" AND p.article IN ({})", Words::articles(conn, &mark)));
    }
}

fn posts_sql(conn: &Conn, state: &str, order: Order, filter: &Filter, after: Option<&Key>, most: i64) -> Sql {
    let mut sql = Sql::default();
    sql.push("SELECT ");
    for column in post::COLUMNS.split(", ").filter(|column| *column != "payload") {
        sql.push(&format!("p.{column} AS {column}, "));
    }
    sql.push("p.changed AS changed, CASE WHEN COALESCE(a.title, '') = '' THEN p.payload END AS payload, ");
    sql.push("a.title AS title, s.language AS language FROM post p LEFT JOIN article a ON a.id = p.article ");
    sql.push(&format!("LEFT JOIN article_search s ON s.article = p.article WHERE p.state = '{state}'"));
    let (column, sign, way) = match order {
        Order::Due => ("due", '>', "ASC"),
        Order::Newest => ("changed", '<', "DESC"),
    };
    if let Some(key) = after {
        let (at, id) = (sql.bind(Bind::Whole(ms(key.at))), sql.bind(Bind::Text(key.id.clone())));
        sql.push(&format!(" AND (p.{column}, p.id) {sign} ({at}, {id})"));
    }
    narrow(conn, &mut sql, filter);
    let most = sql.bind(Bind::Whole(most));
    sql.push(&format!(" ORDER BY p.{column} {way}, p.id {way} LIMIT {most}"));
    sql
}

/// The next posts in one of these states.
///
/// # Errors
/// The database's.
pub async fn posts(
    conn: &mut Conn,
    states: &[&'static str],
    order: Order,
    filter: &Filter,
    after: Option<&Key>,
    most: usize,
) -> Result<Vec<Listed>, StoreError> {
    let mut all = Vec::new();
    // One state at a time, each by its index, and then together: over several states no index has the order.
    for state in states {
        let sql = posts_sql(conn, state, order, filter, after, i64::try_from(most).unwrap_or(i64::MAX));
        for row in sql.rows(conn).await? {
            all.push(Listed {
                row: post::read(&row)?,
                title: get(&row, "title")?,
                language: get(&row, "language")?,
                changed: instant(get(&row, "changed")?),
            });
        }
    }
    all.sort_by(|a, b| {
        let (a, b) = (a.key(order), b.key(order));
        let forward = a.at.cmp(&b.at).then_with(|| a.id.cmp(&b.id));
        if order == Order::Due { forward } else { forward.reverse() }
    });
    all.truncate(most);
    Ok(all)
}

/// How many posts are in one of these states; counting ends at `most`.
///
/// # Errors
/// The database's.
pub async fn count(
    conn: &mut Conn,
    states: &[&'static str],
    filter: &Filter,
    most: usize,
) -> Result<usize, StoreError> {
    let words = states.iter().map(|state| format!("'{state}'")).collect::<Vec<_>>().join(",");
    let mut sql = Sql::default();
    sql.push("SELECT count(*) AS n FROM (SELECT 1 AS one FROM post p");
    if filter.source.is_some() {
        sql.push(" LEFT JOIN article a ON a.id = p.article");
    }
    sql.push(&format!(" WHERE p.state IN ({words})"));
    narrow(conn, &mut sql, filter);
    let most = sql.bind(Bind::Whole(i64::try_from(most).unwrap_or(i64::MAX)));
    sql.push(&format!(" LIMIT {most}) AS found"));
    let rows = sql.rows(conn).await?;
    let n: i64 = rows.first().map(|row| get(row, "n")).transpose()?.unwrap_or(0);
    Ok(usize::try_from(n).unwrap_or(0))
}

/// The newest articles, and the verdicts of their planning, after that place.
///
/// # Errors
/// The database's.
pub async fn articles(
    conn: &mut Conn,
    filter: &Filter,
    after: Option<&Key>,
    most: usize,
) -> Result<Vec<(Article, Vec<Verdict>)>, StoreError> {
    let mut sql = Sql::default();
    sql.push(&format!("SELECT {} FROM article WHERE 1 = 1", article::COLUMNS));
    if let Some(source) = &filter.source {
        let mark = sql.bind(Bind::Text(source.clone()));
        sql.push(&format!(" AND source = {mark}"));
    }
    if let Some(words) = &filter.words {
        let mark = sql.bind(Bind::Text(words.ask(conn)));
        sql.push(&format!(" AND id IN ({})", Words::articles(conn, &mark)));
    }
    if let Some(channel) = &filter.channel {
        let mark = sql.bind(Bind::Text(channel.clone()));
        sql.push(&format!(" AND EXISTS (SELECT 1 FROM post p WHERE p.article = article.id AND p.channel = {mark})"));
    }
    if let Some(key) = after {
        let (at, id) = (sql.bind(Bind::Whole(ms(key.at))), sql.bind(Bind::Text(key.id.clone())));
        sql.push(&format!(" AND (first_seen, id) < ({at}, {id})"));
    }
    let most = sql.bind(Bind::Whole(i64::try_from(most).unwrap_or(i64::MAX)));
    sql.push(&format!(" ORDER BY first_seen DESC, id DESC LIMIT {most}"));
    sql.rows(conn).await?.iter().map(article::read).collect()
}

/// The place of an article in its list.
pub fn key_of(article: &Article) -> Key {
    Key { at: article.first_seen, id: article.id.as_str().to_owned() }
}

/// The posts of these articles, without their payloads, by channel.
///
/// # Errors
/// The database's.
pub async fn of_articles(conn: &mut Conn, ids: &[&str]) -> Result<Vec<PostRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::default();
    let marks: Vec<String> = ids.iter().map(|id| sql.bind(Bind::Text((*id).to_owned()))).collect();
    let columns: Vec<&str> = post::COLUMNS.split(", ").filter(|column| *column != "payload").collect();
    let text = format!(
        "SELECT {}, NULL AS payload FROM post WHERE article IN ({}) ORDER BY channel, created, id",
        columns.join(", "),
        marks.join(",")
    );
    sql.push(&text);
    sql.rows(conn).await?.iter().map(post::read).collect()
}

/// How the engine would read a page of that list, in its own words: for the tests that see to it that nothing is sorted.
///
/// # Errors
/// The database's.
pub async fn plan(conn: &mut Conn, state: &str, order: Order, filter: &Filter) -> Result<String, StoreError> {
    let mut sql = posts_sql(conn, state, order, filter, None, 25);
    sql.text.insert_str(0, "EXPLAIN QUERY PLAN ");
    let rows = sql.rows(conn).await?;
    let lines = rows.iter().map(|row| get::<String>(row, "detail")).collect::<Result<Vec<_>, _>>()?;
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_address() {
        let key = Key { at: Timestamp::from_millisecond(1_774_000_000_123).unwrap(), id: "0199-ab".to_owned() };
        assert_eq!(Key::of(&key.text()), Some(key));
        for bad in ["", ".", "1", "1.", "x.a", "1.a b", "1.a'b", "99999999999999999999.a", "9223372036854775807.a"] {
            assert_eq!(Key::of(bad), None, "{bad}");
        }
        assert_eq!(Key::of(&format!("1.{}", "a".repeat(65))), None);
    }
}
