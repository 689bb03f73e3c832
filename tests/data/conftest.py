"""A tiny research archive with files and columns where the official data sets have them; faces of the shipped clip."""

import csv
import gzip
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_core.assets import asset_path
from fer_core.data.splits import read_split
from fer_core.labels import ACTION_UNITS, EXPRESSIONS

FER_FOLDERS = {"Training": "FER2013Train", "PublicTest": "FER2013Valid", "PrivateTest": "FER2013Test"}
#: usage, votes by name, dup_md5; one file a row, named by its place in this list.
FER_ROWS = (
    ("Training", {"happiness": 8, "neutral": 2}, ""),
    ("Training", {"sadness": 5, "unknown": 5}, ""),  # a tie is not lost to unknown
    ("Training", {"anger": 3, "unknown": 7}, ""),
    ("Training", {"fear": 1, "NF": 9}, ""),
    ("Training", {"unknown": 10}, ""),
    ("Training", {"surprise": 10}, "d0d0"),  # also in the test split
    ("Training", {"disgust": 10}, "beef"),  # twice in training only
    ("Training", {"disgust": 10}, "beef"),
    ("PublicTest", {"neutral": 10}, "cafe"),
    ("PrivateTest", {"surprise": 9, "fear": 1}, "d0d0"),
    ("PrivateTest", {"contempt": 6, "neutral": 4}, ""),
)
CK_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17, 18, 20, 21, 22, 23, 24, 25, 26, 27)
DIFFUSION_CODES = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry")


@pytest.fixture(scope="session")
def face() -> np.ndarray:
    """A frontal colour face, (200, 200, 3)."""
    import av

    with av.open(str(asset_path("demo", "demo.mp4"))) as container:
        image = next(container.decode(video=0)).to_ndarray(format="rgb24")[84:284, 222:422].copy()
    image.setflags(write=False)
    return image


def write_csv(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_image(path: Path, face: np.ndarray, size_px: int, *, grey: bool, light: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = cv2.resize(np.clip(face * light, 0, 255).astype(np.uint8), (size_px, size_px), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if grey else image[..., ::-1])


def write_ferplus(root: Path, face: np.ndarray) -> None:
    names = [f"ferplus_{n}" for n in (*EXPRESSIONS, "unknown", "NF")]
    rows = []
    for i, (usage, votes, dup_md5) in enumerate(FER_ROWS):
        path = f"data/{FER_FOLDERS[usage]}/fer{i:07d}.png"
        write_image(root / "ferplus" / path, face, 48, grey=True, light=0.7 + 0.05 * i)
        counts = {n: votes.get(n.removeprefix("ferplus_"), 0) for n in names}
        rows.append({"path": path, "usage": usage, "fer2013_label": "", **counts, "dup_md5": dup_md5})
    write_csv(root / "ferplus" / "labels_merged.csv", rows)


def write_ckplus(root: Path, face: np.ndarray) -> list[dict[str, object]]:
    """Six training subjects and one test subject, each at rest and smiling with units 6, 12 and 25."""
    test = sorted(read_split("ckplus_test_subjects"))
    rows = []
    for i, subject in enumerate([*(f"S9{i}0" for i in range(6)), test[0]]):
        for emotion, present in (("neutral", ()), ("happiness", (6, 12, 25))):
            path = f"assets/ck+_128/{emotion}/{subject}_001_00000001.png"
            write_image(root / "ckplus128" / path, face, 128, grey=True, light=0.8 + 0.03 * i)
            coded = {f"AU{u}": int(u in present) for u in CK_UNITS}
            coded["AU27"] = "" if subject == "S900" else 0  # not coded
            rows.append({"path": path, "subject": subject, "emotion": emotion, **coded, "label_source": "made"})
    write_csv(root / "ckplus128" / "ckplus128_au_labels.csv", rows)
    return rows


def write_diffusionfer(root: Path, face: np.ndarray) -> None:
    test = sorted(read_split("diffusionfer_test"))
    rows = []
    for code, folder in enumerate(DIFFUSION_CODES):
        for name in (f"made{code}.jpg", *test[:1] * (code == 6)):
            write_image(root / "diffusionfer" / "cropped" / folder / name, face, 224, grey=False, light=0.8)
            path = f"DiffusionFER/DiffusionEmotion_S/cropped/{folder}/{Path(name).stem}.png"
            rows.append(
                {"subDirectory_filePath": path, "valence": (code - 3) / 10, "arousal": code / 10, "expression": code}
            )
    rows.append({**rows[0], "subDirectory_filePath": "DiffusionFER/DiffusionEmotion_S/cropped/happy/absent.png"})
    write_csv(root / "diffusionfer" / "dataset_sheet.csv", rows)


def write_c25(root: Path) -> None:
    """Sixteen images, two clear ones a class; the second file ends with them in the other order."""
    folder = root / "affectnetc25"
    folder.mkdir(parents=True)
    for part, codes in ((1, range(8)), (2, range(7, -1, -1))):
        ratings = {
            "expression": [[c] * 22 + [(c + 1) % 8] * 3 for c in codes],
            "valence": [[0.5 if c == 0 else -0.25] * 25 for c in codes],
            "arousal": [[-0.5 if c == 7 else 0.25] * 25 for c in codes],
        }
        for quantity, table in ratings.items():
            rows = [
                {"index": i, "filename": f"{part}_{i}.jpg", **{f"participant{r}": v for r, v in enumerate(values)}}
                for i, values in enumerate(table)
            ]
            write_csv(folder / f"{quantity}_set{part}_C25.csv", rows)


def write_blendshapes(root: Path, ck_rows: list[dict[str, object]]) -> None:
    """Smiles and parted lips follow the codes; one FER+ face was not found."""
    from fer_core.data.named_au import NAMED_BLENDSHAPES
    from fer_core.data.weak_au import UNIT_BLENDSHAPES

    names = sorted({n for units in (UNIT_BLENDSHAPES, NAMED_BLENDSHAPES) for shapes in units.values() for n in shapes})
    moving = {"mouthSmileLeft", "mouthSmileRight", "jawOpen", "cheekSquintLeft"}
    images = [("ckplus128", r["path"], r["AU12"]) for r in ck_rows]
    images += [
        ("ferplus", f"data/{FER_FOLDERS[u]}/fer{i:07d}.png", i == 0) for i, (u, _, _) in enumerate(FER_ROWS) if i != 1
    ]
    lines = [",".join(["dataset", "path", "pitch_deg", "yaw_deg", "roll_deg", *names])]
    for i, (dataset, path, smiling) in enumerate(images):
        scores = [0.8 * bool(smiling) + 0.01 * (i % 7) if n in moving else 0.01 * (i % 5) for n in names]
        lines.append(",".join([dataset, str(path), "0", "0", "0", *(f"{s:.4f}" for s in scores)]))
    (root / "blendshapes.csv.gz").write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))


@pytest.fixture(scope="session")
def make_root(face):
    """Writes the archive into a folder."""

    def make(root: Path) -> Path:
        write_ferplus(root, face)
        ck_rows = write_ckplus(root, face)
        write_diffusionfer(root, face)
        write_c25(root)
        write_blendshapes(root, ck_rows)
        return root

    assert set(ACTION_UNITS) <= set(CK_UNITS)
    return make
