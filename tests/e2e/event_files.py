"""Writes and reads event files for the tests, with TensorBoard's own writer and protos, and by hand where damage is wanted."""

import pathlib
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


def masked_crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def record(payload):
    length = struct.pack("<Q", len(payload))
    return length + struct.pack("<I", masked_crc32c(length)) + payload + struct.pack("<I", masked_crc32c(payload))


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
