#!/usr/bin/env python3
"""Writes the seed inputs of the fuzz targets into corpus/. Run again after a change of their input formats.

Findings of the fuzzers stand beside the seeds and are not touched."""

import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def header(length):
    packed = struct.pack("<Q", length)
    return packed + masked(packed)


def record(payload):
    return header(len(payload)) + payload + masked(payload)


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def number(field_number, value):
    return varint(field_number << 3) + varint(value)


def event(step, what=b"", wall=1767225600.5):
    return b"\x09" + struct.pack("<d", wall) + number(2, step) + what


def summary(*values):
    return field(5, b"".join(field(1, value) for value in values))


def write(target, name, data):
    assert len(data) < 1024, name
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


SIMPLE = field(1, b"loss") + b"\x15" + struct.pack("<f", 0.5)
METADATA = field(9, field(1, field(1, b"scalars")) + field(2, b"name"))
TENSOR = number(1, 1) + field(2, b"") + field(5, struct.pack("<f", 1.5))
EVENTS = {
    "file_version": event(0, field(3, b"brain.Event:2") + field(10, field(1, b"writer"))),
    "simple_value": event(7, summary(SIMPLE)),
    "tensor_scalar": event(-1, summary(field(1, b"acc") + METADATA + field(8, TENSOR))),
    "two_values": event(1 << 62, summary(SIMPLE, field(7, b"old name") + field(4, number(1, 3) + field(4, b"png")))),
    "histogram": event(3, summary(field(1, b"h") + field(5, field(6, struct.pack("<2d", 1, 2)) + field(7, struct.pack("<2d", 3, 4))))),
    "audio": event(3, summary(field(1, b"a") + field(6, field(4, b"wav") + field(5, b"audio/wav")))),
    "graph": event(0, field(4, b"graph")),
    "session_log": event(9, field(7, number(1, 1))),
    "run_metadata": event(9, field(8, field(1, b"step") + field(2, b"metadata"))),
    "nan_wall": event(1, summary(SIMPLE), float("nan")),
    "merged": event(1, summary(SIMPLE) + summary(SIMPLE)),
    "replaced": event(1, summary(SIMPLE) + field(3, b"v")),
    "group": event(1, b"\x5b\x08\x01\x5c"),
    "bad_utf8": event(1, summary(field(1, b"\xff"))),
    "cut": event(1, summary(SIMPLE))[:-3],
    "unknown": event(1, number(100, 5) + field(101, b"x")),
    "long_forms": b"\x90\x80\x00\x85\x80\x00\x9a\x00\x81\x00v",
    "tensor_float": TENSOR,
    "tensor_content": number(1, 2) + field(4, struct.pack("<d", 0.1)),
    "tensor_int64": number(1, 9) + field(2, field(2, number(1, 1))) + field(10, varint(-5)),
    "tensor_unpacked": number(1, 3) + number(7, 5),
    "tensor_half": number(1, 19) + field(13, varint(0x3C00)),
    "tensor_vector": number(1, 1) + field(2, field(2, number(1, 2))) + field(5, struct.pack("<2f", 1, 2)),
    "tensor_string": number(1, 7) + field(8, b"text"),
}

WHOLE = record(EVENTS["file_version"]) + record(EVENTS["simple_value"]) + record(b"") + record(EVENTS["tensor_scalar"])


def flipped(offset):
    return WHOLE[:offset] + bytes([WHOLE[offset] ^ 0xFF]) + WHOLE[offset + 1:]


FIRST = len(record(EVENTS["file_version"]))
FILES = {
    "whole": WHOLE,
    "torn": WHOLE[:-5],
    "bad_length": flipped(FIRST),
    "bad_length_crc": flipped(FIRST + 9),
    "bad_data": flipped(FIRST + 14),
    "bad_data_crc": flipped(len(WHOLE) - 1),
    "zero_tail": WHOLE + bytes(100),
    "zero_body": WHOLE[:-30] + bytes(30),
    "hole": WHOLE[:FIRST + 20] + bytes(80) + record(b"after") + record(b"again"),
    "garbage": b"?" + header(50) + WHOLE,
    "huge": WHOLE + header(1 << 63) + b"x" * 50,
    "nested": b"??" + record(record(b"inner")) + record(b"after"),
}

# Programs: (operation, n, operand), as WriteFile of framing_fuzz.cc runs them.
PROGRAMS = {
    "records": b"\x00\x05hello\x00\x00\x04\x10\x00\x03abc",
    "flip": b"\x00\x05hello\x00\x05world\x05\x01\x00\x03\x00\x03abc",
    "hole": b"\x04\x02\x04\x03\x04\x01\x06\x20\x00\x30\x00\x03abc",
    "candidates": b"\x01\x01?" + b"\x02\x02\x10\x00" * 6 + b"\x04\x60\x04\xff\x00\x03abc",
    "huge": b"\x00\x01a\x02\x08\xff\xff\xff\xff\xff\xff\xff\xff\x01\x05xxxxx",
    "zeros": b"\x00\x01a\x03\xff\x00\x01b\x03\x0b",
    "cut": b"\x04\x09\x07\x09\x00\x01b\x04\x02",
}


FORM = "application/x-www-form-urlencoded"

# Method, target, Content-Type, body.
REQUESTS = {
    "runs": ("GET", "/data/runs", "", ""),
    "environment": ("GET", "/data/environment", "", ""),
    "plugins": ("GET", "/data/plugins_listing", "", ""),
    "tags": ("GET", "/data/plugin/scalars/tags", "", ""),
    "scalars": ("GET", "/data/plugin/scalars/scalars?run=node%2Fa+b&tag=loss%2Ftrain&format=csv", "", ""),
    "scalars_multirun": ("POST", "/data/plugin/scalars/scalars_multirun", FORM, "tag=loss%2Ftrain&runs=node%2Fa+b&runs=x"),
    "timeseries_tags": ("GET", "/data/plugin/timeseries/tags", "", ""),
    "timeseries": ("POST", "/experiment/defaultExperimentId/data/plugin/timeseries/timeSeries", FORM,
                   "requests=%5B%7B%22plugin%22%3A%22scalars%22%2C%22tag%22%3A%22loss%2Ftrain%22%7D%5D"),
    "timeseries_multipart": ("POST", "/data/plugin/timeseries/timeSeries", "multipart/form-data; boundary=b",
                             '--b\r\nContent-Disposition: form-data; name="requests"\r\n\r\n'
                             '[{"plugin":"images","tag":"picture","run":"node/a b","sample":0}]\r\n--b--\r\n'),
    "image": ("GET", "/data/plugin/images/images?run=node%2Fa%20b&tag=picture&sample=0", "", ""),
    "image_bytes": ("GET", "/data/plugin/images/individualImage?blob_key=WyIiLCJub2RlL2EgYiIsInBpY3R1cmUiLDMsMF0", "", ""),
    "histograms": ("GET", "/data/plugin/histograms/histograms?run=node%2Fa+b&tag=weights", "", ""),
    "hparams": ("POST", "/data/plugin/hparams/experiment", "application/json", '{"experimentName": "a"}'),
    "series": ("GET", "/api/v1/series?run=node%2Fa+b&tag=loss%2Ftrain&from_step=3&limit=5", "", ""),
    "cluster": ("GET", "/api/v1/cluster", "", ""),
    "health": ("HEAD", "/healthz", "", ""),
    "runs_list": ("GET", "/api/v1/runs?below=node&decided=false&limit=3&audit_limit=0", "", ""),
    "runs_rename": ("POST", "/api/v1/runs", "application/json", '{"run":"node/a b","action":"rename","to":"c"}'),
    "views": ("GET", "/all/api/v1/views", "", ""),
    "namespaces": ("GET", "/api/v1/namespaces?below=node&after=a&limit=7", "", ""),
    "view_below": ("GET", "/ns/node%2Fa%20b/experiment/x/data/plugin/timeseries/timeSeries?requests="
                          "%5B%7B%22plugin%22%3A%22scalars%22%2C%22tag%22%3A%22loss%2Ftrain%22%7D%5D", "", ""),
    "view_redirect": ("GET", "/ns/%0d%0a%zz%2F", "", ""),
    "escape": ("GET", "/%2e%2e/%2fetc/passwd%00", "", ""),
}


def tunnel_frame(channel, field_number, value):
    """A TunnelFrame with its length before it: `value` is a number, or the bytes of a field."""
    frame = number(1, channel) + (number(field_number, value) if isinstance(value, int) else field(field_number, value))
    return struct.pack("<H", len(frame)) + frame


def tunnel_ping(count, answer=0):
    return tunnel_frame(0, 9, number(1, count) + number(2, answer))


HELLO = tunnel_frame(0, 2, field(1, b"token") + number(2, 65536))
READY = tunnel_frame(0, 3, number(1, 65536) + number(2, 2048) + number(3, 8) + number(4, 5) + number(5, 15))
# The side (even: the collector's), then frames.
TUNNELS = {
    "collector": b"\x00" + HELLO + tunnel_frame(1, 5, b"answer") + tunnel_frame(2, 7, b"") + tunnel_frame(1, 6, 4096) + tunnel_frame(1, 8, field(1, b"gone")),
    "collector_refuses": b"\x00" + tunnel_frame(0, 2, field(1, b"no") + number(2, 65536)),
    "collector_bulk": b"\x00" + HELLO + b"".join(tunnel_frame(1 + i % 2, 5, b"x" * 300) + tunnel_frame(1 + i % 2, 6, 300) for i in range(2)),
    "collector_pings": b"\x00" + HELLO + tunnel_ping(1) + tunnel_ping(2, 1) + tunnel_ping(3),
    "node": b"\x01" + READY + b"".join(tunnel_frame(i, 4, field(1, b"board")) + tunnel_frame(i, 5, b"GET /") for i in range(1, 6)) + tunnel_frame(2, 7, b""),
    "node_unknown": b"\x01" + READY + tunnel_frame(1, 4, field(1, b"no")) + tunnel_frame(1, 5, b"x") + tunnel_frame(9, 4, field(1, b"board")),
    "early": b"\x01" + tunnel_frame(1, 4, field(1, b"board")),
    "overrun": b"\x00" + HELLO + b"".join(tunnel_frame(1, 5, b"x" * 100) for _ in range(8)),
    "credit": b"\x00" + HELLO + tunnel_frame(1, 6, (1 << 63)),
}

# The kind (even: a request; half of it: the mode), where to split the body, the message.
HTTP = {
    "get": b"\x02\x00GET /tb/node/n1/board/?a HTTP/1.1\r\nHost: head:6006\r\nCookie: a=1; tributary_x=2\r\nOrigin: http://head:6006\r\n\r\n",
    "websocket": b"\x00\x00GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "upload": b"\x04\x02POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcdefg",
    "chunks": b"\x02\x05PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nwiki\r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\nGET",
    "two_lengths": b"\x02\x00POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "hops": b"\x02\x00GET / HTTP/1.1\r\nHost: x\r\nConnection: X-A, host\r\nX-A: b\r\nTE: x\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
    "bare_chunks": b"\x00\x03" + b"3\r\nabc\r\n0\r\n\r\n"[:-2],
    "answer": b"\x03\x02HTTP/1.1 200 OK\r\nContent-Length: 3\r\nSet-Cookie: a=1; Path=/; Domain=x\r\n\r\nabc",
    "answer_chunks": b"\x05\x04HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "answer_old": b"\x01\x01HTTP/1.0 302 Found\r\nLocation: http://localhost:8888//evil\r\n\r\nabc",
    "answer_hostile": b"\x03\x00HTTP/1.1 200\r\nSet-Cookie: tributary_x=1\r\nAlt-Svc: h3\r\nConnection: Set-Cookie\r\n\r\n",
}


# A directory, then the text of a configuration in it.
PROJECTOR_PATHS = {
    "paths": b'run/x\nembeddings { tensor_name: "a" tensor_path: "0/a.tsv" metadata_path: "../../../m" '
             b'sprite { image_path: "/etc/passwd" } bookmarks_path: "./b//c" }\n',
    "root": b'\nembeddings { tensor_path: "..\\000/x" }\nembeddings { tensor_path: ".." }\n',
    "tensorboardx": b'run\nembeddings {\n  tensor_name: "default:00000"\n  tensor_path: "00000/default/tensors.tsv"\n'
                    b'  metadata_path: "00000/default/metadata.tsv"\n  sprite {\n    image_path: "00000/default/sprite.png"\n'
                    b'    single_image_dim: 8\n    single_image_dim: 8\n  }\n}\n',
}


def main():
    for name, data in HTTP.items():
        write("gateway", "seed_" + name, data)
    for name, data in PROJECTOR_PATHS.items():
        write("projector_paths", "seed_" + name, data)
    for name, data in TUNNELS.items():
        write("tunnel", "seed_" + name, data)
    for name, parts in REQUESTS.items():
        write("request", "seed_" + name, "\n".join(parts).encode())
    for name, data in EVENTS.items():
        write("event_scan", "seed_" + name, data)
    for i, (name, data) in enumerate(FILES.items()):
        write("framing", "seed_file_" + name, bytes([1 | (i % 16) << 1, 1 + 23 * i]) + data)
    for i, (name, data) in enumerate(PROGRAMS.items()):
        write("framing", "seed_program_" + name, bytes([(i * 5 % 16) << 1, 7 + 31 * i]) + data)


if __name__ == "__main__":
    main()
