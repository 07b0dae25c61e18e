"""Sessions of hyperparameters, as the HParams API, Keras' callback and tensorboardX write them."""

import math

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
from tensorboard.plugins.hparams import summary_v2 as hparams_summary_v2
from writers.basics import START, add_summary, event_file


def hparams_data(tag, **data):
    """The summary that holds hparams data: all in the metadata, as tensorboard's own writers do it."""
    summary = Summary()
    value = summary.value.add(tag="_hparams_/" + tag)
    value.metadata.plugin_data.plugin_name = "hparams"
    value.metadata.plugin_data.content = plugin_data_pb2.HParamsPluginData(**data).SerializeToString()
    return summary


def session_start(hparams, **fields):
    info = plugin_data_pb2.SessionStartInfo(**fields)
    for name, value in hparams.items():
        kind = "bool_value" if isinstance(value, bool) else "string_value" if isinstance(value, str) else "number_value"
        setattr(info.hparams[name], kind, value)
    return hparams_data("session_start_info", session_start_info=info)


def session_end(status):
    return hparams_data("session_end_info", session_end_info=plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=START + 50))


def session(logdir, run, hparams, group="", status=api_pb2.STATUS_SUCCESS, end=True, metrics=None):
    file = event_file(logdir, run, len(run))
    add_summary(file, session_start(hparams, model_uri="model/" + run, monitor_url="http://monitor/" + (group or run), group_name=group,
                                    start_time_secs=START + 5))
    for tag, values in (metrics or {}).items():
        for step, value in enumerate(values):
            file.scalar(tag, step * 3, value)
    if end:
        add_summary(file, session_end(status))
    file.close()


def sessions_of_many_kinds(logdir):
    session(logdir, "a", {"lr": 0.1, "optimizer": "adam", "bias": True, "mixed": 1.0, "same": 3}, metrics={"loss": [3, 2, 1], "acc": [0.5]})
    session(logdir, "b", {"lr": 0.01, "optimizer": "sgd, \"slow\"", "bias": False, "mixed": "text_1%", "same": 3}, status=api_pb2.STATUS_FAILURE,
            metrics={"loss": [3, 2.5]})
    session(logdir, "c", {"lr": 1e-7, "optimizer": "adam"}, end=False, metrics={"loss": [math.inf], "acc": [0.25, 0.75]})
    session(logdir, "g/one", {"lr": 5.0, "optimizer": "lion"}, group="together", metrics={"loss": [-7.5]})
    session(logdir, "g/two", {"lr": 5.0, "optimizer": "lion"}, group="together", status=api_pb2.STATUS_RUNNING, metrics={"loss": [1, 2], "acc": [0.1]})
    session(logdir, "g/three", {"lr": 5.0, "optimizer": "lion"}, group="together", metrics={"acc": [0.3]})
    event_file(logdir, "a/validation", 40).scalar("loss", 4, 8.0).scalar("loss", 5, 9.0).close()
    event_file(logdir, "c/validation/deep", 41).scalar("loss", 4, 80.0).close()
    event_file(logdir, "none/at/all", 42).scalar("loss", 4, 8.0).scalar("other", 1, 1.0).close()


def session_without_a_number(logdir):
    session(logdir, "a", {"lr": 0.1, "ü \"x\"": "ß\n\\"}, metrics={"loss": [math.nan], "": [-math.inf]})


def session_in_the_root(logdir):
    session(logdir, ".", {"lr": 0.1}, metrics={"loss": [3, 2, 1]})
    session(logdir, "below", {"lr": 0.2}, metrics={"loss": [3, 2, 1]})


def described_experiment(logdir):
    file = event_file(logdir, ".")
    infos = [api_pb2.HParamInfo(name="lr", display_name="learning rate", description="how *fast*", type=api_pb2.DATA_TYPE_FLOAT64,
                                domain_interval=api_pb2.Interval(min_value=0, max_value=1)),
             api_pb2.HParamInfo(name="optimizer", type=api_pb2.DATA_TYPE_STRING)]
    infos[1].domain_discrete.extend(["adam", "sgd"])
    metrics = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag="loss"), display_name="the loss"),
               api_pb2.MetricInfo(name=api_pb2.MetricName(tag="loss", group="validation"), dataset_type=api_pb2.DATASET_VALIDATION)]
    add_summary(file, hparams_data("experiment", experiment=api_pb2.Experiment(
        name="the name", hparam_infos=infos, metric_infos=metrics, user="someone", description="**bold**", time_created_secs=START))).close()
    session(logdir, "a", {"lr": 0.1, "optimizer": "adam"}, metrics={"loss": [3, 2, 1]})
    session(logdir, "b", {"lr": 0.2, "optimizer": "sgd"}, metrics={"loss": [3, 2, 0.5]})
    event_file(logdir, "b/validation", 9).scalar("loss", 1, 4.0).close()


def keras_callbacks(logdir):
    """What tensorboard.plugins.hparams' api and KerasCallback write."""
    lr, units = hparams_summary_v2.HParam("lr", hparams_summary_v2.RealInterval(0.0, 1.0)), hparams_summary_v2.HParam(
        "units", hparams_summary_v2.Discrete([16, 32]))
    file = event_file(logdir, ".")
    metric = hparams_summary_v2.Metric("epoch_loss", group="validation", display_name="loss (val.)")
    add_summary(file, hparams_summary_v2.hparams_config_pb([lr, units], [metric], START)).close()
    for number in range(3):
        run = f"trial-{number}"
        file = event_file(logdir, run, number)
        add_summary(file, hparams_summary_v2.hparams_pb({lr: 0.1 * number, units: 16 * (1 + number % 2)}, trial_id=f"trial {number}", start_time_secs=START))
        add_summary(file, session_end(api_pb2.STATUS_SUCCESS)).close()
        event_file(logdir, run + "/validation", number).scalar("epoch_loss", 0, 1.0 + number).scalar("epoch_loss", 1, 0.5 + number).close()


def tensorboardx_hparams(logdir):
    from tensorboardX import SummaryWriter

    for number in range(3):
        with SummaryWriter(str(logdir / "exp" / str(number))) as writer:
            writer.add_hparams({"lr": 0.1 * number, "bsize": number, "flag": number == 1, "name": "n%d" % (number % 2)},
                               {"hparam/accuracy": 10 * number, "hparam/loss": 1 / (1 + number)}, name="trial")
