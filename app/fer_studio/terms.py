"""One line each for the terms that people meet in the window: tooltips, and what a screen reader says."""

from __future__ import annotations

from fer_core.types import Status
from fer_studio.labels import unit_code, unit_name

#: Terms of the field and of the status bar.
TERMS = {
    "apparent expression": "What a face looks like to most people who see it. It is not what the person feels.",
    "valence": "How pleasant the face looks, from -1 (negative) to +1 (positive). A neutral face is at 0.",
    "arousal": "How activated the face looks, from -1 (calm, sleepy) to +1 (excited). A neutral face is at 0.",
    "circumplex": "The valence-arousal plane (Russell 1980): pleasant to the right, activated upwards, neutral at 0.",
    "action unit": "A movement of the face that the Facial Action Coding System (FACS) names, 0 absent to 1 present.",
    "probability": "How sure the model is, from 0 to 1. The eight expressions sum to 1, action units do not.",
    "baseline": "A person's own neutral face, subtracted from what is shown. The record keeps the raw values too.",
    "raw value": "What the model says before the neutral baseline is subtracted.",
    "smoothing": "Averages over this many seconds of the past. More is calmer and later.",
    "history": "The last 10 seconds, the newest on the right. A gap is a time without a usable face.",
    "trail": "Where the point was in the last seconds. Older parts fade.",
    "face id": "A number that stays with a face for as long as it can be followed. It knows no names.",
    "mesh": "Contours of the face as they were found: oval, brows, eyes, lips.",
    "pose axes": "Where the head points: red to its side, green upwards, blue out of the face.",
    "mirror": "Shows the picture like a mirror. What is measured and recorded is not turned.",
    "confidence": "How far the measurement of this face can be trusted, from 0 to 1.",
    "pitch": "Head up (+) or down (-), in degrees.",
    "yaw": "Head turned to the right side of the picture (+) or to the left (-), in degrees.",
    "roll": "Head tilted clockwise in the picture (+) or against it (-), in degrees.",
    "latency": "Time from a picture arriving to its result on the screen.",
    "dropped": "Pictures that were skipped because a newer one had come. A file being analysed never skips any.",
    "compute device": "Where the model runs: a graphics processor or the CPU.",
    "marker": "A named place in time, or a range that can be left out of statistics.",
}

_EXPRESSIONS = {
    "neutral": "no visible expression.",
    "happiness": "raised cheeks and lip corners (AU06, AU12).",
    "surprise": "raised brows, wide eyes, open mouth (AU01, AU02, AU05, AU26).",
    "sadness": "raised inner brows, lowered lip corners (AU01, AU04, AU15).",
    "anger": "lowered brows, tense lids and lips (AU04, AU05, AU07, AU23).",
    "disgust": "wrinkled nose, raised upper lip (AU09, AU10, AU15).",
    "fear": "raised and drawn brows, wide eyes, stretched lips (AU01, AU02, AU04, AU05, AU20).",
    "contempt": "one lip corner tightened and raised (AU12 and AU14 on one side).",
}

_UNITS = {
    1: "the inner ends of the brows go up.",
    2: "the outer ends of the brows go up.",
    4: "the brows go down and together.",
    5: "the upper lids go up, the eyes are wide.",
    6: "the cheeks go up and narrow the eyes, as in a hearty smile.",
    7: "the lids tighten and narrow the eyes.",
    9: "the nose wrinkles.",
    10: "the upper lip goes up.",
    11: "the fold beside the nose deepens.",
    12: "the lip corners go up and back, as in a smile.",
    14: "the lip corners tighten and make dimples.",
    15: "the lip corners go down.",
    16: "the lower lip goes down.",
    17: "the chin is pushed up.",
    18: "the lips pucker.",
    20: "the lips stretch sideways.",
    22: "the lips form a funnel.",
    23: "the lips tighten and narrow.",
    24: "the lips press together.",
    25: "the lips are apart.",
    26: "the jaw drops.",
    27: "the mouth stretches wide open.",
    28: "the lips are sucked in.",
    43: "the eyes are closed.",
    45: "the eyes blink.",
}

_STATUSES = {
    Status.OK: "The face can be measured.",
    Status.NO_FACE: "No face was found. Face the camera and turn on a light.",
    Status.LOW_CONFIDENCE: "The face is too blurred or too uncertain to measure. Hold still, add light.",
    Status.OCCLUDED: "Too much of the face is covered. Take away what is before it.",
    Status.TOO_SMALL: "The face is too small in the picture. Come closer.",
    Status.EXTREME_POSE: "The face is turned too far away. Turn towards the camera.",
    Status.DECODE_ERROR: "This picture of the file is damaged and could not be read.",
}


def explain(term: str) -> str:
    """The line for a key of ``TERMS``.

    Raises:
        KeyError: for a term that has no line; add it to ``TERMS``.
    """
    return TERMS[term]


def explain_expression(expression: str) -> str:
    """What a face with this apparent expression looks like."""
    look = _EXPRESSIONS.get(expression)
    return f"{expression.capitalize()}: {look}" if look else f"{expression.capitalize()}: a label of the loaded model."


def explain_unit(unit: int) -> str:
    """Number, FACS name, and what moves."""
    name, movement = unit_name(unit), _UNITS.get(unit)
    if movement is None:
        return f"{unit_code(unit)}: an action unit of the loaded model."
    return f"{unit_code(unit)} {name}: {movement}"


def explain_status(status: Status) -> str:
    """Why a face or picture is not measured, and what helps."""
    return _STATUSES[status]


def baseline_words(share: float) -> str:
    """From which share of what was measured a neutral face was subtracted, 0..1; empty where from nothing."""
    if share <= 0.0:
        return ""
    return "neutral baseline subtracted" if share >= 1.0 else "neutral baseline subtracted in part"


def status_words(status: Status) -> str:
    """A status as people read it: ``too small``."""
    return status.value.replace("_", " ")
