//! Captures made here, byte by byte, in every form and with every kind of damage.

use super::*;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A file that is removed with the test.
struct Temporary(PathBuf);

impl Temporary {
    fn new(bytes: &[u8]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("nfa-file-{}-{count}.pcap", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).unwrap();
        Temporary(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Writes numbers in either byte order.
#[derive(Clone, Copy)]
enum Order {
    Big,
    Little,
}

impl Order {
    fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Order::Big => value.to_be_bytes(),
            Order::Little => value.to_le_bytes(),
        }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Order::Big => value.to_be_bytes(),
            Order::Little => value.to_le_bytes(),
        }
    }
}

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const FRAMES: [&[u8]; 3] = [b"first", b"", b"the third frame"];

/// draft-ietf-opsawg-pcap: a packet of 100 bytes on the wire at 10.000005 for each of `FRAMES`.
fn pcap(order: Order, magic: u32, link: u32) -> Vec<u8> {
    let fraction = if magic == NANOSECONDS { 5_999 } else { 5 };
    let mut bytes = order.u32(magic).to_vec();
    bytes.extend([order.u16(2), order.u16(4)].concat());
    bytes.extend([0, 0, 65_535, link].map(|value| order.u32(value)).concat());
    for frame in FRAMES {
        let length = u32::try_from(frame.len()).unwrap();
        bytes.extend([10, fraction, length, 100].map(|value| order.u32(value)).concat());
        bytes.extend(frame);
    }
    bytes
}

/// draft-ietf-opsawg-pcapng: section header, interface description, enhanced packets.
fn pcapng(order: Order) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let mut padded = body.to_vec();
        padded.resize(body.len().next_multiple_of(4), 0);
        let length = order.u32(u32::try_from(padded.len() + 12).unwrap());
        [&order.u32(kind)[..], &length, &padded, &length].concat()
    };
    let section = [&order.u32(0x1a2b_3c4d)[..], &order.u16(1), &order.u16(0), &[0xff; 8]].concat();
    let interface = [&order.u16(1)[..], &order.u16(0), &order.u32(0)].concat();
    let mut bytes = [block(0x0a0d_0d0a, &section), block(1, &interface)].concat();
    for frame in FRAMES {
        let length = u32::try_from(frame.len()).unwrap();
        let mut body = [0, 0, 10_000_005, length, 100].map(|value| order.u32(value)).concat();
        body.extend(frame);
        bytes.extend(block(6, &body));
    }
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

type Read = (Vec<Vec<u8>>, Result<(), CaptureError>);

fn read(bytes: &[u8]) -> Read {
    let file = Temporary::new(bytes);
    let mut capture = match CaptureFile::open(&file.0) {
        Ok(capture) => capture,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let mut frames = Vec::new();
    loop {
        match capture.next_frame() {
            Ok(Some(frame)) => {
                assert_eq!(frame.at, Timestamp::from_parts(10, 5));
                assert_eq!((frame.wire_len, frame.link), (100, LinkType::Ethernet));
                frames.push(frame.bytes.to_vec());
            }
            Ok(None) => return (frames, Ok(())),
            Err(error) => {
                assert!(capture.next_frame().unwrap().is_none(), "an error comes once");
                assert!(error.to_string().starts_with(file.0.to_str().unwrap()), "{error}");
                return (frames, Err(error));
            }
        }
    }
}

fn all_forms() -> Vec<Vec<u8>> {
    [Order::Big, Order::Little]
        .into_iter()
        .flat_map(|order| {
            [pcap(order, MICROSECONDS, 1), pcap(order, NANOSECONDS, 1), pcapng(order)]
        })
        .collect()
}

#[test]
fn every_form_gives_the_same_frames_plain_and_compressed() {
    for bytes in all_forms() {
        for bytes in [gzip(&bytes), bytes] {
            let (frames, end) = read(&bytes);
            end.unwrap();
            assert_eq!(frames, FRAMES);
        }
    }
}

#[test]
fn every_truncation_gives_the_whole_packets_and_then_an_error() {
    for bytes in all_forms() {
        let mut clean_ends = 0;
        for cut in 1..bytes.len() {
            let (frames, end) = read(&bytes[..cut]);
            assert!(FRAMES.starts_with(&frames.iter().map(Vec::as_slice).collect::<Vec<_>>()));
            match end {
                Ok(()) => clean_ends += 1,
                Err(CaptureError::Truncated { .. }) => {}
                Err(CaptureError::NotCapture { .. }) => assert!(cut < 48),
                Err(other) => panic!("{cut}: {other}"),
            }
        }
        assert_eq!(clean_ends, FRAMES.len(), "after the header and between packets");
    }
}

#[test]
fn a_damaged_gzip_stream_never_ends_cleanly() {
    let bytes = gzip(&pcap(Order::Little, MICROSECONDS, 1));
    for cut in 2..bytes.len() {
        let (_, end) = read(&bytes[..cut]);
        assert!(matches!(end, Err(CaptureError::Gzip { .. })), "{cut}: {end:?}");
    }
    let mut flipped = bytes.clone();
    let checksum = bytes.len() - 8;
    flipped[checksum] ^= 1;
    let (frames, end) = read(&flipped);
    assert!(matches!(end, Err(CaptureError::Gzip { .. })));
    assert!(frames.len() <= FRAMES.len());
    // Two members are one file.
    let whole = pcap(Order::Big, MICROSECONDS, 1);
    let (first, second) = whole.split_at(30);
    assert_eq!(read(&[gzip(first), gzip(second)].concat()).0, FRAMES);
}

#[test]
fn a_compressed_capture_that_is_cut_is_told_from_a_cut_stream() {
    let bytes = pcap(Order::Big, MICROSECONDS, 1);
    let (frames, end) = read(&gzip(&bytes[..bytes.len() - 1]));
    assert_eq!(frames.len(), 2);
    assert!(matches!(end, Err(CaptureError::Truncated { .. })));
    assert!(matches!(read(&gzip(&[])).1, Err(CaptureError::Empty { .. })));
    assert!(matches!(read(&gzip(&[b'x'; 9000])).1, Err(CaptureError::NotCapture { .. })));
}

#[test]
fn errors_name_file_and_cause() {
    assert!(matches!(read(&[]).1, Err(CaptureError::Empty { .. })));
    assert!(matches!(read(b"GET / HTTP/1.1\r\n\r\n").1, Err(CaptureError::NotCapture { .. })));
    let error = CaptureFile::open("/no/such/file.pcap").err().unwrap();
    assert_eq!(error.to_string(), "/no/such/file.pcap: No such file or directory (os error 2)");
    let error = CaptureFile::open(std::env::temp_dir()).err().unwrap();
    assert!(matches!(error, CaptureError::Read { .. }), "{error}");
    let mut damaged = pcap(Order::Little, MICROSECONDS, 1);
    damaged[32..36].copy_from_slice(&[0xff; 4]); // captured length of the first packet
    let (frames, end) = read(&damaged);
    assert!(frames.is_empty() && matches!(end, Err(CaptureError::Damaged { .. })));
}

#[test]
fn an_unknown_link_type_is_a_value() {
    let file = Temporary::new(&pcap(Order::Big, MICROSECONDS, 147));
    let mut capture = CaptureFile::open(&file.0).unwrap();
    assert_eq!(capture.link(), LinkType::Other(147));
    assert_eq!(capture.next_frame().unwrap().unwrap().bytes, FRAMES[0]);
}

#[test]
fn progress_reaches_the_end_of_plain_files() {
    for bytes in all_forms() {
        let size = u64::try_from(bytes.len()).unwrap();
        let file = Temporary::new(&bytes);
        let mut capture = CaptureFile::open(&file.0).unwrap();
        assert!(capture.progress().unwrap().position < size);
        while capture.next_frame().unwrap().is_some() {}
        assert_eq!(capture.progress(), Some(Progress { position: size, size }));
    }
    let file = Temporary::new(&gzip(&pcap(Order::Big, MICROSECONDS, 1)));
    assert_eq!(CaptureFile::open(&file.0).unwrap().progress(), None);
}

/// The copying thread must notice that nobody reads: a capture larger than a pipe, left early.
#[test]
fn a_compressed_capture_may_be_left_early() {
    let mut bytes = pcap(Order::Little, MICROSECONDS, 1);
    for _ in 0..100_000 {
        bytes.extend_from_within(24..24 + 21);
    }
    let file = Temporary::new(&gzip(&bytes));
    let mut capture = CaptureFile::open(&file.0).unwrap();
    assert!(capture.next_frame().unwrap().is_some());
    let pump = capture.pump.take().unwrap();
    drop(capture);
    assert!(pump.finish().is_ok());
}

/// Standard input itself belongs to the test runner; a named pipe takes the same way.
#[test]
fn pipes_and_names_that_are_not_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let bytes = pcap(Order::Big, MICROSECONDS, 1);
    let name = [b"nfa-\xff-", std::process::id().to_string().as_bytes()].concat();
    let path = std::env::temp_dir().join(std::ffi::OsStr::from_bytes(&name));
    std::fs::write(&path, &bytes).unwrap();
    let mut capture = CaptureFile::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(capture.next_frame().unwrap().unwrap().bytes, FRAMES[0]);
    for bytes in [gzip(&bytes), bytes] {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(&bytes).unwrap();
        drop(writer);
        let mut capture = CaptureFile::open(pump::path(&reader)).unwrap();
        let mut count = 0;
        while capture.next_frame().unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, FRAMES.len());
    }
}
