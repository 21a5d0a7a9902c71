//! The table whose rules hand the first packets of each forwarded connection to NFLOG groups, for
//! `nflog:GROUP` as the source of a capture. As `nft` writes it:
//!
//! ```text
//! table inet nfa-feed {
//!   chain forward {
//!     type filter hook forward priority mangle; policy accept;
//!     ct packets < 64 log group 5 snaplen 2048 queue-threshold 1
//!   }
//! }
//! ```

use super::{
    ATTR_NAME, ATTR_TABLE, ATTR_TABLE_FLAGS, ATTR_VALUE, Batch, Client, Error, MSG_DELTABLE,
    MSG_NEWTABLE, Operation, Table, TableFamily, Writer, ask, change, dump, message, push, shape,
};

/// The table; nfa alone is to use it.
pub const FEED_TABLE: &str = "nfa-feed";
/// Bytes of a packet that are copied: a datagram, and a ClientHello in two merged segments.
const SNAPLEN: u32 = 2048;
/// Packets that wait for others before they are sent: none, or flows are named late.
const QUEUE_THRESHOLD: u16 = 1;

/// Most packets of a connection, both ways together, that a rule may hand on.
pub const FEED_PACKETS_MAX: u32 = 1 << 20;

const CHAIN: &str = "forward";

// linux/netfilter/nf_tables.h, enum nf_tables_msg_types
const MSG_NEWCHAIN: u8 = 3;
const MSG_NEWRULE: u8 = 6;
const MSG_GETRULE: u8 = 7;
// enum nft_chain_attributes and nft_hook_attributes
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const CHAIN_TYPE: u16 = 7;
const HOOK_NUMBER: u16 = 1;
const HOOK_PRIORITY: u16 = 2;
/// `NF_INET_FORWARD` (linux/netfilter.h).
const FORWARD: u32 = 2;
/// `NF_IP_PRI_MANGLE` (linux/netfilter_ipv4.h): -150.
const MANGLE: u32 = (-150_i32).cast_unsigned();
const ACCEPT: u32 = 1;
// enum nft_rule_attributes, nft_list_attributes, nft_expr_attributes
const RULE_EXPRESSIONS: u16 = 4;
const LIST_ELEM: u16 = 1;
const EXPR_NAME: u16 = 1;
const EXPR_DATA: u16 = 2;
/// `NFT_REG_1`.
const REGISTER: u32 = 1;
/// `NFT_CT_PKTS`: of both directions, where none is named.
const CT_PACKETS: u32 = 14;
/// `NFT_BYTEORDER_HTON`.
const TO_NETWORK_ORDER: u32 = 1;
/// `NFT_CMP_LT`.
const LESS_THAN: u32 = 2;
/// Bytes of the counter.
const COUNTER_BYTES: u32 = 8;
// enum nft_log_attributes
const LOG_GROUP: u16 = 1;
const LOG_SNAPLEN: u16 = 3;
const LOG_QUEUE_THRESHOLD: u16 = 4;

/// What one NFLOG group is fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feed {
    /// The group.
    pub group: u16,
    /// A packet is handed on while its connection has fewer than this, both ways together.
    pub packets: u32,
}

/// The table itself.
pub fn feed_table() -> Table {
    Table { family: TableFamily::Inet, name: FEED_TABLE.to_owned() }
}

/// Makes the table with a rule for each feed, in place of what is in it: one transaction, so that
/// no packet passes in between.
pub fn set_feeds(batch: &mut Batch, feeds: &[Feed]) -> Result<(), Error> {
    let table = feed_table();
    let mut is_first = true;
    let mut add = |msg, flags, fill: &dyn Fn(&mut Writer<'_>)| {
        let mut change = change(msg, flags, &table);
        // All or nothing: a chain without its rules would be believed to be whole.
        change.with_last = !std::mem::take(&mut is_first);
        push(batch, change, |writer| {
            writer.text(ATTR_TABLE, FEED_TABLE);
            fill(writer);
        })
    };
    // What is deleted must be there.
    add(MSG_NEWTABLE, 0, &|writer| writer.be32(ATTR_TABLE_FLAGS, 0))?;
    add(MSG_DELTABLE, 0, &|_| ())?;
    add(MSG_NEWTABLE, 0, &|writer| writer.be32(ATTR_TABLE_FLAGS, 0))?;
    add(MSG_NEWCHAIN, message::CREATE, &|writer| {
        writer.text(CHAIN_NAME, CHAIN);
        writer.nested(CHAIN_HOOK, |hook| {
            hook.be32(HOOK_NUMBER, FORWARD);
            hook.be32(HOOK_PRIORITY, MANGLE);
        });
        writer.be32(CHAIN_POLICY, ACCEPT);
        writer.text(CHAIN_TYPE, "filter");
    })?;
    for feed in feeds {
        add(MSG_NEWRULE, message::CREATE | message::APPEND, &|writer| {
            writer.text(ATTR_NAME, CHAIN);
            writer.nested(RULE_EXPRESSIONS, |list| rule(list, *feed));
        })?;
    }
    Ok(())
}

fn rule(list: &mut Writer<'_>, feed: Feed) {
    expression(list, "ct", |data| {
        data.be32(2, CT_PACKETS); // NFTA_CT_KEY
        data.be32(1, REGISTER); // NFTA_CT_DREG
    });
    // Registers are compared as bytes, and the counter is the machine's number.
    expression(list, "byteorder", |data| {
        for (kind, value) in
            (1..).zip([REGISTER, REGISTER, TO_NETWORK_ORDER, COUNTER_BYTES, COUNTER_BYTES])
        {
            data.be32(kind, value); // NFTA_BYTEORDER_SREG, DREG, OP, LEN, SIZE
        }
    });
    expression(list, "cmp", |data| {
        data.be32(1, REGISTER); // NFTA_CMP_SREG
        data.be32(2, LESS_THAN); // NFTA_CMP_OP
        data.nested(3, |value| value.be64(ATTR_VALUE, feed.packets.into())); // NFTA_CMP_DATA
    });
    expression(list, "log", |data| {
        data.bytes(LOG_GROUP, &feed.group.to_be_bytes());
        data.be32(LOG_SNAPLEN, SNAPLEN);
        data.bytes(LOG_QUEUE_THRESHOLD, &QUEUE_THRESHOLD.to_be_bytes());
    });
}

fn expression(list: &mut Writer<'_>, name: &str, fill: impl FnOnce(&mut Writer<'_>)) {
    list.nested(LIST_ELEM, |expression| {
        expression.text(EXPR_NAME, name);
        expression.nested(EXPR_DATA, fill);
    });
}

/// How many rules there are in the table; none where there is no table.
pub fn feed_rules(client: &mut Client) -> Result<usize, Error> {
    let table = feed_table();
    let family = table.family.number();
    let object = format!("table {table}");
    let request = ask(Operation::Dump, &object, MSG_GETRULE, message::DUMP, family);
    let ours = |name: &Table| *name == table;
    let rules = dump(
        client,
        &request,
        |writer| writer.text(ATTR_TABLE, FEED_TABLE),
        // Kernels before 4.18 tell the rules of all tables.
        |rule| shape::table_name(rule).filter(ours),
    )?;
    Ok(rules.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `nft add rule inet nfa-feed forward ct packets < 64 log group 5 snaplen 2048
    /// queue-threshold 1` sends as the rule's expressions (strace, nft 1.0.6).
    const BY_NFT: &[u8] = b"\x20\x00\x01\x80\x07\x00\x01\x00ct\x00\x00\x14\x00\x02\x80\x08\x00\x02\
        \x00\x00\x00\x00\x0e\x08\x00\x01\x00\x00\x00\x00\x01\x40\x00\x01\x80\x0e\x00\x01\x00\
        byteorder\x00\x00\x00\x2c\x00\x02\x80\x08\x00\x01\x00\x00\x00\x00\x01\x08\x00\x02\x00\x00\
        \x00\x00\x01\x08\x00\x03\x00\x00\x00\x00\x01\x08\x00\x04\x00\x00\x00\x00\x08\x08\x00\x05\
        \x00\x00\x00\x00\x08\x30\x00\x01\x80\x08\x00\x01\x00cmp\x00\x24\x00\x02\x80\x08\x00\x01\
        \x00\x00\x00\x00\x01\x08\x00\x02\x00\x00\x00\x00\x02\x10\x00\x03\x80\x0c\x00\x01\x00\x00\
        \x00\x00\x00\x00\x00\x00\x40\x28\x00\x01\x80\x08\x00\x01\x00log\x00\x1c\x00\x02\x80\x06\
        \x00\x01\x00\x00\x05\x00\x00\x08\x00\x03\x00\x00\x00\x08\x00\x06\x00\x04\x00\x00\x01\x00\
        \x00";

    #[test]
    #[cfg(target_endian = "little")] // headers of attributes are in the machine's order
    fn the_rule_is_what_nft_sends() {
        let mut batch = Batch::new();
        set_feeds(&mut batch, &[Feed { group: 5, packets: 64 }]).unwrap();
        assert!(batch.queued().ends_with(BY_NFT), "{:x?}", batch.queued());
        assert_eq!(batch.len(), 5);
    }
}
