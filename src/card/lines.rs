//! Texts in boxes: where a line may break (after UAX 14, as far as headlines need it), how wide the words really are, and
//! the largest size at which all of them fit. What does not fit at the smallest size is cut with an ellipsis; nothing is
//! ever drawn outside of its box.

use std::fmt::Write as _;

use resvg::usvg::{Node, Tree};
use unicode_segmentation::UnicodeSegmentation as _;

use super::canvas::Undrawable;
use super::fonts::{FAMILY, Fonts};

/// The size at which words are measured, in pixels; widths grow with the size.
const MEASURED: f32 = 100.0;

/// The most characters of a text that are looked at: far above any headline and any post.
const MOST: usize = 6000;

/// The box of a text, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub width: f32,
    pub height: f32,
    /// The largest and the smallest size.
    pub sizes: (f32, f32),
    /// The most lines.
    pub lines: usize,
    /// The distance of lines, in sizes.
    pub leading: f32,
}

/// A text broken into lines at a size.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block {
    /// In pixels.
    pub size: f32,
    /// The lines.
    pub lines: Vec<String>,
    /// Whether it is read from right to left.
    pub rtl: bool,
}

/// A piece that is not broken, and whether a blank stands before it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    text: String,
    spaced: bool,
}

/// How wide texts are.
#[derive(Clone, Copy)]
pub(super) struct Ruler<'a> {
    pub fonts: &'a Fonts,
    /// 400 or 700.
    pub weight: u16,
}

impl Ruler<'_> {
    /// The widths of texts, at the size of one pixel.
    ///
    /// # Errors
    /// Where the renderer cannot read them.
    pub(super) fn widths(&self, texts: &[String]) -> Result<Vec<f32>, Undrawable> {
        let mut svg = String::from("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" height=\"10\">");
        for (n, text) in texts.iter().enumerate() {
            let (weight, text) = (self.weight, xml(text));
            // Writing to a String cannot fail.
            let _ = write!(
                svg,
                "<text id=\"t{n}\" xml:space=\"preserve\" font-family=\"{FAMILY}\" font-weight=\"{weight}\" font-size=\"{MEASURED}\">{text}</text>"
            );
        }
        svg.push_str("</svg>");
        let tree = Tree::from_str(&svg, &self.fonts.options()).map_err(|e| Undrawable::Drawing(e.to_string()))?;
        let mut widths = vec![0.0; texts.len()];
        for node in tree.root().children() {
            let Node::Text(text) = node else { continue };
            let place = text.id().strip_prefix('t').and_then(|n| n.parse::<usize>().ok());
            if let Some(width) = place.and_then(|n| widths.get_mut(n)) {
                *width = text.bounding_box().width() / MEASURED;
            }
        }
        Ok(widths)
    }

    /// A text without what no font has and nobody misses, as an emoji.
    ///
    /// # Errors
    /// The first letter or digit that no font has; where nothing is left.
    fn drawable(&self, text: &str) -> Result<String, Undrawable> {
        let text = clean(text);
        if let Some(letter) = text.chars().find(|c| c.is_alphanumeric() && !self.fonts.has(*c)) {
            return Err(Undrawable::Letter(letter));
        }
        let text = self.known(&text);
        if text.is_empty() { Err(Undrawable::Empty) } else { Ok(text) }
    }

    /// The text without what no font has; what joins or colours such signs goes with them.
    fn known(&self, text: &str) -> String {
        let whole = text.graphemes(true).filter(|grapheme| {
            grapheme.chars().all(|c| c.is_whitespace() || is_joiner(c) || self.fonts.has(c))
                && !grapheme.chars().all(is_joiner)
        });
        whole.collect::<String>().split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The largest block of that text in that room.
    ///
    /// # Errors
    /// What cannot be drawn.
    pub(super) fn fit(&self, text: &str, room: &Room) -> Result<Block, Undrawable> {
        let text = self.drawable(text)?;
        let rtl = is_rtl(&text);
        let smallest = room.sizes.1;
        let (pieces, widths, blank) = self.pieces(&text, room.width / smallest)?;
        let fits = |lines: &[std::ops::Range<usize>], size: f32| {
            #[expect(clippy::cast_precision_loss, reason = "a handful of lines")]
            let high = lines.len() as f32 * size * room.leading;
            lines.len() <= room.lines && high <= room.height
        };
        let mut size = room.sizes.0;
        let mut lines = broken(&pieces, &widths, blank, room.width / size);
        while !fits(&lines, size) && size > smallest {
            size = (size - 2.0).max(smallest);
            lines = broken(&pieces, &widths, blank, room.width / size);
        }
        let most = lines.len().min(room.lines).max(1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of lines")]
        let most = most.min((room.height / (size * room.leading)).floor().max(1.0) as usize);
        let texts = if lines.len() > most {
            let mut texts: Vec<String> = lines[..most - 1].iter().map(|line| joined(&pieces[line.clone()])).collect();
            texts.push(self.ellipsis(&pieces[lines[most - 1].start..], room.width / size)?);
            texts
        } else {
            let even = evened(&pieces, &widths, blank, room.width / size, lines.len());
            even.into_iter().map(|line| joined(&pieces[line])).collect()
        };
        // Pieces were measured one by one; what counts is the whole line.
        let shown: Vec<String> = texts.iter().map(|line| directed(line, rtl)).collect();
        let widest = self.widths(&shown)?.into_iter().fold(0.0, f32::max);
        if widest * size > room.width {
            size = room.width / widest;
        }
        Ok(Block { size, lines: texts, rtl })
    }

    /// A text in lines of that width at a given size, its own line breaks kept; at most so many lines.
    ///
    /// # Errors
    /// What cannot be drawn.
    pub(super) fn wrap(&self, text: &str, size: f32, width: f32, most: usize) -> Result<Vec<String>, Undrawable> {
        let mut out = Vec::new();
        for paragraph in text.lines() {
            let text = match self.drawable(paragraph) {
                Ok(text) => text,
                Err(Undrawable::Empty) => {
                    out.push(String::new());
                    continue;
                }
                // A preview shows what it can.
                Err(Undrawable::Letter(_)) => self.known(&clean(paragraph)),
                Err(other) => return Err(other),
            };
            let (pieces, widths, blank) = self.pieces(&text, width / size)?;
            let lines = broken(&pieces, &widths, blank, width / size);
            out.extend(lines.into_iter().map(|line| joined(&pieces[line])));
            if out.len() > most {
                break;
            }
        }
        if out.len() > most {
            out.truncate(most);
            if let Some(last) = out.last_mut() {
                let pieces = [pieces_of(last), pieces_of("…")].concat();
                *last = self.ellipsis(&pieces, width / size)?;
            }
        }
        Ok(out)
    }

    /// The pieces of a text with their widths and that of a blank; a piece wider than `most` is broken between letters.
    fn pieces(&self, text: &str, most: f32) -> Result<(Vec<Piece>, Vec<f32>, f32), Undrawable> {
        let whole = pieces_of(text);
        let mut texts: Vec<String> = whole.iter().map(|piece| piece.text.clone()).collect();
        // The blank between two letters is what two letters with a blank have more than two without.
        texts.extend(["n n".to_owned(), "nn".to_owned()]);
        let mut widths = self.widths(&texts)?;
        let blank = widths[texts.len() - 2] - widths[texts.len() - 1];
        widths.truncate(whole.len());
        if widths.iter().all(|width| *width <= most) {
            return Ok((whole, widths, blank));
        }
        let mut small = Vec::new();
        for (piece, width) in whole.into_iter().zip(&widths) {
            if *width <= most {
                small.push(piece);
                continue;
            }
            let letters = piece.text.graphemes(true).enumerate();
            small.extend(letters.map(|(n, letter)| Piece { text: letter.to_owned(), spaced: n == 0 && piece.spaced }));
        }
        let texts: Vec<String> = small.iter().map(|piece| piece.text.clone()).collect();
        let widths = self.widths(&texts)?;
        Ok((small, widths, blank))
    }

    /// As many of the pieces as fit into one line with an ellipsis after them.
    fn ellipsis(&self, pieces: &[Piece], width: f32) -> Result<String, Undrawable> {
        let mut kept = pieces.len().min(60);
        loop {
            let text = joined(&pieces[..kept]);
            let text = format!("{}…", text.trim_end_matches(|c: char| c.is_whitespace() || ",;:.…-–—".contains(c)));
            if kept == 0 || self.widths(std::slice::from_ref(&text))?[0] <= width {
                return Ok(text);
            }
            kept -= 1;
        }
    }
}

/// The pieces that go together into each line of that width.
fn broken(pieces: &[Piece], widths: &[f32], blank: f32, most: f32) -> Vec<std::ops::Range<usize>> {
    let mut lines = Vec::new();
    let (mut start, mut filled) = (0, 0.0);
    for (n, (piece, width)) in pieces.iter().zip(widths).enumerate() {
        let gap = if piece.spaced && n > start { blank } else { 0.0 };
        if n > start && filled + gap + width > most {
            lines.push(start..n);
            (start, filled) = (n, *width);
        } else {
            filled += gap + width;
        }
    }
    if start < pieces.len() {
        lines.push(start..pieces.len());
    }
    lines
}

/// The same number of lines, as even as they can be: the narrowest width that needs no more of them.
fn evened(pieces: &[Piece], widths: &[f32], blank: f32, most: f32, count: usize) -> Vec<std::ops::Range<usize>> {
    let (mut low, mut high) = (most * 0.4, most);
    let mut best = broken(pieces, widths, blank, most);
    for _ in 0..8 {
        let middle = f32::midpoint(low, high);
        let tried = broken(pieces, widths, blank, middle);
        if tried.len() <= count {
            (best, high) = (tried, middle);
        } else {
            low = middle;
        }
    }
    best
}

fn joined(pieces: &[Piece]) -> String {
    let mut out = String::new();
    for piece in pieces {
        if piece.spaced && !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&piece.text);
    }
    out
}

/// Where lines may break: at blanks, after hyphens and dashes, and between the letters of scripts without blanks.
fn pieces_of(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut spaced = false;
    let mut before: Option<char> = None;
    for grapheme in text.graphemes(true) {
        let Some(first) = grapheme.chars().next() else { continue };
        // A blank that does not break stays inside its piece.
        if first.is_whitespace() && !matches!(first, '\u{A0}' | '\u{202F}') {
            (spaced, before) = (true, None);
            continue;
        }
        match (before, pieces.last_mut()) {
            (Some(before), Some(piece)) if !may_break(before, first) => piece.text.push_str(grapheme),
            _ => pieces.push(Piece { text: grapheme.to_owned(), spaced }),
        }
        spaced = false;
        before = Some(first);
    }
    pieces
}

/// Whether a line may end between two characters that touch. Source: UAX 14 (Unicode 16), classes HY, BA, ID, CJ, OP, CL,
/// NS, and only those.
fn may_break(before: char, after: char) -> bool {
    const NOT_FIRST: &str =
        "、。，．・：；？！）」』】〕〉》”’々ー…‥％ぁぃぅぇぉっゃゅょァィゥェォッャュョヵヶ)]}»,.;:!?";
    const NOT_LAST: &str = "（「『【〔〈《“‘([{«";
    if NOT_FIRST.contains(after) || NOT_LAST.contains(before) {
        return false;
    }
    if matches!(before, '-' | '‐' | '–' | '—' | '/') {
        return after.is_alphabetic();
    }
    is_ideographic(before) || is_ideographic(after)
}

/// Han, kana and their signs: scripts that break anywhere.
const fn is_ideographic(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{2FDF}' | '\u{3000}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}')
}

const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}' | '\u{20E3}' | '\u{1F3FB}'..='\u{1F3FF}' | '\u{E0020}'..='\u{E007F}')
}

/// One line without control characters: those of XML's and those that turn the direction of a text.
fn clean(text: &str) -> String {
    let kept =
        text.chars().take(MOST).map(|c| if c.is_whitespace() && c != '\u{A0}' && c != '\u{202F}' { ' ' } else { c });
    let kept = kept.filter(|c| {
        !c.is_control()
            && !matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
    });
    kept.collect::<String>().split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether a text is read from right to left: its first letter says so. Source: UAX 9, rules P2 and P3.
pub(super) fn is_rtl(text: &str) -> bool {
    text.chars().find(|c| c.is_alphabetic()).is_some_and(|c| {
        matches!(c, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFF}' | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}')
    })
}

/// A line as the renderer is to read it: it takes every line for one from left to right, unless it is embedded in the
/// other direction.
pub(super) fn directed(line: &str, rtl: bool) -> String {
    if rtl { format!("\u{202B}{line}\u{202C}") } else { line.to_owned() }
}

/// A text as part of an XML document.
pub(super) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{FFFE}' | '\u{FFFF}' => {}
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        pieces_of(text)
            .into_iter()
            .map(|piece| if piece.spaced { format!(" {}", piece.text) } else { piece.text })
            .collect()
    }

    #[test]
    fn lines_break_where_they_may() {
        for (text, expected) in [
            ("Bridge opens", vec!["Bridge", " opens"]),
            ("COVID-19 U.S.-backed", vec!["COVID-19", " U.S.-", "backed"]),
            ("10\u{A0}000 km", vec!["10\u{A0}000", " km"]),
            ("“Yes,” he said", vec!["“Yes,”", " he", " said"]),
            ("東京で会議。", vec!["東", "京", "で", "会", "議。"]),
            ("「東京」へ", vec!["「東", "京」", "へ"]),
            ("cафе/бар", vec!["cафе/", "бар"]),
            ("", vec![]),
        ] {
            assert_eq!(pieces(text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_is_cleaned_of_what_steers_it() {
        assert_eq!(clean("a\u{202E}b\u{0}c\u{200B}  d\te\u{2066}"), "abc d e");
        assert_eq!(xml("<image href='x'/>&\u{1}"), "&lt;image href=&#39;x&#39;/&gt;&amp; ");
        for (text, rtl) in
            [("«سلام»", true), ("שלום", true), ("2026: خبر", true), ("News خبر", false), ("", false), ("123", false)]
        {
            assert_eq!(is_rtl(text), rtl, "{text}");
        }
    }

    fn room() -> Room {
        Room { width: 1000.0, height: 360.0, sizes: (80.0, 32.0), lines: 4, leading: 1.2 }
    }

    #[test]
    fn a_headline_is_as_large_as_it_can_be_and_never_leaves_its_room() {
        let fonts = Fonts::built_in();
        let ruler = Ruler { fonts: &fonts, weight: 700 };
        let long = "Parliament adopts budget after eleven hours of debate ".repeat(12);
        let word = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft".repeat(3);
        for (text, is_cut) in [
            ("Short", false),
            ("Azərbaycan Prezidenti İlham Əliyev Şuşada görüş keçirdi", false),
            ("Новый мост через Куру открыт для движения после двух лет строительства", false),
            ("Ο πρωθυπουργός ανακοίνωσε νέα μέτρα", false),
            ("مجلس الأمن يعقد جلسة طارئة لبحث التطورات في المنطقة (2026)", false),
            ("הכנסת אישרה את התקציב לשנת 2026", false),
            (long.as_str(), true),
            (word.as_str(), true),
        ] {
            let block = ruler.fit(text, &room()).unwrap();
            let shown: Vec<String> = block.lines.iter().map(|line| directed(line, block.rtl)).collect();
            let widest = ruler.widths(&shown).unwrap().into_iter().fold(0.0, f32::max) * block.size;
            assert!(widest <= 1000.5, "{text}: {widest}");
            #[expect(clippy::cast_precision_loss, reason = "a handful of lines")]
            let high = block.lines.len() as f32 * block.size * 1.2;
            assert!(high <= 360.5 && block.lines.len() <= 4, "{text}: {high}");
            assert_eq!(block.lines.last().unwrap().ends_with('…'), is_cut, "{text}: {:?}", block.lines);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            if !is_cut {
                assert_eq!(words(&block.lines.join(" ")), words(text));
            }
        }
        assert_eq!(ruler.fit("Short", &room()).unwrap().size, 80.0);
    }

    #[test]
    fn what_no_font_has_is_left_out_or_said() {
        let fonts = Fonts::built_in();
        let ruler = Ruler { fonts: &fonts, weight: 700 };
        let block = ruler.fit("🎉 Bakı 👩‍👩‍👧‍👦 bayramı 🇦🇿", &room()).unwrap();
        assert_eq!(block.lines.join(" "), "Bakı bayramı");
        assert_eq!(ruler.fit("東京", &room()).unwrap_err(), Undrawable::Letter('東'));
        assert_eq!(ruler.fit(" \u{200B} 🎉", &room()).unwrap_err(), Undrawable::Empty);
    }

    #[test]
    fn lines_are_about_equally_long() {
        let fonts = Fonts::built_in();
        let ruler = Ruler { fonts: &fonts, weight: 700 };
        let block = ruler.fit("The new bridge over the river opens to traffic", &room()).unwrap();
        let widths = ruler.widths(&block.lines).unwrap();
        let (least, most) = widths.iter().fold((f32::MAX, 0.0_f32), |(l, m), w| (l.min(*w), m.max(*w)));
        assert!(block.lines.len() > 1 && least > most * 0.55, "{:?} {widths:?}", block.lines);
    }
}
