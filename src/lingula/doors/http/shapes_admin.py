"""The JSON of the API for administrators: parked failures, sites and what the doors know them by."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from lingula.doors.http.shapes import PREFIX, Shape
from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.records.accounts import Binding, BindingKind, Site
from lingula.records.records import StoredInstance

KEY_NAME_LENGTH = 8  # of a key's digest; `lingula sites show` prints as many

NewSiteName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
BoundKind = Literal["ae_title", "bucket", "folder"]


class FailureShape(Shape):
    """An instance that could not be assessed, and why."""

    instance: InstanceId
    study: StudyId
    site: SiteName
    door: str
    received_at: datetime
    attempts: int
    reason: str | None
    links: dict[str, str]

    @classmethod
    def of(cls, stored: StoredInstance) -> "FailureShape":
        """Write a failure."""
        new = stored.new
        base = f"{PREFIX}/instances/{new.id}"
        return cls(
            instance=new.id,
            study=new.study,
            site=new.site,
            door=new.door,
            received_at=new.received_at,
            attempts=stored.attempts,
            reason=stored.assessment.reason if stored.assessment else None,
            links={"self": base, "replay": f"{base}/replay", "page": f"/studies/{new.study}"},
        )


class FailuresShape(Shape):
    """The newest failures, and how many there are."""

    total: int
    failures: list[FailureShape]


class ReplayedShape(Shape):
    """How many are tried again, and how many failures are left."""

    replayed: int
    left: int


class BindingShape(Shape):
    """What comes in under this belongs to the site; an API key is named by the beginning of its digest."""

    kind: BindingKind
    value: str

    @classmethod
    def of(cls, binding: Binding) -> "BindingShape":
        """Write a binding."""
        is_key = binding.kind is BindingKind.API_KEY
        return cls(kind=binding.kind, value=binding.value[:KEY_NAME_LENGTH] if is_key else binding.value)


class SiteShape(Shape):
    """A hospital and all that the doors know it by."""

    site: SiteName
    ae_title: str | None = Field(description="Its first AE title.")
    bindings: list[BindingShape]

    @classmethod
    def of(cls, site: Site, bindings: Sequence[Binding]) -> "SiteShape":
        """Write a site with those of the bindings that are its own."""
        own = [BindingShape.of(one) for one in bindings if one.site == site.name]
        return cls(site=site.name, ae_title=site.ae_title or None, bindings=own)


class SitesShape(Shape):
    """All hospitals."""

    sites: list[SiteShape]


class NewSiteBody(Shape):
    """A hospital to add."""

    site: NewSiteName = Field(description="Its short name, such as st-anne.")
    ae_title: str | None = Field(default=None, max_length=16, description="Unset: made from the name.")
    buckets: list[Annotated[str, StringConstraints(max_length=1000)]] = Field(default_factory=list, max_length=20)
    folders: list[Annotated[str, StringConstraints(max_length=1000)]] = Field(default_factory=list, max_length=20)

    def title(self) -> str:
        """Give the AE title asked for, or one made from the name."""
        return self.ae_title or re.sub(r"[^A-Z0-9]+", "_", self.site.upper())[:16].strip("_") or "SITE"


class SiteBody(Shape):
    """What to change of a hospital."""

    ae_title: str = Field(max_length=16, description="Its first AE title from now on.")


class BindingBody(Shape):
    """Something to bind, or to let go."""

    kind: BoundKind
    value: str = Field(max_length=1000, examples=["s3://images/st-anne"])


class NewKeyShape(Shape):
    """A key, told this once and kept only as a digest."""

    site: SiteName
    api_key: str
    key: str = Field(description="The beginning of its digest, which names it from now on.")


class NewSiteShape(SiteShape):
    """A hospital that was added, with its first key, told this once."""

    api_key: str


_AT = datetime(2026, 3, 1, 8, 15, tzinfo=UTC)
_SITE = SiteName("st-anne")
_INSTANCE, _STUDY = InstanceId("i7kq3mzrl2yqkxq3mzrl2yqkxq3"), StudyId("srxq3mzrl2yqkxq3mzrl2yqkxq3")
_BINDINGS = [
    BindingShape(kind=BindingKind.AE_TITLE, value="ST_ANNE"),
    BindingShape(kind=BindingKind.API_KEY, value="9c1e9c1e"),
    BindingShape(kind=BindingKind.BUCKET, value="s3://images/st-anne"),
]
_FAILURE = FailureShape(
    instance=_INSTANCE,
    study=_STUDY,
    site=_SITE,
    door="http",
    received_at=_AT,
    attempts=3,
    reason="the compressed pixels are damaged",
    links={"self": f"{PREFIX}/instances/{_INSTANCE}"},
)
_SITE_EXAMPLE = SiteShape(site=_SITE, ae_title="ST_ANNE", bindings=_BINDINGS)
_KEY = "made-up-key-that-is-shown-once"

EXAMPLES = (
    _FAILURE,
    FailuresShape(total=1, failures=[_FAILURE]),
    ReplayedShape(replayed=1, left=0),
    _BINDINGS[2],
    _SITE_EXAMPLE,
    SitesShape(sites=[_SITE_EXAMPLE]),
    NewSiteBody(site="st-anne", ae_title="ST_ANNE", buckets=["s3://images/st-anne"]),
    SiteBody(ae_title="ST_ANNE_2"),
    BindingBody(kind="bucket", value="s3://images/st-anne"),
    NewKeyShape(site=_SITE, api_key=_KEY, key="9c1e9c1e"),
    NewSiteShape(site=_SITE, ae_title="ST_ANNE", bindings=_BINDINGS, api_key=_KEY),
)
