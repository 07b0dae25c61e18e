"""Sessions of very many agents from one process: the wire protocol by hand, without files or agents.

usage: many_agents.py HOST:PORT NODES FILES | many_agents.py HOST:PORT NAMES.json
NAMES.json: one node each, [{"node", "run", "file"}]

One node in a hundred has a clock that is wrong by 12 s, one in fifty a damaged record. Prints "ready" when all bytes are durable, and stays until its input ends.
"""

import asyncio
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import google.protobuf.message_factory
import grpc
from event_files import record, scalar_event, version_event
from google.protobuf import descriptor_pb2, descriptor_pool

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


def messages():
    """The classes of ingest.proto by name, made from its text: independent of the version of the generated code."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["protoc", f"-I{PROTO}", "--include_imports", f"--descriptor_set_out={out.name}", "tributary/ingest/v1/ingest.proto"], check=True, cwd=PROTO)
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return google.protobuf.message_factory.GetMessageClassesForFiles([file.name for file in files.file], pool)


MESSAGES = messages()


def message(kind, /, **fields):
    return MESSAGES["tributary.ingest.v1." + kind](**fields)


def content(number):
    """A small event file; one in fifty has a record whose data is damaged."""
    data = record(version_event(1_700_000_000.0 + number))
    for step in range(5):
        part = bytearray(record(scalar_event(1_700_000_000.0 + number + step, step, "loss", 1 / (step + 1))))
        if number % 50 == 7 and step == 2:
            part[14] ^= 0xFF
        data += bytes(part)
    return data


class FakeAgent:
    """One node: joins, sends its files whole, then only says that it lives."""

    def __init__(self, number, files, names=None, clock_offset_s=0.0):
        self.node = names["node"] if names else f"gpu{number:04d}"
        self.number = number
        self.paths = [names["file"] if names else f"exp{i // 10}/run{i}/events.out.tfevents.{1_700_000_000 + i}.{self.node}.7.0" for i in range(files)]
        self.directories = [names["run"] if names else f"exp{i // 10}/run{i}" for i in range(files)]
        self.clock_offset_s = clock_offset_s
        self.durable = asyncio.Event()
        self.out = asyncio.Queue()
        self.missing = set()
        self.credit = 0
        self.unsent = []  # slices that wait for credit
        self.refused = None

    def hello(self):
        facts = message("NodeFacts", name=self.node, host_name="host", machine_id=f"machine {self.number}", boot_id=f"boot {self.number}")
        return message("Hello", protocol_version=1, agent_version="0.1.0", node=facts, agent_nonce=f"nonce {self.number}", pid=4000 + self.number,
                       logdirs=[message("Logdir", path="/scratch/logs")], clock_unix_nanos=int((time.time() + self.clock_offset_s) * 1e9))

    async def run(self, channel):
        call = channel.stream_stream("/tributary.ingest.v1.Ingest/Session", request_serializer=lambda m: m.SerializeToString(),
                                     response_deserializer=MESSAGES["tributary.ingest.v1.CollectorMessage"].FromString)()

        async def send():
            while True:
                await call.write(await self.out.get())

        async def live():
            while True:
                await asyncio.sleep(3)
                self.beat()

        tasks = [asyncio.create_task(send()), asyncio.create_task(live())]
        self.say(hello=self.hello())
        try:
            async for heard in call:
                self.take(heard)
        except grpc.aio.AioRpcError as error:
            self.refused = self.refused or error.details()
        finally:
            self.durable.set()
            for task in tasks:
                task.cancel()

    def say(self, **fields):
        self.out.put_nowait(message("AgentMessage", **fields))

    def beat(self, pong=0):
        self.say(heartbeat=message("Heartbeat", clock_unix_nanos=int((time.time() + self.clock_offset_s) * 1e9), pong=pong))

    def take(self, heard):
        kind = heard.WhichOneof("message")
        if kind == "welcome":
            self.credit = heard.welcome.credit_bytes
            self.say(open_batch=message("OpenBatch", opens=[
                message("Open", stream=i + 1, kind=1, path=path.encode(), run=f"{self.node}/{self.directories[i]}", run_why="test", size_bytes=len(content(self.number)))
                for i, path in enumerate(self.paths)]))
        elif kind == "offer_batch":
            for offer in heard.offer_batch.offers:
                if offer.refused:
                    self.refused = offer.refused_detail
                    self.durable.set()
            data = content(self.number)
            self.missing = {offer.stream for offer in heard.offer_batch.offers if offer.offset < len(data)}
            self.unsent = [message("Slice", stream=offer.stream, generation=offer.generation, offset=offer.offset, data=data[offer.offset:])
                           for offer in heard.offer_batch.offers if offer.stream in self.missing]
            self.send_what_may_go()
            self.say(listing_complete=message("ListingComplete"))
            if not self.missing:
                self.durable.set()
        elif kind == "credit":
            self.credit += heard.credit.bytes
            self.send_what_may_go()
        elif kind == "acks":
            self.missing -= {mark.stream for mark in heard.acks.durable if mark.offset == len(content(self.number))}
            if not self.missing:
                self.durable.set()
        elif kind == "heartbeat" and heard.heartbeat.ping:
            self.beat(heard.heartbeat.ping)
        elif kind == "refusal":
            self.refused = heard.refusal.detail
            self.durable.set()

    def send_what_may_go(self):
        while self.unsent and len(self.unsent[0].data) <= self.credit:
            going = []
            while self.unsent and len(self.unsent[0].data) <= self.credit and len(going) < 100:
                self.credit -= len(self.unsent[0].data)
                going.append(self.unsent.pop(0))
            self.say(chunk=message("Chunk", slices=going))


async def main(target, agents):
    # A connection takes 100 streams at once.
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(target, options) for _ in range(0, len(agents), 50)]
    tasks = [asyncio.create_task(agent.run(channels[place // 50])) for place, agent in enumerate(agents)]
    for agent in agents:
        await agent.durable.wait()
    refused = [f"{agent.node}: {agent.refused}" for agent in agents if agent.refused]
    print("ready" if not refused else f"refused: {refused[:3]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for channel in channels:
        await channel.close()


def agents_of(arguments):
    if len(arguments) == 1:
        return [FakeAgent(number, 1, names) for number, names in enumerate(json.loads(pathlib.Path(arguments[0]).read_text()))]
    nodes, files = map(int, arguments)
    return [FakeAgent(number, files, clock_offset_s=12.0 if number % 100 == 3 else 0.0) for number in range(nodes)]


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], agents_of(sys.argv[2:])))
