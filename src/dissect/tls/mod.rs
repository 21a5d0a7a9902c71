//! TLS over TCP: the client's hello (server name, ALPN, fingerprint), the server's choices, and up
//! to TLS 1.2 the names in its certificate. RFC 8446, RFC 5246; SSL 2.0 form hellos are recognized.

mod certificate;
mod hello;
mod ja4;
pub mod protocol;
mod record;

use self::certificate::{Names, further_hosts};
use self::hello::{SERVER_HELLO, ServerHello};
use self::record::{Flight, Opening};
use super::{Dissector, Question};
use crate::bytes::{Reader, Stop};
use crate::facts::{Detail, Facts, bounded_text};
use crate::net::{Direction, Transport};
use crate::prefix::Prefix;

pub(super) use self::hello::{CLIENT_HELLO, Carrier, ClientHello, DTLS_0, TLS_1_3};
pub(super) use self::ja4::ja4;

/// Handshake type of the message that holds the server's certificates, RFC 5246 section 7.4.2.
const CERTIFICATE: u8 = 11;

/// TLS over TCP, refined by ALPN and port.
pub static TLS: Dissector = Dissector {
    name: "tls",
    over: &[Transport::Tcp],
    protocols: protocol::ALL,
    question: Question::Facts(dissect),
    teach: None,
};

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    use Opening::{Client, Nothing, OldClient, Other, Record, Server, Short};

    let openings = prefix.both().map(Opening::of);
    let client = match openings {
        [Client | OldClient(_), _] => Direction::Original,
        [Other, _] => return Err(Stop::NotMine),
        [_, Client | OldClient(_)] => Direction::Reply,
        [_, Other] => return Err(Stop::NotMine),
        [Server, _] => Direction::Reply,
        [_, Server] => Direction::Original,
        [Record | Nothing, Record | Nothing] => return mid_stream(prefix),
        [Short, _] | [_, Short] if prefix.last_call => return Err(Stop::NotMine),
        _ => return Err(Stop::NeedMore),
    };
    let asked = Flight::gather(prefix.sent(client));
    let hello = client_hello(&asked, prefix.last_call)?;
    let answered = Flight::gather(prefix.sent(client.flipped()));
    let unasked = hello.as_ref().is_none_or(|hello| hello.server_name.is_none());
    let answer = match Answer::read(&answered, unasked) {
        Ok(answer) => answer,
        // The client's side stands on its own.
        Err(_) if hello.is_some() => Answer { complete: true, ..Answer::default() },
        Err(stop) => return Err(stop),
    };
    let alone = hello.is_none() && openings.contains(&Server);
    if alone && answer.hello.is_none() && !answer.complete && !prefix.last_call {
        return Err(Stop::NeedMore);
    }

    let offered = hello.iter().flat_map(ClientHello::protocols);
    let chosen = answer.hello.and_then(|server| server.alpn);
    let mut facts = Facts::of(protocol::refine(prefix, chosen, offered));
    facts.pending = !answer.complete && !prefix.last_call;
    let wanted = match openings {
        [OldClient(version), _] | [_, OldClient(version)] => Some(version),
        _ => hello.as_ref().map(ClientHello::version),
    };
    let version = answer.hello.map(|server| server.version).or(wanted);
    facts.details.extend(version.map(Detail::TlsVersion));
    if let Some(hello) = &hello {
        hello.tell(&mut facts);
        // Two hashes are most of the work here, so they wait until the facts are final.
        if prefix.wants.fingerprints && !facts.pending {
            facts.details.extend(ja4(hello, Carrier::Tcp).map(Detail::TlsJa4));
        }
    }
    answer.tell(&mut facts);
    Ok(facts)
}

/// Neither side's hello was seen: records that chain in each direction are TLS all the same,
/// and in the end a fitting header must do.
fn mid_stream(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let fits = |bytes: &&[u8]| match prefix.last_call {
        true => Opening::of(bytes) == Opening::Record,
        false => record::is_chain(bytes),
    };
    let mut sides = prefix.both().into_iter().filter(|bytes| !bytes.is_empty()).peekable();
    if !prefix.from_start && sides.peek().is_some() && sides.all(|bytes| fits(&bytes)) {
        Ok(Facts::of(protocol::refine(prefix, None, std::iter::empty())))
    } else if prefix.last_call {
        Err(Stop::NotMine)
    } else {
        Err(Stop::NeedMore)
    }
}

/// The client's hello, `None` if its side was not seen or speaks SSL 2.0 form.
fn client_hello<'a>(
    flight: &'a Flight<'_>,
    last_call: bool,
) -> Result<Option<ClientHello<'a>>, Stop> {
    match flight.messages().next() {
        Some((CLIENT_HELLO, _, false)) if !last_call && !flight.closed => Err(Stop::NeedMore),
        Some((CLIENT_HELLO, body, whole)) => {
            ClientHello::parse(body, whole, Carrier::Tcp).map(Some)
        }
        None if !flight.bytes.is_empty() && !last_call => Err(Stop::NeedMore),
        _ => Ok(None),
    }
}

/// What the server's side told.
#[derive(Default)]
struct Answer<'a> {
    hello: Option<ServerHello<'a>>,
    names: Option<Names>,
    /// Further hosts of the certificate, joined by commas; read where the client named none.
    further: Option<Box<str>>,
    complete: bool,
}

impl<'a> Answer<'a> {
    fn read(flight: &'a Flight<'_>, unasked: bool) -> Result<Answer<'a>, Stop> {
        // No handshake at all, an alert for example: nothing will come.
        let mut answer = Answer { complete: flight.closed, ..Answer::default() };
        for (kind, body, whole) in flight.messages() {
            match kind {
                SERVER_HELLO if whole => {
                    let hello = ServerHello::parse(body)?;
                    answer.complete |= hello.version >= TLS_1_3;
                    answer.hello = Some(hello);
                }
                // The server's own certificate comes first; its names stand near the beginning.
                CERTIFICATE => match certificate_names(body) {
                    Err(Stop::NeedMore) if !whole => {}
                    Ok(names) if unasked => {
                        let further = certificate(body).and_then(further_hosts);
                        answer.complete |= whole || further != Err(Stop::NeedMore);
                        answer.names = Some(names);
                        answer.further = further.ok().filter(|hosts| !hosts.is_empty());
                    }
                    names => (answer.names, answer.complete) = (names.ok(), true),
                },
                _ => {}
            }
        }
        Ok(answer)
    }

    fn tell(self, facts: &mut Facts) {
        if let Some(hello) = self.hello {
            facts.details.push(Detail::TlsCipher(hello.cipher));
            facts
                .details
                .extend(hello.alpn.map(|name| Detail::TlsAlpnServer(bounded_text(name).into())));
        }
        if let Some(names) = self.names {
            facts.details.extend(names.common_name.map(Detail::TlsServerCn));
            facts.details.extend(self.further.map(Detail::TlsServerNames));
            facts.details.push(Detail::TlsIssuerDn(names.issuer));
            facts.details.push(Detail::TlsSubjectDn(names.subject));
        }
    }
}

/// Names in the first certificate of a list.
fn certificate_names(body: &[u8]) -> Result<Names, Stop> {
    Names::parse(certificate(body)?)
}

/// The first certificate of a list and what follows it, RFC 5246 section 7.4.2.
fn certificate(body: &[u8]) -> Result<&[u8], Stop> {
    let mut list = Reader::stream(body);
    list.skip(3 + 3)?; // length of the list, length of the first
    Ok(list.rest())
}

#[cfg(test)]
mod tests;
