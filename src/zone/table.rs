//! Zones for routers without zoneinfo packages: the commonest names and the rules that hold there
//! today (tz database 2025b). Files win over it: they know the past, and later changes.

/// TZ strings, each with the names it is for, separated by spaces.
static ZONES: &[(&str, &str)] = &[
    ("UTC0", "UTC GMT Etc/UTC Etc/GMT"),
    ("GMT0", "Africa/Abidjan Africa/Accra Africa/Dakar Atlantic/Reykjavik"),
    ("GMT0BST,M3.5.0/1,M10.5.0", "Europe/London"),
    ("IST-1GMT0,M10.5.0,M3.5.0/1", "Europe/Dublin"),
    ("WET0WEST,M3.5.0/1,M10.5.0", "Europe/Lisbon Atlantic/Canary Atlantic/Madeira"),
    ("<-01>1<+00>,M3.5.0/0,M10.5.0/1", "Atlantic/Azores"),
    (
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "Europe/Rome Europe/Berlin Europe/Paris Europe/Madrid Europe/Amsterdam Europe/Brussels \
         Europe/Vienna Europe/Zurich Europe/Prague Europe/Warsaw Europe/Budapest \
         Europe/Stockholm Europe/Oslo Europe/Copenhagen Europe/Belgrade Europe/Zagreb \
         Europe/Ljubljana Europe/Bratislava Europe/Luxembourg Europe/Malta Europe/Monaco \
         Europe/San_Marino Europe/Vatican Europe/Tirane Europe/Sarajevo Europe/Skopje \
         Europe/Podgorica Europe/Andorra Europe/Vaduz Europe/Busingen",
    ),
    (
        "EET-2EEST,M3.5.0/3,M10.5.0/4",
        "Europe/Athens Europe/Helsinki Europe/Bucharest Europe/Sofia Europe/Kyiv Europe/Kiev \
         Europe/Riga Europe/Tallinn Europe/Vilnius Europe/Mariehamn Asia/Nicosia",
    ),
    ("EET-2EEST,M3.5.0,M10.5.0/3", "Europe/Chisinau"),
    ("EET-2", "Europe/Kaliningrad Africa/Tripoli"),
    ("EET-2EEST,M4.5.5/0,M10.5.4/24", "Africa/Cairo"),
    ("EET-2EEST,M3.5.0/0,M10.5.0/0", "Asia/Beirut"),
    ("IST-2IDT,M3.4.4/26,M10.5.0", "Asia/Jerusalem"),
    ("MSK-3", "Europe/Moscow Europe/Simferopol"),
    ("<+03>-3", "Europe/Istanbul Europe/Minsk Asia/Riyadh Asia/Baghdad Asia/Kuwait Asia/Amman"),
    ("<+0330>-3:30", "Asia/Tehran"),
    ("<+04>-4", "Asia/Dubai Asia/Baku Asia/Tbilisi Asia/Yerevan Europe/Samara"),
    ("<+0430>-4:30", "Asia/Kabul"),
    ("<+05>-5", "Asia/Tashkent Asia/Yekaterinburg Asia/Almaty"),
    ("PKT-5", "Asia/Karachi"),
    ("IST-5:30", "Asia/Kolkata Asia/Calcutta"),
    ("<+0530>-5:30", "Asia/Colombo"),
    ("<+0545>-5:45", "Asia/Kathmandu"),
    ("<+06>-6", "Asia/Dhaka"),
    ("<+0630>-6:30", "Asia/Yangon"),
    ("<+07>-7", "Asia/Bangkok Asia/Ho_Chi_Minh Asia/Novosibirsk"),
    ("WIB-7", "Asia/Jakarta"),
    ("CST-8", "Asia/Shanghai Asia/Taipei"),
    ("HKT-8", "Asia/Hong_Kong"),
    ("<+08>-8", "Asia/Singapore Asia/Kuala_Lumpur"),
    ("PST-8", "Asia/Manila"),
    ("AWST-8", "Australia/Perth"),
    ("JST-9", "Asia/Tokyo"),
    ("KST-9", "Asia/Seoul"),
    ("ACST-9:30", "Australia/Darwin"),
    ("ACST-9:30ACDT,M10.1.0,M4.1.0/3", "Australia/Adelaide"),
    ("AEST-10", "Australia/Brisbane"),
    ("AEST-10AEDT,M10.1.0,M4.1.0/3", "Australia/Sydney Australia/Melbourne Australia/Hobart"),
    ("<+10>-10", "Asia/Vladivostok"),
    ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "Australia/Lord_Howe"),
    ("NZST-12NZDT,M9.5.0,M4.1.0/3", "Pacific/Auckland"),
    ("HST10", "Pacific/Honolulu"),
    ("AKST9AKDT,M3.2.0,M11.1.0", "America/Anchorage"),
    ("PST8PDT,M3.2.0,M11.1.0", "America/Los_Angeles America/Vancouver America/Tijuana"),
    ("MST7", "America/Phoenix"),
    ("MST7MDT,M3.2.0,M11.1.0", "America/Denver America/Edmonton"),
    ("CST6", "America/Mexico_City America/Costa_Rica America/Guatemala America/Regina"),
    ("CST6CDT,M3.2.0,M11.1.0", "America/Chicago America/Winnipeg"),
    ("EST5", "America/Panama America/Jamaica"),
    ("EST5EDT,M3.2.0,M11.1.0", "America/New_York America/Toronto America/Detroit"),
    ("<-05>5", "America/Bogota America/Lima America/Guayaquil"),
    ("AST4ADT,M3.2.0,M11.1.0", "America/Halifax"),
    ("AST4", "America/Puerto_Rico America/Santo_Domingo"),
    ("<-04>4", "America/Caracas America/La_Paz America/Manaus"),
    ("<-04>4<-03>,M9.1.6/24,M4.1.6/24", "America/Santiago"),
    ("NST3:30NDT,M3.2.0,M11.1.0", "America/St_Johns"),
    ("<-03>3", "America/Sao_Paulo America/Argentina/Buenos_Aires America/Montevideo"),
    ("CET-1", "Africa/Tunis Africa/Algiers"),
    ("WAT-1", "Africa/Lagos"),
    ("EAT-3", "Africa/Nairobi Africa/Addis_Ababa"),
    ("SAST-2", "Africa/Johannesburg"),
];

/// The TZ string of a zone.
pub(super) fn find(name: &str) -> Option<&'static str> {
    ZONES.iter().find(|(_, names)| names.split(' ').any(|known| known == name)).map(|(tz, _)| *tz)
}

/// Every name.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ZONES.iter().flat_map(|(_, names)| names.split(' '))
}

#[cfg(test)]
mod tests {
    use super::super::posix::Rule;
    use super::*;

    #[test]
    fn every_row_is_a_zone_and_every_name_stands_once() {
        for (tz, names) in ZONES {
            assert!(Rule::parse(tz).is_some(), "{tz}");
            for name in names.split(' ') {
                assert_eq!(find(name), Some(*tz), "{name}");
            }
        }
    }
}
