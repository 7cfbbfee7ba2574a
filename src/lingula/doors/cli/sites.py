"""``lingula sites``: the hospitals that send, what the doors know them by, and their keys.

A key is printed once and kept as a digest; the digest's first characters are its name ever after.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from lingula.doors.cli.accounts import AsJson, open_accounts_here
from lingula.doors.cli.output import Plain, say, show_json, show_line, show_table

if TYPE_CHECKING:
    from lingula.radiology.identifiers import SiteName
    from lingula.records.accounts import Accounts, Binding

sites = typer.Typer(help="Manage the hospitals that send, and their keys.", no_args_is_help=True)

_AE_TITLE_LENGTH = 16  # characters, DICOM PS3.5 6.2, AE
_KEY_NAME_LENGTH = 8  # of the digest's characters; enough to tell a site's keys apart
_PLURAL = {"ae_title": "ae_titles", "api_key": "api_keys", "bucket": "buckets", "folder": "folders"}

Name = Annotated[str, typer.Argument(help="The hospital's short name, such as st-anne.")]
Titles = Annotated[list[str] | None, typer.Option("--ae-title", help="An AE title it sends with; may be repeated.")]
Buckets = Annotated[
    list[str] | None,
    typer.Option("--bucket", help="s3://bucket/prefix where its radiographs arrive; may be repeated."),
]
Folders = Annotated[
    list[str] | None, typer.Option("--folder", help="A folder where its radiographs arrive; may be repeated.")
]


@sites.command("add")
def add_site(
    *, name: Name, ae_title: Titles = None, bucket: Buckets = None, folder: Folders = None, as_json: AsJson = False
) -> None:
    """Add a hospital; its API key is printed this once and kept only as a digest."""
    from lingula.doors.credentials import digest, new_secret
    from lingula.radiology.identifiers import SiteName
    from lingula.records.accounts import Site

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", name):
        raise typer.BadParameter(f"site name {name!r}: 1 to 63 letters, digits, '-', '_', beginning with no sign")
    made = re.sub(r"[^A-Z0-9]+", "_", name.upper())[:_AE_TITLE_LENGTH].strip("_")
    (first, *more), key = _wanted(SiteName(name), ae_title or [made], bucket, folder), new_secret()
    with open_accounts_here() as accounts:
        _refuse_bound(accounts, more)
        accounts.add_site(Site(name=SiteName(name), ae_title=first.value, api_key_sha256=digest(key)))
        for binding in more:
            accounts.add_binding(binding)
    if as_json:
        show_json({"site": name, "ae_title": first.value, "api_key": key} | _values_of(more))
        return
    bound = [(_label(binding), binding.value) for binding in more]
    for label, value in (("site", name), ("AE title", first.value), *bound, ("API key", key)):
        show_line(f"{label:<9} {value}")
    say("the key is shown this once; give it to the hospital over a safe way")


@sites.command("list")
def list_sites(*, as_json: AsJson = False) -> None:
    """Print every hospital and its first AE title; `show` prints all it is known by."""
    with open_accounts_here() as accounts:
        found = accounts.sites()
    if as_json:
        for site in found:
            show_json({"site": site.name, "ae_title": site.ae_title})
        return
    show_table(("SITE", "AE TITLE"), [(site.name, site.ae_title) for site in found])


@sites.command("show")
def show_site(*, name: Name, as_json: AsJson = False) -> None:
    """Print all that the doors know a hospital by; a key by the beginning of its digest."""
    with open_accounts_here() as accounts:
        found = _bindings_of(accounts, name)
    if as_json:
        show_json({"site": name} | {_PLURAL[kind]: [] for kind in _PLURAL} | _values_of(found))
        return
    show_line(f"{'site':<9} {name}")
    for binding in found:
        show_line(f"{_label(binding):<9} {_shown(binding)}")


@sites.command("bind")
def bind(*, name: Name, ae_title: Titles = None, bucket: Buckets = None, folder: Folders = None) -> None:
    """Let what arrives under an AE title, in a bucket or in a folder belong to a hospital."""
    from lingula.radiology.identifiers import SiteName

    wanted = _wanted(SiteName(name), ae_title, bucket, folder)
    with open_accounts_here() as accounts:
        _refuse_bound(accounts, wanted)
        for binding in wanted:
            accounts.add_binding(binding)
            say(f"site {name} has {_label(binding)} {binding.value}")


@sites.command("unbind")
def unbind(*, name: Name, ae_title: Titles = None, bucket: Buckets = None, folder: Folders = None) -> None:
    """Let an AE title, a bucket or a folder belong to no hospital; what arrived stays."""
    from lingula.errors import NotFound
    from lingula.radiology.identifiers import SiteName

    unwanted = _wanted(SiteName(name), ae_title, bucket, folder)
    with open_accounts_here() as accounts:
        known = _bindings_of(accounts, name)
        for binding in unwanted:
            if binding not in known:
                raise NotFound(f"site {name!r} has no {_label(binding)} {binding.value!r}; `lingula sites show {name}`")
        for binding in unwanted:
            accounts.remove_binding(binding.kind, binding.value)
            say(f"site {name} no longer has {_label(binding)} {binding.value}")


@sites.command("new-key")
def new_key(*, name: Name, as_json: AsJson = False) -> None:
    """Give a hospital one more API key, printed this once; those it has stay until `revoke-key`."""
    from lingula.doors.credentials import digest, new_secret
    from lingula.radiology.identifiers import SiteName
    from lingula.records.accounts import Binding, BindingKind

    key = new_secret()
    binding = Binding(kind=BindingKind.API_KEY, value=digest(key), site=SiteName(name))
    with open_accounts_here() as accounts:
        accounts.add_binding(binding)
    if as_json:
        show_json({"site": name, "api_key": key, "key_id": _shown(binding)})
        return
    for label, value in (("site", name), ("API key", key), ("key id", _shown(binding))):
        show_line(f"{label:<9} {value}")
    say("the key is shown this once; give it to the hospital over a safe way, then revoke the one before")


@sites.command("revoke-key")
def revoke_key(
    *,
    name: Name,
    key_id: Annotated[str, typer.Argument(help="The beginning of the key's digest, as `show` prints it.")],
) -> None:
    """Let a key in no more; a running server forgets it within 15 seconds."""
    from lingula.errors import NotFound
    from lingula.records.accounts import BindingKind

    with open_accounts_here() as accounts:
        keys = [one for one in _bindings_of(accounts, name) if one.kind is BindingKind.API_KEY]
        meant = [one for one in keys if len(key_id) >= _KEY_NAME_LENGTH and one.value.startswith(key_id)]
        if len(meant) != 1:
            raise NotFound(f"site {name!r} has no one key {key_id!r}; `lingula sites show {name}` prints those it has")
        accounts.remove_binding(BindingKind.API_KEY, meant[0].value)
    say(f"key {key_id} of site {name} lets nobody in any more; it has {len(keys) - 1} others")


def _wanted(
    site: "SiteName", titles: Sequence[str] | None, buckets: Sequence[str] | None, folders: Sequence[str] | None
) -> "list[Binding]":
    from lingula.errors import SettingsError
    from lingula.records.accounts import Binding, BindingKind
    from lingula.records.bindings import binding_value

    given = {BindingKind.AE_TITLE: titles, BindingKind.BUCKET: buckets, BindingKind.FOLDER: folders}
    try:
        wanted = [
            Binding(kind=kind, value=binding_value(kind, value), site=site)
            for kind, values in given.items()
            for value in values or ()
        ]
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error
    if not wanted:
        raise typer.BadParameter("say what to bind: --ae-title, --bucket or --folder")
    return wanted


def _refuse_bound(accounts: "Accounts", wanted: "Sequence[Binding]") -> None:
    """Look before the first change, so that all are bound or none."""
    from lingula.errors import Conflict

    owners = {(one.kind, one.value): one.site for one in accounts.bindings()}
    for binding in wanted:
        if owner := owners.get((binding.kind, binding.value)):
            raise Conflict(f"{_label(binding)} {binding.value!r} belongs to site {owner!r}; unbind it there first")


def _bindings_of(accounts: "Accounts", name: str) -> "list[Binding]":
    from lingula.records.accounts import no_such_site

    known = [site.name for site in accounts.sites()]
    if name not in known:
        raise no_such_site(name, known)
    return [binding for binding in accounts.bindings() if binding.site == name]


def _values_of(bindings: "Sequence[Binding]") -> dict[str, Plain]:
    found: dict[str, list[str]] = {}
    for binding in bindings:
        found.setdefault(_PLURAL[binding.kind], []).append(_shown(binding))
    return dict(found)


def _shown(binding: "Binding") -> str:
    return binding.value[:_KEY_NAME_LENGTH] if binding.kind == "api_key" else binding.value


def _label(binding: "Binding") -> str:
    return {"ae_title": "AE title", "api_key": "key"}.get(binding.kind, binding.kind.value)
