"""What is asked of a server, by dashboard. What is asked for data follows from what the reference lists."""

from questions.core import core_questions
from questions.custom_scalars import custom_scalars_questions
from questions.graphs import graphs_questions
from questions.hparams import hparams_questions
from questions.media import blobs_questions, tensors_questions
from questions.projector import projector_questions
from questions.scalars import scalars_questions, timeseries_questions
from questions.tensors import mesh_questions, pr_curves_questions

QUESTIONS = {
    "core": core_questions,
    "scalars": scalars_questions,
    "timeseries": timeseries_questions,
    "images": blobs_questions("images", "individualImage"),
    "audio": blobs_questions("audio", "individualAudio"),
    "histograms": tensors_questions("histograms"),
    "distributions": tensors_questions("distributions"),
    "text": tensors_questions("text"),
    "graphs": graphs_questions,
    "pr_curves": pr_curves_questions,
    "hparams": hparams_questions,
    "mesh": mesh_questions,
    "custom_scalars": custom_scalars_questions,
    "projector": projector_questions,
}
