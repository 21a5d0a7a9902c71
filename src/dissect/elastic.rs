//! The transport between nodes of Elasticsearch and OpenSearch, over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Its transport.
pub static PROTOCOL: Protocol =
    Protocol { id: 305, name: "ElasticSearch", category: "database", ports: &[] };

/// Its messages.
pub static ELASTIC: Dissector = Dissector {
    name: "elastic",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// org.elasticsearch.transport.TcpHeader: `ES`, a length, a request's number, a status, a version
/// of six to eight digits: 2^-16, 2^-8, 2^-32, 2^-4, 2^-8.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        reader.literal(b"ES")?;
        let length = reader.u32()?;
        require((13..0x100_0000).contains(&length))?;
        reader.literal(&[0; 4])?;
        reader.skip(4)?;
        let (status, version) = (reader.u8()?, reader.u32()?);
        require(status < 0x10 && version & 0x07ff_ffff < 100_000_000)?;
        require(version & 0x07ff_ffff >= 100_000)
    })
    .map(|()| Facts::of(&PROTOCOL))
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
