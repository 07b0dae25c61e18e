"""One node's training job: a small model, really trained, that logs to event files while it runs.

usage: train.py --logdir DIR --model regression|classifier|autoencoder --writer tensorboardX|tensorboard|tensorflow
                [--steps N] [--interval SECONDS] [--seed N]

Ends after N steps, or runs until it is told to stop (SIGTERM, SIGINT) if N is 0.
"""

import argparse
import os
import signal
import time

import numpy


class Writer:
    """add_scalar and add_histogram over one of the writers people use."""

    def __init__(self, kind, logdir):
        self.kind = kind
        if kind == "tensorboardX":
            from tensorboardX import SummaryWriter

            self.writer = SummaryWriter(logdir, flush_secs=1)
        elif kind == "tensorflow":
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
            import tensorflow

            self.tensorflow = tensorflow
            self.writer = tensorflow.summary.create_file_writer(logdir, flush_millis=500)
        else:
            from tensorboard.summary.writer.event_file_writer import EventFileWriter

            self.writer = EventFileWriter(logdir, flush_secs=1)

    def scalar(self, tag, value, step):
        if self.kind == "tensorboardX":
            self.writer.add_scalar(tag, value, step)
        elif self.kind == "tensorflow":
            with self.writer.as_default():
                self.tensorflow.summary.scalar(tag, value, step=step)
        else:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.compat.proto.summary_pb2 import Summary

            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            self.writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))

    def flush(self):
        self.writer.flush()

    def close(self):
        self.writer.close()


class Regression:
    """Linear least squares by gradient descent on noisy data."""

    def __init__(self, random):
        self.random = random
        self.truth = random.normal(size=20)
        self.weights = numpy.zeros(20)

    def step(self):
        inputs = self.random.normal(size=(64, 20))
        residual = inputs @ self.weights - (inputs @ self.truth + 0.1 * self.random.normal(size=64))
        gradient = inputs.T @ residual / 64
        self.weights -= 0.02 * gradient
        return {"loss": float(residual @ residual / 64), "gradient_norm": float(numpy.linalg.norm(gradient)),
                "distance_to_truth": float(numpy.linalg.norm(self.weights - self.truth))}


class Classifier:
    """Softmax regression on four Gaussian clouds."""

    def __init__(self, random):
        self.random = random
        self.centres = 1.5 * random.normal(size=(4, 10))
        self.weights = numpy.zeros((10, 4))

    def step(self):
        labels = self.random.integers(0, 4, size=64)
        inputs = self.centres[labels] + self.random.normal(size=(64, 10))
        logits = inputs @ self.weights
        logits -= logits.max(axis=1, keepdims=True)
        probabilities = numpy.exp(logits) / numpy.exp(logits).sum(axis=1, keepdims=True)
        loss = -numpy.log(probabilities[numpy.arange(64), labels] + 1e-12).mean()
        accuracy = (probabilities.argmax(axis=1) == labels).mean()
        probabilities[numpy.arange(64), labels] -= 1
        self.weights -= 0.05 * inputs.T @ probabilities / 64
        return {"loss": float(loss), "accuracy": float(accuracy), "weight_norm": float(numpy.linalg.norm(self.weights))}


class Autoencoder:
    """A linear autoencoder of rank 3."""

    def __init__(self, random):
        self.random = random
        self.basis = random.normal(size=(3, 16))
        self.encoder = 0.1 * random.normal(size=(16, 3))
        self.decoder = 0.1 * random.normal(size=(3, 16))

    def step(self):
        inputs = self.random.normal(size=(64, 3)) @ self.basis
        codes = inputs @ self.encoder
        error = codes @ self.decoder - inputs
        decoder_gradient = codes.T @ error / 64
        encoder_gradient = inputs.T @ (error @ self.decoder.T) / 64
        self.decoder -= 0.002 * decoder_gradient
        self.encoder -= 0.002 * encoder_gradient
        return {"loss": float((error**2).mean()), "code_norm": float(numpy.linalg.norm(codes) / 8)}


MODELS = {"regression": Regression, "classifier": Classifier, "autoencoder": Autoencoder}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--logdir", required=True)
    parser.add_argument("--model", choices=sorted(MODELS), required=True)
    parser.add_argument("--writer", choices=["tensorboardX", "tensorboard", "tensorflow"], required=True)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--interval", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    stopped = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.append(True))
    runs = {name: (MODELS[options.model](numpy.random.default_rng(options.seed + offset)), Writer(options.writer, os.path.join(options.logdir, name)))
            for offset, name in enumerate(("train", "validation"))}
    step = 0
    while not stopped and (options.steps == 0 or step < options.steps):
        for model, writer in runs.values():
            for tag, value in model.step().items():
                writer.scalar(tag, value, step)
            writer.flush()
        step += 1
        time.sleep(options.interval)
    for _, writer in runs.values():
        writer.close()


if __name__ == "__main__":
    main()
