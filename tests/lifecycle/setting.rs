//! What a history is made of: configurations, flows and what happens to them, all by chance from a
//! seed, and few enough of each that they meet.

use std::fmt::Write;
use std::net::IpAddr;
use std::time::Duration;

use nfa::net::{Mac, Transport};

/// The same numbers for the same seed (an LCG, Knuth's constants, its upper bits).
pub struct Random(pub u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d);
        random.below(2);
        random
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }

    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// What a flow speaks; each is named by its first payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speech {
    Sip,
    Ssh,
    Ntp,
}

impl Speech {
    const ALL: [Speech; 3] = [Speech::Sip, Speech::Ssh, Speech::Ntp];

    pub const fn transport(self) -> Transport {
        if matches!(self, Speech::Ssh) { Transport::Tcp } else { Transport::Udp }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Speech::Sip => "sip",
            Speech::Ssh => "ssh",
            Speech::Ntp => "ntp",
        }
    }

    pub fn payload(self) -> Vec<u8> {
        match self {
            Speech::Sip => b"INVITE sip:b@example.net SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n\r\n".into(),
            Speech::Ssh => b"SSH-2.0-OpenSSH_9.7\r\n".into(),
            Speech::Ntp => [&[0x23, 2, 6, 0xe9][..], &[0; 44]].concat(),
        }
    }
}

/// A 5-tuple as seen from the LAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Talk {
    pub client: u8,
    pub server: u8,
    pub v6: bool,
    pub speech: Speech,
    pub from_port: u16,
    pub to_port: u16,
}

impl Talk {
    fn by_chance(random: &mut Random) -> Self {
        let number = |random: &mut Random, most| u8::try_from(random.below(most)).unwrap() + 1;
        let speech = *random.one(&Speech::ALL);
        Talk {
            client: number(random, 3),
            server: number(random, 3),
            v6: random.below(4) == 0,
            speech,
            // Another speech is another conversation.
            from_port: 4000 + 10 * speech as u16 + random.below(2) as u16,
            // Told by its port and its content.
            to_port: if speech == Speech::Ntp { 123 } else { [123, 5060][random.below(2)] },
        }
    }

    pub fn client(&self) -> IpAddr {
        addr(self.v6, "fd00::", "192.168.1.", self.client)
    }

    pub fn server(&self) -> IpAddr {
        addr(self.v6, "2001:db8::", "203.0.113.", self.server)
    }

    pub const fn mac(&self) -> Mac {
        Mac([2, 0, 0, 0, 0, self.client])
    }
}

fn addr(v6: bool, six: &str, four: &str, number: u8) -> IpAddr {
    format!("{}{number}", if v6 { six } else { four }).parse().unwrap()
}

/// What a packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: of TCP, a flow is not named by it. Of UDP it carries the speech.
    Bare,
    Speech,
    /// RST; of UDP as above.
    Reset,
    /// SYN; of UDP as above.
    Opening,
}

/// One event of a history.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    Packet {
        talk: Talk,
        kind: Kind,
        reply: bool,
    },
    Pass(Duration),
    /// Another configuration, of that seed.
    Reload(u64),
    /// Somebody empties the kernel's sets, and what ought to be there is put back.
    Flush,
    /// The wall's clock is set, by so many seconds ahead of the engine's.
    Clock(i64),
    /// Every flow ends.
    Finish,
}

/// What happens in a history of that seed.
pub fn events(seed: u64, count: usize) -> Vec<Event> {
    let mut random = Random::new(seed);
    let mut talks: Vec<Talk> = (0..10).map(|_| Talk::by_chance(&mut random)).collect();
    (0..count)
        .map(|_| match random.below(40) {
            0..=19 => {
                if random.below(8) == 0 {
                    let at = random.below(talks.len());
                    talks[at] = Talk::by_chance(&mut random);
                }
                let kinds = [Kind::Speech, Kind::Speech, Kind::Bare, Kind::Reset, Kind::Opening];
                let kind = *random.one(&kinds);
                Event::Packet { talk: *random.one(&talks), kind, reply: random.below(3) == 0 }
            }
            20..=26 => Event::Pass(Duration::from_millis(random.below(3000) as u64)),
            27..=33 => Event::Pass(Duration::from_secs(random.below(20) as u64)),
            34 => Event::Pass(Duration::from_secs(random.below(200) as u64)),
            35 | 36 => Event::Reload(random.below(1 << 20) as u64),
            37 => Event::Flush,
            38 if random.below(4) == 0 => Event::Finish,
            38 => Event::Clock(random.below(7200) as i64 - 3600),
            _ => Event::Pass(Duration::from_micros(1)),
        })
        .collect()
}

/// A target as the reference needs it.
#[derive(Debug, Clone)]
pub struct Goal {
    pub set: &'static str,
    /// `ipset` words are types, nft's is a list of fields.
    pub shape: Shape,
    pub families: &'static [&'static str],
    pub ttl: Option<Duration>,
    pub linger: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Ip,
    IpPort,
    IpPortIp,
    Mac,
    Nft,
}

/// An action as the reference needs it.
#[derive(Debug, Clone)]
pub struct Deed {
    /// None: all.
    pub speech: Option<Speech>,
    /// Only that client.
    pub client: Option<u8>,
    /// Not to that port.
    pub exempt_port: Option<u16>,
    pub goals: Vec<usize>,
    pub halts: bool,
    /// Minutes of the day.
    pub window: Option<(u32, u32)>,
}

/// A configuration, for the reference as it is and for the engine as text.
#[derive(Debug, Clone)]
pub struct Plan {
    pub goals: Vec<Goal>,
    pub deeds: Vec<Deed>,
    /// Not to that speech.
    pub exempt: Option<Speech>,
    pub reprocess: bool,
}

/// How it is at the first moment of every history: noon, so that windows are near.
pub const NOON_MINUTE: u32 = 12 * 60;

/// The configuration of that seed. `short`: timeouts that may run out in a history.
pub fn plan(seed: u64, short: bool) -> Plan {
    let mut random = Random::new(seed ^ 0xc0ff_ee00);
    let names = ["a", "b", "c"];
    // One set has one shape in a configuration, and maybe another in the next.
    let shapes: Vec<Shape> = names
        .iter()
        .map(|_| {
            let all =
                [Shape::Ip, Shape::Ip, Shape::IpPort, Shape::IpPortIp, Shape::Mac, Shape::Nft];
            *random.one(&all)
        })
        .collect();
    let goals: Vec<Goal> = (0..=random.below(3))
        .map(|_| {
            let at = random.below(names.len());
            let ttl = [0, 3, 10, 45][random.below(4)] * if short { 1 } else { 2000 };
            Goal {
                set: names[at],
                shape: shapes[at],
                families: *random.one(&[&["v4", "v6"][..], &["v4"], &["v6"]]),
                ttl: (ttl > 0).then(|| Duration::from_secs(ttl)),
                linger: Duration::from_secs([0, 0, 5, 30][random.below(4)]),
            }
        })
        .collect();
    let deeds = (0..=random.below(3))
        .map(|_| {
            let start = NOON_MINUTE + random.below(60) as u32 - 30;
            Deed {
                speech: *random.one(&[None, Some(Speech::Sip), Some(Speech::Ssh)]),
                client: *random.one(&[None, None, Some(1), Some(2)]),
                exempt_port: *random.one(&[None, None, Some(123)]),
                goals: (0..goals.len()).filter(|_| random.below(3) > 0).collect(),
                halts: random.below(5) == 0,
                window: (random.below(3) == 0)
                    .then(|| (start, start + 1 + random.below(20) as u32)),
            }
        })
        .collect();
    Plan {
        goals,
        deeds,
        exempt: *random.one(&[None, None, Some(Speech::Ntp), Some(Speech::Ssh)]),
        reprocess: random.below(4) > 0,
    }
}

impl Plan {
    /// As the configuration file says it.
    pub fn text(&self) -> String {
        let mut targets = String::new();
        for (number, goal) in self.goals.iter().enumerate() {
            let family = match goal.families {
                ["v4"] => "ipv4",
                ["v6"] => "ipv6",
                _ => "*",
            };
            let (kind, shape) = match goal.shape {
                Shape::Ip => ("ipset", r#""hash:ip""#),
                Shape::IpPort => ("ipset", r#""hash:ip,port""#),
                Shape::IpPortIp => ("ipset", r#""hash:ip,port,ip""#),
                Shape::Mac => ("ipset", r#""hash:mac""#),
                Shape::Nft => {
                    ("nftset", r#"["local_addr", "ip_proto", "other_port", "other_addr"]"#)
                }
            };
            let ttl = goal.ttl.map_or(0, |ttl| ttl.as_secs());
            write!(
                targets,
                r#"{}"t{number}": {{"target_type": "{kind}", "set_name": "{}", "type": {shape},
                    "set_family": "{family}", "ttl": {ttl}, "linger": {}, "managed": true}}"#,
                if number > 0 { ", " } else { "" },
                goal.set,
                goal.linger.as_secs(),
            )
            .unwrap();
        }
        let mut actions = String::new();
        for (number, deed) in self.deeds.iter().enumerate() {
            let mut tests: Vec<String> = Vec::new();
            tests.extend(deed.speech.map(|speech| format!("protocol == '{}'", speech.name())));
            tests.extend(deed.client.map(|client| {
                format!("(local_ip == '192.168.1.{client}' || local_ip == 'fd00::{client}')")
            }));
            let criteria =
                if tests.is_empty() { "*".to_owned() } else { format!("{};", tests.join(" && ")) };
            let exempt = deed.exempt_port.map(|port| format!(r#""other_port == {port};""#));
            let clock = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
            let window = deed.window.map(|(start, end)| {
                let (start, end) = (clock(start), clock(end));
                format!(r#", "time_of_day": [{{"time_start": "{start}", "time_end": "{end}"}}]"#)
            });
            let goals: Vec<String> =
                deed.goals.iter().map(|goal| format!(r#""t{goal}""#)).collect();
            write!(
                actions,
                r#"{}"a{number}": {{"criteria": "{criteria}", "targets": [{}],
                    "exemptions": [{}], "halt_on_match": {}{}}}"#,
                if number > 0 { ", " } else { "" },
                goals.join(", "),
                exempt.unwrap_or_default(),
                deed.halts,
                window.unwrap_or_default(),
            )
            .unwrap();
        }
        let exempt = self.exempt.map(|speech| format!(r#""protocol == '{}';""#, speech.name()));
        format!(
            r#"{{"timezone": "UTC0", "reprocess_flows": {}, "targets": {{{targets}}},
                "actions": {{{actions}}}, "exemptions": [{}]}}"#,
            self.reprocess,
            exempt.unwrap_or_default(),
        )
    }
}
