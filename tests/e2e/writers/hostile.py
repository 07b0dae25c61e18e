"""Texts and names that want to act in a viewer's page. Each that acts says `acted` to the page, or asks OUTSIDE for something."""

import json
import pathlib

import numpy
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData
from writers.basics import START, add_summary, event_file, tensor_summary
from writers.hparams import hparams_data, session
from writers.layouts import chart
from writers.projections import write_projection

ACT = "top.acted=1"
OUTSIDE = "//OUTSIDE"
# Tags and attributes.
MARKUP = [
    f"<script>{ACT}</script>", f"<SCRIPT>{ACT}//</SCRIPT>", f"<scr<script>ipt>{ACT}</scr</script>ipt>", f"<script src={OUTSIDE}/acted.js></script>", f"<script/x>{ACT}</script>",
    f"<img src=x onerror={ACT}>", f"<IMG SRC=x OnErRoR='{ACT}'>", f"<img src=x onerror\n=\n{ACT}>", f"<img/src=x/onerror={ACT}>", f"<img src='x'onerror={ACT}>",
    f"<img src=`x`onerror={ACT}>", f"<img \"\"\"><script>{ACT}</script>\">", f"<img src={OUTSIDE}/image.png>", f"<img srcset='{OUTSIDE}/acted.png 1x'>",
    f"<svg onload={ACT}>", f"<svg/onload={ACT}>", f"<svg><script>{ACT}</script></svg>", f"<svg><a xlink:href='javascript:{ACT}'><text y=9>x</text></a></svg>",
    f"<svg><animate onbegin={ACT} attributeName=x dur=1s></svg>", f"<svg><use href='data:image/svg+xml,<svg id=x onload={ACT}>#x'/></svg>",
    f"<svg><foreignObject><img src=x onerror={ACT}></foreignObject></svg>", f"<body onload={ACT}>", f"<body onpageshow={ACT}>", f"<iframe src='javascript:{ACT}'></iframe>",
    f"<iframe srcdoc='<script>{ACT}</script>'></iframe>", f"<iframe onload={ACT}></iframe>", f"<iframe src={OUTSIDE}/acted.html></iframe>", f"<object data='javascript:{ACT}'></object>",
    f"<object data={OUTSIDE}/acted.swf></object>", f"<embed src='javascript:{ACT}'>", f"<link rel=stylesheet href={OUTSIDE}/acted.css>", f"<style>@import '{OUTSIDE}/acted.css';</style>",
    f"<style>body{{background:url({OUTSIDE}/acted.png)}}</style>", f"<div style='background:url({OUTSIDE}/acted.png)'>x</div>", f"<meta http-equiv=refresh content='0;url={OUTSIDE}/acted'>",
    f"<base href={OUTSIDE}/acted/>", f"<form action='javascript:{ACT}'><button>x</button></form>", f"<form><button formaction='javascript:{ACT}'>x</button></form>",
    f"<input autofocus onfocus={ACT}>", f"<select autofocus onfocus={ACT}>", f"<textarea autofocus onfocus={ACT}>", f"<details open ontoggle={ACT}>x</details>",
    f"<video src=x onerror={ACT}></video>", f"<audio src=x onerror={ACT}></audio>", f"<video><source onerror={ACT} src=x></video>", f"<marquee onstart={ACT}>x</marquee>",
    f"<a href='javascript:{ACT}'>x</a>", f"<a href='JaVaScRiPt:{ACT}'>x</a>", f"<a href='java\tscript:{ACT}'>x</a>", f"<a href=' \x01javascript:{ACT}'>x</a>",
    f"<a href='&#106;&#97;vascript&colon;{ACT}'>x</a>", f"<a href='&#x6A;avascript:{ACT}'>x</a>", f"<a href='data:text/html,<script>{ACT}</script>'>x</a>", f"<a href='vbscript:{ACT}'>x</a>",
    f"<a onmouseover={ACT} href=x>x</a>", f"<p onclick={ACT}>x</p>", f"\"><img src=x onerror={ACT}>", f"'><svg onload={ACT}>", f"</textarea><script>{ACT}</script>",
    f"</title><script>{ACT}</script>", f"</style><script>{ACT}</script>", f"--><script>{ACT}</script>", f"]]><script>{ACT}</script>", f"<!--[if gte IE 4]><script>{ACT}</script><![endif]-->",
    f"<table background={OUTSIDE}/acted.png><tr><td>x</table>", f"<table><td><table><td><img src=x onerror={ACT}></table></table>", f"<x contenteditable onblur={ACT}>x</x>",
    # What one parser reads as text and the next one as tags.
    f"<noscript><p title=\"</noscript><img src=x onerror={ACT}>\">", f"<math><mtext><table><mglyph><style><img src=x onerror={ACT}></style></mglyph></table></mtext></math>",
    f"<svg></p><style><a id=\"</style><img src=x onerror={ACT}>\">", f"<form><math><mtext></form><form><mglyph><style></math><img src=x onerror={ACT}>",
    f"<xmp><p title=\"</xmp><svg onload={ACT}>\">", f"<template><img src=x onerror={ACT}></template>", f"<img alt=\"<x\" title=\"/><img src=x onerror={ACT}>\">",
    f"&lt;script&gt;{ACT}&lt;/script&gt;", f"&#60;img src=x onerror={ACT}&#62;", f"\ufeff<script>{ACT}</script>", f"\u202e<script>{ACT}</script>", f"<\x00script>{ACT}</script>",
    f"{{{{constructor.constructor('{ACT}')()}}}}", f"${{{ACT}}}", f"[[{ACT}]]", f"javascript:{ACT}",
]
# Markdown that leads astray.
MARKDOWN = [
    f"[x](javascript:{ACT})", f"[x](JAVASCRIPT:{ACT})", f"[x](java\tscript:{ACT})", f"[x](javascript&colon;{ACT})", f"[x](&#106;avascript:{ACT})", f"[x](javascript\n:{ACT})",
    f"[x](<javascript:{ACT}>)", f"[x](\\javascript:{ACT})", f"[x](%6aavascript:{ACT})", f"[x](data:text/html;base64,PHNjcmlwdD50b3AuYWN0ZWQ9MTwvc2NyaXB0Pg==)", f"[x](vbscript:{ACT})",
    f"![x](javascript:{ACT})", f"![x]({OUTSIDE}/image.png)", f"![x](x\"onerror=\"{ACT})", f"![x\" onerror=\"{ACT}](x)", f"[x](x \"\" onclick=\"{ACT}\")", f"[x](x 't\" onclick={ACT} \"')",
    f"<javascript:{ACT}>", f"[x]\n\n[x]: javascript:{ACT}", f"[x][y]\n\n[y]: <javascript:{ACT}> 't'", f"[![x](x)](javascript:{ACT})", f"[<img src=x onerror={ACT}>](x)",
    f"`<script>{ACT}</script>`", f"```\n</code></pre><script>{ACT}</script>\n```", f"```<img src=x onerror={ACT}>\nx\n```", f"    </pre><script>{ACT}</script>",
    f"a|b\n-|-\n<script>{ACT}</script>|[x](javascript:{ACT})", f"# <svg onload={ACT}>", f"> <iframe src='javascript:{ACT}'>", f"* <img src=x onerror={ACT}>", f"**<b onclick={ACT}>x</b>**",
    f"<div>\n\n[x](javascript:{ACT})\n\n</div>", f"<div markdown=1 onclick={ACT}>x</div>", f"<a href=\"x\n\nonclick={ACT}\">x</a>", f"<img src=x:alert(alt) onerror=eval(src) alt='{ACT}'>",
]
VECTORS = MARKUP + MARKDOWN


def filled(text, outside):
    return text.replace("OUTSIDE", outside)


def can_be_a_run(name):
    """Whether a directory can have the name, slashes included."""
    parts = name.split("/")
    return "\0" not in name and all(part not in ("", ".", "..") and len(part.encode()) < 200 for part in parts) and str(pathlib.PurePosixPath(name)) == name


def hostile(logdir, outside):
    """`outside`: host and port of a server that nobody must ask."""
    vectors = [filled(vector, outside) for vector in VECTORS]
    # Of more than 40 runs the stock page shows none until one chooses.
    names = [vector for vector in vectors if can_be_a_run(vector)][::3][:30]
    for number, name in enumerate(names):
        event_file(logdir, name, number).scalar("loss", 1, number).scalar("loss", 2, number / 2).close()
    texts(logdir, vectors)
    file = event_file(logdir, "tags")
    for number, vector in enumerate(vectors):
        # Some below one heading, each of the others below its own.
        file.scalar(vector if number >= 12 else "names/" + vector, 1, 1.0)
    file.close()
    file = event_file(logdir, "described")
    for number in range(0, len(vectors), 10):
        told = tensor_summary("scalars", f"described/{number}", numpy.float32(1), b"", "\n\n".join(vectors[number:number + 10]), vectors[number])
        add_summary(file, told, 1)
    file.close()
    layouts(logdir, vectors)
    sessions(logdir, vectors)
    projection(logdir / "projection", vectors)


def texts(logdir, vectors):
    file = event_file(logdir, "texts")
    content = TextPluginData().SerializeToString()
    for step, vector in enumerate(vectors):
        add_summary(file, tensor_summary("text", "corpus", numpy.array(vector, dtype=object), content, vector), step)
    add_summary(file, tensor_summary("text", "together", numpy.array("\n\n".join(vectors), dtype=object), content))
    add_summary(file, tensor_summary("text", "in a row", numpy.array("".join(vectors), dtype=object), content))
    add_summary(file, tensor_summary("text", "table", numpy.array([[vector, vector] for vector in vectors], dtype=object), content))
    for number in range(0, len(vectors), 20):
        add_summary(file, tensor_summary("text", vectors[number], numpy.array(vectors[number], dtype=object), content))
    file.close()


def layouts(logdir, vectors):
    file = event_file(logdir, "layout")
    shown = [layout_pb2.Category(title=vector, chart=[chart(vector, ["loss"])], closed=number > 2) for number, vector in enumerate(vectors)]
    shown += [layout_pb2.Category(title="by hostile tags", chart=[chart("hostile", vectors[:5]), chart("band", series=[tuple(vectors[:3])])])]
    add_summary(file, tensor_summary("custom_scalars", "custom_scalars__config__", layout_pb2.Layout(category=shown).SerializeToString()))
    file.close()


def sessions(logdir, vectors):
    chosen = vectors[::3]
    infos = [api_pb2.HParamInfo(name=vector, display_name=vector, description=vector, type=api_pb2.DATA_TYPE_STRING) for vector in chosen]
    metrics = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=vector), display_name=vector, description=vector) for vector in chosen[:8]]
    file = event_file(logdir, ".")
    add_summary(file, hparams_data("experiment", experiment=api_pb2.Experiment(name=vectors[0], hparam_infos=infos, metric_infos=metrics, user=vectors[5], description=vectors[5],
                                                                             time_created_secs=START))).close()
    for number in range(3):
        session(logdir, f"session/{number}", {vector: vectors[(index + number) % len(vectors)] for index, vector in enumerate(chosen)}, group=vectors[number],
                metrics={vector: [1, 2] for vector in chosen[:8]})


def projection(directory, vectors):
    cells = [vector.replace("\t", " ").replace("\n", " ") for vector in vectors]
    rows = ["\t".join(cells[:6])] + ["\t".join(cells[(row + column) % len(cells)] for column in range(6)) for row in range(len(cells))]
    numbers = numpy.random.default_rng(5).random((len(cells), 3)).astype(numpy.float32)
    # A text message quotes as JSON does, as far as these texts go.
    names = [json.dumps(vector) for vector in (vectors[5], vectors[14], vectors[0]) if "\0" not in vector]
    embeddings = [f'tensor_name: {name} tensor_path: "points.bytes" tensor_shape: [{len(cells)}, 3] metadata_path: "cells.tsv"' for name in names]
    write_projection(directory, embeddings, {"points.bytes": numbers.tobytes(), "cells.tsv": ("\n".join(rows) + "\n").encode()})
    event_file(directory.parent, directory.name).scalar("loss", 1, 1.0).close()
