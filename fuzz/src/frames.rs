//! Frames, capture files, and what the kernel's netlink sockets say.

use std::fs;
use std::path::{Path, PathBuf};

use nfa::capture::CaptureFile;
use nfa::net::Transport;
use nfa::netlink;
use nfa::wire::{self, LinkType};

use super::input::Input;

/// Every number that [`LinkType`] knows, and one it does not.
pub const LINKS: [i32; 12] = [1, 113, 276, 101, 0, 9, 51, 105, 127, 192, 239, 147];
/// Most frames read of one capture file.
const MOST_FRAMES: usize = 1000;

/// The first byte picks the link type.
pub fn wire(data: &[u8]) {
    let mut input = Input(data);
    let link = LINKS[usize::from(input.u8()) % LINKS.len()];
    decode(LinkType::from(link), input.0);
}

fn decode(link: LinkType, frame: &[u8]) {
    let packet = match wire::decode(link, frame) {
        Ok(packet) => packet,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let inside = packet.payload.is_empty()
        || frame.as_ptr_range().start <= packet.payload.as_ptr_range().start
            && packet.payload.as_ptr_range().end <= frame.as_ptr_range().end;
    assert!(inside, "a payload of other bytes");
    assert!(packet.payload.len() <= usize::try_from(packet.payload_len).unwrap());
    assert!(packet.payload_len <= packet.ip_len, "{packet:?}");
    assert_eq!(packet.tcp.is_some(), packet.transport == Transport::Tcp);
    assert!(packet.dscp < 64 && packet.vlan.is_none_or(|vlan| vlan < 4096), "{packet:?}");
    assert_eq!(packet.source.is_ipv4(), packet.destination.is_ipv4());
}

/// A capture file, as it stands on disk.
pub fn capture(data: &[u8]) {
    let path = scratch();
    fs::write(&path, data).unwrap();
    match CaptureFile::open(&path) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(mut file) => {
            let (mut frames, mut errors) = (0, 0);
            while frames < MOST_FRAMES {
                match file.next_frame() {
                    Ok(Some(frame)) => {
                        frames += 1;
                        assert!(usize::try_from(frame.wire_len).unwrap() >= frame.bytes.len());
                        decode(frame.link, frame.bytes);
                    }
                    Ok(None) => break,
                    Err(error) => {
                        errors += 1;
                        assert!(!error.to_string().is_empty() && errors == 1);
                    }
                }
            }
            if let Some(progress) = file.progress() {
                assert!(progress.position <= progress.size, "{progress:?}");
            }
        }
    }
    fs::remove_file(&path).unwrap();
}

/// A file or folder of this thread's own, in memory where the system has a place for that.
pub fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let thread = format!("{:?}", std::thread::current().id());
    let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
    folder.join(format!("nfa-fuzz-{}-{thread}", std::process::id()))
}

/// What one receive call gave, shown to everything that reads replies and events.
pub fn netlink_reply(data: &[u8]) {
    for line in netlink::read_anything(data) {
        assert!(line.len() < 16 * data.len() + 4096, "a short message has a long text");
    }
}
