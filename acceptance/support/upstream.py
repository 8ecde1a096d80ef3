"""A target for load balancers, as a process: `python upstream.py PORT NAME [ADDRESS]`.

It answers with what it got as JSON. `/status/N` makes its health `N`; `/hold` answers when `/release` is asked for;
`/hang` never answers; `/socket` switches to a protocol that echoes; `/bytes/N` sends N bytes.
"""

import base64
import hashlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = sys.argv[2] if len(sys.argv) > 2 else "upstream"
released = threading.Event()
health = [200]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/health":
            return self.answer(b"", health[0])
        if path.startswith("/status/"):
            health[0] = int(path.rpartition("/")[2])
        if path == "/release":
            released.set()
        if path == "/hold":
            released.clear()
            released.wait(60)
        if path == "/hang":
            threading.Event().wait(60)
        if path == "/socket":
            return self.echo()
        if path.startswith("/bytes/"):
            return self.answer(b"x" * int(path.rpartition("/")[2]))
        self.tell(b"")

    def do_POST(self):
        body = b""
        if "chunked" in self.headers.get("transfer-encoding", ""):
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.tell(body)

    do_PUT = do_POST

    def tell(self, body):
        headers = [[name.lower(), value] for name, value in self.headers.items()]
        told = {"name": NAME, "method": self.command, "path": self.path, "headers": headers, "length": len(body)}
        self.answer(json.dumps(told).encode())

    def answer(self, body, status=200):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def echo(self):
        self.send_response(101)
        self.send_header("connection", "upgrade")
        self.send_header("upgrade", self.headers["upgrade"])
        if key := self.headers["sec-websocket-key"]:
            magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            self.send_header("sec-websocket-accept", base64.b64encode(hashlib.sha1((key + magic).encode()).digest()).decode())
        self.end_headers()
        while data := self.connection.recv(65536):
            self.connection.sendall(data)
        self.close_connection = True

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


if __name__ == "__main__":
    Server((sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
