//! Days and years of the proleptic Gregorian calendar, counted from 1970-01-01.

/// Seconds of a day: Unix time has no leap seconds.
pub(super) const DAY: i64 = 86_400;

/// Years are counted from 1 March 0000 inside a cycle of 400 years, so that a leap day is the last
/// of its year.
const DAYS_OF_CYCLE: i64 = 146_097;
const YEARS_OF_CYCLE: i64 = 400;
/// From 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;

/// Whether that year has a 29 February.
pub(super) const fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

/// Days of a month, 1 to 12.
pub(super) const fn days_of_month(year: i64, month: u8) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// The day on which a month begins. Sound for every year that a time of 64 bits falls in.
pub(super) fn first_of_month(year: i64, month: u8) -> i64 {
    // January and February belong to the year that began in March before.
    let (year, month) = match month {
        1 | 2 => (year.saturating_sub(1), i64::from(month).saturating_add(9)),
        _ => (year, i64::from(month).saturating_sub(3)),
    };
    let in_cycle = year.rem_euclid(YEARS_OF_CYCLE);
    let days = in_cycle * 365 + in_cycle / 4 - in_cycle / 100 + (153 * month + 2) / 5;
    year.div_euclid(YEARS_OF_CYCLE)
        .saturating_mul(DAYS_OF_CYCLE)
        .saturating_add(days)
        .saturating_sub(EPOCH)
}

/// The year that a day is in.
pub(super) fn year_of(day: i64) -> i64 {
    // The mean year is a little short or long of each real one: at most one off.
    let guess = day
        .div_euclid(DAYS_OF_CYCLE)
        .saturating_mul(YEARS_OF_CYCLE)
        .saturating_add(day.rem_euclid(DAYS_OF_CYCLE) * YEARS_OF_CYCLE / DAYS_OF_CYCLE)
        .saturating_add(1970);
    if day < first_of_month(guess, 1) {
        guess.saturating_sub(1)
    } else if day >= first_of_month(guess.saturating_add(1), 1) {
        guess.saturating_add(1)
    } else {
        guess
    }
}

/// 0 is Sunday.
pub(super) fn weekday(day: i64) -> u8 {
    // 1970-01-01 was a Thursday.
    u8::try_from(day.rem_euclid(7).saturating_add(4).rem_euclid(7)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_where_the_calendar_says() {
        for (year, month, day, weekday_of) in [
            (1970, 1, 0, 4),
            (1969, 12, -31, 1),
            (2000, 3, 11_017, 3),
            (2038, 1, 24_837, 5),
            (1600, 1, -135_140, 6),
        ] {
            assert_eq!(first_of_month(year, month), day, "{year}-{month}");
            assert_eq!(weekday(day), weekday_of, "{year}-{month}");
        }
    }

    #[test]
    fn every_day_is_in_its_year_and_months_follow_each_other() {
        let mut next = first_of_month(1500, 1);
        for year in 1500..2900 {
            for month in 1..=12 {
                let first = first_of_month(year, month);
                assert_eq!(first, next, "{year}-{month}");
                next = first + days_of_month(year, month);
                assert_eq!((year_of(first), year_of(next - 1)), (year, year), "{year}-{month}");
            }
        }
    }

    #[test]
    fn the_ends_of_time_are_days_too() {
        for day in [i64::MIN / DAY, i64::MAX / DAY] {
            let year = year_of(day);
            assert!(first_of_month(year, 1) <= day && day < first_of_month(year + 1, 1));
        }
    }
}
