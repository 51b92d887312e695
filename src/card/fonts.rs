//! The fonts in the binary and those that the config adds, and how a letter finds the font that has it.

use std::sync::{Arc, LazyLock};

use resvg::usvg::fontdb::{Database, ID, Source};
use resvg::usvg::{FontResolver, ImageHrefResolver, Options};

/// Regular and bold: Latin, Cyrillic, Greek, Arabic and Hebrew letters in one font each, so that a line of several
/// scripts is shaped as one. See assets/fonts/README.md.
static FILES: [&[u8]; 2] =
    [include_bytes!("../../assets/fonts/NotoSans-Regular.ttf"), include_bytes!("../../assets/fonts/NotoSans-Bold.ttf")];

/// The family that texts ask for.
pub(super) const FAMILY: &str = "Noto Sans";

static BUILT_IN: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    for file in FILES {
        fonts.load_font_source(Source::Binary(Arc::new(file)));
    }
    Arc::new(fonts)
});

/// A set of fonts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Fonts(Arc<Database>);

impl Fonts {
    /// Those in the binary.
    pub fn built_in() -> Self {
        Self(BUILT_IN.clone())
    }

    /// With the faces of one more file.
    ///
    /// # Errors
    /// Where the file has none.
    pub fn with(&self, file: Vec<u8>) -> Result<Self, String> {
        let mut fonts = Database::clone(&self.0);
        match fonts.load_font_source(Source::Binary(Arc::new(file))).is_empty() {
            true => Err("expected a TrueType or OpenType font, found something else".to_owned()),
            false => Ok(Self(Arc::new(fonts))),
        }
    }

    /// How many faces there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether one of them has the letter.
    pub(super) fn has(&self, letter: char) -> bool {
        let mut faces = self.0.faces();
        faces.any(|face| self.0.with_face_data(face.id, |data, index| has_glyph(data, index, letter)) == Some(true))
    }

    /// What the SVG reader works with: these fonts and no others, and nothing from outside the text, whatever it says.
    pub(super) fn options(&self) -> Options<'static> {
        Options {
            font_family: FAMILY.to_owned(),
            fontdb: self.0.clone(),
            font_resolver: FontResolver {
                select_font: FontResolver::default_font_selector(),
                select_fallback: Box::new(|c, tried, fonts| fallback(c, tried, fonts)),
            },
            image_href_resolver: ImageHrefResolver {
                resolve_data: Box::new(|_, _, _| None),
                resolve_string: Box::new(|_, _| None),
            },
            ..Options::default()
        }
    }
}

/// The font that has the letter and whose weight is nearest to the one asked for first.
fn fallback(letter: char, tried: &[ID], fonts: &Database) -> Option<ID> {
    let asked = tried.first().and_then(|id| fonts.face(*id)).map_or(400, |face| face.weight.0);
    let has = |id: ID| {
        let glyph = fonts.with_face_data(id, |data, index| has_glyph(data, index, letter));
        glyph == Some(true)
    };
    let others = fonts.faces().filter(|face| !tried.contains(&face.id) && has(face.id));
    others.min_by_key(|face| face.weight.0.abs_diff(asked)).map(|face| face.id)
}

/// Whether a font's character map knows the letter. Source: OpenType 1.9.1, `cmap`, formats 4 and 12.
fn has_glyph(data: &[u8], index: u32, letter: char) -> bool {
    glyph(data, index, u32::from(letter)).is_some_and(|glyph| glyph != 0)
}

fn glyph(data: &[u8], index: u32, code: u32) -> Option<u32> {
    let short = |at: usize| Some(u32::from(u16::from_be_bytes(data.get(at..at + 2)?.try_into().ok()?)));
    let long = |at: usize| Some(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?));
    let place = |at: usize| long(at).and_then(|n| usize::try_from(n).ok());
    // A collection lists where its fonts begin.
    let font = match data.get(..4)? {
        b"ttcf" => place(12 + 4 * usize::try_from(index).ok()?)?,
        _ => 0,
    };
    let tables = usize::try_from(short(font + 4)?).ok()?;
    let cmap = (0..tables).map(|n| font + 12 + 16 * n).find(|at| data.get(*at..at + 4) == Some(b"cmap"))?;
    let cmap = place(cmap + 8)?;
    let maps = usize::try_from(short(cmap + 2)?).ok()?;
    for map in (0..maps).map(|n| cmap + 4 + 8 * n) {
        let (platform, encoding) = (short(map)?, short(map + 2)?);
        // Unicode, or Windows with Unicode.
        if platform != 0 && !(platform == 3 && matches!(encoding, 1 | 10)) {
            continue;
        }
        let at = cmap + place(map + 4)?;
        match short(at)? {
            4 => {
                let double = usize::try_from(short(at + 6)?).ok()?;
                let ends = at + 14;
                let Some(n) = (0..double / 2).find(|n| short(ends + 2 * n).is_some_and(|end| end >= code)) else {
                    continue;
                };
                let starts = ends + double + 2;
                let start = short(starts + 2 * n)?;
                if code < start || code > 0xFFFF {
                    continue;
                }
                let delta = short(starts + double + 2 * n)?;
                let ranges = starts + 2 * double + 2 * n;
                let range = usize::try_from(short(ranges)?).ok()?;
                let found = match range {
                    0 => (code + delta) & 0xFFFF,
                    range => match short(ranges + range + 2 * usize::try_from(code - start).ok()?)? {
                        0 => 0,
                        glyph => (glyph + delta) & 0xFFFF,
                    },
                };
                if found != 0 {
                    return Some(found);
                }
            }
            12 => {
                let groups = usize::try_from(long(at + 12)?).ok()?;
                // As many as fit into the file, whatever the number says.
                for group in (0..groups.min(data.len() / 12)).map(|n| at + 16 + 12 * n) {
                    let (start, end) = (long(group)?, long(group + 4)?);
                    if (start..=end).contains(&code) {
                        return Some(long(group + 8)? + (code - start));
                    }
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_fonts_have_the_letters_promised() {
        let fonts = Fonts::built_in();
        assert_eq!(fonts.count(), 2);
        let any = |letter: char| {
            let mut ids = fonts.0.faces().map(|face| face.id);
            ids.any(|id| fonts.0.with_face_data(id, |data, index| has_glyph(data, index, letter)) == Some(true))
        };
        let promised =
            "Azərbaycan ğüşöçıİ ÀÿŐřžŻ Đặng ß Жжў ЇіЄґ Ћђ Ұқң Ωέϊ ؟، ابپچژگکیئ ےٹڈ אבגםןץ €₼₽£₾ – — … “”„«» №";
        for letter in promised.chars().filter(|c| !c.is_whitespace()) {
            assert!(any(letter), "{letter} U+{:04X}", u32::from(letter));
        }
        for letter in ['漢', 'あ', '한', 'ไ', '🎉'] {
            assert!(!any(letter), "{letter}: the papers say that it needs a font of the config's");
        }
    }

    #[test]
    fn a_letter_falls_back_to_a_font_that_has_it_and_to_none_that_was_tried() {
        let fonts = Fonts::built_in().with(FILES[0].to_vec()).unwrap();
        let bold = fonts.0.faces().find(|face| face.weight.0 == 700).unwrap();
        let found = fonts.0.face(fallback('ب', &[bold.id], &fonts.0).unwrap()).unwrap();
        assert_ne!(found.id, bold.id);
        let all: Vec<ID> = fonts.0.faces().map(|face| face.id).collect();
        assert_eq!(fallback('ب', &all, &fonts.0), None);
        assert_eq!(fallback('漢', &[], &fonts.0), None);
    }

    #[test]
    fn a_file_that_is_no_font_is_refused_and_a_cut_one_answers_nothing() {
        assert!(Fonts::built_in().with(b"not a font".to_vec()).unwrap_err().contains("expected a TrueType"));
        assert_eq!(Fonts::built_in().with(FILES[1].to_vec()).unwrap().count(), 3);
        for length in [0, 3, 11, 40, 200, 1000] {
            assert!(!has_glyph(&FILES[0][..length], 0, 'A'), "{length}");
        }
    }
}
