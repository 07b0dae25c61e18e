"""What training jobs write: for each dashboard and writer a function that fills a directory."""

from writers import graphs, hparams, layouts, media, projections, scalars, tensors

EVERY_WRITER = [
    scalars.plain_runs, scalars.tensor_scalars, scalars.odd_values, scalars.restart_in_one_file, scalars.requeue, scalars.torn_tail,
    scalars.several_values_in_one_event, scalars.several_files, scalars.odd_times, scalars.sessions_and_versions, scalars.names_of_every_kind,
    scalars.own_writer, scalars.scalars_of_tensorboardx,
    media.media_of_tensorboardx, media.media_by_hand, media.images_of_every_kind, media.sounds_of_every_kind, media.histograms_of_every_kind,
    media.texts_of_every_kind, media.legacy_summaries, media.classes_said_by_writers,
    tensors.curves_by_hand, tensors.curves_of_tensorboardx, tensors.meshes_by_hand, tensors.meshes_of_tensorboardx,
    layouts.layouts_of_several_runs, layouts.layout_of_tensorboardx,
    graphs.graphs_of_every_kind, graphs.keras_models,
    projections.projections, projections.projection_of_tensorboardx,
    hparams.sessions_of_many_kinds,
]


def everything(logdir):
    """Every plugin's data by every writer, each below a folder of its own; the first one at the top, so that there is a run "."."""
    for number, write in enumerate(EVERY_WRITER):
        write(logdir / write.__name__ if number else logdir)
