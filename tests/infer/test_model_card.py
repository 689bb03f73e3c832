import json

import pytest

from fer_core.faces.align import DEFAULT_GEOMETRY
from fer_core.infer.model_card import FORMAT_VERSION, ModelCard, ModelError
from fer_core.labels import ACTION_UNITS, EXPRESSIONS


def test_model_card_round_trip(made):
    card = made.card(
        description="größer",
        limits=("one", "two"),
        data=("FER+",),
        figures={"accuracy": 0.8, "per_unit": {"au01": None}},
        training={"seed": 1},
    )
    again = ModelCard.from_json(card.to_json(), "m.onnx")
    assert again == card
    assert "größer" in card.to_json()
    assert (again.expressions, again.action_units) == (EXPRESSIONS, ACTION_UNITS)
    assert again.geometry == DEFAULT_GEOMETRY


def test_model_card_reads_one_with_the_required_fields_alone(made):
    values = json.loads(made.card().to_json())
    for key in ("description", "intended_use", "limits", "data", "figures", "training"):
        del values[key]
    assert ModelCard.from_json(json.dumps(values), "m.onnx") == made.card()


def test_model_card_refuses_another_format(made):
    values = {**json.loads(made.card().to_json()), "format": FORMAT_VERSION + 1}
    with pytest.raises(ModelError, match=r"m\.onnx: made for another version"):
        ModelCard.from_json(json.dumps(values), "m.onnx")


@pytest.mark.parametrize("text", ["", "no json", "3", '"text"', "[1]", "{}"])
def test_model_card_refuses_what_is_no_card(text):
    with pytest.raises(ModelError, match=r"m\.onnx: its model card cannot be read .*export the model again"):
        ModelCard.from_json(text, "m.onnx")


@pytest.mark.parametrize(
    ("key", "value"),
    [("geometry", None), ("geometry", {"size_px": 112}), ("expressions", 3), ("action_units", ["one"]), ("surplus", 1)],
)
def test_model_card_refuses_a_damaged_field(made, key, value):
    values = {**json.loads(made.card().to_json()), key: value}
    with pytest.raises(ModelError, match="cannot be read"):
        ModelCard.from_json(json.dumps(values), "m.onnx")
