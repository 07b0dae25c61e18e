"""The projector's files beside event files."""

import io

import numpy
import PIL.Image
from writers.basics import event_file


def write_projection(directory, embeddings, files):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "projector_config.pbtxt").write_text("\n".join(f"embeddings {{ {text} }}" for text in embeddings))
    for name, content in files.items():
        (directory / name).write_bytes(content)


def png():
    made = io.BytesIO()
    PIL.Image.new("RGB", (8, 8)).save(made, "PNG")
    return made.getvalue()


def projections(logdir):
    for run in ("a", "b/c", "none"):
        event_file(logdir, run).scalar("x", 1, 1.0).close()
    numbers = numpy.random.default_rng(4).random((5, 3)).astype(numpy.float32)
    tsv = "\n".join("\t".join(map(str, row)) for row in numbers.tolist()).encode() + b"\n"
    (logdir / "secret.tsv").write_bytes(tsv)
    files = {"t.tsv": tsv, "t.bytes": numbers.tobytes(), "m.tsv": b"name\tkind\n" + b"".join(b"%d\tk\n" % row for row in range(5)), "one.tsv": b"a\nb\nc\n",
             "s.png": png(), "bookmarks.json": b'[{"label": "x"}]'}
    embeddings = ['tensor_name: "first:0" tensor_path: "t.tsv" metadata_path: "m.tsv" bookmarks_path: "bookmarks.json" '
                  'sprite { image_path: "s.png" single_image_dim: 8 single_image_dim: 8 }',
                  'tensor_name: "binary" tensor_path: "t.bytes" tensor_shape: [5, 3] metadata_path: "one.tsv"',
                  'tensor_name: "bare"', 'tensor_name: "gone" tensor_shape: [1, 1] metadata_path: "gone.tsv" bookmarks_path: "gone" sprite { image_path: "gone" }',
                  'tensor_name: "outside" tensor_shape: [5, 3] metadata_path: "../secret.tsv" bookmarks_path: "/etc/hostname" sprite { image_path: "link" }']
    write_projection(logdir / "a", embeddings, files)
    (logdir / "a" / "link").symlink_to(logdir / "secret.tsv")
    write_projection(logdir / "b" / "c" / "plugins" / "org_tensorflow_tensorboard_projector", ['tensor_path: "t.tsv"'], files)
    write_projection(logdir / "none", ['tensor_name: "bare"'], {})


def projection_of_tensorboardx(logdir):
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(logdir / "x")) as writer:
        writer.add_scalar("x", 1, 1)
        writer.add_embedding(numpy.arange(12, dtype=numpy.float32).reshape(4, 3), metadata=["a", "b", "c", "d"], global_step=2, tag="emb")
