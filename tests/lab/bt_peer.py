"""One BitTorrent peer by libtorrent-rasterbar, so that the transport can be chosen exactly.

Prints a line of state twice a second ("seeding" when all torrents are complete). SIGUSR1 lifts the
download limit; SIGUSR2 forces encryption on all connections to come.
"""

import argparse
import signal
import time

import libtorrent as lt


def settings(options):
    """Plain or encrypted, one transport or both, and nothing that was not asked for."""
    encrypted = options.encrypted or options.mixed
    crypt = lt.enc_policy.forced if encrypted else lt.enc_policy.disabled
    return {
        "listen_interfaces": options.listen,
        "outgoing_interfaces": "",
        "enable_dht": options.dht is not None,
        "dht_bootstrap_nodes": options.dht or "",
        "dht_restrict_routing_ips": False,
        "dht_restrict_search_ips": False,
        "enable_lsd": options.lsd,
        "enable_upnp": False,
        "enable_natpmp": False,
        "enable_incoming_tcp": options.transport != "utp",
        "enable_outgoing_tcp": options.transport != "utp",
        "enable_incoming_utp": options.transport != "tcp",
        "enable_outgoing_utp": options.transport != "tcp",
        "in_enc_policy": lt.enc_policy.enabled if options.mixed else crypt,
        "out_enc_policy": crypt,
        "allowed_enc_level": lt.enc_level.rc4,
        "allow_multiple_connections_per_ip": True,
        "ssrf_mitigation": False,
        "validate_https_trackers": False,
        "rate_limit_ip_overhead": False,
        "max_peerlist_size": 50,
        "min_reconnect_time": 3,
        "download_rate_limit": options.limit,
        "alert_mask": lt.alert.category_t.error_notification
        | lt.alert.category_t.tracker_notification
        | lt.alert.category_t.peer_notification
        | lt.alert.category_t.connect_notification,
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("torrent")
    parser.add_argument("directory")
    parser.add_argument("--listen", required=True, help="ADDRESS:PORT[,[ADDRESS]:PORT]")
    parser.add_argument("--transport", choices=["tcp", "utp", "both"], default="both")
    parser.add_argument("--encrypted", action="store_true")
    parser.add_argument("--mixed", action="store_true", help="encrypted out, either way in")
    parser.add_argument("--no-pex", action="store_true")
    parser.add_argument("--lsd", action="store_true")
    parser.add_argument("--dht", nargs="?", const="", help="join the DHT, through HOST:PORT")
    parser.add_argument("--limit", type=int, default=0, help="bytes per second; 0 is none")
    parser.add_argument("--more", action="append", default=[], help="another torrent or magnet")
    parser.add_argument("--connect", action="append", default=[], help="HOST:PORT of a peer")
    options = parser.parse_args()
    session = lt.session(settings(options))
    handles = [
        session.add_torrent(parameters(torrent, options))
        for torrent in [options.torrent, *options.more]
    ]
    forced = {"in_enc_policy": lt.enc_policy.forced, "out_enc_policy": lt.enc_policy.forced}
    for number, change in [
        (signal.SIGUSR1, {"download_rate_limit": 0}),
        (signal.SIGUSR2, forced),
    ]:
        signal.signal(number, lambda *_, change=change: session.apply_settings(change))
    signal.signal(signal.SIGTERM, lambda *_: exit(0))
    rounds = 0
    while True:
        tell(session, handles)
        for handle in handles:
            if rounds % 6 == 0 and options.dht is not None:
                handle.force_dht_announce()  # else once in minutes, whoever is there by then
            if rounds % 6 == 0 and handle.status().num_peers < len(options.connect):
                for peer in options.connect:
                    host, _, port = peer.rpartition(":")
                    handle.connect_peer((host.strip("[]"), int(port)))
        rounds += 1
        time.sleep(0.5)


def parameters(torrent, options):
    """A torrent by file or by magnet link."""
    if torrent.startswith("magnet:"):
        wanted = lt.parse_magnet_uri(torrent)
    else:
        wanted = lt.add_torrent_params()
        wanted.ti = lt.torrent_info(torrent)
    wanted.save_path = options.directory
    if options.no_pex:
        wanted.flags |= lt.torrent_flags.disable_pex
    return wanted


def tell(session, handles):
    """One line for the state of all torrents, and what the session has to say."""
    states = [handle.status() for handle in handles]
    least = min(states, key=lambda status: status.progress)
    done, peers = (sum(getattr(s, key) for s in states) for key in ("total_done", "num_peers"))
    print(f"{least.state} {done} bytes, {peers} peers", flush=True)
    for alert in session.pop_alerts():
        print("  ", alert.message(), flush=True)


if __name__ == "__main__":
    main()
