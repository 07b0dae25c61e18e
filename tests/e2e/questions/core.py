"""What the page asks before any dashboard does, and what no page asks any more."""

from questions.question import Question, get

DATA = "/data/"
OLD = ("experiments", "experiment_runs", "logdir", "window_properties", "notifications")
UNKNOWN = ("/nothing", "/data/nothing", "/data/plugin/nothing/tags", "/data/plugin/scalars/nothing", "/data", "/data/", "//data/runs", "/data//runs",
           "/data/runs/x", "/DATA/runs", "/data/runs%2f", "/favicon.ico", "/experiment", "/experiment/", "/data/plugin/scalars", "/..", "/data/../data/runs",
           "/index.htm", "/data/%00", "/data/%ff", "/experiment/x", "/experiment/x/index.html", "/experiment/x/y", "/experiment//data/runs")
FLAGS = ("{}", '{"a": [1]}', "no json", "[]", "5", "", "{", '"{}"')


def core_questions(reference):
    for name in ("environment", "runs", "plugins_listing", *OLD):
        yield get(DATA + name)
    yield get(DATA + "plugins_listing", experimentalPlugin="nothing")
    for name in [*reference.json(DATA + "plugins_listing"), "nothing", "core", "../scalars"]:
        yield get(DATA + "plugin_entry.html", name=name)
    yield get(DATA + "plugin_entry.html")
    for path in ("/audio", "/events", "/graphs", "/histograms", "/images", *UNKNOWN):
        yield get(path)
    for flags in FLAGS:
        yield get(DATA + "runs", tensorBoardFeatureFlags=flags)
        yield Question(DATA + "runs", headers={"X-TensorBoard-Feature-Flags": flags})
    for path in ("/data/plugin/projector/index.js", "/data/plugin/projector/projector_binary.js", "/data/plugin/projector/projector_binary.html", "/icon_bundle.svg", "/index.js", "/chart_worker.js"):
        yield get(path)
    yield get("/index.js", _file_hash="x")
