//! The bytes of a feed -> its text. Which charset it is in, and nothing about what it says.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// The most bytes of a decoded body, 20 MiB. Source: reliability.md section 6, 2026-11.
pub const MAX_BODY: usize = 20 * 1024 * 1024;

/// How far into a body an XML declaration is looked for, bytes.
const PROLOG: usize = 1024;

/// Decodes `bytes`: byte order mark, then the charset of `content_type`, then the XML declaration, then valid UTF-8,
/// then a guess. Bytes that are not in the charset become U+FFFD; nothing fails.
///
/// Two corrections for what servers and programs claim without looking: a text that is faultless UTF-8 with characters
/// beyond ASCII is UTF-8 whatever single-byte charset it is said to be in (many servers add `charset=iso-8859-1` to
/// everything), and one said to be UTF-8 that is mostly not is guessed.
pub fn decode<'a>(bytes: &'a [u8], content_type: Option<&str>) -> Cow<'a, str> {
    if let Some(text) = utf32(bytes) {
        return Cow::Owned(text);
    }
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[length..]).0;
    }
    let encoding = utf16(bytes).unwrap_or_else(|| choose(bytes, content_type));
    encoding.decode_without_bom_handling(bytes).0
}

/// UTF-32, by its byte order mark or its first character. It must be asked before UTF-16, whose mark begins its own.
fn utf32(bytes: &[u8]) -> Option<String> {
    let (little, bytes) = match bytes {
        [0xff, 0xfe, 0, 0, rest @ ..] => (true, rest),
        [0, 0, 0xfe, 0xff, rest @ ..] => (false, rest),
        [b'<' | b'{', 0, 0, 0, ..] => (true, bytes),
        [0, 0, 0, b'<' | b'{', ..] => (false, bytes),
        _ => return None,
    };
    let whole = bytes.chunks_exact(4).map(|unit| {
        let unit = [unit[0], unit[1], unit[2], unit[3]];
        let code = if little { u32::from_le_bytes(unit) } else { u32::from_be_bytes(unit) };
        char::from_u32(code).unwrap_or('\u{fffd}')
    });
    Some(whole.collect())
}

/// UTF-16 without a byte order mark shows in its first two characters: `<` or `{` and another of ASCII.
fn utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [b'<' | b'{', 0, b, 0, ..] if *b != 0 => Some(UTF_16LE),
        [0, b'<' | b'{', 0, b, ..] if *b != 0 => Some(UTF_16BE),
        _ => None,
    }
}

fn choose(bytes: &[u8], content_type: Option<&str>) -> &'static Encoding {
    let claimed = content_type.and_then(header_charset).or_else(|| prolog_charset(bytes));
    let valid = std::str::from_utf8(bytes).is_ok();
    match claimed {
        Some(claim) if claim == UTF_8 => {
            if valid || mostly_utf8(bytes) {
                UTF_8
            } else {
                guess(bytes)
            }
        }
        Some(claim) if valid && !bytes.is_ascii() && claim.is_single_byte() => UTF_8,
        Some(claim) => claim,
        None if valid || mostly_utf8(bytes) => UTF_8,
        None => guess(bytes),
    }
}

/// The charset named in a `Content-Type`. UTF-16 is believed to the bytes only: they have been asked already.
fn header_charset(content_type: &str) -> Option<&'static Encoding> {
    let parameter = content_type.split(';').skip(1).find_map(|p| {
        let (name, value) = p.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']))
    })?;
    ascii_compatible(parameter)
}

/// The charset named in the XML declaration, which junk may precede.
fn prolog_charset(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(PROLOG)]);
    let declaration = &head[head.find("<?xml")?..];
    let declaration = &declaration[..declaration.find("?>")?];
    let value = declaration[declaration.find("encoding")? + "encoding".len()..].trim_start().strip_prefix('=')?;
    let value = value.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    ascii_compatible(value[1..].split(quote).next()?)
}

fn ascii_compatible(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label(label.trim().as_bytes()).filter(|e| e.is_ascii_compatible())
}

/// Whether more characters beyond ASCII are well-formed UTF-8 than bytes are not: a cut or spliced UTF-8 text.
fn mostly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0usize, 0usize);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > bad
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Allow)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUSSIAN: &str = "<rss><title>Премьер-министр выступил в парламенте с докладом о бюджете</title></rss>";

    fn utf16(text: &str, little: bool, bom: bool) -> Vec<u8> {
        let text = if bom { format!("\u{feff}{text}") } else { text.to_owned() };
        text.encode_utf16().flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
    }

    fn utf32(text: &str, little: bool) -> Vec<u8> {
        text.chars()
            .flat_map(|c| if little { u32::from(c).to_le_bytes() } else { u32::from(c).to_be_bytes() })
            .collect()
    }

    #[test]
    fn finds_the_charset() {
        let cyrillic = encoding_rs::WINDOWS_1251.encode(RUSSIAN).0.into_owned();
        let koi = encoding_rs::KOI8_R.encode(RUSSIAN).0.into_owned();
        let with_prolog = [b"<?xml version='1.0' encoding='windows-1251'?>".as_slice(), &cyrillic].concat();
        let lying = [b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>".as_slice(), &cyrillic].concat();
        let cases: Vec<(&str, Vec<u8>, Option<&str>)> = vec![
            ("plain utf-8", RUSSIAN.into(), None),
            ("utf-8 with a mark", format!("\u{feff}{RUSSIAN}").into(), Some("text/xml; charset=windows-1251")),
            ("utf-8 called latin-1 by the server", RUSSIAN.into(), Some("text/xml; charset=ISO-8859-1")),
            ("header", koi, Some("application/rss+xml; charset=\"koi8-r\"")),
            ("header before prolog", with_prolog.clone(), Some("text/xml; charset=windows-1251")),
            ("prolog", with_prolog, None),
            ("neither", cyrillic, None),
            ("said to be utf-8, is not", lying, None),
            ("utf-16le with a mark", utf16(RUSSIAN, true, true), None),
            ("utf-16be with a mark", utf16(RUSSIAN, false, true), None),
            ("utf-16le without", utf16(RUSSIAN, true, false), None),
            ("utf-16be without", utf16(RUSSIAN, false, false), None),
            ("utf-32le with a mark", utf32(&format!("\u{feff}{RUSSIAN}"), true), Some("text/xml; charset=utf-8")),
            ("utf-32be with a mark", utf32(&format!("\u{feff}{RUSSIAN}"), false), None),
            ("utf-32le without", utf32(RUSSIAN, true), None),
            ("utf-32be without", utf32(RUSSIAN, false), None),
        ];
        for (name, bytes, header) in cases {
            assert!(decode(&bytes, header).contains("Премьер-министр выступил"), "{name}");
        }
    }

    #[test]
    fn a_torn_character_costs_one_character() {
        let mut bytes = RUSSIAN.as_bytes().to_vec();
        bytes.remove(13);
        let text = decode(&bytes, Some("text/xml; charset=utf-8"));
        assert!(text.contains('\u{fffd}') && text.contains("выступил в парламенте"));
        assert_eq!(decode(b"", None), "");
        assert_eq!(decode(b"<\0\0\0a", None), "<", "half a character of UTF-32");
        assert_eq!(decode(b"<\0", None).chars().count(), 2);
    }
}
