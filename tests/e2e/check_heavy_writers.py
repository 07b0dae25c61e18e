"""What the writers of torch, TensorFlow and Keras log, beside the real TensorBoard. Named by `./dev ci --full` only: it needs `./dev setup full`."""

import pathlib
import subprocess

import pytest
from oracle import compare_directory
from programs import BUILD, COLLECTOR

MOST = 2000  # questions of each route


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("heavy")
    subprocess.run([BUILD / "venv-full" / "bin" / "python", pathlib.Path(__file__).parent / "heavy_writers.py", logdir], check=True, timeout=600)
    return logdir


# One directory each: all hyperparameters below one directory are one experiment.
@pytest.mark.parametrize("writer", ["torch", "tensorflow"])
def test_what_it_logs(written, tmp_path, writer):
    differences, asked = compare_directory(written / writer, COLLECTOR, MOST, tmp_path)
    assert not differences, f"{len(differences)} of {asked} answers differ:\n" + "\n".join(differences[:40])
    assert asked > 1000
