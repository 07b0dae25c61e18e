"""Whatever a client sends, it is told what is wrong with it, and the collector goes on."""

import random
import re
import socket
import urllib.parse

import pytest
from comparison import Answer
from programs import wait_for
from questions.question import FORM, JSON, Question
from test_parity import HTTP_API

SEED = 20_240_607
ROUNDS = 6000
TEXTS = ("", "0", "-1", "1", "99999999999999999999", "-9223372036854775808", "1e400", "nan", "true", "null", "{}", "[]", "[[", '{"a":', '"', "'", "\\", "\0", "\r\n", "\r\nX: y",
         b"\xed\xa0\x80", b"\xff\xfe", "\ufffd", "\u202e", "🙂" * 1000, "a" * 60_000, "../../../etc/passwd", "/etc/passwd", "%", "%%%", "%00", "%2e%2e%2f", "<script>", "(" * 1000, "(a+)+$",
         "a{1000}{1000}", "[" * 100_000, "{\"a\":" * 70, "; DROP TABLE", ".", "..", "~", "run", "W10", "WyIiLCJhIiwiYiIsMCwwXQ", "*" * 300, "csv", "VERTEX", "audio/wav", "text/html")
BODIES = (b"", b"\0", b"{", b"[", b"\xff\xfe", b"a=" + b"%" * 5000, b"&" * 150_000, b"--x\r\n", b"--x\r\nContent-Disposition: form-data; name=\"tag\"\r\n\r\nloss\r\n",
          b'[{"plugin": "scalars", "tag": "loss"}]' * 3, b'{"colParams": [{"hparam": "lr", "order": 99}]}', b'{"sliceSize": -5, "startIndex": 1e300}', b"{" * 70_000, b"x" * (1 << 20))
TYPES = (None, "", JSON, FORM, "multipart/form-data", "multipart/form-data; boundary=x", "multipart/form-data; boundary=" + "x" * 300, "text/plain", "a" * 1000, "application/json; charset=utf-16")
NAMES = ("run", "runs", "tag", "sample", "step", "content_type", "format", "blob_key", "imageId", "requests", "request", "name", "num_rows", "conceptual", "limit_attr_size",
         "large_attrs_key", "columnsVisibility", "markdown", "points", "from", "to", "node", "after", "limit", "tensorBoardFeatureFlags", "experimentalPlugin", "nothing")

NOT_SPOKEN = (501, 505)  # methods, codings and versions that the server does not speak

# Not HTTP, or hardly; each must be refused or hung up on.
MALFORMED = [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET  / HTTP/1.1\r\n\r\n", b"get / http/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost\r\n\r\n", b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /data/runs HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", b"POST /data/runs HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
    b"POST /data/runs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"POST /data/runs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    b"POST /data/runs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"b" * 100_000 + b"\r\n\r\n", b"GET / HTTP/1.1\nHost: a\n\n", b"GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 300,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 200, b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"SSH-2.0-x\r\n", b"\0" * 5000, b"\xff" * 5000, b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    b"GET /data/runs HTTP/1.1\r\nHost: a\r\nAccept-Encoding: " + b"gzip," * 8000 + b"\r\n\r\n", b"GET /data/runs HTTP/1.1\r\nHost: a\r\nIf-None-Match: " + b'"a",' * 8000 + b"\r\n\r\n",
    b"GET /data/runs HTTP/1.1\r\nHost: a\r\nRange: bytes=0-18446744073709551615\r\n\r\n",
]


def routes():
    """Every path of the documentation's tables; what is passed on to services of nodes has its own tests."""
    found = {path for path in re.findall(r"`(/[a-z0-9_/.-]*)[^`]*`", HTTP_API.read_text()) if not path.startswith("/node")} | {f"/data/plugin/projector/{name}" for name in ("bookmarks", "sprite_image")}
    found |= {f"/data/plugin/{plugin}/{route}" for plugin in ("audio", "text") for route in ("tags", plugin, "individualAudio")}
    return sorted(found | {"/all/", "/ns/" + "x" * 300 + "/", "/ns/%2F/data/runs", "/experiment/x/data/runs"})


def questions(generator, names, of_data):
    paths = routes()
    assert len(paths) > 50
    for path in paths:
        yield Question(path)
    for _ in range(ROUNDS):
        query = {generator.choice(names): generator.choice(TEXTS + of_data) for _ in range(generator.randrange(5))}
        if generator.random() < 0.5:
            query |= {"run": of_data[0], "tag": generator.choice(of_data)}
        path = generator.choice(paths)
        if generator.random() < 0.1:
            path += "/" + urllib.parse.quote(generator.choice(TEXTS)[:200], safe="")
        body = generator.choice(BODIES) if generator.random() < 0.3 else None
        kind = generator.choice(TYPES)
        method = None if generator.random() < 0.8 else generator.choice(("HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW", "GET", "POST"))
        # What no client could send at all is left out: too long a line is another test.
        query = {name: text[:4000] for name, text in query.items()}
        yield Question(path, query, body, {"Content-Type": kind} if kind is not None and body is not None else {}, method)


def test_hostile_queries_are_told_so(site, whole):
    site.start_collector("--logdir", whole.logdir, data=False)
    tags = site.http.json("/data/plugin/scalars/tags")
    run = "sessions_of_many_kinds/a"
    of_data = (run, *tags[run], "texts_of_every_kind/a", "markdown", "graphs_of_every_kind/functions", "graph_run_metadata two", "meshes_by_hand/a", "m/x", "projections/a", "first:0")
    generator, answered = random.Random(SEED), {}
    for question in questions(generator, NAMES, of_data):
        answer = Answer(site.http, question)
        assert answer.status in (200, 301, 302, 304, 400, 404, 405, 413, 415, 431), f"{answer.status} {str(question)[:600]} (seed {SEED}): {answer.content[:200]!r}"
        if answer.status >= 400 and question.method != "HEAD":
            assert answer.type == "text/plain;charset=utf-8" and answer.content, question
        assert not {"X", "x"} & set(answer.headers), question
        answered[answer.status] = answered.get(answer.status, 0) + 1
    assert min(answered[200], answered[400], answered[404]) > 300, answered
    assert site.collector.running() and site.http.ready()


def say(port, data, seconds=3):
    """What comes back until the other side ends or is silent."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(1 << 16):
                got += part
        except OSError:
            pass
    return got


@pytest.mark.parametrize("number", range(len(MALFORMED)))
def test_malformed_http_is_refused(hostile_site, number):
    said = say(hostile_site.port, MALFORMED[number])
    # A preface of HTTP/2 is answered by gRPC, in frames.
    if said and not MALFORMED[number].startswith(b"PRI"):
        status = int(said.split(b" ", 2)[1])
        assert said.startswith(b"HTTP/1.1 ") and (status < 500 or status in NOT_SPOKEN), said[:200]
    assert hostile_site.collector.running() and hostile_site.http.ready()


def test_requests_that_are_cut_anywhere_harm_nobody(hostile_site):
    whole_request = b"POST /data/plugin/scalars/scalars_multirun HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 15\r\n\r\ntag=loss&runs=a"
    for end in range(0, len(whole_request) + 1, 3):
        said = say(hostile_site.port, whole_request[:end])
        assert not said or 200 <= int(said.split(b" ", 2)[1]) < 500
    assert hostile_site.http.ready()


def test_a_thousand_silent_connections_keep_nobody_out(hostile_site):
    silent = [socket.create_connection(("127.0.0.1", hostile_site.port), 5) for _ in range(500)]
    silent += [socket.create_connection(("127.0.0.1", hostile_site.port), 5) for _ in range(500)]
    for connection in silent[::2]:
        connection.sendall(b"GET /data/runs HTTP/1.1\r\nHo")
    wait_for(hostile_site.http.ready, "it answers", 3)
    for connection in silent:
        connection.close()


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory):
    from event_files import EventFile
    from programs import Site

    made = Site(tmp_path_factory.mktemp("hostile"))
    EventFile(made.directory / "logs" / "a" / "events.out.tfevents.1700000000.h.1.0").scalar("loss", 1, 1.0).close()
    made.start_collector("--logdir", made.directory / "logs", data=False)
    yield made
    made.close()
