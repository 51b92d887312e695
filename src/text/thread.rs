//! How a thread of parts is written as one text for people: parts divided by a line of three dashes. A person may write
//! the same to make parts. Not here: how parts are made of an article (`compose`) or sent (`platform`).

/// The line that divides two parts.
pub const BREAK: &str = "---";

/// The parts of a text: what stands between lines of three dashes, without blanks around it; empty ones leave.
pub fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for line in text.split('\n') {
        if line.trim() == BREAK {
            parts.push(String::new());
            continue;
        }
        if let Some(part) = parts.last_mut() {
            if !part.is_empty() {
                part.push('\n');
            }
            part.push_str(line.trim_end());
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// Parts as one text; one part is the text itself.
pub fn join<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    parts.into_iter().collect::<Vec<_>>().join(&format!("\n{BREAK}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_divided_by_a_line_of_dashes() {
        for (text, want) in [
            ("one", &["one"][..]),
            ("one\n---\ntwo\n\nmore\n --- \nthree", &["one", "two\n\nmore", "three"]),
            ("---\none\n---\n\n---\ntwo\n---", &["one", "two"]),
            ("a --- b\n----\n--", &["a --- b\n----\n--"]),
            ("one\r\n---\r\ntwo", &["one", "two"]),
            (" \n---", &[]),
        ] {
            assert_eq!(split(text), want, "{text:?}");
        }
        assert_eq!(join(["one", "two\nmore"]), "one\n---\ntwo\nmore");
        assert_eq!(split(&join(["one", "two\nmore"])), ["one", "two\nmore"]);
    }
}
