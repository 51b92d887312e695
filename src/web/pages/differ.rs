//! Two wordings side by side: which words left and which came. Pure.

/// A run of words, and whether the other side has it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The words, with the blanks after them.
    pub text: String,
    /// Whether the other side has them as well.
    pub same: bool,
}

/// The most words of a side that are compared; longer texts are shown whole as changed. Comparing costs their product.
const MOST: usize = 800;

/// The old and the new text, each cut where they begin or end to differ.
pub(super) fn differ(old: &str, new: &str) -> (Vec<Piece>, Vec<Piece>) {
    let (before, after) = (words(old), words(new));
    if before.len() > MOST || after.len() > MOST {
        let whole = |text: &str| match text {
            "" => Vec::new(),
            text => vec![Piece { text: text.to_owned(), same: old == new }],
        };
        return (whole(old), whole(new));
    }
    // How many words the rests have in common, from each pair of places on.
    let width = after.len() + 1;
    let mut common = vec![0_u16; (before.len() + 1) * width];
    for i in (0..before.len()).rev() {
        for j in (0..after.len()).rev() {
            common[i * width + j] = if before[i].trim_end() == after[j].trim_end() {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (0, 0);
    while i < before.len() || j < after.len() {
        if i < before.len() && j < after.len() && before[i].trim_end() == after[j].trim_end() {
            push(&mut left, before[i], true);
            push(&mut right, after[j], true);
            (i, j) = (i + 1, j + 1);
        } else if j == after.len() || (i < before.len() && common[(i + 1) * width + j] >= common[i * width + j + 1]) {
            push(&mut left, before[i], false);
            i += 1;
        } else {
            push(&mut right, after[j], false);
            j += 1;
        }
    }
    (left, right)
}

/// The words of a text, each with the white space behind it.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut from, mut blank) = (0, false);
    for (at, c) in text.char_indices() {
        if blank && !c.is_whitespace() {
            words.push(&text[from..at]);
            from = at;
        }
        blank = c.is_whitespace();
    }
    if from < text.len() {
        words.push(&text[from..]);
    }
    words
}

fn push(side: &mut Vec<Piece>, word: &str, same: bool) {
    match side.last_mut() {
        Some(last) if last.same == same => last.text.push_str(word),
        _ => side.push(Piece { text: word.to_owned(), same }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What differs stands in brackets.
    fn shown(side: &[Piece]) -> String {
        side.iter().map(|it| if it.same { it.text.clone() } else { format!("[{}]", it.text) }).collect()
    }

    #[test]
    fn what_left_and_what_came_is_marked() {
        for (old, new, left, right) in [
            ("", "", "", ""),
            ("Bridge opens", "Bridge opens", "Bridge opens", "Bridge opens"),
            ("", "Bridge", "", "[Bridge]"),
            ("Bridge opens today", "Bridge closes today", "Bridge [opens ]today", "Bridge [closes ]today"),
            ("Körpü açıldı", "Körpü bu gün açıldı", "Körpü açıldı", "Körpü [bu gün ]açıldı"),
            ("a b c d", "a c d e", "a [b ]c d", "a c d [e]"),
            ("a  b", "a\nb", "a  b", "a\nb"),
            ("one", "two", "[one]", "[two]"),
        ] {
            let (before, after) = differ(old, new);
            assert_eq!((shown(&before).as_str(), shown(&after).as_str()), (left, right), "{old:?} {new:?}");
            let whole = |side: &[Piece]| side.iter().map(|it| it.text.as_str()).collect::<String>();
            assert_eq!((whole(&before).as_str(), whole(&after).as_str()), (old, new), "no word is lost");
        }
    }

    #[test]
    fn long_texts_are_shown_whole() {
        let long = "word ".repeat(MOST + 1);
        let (left, right) = differ(&long, "short");
        assert_eq!((left.len(), right.len(), left[0].same), (1, 1, false));
    }
}
