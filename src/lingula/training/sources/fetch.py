"""A public set from the web into a folder, ready to be read: fetched, checked, unpacked, once."""

from pathlib import Path

from lingula.training.data.labelled import Progress
from lingula.training.sources.download import check_archive, check_space, fetch_archive
from lingula.training.sources.published import Archive
from lingula.training.sources.unpack import unpack

_DONE = ".fetched"  # holds the archive's digest; hidden, so that no reader takes it for a radiograph
_TIMES_PACKED = 3  # JPEGs do not shrink in an archive; three times its size is generous
_STILL_NEEDED = 2.2  # times the archive's size: itself and what is in it, and some room


def fetch_set(
    archive: Archive, folder: Path, *, given: Path | None = None, progress: tuple[Progress, Progress] | None = None
) -> bool:
    """Fetch a set into a folder; False if it is there already.

    Parameters
    ----------
    given
        The archive, fetched by hand; it is checked and left where it is.
    progress
        Told about the transfer in bytes, and about the unpacking in files.

    Raises
    ------
    BackendUnavailable
        If the server cannot be reached; calling again goes on from there.
    TrainingError
        If the disk is too small, or the archive is not the one published or not safe to unpack.
    """
    transfer, files = progress or (None, None)
    done = folder / _DONE
    if done.is_file() and done.read_text(encoding="utf-8").strip() == archive.sha256:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    if given is None:
        partial = folder / f"{archive.file_name}.partial"
        have = partial.stat().st_size if partial.is_file() else 0
        check_space(folder, int(_STILL_NEEDED * archive.size_bytes) - have)
        path = fetch_archive(archive, folder, progress=transfer)
    else:
        check_archive(given, archive)
        path = given
    unpack(path, folder, at_most_bytes=_TIMES_PACKED * archive.size_bytes, progress=files)
    done.write_text(f"{archive.sha256}\n", encoding="utf-8")
    if given is None:
        path.unlink()
    return True
