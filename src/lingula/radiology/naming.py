"""Which of Lingula's own ids a radiograph gets.

The same radiograph gets the same ids however often it is sent: by its SOP Instance UID, or, where there is none, by
the digest of its bytes. This is the only place where UIDs become ids.
"""

import re

from lingula.radiology.identifiers import InstanceId, SiteName, StudyId, instance_id, study_id
from lingula.radiology.study import Instance

_LONG_ENOUGH = 4  # characters of an identifier that are found inside a word without being there by chance


def ids_of(key: bytes, site: SiteName, description: Instance, sha256: str) -> tuple[InstanceId, StudyId]:
    """Give a radiograph's instance id and study id.

    Parameters
    ----------
    key
        The installation's secret key.
    site
        The hospital that sent it; the same UIDs from two hospitals are two studies.
    description
        What the file says of itself.
    sha256
        The digest of the bytes as sent, hexadecimal.
    """
    sop, study = description.sop_instance_uid, description.study_instance_uid
    identity = sop.reveal() if sop else sha256
    return instance_id(key, site, identity), study_id(key, site, study.reveal() if study else identity)


def names_the_patient(text: str, description: Instance) -> bool:
    """Say whether a text, such as a file's path, carries an identity that the file's own header states.

    Hospitals name files and folders by patient, accession number or UID. Such a path must not reach a report.

    Parameters
    ----------
    text
        What is about to be shown.
    description
        What the file says of itself.
    """
    words = [word for word in re.split(r"[\W_]+", text.casefold()) if word]
    joined = "".join(words)
    whole = (
        description.patient_id,
        description.accession_number,
        description.sop_instance_uid,
        description.series_instance_uid,
        description.study_instance_uid,
    )
    for identity in whole:
        plain = "".join(re.split(r"[\W_]+", identity.reveal().casefold())) if identity else ""
        if plain and (plain in joined if len(plain) >= _LONG_ENOUGH else plain in words):
            return True
    name = description.patient_name.reveal().casefold() if description.patient_name else ""
    return any(part in words for part in re.split(r"[\W_]+", name) if len(part) > 1)
