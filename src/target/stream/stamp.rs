//! A moment on the clock of a wall: `YYYYMMDD-HHMMSS` for names of files, `Mmm dd hh:mm:ss` for syslog.

use std::time::Duration;

const DAY: i64 = 86_400;

/// RFC 3164 section 4.1.2.
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The moment that long after the Unix epoch, on a clock that far ahead of UTC.
pub(super) fn stamp(unix: Duration, utc_offset_seconds: i32) -> String {
    let (days, of_day) = local(unix, utc_offset_seconds);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
}

/// The same as TIMESTAMP of RFC 3164 section 4.1.2.
pub(super) fn syslog(unix: Duration, utc_offset_seconds: i32) -> String {
    let (days, of_day) = local(unix, utc_offset_seconds);
    let (_, month, day) = civil(days);
    let name = usize::try_from(month.saturating_sub(1)).ok().and_then(|month| MONTHS.get(month));
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{} {day:2} {hour:02}:{minute:02}:{second:02}", name.unwrap_or(&""))
}

/// Days since 1970-01-01 there, and seconds of the day.
fn local(unix: Duration, utc_offset_seconds: i32) -> (i64, i64) {
    // 9999-12-31 23:59:59; no clock is later.
    let seconds = i64::try_from(unix.as_secs()).unwrap_or(i64::MAX).min(253_402_300_799);
    let seconds = seconds.saturating_add(utc_offset_seconds.into());
    (seconds.div_euclid(DAY), seconds.rem_euclid(DAY))
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar, by eras of 400
/// years that begin on a first of March.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_their_dates() {
        let at = |seconds, offset| stamp(Duration::from_secs(seconds), offset);
        assert_eq!(at(0, 0), "19700101-000000");
        assert_eq!(at(951_782_399, 1), "20000229-000000", "date -ud @951782400");
        assert_eq!(at(1_709_251_199, 0), "20240229-235959");
        assert_eq!(at(1_774_746_000, 3600), "20260329-020000");
        assert_eq!(at(1_774_746_000, -5 * 3600), "20260328-200000");
        assert_eq!(at(4_107_542_400, 0), "21000301-000000", "2100 has no 29 February");
        assert_eq!(at(0, -1), "19691231-235959");
        assert_eq!(at(u64::MAX, 0), "99991231-235959");
    }
    #[test]
    fn syslog_has_names_of_months_and_days_without_zeros() {
        assert_eq!(syslog(Duration::ZERO, 0), "Jan  1 00:00:00");
        assert_eq!(syslog(Duration::ZERO, -1), "Dec 31 23:59:59");
        assert_eq!(syslog(Duration::from_secs(1_709_251_199), 0), "Feb 29 23:59:59");
        assert_eq!(syslog(Duration::from_secs(1_774_746_000), 3600), "Mar 29 02:00:00");
    }
}
