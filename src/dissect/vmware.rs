//! The authentication daemon of VMware hosts over TCP.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

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
    question: Question::Part(dissect),
    teach: None,
};

/// Its greeting.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"220 VMware Authentication Daemon Version")
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
