"""One BitTorrent peer by libtorrent-rasterbar, so that the transport can be chosen exactly.

Prints a line of state twice a second ("seeding" when complete). SIGUSR1 lifts the download limit.
"""

import argparse
import signal
import time

import libtorrent as lt


def settings(options):
    """Plain or encrypted, one transport or both, and nothing that was not asked for."""
    crypt = lt.enc_policy.forced if options.encrypted else lt.enc_policy.disabled
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
        "in_enc_policy": crypt,
        "out_enc_policy": crypt,
        "allowed_enc_level": lt.enc_level.rc4,
        "allow_multiple_connections_per_ip": True,
        "ssrf_mitigation": False,
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
    parser.add_argument("--lsd", action="store_true")
    parser.add_argument("--dht", nargs="?", const="", help="join the DHT, through HOST:PORT")
    parser.add_argument("--limit", type=int, default=0, help="bytes per second; 0 is none")
    options = parser.parse_args()
    session = lt.session(settings(options))
    torrent = lt.add_torrent_params()
    torrent.ti = lt.torrent_info(options.torrent)
    torrent.save_path = options.directory
    handle = session.add_torrent(torrent)
    signal.signal(
        signal.SIGUSR1, lambda *_: session.apply_settings({"download_rate_limit": 0})
    )
    signal.signal(signal.SIGTERM, lambda *_: exit(0))
    while True:
        status = handle.status()
        print(f"{status.state} {status.total_done} bytes, {status.num_peers} peers", flush=True)
        for alert in session.pop_alerts():
            print("  ", alert.message(), flush=True)
        time.sleep(0.5)


if __name__ == "__main__":
    main()
