//! What stands behind a change of protocol: TLS after STARTTLS and its like, TLS or HTTP in a
//! tunnel. The outer dissector tells where it begins; the inner one reads a prefix of its own.

use crate::bytes::Stop;
use crate::dissect::{http, tls};
use crate::facts::{Facts, Protocol};
use crate::prefix::Prefix;

/// Where the inner bytes of one side begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At this byte.
    At(usize),
    /// They may still come.
    Awaited,
    /// This side goes on in the outer protocol.
    Never,
}

impl Start {
    /// Behind the first `at` bytes, if TLS begins there.
    pub fn of_tls(side: &[u8], at: usize) -> Start {
        match side.get(at..).unwrap_or_default() {
            [] => Start::Awaited,
            rest if is_tls(rest) => Start::At(at),
            _ => Start::Never,
        }
    }
}

/// A handshake record's type and major version, or as much of it as has come.
fn is_tls(rest: &[u8]) -> bool {
    matches!(rest, [0x16] | [0x16, 3, ..])
}

/// Where TLS begins in a dialogue of lines: no line starts with a control character, so a record
/// at the start of one is the change. `goes_on` says of a whole line that no change follows it.
pub fn behind_lines(side: &[u8], goes_on: impl Fn(&[u8]) -> bool) -> Start {
    let mut at = 0usize;
    loop {
        let rest = side.get(at..).unwrap_or_default();
        if is_tls(rest) {
            return Start::At(at);
        }
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            return Start::Awaited;
        };
        let line = rest.get(..end).unwrap_or_default();
        if goes_on(line.trim_ascii_end()) {
            return Start::Never;
        }
        at = at.saturating_add(end).saturating_add(1);
    }
}

/// The facts of a flow that may change to TLS. Once it has, it is `secured` (or what it was, where
/// the secured form has no name of its own), and its host is the inner hello's.
pub fn starttls(
    prefix: &Prefix<'_>,
    outer: Facts,
    secured: &'static Protocol,
    starts: [Start; 2],
) -> Facts {
    let Some(inner) = cut(prefix, starts) else { return waiting(prefix, outer, starts) };
    match tls::TLS.dissect(&inner) {
        Ok(inner) => Facts { protocol: secured, ..join(outer, inner) },
        Err(Stop::NeedMore) => Facts { pending: !prefix.last_call, ..outer },
        Err(_) => outer,
    }
}

/// The facts of a tunnel: its protocol stays, its host is that of the TLS or HTTP inside.
pub fn tunnel(prefix: &Prefix<'_>, outer: Facts, starts: [Start; 2]) -> Facts {
    let Some(inner) = cut(prefix, starts) else { return waiting(prefix, outer, starts) };
    let mut waits = false;
    for dissector in [&tls::TLS, &http::HTTP] {
        match dissector.dissect(&inner) {
            Ok(inner) => return join(outer, inner),
            Err(Stop::NeedMore) => waits = true,
            Err(_) => {}
        }
    }
    Facts { pending: waits && !prefix.last_call, ..outer }
}

fn waiting(prefix: &Prefix<'_>, outer: Facts, starts: [Start; 2]) -> Facts {
    let awaited = !starts.contains(&Start::Never);
    Facts { pending: awaited && !prefix.last_call, ..outer }
}

fn join(outer: Facts, inner: Facts) -> Facts {
    let mut details = outer.details;
    details.extend(inner.details);
    let host = inner.host.or(outer.host);
    Facts { host, details, pending: inner.pending, ..outer }
}

/// The inner prefix, if either side's part of it has begun.
fn cut<'a>(prefix: &Prefix<'a>, starts: [Start; 2]) -> Option<Prefix<'a>> {
    let [original, reply] = starts;
    let part = |side: &'a [u8], start| match start {
        Start::At(at) => side.get(at..).unwrap_or_default(),
        Start::Awaited | Start::Never => &[],
    };
    let [first, second] = prefix.both();
    let bytes = [part(first, original), part(second, reply)];
    // Dissectors of streams look at the bytes, not at how they were cut.
    let mut inner = Prefix::new(prefix.transport, prefix.ends, bytes, &[]);
    (inner.last_call, inner.wants) = (prefix.last_call, prefix.wants);
    bytes.iter().any(|side| !side.is_empty()).then_some(inner)
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{Talk, sample};
    use crate::dissect::{ALL, sample::hex};
    use crate::facts::{Detail, Facts};
    use crate::net::Transport;

    /// What the first dissector that knows the flow says.
    fn ask(talk: &Talk) -> Option<Facts> {
        let tcp = ALL.iter().filter(|dissector| dissector.over.contains(&Transport::Tcp));
        tcp.map(|dissector| talk.ask(dissector)).find_map(Result::ok)
    }

    struct Case {
        port: u16,
        /// Before the change, the client first; a line of the server starts with `S`.
        before: &'static [&'static str],
        outer: &'static str,
        secured: &'static str,
    }

    const CASES: &[Case] = &[
        Case {
            port: 587,
            before: &[
                "S220 mx.example ESMTP\r\n",
                "EHLO me\r\n",
                "S250-mx.example\r\n250 STARTTLS\r\n",
                "STARTTLS\r\n",
                "S220 go ahead\r\n",
            ],
            outer: "SMTP",
            secured: "SMTP/S",
        },
        Case {
            port: 143,
            before: &[
                "S* OK IMAP4rev1\r\n",
                "a CAPABILITY\r\n",
                "S* CAPABILITY IMAP4rev1 STARTTLS\r\na OK\r\n",
                "b STARTTLS\r\n",
                "Sb OK begin\r\n",
            ],
            outer: "IMAP",
            secured: "IMAP/S",
        },
        Case {
            port: 110,
            before: &["S+OK POP3\r\n", "CAPA\r\n", "S+OK\r\nSTLS\r\n.\r\n", "STLS\r\n", "S+OK\r\n"],
            outer: "POP3",
            secured: "POP3/S",
        },
        Case {
            port: 21,
            before: &["S220 FTP ready\r\n", "AUTH TLS\r\n", "S234 go on\r\n"],
            outer: "FTP/C",
            secured: "FTP/S",
        },
        Case {
            port: 5222,
            before: &[
                "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>",
                "S<stream:stream xmlns:stream='http://etherx.jabber.org/streams'><stream:features/>",
                "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
                "S<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            ],
            outer: "XMPP",
            secured: "XMPP/S",
        },
    ];

    fn before(case: &Case) -> Talk {
        case.before.iter().fold(Talk::new(Transport::Tcp, case.port), |talk, text| {
            match text
                .strip_prefix('S')
                .filter(|rest| !rest.starts_with("TLS") && *rest != "TARTTLS\r\n")
            {
                Some(line) => talk.reply(line.as_bytes()),
                None => talk.original(text.as_bytes()),
            }
        })
    }

    #[test]
    fn cleartext_changes_to_tls() {
        let (client, server) = (sample("tls12-client"), sample("tls12-server"));
        for case in CASES {
            let talk = before(case);
            let clear = ask(&talk).unwrap();
            assert_eq!((clear.protocol.name, clear.pending), (case.outer, true));
            assert!(!ask(&talk.clone().at_last()).unwrap().pending);
            // The hello in two segments, then the answer.
            let half = ask(&talk.clone().original(&client[..100])).unwrap();
            assert_eq!((half.protocol.name, half.pending), (case.outer, true));
            let hello = ask(&talk.clone().original(&client)).unwrap();
            assert_eq!((hello.protocol.name, hello.pending), (case.secured, true));
            assert_eq!(hello.host.as_deref(), Some("mail.example.org"));
            let whole = ask(&talk.clone().original(&client).reply(&server)).unwrap();
            assert_eq!((whole.protocol.name, whole.pending), (case.secured, false));
            assert!(whole.details.contains(&Detail::TlsServerCn("mail.example.org".into())));
            let smtp = [&clear, &hello].map(|facts| facts.details.contains(&Detail::SmtpTls));
            assert_eq!(smtp, [false, case.outer == "SMTP"]);
            // Something else than a hello.
            let odd = ask(&talk.clone().original(b"\x16\x03\x01\0\x04\x63\0\0\0")).unwrap();
            assert_eq!(odd.protocol.name, case.outer);
            for length in 0..client.len() {
                for talk in [talk.clone(), talk.clone().at_last()] {
                    let name = ask(&talk.original(&client[..length])).unwrap().protocol.name;
                    assert!([case.outer, case.secured].contains(&name), "{length}: {name}");
                }
            }
        }
    }

    #[test]
    fn damage_and_cuts_are_survived() {
        let hello = sample("tls13-bare-client");
        crate::dissect::sample::tcp(40000, 25)
            .reply("220 mx ESMTP\r\n")
            .original([&b"EHLO me\r\nSTARTTLS\r\n"[..], &hello].concat())
            .survives_as("SMTP/S", "SMTP");
        let connect = [&b"CONNECT a.example:443 HTTP/1.1\r\n\r\n"[..], &hello].concat();
        crate::dissect::sample::tcp(40000, 3128)
            .original(connect)
            .reply("HTTP/1.1 200 OK\r\n\r\n")
            .survives("HTTP/Connect");
        let socks = [&b"\x05\x01\0\x05\x01\0\x03\x01a\x01\xbb"[..], &hello].concat();
        crate::dissect::sample::tcp(40000, 1080)
            .original(socks)
            .reply(b"\x05\0\x05\0\0\x01\0\0\0\0\0\0")
            .survives("SOCKS");
    }

    #[test]
    fn whoever_logs_in_without_tls_stays_in_the_clear() {
        for (banner, command, name) in [
            ("220 mx ESMTP\r\n", "EHLO me\r\nMAIL FROM:<a@b>\r\n", "SMTP"),
            ("* OK IMAP4rev1\r\n", "a LOGIN bob x\r\n", "IMAP"),
            ("+OK POP3\r\n", "USER bob\r\n", "POP3"),
            ("220 FTP\r\n", "USER bob\r\n", "FTP/C"),
        ] {
            let talk = Talk::new(Transport::Tcp, 1000).reply(banner.as_bytes());
            let facts = ask(&talk.original(command.as_bytes())).unwrap();
            assert_eq!((facts.protocol.name, facts.pending), (name, false));
        }
    }

    #[test]
    fn remote_desktop_and_databases_keep_their_names() {
        let client = sample("tls13-client");
        let request = hex("0300 0013 0e e0 0000 0000 00 01 00 0800 03000000");
        let confirm = hex("0300 0013 0e d0 0000 1234 00 02 00 0800 01000000");
        let greeting = [
            &b"\x4a\0\0\0\x0a8.0.36\0\x01\0\0\0abcdefgh\0\xff\xff\x08\x02\0\xff\xff\x15"[..],
            &[0; 10],
            b"abcdefghijkl\0caching_sha2_password\0",
        ]
        .concat();
        let upgrade = [&b"\x20\0\0\x01\x05\xae\xff\x01\0\0\0\x01\xff"[..], &[0; 23]].concat();
        let start = hex("301d 020101 7718 8016 312e332e362e312e342e312e313436362e3230303337");
        for (port, first, talk, name) in [
            (3389, &request[..], &confirm[..], "RDP"),
            (5432, &hex("00000008 04d2162f"), b"S", "PGSQL"),
            (389, &start, &hex("300c 020101 7807 0a0100 0400 0400"), "LDAP"),
            (3306, &upgrade, &greeting, "MYSQL"),
        ] {
            let talk = match name {
                "MYSQL" => Talk::new(Transport::Tcp, port).reply(talk).original(first),
                _ => Talk::new(Transport::Tcp, port).original(first).reply(talk),
            };
            let clear = ask(&talk).unwrap();
            assert_eq!((clear.protocol.name, clear.pending), (name, true));
            let facts = ask(&talk.original(&client).reply(&sample("tls13-server"))).unwrap();
            assert_eq!((facts.protocol.name, facts.pending), (name, false));
            assert_eq!(facts.host.as_deref(), Some("www.example.org"), "{name}");
        }
    }

    #[test]
    fn tunnels_carry_names() {
        let (client, server) = (sample("tls13-client"), sample("tls13-server"));
        let get = b"GET / HTTP/1.1\r\nHost: inside.example\r\n\r\n";
        let connect = b"CONNECT 203.0.113.9:443 HTTP/1.1\r\nHost: a\r\n\r\n";
        let agreed = b"HTTP/1.1 200 Connection established\r\n\r\n";
        let socks_5 = b"\x05\x01\0\x05\x01\0\x03\x0eoutside.examplXX";
        let socks_5 = [&socks_5[..22], b"\x01\xbb"].concat();
        let bound = b"\x05\0\x05\0\0\x01\0\0\0\0\0\0";
        let named = b"\x05\x02\0\x02\x01\x03bob\x01x\x05\x01\0\x01\xcb\0\x71\x09\x01\xbb";
        let trusted = b"\x05\x02\x01\0\x05\0\0\x01\0\0\0\0\0\0";
        let socks_4 = b"\x04\x01\x01\xbb\0\0\0\x01me\0outside.example\0";
        let granted = b"\0\x5a\0\0\0\0\0\0";
        for (asked, answered, name, host) in [
            (&connect[..], &agreed[..], "HTTP/Connect", None),
            (&socks_5, bound, "SOCKS", Some("outside.exampl")),
            (named, trusted, "SOCKS", None),
            (socks_4, granted, "SOCKS", Some("outside.example")),
        ] {
            let talk = Talk::new(Transport::Tcp, 1080).original(asked).reply(answered);
            let outer = ask(&talk).unwrap();
            assert_eq!((outer.protocol.name, outer.pending), (name, true));
            assert_eq!(outer.host.as_deref(), host.or(outer.host.as_deref()), "{name}");
            let facts = ask(&talk.clone().original(&client)).unwrap();
            assert_eq!(facts.protocol.name, name);
            assert_eq!(facts.host.as_deref(), Some("www.example.org"));
            let facts = ask(&talk.clone().original(&client).reply(&server)).unwrap();
            assert!(!facts.pending && facts.details.contains(&Detail::TlsCipher(0x1302)));
            let facts = ask(&talk.clone().original(get)).unwrap();
            assert_eq!((facts.protocol.name, facts.pending), (name, false));
            assert_eq!(facts.host.as_deref(), Some("inside.example"));
            let facts = ask(&talk.clone().original(b"SSH-2.0-x\r\n")).unwrap();
            assert_eq!((facts.protocol.name, facts.pending), (name, false));
            for length in 0..client.len() {
                let facts = ask(&talk.clone().original(&client[..length]).at_last()).unwrap();
                assert_eq!((facts.protocol.name, facts.pending), (name, false));
            }
        }
    }
}
