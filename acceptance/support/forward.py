"""Fluentd's forward protocol, as much as a receiver needs: alone in a test, or as the program of a log router's image."""

import http.server
import json
import os
import signal
import socket
import socketserver
import sys
import threading


def decode(data, at=0):
    """The MessagePack value at `at`, and where it ends; IndexError while it is not whole."""
    head, at = data[at], at + 1
    def number(size, signed=False):
        if at + size > len(data):
            raise IndexError
        return int.from_bytes(data[at:at + size], "big", signed=signed), at + size
    def text(length, at):
        if at + length > len(data):
            raise IndexError
        return data[at:at + length].decode("utf-8", "replace"), at + length
    def items(count, at):
        found = []
        for _ in range(count):
            value, at = decode(data, at)
            found.append(value)
        return found, at
    def pairs(count, at):
        found, at = items(2 * count, at)
        return dict(zip(found[::2], found[1::2])), at
    if head < 0x80:
        return head, at
    if head < 0x90:
        return pairs(head & 0x0f, at)
    if head < 0xa0:
        return items(head & 0x0f, at)
    if head < 0xc0:
        return text(head & 0x1f, at)
    if head == 0xd7:
        value, end = number(9)
        return (value >> 32 & 0xffffffff) + (value & 0xffffffff) / 1e9, end
    if head in (0xd9, 0xda, 0xdb):
        length, at = number(1 << (head - 0xd9))
        return text(length, at)
    if head == 0xd3:
        return number(8, signed=True)
    if head in (0xde, 0xdf):
        count, at = number(2 if head == 0xde else 4)
        return pairs(count, at)
    raise ValueError(f"no MessagePack: {head:#x}")


class Forward:
    """Takes messages at a TCP port or a unix socket and keeps them as (tag, time, record, option)."""

    def __init__(self, address, acknowledge=True, on_message=None):
        self.messages, self.connections = [], []
        receiver = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                receiver.connections.append(self.request)
                data = b""
                while chunk := self.request.recv(1 << 16):
                    data += chunk
                    while True:
                        try:
                            message, end = decode(data)
                        except IndexError:
                            break
                        data = data[end:]
                        receiver.messages.append(tuple(message))
                        if on_message:
                            on_message(*message)
                        chunk_id = message[3].get("chunk")
                        if chunk_id and acknowledge:
                            self.request.sendall(b"\x81\xa3ack" + bytes([0xd9, len(chunk_id)]) + chunk_id.encode())

        family = socketserver.ThreadingUnixStreamServer if isinstance(address, str) else socketserver.ThreadingTCPServer
        class Server(family):
            allow_reuse_address = True
            daemon_threads = True
            def handle_error(self, *_):
                pass
        self.server = Server(address, Handler)
        self.address = self.server.server_address
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def lines(self, tag=None):
        return [record["log"] for found, _, record, _ in self.messages if tag in (None, found)]

    def close(self):
        """Goes away: what is connected is cut off."""
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Bytes:
    """Keeps whatever comes to a TCP port; at another one it answers HTTP requests that all is well."""

    def __init__(self):
        self.seen = bytearray()
        receiver = self

        class Raw(socketserver.BaseRequestHandler):
            def handle(self):
                while chunk := self.request.recv(1 << 16):
                    receiver.seen += chunk

        class Web(http.server.BaseHTTPRequestHandler):
            def answer(self):
                receiver.seen += self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(200)
                self.end_headers()

            do_OPTIONS = do_POST = answer

            def log_message(self, *_):
                pass

        servers = [socketserver.ThreadingTCPServer(("127.0.0.1", 0), Raw), http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)]
        for server in servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
        self.address, self.http_address = (f"127.0.0.1:{server.server_address[1]}" for server in servers)


def router(path):
    """What a log router does with the configuration that it is given: its forward inputs, and records to its own output."""
    config = open(path).read()
    print("CONFIG " + json.dumps(config), flush=True)
    print("ROUTER " + json.dumps({"environment": os.environ.get("FLUENT_UID"), "user": os.getuid()}), flush=True)
    lock = threading.Lock()
    def tell(tag, time, record, option):
        with lock:
            print("RECORD " + json.dumps([tag, time, record]), flush=True)
    sections, section = [], None
    for line in config.splitlines():
        if line.startswith("["):
            section = {"section": line.strip("[]")}
            sections.append(section)
        elif line.startswith("    "):
            name, _, value = line.strip().partition(" ")
            section[name] = value.strip()
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    for each in sections:
        if each["section"] == "INPUT" and each["Name"] == "forward":
            Forward(each["unix_path"] if "unix_path" in each else (each["Listen"], int(each["Port"])), on_message=tell)
    print("LISTENING", flush=True)
    done.wait()
    print("BYE", flush=True)


if __name__ == "__main__":
    router(sys.argv[1])
