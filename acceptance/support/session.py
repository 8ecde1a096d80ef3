"""A client of ECS Exec's data channel, written from the session-manager-plugin's sources."""

import hashlib
import json
import struct
import time
import uuid

import websocket

OUTPUT, SIZE, HANDSHAKE_REQUEST, HANDSHAKE_RESPONSE, HANDSHAKE_COMPLETE, FLAG, STDERR, EXIT_CODE = 1, 3, 5, 6, 7, 10, 11, 12
HEADER = struct.Struct(">I32sIQqQ16s32sII")


class Message:
    def __init__(self, kind, sequence, payload_type, payload, flags=0, message_id=None):
        self.kind, self.sequence, self.flags = kind, sequence, flags
        self.payload_type, self.payload, self.id = payload_type, payload, message_id or uuid.uuid4()

    def encode(self):
        raw = self.id.bytes
        return HEADER.pack(116, self.kind.encode().ljust(32), 1, int(time.time() * 1000), self.sequence, self.flags,
                           raw[8:] + raw[:8], hashlib.sha256(self.payload).digest(), self.payload_type,
                           len(self.payload)) + self.payload

    @staticmethod
    def decode(frame):
        length, kind, version, _, sequence, flags, raw, digest, payload_type, size = HEADER.unpack_from(frame)
        payload = frame[HEADER.size:]
        assert (length, version, len(payload)) == (116, 1, size)
        assert hashlib.sha256(payload).digest() == digest
        return Message(kind.strip(b"\0 ").decode(), sequence, payload_type, payload, flags, uuid.UUID(bytes=raw[8:] + raw[:8]))


class Session:
    """Opens a session as the plugin does; `handshake=False` is a client that knows of none."""

    def __init__(self, session, handshake=True, acknowledge=True, timeout=60, terminal=None):
        self.id, self.acknowledges, self.expected, self.next = session["sessionId"], acknowledge, 0, 0
        self.output, self.stderr, self.exit_code, self.closed, self.handshakes = b"", b"", None, None, handshake
        self.seen = []
        self.socket = websocket.create_connection(session["streamUrl"], timeout=timeout)
        opening = {"MessageSchemaVersion": "1.0", "RequestId": str(uuid.uuid4()), "TokenValue": session["tokenValue"],
                   "ClientId": str(uuid.uuid4()), "ClientVersion": "1.2.707.0"}
        self.socket.send(json.dumps(opening | ({} if terminal is None else {"Terminal": terminal})))

    def send(self, payload_type, payload, sequence=None):
        number = self.next if sequence is None else sequence
        self.next = max(self.next, number + 1)
        self.socket.send_binary(Message("input_stream_data", number, payload_type, payload).encode())

    def type(self, text):
        self.send(OUTPUT, text.encode() if isinstance(text, str) else text)

    def resize(self, columns, rows):
        self.send(SIZE, json.dumps({"cols": columns, "rows": rows}).encode())

    def receive(self):
        """Takes one message; False when the connection is closed."""
        opcode, frame = self.socket.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            self.close_code = struct.unpack(">H", frame[:2])[0] if len(frame) >= 2 else None
            return False
        if opcode != websocket.ABNF.OPCODE_BINARY:
            return True
        message = Message.decode(frame)
        self.seen.append((message.kind, message.sequence, message.payload_type))
        if message.kind == "channel_closed":
            self.closed = json.loads(message.payload)
        elif message.kind == "output_stream_data":
            if self.acknowledges:
                told = {"AcknowledgedMessageType": message.kind, "AcknowledgedMessageId": str(message.id),
                        "AcknowledgedMessageSequenceNumber": message.sequence, "IsSequentialMessage": True}
                self.socket.send_binary(Message("acknowledge", 0, 0, json.dumps(told).encode()).encode())
            if message.sequence == self.expected:
                self.expected += 1
                self.take(message)
        return True

    def take(self, message):
        if message.payload_type == HANDSHAKE_REQUEST and self.handshakes:
            asked = json.loads(message.payload)["RequestedClientActions"]
            done = [{"ActionType": a["ActionType"], "ActionStatus": 1, "ActionResult": None, "Error": ""} for a in asked]
            answer = {"ClientVersion": "1.2.707.0", "ProcessedClientActions": done, "Errors": None}
            self.send(HANDSHAKE_RESPONSE, json.dumps(answer).encode())
        elif message.payload_type == OUTPUT:
            self.output += message.payload
        elif message.payload_type == STDERR:
            self.stderr += message.payload
        elif message.payload_type == EXIT_CODE:
            self.exit_code = int(message.payload)

    def until(self, condition, timeout=60):
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"only {self.output[-2000:]!r} came, {self.seen[-10:]}"
            assert self.receive() or condition(), f"closed with {self.closed} after {self.output[-2000:]!r}"
        return self

    def wait_for(self, text, timeout=60):
        return self.until(lambda: text.encode() in self.output, timeout)

    def wait_for_end(self, timeout=60):
        self.until(lambda: self.closed is not None, timeout)
        self.socket.close()
        return self.closed
