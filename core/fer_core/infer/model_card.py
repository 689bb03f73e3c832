"""What a model file says about itself: labels, crop geometry, data, figures, limits.

The card is JSON inside the ONNX file's metadata, so that a model never needs a second file or a constant elsewhere to
be used right. A copy lies beside the file for people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fer_core.faces.align import CropGeometry

#: Key of the card in the ONNX metadata.
CARD_KEY = "fer_studio.card"
FORMAT_VERSION = 1


class ModelError(Exception):
    """A model file cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Labels and geometry that the program needs, and what people should know."""

    name: str
    version: str
    expressions: tuple[str, ...]
    action_units: tuple[int, ...]
    geometry: CropGeometry
    backbone: str
    description: str = ""
    intended_use: str = ""
    limits: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Indented JSON."""
        return json.dumps({"format": FORMAT_VERSION, **asdict(self)}, indent=1, ensure_ascii=False)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], source: str) -> ModelCard:
        """The card in the metadata of an ONNX file.

        Raises:
            ModelError: when there is none of this format.
        """
        if CARD_KEY not in metadata:
            raise ModelError(f"{source}: has no model card; export it with: fer-core export")
        return cls.from_json(metadata[CARD_KEY], source)

    @classmethod
    def from_json(cls, text: str, source: str) -> ModelCard:
        """Inverse of :meth:`to_json`.

        Raises:
            ModelError: when the text is no card of this format.
        """
        try:
            values = json.loads(text)
            if values.pop("format") != FORMAT_VERSION:
                raise ModelError(f"{source}: made for another version of fer-studio; export the model again")
            values["geometry"] = CropGeometry.from_dict(values["geometry"])
            values["expressions"] = tuple(values["expressions"])
            values["action_units"] = tuple(int(u) for u in values["action_units"])
            values["limits"], values["data"] = tuple(values.get("limits", ())), tuple(values.get("data", ()))
            return cls(**values)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{source}: its model card cannot be read ({error}); export the model again") from None
