//! SMTP (RFC 5321), POP3 (RFC 1939), IMAP (RFC 9051) and FTP control (RFC 959): a greeting line of
//! the server, then commands.

use crate::bytes::Stop;
use crate::dissect::inner::{behind_lines, starttls};
use crate::dissect::sides::{contains_word, line, starts_with_any};
use crate::dissect::tls::protocol::{FTPS, IMAPS, POP3S, SMTPS};
use crate::dissect::{Dissector, Question};
use crate::facts::{Detail, Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// SMTP, and LMTP.
pub static SMTP: Protocol = Protocol {
    id: 3,
    name: "SMTP",
    category: "mail",
    ports: &[(Transport::Tcp, 25), (Transport::Tcp, 587)],
};
/// POP3.
pub static POP3: Protocol =
    Protocol { id: 2, name: "POP3", category: "mail", ports: &[(Transport::Tcp, 110)] };
/// IMAP.
pub static IMAP: Protocol =
    Protocol { id: 4, name: "IMAP", category: "mail", ports: &[(Transport::Tcp, 143)] };
/// The control connection of FTP.
pub static FTP: Protocol =
    Protocol { id: 1, name: "FTP/C", category: "file-server", ports: &[(Transport::Tcp, 21)] };

/// What they are once they have changed to TLS: STARTTLS (RFC 3207, RFC 9051 section 6.2.1), STLS
/// (RFC 2595 section 4), AUTH TLS (RFC 4217).
const SECURED: &[(&Protocol, &Protocol)] =
    &[(&SMTP, &SMTPS), (&POP3, &POP3S), (&IMAP, &IMAPS), (&FTP, &FTPS)];

/// The four that greet.
pub static MAIL: Dissector = Dissector {
    name: "mail",
    over: &[Transport::Tcp],
    protocols: &[&SMTP, &POP3, &IMAP, &FTP, &SMTPS, &POP3S, &IMAPS, &FTPS],
    question: Question::Facts(dissect),
    teach: None,
};

/// RFC 5321 section 4.5.3.1.5: 512 bytes; banners are longer at times.
const LINE_MAX: usize = 1024;

/// What one side's first line may be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Certain by itself.
    Of(&'static Protocol),
    /// `220`: SMTP or FTP.
    Ready,
    /// `+OK`.
    Ok,
    /// `* OK`.
    Untagged,
    /// `USER name`: POP3 or FTP, or of a chat.
    User,
    /// A tag and a command of IMAP.
    Tagged,
}

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let protocol = spoken(prefix)?;
    let starts = prefix.both().map(|side| {
        let server = starts_with_any(side, &[b"220", b"+", b"*"]);
        behind_lines(side, |line| !server && logs_in(line))
    });
    let secured = SECURED.iter().find(|(clear, _)| *clear == protocol);
    let secured = secured.map_or(protocol, |(_, secured)| *secured);
    let mut facts = starttls(prefix, Facts::of(protocol), secured, starts);
    if *facts.protocol == SMTPS {
        facts.details.push(Detail::SmtpTls);
    }
    Ok(facts)
}

/// Whether a client's line is one after which it does not change to TLS any more.
fn logs_in(line: &[u8]) -> bool {
    let is = |word: &[u8], known: &[&[u8]]| known.iter().any(|k| word.eq_ignore_ascii_case(k));
    let mut words = line.split(|byte| *byte == b' ');
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    // FTP asks for TLS with AUTH, POP3 asks for a list with AUTH alone; the rest is the log-in.
    let asks = is(second, &[b"tls", b"ssl", b"tls-c", b"tls-p", b""]);
    is(first, &[b"mail", b"user", b"apop"])
        || is(first, &[b"auth"]) && !asks
        || is(second, &[b"login", b"authenticate"])
}

/// The protocol of the first lines.
fn spoken(prefix: &Prefix<'_>) -> Result<&'static Protocol, Stop> {
    let [original, reply] =
        prefix.both().map(|side| if side.is_empty() { None } else { Some(read(side)) });
    let (Some(one), other) = (original.or(reply), original.and(reply)) else {
        return Err(Stop::NeedMore);
    };
    let (one, other) = match (one, other) {
        (Ok(one), None) => (one, None),
        (Ok(one), Some(Ok(other))) => (one, Some(other)),
        (Err(stop), _) | (_, Some(Err(stop))) => return Err(stop),
    };
    let both = |a, b| (one, other) == (a, Some(b)) || (one, other) == (b, Some(a));
    match (one, other) {
        (Line::Of(protocol), _) | (_, Some(Line::Of(protocol))) => Ok(protocol),
        _ if both(Line::Ready, Line::User) => Ok(&FTP),
        _ if both(Line::Ok, Line::User) => Ok(&POP3),
        _ if both(Line::Untagged, Line::Tagged) => Ok(&IMAP),
        (_, None) => Err(Stop::NeedMore),
        _ => Err(Stop::NotMine),
    }
}

fn read(side: &[u8]) -> Result<Line, Stop> {
    if !side.first().is_some_and(|first| first.is_ascii_alphanumeric() || b"+*.".contains(first)) {
        return Err(Stop::NotMine);
    }
    let line = line(side, LINE_MAX)?;
    if let Some(text) =
        line.strip_prefix(b"220").filter(|text| matches!(text.first(), Some(b' ' | b'-')))
    {
        return Ok(match (contains_word(text, b"smtp"), contains_word(text, b"ftp")) {
            (true, _) => Line::Of(&SMTP),
            (false, true) => Line::Of(&FTP),
            _ => Line::Ready,
        });
    }
    if line.starts_with(b"+OK") {
        return Ok(if contains_word(line, b"pop3") { Line::Of(&POP3) } else { Line::Ok });
    }
    if starts_with_any(line, &[b"* OK ", b"* PREAUTH "]) {
        return Ok(if contains_word(line, b"imap4") { Line::Of(&IMAP) } else { Line::Untagged });
    }
    let mut words = line.split(|&byte| byte == b' ');
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is = |word: &[u8], known: &[&[u8]]| known.iter().any(|k| word.eq_ignore_ascii_case(k));
    if is(first, &[b"ehlo", b"helo", b"lhlo"]) && !second.is_empty() {
        return Ok(Line::Of(&SMTP));
    }
    // AUTH is of POP3 (RFC 5034) before a greeting, of FTP with TLS or SSL (RFC 4217).
    if is(first, &[b"auth"]) && is(second, &[b"tls", b"ssl", b"tls-c"]) {
        return Ok(Line::Of(&FTP));
    }
    if is(first, &[b"user", b"capa", b"stls", b"auth", b"feat"]) {
        return Ok(Line::User);
    }
    let commands: &[&[u8]] =
        &[b"capability", b"login", b"starttls", b"authenticate", b"id", b"noop", b"logout"];
    let in_tag = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_".contains(byte);
    let tag = (1..=16).contains(&first.len()) && first.iter().all(in_tag);
    if tag && is(second, commands) { Ok(Line::Tagged) } else { Err(Stop::NotMine) }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn greetings_that_name_themselves_are_enough() {
        for (banner, name) in [
            ("220 mx.example ESMTP ready\r\n", "SMTP"),
            ("220 (exampleFTPd 3.0)\r\n", "FTP/C"),
            ("+OK POP3 ready <1@example>\r\n", "POP3"),
            ("* OK [CAPABILITY IMAP4rev1] ready\r\n", "IMAP"),
        ] {
            tcp(40000, 1000).reply(banner).survives(name);
        }
    }

    #[test]
    fn others_need_the_command_that_follows() {
        for (banner, command, name) in [
            ("220 ready\r\n", "EHLO me\r\n", "SMTP"),
            ("220 ready\r\n", "USER anonymous\r\n", "FTP/C"),
            ("+OK ready\r\n", "USER bob\r\n", "POP3"),
            ("* OK ready\r\n", "a1 LOGIN bob x\r\n", "IMAP"),
            ("* OK ready\r\n", ". CAPABILITY\r\n", "IMAP"),
        ] {
            tcp(40000, 1000).reply(banner).is_nobodys();
            tcp(40000, 1000).reply(banner).original(command).survives(name);
        }
        tcp(40000, 1000).reply("* OK ready\r\n").original("USER x\r\n").is_nobodys();
        tcp(40000, 1000).reply("220 ready\r\n").original("\x01\x02\r\n").is_nobodys();
        tcp(40000, 1000).reply("hello\r\n").is_nobodys();
    }
}
