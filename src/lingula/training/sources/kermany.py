"""The paediatric set of Kermany et al. (2018), ``kermany:FOLDER``; fetched by ``lingula dataset fetch kermany``.

5,856 frontal radiographs of children of one to five years from the Guangzhou Women and Children's Medical Center, as
JPEG under ``chest_xray/train|test/NORMAL|PNEUMONIA``. Two physicians graded each; a third checked the test part.

Licence: CC BY 4.0. Publisher: Mendeley Data, https://doi.org/10.17632/rscbjbr9sj.2.

Labels: the folder's. ``PNEUMONIA`` is pneumonia and its finding, bacteria or virus, stands in the file name; it is a
clinical label, not one read off the picture. ``NORMAL`` is normal. There are no others. Patients are read from the file
names, in which four numberings run beside each other.

The archive's digest and size are those that several public projects, independent of each other, have written down after
downloading it. Fetching and unpacking are tested against a local server with a made archive of the same layout.

References
----------
Kermany DS et al., Identifying medical diagnoses and treatable diseases by image-based deep learning, Cell 2018;
172:1122-1131, https://doi.org/10.1016/j.cell.2018.02.010.
"""

from dataclasses import replace
from pathlib import Path

from lingula.errors import TrainingError
from lingula.training.data.labelled import Source
from lingula.training.sources.folder import read_folder
from lingula.training.sources.location import Options
from lingula.training.sources.naming import KERMANY_CITATION, KERMANY_LICENCE, is_kermany
from lingula.training.sources.published import Archive, PublicSet

KERMANY = PublicSet(
    name="kermany",
    title="5,856 frontal radiographs of children, one hospital (Kermany et al. 2018)",
    licence=KERMANY_LICENCE,
    citation=KERMANY_CITATION,
    home="https://data.mendeley.com/datasets/rscbjbr9sj/2",
)
KERMANY_ARCHIVE = Archive(
    url="https://data.mendeley.com/public-files/datasets/rscbjbr9sj/files/"
    "f12eaf6d-6023-432f-acc9-80c9d7393433/file_downloaded",
    file_name="ChestXRay2017.zip",
    size_bytes=1_235_512_464,
    sha256="13efc055629733dbab07877f8b3c9f81097840dbcdaa326a8542322c2281ce36",
    home=KERMANY.home,
)
_SITE = "Guangzhou Women and Children's Medical Center"


def read_kermany(folder: Path, _: Options) -> Source:
    """Read the set from the folder it was fetched or unpacked into.

    Raises
    ------
    TrainingError
        If the folder does not hold it.
    """
    if not folder.is_dir():
        raise TrainingError(f"{folder} is no folder; `lingula dataset fetch kermany --out {folder}` makes it")
    source = read_folder(folder)
    if not is_kermany(row.path.name for row in source.rows):
        raise TrainingError(f"{folder} does not hold the set of Kermany et al.: no file is named like person1_virus_6")
    rows = tuple(replace(row, site=_SITE) for row in source.rows)
    return replace(source, name=KERMANY.name, rows=rows)
