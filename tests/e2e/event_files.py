"""Writes and reads event files for the tests, with TensorBoard's own writer and protos, and by hand where damage is wanted."""

import pathlib
import re
import struct

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary


def crc32c_table():
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


TABLE = crc32c_table()
MANY_ZEROS = re.compile(rb"(\x00{4096,})")


def continue_crc(crc, data):
    """Over more bytes; begins with 0xFFFFFFFF."""
    for part in MANY_ZEROS.split(data):
        if MANY_ZEROS.fullmatch(part):
            crc = continue_crc_over_zeros(crc, len(part))
            continue
        for byte in part:
            crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc


def continue_crc_over_zeros(crc, zeros):
    """By powers of a matrix, not byte by byte."""
    matrix = [TABLE[1 << bit] if bit < 8 else 1 << (bit - 8) for bit in range(32)]
    while zeros:
        if zeros & 1:
            crc = apply(matrix, crc)
        matrix = [apply(matrix, column) for column in matrix]
        zeros >>= 1
    return crc


def apply(matrix, vector):
    result = 0
    for bit in range(32):
        if vector >> bit & 1:
            result ^= matrix[bit]
    return result


def masked(crc):
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def masked_crc32c(data):
    return masked(continue_crc(0xFFFFFFFF, data))


def record(payload):
    return header(len(payload)) + payload + struct.pack("<I", masked_crc32c(payload))


def header(payload_bytes):
    length = struct.pack("<Q", payload_bytes)
    return length + struct.pack("<I", masked_crc32c(length))


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def giant_event(file, zeros, tail=b""):
    """Appends an event of so many bytes: most of them zeros of a field that nobody knows, which take no room on the disk. `tail`: more of the event."""
    head = Event(wall_time=1.0, step=1).SerializeToString() + b"\xfa\x3e" + varint(zeros)
    crc = continue_crc(continue_crc_over_zeros(continue_crc(0xFFFFFFFF, head), zeros), tail)
    file.raw(header(len(head) + zeros + len(tail)) + head)
    file.file.truncate(file.path.stat().st_size + zeros)
    file.raw(tail + struct.pack("<I", masked(crc)))


def version_event(wall_time):
    return Event(wall_time=wall_time, file_version="brain.Event:2").SerializeToString()


def scalar_event(wall_time, step, tag, value):
    return Event(wall_time=wall_time, step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)])).SerializeToString()


class EventFile:
    """An event file that is written record by record, each with one write()."""

    def __init__(self, path, wall_time=1_700_000_000.0):
        self.path = pathlib.Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = open(self.path, "ab", buffering=0)
        self.wall_time = wall_time
        self.points = {}
        self.records = 1
        self.file.write(record(version_event(wall_time)))

    def scalar(self, tag, step, value, wall_time=None):
        wall_time = self.wall_time + 0.001 * self.records if wall_time is None else wall_time
        self.file.write(record(scalar_event(wall_time, step, tag, value)))
        self.points.setdefault(tag, []).append((wall_time, step, struct.unpack("<f", struct.pack("<f", value))[0]))
        self.records += 1
        return self

    def raw(self, data):
        self.file.write(data)
        return self

    def close(self):
        self.file.close()
