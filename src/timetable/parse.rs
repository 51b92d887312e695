//! Reading schedules: crontab's dialect turned into the `cron` crate's, and lengths of time. Each fault says where.
//! What they mean on a wall clock lives in `timetable.rs`.

use std::ops::Range;

use jiff::SignedDuration;

use super::BadSchedule;

/// An expression as the `cron` crate reads it: seconds first, Sunday is 1, both day fields must match.
pub(super) struct Read {
    /// One expression, or two of which either may fire.
    pub(super) quartz: Vec<String>,
    /// `*` or `*/n` in minute or hour.
    pub(super) interval: bool,
}

/// What a field may hold.
struct Kind {
    /// With its article: "a minute".
    name: &'static str,
    low: u32,
    high: u32,
    /// Words for numbers; three letters or the whole word.
    words: &'static [(&'static str, u32)],
    /// Whether `?` stands for `*`, as some dialects write in the day fields.
    question: bool,
}

const SECOND: Kind = Kind { name: "a second", low: 0, high: 59, words: &[], question: false };
const MINUTE: Kind = Kind { name: "a minute", low: 0, high: 59, words: &[], question: false };
const HOUR: Kind = Kind { name: "an hour", low: 0, high: 23, words: &[], question: false };
const DAY: Kind = Kind { name: "a day of the month", low: 1, high: 31, words: &[], question: true };
const MONTH: Kind = Kind { name: "a month", low: 1, high: 12, words: &MONTHS, question: false };
const WEEKDAY: Kind = Kind { name: "a weekday", low: 0, high: 7, words: &WEEKDAYS, question: true };

const MONTHS: [(&str, u32); 12] = [
    ("january", 1),
    ("february", 2),
    ("march", 3),
    ("april", 4),
    ("may", 5),
    ("june", 6),
    ("july", 7),
    ("august", 8),
    ("september", 9),
    ("october", 10),
    ("november", 11),
    ("december", 12),
];

const WEEKDAYS: [(&str, u32); 7] =
    [("sunday", 0), ("monday", 1), ("tuesday", 2), ("wednesday", 3), ("thursday", 4), ("friday", 5), ("saturday", 6)];

/// A field, read.
#[derive(Default)]
struct Field {
    /// The numbers it names, as bits.
    bits: u64,
    /// Whether it begins with `*`: for crontab such a day field restricts nothing by itself.
    begins_with_star: bool,
    /// Whether any item of its list is `*` or `*/n`.
    has_star: bool,
}

/// Part of the text, knowing where it is.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Piece<'a> {
    fn fault(self, said: String) -> BadSchedule {
        BadSchedule { said, at: self.at, len: self.text.len() }
    }

    /// The part after a separator, where there is one.
    fn cut(self, separator: char) -> (Self, Option<Self>) {
        match self.text.split_once(separator) {
            Some((left, right)) => {
                let at = self.at + left.len() + separator.len_utf8();
                (Self { text: left, at: self.at }, Some(Self { text: right, at }))
            }
            None => (self, None),
        }
    }

    fn words(text: &'a str) -> Vec<Self> {
        let mut end = 0;
        let pieces = text.split_inclusive(char::is_whitespace).map(|piece| {
            let at = end;
            end += piece.len();
            Self { text: piece.trim_end(), at }
        });
        pieces.filter(|word| !word.text.is_empty()).collect()
    }
}

/// `found "x"`, or that there is nothing.
fn found(text: &str) -> String {
    if text.is_empty() { "found nothing".to_owned() } else { format!("found \"{text}\"") }
}

pub(super) fn expression(text: &str) -> Result<Read, BadSchedule> {
    let words = Piece::words(text);
    if let [word] = words[..]
        && word.text.starts_with('@')
    {
        return expression(shorthand(word)?);
    }
    let zero = Piece { text: "0", at: 0 };
    let [second, minute, hour, day, month, weekday] = match words[..] {
        [minute, hour, day, month, weekday] => [zero, minute, hour, day, month, weekday],
        [second, minute, hour, day, month, weekday] => [second, minute, hour, day, month, weekday],
        _ => return Err(wrong_count(text, &words)),
    };
    let second = field(second, &SECOND)?;
    let minute = field(minute, &MINUTE)?;
    let hour = field(hour, &HOUR)?;
    let day = field(day, &DAY)?;
    let month = field(month, &MONTH)?;
    let weekday = field(weekday, &WEEKDAY)?;

    let time = format!("{} {} {}", second.list(&SECOND, 0), minute.list(&MINUTE, 0), hour.list(&HOUR, 0));
    let (days, months, weekdays) = (day.list(&DAY, 0), month.list(&MONTH, 0), weekday.weekdays());
    let quartz = if day.begins_with_star || weekday.begins_with_star {
        vec![format!("{time} {days} {months} {weekdays}")]
    } else {
        vec![format!("{time} {days} {months} *"), format!("{time} * {months} {weekdays}")]
    };
    Ok(Read { quartz, interval: minute.has_star || hour.has_star })
}

fn shorthand(word: Piece<'_>) -> Result<&'static str, BadSchedule> {
    Ok(match word.text.to_ascii_lowercase().as_str() {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        _ => {
            let known = "expected @hourly, @daily, @weekly, @monthly or @yearly";
            return Err(word.fault(format!("{known}, {}", found(word.text))));
        }
    })
}

fn wrong_count(text: &str, words: &[Piece<'_>]) -> BadSchedule {
    let expected = "expected five fields (minute hour day month weekday) or six (second first)";
    let (at, len) = match words.get(6) {
        Some(seventh) => (seventh.at, text.trim_end().len() - seventh.at),
        None => (text.len(), 0),
    };
    let count = match words.len() {
        0 => "found nothing".to_owned(),
        n => format!("found {n}"),
    };
    BadSchedule { said: format!("{expected}, {count}"), at, len }
}

fn field(word: Piece<'_>, kind: &Kind) -> Result<Field, BadSchedule> {
    let begins_with_star = word.text.starts_with('*') || (kind.question && word.text.starts_with('?'));
    let mut field = Field { begins_with_star, ..Field::default() };
    let mut rest = Some(word);
    while let Some(list) = rest {
        let (item, more) = list.cut(',');
        if item.text.is_empty() {
            // An empty item has no width: point at the comma after it, or at the one before where the word ends.
            let at = if more.is_some() { item.at } else { item.at.saturating_sub(1) };
            return Err(BadSchedule { said: format!("expected {}, found nothing", kind.range()), at, len: 1 });
        }
        let (base, step) = item.cut('/');
        let (range, star) = if kind.is_star(base.text) {
            (kind.low..kind.last() + 1, true)
        } else {
            (numbers(base, item, step.is_some(), kind)?, false)
        };
        let step = step.map_or(Ok(1), |step| stride(step, item, kind))?;
        field.has_star |= star;
        for number in range.step_by(step) {
            field.bits |= 1 << number;
        }
        rest = more;
    }
    Ok(field)
}

/// The numbers of `7`, `7-23` and, before a step, of `7` meaning "from 7".
fn numbers(base: Piece<'_>, item: Piece<'_>, stepped: bool, kind: &Kind) -> Result<Range<u32>, BadSchedule> {
    let (from, to) = base.cut('-');
    let low = number(from, item, kind)?;
    let high = match to {
        None if stepped => kind.last().max(low),
        None => low,
        Some(to) => number(to, item, kind)?,
    };
    // The week of names ends with its Sunday: fri-sun.
    let high = if kind.name == WEEKDAY.name && high == 0 && low > 0 && to.is_some() { 7 } else { high };
    if high < low {
        return Err(base.fault(format!("expected a range that runs forwards, found \"{}\"", base.text)));
    }
    Ok(low..high + 1)
}

fn number(piece: Piece<'_>, item: Piece<'_>, kind: &Kind) -> Result<u32, BadSchedule> {
    let fault = |piece: Piece<'_>| piece.fault(format!("expected {}, {}", kind.range(), found(piece.text)));
    if piece.text.is_empty() {
        return Err(fault(item));
    }
    if piece.text.bytes().all(|b| b.is_ascii_digit()) {
        return piece.text.parse().ok().filter(|n| (kind.low..=kind.high).contains(n)).ok_or_else(|| fault(piece));
    }
    let word = piece.text.to_ascii_lowercase();
    let named = kind.words.iter().find(|(name, _)| word == *name || word == name[..3]);
    named.map(|(_, number)| *number).ok_or_else(|| fault(piece))
}

fn stride(step: Piece<'_>, item: Piece<'_>, kind: &Kind) -> Result<usize, BadSchedule> {
    // A longer step than the field is long would quietly mean "once": `*/90` minutes is not every hour and a half.
    let most = kind.last() - kind.low + 1;
    let read = step.text.bytes().all(|b| b.is_ascii_digit()).then(|| step.text.parse::<usize>().ok()).flatten();
    read.filter(|n| (1..=most as usize).contains(n)).ok_or_else(|| {
        let at = if step.text.is_empty() { item } else { step };
        at.fault(format!("expected a step from 1 to {most} after \"/\", {}", found(step.text)))
    })
}

impl Kind {
    fn is_star(&self, text: &str) -> bool {
        text == "*" || (self.question && text == "?")
    }

    /// The last number that has a meaning of its own: weekday 7 is weekday 0.
    fn last(&self) -> u32 {
        self.high.min(if self.name == WEEKDAY.name { 6 } else { u32::MAX })
    }

    fn range(&self) -> String {
        let example =
            self.words.get(1).map_or_else(String::new, |(word, _)| format!(" or a name such as {}", &word[..3]));
        format!("{} from {} to {}{example}", self.name, self.low, self.high)
    }
}

impl Field {
    /// As a list of numbers, each moved by `shift`; `*` where it names all.
    fn list(&self, kind: &Kind, shift: u32) -> String {
        let mut named = (kind.low..=kind.last()).filter(|n| self.bits & (1 << n) != 0).peekable();
        let mut said = String::new();
        let mut count = 0;
        while let Some(number) = named.next() {
            count += 1;
            said.push_str(&(number + shift).to_string());
            if named.peek().is_some() {
                said.push(',');
            }
        }
        if count == kind.last() - kind.low + 1 { "*".to_owned() } else { said }
    }

    /// Weekdays as the `cron` crate counts them: Sunday is 1.
    fn weekdays(&self) -> String {
        let sunday = self.bits >> 7 & 1;
        Self { bits: self.bits | sunday, ..Self::default() }.list(&WEEKDAY, 1)
    }
}

/// `every 2m`; `None` where the text does not begin with that word.
pub(super) fn every(text: &str) -> Result<Option<SignedDuration>, BadSchedule> {
    let words = Piece::words(text);
    let Some(first) = words.first() else { return Ok(None) };
    if first.text != "every" {
        if words.len() < 5 && !first.text.starts_with('@') {
            let expected = "expected \"every 2m\" or a cron expression of five fields";
            let whole = Piece { text: text.trim(), at: first.at };
            return Err(whole.fault(format!("{expected}, {}", found(whole.text))));
        }
        return Ok(None);
    }
    let after = first.at + first.text.len();
    let length = length(Piece { text: &text[after..], at: after })?;
    if length < SignedDuration::from_secs(1) {
        let at = words.get(1).map_or(after, |word| word.at);
        let given = Piece { text: text[at..].trim_end(), at };
        return Err(given.fault(format!("expected an interval of at least 1s, {}", found(given.text))));
    }
    Ok(Some(length))
}

/// The longest length of time that is read: ten years. More is a slip of the pen, and sums with it stay in the
/// calendar.
const LONGEST_SECONDS: i64 = 3_660 * 86_400;

/// Reads a length of time: `90s`, `3m`, `1h`, `400d`, `1h30m`; larger units first, each at most once.
///
/// # Errors
/// [`BadSchedule`].
pub fn duration(text: &str) -> Result<SignedDuration, BadSchedule> {
    length(Piece { text, at: 0 })
}

fn length(whole: Piece<'_>) -> Result<SignedDuration, BadSchedule> {
    const EXPECTED: &str = "expected a length of time such as 90s, 3m, 1h30m or 2d";
    let end = whole.at + whole.text.trim_end().len();
    let mut rest = whole.text.trim();
    let mut largest = i64::MAX;
    let mut total = 0_i64;
    if rest.is_empty() {
        return Err(BadSchedule {
            said: format!("{EXPECTED}, found nothing"),
            at: whole.at + whole.text.len(),
            len: 0,
        });
    }
    while !rest.is_empty() {
        let at = end - rest.len();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let unit = rest[digits..].chars().next();
        let unit_len = unit.map_or(0, char::len_utf8);
        let here = Piece { text: &rest[..digits + unit_len], at };
        let seconds = match unit {
            _ if digits == 0 => return Err(Piece { text: rest, at }.fault(format!("{EXPECTED}, {}", found(rest)))),
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => {
                let said = format!("expected a unit (s, m, h or d) after \"{}\", ", &rest[..digits]);
                return Err(here.fault(said + &found(&rest[digits..])));
            }
        };
        if seconds >= largest {
            return Err(here.fault(format!("expected larger units first and each once, found \"{}\"", here.text)));
        }
        largest = seconds;
        let sum = rest[..digits].parse::<i64>().ok().and_then(|n| n.checked_mul(seconds)?.checked_add(total));
        total = match sum {
            Some(sum) if sum <= LONGEST_SECONDS => sum,
            _ => return Err(here.fault(format!("expected at most 3660d, found \"{}\"", here.text))),
        };
        rest = rest[digits + unit_len..].trim_start();
    }
    Ok(SignedDuration::from_secs(total))
}
