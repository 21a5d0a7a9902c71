//! TZ strings: POSIX.1-2017 section 8.3, with the hours of RFC 8536 section 3.3.1 and the quoted
//! names of both: `CET-1CEST,M3.5.0,M10.5.0/3`, `<+1030>-10:30<+11>-11,M10.1.0,M4.1.0`.

use nom::branch::alt;
use nom::bytes::complete::take_while_m_n;
use nom::character::complete::{char, one_of};
use nom::combinator::{all_consuming, map, map_opt, opt};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use super::civil::{self, DAY};

type Parsed<'a, T> = IResult<&'a str, T, ()>;

/// Longest name of a zone; POSIX lets the system choose, from 6 on.
const NAME_MAX: usize = 32;
/// The rules where a string has a daylight saving name but none, as the reference code has them.
const DEFAULT_RULES: (Change, Change) = (
    Change { day: Day::Month { month: 3, week: 2, weekday: 0 }, second: 7200 },
    Change { day: Day::Month { month: 11, week: 1, weekday: 0 }, second: 7200 },
);

/// What a TZ string says. Offsets are seconds east of UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rule {
    /// The same all year.
    Fixed(i32),
    /// Twice a year it changes.
    Daylight {
        standard: i32,
        daylight: i32,
        /// When daylight saving begins, in standard time.
        start: Change,
        /// When it ends, in daylight saving time.
        end: Change,
    },
}

/// A moment of every year, local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    day: Day,
    /// From the midnight that begins the day: -167 to 167 hours.
    second: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    /// `J1` to `J365`: 29 February is not counted.
    Counted(u16),
    /// `0` to `365`: it is.
    OfYear(u16),
    /// Week 5 is the last.
    Month { month: u8, week: u8, weekday: u8 },
}

impl Rule {
    /// Reads a whole TZ string.
    pub(super) fn parse(text: &str) -> Option<Rule> {
        all_consuming(rule).parse(text).ok().map(|(_, rule)| rule)
    }

    /// Seconds east of UTC at that Unix time.
    pub(super) fn offset_at(&self, unix_seconds: i64) -> i32 {
        match self {
            Rule::Fixed(offset) => *offset,
            Rule::Daylight { standard, .. } => {
                let changes = self.changes_around(unix_seconds);
                let last = changes.iter().rev().find(|(at, _)| *at <= unix_seconds);
                last.map_or(*standard, |(_, offset)| *offset)
            }
        }
    }

    /// The next time that the offset may change.
    pub(super) fn next_change(&self, unix_seconds: i64) -> Option<i64> {
        if let Rule::Fixed(_) = self {
            return None;
        }
        let changes = self.changes_around(unix_seconds);
        changes.iter().map(|(at, _)| *at).find(|at| *at > unix_seconds)
    }

    /// The changes of the year, and of its neighbours, since a change may stand a week outside its
    /// year. In order; where daylight saving ends and begins at once, it goes on.
    fn changes_around(&self, unix_seconds: i64) -> [(i64, i32); 6] {
        let mut changes = [(i64::MAX, 0); 6];
        let Rule::Daylight { standard, daylight, start, end } = self else { return changes };
        let year = civil::year_of(unix_seconds.div_euclid(DAY));
        let years = [year.saturating_sub(1), year, year.saturating_add(1)];
        let both = years.iter().flat_map(|year| {
            let starts = start.in_year(*year).saturating_sub((*standard).into());
            let ends = end.in_year(*year).saturating_sub((*daylight).into());
            [(starts, *daylight), (ends, *standard)]
        });
        for (change, found) in changes.iter_mut().zip(both) {
            *change = found;
        }
        changes.sort_unstable_by_key(|(at, offset)| (*at, *offset == *daylight));
        changes
    }
}

impl Change {
    /// Local seconds since 1970-01-01 of its moment in a year.
    fn in_year(self, year: i64) -> i64 {
        let day = match self.day {
            Day::Counted(day) => {
                let leap = i64::from(day >= 60 && civil::is_leap(year));
                civil::first_of_month(year, 1)
                    .saturating_add(i64::from(day).saturating_sub(1))
                    .saturating_add(leap)
            }
            Day::OfYear(day) => civil::first_of_month(year, 1).saturating_add(day.into()),
            Day::Month { month, week, weekday } => {
                let first = civil::first_of_month(year, month);
                let ahead = i64::from(weekday).saturating_sub(civil::weekday(first).into());
                let weeks = i64::from(week).saturating_sub(1);
                let of_month = ahead.rem_euclid(7).saturating_add(weeks.saturating_mul(7));
                // Only a fifth week can be missing; then the fourth is the last.
                let missing = of_month >= civil::days_of_month(year, month);
                let of_month = of_month.saturating_sub(if missing { 7 } else { 0 });
                first.saturating_add(of_month)
            }
        };
        day.saturating_mul(DAY).saturating_add(self.second.into())
    }
}

/// `std offset [dst [offset] [,start[/time],end[/time]]]`.
fn rule(text: &str) -> Parsed<'_, Rule> {
    let (text, ()) = name(text)?;
    let (text, standard) = offset(text)?;
    let (text, summer) = opt(name).parse(text)?;
    if summer.is_none() {
        return Ok((text, Rule::Fixed(standard)));
    }
    let (text, daylight) = opt(offset).parse(text)?;
    let daylight = daylight.unwrap_or(standard.saturating_add(3600));
    let changes = (preceded(char(','), change), preceded(char(','), change));
    let (text, changes) = opt(changes).parse(text)?;
    let (start, end) = changes.unwrap_or(DEFAULT_RULES);
    Ok((text, Rule::Daylight { standard, daylight, start, end }))
}

/// Three letters or more, or between angle brackets digits and signs too. Nobody shows it.
fn name(text: &str) -> Parsed<'_, ()> {
    let letters = take_while_m_n(3, NAME_MAX, |c: char| c.is_ascii_alphabetic());
    let quotable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-');
    let quoted = delimited(char('<'), take_while_m_n(3, NAME_MAX, quotable), char('>'));
    map(alt((letters, quoted)), drop).parse(text)
}

/// `[+-]hh[:mm[:ss]]`, west of UTC where it is positive.
fn offset(text: &str) -> Parsed<'_, i32> {
    map(|text| time(text, 24), i32::saturating_neg).parse(text)
}

/// `[+-]h[:mm[:ss]]` in seconds.
fn time(text: &str, hours_most: i32) -> Parsed<'_, i32> {
    let (text, sign) = opt(one_of("+-")).parse(text)?;
    let (text, hours): (&str, i32) = number(text, 0, hours_most)?;
    let sixtieth = |text| preceded(char(':'), |text| number(text, 0i32, 59)).parse(text);
    let (text, minutes) = opt(sixtieth).parse(text)?;
    let (text, seconds) = match minutes {
        Some(_) => opt(sixtieth).parse(text)?,
        None => (text, None),
    };
    let whole = hours
        .saturating_mul(3600)
        .saturating_add(minutes.unwrap_or(0).saturating_mul(60))
        .saturating_add(seconds.unwrap_or(0));
    Ok((text, if sign == Some('-') { whole.saturating_neg() } else { whole }))
}

/// `date[/time]`; 2 o'clock where no time is given.
fn change(text: &str) -> Parsed<'_, Change> {
    let (text, day) = alt((counted, month, of_year)).parse(text)?;
    let (text, second) = opt(preceded(char('/'), |text| time(text, 167))).parse(text)?;
    Ok((text, Change { day, second: second.unwrap_or(7200) }))
}

fn counted(text: &str) -> Parsed<'_, Day> {
    map(preceded(char('J'), |text| number(text, 1, 365)), Day::Counted).parse(text)
}

fn of_year(text: &str) -> Parsed<'_, Day> {
    map(|text| number(text, 0, 365), Day::OfYear).parse(text)
}

fn month(text: &str) -> Parsed<'_, Day> {
    let (text, month) = preceded(char('M'), |text| number(text, 1, 12)).parse(text)?;
    let (text, week) = preceded(char('.'), |text| number(text, 1, 5)).parse(text)?;
    let (text, weekday) = preceded(char('.'), |text| number(text, 0, 6)).parse(text)?;
    Ok((text, Day::Month { month, week, weekday }))
}

/// Up to three digits, between two bounds.
fn number<T>(text: &str, least: T, most: T) -> Parsed<'_, T>
where
    T: TryFrom<u16> + PartialOrd,
{
    let digits = take_while_m_n(1, 3, |c: char| c.is_ascii_digit());
    map_opt(digits, |digits: &str| {
        let number = T::try_from(digits.parse::<u16>().ok()?).ok()?;
        (number >= least && number <= most).then_some(number)
    })
    .parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_that_are_none_are_refused() {
        for text in [
            "",
            "CET",
            "Europe/Rome",
            "CE-1",
            "C3T-1",
            "CET-25",
            "CET-1:60",
            "CET-1CEST,M3.5.0",
            "CET-1CEST,M3.5.0,M10.5.0/168",
            "CET-1CEST,M13.5.0,M10.5.0",
            "CET-1CEST,M3.6.0,M10.5.0",
            "CET-1CEST,M3.0.0,M10.5.0",
            "CET-1CEST,M3.5.7,M10.5.0",
            "CET-1CEST,J0,J1",
            "CET-1CEST,J366,J1",
            "CET-1CEST,366,1",
            "CET-1CEST,M3.5.0,M10.5.0,",
            "CET-1 ",
            "<CET-1",
            "<+>-1",
            "CET-1000",
            "CET-99999999999999999999",
        ] {
            assert_eq!(Rule::parse(text), None, "{text}");
        }
    }

    #[test]
    fn strings_say_when_and_how_far() {
        for (text, at, offset) in [
            ("UTC0", 0, 0),
            ("XXX-0:01:30", 0, 90),
            ("<-0330>+3:30", 0, -12_600),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 1_774_745_999, 3600),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 1_774_746_000, 7200),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 1_792_889_999, 7200),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 1_792_890_000, 3600),
            // Without rules: those of the United States.
            ("EST5EDT", 1_772_953_199, -18_000),
            ("EST5EDT", 1_772_953_200, -14_400),
            // Southern: daylight saving over the new year.
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", 1_767_225_600, 39_600),
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", 1_780_272_000, 36_000),
            // Half an hour.
            ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 1_767_225_600, 39_600),
            ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 1_780_272_000, 37_800),
            // Negative saving: Irish winter time.
            ("IST-1GMT0,M10.5.0,M3.5.0/1", 1_767_225_600, 0),
            ("IST-1GMT0,M10.5.0,M3.5.0/1", 1_780_272_000, 3600),
            // Before midnight of the day (Nuuk), and days after it (Israel: Thursday 26 hours).
            ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1_774_745_999, -7200),
            ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1_774_746_000, -3600),
            ("IST-2IDT,M3.4.4/26,M10.5.0", 1_774_569_599, 7200),
            ("IST-2IDT,M3.4.4/26,M10.5.0", 1_774_569_600, 10_800),
            // All year, RFC 8536 section 3.3.1.
            ("XXX3EDT4,0/0,J365/23", 1_767_225_600, -14_400),
            ("EST5EDT,0/0,J365/25", 1_767_243_600, -14_400),
            ("EST5EDT,0/0,J365/25", 1_767_243_599, -14_400),
            // 29 February is counted by n, not by Jn: 1 March 2024, 0 o'clock UTC.
            ("AAA0BBB,J60/0,J300", 1_709_251_199, 0),
            ("AAA0BBB,J60/0,J300", 1_709_251_200, 3600),
            ("AAA0BBB,60/0,300", 1_709_251_199, 0),
            ("AAA0BBB,60/0,300", 1_709_251_200, 3600),
            ("AAA0BBB,59/0,300", 1_709_164_800, 3600),
        ] {
            let rule = Rule::parse(text).unwrap();
            assert_eq!(rule.offset_at(at), offset, "{text} at {at}");
        }
    }

    #[test]
    fn the_next_change_is_the_next() {
        let rule = Rule::parse("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        assert_eq!(rule.next_change(1_774_745_999), Some(1_774_746_000));
        assert_eq!(rule.next_change(1_774_746_000), Some(1_792_890_000));
        assert_eq!(Rule::Fixed(0).next_change(0), None);
    }

    #[test]
    fn the_ends_of_time_are_no_danger() {
        for text in ["CET-1CEST,M3.5.0,M10.5.0/3", "AAA-24BBB,0/-167,365/167"] {
            let rule = Rule::parse(text).unwrap();
            for at in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
                rule.offset_at(at);
                assert!(rule.next_change(at).is_none_or(|next| next > at));
            }
        }
    }
}
