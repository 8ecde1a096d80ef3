"""An endpoint for subscriptions: keeps what is posted to it, and can be told to fail."""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """Answers 200 to posts of gzip'd JSON; 500 while `failing`."""

    def __init__(self):
        self.messages, self.refused, self.failing = [], 0, False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Encoding"] == "gzip", dict(self.headers)
                if receiver.failing:
                    receiver.refused += 1
                else:
                    receiver.messages.append(json.loads(gzip.decompress(body)))
                self.send_response(500 if receiver.failing else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/logs"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def data(self):
        return [m for m in self.messages if m["messageType"] == "DATA_MESSAGE"]

    def events(self):
        return [e["message"] for m in self.data() for e in m["logEvents"]]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
