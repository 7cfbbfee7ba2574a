"""The API for administrators to manage hospitals: what the doors know them by, and their keys.

A key is given in the answer that makes it and never again; it is kept as a digest, and named by the digest's beginning.
"""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from lingula.doors.credentials import digest, new_secret
from lingula.doors.http.door import ACaller, ADoor, Door
from lingula.doors.http.problems import Refused
from lingula.doors.http.security import Caller
from lingula.doors.http.shapes import PREFIX
from lingula.doors.http.shapes_admin import (
    KEY_NAME_LENGTH,
    BindingBody,
    NewKeyShape,
    NewSiteBody,
    NewSiteShape,
    SiteBody,
    SiteShape,
    SitesShape,
)
from lingula.errors import Conflict, NotAllowed, NotFound, SettingsError
from lingula.radiology.identifiers import SiteName
from lingula.records.accounts import Binding, BindingKind, Role, Site
from lingula.records.bindings import binding_value

router = APIRouter(prefix=f"{PREFIX}/sites", tags=["sites"])

Name = Annotated[str, Path(max_length=63, description="The hospital's short name.")]
KeyName = Annotated[str, Path(min_length=KEY_NAME_LENGTH, max_length=64, description="The beginning of its digest.")]


@router.get("", summary="All hospitals")
def sites(door: ADoor, caller: ACaller) -> SitesShape:
    """Give the hospitals the caller manages, by name, with all that the doors know them by."""
    caller.must_be(Role.ADMINISTRATOR)
    bindings = door.system.accounts.bindings()
    return SitesShape(
        sites=[SiteShape.of(one, bindings) for one in door.system.accounts.sites() if caller.sees(one.name)]
    )


@router.post("", status_code=HTTPStatus.CREATED, summary="Add a hospital")
def add_site(door: ADoor, caller: ACaller, body: NewSiteBody, response: Response) -> NewSiteShape:
    """Add a hospital and give its first key, this once."""
    caller.must_be(Role.ADMINISTRATOR)
    if caller.sites is not None:
        raise NotAllowed("adding a hospital takes an administrator of all hospitals")
    site, key = add(door, body)
    door.access.note(caller, "added site", site.name)
    response.headers["location"] = f"{PREFIX}/sites/{site.name}"
    shown = SiteShape.of(site, door.system.accounts.bindings())
    return NewSiteShape(site=shown.site, ae_title=shown.ae_title, bindings=shown.bindings, api_key=key)


@router.get("/{site}", summary="One hospital")
def one_site(door: ADoor, caller: ACaller, site: Name) -> SiteShape:
    """Give a hospital with all that the doors know it by."""
    caller.must_be(Role.ADMINISTRATOR)
    return SiteShape.of(managed(door, caller, site), door.system.accounts.bindings())


@router.patch("/{site}", summary="Change a hospital")
def change_site(door: ADoor, caller: ACaller, site: Name, body: SiteBody) -> SiteShape:
    """Give a hospital another first AE title."""
    caller.must_be(Role.ADMINISTRATOR)
    found = managed(door, caller, site)
    changed = replace(found, ae_title=_value(BindingKind.AE_TITLE, body.ae_title))
    if changed != found:
        door.system.accounts.replace_site(changed)
        door.access.note(caller, "changed site", site)
    return SiteShape.of(changed, door.system.accounts.bindings())


@router.post("/{site}/bindings", status_code=HTTPStatus.CREATED, summary="Bind to a hospital")
def bind(door: ADoor, caller: ACaller, site: Name, body: BindingBody) -> SiteShape:
    """Let what comes in under an AE title, in a bucket or in a folder belong to a hospital."""
    caller.must_be(Role.ADMINISTRATOR)
    found, kind = managed(door, caller, site), BindingKind(body.kind)
    door.system.accounts.add_binding(Binding(kind=kind, value=_value(kind, body.value), site=found.name))
    door.access.note(caller, f"bound {kind}", site)
    return one_site(door, caller, site)


@router.delete("/{site}/bindings", summary="Unbind from a hospital")
def unbind(door: ADoor, caller: ACaller, site: Name, body: BindingBody) -> SiteShape:
    """Let an AE title, a bucket or a folder belong to no hospital; what arrived stays."""
    caller.must_be(Role.ADMINISTRATOR)
    found, kind = managed(door, caller, site), BindingKind(body.kind)
    unwanted = Binding(kind=kind, value=_value(kind, body.value), site=found.name)
    if unwanted not in door.system.accounts.bindings(kind):
        raise NotFound(f"site {site!r} has no such {kind}")
    door.system.accounts.remove_binding(kind, unwanted.value)
    door.access.note(caller, f"unbound {kind}", site)
    return one_site(door, caller, site)


@router.post("/{site}/keys", status_code=HTTPStatus.CREATED, summary="Give a hospital one more key")
def new_key(door: ADoor, caller: ACaller, site: Name) -> NewKeyShape:
    """Make a key and give it, this once; those the hospital has stay until they are revoked."""
    caller.must_be(Role.ADMINISTRATOR)
    found, key = managed(door, caller, site), new_secret()
    door.system.accounts.add_binding(Binding(kind=BindingKind.API_KEY, value=digest(key), site=found.name))
    door.access.note(caller, "made key", site)
    return NewKeyShape(site=found.name, api_key=key, key=digest(key)[:KEY_NAME_LENGTH])


@router.delete("/{site}/keys/{key}", summary="Revoke a key")
def revoke_key(door: ADoor, caller: ACaller, site: Name, key: KeyName) -> SiteShape:
    """Let a key in no more; running servers forget it within 15 seconds."""
    caller.must_be(Role.ADMINISTRATOR)
    found = managed(door, caller, site)
    keys = [one for one in door.system.accounts.bindings(BindingKind.API_KEY) if one.site == found.name]
    meant = [one for one in keys if one.value.startswith(key)]
    if len(meant) != 1:
        raise NotFound(f"site {site!r} has no one key of this name")
    door.system.accounts.remove_binding(BindingKind.API_KEY, meant[0].value)
    door.access.note(caller, "revoked key", site)
    return one_site(door, caller, site)


def add(door: Door, body: NewSiteBody) -> tuple[Site, str]:
    """Add a hospital with its bindings, unless others have one of them; give it and its first key."""
    accounts, name, key = door.system.accounts, SiteName(body.site), new_secret()
    wanted = [
        Binding(kind=kind, value=_value(kind, value), site=name)
        for kind, values in ((BindingKind.BUCKET, body.buckets), (BindingKind.FOLDER, body.folders))
        for value in values
    ]
    taken = {(one.kind, one.value) for one in accounts.bindings()}
    if any((one.kind, one.value) in taken for one in wanted):
        raise Conflict("a bucket or folder of these belongs to another hospital; unbind it there first")
    site = Site(name=name, ae_title=_value(BindingKind.AE_TITLE, body.title()), api_key_sha256=digest(key))
    accounts.add_site(site)
    for binding in dict.fromkeys(wanted):
        accounts.add_binding(binding)
    return site, key


def managed(door: Door, caller: Caller, name: str) -> Site:
    """Give a hospital the caller manages; raises `NotFound`."""
    for site in door.system.accounts.sites():
        if site.name == name and caller.sees(site.name):
            return site
    raise NotFound("there is no such site; GET /api/v1/sites lists those there are")


def _value(kind: BindingKind, written: str) -> str:
    try:
        return binding_value(kind, written)
    except SettingsError as error:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "The request does not hold", str(error)) from error
