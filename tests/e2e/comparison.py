"""Asks two servers the same questions and compares answer by answer.

Compared: status, content type, the headers of `HEADERS`, and the body: JSON by value, HTML as a browser reads it, graphs by field, tables by
cell, the rest by byte. Opaque keys of images and clips are followed on both sides. Of an error only the status counts. Where TensorBoard
fails with 500, ours must say 400 or 404, or serve what TensorBoard fails at.
"""

import concurrent.futures
import csv
import functools
import gzip
import hashlib
import html.parser
import io
import json
import re

from google.protobuf import text_format
from on_purpose import row_of
from questions import QUESTIONS
from questions.question import JSON, varied
from tensorboard.compat.proto.config_pb2 import RunMetadata
from tensorboard.compat.proto.graph_pb2 import GraphDef

HEADERS = ("Cache-Control", "Expires", "X-Content-Type-Options", "Location", "Allow")
SMALL = 1400  # bytes: no need to compress
LINES = 2
ASK_AT_ONCE = 4
FOLLOWED = {"query": {"images": "/data/plugin/images/individualImage?{}", "audio": "/data/plugin/audio/individualAudio?{}"},
            "imageId": {"timeseries": "/data/plugin/timeseries/imageData?imageId={}"}}
# The page itself and what it loads: kept and compressed in ways of our own; fonts are found below a path prefix.
OF_THE_PAGE = re.compile(r"^(/experiment/[^/]*)*/(index\.html|[^/]*\.(js|svg))?/?$|/projector/[^/]*\.js/?$")
FONTS = re.compile(rb"url\((\.\./\.\./\.\./|/)?font-roboto/")


class Answer:
    def __init__(self, http, question):
        self.http, self.question = http, question
        self.status, self.headers, self.content = http.request(question.url, question.body, question.headers, method=question.method)
        self.encoding = self.headers.get("Content-Encoding", "identity")
        self.size = len(self.content)
        if self.encoding == "gzip" and self.content:
            self.content = gzip.decompress(self.content)
        self.type = self.headers.get("Content-Type", "").replace(" ", "").lower()

    @functools.cached_property
    def value(self):
        """The body as far as it is compared."""
        if self.type.startswith("text/x-protobuf"):
            return text_of(self.content)
        if self.type.startswith("text/csv"):
            return list(csv.reader(io.StringIO(self.content.decode(), newline="")))
        if self.question.path.rstrip("/").endswith("/data/plugin_entry.html"):
            return re.search(rb'<base href="[^"]*"', self.content)[0]
        if not self.type.startswith(JSON):
            return FONTS.sub(b"", self.content) if self.type.startswith("text/html") else self.content
        return plain(json.loads(self.content, parse_constant=lambda word: ["no JSON", word]), self.question.path, self.follow)

    def follow(self, url):
        """What an opaque key leads to."""
        status, headers, content = self.http.request(url)
        return [status, headers.get("Content-Type"), hashlib.sha256(content).hexdigest()]


def plain(value, path, follow, key=None):
    """The value without what has no order or no meaning of its own."""
    if isinstance(value, dict):
        made = {name: plain(member, path, follow, name) for name, member in value.items()}
        if path.rstrip("/").endswith("/data/environment"):
            return {name: member for name, member in made.items() if name not in ("version", "data_location", "debug")}
        if path.rstrip("/").endswith("/data/logdir"):
            return list(made)
        return made
    if isinstance(value, list):
        made = [plain(member, path, follow) for member in value]
        if key == "domainDiscrete":
            return sorted(map(unescaped, made), key=repr)
        if "/mesh/meshes" in path:  # parts of a mesh
            return sorted(made, key=lambda point: (point["step"], point["content_type"]) if isinstance(point, dict) else (0, 0))
        if re.search(r"/text/tags|/projector/runs", path):
            return sorted(made, key=repr)
        return made
    if isinstance(value, str):
        for plugin, route in FOLLOWED.get(key, {}).items():
            if f"/plugin/{plugin}/" in path:
                return follow(route.format(value))
        # What writers described, and their texts.
        if key in ("description", "text") or "/timeseries/tags" in path and "<" in value:
            return Shown(value).text
    return value


def unescaped(text):
    """TensorBoard shows a text among the values of a hyperparameter as JSON escapes it: no filter with it would find the text."""
    try:
        return json.loads(f'"{text}"') if isinstance(text, str) else text
    except ValueError:
        return text


class Shown(html.parser.HTMLParser):
    """HTML as a browser reads it: whatever the order of attributes, the form of entities, blanks between blocks."""

    BLOCKS = "blockquote|br|h[1-6]|hr|li|ol|p|pre|table|tbody|td|th|thead|tr|ul"

    def __init__(self, text):
        super().__init__()
        self.parts = []
        self.feed(text)
        self.close()
        self.text = re.sub(rf"\s*(</?(?:{self.BLOCKS})\b[^>]*>)\s*", r"\1", "".join(self.parts)).strip()

    def handle_starttag(self, tag, attrs):
        self.parts.append("<" + " ".join([tag, *sorted(f"{name}={value!r}" for name, value in attrs)]) + ">")

    def handle_endtag(self, tag):
        if tag not in ("br", "hr", "img"):
            self.parts.append(f"</{tag}>")

    def handle_data(self, data):
        in_code = self.parts.count("<pre>") > self.parts.count("</pre>")
        self.parts.append(html.escape(data if in_code else re.sub(r"[ \n]+", " ", data)))

    def handle_comment(self, data):
        self.parts.append(f"<!{html.escape(data)}>")

    handle_decl = handle_pi = unknown_decl = handle_comment


def text_of(content):
    """A text message with its numbers and the order of its fields in one form."""
    for message in (GraphDef(), RunMetadata()):
        try:
            text_format.Parse(content, message)
        except text_format.ParseError:
            continue
        for node in getattr(message, "node", []):
            for attribute in node.attr.values():
                attribute.list.s.sort()
        # The page reads line by line and decodes nothing: names must look alike.
        quoted = sorted(line.strip() for line in content.decode().splitlines() if '"' in line)
        return text_format.MessageToString(message).splitlines() + quoted
    return content


def paths(expected, actual, place="$"):
    """Where two values differ."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in sorted(expected.keys() | actual.keys()):
            yield from paths(expected.get(key, "absent"), actual.get(key, "absent"), f"{place}.{key}")
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for number, (left, right) in enumerate(zip(expected, actual)):
            yield from paths(left, right, f"{place}[{number}]")
    elif (type(expected), expected) != (type(actual), actual) and not same_number(expected, actual):
        yield f"{place}: {str(expected)[:200]!r} expected, {str(actual)[:200]!r} answered"


def same_number(left, right):
    """5 is 5.0, but true is not 1."""
    return {type(left), type(right)} == {int, float} and left == right


def differences_of(expected, actual):
    """What differs between two answers."""
    if expected.status >= 500:
        return [] if actual.status in (200, 400, 404, 405) else [f"{actual.status} where the reference fails with {expected.status}"]
    if expected.status != actual.status:
        return [f"status {expected.status} expected, {actual.status} answered: {actual.content[:200]!r}"]
    found = []
    of_the_page = OF_THE_PAGE.search(expected.question.path)
    # The reference sends its own headers only with what is no error of its framework.
    framework = "Cache-Control" not in expected.headers
    for name in () if of_the_page else HEADERS:
        wanted, got = expected.headers.get(name), actual.headers.get(name)
        if wanted != got and not (framework and wanted is None):
            found.append(f"{name}: {wanted} expected, {got} answered")
    if expected.status != 200:
        return found
    if expected.type != actual.type and not of_the_page:
        found.append(f"type {expected.type} expected, {actual.type} answered")
    if not of_the_page and expected.encoding != actual.encoding and (actual.encoding != "identity" or len(actual.content) > SMALL):
        found.append(f"encoding {expected.encoding} expected, {actual.encoding} answered")
    if expected.question.method == "HEAD":
        return found + (["a body"] if actual.content else [])
    if expected.content != actual.content or b'"query"' in expected.content or b'"imageId"' in expected.content:
        try:
            left, right = expected.value, actual.value
            # The order of tabs is an answer too.
            if expected.question.path.rstrip("/").endswith("plugins_listing") and list(left) != list(right):
                found.append(f"{list(left)} expected, {list(right)} answered")
            found += paths(left, right)
        except ValueError as error:
            found.append(f"{error}: {actual.content[:200]!r}")
    return found


def chosen(questions, most):
    """Evenly chosen, at most so many of each route."""
    by_route = {}
    for question in questions:
        by_route.setdefault((question.path, question.method), []).append(question)
    for alike in by_route.values():
        yield from alike[::max(1, -(-len(alike) // most))]


class Sorted:
    """What a server lists, by name: TensorBoard's order is another one after each start, and the questions must not be."""

    def __init__(self, http):
        self.http = http

    def json(self, path, **query):
        return json.loads(json.dumps(self.http.json(path, **query), sort_keys=True))


def record(reference, plugins=QUESTIONS, most=1 << 30):
    """What the reference answers. It must go on running: what its keys lead to is asked for later."""
    with concurrent.futures.ThreadPoolExecutor(ASK_AT_ONCE) as pool:
        for plugin in plugins:
            questions = chosen(varied(list(QUESTIONS[plugin](Sorted(reference)))), most)
            yield from pool.map(lambda question: Answer(reference, question), questions)


def compare(expected, candidate):
    """The differences, one line each, that are not on purpose; and how many answers were compared. `expected`: answers."""
    def line(answer):
        question = str(answer.question)
        found = [one for one in differences_of(answer, Answer(candidate, answer.question)) if row_of(question, one) is None]
        return f"{question}: {'; '.join(found[:LINES])}" if found else None

    expected = list(expected)
    with concurrent.futures.ThreadPoolExecutor(ASK_AT_ONCE) as pool:
        return [found for found in pool.map(line, expected) if found], len(expected)
