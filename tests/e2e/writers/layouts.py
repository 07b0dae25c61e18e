"""Layouts of Custom Scalars."""

from tensorboard.plugins.custom_scalar import layout_pb2
from writers.basics import add_summary, event_file, tensor_summary


def chart(title, tags=(), series=()):
    made = layout_pb2.Chart(title=title)
    if tags:
        made.multiline.tag.extend(tags)
    if series:
        made.margin.series.extend(layout_pb2.MarginChartContent.Series(value=value, lower=lower, upper=upper) for value, lower, upper in series)
    return made


def layouts_of_several_runs(logdir):
    band = [("loss", "loss_low", "loss_high")]
    layouts = {
        "a": [("losses", [chart("all", ["loss.*"]), chart("band", series=band)], False), ("others", [chart("acc", ["acc"])], True)],
        "b": [("losses", [chart("all", ["loss.*"]), chart("new one", ["x|y"])], True), ("third", [], False)],
    }
    for run, categories in layouts.items():
        file = event_file(logdir, run)
        for step in range(3):
            shown = [layout_pb2.Category(title=title, chart=charts, closed=closed) for title, charts, closed in categories[: step + 1]]
            layout = layout_pb2.Layout(category=shown)
            add_summary(file, tensor_summary("custom_scalars", "custom_scalars__config__", layout.SerializeToString()), step)
        for tag in ("loss", "loss_low", "loss_high", "acc", "train/acc (1)", "a.b", "ü", ""):
            for step in range(4):
                file.scalar(tag, step, step + len(tag) / 8)
        file.close()


def layout_of_tensorboardx(logdir):
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(logdir / "x")) as writer:
        writer.add_custom_scalars({"Taiwan": {"twse": ["Multiline", ["twse/0050", "twse/2330"]]},
                                   "USA": {"dow": ["Margin", ["dow/aaa", "dow/bbb", "dow/ccc"]], "nasdaq": ["Margin", ["n/aaa", "n/bbb", "n/ccc"]]}})
        for step in range(10):
            writer.add_scalar("twse/0050", step, step)
            writer.add_scalar("dow/aaa", -step, step)
