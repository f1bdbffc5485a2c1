"""send_packets.py JSON: sends packets of the kinds that are listed, [[kind, address, port], ...], one of each. With
"stay" it sends them on each line of standard input until that ends."""

import json
import socket
import struct
import sys


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def raw(address, protocol, data):
    with socket.socket(family_of(address), socket.SOCK_RAW, protocol) as sender:
        sender.sendto(data, (address, 0))


def send(kind, address, port):
    family = family_of(address)
    if kind == "tcp":
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.setblocking(False)
            client.connect_ex((address, port))
            return
    if kind in ("udp", "large"):
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.sendto(b"x" * (3000 if kind == "large" else 8), (address, port))
    elif kind == "udp-options":  # IPv6 destination options: one that pads
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.sendmsg([b"x"], [(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, bytes([0, 0, 1, 4, 0, 0, 0, 0]))],
                           0, (address, port))
    elif kind == "ping":
        if family == socket.AF_INET:
            echo = struct.pack("!BBHHH", 8, 0, 0, port, 1)
            raw(address, socket.IPPROTO_ICMP, echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:])
        else:
            raw(address, socket.IPPROTO_ICMPV6, struct.pack("!BBHHH", 128, 0, 0, port, 1))
    elif kind == "ack":  # of no connection; nobody looks at the checksum before the firewall does
        raw(address, socket.IPPROTO_TCP, struct.pack("!HHIIBBHHH", 40000, port, 1, 1, 0x50, 0x10, 1000, 0, 0))
    elif kind == "sctp":  # INIT
        raw(address, 132, struct.pack("!HHIIBBHIIHHI", 40000, port, 0, 0, 1, 0, 20, 1, 9000, 1, 1, 1))


def main():
    wishes = json.loads(sys.argv[1])
    if sys.argv[2:] == ["stay"]:
        clients = [(socket.socket(family_of(address), socket.SOCK_DGRAM), address, port) for _, address, port in wishes]
        for _ in sys.stdin:
            for client, address, port in clients:
                try:
                    client.sendto(b"x", (address, port))
                except PermissionError:  # the firewall's answer to a sender of this machine
                    pass
            print("sent", flush=True)
        return
    for wish in wishes:
        try:
            send(*wish)
        except PermissionError:
            pass


if __name__ == "__main__":
    main()
