"""A service of a node for the tests of the gateway: downloads, uploads, events and a WebSocket, with the standard library only.

usage: gateway_service.py PORT_FILE            on a port of the system's choice
       gateway_service.py --port PORT [PREFIX]  whose paths begin with the prefix

GET /bytes/N      N bytes, with their length          POST /upload   their count and SHA-256
GET /chunks/N     N chunks "chunk i\\n"                GET /events    three server-sent events, then none for ever
GET /old/N        N bytes until the connection ends   GET /headers   what the service was sent, as JSON
GET /slow/N       N bytes, 64 KiB at a time, so that a test can break it off
GET /redirect     to /headers                         GET /ws        a WebSocket that sends back what it gets
"""

import base64
import hashlib
import http.server
import json
import pathlib
import socketserver
import struct
import sys
import time


PREFIX = sys.argv[3] if len(sys.argv) > 3 else ""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, content_type="application/octet-stream", status=200, **headers):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = self.path.split("?")[0].removeprefix(PREFIX)
        _, kind, *rest = path.split("/")
        count = int(rest[0]) if rest and rest[0] else 0
        if kind == "bytes" or kind == "slow":
            self.send_response(200)
            self.send_header("Content-Length", str(count))
            self.end_headers()
            block = b"x" * (1 << (16 if kind == "slow" else 20))
            for start in range(0, count, len(block)):
                self.wfile.write(block[:count - start])
                if kind == "slow":
                    time.sleep(0.02)
        elif kind == "chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for i in range(count):
                text = f"chunk {i}\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
            self.wfile.write(b"0\r\n\r\n")
        elif kind == "old":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * count)
            self.close_connection = True
        elif kind == "events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for i in range(3):
                self.wfile.write(f"data: {i}\n\n".encode())
                self.wfile.flush()
                time.sleep(0.2)
            time.sleep(3600)
        elif kind == "headers":
            self.answer(json.dumps({"path": self.path, "headers": dict(self.headers.items())}).encode(), "application/json",
                        Set_Cookie="session=1; Path=/")
        elif kind == "redirect":
            self.answer(b"", status=302, Location="/headers")
        elif kind == "ws":
            self.web_socket()
        else:
            self.answer(b"<!doctype html><title>a node's page</title><link rel=icon href=data:,><h1>A page of the node</h1><p id=echo>waiting</p>"
                        b"<script>const s = new WebSocket(new URL('ws', location.href).href.replace('http', 'ws'));"
                        b"s.onopen = () => s.send('hello');"
                        b"s.onmessage = (e) => { document.getElementById('echo').textContent = 'echo ' + e.data; };</script>", "text/html")

    def do_POST(self):
        digest, count = hashlib.sha256(), 0
        left = int(self.headers["Content-Length"])
        while left > 0:
            part = self.rfile.read(min(left, 1 << 20))
            if not part:
                return
            digest.update(part)
            count += len(part)
            left -= len(part)
        self.answer(json.dumps({"count": count, "sha256": digest.hexdigest()}).encode(), "application/json")

    def web_socket(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while True:
            opcode, payload = read_frame(self.rfile)
            if opcode is None or opcode == 8:
                return
            self.wfile.write(frame(opcode, payload))
            self.wfile.flush()


def read_frame(file):
    """(opcode, payload) of one WebSocket frame of at most 64 KiB; (None, b"") at the end."""
    start = file.read(2)
    if len(start) < 2:
        return None, b""
    length = start[1] & 127
    if length == 126:
        length, = struct.unpack(">H", file.read(2))
    mask = file.read(4) if start[1] & 128 else bytes(4)
    payload = file.read(length)
    return start[0] & 15, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def frame(opcode, payload, mask=None):
    """A WebSocket frame of at most 64 KiB; masked, as a client's must be, if `mask` is given."""
    bit = 128 if mask else 0
    head = bytes([128 | opcode]) + (bytes([bit | len(payload)]) if len(payload) < 126 else bytes([bit | 126]) + struct.pack(">H", len(payload)))
    if mask:
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return head + (mask or b"") + payload


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    if sys.argv[1] == "--port":
        server = Server(("127.0.0.1", int(sys.argv[2])), Handler)
    else:
        server = Server(("127.0.0.1", 0), Handler)
        port_file = pathlib.Path(sys.argv[1])
        port_file.with_suffix(".new").write_text(str(server.server_port))
        port_file.with_suffix(".new").rename(port_file)
    server.serve_forever()
