//! What a packet of a BitTorrent flow says about other endpoints.
//!
//! One packet is seen at a time, and nearly all are blocks of files: the first byte refuses most.
//! What was cut by the end of a segment teaches as far as it is there. Nobody vouches for what a
//! stranger's list says; whoever uses a lesson weighs that.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{dht, local, peer, tracker, utp};
use crate::facts::Lesson;
use crate::net::{Direction, Endpoint, Transport};
use crate::prefix::Prefix;

/// Most lessons of one packet: a packet of 1,500 bytes has no room for more IPv4 endpoints.
const LESSONS_MAX: usize = 256;

/// Lessons of one packet.
pub struct Notes<'l> {
    lessons: &'l mut Vec<Lesson>,
    room: usize,
    sender: Direction,
    /// The sender's end of the flow.
    source: Endpoint,
}

impl Notes<'_> {
    /// The port that the packet came from.
    pub fn source_port(&self) -> u16 {
        self.source.port
    }

    /// Whether the flow is one of IPv6: compact lists of a UDP tracker have its form.
    pub fn is_v6(&self) -> bool {
        self.source.addr.is_ipv6()
    }

    fn note(&mut self, lesson: Lesson) {
        if self.room > 0 {
            self.room = self.room.saturating_sub(1);
            self.lessons.push(lesson);
        }
    }

    /// An endpoint takes part, if it can be one at all.
    pub fn peer(&mut self, addr: IpAddr, port: u16) {
        let addr = addr.to_canonical();
        let nobody = addr.is_unspecified()
            || addr.is_loopback()
            || addr.is_multicast()
            || addr == IpAddr::V4(Ipv4Addr::BROADCAST);
        if port != 0 && !nobody {
            self.note(Lesson::Peer(Endpoint { addr, port }));
        }
    }

    /// The packet's sender accepts peers at that port.
    pub fn listens(&mut self, port: u16) {
        if port != 0 {
            self.note(Lesson::Listens { side: self.sender, port });
        }
    }

    /// Compact endpoints of IPv4 (BEP 23): 4 bytes of address, 2 of port each.
    pub fn compact_v4(&mut self, list: &[u8]) {
        for entry in list.chunks_exact(6).take(LESSONS_MAX) {
            if let [a, b, c, d, high, low] = *entry {
                self.peer(Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([high, low]));
            }
        }
    }

    /// Compact endpoints of IPv6 (BEP 7): 16 bytes of address, 2 of port each.
    pub fn compact_v6(&mut self, list: &[u8]) {
        for entry in list.chunks_exact(18).take(LESSONS_MAX) {
            if let Some((addr, port)) = entry.split_first_chunk::<16>()
                && let Ok(port) = <[u8; 2]>::try_from(port)
            {
                self.peer(Ipv6Addr::from(*addr).into(), u16::from_be_bytes(port));
            }
        }
    }
}

/// Reads what the packets of the prefix teach.
pub fn teach(prefix: &Prefix<'_>, lessons: &mut Vec<Lesson>) {
    for packet in prefix.datagrams() {
        let source = prefix.end(packet.direction);
        let sender = packet.direction;
        let mut notes = Notes { lessons, room: LESSONS_MAX, sender, source };
        match prefix.transport {
            Transport::Tcp => segment(packet.bytes, &mut notes),
            Transport::Udp => datagram(packet.bytes, &mut notes),
            Transport::Other(_) => {}
        }
    }
}

fn segment(bytes: &[u8], notes: &mut Notes<'_>) {
    match bytes.first() {
        Some(0 | 19) => peer::teach(bytes, notes),
        Some(b'G') => tracker::teach_request(bytes, notes),
        Some(b'H') => tracker::teach_response(bytes, notes),
        Some(b'd') => {
            tracker::teach_response(bytes, notes);
            peer::teach_dictionary(bytes, notes);
        }
        _ => {}
    }
}

fn datagram(bytes: &[u8], notes: &mut Notes<'_>) {
    match bytes.first() {
        Some(b'd') => dht::teach(bytes, notes),
        Some(b'B') => local::teach(bytes, notes),
        _ => {}
    }
    match utp::payload(bytes) {
        Some(payload) => match payload.first() {
            Some(0 | 19) => peer::teach(payload, notes),
            Some(b'd') => peer::teach_dictionary(payload, notes),
            _ => {}
        },
        None => tracker::teach_datagram(bytes, notes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::bittorrent::BITTORRENT;
    use crate::dissect::sample::{Sample, hex, join, tcp, udp};

    const ID: &[u8] = b"abcdefghij0123456789";
    /// 192.0.2.1:6881 and 2001:db8::1:6881.
    const V4: &[u8] = b"\xc0\0\x02\x01\x1a\xe1";
    const V6: &[u8] = b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe1";

    /// Lessons in short; every truncation of the last packet teaches a part of them or nothing.
    fn taught(flow: impl Fn(&[u8]) -> Sample, packet: &[u8]) -> Vec<String> {
        let text = |lesson| match lesson {
            Lesson::Peer(Endpoint { addr, port }) => format!("{addr} {port}"),
            Lesson::Listens { side, port } => format!("{side:?} {port}"),
            other => format!("{other:?}"),
        };
        let ask = |packet: &[u8]| -> Vec<String> {
            flow(packet).lessons(&BITTORRENT).into_iter().map(text).collect()
        };
        let all = ask(packet);
        for kept in 0..packet.len() {
            let part = ask(&packet[..kept]);
            assert!(part.iter().all(|lesson| all.contains(lesson)), "{kept} bytes: {part:?}");
        }
        let mut damaged = packet.to_vec();
        for at in 0..packet.len() {
            for value in [0, 0x7f, 0xff, b'9', b'e', b'l'] {
                damaged[at] = value;
                assert!(ask(&damaged).len() <= LESSONS_MAX);
            }
            damaged[at] = packet[at];
        }
        all
    }

    fn from_client(packet: &[u8]) -> Sample {
        udp(51413, 6881).original(packet)
    }

    fn from_peer(packet: &[u8]) -> Sample {
        tcp(40000, 51413).reply(packet)
    }

    #[test]
    fn answers_of_the_dht_name_nodes_and_peers() {
        let answer = join(&[
            b"d2:ip6:\xc6\x33\x64\x07\xc8\xd51:rd2:id20:",
            ID,
            b"5:nodes26:",
            ID,
            V4,
            b"6:nodes638:",
            ID,
            V6,
            b"6:valuesl6:\xc0\0\x02\x02\x1a\xe118:",
            V6,
            b"5:wrongee1:t2:aa1:y1:re",
        ]);
        assert_eq!(
            taught(from_client, &answer),
            [
                "198.51.100.7 51413",
                "192.0.2.1 6881",
                "2001:db8::1 6881",
                "192.0.2.2 6881",
                "2001:db8::1 6881"
            ]
        );
    }

    #[test]
    fn an_announcement_in_the_dht_tells_where_its_sender_listens() {
        let announce = |port: &[u8]| {
            join(&[
                b"d1:ad2:id20:",
                ID,
                port,
                b"9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token2:xye",
                b"1:q13:announce_peer1:t2:aa1:y1:qe",
            ])
        };
        assert_eq!(taught(from_client, &announce(b"")), ["Original 6881"]);
        let implied = announce(b"12:implied_porti1e");
        assert_eq!(
            from_client(&implied).lessons(&BITTORRENT),
            [Lesson::Listens { side: Direction::Original, port: 51413 }]
        );
        assert_eq!(taught(from_client, &announce(b"12:implied_porti0e")), ["Original 6881"]);
        let lookup = join(&[
            b"d1:ad2:id20:",
            ID,
            b"9:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe",
        ]);
        assert_eq!(taught(from_client, &lookup).len(), 0);
    }

    #[test]
    fn trackers_name_peers_in_every_form() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
        let body = join(&[b"d8:intervali1800e5:peers6:", V4, b"6:peers618:", V6, b"e"]);
        let peers = ["192.0.2.1 6881", "2001:db8::1 6881"];
        assert_eq!(taught(from_peer, &join(&[head, &body])), peers);
        assert_eq!(taught(from_peer, &body), peers, "the body in a segment of its own");
        let chunked = join(&[&head[..head.len() - 2], b"\r\n4c\r\n", &body]);
        assert_eq!(taught(from_peer, &chunked), peers);
        let listed = b"d8:intervali1800e5:peersld2:ip9:192.0.2.17:peer id20:abcdefghij0123456789\
            4:porti6881eed2:ip11:2001:db8::14:porti6881eed2:ip4:host4:porti1eeee";
        assert_eq!(taught(from_peer, &join(&[head, listed])), peers);
        assert_eq!(taught(from_peer, b"d14:failure reason4:nonee").len(), 0);
    }

    #[test]
    fn a_message_behind_a_header_of_its_own_teaches() {
        let pex = join(&[b"d5:added6:", V4, b"7:added.f1:\x106:added618:", V6, b"e"]);
        assert_eq!(taught(from_peer, &pex), ["192.0.2.1 6881", "2001:db8::1 6881"]);
        assert_eq!(taught(from_peer, b"d1:md6:ut_pexi1ee1:pi6881ee"), ["Reply 6881"]);
    }

    #[test]
    fn a_cut_list_teaches_its_head() {
        let head = b"HTTP/1.1 200 OK\r\n\r\nd8:intervali1800e5:peers600:";
        let cut = join(&[head, V4, V4, &V4[..3]]);
        assert_eq!(taught(from_peer, &cut), ["192.0.2.1 6881"; 2]);
        let many = join(&[b"d5:peers6000:", &V4.repeat(1000), b"e"]);
        assert_eq!(tcp(40000, 80).reply(many).lessons(&BITTORRENT).len(), LESSONS_MAX);
    }

    #[test]
    fn announcements_to_trackers_tell_where_the_client_listens() {
        let line = b"GET /announce?info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A\
            &peer_id=-XX0001-abcdefghijkl&port=51413&ipv6=%5B2001%3Adb8%3A%3A1%5D%3A6881\
            &left=0 HTTP/1.1\r\n";
        let lessons = tcp(40000, 6969).original(line).lessons(&BITTORRENT);
        let v6 = Endpoint { addr: "2001:db8::1".parse().unwrap(), port: 6881 };
        let listens = Lesson::Listens { side: Direction::Original, port: 51413 };
        assert_eq!(lessons, [listens, Lesson::Peer(v6)]);
        for kept in 0..line.len() {
            // A number that the end of the segment cuts is not the port.
            let part = tcp(40000, 6969).original(&line[..kept]).lessons(&BITTORRENT);
            assert!(part.iter().all(|lesson| lessons.contains(lesson)), "{kept}: {part:?}");
        }
        let scrape = b"GET /scrape?port=1 HTTP/1.1\r\n";
        assert_eq!(tcp(40000, 6969).original(scrape).lessons(&BITTORRENT), []);
    }

    #[test]
    fn udp_trackers_answer_in_the_form_of_the_flow() {
        let answer = join(&[&hex("00000001 cafe0001 00000708 00000001 00000005"), V4, V4]);
        let v4 = |bytes: &[u8]| udp(51413, 1337).reply(bytes);
        assert_eq!(v4(&answer).lessons(&BITTORRENT).len(), 2);
        assert_eq!(v4(&answer[..answer.len() - 1]).lessons(&BITTORRENT), []);
        let answer = join(&[&hex("00000001 cafe0001 00000708 00000001 00000005"), V6]);
        let v6 = |bytes: &[u8]| {
            udp(51413, 1337).towards("2001:db8::53").reply(bytes).lessons(&BITTORRENT)
        };
        assert_eq!(
            v6(&answer),
            [Lesson::Peer(Endpoint { addr: "2001:db8::1".parse().unwrap(), port: 6881 })]
        );
        let announce = join(&[
            &hex("0102030405060708 00000001 cafe0001"),
            b"mnopqrstuvwxyz123456-XX0001-abcdefghijkl",
            &hex("0000000000000000 0000000000100000 0000000000000000 00000002 00000000 11223344"),
            &hex("ffffffff 1ae1"),
        ]);
        assert_eq!(taught(from_client, &announce), ["Original 6881"]);
    }

    fn extended(number: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 2).unwrap();
        join(&[&length.to_be_bytes(), &[20, number], body])
    }

    #[test]
    fn peers_tell_their_port_and_other_peers() {
        let hello = extended(0, b"d1:md6:ut_pexi1ee1:pi6881e6:yourip4:\xc0\0\x02\x09e");
        assert_eq!(taught(from_peer, &hello), ["Reply 6881"]);
        let v6 = join(&[b"d4:ipv616:", &V6[..16], b"1:md6:ut_pexi1ee1:pi6881ee"]);
        assert_eq!(taught(from_peer, &extended(0, &v6)), ["Reply 6881", "2001:db8::1 6881"]);
        let pex = join(&[b"d5:added6:", V4, b"7:added.f1:\x106:added618:", V6, b"e"]);
        let pex = extended(1, &pex);
        let peers = ["192.0.2.1 6881", "2001:db8::1 6881"];
        assert_eq!(taught(from_peer, &pex), peers);
        let port = hex("00000003 09 1ae1");
        let opening =
            join(&[peer::HANDSHAKE, &[0; 8], ID, ID, &hex("00000002 05 ff 00000000"), &port]);
        assert_eq!(taught(from_peer, &join(&[&opening, &pex])), ["Reply 6881", peers[0], peers[1]]);
        let inside = join(&[&hex("0100 1235 50000000 00000009 00100000 0002 0001"), &pex]);
        assert_eq!(taught(|packet| udp(1, 2).original(packet), &inside), peers);
        let hole = join(&[&hex("0000000e 14 03 01 00"), V4, &hex("00000000")]);
        assert_eq!(taught(from_peer, &hole), ["192.0.2.1 6881"]);
    }

    #[test]
    fn blocks_of_files_and_impossible_endpoints_teach_nothing() {
        for bulk in [&[0; 1448][..], &[19; 1448], &[b'd'; 1448], &[b'G'; 1448], &[0xa5; 1448]] {
            assert_eq!(tcp(1, 2).original(bulk).lessons(&BITTORRENT), []);
            assert_eq!(udp(1, 2).original(bulk).lessons(&BITTORRENT), []);
        }
        let block = join(&[&hex("00004009 07 00000123 0003c000"), &extended(1, b"d5:added0:e")]);
        assert_eq!(taught(from_peer, &block).len(), 0);
        let wrong =
            join(&[&hex("7f000001 1ae1 00000000 1ae1 c0000201 0000 ffffffff 1ae1 e0000001 1ae1")]);
        let pex = extended(1, &join(&[b"d5:added30:", &wrong, b"e"]));
        assert_eq!(taught(from_peer, &pex).len(), 0);
    }

    #[test]
    fn local_announcements_tell_where_their_sender_listens() {
        let text = b"BT-SEARCH * HTTP/1.1\r\nHost: [ff15::efc0:988f]:6771\r\nPort: 6881\r\n\
            Infohash: 00112233445566778899aabbccddeeff00112233\r\n\r\n\r\n";
        let flow = |bytes: &[u8]| udp(6771, 6771).towards("ff15::efc0:988f").original(bytes);
        assert_eq!(taught(flow, text), ["Original 6881"]);
    }
}
