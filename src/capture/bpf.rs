//! The programs that the kernel runs on every frame before it copies it: instructions as bytes.
//!
//! Written by hand, as neither clang nor libbpf is at hand on a router. The kernel's verifier
//! proves each program before it runs.

/// One instruction: `struct bpf_insn` of linux/bpf.h, 8 bytes in the machine's order.
pub(super) type Insn = [u8; 8];

/// What a flow's entry must be younger than for its packets to be dropped, in nanoseconds: one
/// packet in this time is let through as a sign of life. UDP flows end after 30 s without one.
pub(super) const SIGN_OF_LIFE_NS: u64 = 5_000_000_000;

/// Bytes of a key in the map of IPv4 flows: addresses, ports (all as on the wire), transport.
pub(super) const KEY_V4_BYTES: usize = 4 + 4 + 2 + 2 + 4;
/// The same of IPv6.
pub(super) const KEY_V6_BYTES: usize = 16 + 16 + 2 + 2 + 4;
/// Bytes of a flow's value, in numbers of 64 bits: when a packet of it was last let through,
/// CLOCK_MONOTONIC in ns; the size in bytes from which frames are dropped; bytes and number of
/// those dropped since the entry was made.
pub(super) const VALUE_BYTES: usize = 32;

/// Frames of fewer bytes carry next to nothing behind their headers, and are dropped whatever the
/// flow's value says.
pub(super) const TINY_FRAME: i32 = 100;

/// Registers, by their role here. R0 holds results, R1 to R5 arguments; calls leave R6 to R10.
const RESULT: u8 = 0;
const ARG1: u8 = 1;
const ARG2: u8 = 2;
const ARG3: u8 = 3;
const ARG4: u8 = 4;
const CONTEXT: u8 = 6;
const L4_OFFSET: u8 = 7;
const VALUE: u8 = 8;
const TRANSPORT: u8 = 9;
const FRAME: u8 = 10;

// Opcodes: class | size or source | mode or operation, linux/bpf_common.h and linux/bpf.h.
const LDX_B: u8 = 0x71;
const LDX_H: u8 = 0x69;
const LDX_W: u8 = 0x61;
const LDX_DW: u8 = 0x79;
const STX_W: u8 = 0x63;
const STX_DW: u8 = 0x7b;
const ST_W: u8 = 0x62;
const ADD: u8 = 0x0f;
const LD_IMM64: u8 = 0x18;
const MOV_IMM: u8 = 0xb7;
const MOV: u8 = 0xbf;
const ADD_IMM: u8 = 0x07;
const AND_IMM: u8 = 0x57;
const SUB: u8 = 0x1f;
const JUMP: u8 = 0x05;
const JEQ_IMM: u8 = 0x15;
const JNE_IMM: u8 = 0x55;
const JGE: u8 = 0x3d;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;

// Helpers, by their number in linux/bpf.h.
const MAP_LOOKUP_ELEM: i32 = 1;
const KTIME_GET_NS: i32 = 5;
const SKB_LOAD_BYTES: i32 = 26;

/// `struct __sk_buff`: the length of the frame.
const SKB_LEN: i16 = 0;
/// The field `protocol`, an ethertype in network order.
const SKB_PROTOCOL: i16 = 16;
/// LD_IMM64 whose immediate is a descriptor of a map: BPF_PSEUDO_MAP_FD.
const MAP_FD: u8 = 1;

const ETHERNET_BYTES: i32 = 14;
const TCP: i32 = 6;
const UDP: i32 = 17;

// The stack, below the frame pointer.
/// Room for an IP header: 40 bytes at most.
const HEADER: i16 = -80;
/// Room for a key: 40 bytes at most.
const KEY: i16 = -128;
/// Room for the TCP flags, and later for the index of the counter.
const SCRATCH: i16 = -8;

/// Where jumps go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Label {
    V6,
    Found,
    Sized,
    Young,
    Drop,
    Pass,
}

/// A program under construction. Jumps forward name a label; [`Program::finish`] resolves them.
#[derive(Default)]
struct Program {
    code: Vec<Insn>,
    jumps: Vec<(usize, Label)>,
    labels: Vec<(Label, usize)>,
}

impl Program {
    fn push(&mut self, op: u8, dst: u8, src: u8, offset: i16, imm: i32) {
        // Two bit fields in one byte: the compiler's order is the machine's.
        let registers =
            if cfg!(target_endian = "little") { src << 4 | dst } else { dst << 4 | src };
        let [o0, o1] = offset.to_ne_bytes();
        let [i0, i1, i2, i3] = imm.to_ne_bytes();
        self.code.push([op, registers, o0, o1, i0, i1, i2, i3]);
    }

    fn mov(&mut self, dst: u8, src: u8) {
        self.push(MOV, dst, src, 0, 0);
    }

    fn set(&mut self, dst: u8, value: i32) {
        self.push(MOV_IMM, dst, 0, 0, value);
    }

    /// `dst` = address of the stack at `offset`.
    fn stack(&mut self, dst: u8, offset: i16) {
        self.mov(dst, FRAME);
        self.push(ADD_IMM, dst, 0, 0, i32::from(offset));
    }

    fn load(&mut self, op: u8, dst: u8, base: u8, offset: i16) {
        self.push(op, dst, base, offset, 0);
    }

    fn store(&mut self, op: u8, base: u8, offset: i16, src: u8) {
        self.push(op, base, src, offset, 0);
    }

    /// Adds the first argument to the number at `offset` of `base`; the second is lost. Not atomic:
    /// on 32-bit kernels with Linux 6.1's allocator a map's values begin between two multiples of
    /// eight, where ARM's ldrexd faults and the kernel panics, and ARM's compiler of programs knows
    /// no atomics at all. Two processors that drop frames of one flow at the same moment may count one.
    fn count(&mut self, base: u8, offset: i16) {
        self.load(LDX_DW, ARG2, base, offset);
        self.push(ADD, ARG2, ARG1, 0, 0);
        self.store(STX_DW, base, offset, ARG2);
    }

    /// A 64-bit constant; takes two instructions.
    fn wide(&mut self, dst: u8, kind: u8, value: u64) {
        let half = |bits: u64| (bits & u64::from(u32::MAX)) as u32;
        self.push(LD_IMM64, dst, kind, 0, half(value).cast_signed());
        self.push(0, 0, 0, 0, half(value >> 32).cast_signed());
    }

    fn jump(&mut self, op: u8, dst: u8, imm: i32, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(op, dst, 0, 0, imm);
    }

    /// Jumps if `dst` >= `src`, both unsigned.
    fn jump_at_least(&mut self, dst: u8, src: u8, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(JGE, dst, src, 0, 0);
    }

    fn label(&mut self, label: Label) {
        self.labels.push((label, self.code.len()));
    }

    fn call(&mut self, helper: i32) {
        self.push(CALL, 0, 0, 0, helper);
    }

    /// Copies `len` bytes of the frame to the stack, or passes a frame that is shorter.
    fn load_bytes(&mut self, to: i16, len: i32) {
        self.mov(ARG1, CONTEXT);
        self.stack(ARG3, to);
        self.set(ARG4, len);
        self.call(SKB_LOAD_BYTES);
        self.jump(JNE_IMM, RESULT, 0, Label::Pass);
    }

    fn look_up(&mut self, map: i32, key: i16) {
        self.wide(ARG1, MAP_FD, u64::from(map.cast_unsigned()));
        self.stack(ARG2, key);
        self.call(MAP_LOOKUP_ELEM);
    }

    fn exit(&mut self, result: i32) {
        self.set(RESULT, result);
        self.push(EXIT, 0, 0, 0, 0);
    }

    fn finish(mut self) -> Vec<Insn> {
        for (at, to) in self.jumps {
            let target = self.labels.iter().find(|(label, _)| *label == to).map_or(0, |l| l.1);
            // Counted from the instruction behind the jump; a program has some hundred.
            let distance = i16::try_from(target.saturating_sub(at + 1)).unwrap_or(0);
            if let Some([_, _, o0, o1, ..]) = self.code.get_mut(at) {
                [*o0, *o1] = distance.to_ne_bytes();
            }
        }
        self.code
    }
}

/// A 16-bit number of the wire as the machine reads it.
fn wire16(value: u16) -> i32 {
    i32::from(u16::from_ne_bytes(value.to_be_bytes()))
}

/// The filter of Ethernet frames: drops those of flows in the two maps (descriptors), passes
/// everything else, and of a flow in a map its SYN, FIN and RST, a packet now and then, and frames
/// that are smaller than the flow's entry says but not tiny. What it
/// does not understand (fragments, options, extension headers, tags in the frame) it passes.
/// `counter` is an array of one 64-bit number: frames dropped.
pub(super) fn flow_filter(map_v4: i32, map_v6: i32, counter: i32, snaplen: i32) -> Vec<Insn> {
    let mut p = Program::default();
    p.mov(CONTEXT, ARG1);
    p.load(LDX_W, RESULT, CONTEXT, SKB_PROTOCOL);
    p.jump(JEQ_IMM, RESULT, wire16(0x86dd), Label::V6);
    p.jump(JNE_IMM, RESULT, wire16(0x0800), Label::Pass);

    // IPv4, RFC 791 section 3.1: no options, no fragment.
    p.set(ARG2, ETHERNET_BYTES);
    p.load_bytes(HEADER, 20);
    p.load(LDX_B, RESULT, FRAME, HEADER);
    p.jump(JNE_IMM, RESULT, 0x45, Label::Pass);
    p.load(LDX_H, RESULT, FRAME, HEADER + 6);
    p.push(AND_IMM, RESULT, 0, 0, wire16(0x3fff)); // "more fragments" and the offset
    p.jump(JNE_IMM, RESULT, 0, Label::Pass);
    p.load(LDX_B, TRANSPORT, FRAME, HEADER + 9);
    p.load(LDX_W, RESULT, FRAME, HEADER + 12);
    p.store(STX_W, FRAME, KEY, RESULT);
    p.load(LDX_W, RESULT, FRAME, HEADER + 16);
    p.store(STX_W, FRAME, KEY + 4, RESULT);
    p.set(L4_OFFSET, ETHERNET_BYTES + 20);
    p.mov(ARG2, L4_OFFSET);
    p.load_bytes(KEY + 8, 4);
    p.store(STX_W, FRAME, KEY + 12, TRANSPORT);
    p.look_up(map_v4, KEY);
    p.jump(JUMP, 0, 0, Label::Found);

    // IPv6, RFC 8200 section 3: the transport right behind the header.
    p.label(Label::V6);
    p.set(ARG2, ETHERNET_BYTES);
    p.load_bytes(HEADER, 40);
    p.load(LDX_B, TRANSPORT, FRAME, HEADER + 6);
    for word in 0..4 {
        p.load(LDX_DW, RESULT, FRAME, HEADER + 8 + 8 * word);
        p.store(STX_DW, FRAME, KEY + 8 * word, RESULT);
    }
    p.set(L4_OFFSET, ETHERNET_BYTES + 40);
    p.mov(ARG2, L4_OFFSET);
    p.load_bytes(KEY + 32, 4);
    p.store(STX_W, FRAME, KEY + 36, TRANSPORT);
    p.look_up(map_v6, KEY);

    p.label(Label::Found);
    p.jump(JEQ_IMM, RESULT, 0, Label::Pass);
    p.mov(VALUE, RESULT);
    p.jump(JEQ_IMM, TRANSPORT, UDP, Label::Sized);
    p.jump(JNE_IMM, TRANSPORT, TCP, Label::Pass);
    p.mov(ARG2, L4_OFFSET);
    p.push(ADD_IMM, ARG2, 0, 0, 13); // flags, RFC 9293 section 3.1
    p.load_bytes(SCRATCH, 1);
    p.load(LDX_B, RESULT, FRAME, SCRATCH);
    p.push(AND_IMM, RESULT, 0, 0, 0x07); // FIN, SYN, RST
    p.jump(JNE_IMM, RESULT, 0, Label::Pass);

    p.label(Label::Sized);
    p.load(LDX_W, RESULT, CONTEXT, SKB_LEN);
    p.load(LDX_DW, ARG1, VALUE, 8);
    p.jump_at_least(RESULT, ARG1, Label::Young);
    p.set(ARG1, TINY_FRAME);
    p.jump_at_least(RESULT, ARG1, Label::Pass);

    p.label(Label::Young);
    p.call(KTIME_GET_NS);
    p.load(LDX_DW, ARG1, VALUE, 0);
    p.wide(ARG2, 0, SIGN_OF_LIFE_NS);
    p.mov(ARG3, RESULT);
    p.push(SUB, ARG3, ARG1, 0, 0);
    p.jump_at_least(ARG2, ARG3, Label::Drop);
    p.store(STX_DW, VALUE, 0, RESULT);
    p.jump(JUMP, 0, 0, Label::Pass);

    p.label(Label::Drop);
    p.load(LDX_W, ARG1, CONTEXT, SKB_LEN);
    p.push(ADD_IMM, ARG1, 0, 0, -ETHERNET_BYTES);
    p.count(VALUE, 16);
    p.set(ARG1, 1);
    p.count(VALUE, 24);
    p.push(ST_W, FRAME, 0, SCRATCH, 0);
    p.look_up(counter, SCRATCH);
    let counted = p.code.len() + 5;
    p.push(JEQ_IMM, RESULT, 0, 4, 0); // an array's first entry is always there, but who proves it
    p.set(ARG1, 1);
    p.count(RESULT, 0);
    debug_assert_eq!(p.code.len(), counted);
    p.exit(0);

    p.label(Label::Pass);
    p.exit(snaplen);
    p.finish()
}

/// One instruction of a classic program: `struct sock_filter` of linux/filter.h, in the machine's
/// order: operation, where to go on if true and if not, operand.
pub(super) type Classic = [u8; 8];

/// The filter for kernels that lend us no eBPF: it knows no flows, and drops what says nothing in
/// any flow, TCP segments without payload that neither open nor close. Half of a download's frames
/// are such.
pub(super) fn bare_acknowledgements(snaplen: u32) -> Vec<Classic> {
    // Operations of linux/bpf_common.h: load (byte, half word) absolute or behind X, jumps.
    const LDB: u16 = 0x30;
    const LDH: u16 = 0x28;
    const LDB_X: u16 = 0x50;
    const LDX_IP_HEADER: u16 = 0xb1; // X = 4 * (byte & 15)
    const ADD_X: u16 = 0x0c;
    const SUB_X: u16 = 0x1c;
    const AND: u16 = 0x54;
    const SHIFT_RIGHT: u16 = 0x74;
    const TAX: u16 = 0x07;
    const JEQ: u16 = 0x15;
    const JSET: u16 = 0x45;
    const RET: u16 = 0x06;
    const JUMP_ALWAYS: u16 = 0x05;
    const PASS: u8 = u8::MAX;
    const DROP: u8 = u8::MAX - 1;
    let code = [
        (LDH, 0, 0, 12), // ethertype
        (JEQ, 0, 14, 0x0800),
        // IPv4: transport, fragment, flags; then header lengths against the total length.
        (LDB, 0, 0, 14 + 9),
        (JEQ, 0, PASS, 6),
        (LDH, 0, 0, 14 + 6),
        (JSET, PASS, 0, 0x1fff),
        (LDX_IP_HEADER, 0, 0, 14),
        (LDB_X, 0, 0, 14 + 13),
        (JSET, PASS, 0, 0x07), // FIN, SYN, RST
        (LDB_X, 0, 0, 14 + 12),
        (AND, 0, 0, 0xf0),
        (SHIFT_RIGHT, 0, 0, 2),
        (ADD_X, 0, 0, 0),
        (TAX, 0, 0, 0),
        (LDH, 0, 0, 14 + 2),
        (JUMP_ALWAYS, 0, 0, 10), // to the comparison
        (JEQ, 0, PASS, 0x86dd),
        // IPv6: TCP right behind the header.
        (LDB, 0, 0, 14 + 6),
        (JEQ, 0, PASS, 6),
        (LDB, 0, 0, 54 + 13),
        (JSET, PASS, 0, 0x07),
        (LDB, 0, 0, 54 + 12),
        (SHIFT_RIGHT, 0, 0, 2),
        (AND, 0, 0, 0x3c),
        (TAX, 0, 0, 0),
        (LDH, 0, 0, 14 + 4),
        (SUB_X, 0, 0, 0),
        (JEQ, DROP, PASS, 0),
        (RET, 0, 0, 0),
        (RET, 0, 0, snaplen),
    ];
    let last = code.len() - 1;
    let resolve = |at: usize, to: u8| match to {
        PASS => u8::try_from(last - at - 1).unwrap_or(0),
        DROP => u8::try_from(last - at - 2).unwrap_or(0),
        near => near,
    };
    let assemble = |(at, (op, yes, no, operand)): (usize, (u16, u8, u8, u32))| {
        let ([o0, o1], [k0, k1, k2, k3]) = (op.to_ne_bytes(), operand.to_ne_bytes());
        [o0, o1, resolve(at, yes), resolve(at, no), k0, k1, k2, k3]
    };
    code.into_iter().enumerate().map(assemble).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_jump_lands_inside_the_program_and_forward() {
        let code = flow_filter(3, 4, 5, 2048);
        assert!(code.len() < 128, "{} instructions", code.len());
        for (at, [op, _, o0, o1, ..]) in code.iter().enumerate() {
            let is_jump = matches!(*op & 0x07, 0x05) && !matches!(*op, CALL | EXIT);
            if is_jump {
                let distance = usize::try_from(i16::from_ne_bytes([*o0, *o1])).unwrap();
                assert!(distance > 0 && at + 1 + distance < code.len(), "{at}: {distance}");
            }
        }
        assert_eq!(code.last().map(|insn| insn[0]), Some(EXIT));
    }
}
