//! The transport between nodes of Elasticsearch and OpenSearch, over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Its transport.
pub static PROTOCOL: Protocol =
    Protocol { id: 305, name: "ElasticSearch", category: "database", ports: &[] };

/// Its messages.
pub static ELASTIC: Dissector = Dissector {
    name: "elastic",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// org.elasticsearch.transport.TcpHeader: `ES`, a length, a request's number, a status, a version
/// of six to eight digits: 2^-16, 2^-8, 2^-32, 2^-4, 2^-8.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"ES")?;
    let length = part.u32();
    require((13..0x100_0000).contains(&length))?;
    part.literal(&[0; 4])?;
    part.skip(4);
    let (status, version) = (part.u8(), part.u32());
    require(status < 0x10 && version & 0x07ff_ffff < 100_000_000)?;
    require(version & 0x07ff_ffff >= 100_000)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn headers_tell_number_and_version() {
        tcp(40000, 9300)
            .original(hex("4553 0000002d 0000000000000001 08 006b6b43 00000000"))
            .survives("ElasticSearch");
        tcp(40000, 9300).original("ESpecially nothing of the kind").is_nobodys();
    }
}
