//! How the commands show a time, a line, a table, a post.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::money::Price;
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, short_link};

/// `14:05` where it is today, else `2026-11-25 14:05`, in that zone.
pub fn when(zone: &TimeZone, at: Timestamp, now: Timestamp) -> String {
    let (at, now) = (at.to_zoned_datetime(zone.clone()), now.to_zoned_datetime(zone.clone()));
    let format = if at.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M" };
    at.strftime(format).to_string()
}

/// One line, cut to that many characters.
pub fn clip(text: &str, most: usize) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= most {
        return line;
    }
    let cut: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

/// Rows in columns as wide as their widest cell; the last one as long as it is.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let all = || std::iter::once(&head).chain(rows);
    let width = |n: usize| all().filter_map(|row| row.get(n)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all().map(line).collect::<Vec<_>>().join("\n")
}

/// An amount as `--json` shows it: exact, and for people.
pub fn money(price: Price) -> serde_json::Value {
    serde_json::json!({ "micros": price.as_micros(), "text": price.to_string() })
}

/// A post as `--json` shows it.
pub fn post_json(row: &PostRow) -> serde_json::Value {
    let post = &row.post;
    let state = serde_json::to_value(&post.state).unwrap_or_default();
    let mut json = serde_json::json!({
        "id": row.id(),
        "channel": post.channel,
        "article": post.article,
        "occasion": post.occasion.key(),
        "route": post.route,
        "template": post.template,
        "urgency": post.urgency,
        "created": post.created,
        "due": post.due,
        "expires": post.expires,
        "attempts": post.attempts,
        "text": text_of(row),
        "revision": row.revision,
        "payload_hash": row.payload_hash,
        "sent": row.sent,
        "resends": row.resends,
        "verify": row.verify,
    });
    if let (Some(json), serde_json::Value::Object(state)) = (json.as_object_mut(), state) {
        json.extend(state);
    }
    json
}

/// Adds a post's short link and its clicks to its JSON, where it has one. Returns them for a person.
///
/// # Errors
/// The database's.
pub async fn clicks(
    conn: &mut Conn,
    row: &PostRow,
    json: &mut serde_json::Value,
) -> Result<Option<String>, StoreError> {
    let Some(found) = short_link::of_post(conn, row.id()).await? else { return Ok(None) };
    let days = short_link::days(conn, &found.id).await?;
    if let Some(json) = json.as_object_mut() {
        let days = days.into_iter().map(|(day, count)| (day, count.into()));
        json.insert(
            "short_link".to_owned(),
            serde_json::json!({
                "id": found.id,
                "url": found.url,
                "clicks": found.clicks,
                "days": serde_json::Map::from_iter(days),
            }),
        );
    }
    let word = if found.clicks == 1 { "click" } else { "clicks" };
    Ok(Some(format!("{} {word} on /r/{}", found.clicks, found.id)))
}

/// The text that went or will go out, as far as it is settled: the frozen one, else a person's.
pub fn text_of(row: &PostRow) -> Option<String> {
    let frozen = row.payload.as_deref().and_then(|text| serde_json::from_str::<crate::platform::Payload>(text).ok());
    row.post.text.clone().or(frozen.map(|payload| payload.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["x".to_owned(), "y".to_owned()], vec!["long".to_owned(), String::new()]];
        assert_eq!(table(&["A", "B"], &rows), "A     B\nx     y\nlong");
    }

    #[test]
    fn times_are_the_newsrooms() {
        let zone = TimeZone::get("Asia/Baku").unwrap();
        let now: Timestamp = "2026-11-25T20:30:00Z".parse().unwrap();
        for (at, shown) in [("2026-11-25T20:05:09Z", "00:05:09"), ("2026-11-25T19:05:00Z", "2026-11-25 23:05")] {
            assert_eq!(when(&zone, at.parse().unwrap(), now), shown);
        }
    }

    #[test]
    fn a_line_is_cut_at_a_character() {
        assert_eq!(clip("Bakı\nşəhəri", 7), "Bakı ş…");
        assert_eq!(clip("Bakı", 4), "Bakı");
    }
}
