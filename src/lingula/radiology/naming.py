"""Which of Lingula's own ids a radiograph gets.

The same radiograph gets the same ids however often it is sent: by its SOP Instance UID, or, where there is none, by
the digest of its bytes. This is the only place where UIDs become ids.
"""

from lingula.radiology.identifiers import InstanceId, SiteName, StudyId, instance_id, study_id
from lingula.radiology.study import Instance


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
