"""What torch's and TensorFlow's own writers log, in a directory to compare on. For the environment of `./dev setup full`.

usage: heavy_writers.py DIRECTORY
"""

import os
import pathlib
import sys

import numpy

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
MADE = numpy.random.default_rng(7)


def torch_summaries(logdir):
    import torch
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(logdir / "everything")) as writer:
        for step in range(20):
            writer.add_scalar("loss", 1 / (step + 1), step)
            writer.add_scalar("new style", step, step, new_style=True)
            # Not with double_precision=True: the reference leaves such series out.
            writer.add_scalar("another", step / 3, step, new_style=True)
            writer.add_scalars("several", {"a": step, "b": -step}, step)
            writer.add_histogram("weights", torch.randn(100) + step, step)
            writer.add_histogram("integers", torch.arange(step + 1), step, bins="auto")
        for step in range(3):
            writer.add_image("picture", torch.rand(3, 8, 8), step)
            writer.add_images("pictures", torch.rand(4, 3, 8, 8), step)
            writer.add_image_with_boxes("boxes", torch.rand(3, 32, 32), torch.tensor([[2, 2, 20, 20]]), step, labels=["x"])
            writer.add_audio("tone", torch.sin(torch.arange(4000) / 10)[None], step, sample_rate=8000)
            writer.add_text("notes", f"# Step {step}\n\n*some* <b>text</b>", step)
            writer.add_pr_curve("curve", torch.rand(100) > 0.5, torch.rand(100), step)
            writer.add_pr_curve_raw("raw", *(torch.arange(5) + step for _ in range(4)), torch.rand(5), torch.rand(5), step, num_thresholds=5)
            writer.add_mesh("mesh", torch.rand(1, 6, 3), torch.randint(0, 255, (1, 6, 3)), torch.randint(0, 6, (1, 4, 3)), {"camera": {"cls": "PerspectiveCamera"}}, step)
        model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
        writer.add_graph(model, torch.rand(1, 4))
        writer.add_embedding(torch.rand(6, 3), metadata=list("abcdef"), label_img=torch.rand(6, 3, 8, 8), global_step=1, tag="points")
        writer.add_embedding(torch.rand(4, 5), metadata=[["a", 1], ["b", 2], ["c", 3], ["d", 4]], metadata_header=["name", "number"], global_step=2, tag="points")
        writer.add_custom_scalars({"losses": {"all": ["Multiline", ["loss", "another"]], "band": ["Margin", ["loss", "another", "new style"]]}})
    for number in range(3):
        with SummaryWriter(str(logdir / "hparams")) as writer:
            writer.add_hparams({"lr": 0.1 * number, "size": number, "flag": number == 1, "name": f"n{number % 2}"}, {"hparam/accuracy": number, "hparam/loss": 1 / (1 + number)},
                               {"size": [0, 1, 2]}, run_name=f"trial {number}")


def tensorflow_summaries(logdir):
    import tensorflow as tf
    from tensorboard.plugins.hparams import api as hp
    from tensorboard.plugins.mesh import summary as mesh
    from tensorboard.plugins.pr_curve import summary as pr_curve

    with tf.summary.create_file_writer(str(logdir / "summaries")).as_default():
        for step in range(10):
            tf.summary.scalar("loss", 1 / (step + 1), step, description="how **far**")
            tf.summary.histogram("weights", tf.random.normal([200]) + step, step, buckets=20)
            tf.summary.histogram("nothing", tf.zeros([0]), step)
        for step in range(3):
            tf.summary.image("pictures", tf.random.uniform([4, 8, 8, 3]), step, max_outputs=3, description="some *pictures*")
            tf.summary.audio("tones", tf.sin(tf.range(4000.0) / 10)[None, :, None], 8000, step, max_outputs=2)
            tf.summary.text("notes", [["a", "**b**"], ["c", "<i>d</i>"]], step)
            tf.summary.write("raw", tf.constant([1.0, 2.0]), step, tf.compat.v1.SummaryMetadata())
            tf.summary.experimental.write_raw_pb(pr_curve.raw_data_pb("curve", *(MADE.integers(0, 9, 7) for _ in range(4)), MADE.random(7), MADE.random(7)).SerializeToString(), step)
            tf.summary.experimental.write_raw_pb(mesh.pb("mesh", MADE.random((1, 6, 3)).astype(numpy.float32), faces=MADE.integers(0, 6, (1, 4, 3)).astype(numpy.int32)).SerializeToString(), step)
        tf.summary.trace_on(graph=True)
        tf.function(lambda x: tf.matmul(x, x) + 1)(tf.ones([2, 2]))
        tf.summary.trace_export("traced", 0)
    with tf.compat.v1.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        loss = tf.compat.v1.placeholder(tf.float32, [], "value")
        merged = [tf.compat.v1.summary.scalar("old", loss), tf.compat.v1.summary.histogram("old weights", loss + tf.range(9.0)),
                  tf.compat.v1.summary.image("old picture", tf.ones([2, 4, 4, 3]) * 0.5), tf.compat.v1.summary.text("old text", tf.constant("*old*"))]
        writer = tf.compat.v1.summary.FileWriter(str(logdir / "version 1"), graph)
        for step in range(4):
            about = tf.compat.v1.RunMetadata()
            for summary in session.run(merged, {loss: step}, tf.compat.v1.RunOptions(trace_level=tf.compat.v1.RunOptions.FULL_TRACE), about):
                writer.add_summary(summary, step)
            writer.add_run_metadata(about, f"step {step}")
        writer.close()
    rate, units = hp.HParam("lr", hp.RealInterval(0.0, 1.0)), hp.HParam("units", hp.Discrete([2, 3]))
    with tf.summary.create_file_writer(str(logdir / "keras")).as_default():
        hp.hparams_config(hparams=[rate, units], metrics=[hp.Metric("epoch_loss", group="validation", display_name="loss (val.)")])
    for number in range(2):
        train(tf, hp, logdir / "keras" / f"trial {number}", {rate: 0.1 * (number + 1), units: 2 + number})


def train(tf, hp, run, chosen):
    rate, units = chosen.values()
    model = tf.keras.Sequential([tf.keras.layers.Input((4,)), tf.keras.layers.Dense(units, activation="relu"), tf.keras.layers.Dense(1)])
    model.compile(tf.keras.optimizers.SGD(rate / 10), "mse", metrics=["mae"])
    points, answers = MADE.random((64, 4)).astype(numpy.float32), MADE.random((64, 1)).astype(numpy.float32)
    model.fit(points, answers, epochs=3, batch_size=16, validation_split=0.25, verbose=0,
              callbacks=[tf.keras.callbacks.TensorBoard(str(run), histogram_freq=1, write_images=True, write_steps_per_second=True, update_freq=1), hp.KerasCallback(str(run), chosen)])


def main():
    logdir = pathlib.Path(sys.argv[1])
    torch_summaries(logdir / "torch")
    tensorflow_summaries(logdir / "tensorflow")


if __name__ == "__main__":
    main()
