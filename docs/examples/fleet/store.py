#!/usr/bin/env python3
"""On the collector: what routers publish, as rows of a SQL store.

    mosquitto_sub -h BROKER -t 'nfa/+/records' -F '%t %p' | store.py FILE

A flow has one row, found by router and digest: its names come with flow_dpi_complete, its volumes grow
with flow_stats and flow_purge. Ask it, for instance, who used what today:

    select router, application, sum(bytes_local + bytes_other) from flows group by 1, 2 order by 3;
"""

import json
import sqlite3
import sys

TABLES = """
create table if not exists flows (
    router text not null, digest text not null, began integer, ended integer,
    protocol text, application text, category text, host text, client text, other text,
    packets integer not null default 0,
    bytes_local integer not null default 0, bytes_other integer not null default 0,
    primary key (router, digest));
create table if not exists agents (
    router text primary key, version text, seen integer, uptime integer, flows integer,
    memory_kb integer);
"""
NAMES = """
insert into flows (router, digest, began, protocol, application, category, host, client, other)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (router, digest) do update set
    protocol = excluded.protocol, application = excluded.application,
    category = excluded.category, host = excluded.host
"""
VOLUME = """
insert into flows (router, digest, began, ended, packets, bytes_local, bytes_other)
values (?, ?, ?, ?, ?, ?, ?)
on conflict (router, digest) do update set
    ended = excluded.ended, packets = packets + excluded.packets,
    bytes_local = bytes_local + excluded.bytes_local,
    bytes_other = bytes_other + excluded.bytes_other
"""
AGENT = "insert or replace into agents values (?, ?, ?, ?, ?, ?)"


def store(base, router, record):
    """One record; types that nobody knows here are left out."""
    kind, flow = record.get("type"), record.get("flow", {})
    if kind in ("flow", "flow_dpi_update", "flow_dpi_complete"):
        host = flow.get("host_server_name") or flow.get("dns_host_name")
        category = flow["category"]["application"]
        base.execute(NAMES, (router, flow["digest"], flow["first_seen_at"],
                             flow["detected_protocol_name"], flow["detected_application_name"],
                             category, host, flow.get("local_ip"), flow.get("other_ip")))  # fmt: skip
    elif kind in ("flow_stats", "flow_purge"):
        ended = flow["last_seen_at"] if kind == "flow_purge" else None
        base.execute(VOLUME, (router, flow["digest"], flow["first_seen_at"], ended,
                              flow["local_packets"] + flow["other_packets"],
                              flow["local_bytes"], flow["other_bytes"]))  # fmt: skip
    elif kind == "agent_status":
        base.execute(AGENT, (router, record["agent_version"], record["timestamp"],
                             record["uptime"], record["flow_count"], record["memrss_kb"]))  # fmt: skip


def main():
    base = sqlite3.connect(sys.argv[1])
    base.executescript(TABLES)
    for line in sys.stdin:
        topic, _, payload = line.partition(" ")
        try:
            store(base, topic.split("/")[1], json.loads(payload))
        except (ValueError, KeyError, IndexError) as error:
            print(f"left out: {error!r}: {line[:200]}", file=sys.stderr)
        base.commit()


if __name__ == "__main__":
    main()
