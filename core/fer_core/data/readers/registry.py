"""Every data set that can be read: what it is, what it labels, under which terms, and where to ask for it.

A data set lies in ``root/<folder>/`` or ``root/<folder>.zip``, with its official files inside. One's own images are
read as ``folder:NAME`` or ``csv:NAME`` from ``root/NAME``.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers import (
    affectnet,
    affwild2,
    ckplus,
    ckplus_official,
    diffusionfer,
    ferplus,
    rafdb,
    utkface,
    webmorph,
)
from fer_core.data.readers.afew import read_afew
from fer_core.data.readers.afewva import read_afewva
from fer_core.data.readers.affwild import read_affwild
from fer_core.data.readers.bu3dfe import read_bu3dfe
from fer_core.data.readers.common import Read
from fer_core.data.readers.fer2013 import read_fer2013
from fer_core.data.readers.jaffe import read_jaffe
from fer_core.data.readers.plain_csv import read_plain_csv
from fer_core.data.readers.plain_folder import read_plain_folder
from fer_core.data.readers.recola import read_recola

EXPRESSION, VA, AU = "expression", "valence-arousal", "action units"
_ASK = "research only, on signed agreement"
_IBUG = "iBUG group, Imperial College London"
_AFFWILD2 = f"{_IBUG}, page 'Aff-Wild2': https://ibug.doc.ic.ac.uk/resources/aff-wild2/"
_AFFECTNET = "M. Mahoor's laboratory, University of Denver, page 'AffectNet': http://mohammadmahoor.com/affectnet/"
_RAFDB = (
    "PRIS laboratory, Beijing University of Posts and Telecommunications, page 'Real-world Affective Faces Database': "
    "http://www.whdeng.cn/raf/model1.html"
)
_CKPLUS = "Affect Analysis Group, University of Pittsburgh (J. Cohn): http://www.jeffcohn.net/Resources/"


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """One data set and how to read it."""

    name: str
    """How it is asked for on the command line."""
    about: str
    """What it is, in a line."""
    labels: tuple[str, ...]
    """Of ``EXPRESSION``, ``VA`` and ``AU``; empty where only teachers can label it."""
    licence: str
    """As its owners state it, in short; their text decides."""
    source: str
    """Where to ask for it, or how it comes about."""
    read: Callable[[Archive], Read]
    folder: str = ""
    """Of the archives; the name where empty."""

    def samples(self, root: Path) -> Read:
        """Samples, and how many were dropped for which reason, from the archive in ``root``.

        Raises:
            DataError: when a file or column is missing or cannot be read; a missing archive also says where to ask.
        """
        try:
            archive = Archive(root, self.archive)
        except DataError as error:
            raise DataError(f"{error}. Where to get it: {self.source}") from error
        return self.read(archive)

    @property
    def archive(self) -> str:
        """Name of the folder or zip."""
        return self.folder or self.name


_ENTRIES = (
    DatasetInfo(
        "fer2013",
        "35,887 grey web faces of 48 px, 7 expressions",
        (EXPRESSION,),
        "no licence stated; web images of a challenge",
        "the Kaggle challenge 'Challenges in Representation Learning: Facial Expression Recognition Challenge'",
        read_fer2013,
    ),
    DatasetInfo(
        ferplus.NAME,
        "the FER2013 images with ten crowd votes over 8 expressions each",
        (EXPRESSION,),
        "labels MIT; images as FER2013",
        "Microsoft's repository FERPlus (labels, and how to make the images from FER2013): "
        "https://github.com/microsoft/FERPlus",
        ferplus.read_ferplus,
    ),
    DatasetInfo(
        rafdb.NAME,
        "15,339 web faces, 7 basic expressions by about 40 raters",
        (EXPRESSION,),
        _ASK,
        _RAFDB,
        rafdb.read_rafdb,
    ),
    DatasetInfo(
        "rafdb_compound",
        "3,954 web faces of RAF-DB, 11 compound expressions (half a vote for each of two)",
        (EXPRESSION,),
        _ASK,
        _RAFDB,
        rafdb.read_rafdb_compound,
        folder=rafdb.NAME,
    ),
    DatasetInfo(
        affectnet.NAME,
        "about 290,000 manually annotated web faces, 8 expressions, valence and arousal (releases of 2017 and 2021)",
        (EXPRESSION, VA),
        _ASK,
        _AFFECTNET,
        affectnet.read_affectnet,
    ),
    DatasetInfo(
        "affectnet7",
        "AffectNet without contempt, 7 expressions",
        (EXPRESSION, VA),
        _ASK,
        _AFFECTNET,
        affectnet.read_affectnet7,
        folder=affectnet.NAME,
    ),
    DatasetInfo(
        "saffwild2",
        "static frames of Aff-Wild2, the multi-task challenges' list: expression, valence, arousal, 12 units",
        (EXPRESSION, VA, AU),
        _ASK,
        _AFFWILD2,
        affwild2.read_saffwild2,
    ),
    DatasetInfo(
        affwild2.NAME,
        "every labelled frame of the Aff-Wild2 videos, one label file a video and task",
        (EXPRESSION, VA, AU),
        _ASK,
        _AFFWILD2,
        affwild2.read_affwild2,
    ),
    DatasetInfo(
        "affwild",
        "298 web videos with valence and arousal of every frame",
        (VA,),
        _ASK,
        f"{_IBUG}, page 'First Affect-in-the-Wild Challenge': "
        "https://ibug.doc.ic.ac.uk/resources/first-affect-wild-challenge/",
        read_affwild,
    ),
    DatasetInfo(
        "afewva",
        "600 film clips with valence and arousal of every frame",
        (VA,),
        _ASK,
        f"{_IBUG}, page 'AFEW-VA Database': https://ibug.doc.ic.ac.uk/resources/afew-va-database/",
        read_afewva,
    ),
    DatasetInfo(
        "afew",
        "film clips of the EmotiW challenges with one of 7 expressions each",
        (EXPRESSION,),
        _ASK,
        "the organisers of the EmotiW challenges (A. Dhall and colleagues), data set 'Acted Facial Expressions in the "
        "Wild (AFEW)'",
        read_afew,
    ),
    DatasetInfo(
        "recola",
        "five minutes each of people in video calls, valence and arousal rated in time",
        (VA,),
        _ASK,
        "University of Fribourg, DIVA group, page 'RECOLA Database'",
        read_recola,
    ),
    DatasetInfo(
        "bu3dfe",
        "100 people, 6 posed expressions at 4 intensities and neutral (frontal texture images of scans)",
        (EXPRESSION,),
        _ASK,
        "Binghamton University, L. Yin's laboratory, page 'BU-3DFE (Binghamton University 3D Facial Expression) "
        "Database'",
        read_bu3dfe,
    ),
    DatasetInfo(
        ckplus_official.NAME,
        "593 sequences of 123 people from neutral to a posed peak, FACS codes, official layout",
        (EXPRESSION, AU),
        _ASK,
        _CKPLUS,
        ckplus_official.read_ckplus_official,
    ),
    DatasetInfo(
        ckplus.NAME,
        "peaks and onsets of CK+ as 128 px images with one label table",
        (EXPRESSION, AU),
        "research only",
        f"made from CK+ (as its owners give it, read it as ckplus): {_CKPLUS}",
        ckplus.read_ckplus,
    ),
    DatasetInfo(
        "jaffe",
        "213 grey images of ten Japanese women, 7 posed expressions",
        (EXPRESSION,),
        "non-commercial research, on request",
        "M. Lyons, M. Kamachi and J. Gyoba, Zenodo record 'The Japanese Female Facial Expression (JAFFE) Dataset'",
        read_jaffe,
    ),
    DatasetInfo(
        diffusionfer.NAME,
        "1,289 synthetic colour faces, 1,285 of them with one of 7 expressions, valence and arousal by people",
        (EXPRESSION, VA),
        "CC0",
        "published by its authors under the name DiffusionFER; no agreement needed",
        diffusionfer.read_diffusionfer,
    ),
    DatasetInfo(
        webmorph.NAME,
        "102 people of the Face Research Lab London set, neutral and smiling (testing only)",
        (EXPRESSION,),
        "CC BY 4.0",
        "L. DeBruine and B. Jones, Figshare record 'Face Research Lab London Set'",
        webmorph.read_webmorph,
    ),
    DatasetInfo(
        utkface.NAME,
        "9,780 colour web faces of 200 px (part 1) with age, gender and race",
        (),
        "non-commercial research",
        "Z. Zhang, Y. Song and H. Qi, page 'UTKFace': https://susanqq.github.io/UTKFace/",
        utkface.read_utkface,
        folder=utkface.FOLDER,
    ),
)
_OWN = {
    "folder": DatasetInfo(
        "folder:NAME",
        "your own images in folders named by expression, as root/NAME/happiness/*.jpg",
        (EXPRESSION,),
        "yours",
        "your own images",
        read_plain_folder,
    ),
    "csv": DatasetInfo(
        "csv:NAME",
        "your own images with a table root/NAME/labels.csv",
        (EXPRESSION, VA, AU),
        "yours",
        "your own images",
        read_plain_csv,
    ),
}

#: In the order in which they are listed, ``folder:NAME`` and ``csv:NAME`` last.
DATASETS: tuple[DatasetInfo, ...] = (*_ENTRIES, *_OWN.values())


def find_dataset(name: str) -> DatasetInfo:
    """The data set of that name; ``folder:NAME`` and ``csv:NAME`` are one's own in ``root/NAME``.

    Raises:
        DataError: for another name; the message suggests the nearest.
    """
    kind, _, own = name.partition(":")
    if kind in _OWN and own:
        return replace(_OWN[kind], name=name, folder=own)
    for entry in _ENTRIES:
        if entry.name == name:
            return entry
    known = [e.name for e in DATASETS]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise DataError(f"there is no data set named {name!r}; {hint}The names are {', '.join(known)}")
