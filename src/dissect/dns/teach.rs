//! What a DNS answer teaches: who asked for a name will talk to these addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::message::{self, Header, Name};
use crate::bytes::Reader;
use crate::facts::{Lesson, host_name};

/// Lessons from one message: CDNs answer with 8 addresses at most, twice for both families.
const LESSONS_MAX: usize = 16;
/// Records read in one message; an answer over UDP holds fewer.
const RECORDS_MAX: u32 = 64;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const SVCB: u16 = 64;
const HTTPS: u16 = 65;
const IN: u16 = 1;
/// RFC 9460 section 14.3.2.
const IPV4_HINT: u16 = 4;
const IPV6_HINT: u16 = 6;

/// Reads one whole or cut message: as far as it goes.
pub fn answers(message: &[u8], lessons: &mut Vec<Lesson>) {
    let Some(header) = Header::parse(message) else { return };
    let [questions, answers, _, _] = header.counts;
    if !header.response || header.opcode != 0 || header.rcode != 0 || questions != 1 {
        return;
    }
    let mut reader = message::body(message);
    let Ok(question) = message::question(message, &mut reader) else { return };
    if question.class != IN || !matches!(question.kind, A | AAAA | SVCB | HTTPS | 255) {
        return;
    }
    let Some(asked) = service_host(question.name.bytes()).and_then(host_name) else { return };
    let mut found = Found { asked, lessons, left: LESSONS_MAX };
    // The alias that the chain has come to. Answers stand in the order of the chain.
    let mut alias: Name = question.name;
    for _ in 0..u32::from(answers).min(RECORDS_MAX) {
        let Ok(record) = message::record(message, &mut reader) else { return };
        if record.class != IN || (record.name != alias && record.name != question.name) {
            continue;
        }
        // RFC 2181 section 8: with the top bit set it is 0.
        let ttl_s = if record.ttl_s > i32::MAX.unsigned_abs() { 0 } else { record.ttl_s };
        let ttl = Duration::from_secs(ttl_s.into());
        let mut data = record.data;
        match record.kind {
            A if data.len() == 4 => found.v4(&mut data, ttl),
            AAAA if data.len() == 16 => found.v6(&mut data, ttl),
            CNAME => {
                let at = message.len().saturating_sub(reader.len()).saturating_sub(data.len());
                let mut target = Reader::inner(message.get(at..).unwrap_or_default());
                let Ok(target) = message::name(message, &mut target) else { return };
                alias = target;
            }
            SVCB | HTTPS => found.hints(&mut data, ttl),
            _ => {}
        }
    }
}

/// `_8443._https.example.org` is about `example.org` (RFC 9460 section 2.3).
fn service_host(name: &[u8]) -> Option<&[u8]> {
    let mut rest = name;
    while rest.first() == Some(&b'_') {
        let dot = rest.iter().position(|&byte| byte == b'.')?;
        rest = rest.get(dot..)?.get(1..)?;
    }
    Some(rest)
}

struct Found<'a> {
    asked: Box<str>,
    lessons: &'a mut Vec<Lesson>,
    left: usize,
}

impl Found<'_> {
    /// As many addresses as there are whole ones; every turn takes bytes, so it ends.
    fn v4(&mut self, data: &mut Reader<'_>, ttl: Duration) {
        while let Ok(addr) = data.u32() {
            self.address(IpAddr::V4(Ipv4Addr::from(addr)), ttl);
        }
    }

    fn v6(&mut self, data: &mut Reader<'_>, ttl: Duration) {
        while let Ok(addr) = data.array::<16>() {
            self.address(IpAddr::V6(Ipv6Addr::from(addr)), ttl);
        }
    }

    /// SvcParams of RFC 9460 section 2.2.
    fn hints(&mut self, data: &mut Reader<'_>, ttl: Duration) {
        let whole = data.rest();
        if data.skip(2).is_err() || message::name(whole, data).is_err() {
            return;
        }
        while let (Ok(key), Ok(mut value)) = (data.u16(), data.sub_u16()) {
            match key {
                IPV4_HINT => self.v4(&mut value, ttl),
                IPV6_HINT => self.v6(&mut value, ttl),
                _ => {}
            }
        }
    }

    fn address(&mut self, addr: IpAddr, ttl: Duration) {
        // How a blocking resolver says no.
        if self.left == 0 || addr.is_unspecified() || addr.is_loopback() {
            return;
        }
        self.left = self.left.saturating_sub(1);
        self.lessons.push(Lesson::Answer { name: self.asked.clone(), addr, ttl });
    }
}
