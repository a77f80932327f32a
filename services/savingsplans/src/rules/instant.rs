//! Instants as Savings Plans writes them, and the calendar its returns go by.

use kernel::Millis;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

const FORM: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

fn read(at: Millis) -> OffsetDateTime {
    let seconds = OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000));
    let seconds = seconds.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    seconds.saturating_add(Duration::milliseconds(at.rem_euclid(1_000)))
}

/// `2026-01-01T00:00:00.000Z`
pub fn iso(at: Millis) -> String {
    read(at).format(FORM).unwrap_or_default()
}

pub fn year(at: Millis) -> i32 {
    read(at).year()
}

/// When the month of an instant is over, in UTC.
pub fn month_end(at: Millis) -> Millis {
    let of_month = read(at);
    let days = of_month.month().length(of_month.year());
    let first = of_month.replace_day(1).unwrap_or(of_month).replace_time(time::Time::MIDNIGHT);
    let next = first.saturating_add(Duration::days(days.into()));
    next.unix_timestamp().saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_end_where_the_calendar_says() {
        // 2024-02-28T12:00:00.250Z
        let at = 1_709_121_600_250;
        assert_eq!(iso(at), "2024-02-28T12:00:00.250Z");
        assert_eq!(iso(month_end(at)), "2024-03-01T00:00:00.000Z");
        assert_eq!(year(at), 2024);
        assert_eq!(iso(month_end(1_704_067_199_999)), "2024-01-01T00:00:00.000Z");
    }
}
