//! The authentication daemon of VMware hosts over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// It.
pub static PROTOCOL: Protocol = Protocol {
    id: 28,
    name: "VMWARE",
    category: "remote-desktop",
    ports: &[(Transport::Tcp, 902)],
};

/// Its messages.
pub static VMWARE: Dissector = Dissector {
    name: "vmware",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Its greeting.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| Reader::stream(side).literal(b"220 VMware Authentication Daemon Version"))
        .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn hosts_greet() {
        tcp(40000, 902)
            .reply("220 VMware Authentication Daemon Version 1.10: SSL Required\r\n")
            .survives("VMWARE");
        tcp(40000, 902).reply("220 VMwhere\r\n").is_nobodys();
    }
}
