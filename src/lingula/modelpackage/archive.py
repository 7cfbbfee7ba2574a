"""The model package file ``NAME-1.2.0.lingula``: a zip of manifest, graph and model card; no pickle, no code.

Reading trusts nothing: sizes are bounded before a byte is unpacked, every member's digest is compared with the
manifest, and a newer format is refused with what to do about it.
"""

import hashlib
import json
import lzma
import struct
import zipfile
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydantic import ValidationError

from lingula.errors import PackageDamaged, PackageTooNew
from lingula.modelpackage.manifest import FORMAT_VERSION, Forebear, Manifest

MANIFEST, GRAPH, CARD = "manifest.json", "model.onnx", "MODEL_CARD.md"
OUTPUTS = ("probability", "activation_map", "lung_mask", "embedding", "novelty")
LARGEST_MEMBER = 512 * 1024 * 1024  # bytes; no package for this purpose comes near it
_UNZIPPING = (  # everything that the standard library raises for bytes that are no whole zip file
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,  # encrypted; a kind of compression that nobody knows
    ValueError,
)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # a fixed time in the zip, so that the same content gives the same digest


@dataclass(frozen=True, kw_only=True)
class ModelPackage:
    """A package that was read and found whole; `sha256` is the file's own digest."""

    manifest: Manifest
    graph: bytes
    model_card: str
    sha256: str
    path: Path

    @property
    def label(self) -> str:
        """Name and version, as people write it."""
        return f"{self.manifest.name}-{self.manifest.version}"

    @property
    def as_forebear(self) -> Forebear:
        """What a package made from this one says of it."""
        return Forebear(label=self.label, sha256=self.sha256)


def write_package(folder: Path, manifest: Manifest, graph: bytes, model_card: str) -> Path:
    """Write a package into `folder` and give its path; the manifest's digests are filled in.

    The file appears whole or not at all, and the same content always gives the same bytes.
    """
    card = model_card.encode()
    members = {GRAPH: hashlib.sha256(graph).hexdigest(), CARD: hashlib.sha256(card).hexdigest()}
    manifest = manifest.model_copy(update={"members": members})
    path = folder / f"{manifest.name}-{manifest.version}.lingula"
    partial = path.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in ((MANIFEST, manifest.model_dump_json(indent=2).encode()), (GRAPH, graph), (CARD, card)):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
    partial.replace(path)
    return path


def read_package(path: Path) -> ModelPackage:
    """Read and check a package.

    Raises
    ------
    PackageDamaged
        If the file is no zip, a member is missing, too large or changed, or the manifest does not hold.
    PackageTooNew
        If the package's format is newer than this program.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PackageDamaged(f"{path.name} cannot be read: {error.strerror}; check the path and its rights") from error
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:  # not `path`, which may be another file by now
            members = {name: _member(archive, name, path) for name in (MANIFEST, GRAPH, CARD)}
        card = members[CARD].decode()
    except _UNZIPPING as error:
        raise PackageDamaged(f"{path.name} is no whole zip file: {error}; fetch or export it again") from error
    manifest = _manifest(members[MANIFEST], path)
    for name in (GRAPH, CARD):
        found = hashlib.sha256(members[name]).hexdigest()
        if found != manifest.members.get(name):
            raise PackageDamaged(f"{path.name}: {name} has sha256 {found[:12]}…, not the manifest's; fetch it again")
    return ModelPackage(
        manifest=manifest,
        graph=members[GRAPH],
        model_card=card,
        sha256=hashlib.sha256(data).hexdigest(),
        path=path,
    )


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    try:
        size = archive.getinfo(name).file_size
    except KeyError as error:
        raise PackageDamaged(f"{path.name} has no member {name}; export it again") from error
    if size > LARGEST_MEMBER:
        raise PackageDamaged(f"{path.name}: {name} would unpack to {size} bytes; this is no model package")
    return archive.read(name)


def _manifest(data: bytes, path: Path) -> Manifest:
    try:
        version = json.loads(data)["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise PackageDamaged(f"{path.name}: {MANIFEST} states no format_version; export it again") from error
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise PackageTooNew(
            f"{path.name} has package format {version}, this program reads up to {FORMAT_VERSION}; upgrade lingula"
        )
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        why = first["msg"].removeprefix("Value error, ")
        raise PackageDamaged(f"{path.name}: {MANIFEST} does not hold at {where}: {why}") from error
    if (missing := set(OUTPUTS) - {output.name for output in manifest.outputs}) != set():
        raise PackageDamaged(f"{path.name}: the manifest declares no output {min(missing)!r}; export it again")
    return manifest


def shipped_package_path() -> Path:
    """Give the path of the default package inside the installed program."""
    folder = Path(__file__).parent.parent / "shipped"
    newest = max(folder.glob("*.lingula"), default=None)
    if newest is None:
        raise PackageDamaged("no default package is installed; run `make default-model` or set LINGULA_PACKAGE")
    return newest
