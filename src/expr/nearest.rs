//! What a misspelt name was meant to be: the nearest of those there are.

/// Letters that may be wrong, missing or too many, at most; and never more than a third of the word. Ours.
const MOST: usize = 3;

/// The nearest of `known`, if one is near.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = MOST.min(word.chars().count().div_ceil(3));
    known
        .into_iter()
        .map(|known| (distance(word, known), known))
        .filter(|(far, _)| *far <= most)
        .min()
        .map(|(_, it)| it)
}

/// "; did you mean `title`?", or nothing.
pub(super) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map(|it| format!("; did you mean `{it}`?")).unwrap_or_default()
}

/// Letters to change, add or leave out, or neighbours to swap (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: [Vec<usize>; 3] = [Vec::new(), Vec::new(), (0..=b.len()).collect()];
    for i in 1..=a.len() {
        rows.rotate_left(1);
        let [before, last, _] = &rows;
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        rows[2] = row;
    }
    rows[2].last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_named_where_one_is_near() {
        let known = ["title", "link", "summary", "elastic", "optional"];
        for (word, want) in [
            ("titel", Some("title")),
            ("tilte", Some("title")),
            ("sumary", Some("summary")),
            ("elastik", Some("elastic")),
            ("optinal", Some("optional")),
            ("headline", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), want, "{word}");
        }
        assert_eq!((distance("ab", "ba"), distance("", "abc"), distance("kitten", "sitting")), (1, 3, 3));
    }
}
