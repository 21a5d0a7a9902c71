//! Message Stream Encryption (MSE, also PE) over TCP: told by its shape, as no byte is fixed.
//!
//! Both sides exchange Diffie-Hellman keys, then all is RC4 (or plain again, if both agree):
//!
//! 1. A to B: key (96 bytes) and 0 to 512 bytes of padding
//! 2. B to A: the same
//! 3. A to B: two SHA-1 hashes (40 bytes), then encrypted: 8 zero bytes, 4 of methods, 2 of length,
//!    up to 512 of padding, 2 of length, mostly a handshake (68 bytes): 56 bytes or more
//! 4. B to A: encrypted: 8 zero bytes, 4 of method, 2 of length, up to 512 of padding: 14 or more
//!
//! Evidence asked for, all of it: the connection from its start; A speaks first; flights 1 and 2 of
//! 96 to 608 bytes and flight 3 of 56 to [`HELLO_MAX`], each after the other side's and within
//! [`PAUSE_MAX`]; every flight random as far as 192 bytes show it; no length, type or magic number
//! at the front; no port that is assigned to a service. And one habit of clients, which pad in some
//! places and not in others: A's handshake in a segment of its own, 68 bytes, behind flight 3 or 4
//! (libtorrent, qBittorrent, aria2, rTorrent); flight 3 of 124 bytes, no padding and a handshake
//! (Transmission); flight 4 of 82, likewise (Transmission, aria2). An answer of 14 bytes alone, as
//! rTorrent gives it, is too common elsewhere, and the 68 follow it. Of those that keep such a
//! habit 999 in 1,000 are told; segments that a router's receive offload merges hide it.
//!
//! That is no proof, hence [`Certainty::Shape`]. By the test below, of 50,000 dialogues of random
//! bytes in flights of 1 to 1,460 bytes 14 are taken for it; of a proxy such as Shadowsocks that
//! carries TLS none; of obfs4, with padding up to 8 KiB, none; of such as imitate the lengths of
//! MSE exactly, with random padding everywhere, 330. Without a habit or with one direction
//! alone it is [`Certainty::HalfShape`], and worth little: 1 in 8 of the first kind has it, 1 in 4
//! of the second, and all of the last.
//!
//! If both sides agree on plain text, the peer handshake stands behind flight 3 or 4, anywhere in
//! the padding's range: that is content, 2^-160 at each of less than 2^13 places.

use std::sync::LazyLock;
use std::time::Duration;

use super::random::is_random;
use super::{PROTOCOL, facts, is_service_port, peer};
use crate::bytes::{Stop, be_u16_at};
use crate::dissect::{self, Dissector, Question};
use crate::facts::{Certainty, Facts};
use crate::net::{Direction, Transport};
use crate::prefix::{Datagram, Prefix};
use crate::time::Timestamp;

/// The encrypted handshake of peers over TCP. Over uTP the headers of uTP tell the flow.
pub static ENCRYPTED: Dissector = Dissector {
    name: "bittorrent-encrypted",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Facts(dissect),
    // For those that turn plain; what is encrypted never has the form of a message.
    teach: Some(super::teach::teach),
};

/// A public key: 768 bits.
const KEY_BYTES: usize = 96;
/// A key with the longest padding.
const KEY_FLIGHT_MAX: usize = KEY_BYTES + 512;
/// Hashes, verification constant, methods and two lengths, without padding or payload.
const HELLO_MIN: usize = 20 + 20 + 8 + 4 + 2 + 2;
/// Without padding, with a handshake.
const BARE_HELLO: usize = HELLO_MIN + peer::HANDSHAKE_BYTES;
/// With the longest padding, and a payload of a handshake and the first messages.
const HELLO_MAX: usize = HELLO_MIN + 512 + 1024;
/// Verification constant, method and length.
const ANSWER_MIN: usize = 8 + 4 + 2;
/// Without padding, with a handshake.
const BARE_ANSWER: usize = ANSWER_MIN + peer::HANDSHAKE_BYTES;
/// What the answer has before a plain handshake can be seen, at most.
const ANSWER_LOOK_MAX: usize = ANSWER_MIN + 512 + peer::HANDSHAKE_BYTES;
/// Between two flights; clients give up on a handshake after 10 to 30 s.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// One side alone: a gap in which the other side can have answered. A key takes some 100 us to
/// make, and segments of one flight follow one another sooner.
const TURN_MIN: Duration = Duration::from_micros(500);
/// One side alone: segments after which it is judged.
const ONE_SIDE_SEGMENTS: usize = 3;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let mut talk = Talk::default();
    if !prefix.from_start {
        return Err(Stop::NotMine);
    }
    for segment in prefix.datagrams().filter(|segment| !segment.bytes.is_empty()) {
        talk.hear(&segment)?;
    }
    let Some(client) = talk.client else { return Err(Stop::NeedMore) };
    talk.judge(prefix, client)?;
    if talk.is_exchange() {
        // Only a hello that has come can be followed by anything plain.
        if let Some(info_hash) = plain_handshake(prefix) {
            return Ok(facts(info_hash));
        }
        let certainty = if talk.has_habit { Certainty::Shape } else { Certainty::HalfShape };
        let pending = !talk.is_over && !prefix.last_call;
        return Ok(Facts { certainty, pending, ..facts(None) });
    }
    if talk.is_half(prefix.last_call) {
        return Ok(Facts { certainty: Certainty::HalfShape, ..facts(None) });
    }
    Err(if prefix.last_call { Stop::NotMine } else { Stop::NeedMore })
}

/// The flights so far.
#[derive(Debug, Default)]
struct Talk<'a> {
    /// Who spoke first.
    client: Option<Direction>,
    /// Bytes of each flight, in the order above.
    flights: [usize; 4],
    /// The newest segment of either side, and when anything came last.
    newest: [&'a [u8]; 2],
    at: Option<Timestamp>,
    segments: usize,
    /// Something has the length that clients give it.
    has_habit: bool,
    /// Nothing more can be learned.
    is_over: bool,
}

impl<'a> Talk<'a> {
    fn hear(&mut self, segment: &Datagram<'a>) -> Result<(), Stop> {
        let client = *self.client.get_or_insert(segment.direction);
        let pause = self.at.map_or(Duration::ZERO, |at| segment.at.since(at));
        self.at = Some(segment.at);
        if let Some(newest) = self.newest.get_mut(segment.direction.index()) {
            if *newest == segment.bytes {
                return Ok(()); // sent again
            }
            *newest = segment.bytes;
        }
        self.segments = self.segments.saturating_add(1);
        let length = segment.bytes.len();
        let [key, answer_key, hello, answer] = &mut self.flights;
        let flight = if segment.direction == client {
            // With the server's key there, and behind the hello: 68 bytes; or the hello itself.
            self.has_habit |= *answer_key > 0
                && match *hello {
                    0 => length == BARE_HELLO,
                    _ => *hello >= HELLO_MIN && length == peer::HANDSHAKE_BYTES && !self.is_over,
                };
            if *answer > 0 {
                self.is_over = true;
                return if *answer >= ANSWER_MIN { Ok(()) } else { Err(Stop::NotMine) };
            }
            // As long as the server is silent, a gap may be where its key is that nobody sees.
            if *answer_key == 0 && *hello == 0 && (*key < KEY_BYTES || pause < TURN_MIN) {
                key
            } else {
                hello
            }
        } else {
            if *answer_key == 0 {
                // Not silent: all that came before is one flight.
                *key = key.saturating_add(std::mem::take(hello));
            }
            // The rest of the padding may come while the client answers the key.
            let flight = if *hello < HELLO_MIN { answer_key } else { answer };
            self.has_habit |= *flight == 0 && *hello >= HELLO_MIN && length == BARE_ANSWER;
            flight
        };
        *flight = flight.saturating_add(length);
        let [key, answer_key, hello, answer] = self.flights;
        self.is_over |= answer >= ANSWER_LOOK_MAX;
        let silent = answer_key == 0;
        let in_order = key <= KEY_FLIGHT_MAX
            && answer_key <= KEY_FLIGHT_MAX
            && (hello <= HELLO_MAX || silent)
            && (key >= KEY_BYTES || silent)
            && (answer_key >= KEY_BYTES || hello == 0 || silent)
            && (self.segments <= ONE_SIDE_SEGMENTS || hello >= HELLO_MIN || !silent)
            && pause <= PAUSE_MAX;
        if in_order { Ok(()) } else { Err(Stop::NotMine) }
    }

    /// Whether both keys and a hello are there.
    fn is_exchange(&self) -> bool {
        let [key, answer_key, hello, _] = self.flights;
        key >= KEY_BYTES && answer_key >= KEY_BYTES && hello >= HELLO_MIN
    }

    /// One direction in two flights; or, when no more will come, both keys.
    fn is_half(&self, last_call: bool) -> bool {
        let [key, answer_key, hello, _] = self.flights;
        let one_side = answer_key == 0
            && hello >= HELLO_MIN
            && (self.segments >= ONE_SIDE_SEGMENTS || last_call);
        key >= KEY_BYTES && (one_side || (answer_key >= KEY_BYTES && last_call))
    }

    /// Refuses what is not random, or has a header, or a service's port.
    fn judge(&self, prefix: &Prefix<'_>, client: Direction) -> Result<(), Stop> {
        let [key, answer_key, hello, _] = self.flights;
        let (asked, answered) = (prefix.sent(client), prefix.sent(client.flipped()));
        let first = prefix.first(client).map_or(0, |segment| segment.bytes.len());
        let first_answer = prefix.first(client.flipped()).map_or(0, |segment| segment.bytes.len());
        let hello = asked.get(key..key.saturating_add(hello)).unwrap_or_default();
        let fits = first >= KEY_BYTES // nobody sends a key in pieces
            && !has_length(asked, first)
            && !has_length(answered, first_answer)
            && !looks_alike(asked, answered)
            && !looks_alike(asked, hello)
            && is_random(asked)
            && (answer_key < KEY_BYTES || is_random(answered))
            && (hello.len() < HELLO_MIN || is_random(hello))
            && !has_service_port(prefix);
        if fits { Ok(()) } else { Err(Stop::NotMine) }
    }
}

/// The handshake in plain behind the exchange, and its torrent as soon as it is there.
fn plain_handshake(prefix: &Prefix<'_>) -> Option<Option<[u8; 20]>> {
    prefix.both().into_iter().find_map(|side| {
        let rest = side.get(KEY_BYTES..).unwrap_or_default();
        let at = rest.windows(peer::HANDSHAKE.len()).position(|bytes| bytes == peer::HANDSHAKE)?;
        peer::handshake(rest.get(at..)?).ok()
    })
}

/// Ports of all protocols, sorted: to look through them as they are declared took a microsecond for
/// every flow of noise.
static REGISTERED: LazyLock<Box<[u16]>> = LazyLock::new(|| {
    let protocols = dissect::ALL.iter().flat_map(|dissector| dissector.protocols);
    let mut ports: Vec<u16> =
        protocols.flat_map(|protocol| protocol.ports).map(|(_, port)| *port).collect();
    ports.sort_unstable();
    ports.dedup();
    ports.into()
});

fn has_service_port(prefix: &Prefix<'_>) -> bool {
    let registered = |port: u16| REGISTERED.binary_search(&port).is_ok();
    prefix
        .ends
        .iter()
        .any(|end| end.port < 1024 || is_service_port(end.port) || registered(end.port))
}

/// Whether the first bytes count the flight: itself, what follows the field, or that without an
/// authentication tag of 16 bytes, in either byte order. By chance: 24 * 2^-16.
fn has_length(flight: &[u8], length: usize) -> bool {
    (0..4usize).any(|at| {
        let field = be_u16_at(flight, at);
        let behind = length.saturating_sub(at.saturating_add(2));
        length > 0
            && [field, field.swap_bytes()]
                .map(usize::from)
                .into_iter()
                .any(|counted| [length, behind, behind.saturating_sub(16)].contains(&counted))
    })
}

/// Whether two flights begin with the same magic numbers: 3 of 16 bytes, 2^-15 by chance.
fn looks_alike(one: &[u8], other: &[u8]) -> bool {
    one.iter().zip(other).take(16).filter(|(a, b)| a == b).count() >= 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::{Sample, join, tcp};
    use crate::net::Endpoint;
    use crate::prefix::Gathered;

    /// Marsaglia's xorshift64*: chance that is the same each time.
    struct Chance(u64);

    impl Chance {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
        }

        fn within(&mut self, least: usize, most: usize) -> usize {
            let count = u64::try_from(most - least + 1).unwrap();
            least + usize::try_from(self.next() % count).unwrap()
        }

        fn bytes(&mut self, count: usize) -> Vec<u8> {
            (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
        }
    }

    fn certainty(flow: &Sample) -> Result<Certainty, Stop> {
        flow.ask(&ENCRYPTED).map(|facts| facts.certainty)
    }

    const TRIES: u32 = 50_000;

    /// How many of [`TRIES`] dialogues of random bytes in flights of these lengths have the shape,
    /// and how many half of it. The bytes are the same for all: only lengths vary.
    fn taken(seed: u64, lengths: impl Fn(&mut Chance) -> [usize; 5]) -> (u32, u32) {
        let mut chance = Chance(seed);
        let noise = [0; 5].map(|_| chance.bytes(1460));
        let (mut whole, mut half) = (0, 0);
        for _ in 0..TRIES {
            let mut lengths = lengths(&mut chance).into_iter().zip(&noise);
            let mut next = || lengths.next().map(|(length, noise)| &noise[..length]).unwrap();
            let flow = tcp(40000, 36881).original(next()).after_us(30_000).reply(next());
            let flow = flow.after_us(1000).original(next()).after_us(30_000).reply(next());
            match certainty(&flow.original(next())) {
                Ok(Certainty::Shape) => whole += 1,
                Ok(Certainty::HalfShape) => half += 1,
                _ => {}
            }
        }
        (whole, half)
    }

    #[test]
    fn chance_has_the_shape_as_often_as_the_head_of_this_file_says() {
        // Any lengths of one segment.
        let any = taken(2, |chance| [0; 5].map(|_| chance.within(1, 1460)));
        // A salt, an address and a ClientHello; an answer of one segment or more, or, if a session
        // is resumed (3 of 10), of some 200 bytes; the client's last words of the handshake; then
        // requests and answers of a few hundred bytes.
        let proxy = taken(3, |chance| {
            let answer = if chance.within(1, 10) <= 3 { chance.within(180, 400) } else { 1448 };
            let last = chance.within(130, 300);
            [
                chance.within(300, 700),
                answer,
                last,
                chance.within(150, 1448),
                chance.within(100, 800),
            ]
        });
        let padded = taken(4, |chance| [0; 5].map(|_| chance.within(141, 8192).min(1448)));
        let imitated = taken(5, |chance| {
            let [a, b] = [0; 2].map(|_| chance.within(96, 608));
            [a, b, chance.within(124, 636), chance.within(82, 594), chance.within(17, 400)]
        });
        println!("any {any:?}, proxy {proxy:?}, padded {padded:?}, imitated {imitated:?}");
        assert!(any.0 <= 25 && any.1 <= 7_000);
        assert!(proxy.0 <= 2);
        assert!(padded.0 <= 2);
        assert!(imitated.0 <= 400);
    }

    #[test]
    fn chance_seldom_hides_the_shape() {
        let mut chance = Chance(1);
        let hides = (0..2000).filter(|_| {
            let flights = [(96, 608), (96, 608), (56, 568), (68, 68)];
            let [a, b, c, d] = flights.map(|(least, most)| {
                let length = chance.within(least, most);
                chance.bytes(length)
            });
            let flow = tcp(40000, 36881).original(a).reply(b).original(c).original(d);
            certainty(&flow) != Ok(Certainty::Shape)
        });
        let hides = hides.count();
        println!("of 2,000: {hides}");
        assert!(hides <= 4);
    }

    fn exchange(seed: u64) -> [Vec<u8>; 4] {
        let mut chance = Chance(seed);
        [166, 289, 228, 167].map(|length| chance.bytes(length))
    }

    #[test]
    fn an_exchange_of_keys_and_a_habit_have_the_shape() {
        let [key, answer_key, hello, answer] = exchange(7);
        let asked = tcp(40000, 36881).original(&key);
        assert_eq!(certainty(&asked), Err(Stop::NeedMore));
        let answered = asked.after_us(9000).reply(&answer_key);
        assert_eq!(certainty(&answered), Err(Stop::NeedMore));
        assert_eq!(certainty(&answered.clone().last_call()), Ok(Certainty::HalfShape));
        let exchanged = answered.clone().after_us(900).original(&hello);
        let facts = exchanged.ask(&ENCRYPTED).unwrap();
        assert_eq!((facts.certainty, facts.pending), (Certainty::HalfShape, true));
        assert_eq!(certainty(&exchanged.clone().midway()), Err(Stop::NotMine));

        let handshake = &answer[..68];
        for (name, flow) in [
            ("a handshake at once", exchanged.clone().original(handshake)),
            ("a handshake later", exchanged.clone().reply(&answer).original(handshake)),
            ("a bare answer", exchanged.clone().reply(&answer[..82])),
            ("a bare hello", answered.clone().original(&hello[..124])),
            (
                "a hello in pieces",
                answered.original(&hello[..40]).original(&hello[40..]).original(handshake),
            ),
        ] {
            assert_eq!(certainty(&flow), Ok(Certainty::Shape), "{name}");
            assert_eq!(certainty(&flow.flipped()), Ok(Certainty::Shape), "{name}");
        }
        let turned = exchanged.clone().reply(&answer[..82]);
        assert!(turned.ask(&ENCRYPTED).unwrap().pending, "it may turn plain");
        assert!(!turned.clone().last_call().ask(&ENCRYPTED).unwrap().pending);
        for over in [turned.original(&key), exchanged.reply(&answer).original(&key)] {
            assert_eq!(over.ask(&ENCRYPTED).map(|facts| facts.pending), Ok(false));
        }
    }

    #[test]
    fn late_padding_and_repeated_segments_make_no_difference() {
        let [key, answer_key, hello, _] = exchange(8);
        let split = tcp(40000, 36881)
            .original(&key[..96])
            .after_us(2000)
            .original(&key[96..])
            .after_us(9000)
            .reply(&answer_key[..100])
            .reply(&answer_key[100..])
            .original(&hello)
            .original(&key[..68]);
        assert_eq!(certainty(&split), Ok(Certainty::Shape));
        let mut gathered = Gathered::default();
        gathered.open(Direction::Original, 999);
        for (direction, sequence, segment) in [
            (Direction::Original, 1000, &key[..]),
            (Direction::Original, 1000, &key),
            (Direction::Reply, 5000, &answer_key),
            (Direction::Reply, 5000, &answer_key),
            (Direction::Original, 1166, &hello),
            (Direction::Original, 1166, &hello),
            (Direction::Reply, 5289, &key[..82]),
        ] {
            gathered.segment(direction, Timestamp::ZERO, sequence, segment);
        }
        let ends = [40000, 36881].map(|port| Endpoint { addr: [192, 0, 2, 1].into(), port });
        let facts = dissect(&gathered.view(Transport::Tcp, ends)).unwrap();
        assert_eq!(facts.certainty, Certainty::Shape);
    }

    #[test]
    fn a_handshake_in_plain_behind_it_is_content() {
        let [key, answer_key, hello, answer] = exchange(9);
        let hash = *b"mnopqrstuvwxyz123456";
        let plain =
            join(&[&answer[..14], peer::HANDSHAKE, &[0; 8], &hash, b"-XX0001-abcdefghijkl"]);
        let flow = tcp(40000, 36881).original(key).reply(answer_key).original(hello).reply(plain);
        let facts = flow.ask(&ENCRYPTED).unwrap();
        assert_eq!((facts.certainty, facts.pending), (Certainty::Content, false));
        assert_eq!(facts.details, [crate::facts::Detail::BtInfoHash(hash)]);
        flow.survives("BitTorrent");
    }

    #[test]
    fn one_direction_shows_half() {
        let [key, answer_key, hello, answer] = exchange(10);
        let two = tcp(40000, 36881).original(&key).after_us(9000).original(&hello);
        assert_eq!(certainty(&two), Err(Stop::NeedMore));
        assert_eq!(certainty(&two.clone().last_call()), Ok(Certainty::HalfShape));
        assert_eq!(certainty(&two.original(&answer)), Ok(Certainty::HalfShape));
        let back = tcp(40000, 36881).reply(&answer_key).after_us(9000).reply(&answer);
        assert_eq!(certainty(&back.reply(&hello)), Ok(Certainty::HalfShape));
        // Without a turn between them they are one flight.
        let burst = tcp(40000, 36881).original(&key).original(&hello).original(&answer);
        assert_eq!(certainty(&burst), Err(Stop::NeedMore));
        let alone = tcp(40000, 36881).original(&key).last_call();
        assert_eq!(certainty(&alone), Err(Stop::NotMine));
    }

    #[test]
    fn what_has_another_form_is_refused_at_its_first_packet() {
        let [key, ..] = exchange(11);
        for port in [22, 80, 443, 993, 1194, 3128, 5222, 8443, 51820] {
            assert_eq!(certainty(&tcp(40000, port).original(&key)), Err(Stop::NotMine), "{port}");
            assert_eq!(certainty(&tcp(port, 40000).original(&key)), Err(Stop::NotMine), "{port}");
        }
        let mut chance = Chance(12);
        let with = |at: usize, bytes: &[u8]| {
            let mut flight = key.clone();
            flight[at..at + bytes.len()].copy_from_slice(bytes);
            flight
        };
        for (name, flight) in [
            ("too short", key[..95].to_vec()),
            ("too long", chance.bytes(609)),
            ("text", b"GET me a key of ninety-six bytes at least. ".repeat(4)),
            ("length in front", with(0, &[0, 166])),
            ("length behind a type", with(1, &[0, 163])),
            ("length, little-endian", with(0, &[164, 0])),
            ("length without a tag", with(0, &[0, 148])),
        ] {
            let flow = tcp(40000, 36881).original(flight);
            assert_eq!(certainty(&flow), Err(Stop::NotMine), "{name}");
        }
        let magic = with(0, b"\x8d\x91\xe3");
        let flow = tcp(40000, 36881).original(&magic).reply(&magic[..100]).original(&key);
        assert_eq!(certainty(&flow), Err(Stop::NotMine), "the same magic from both sides");
    }

    #[test]
    fn turns_in_another_order_are_refused() {
        let [key, answer_key, hello, answer] = exchange(13);
        let start = |port| tcp(40000, port);
        for (name, flow) in [
            (
                "a short answer",
                start(36881).original(&key).reply(&answer_key[..95]).original(&hello),
            ),
            ("a long answer", start(36881).original(&key).reply([&answer_key[..]; 3].concat())),
            (
                "a long hello",
                start(36881).original(&key).reply(&answer_key).original([&hello[..]; 8].concat()),
            ),
            (
                "a late one",
                start(36881)
                    .original(&key)
                    .reply(&answer_key)
                    .after_us(31_000_000)
                    .original(&hello),
            ),
            (
                "no answer to the hello",
                start(36881)
                    .original(&key)
                    .reply(&answer_key)
                    .original(&hello)
                    .reply(&answer[..13])
                    .original(&answer),
            ),
        ] {
            assert_eq!(certainty(&flow), Err(Stop::NotMine), "{name}");
        }
    }
}
