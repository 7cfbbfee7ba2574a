"""Sites and what the doors know them by, in tables.

A site's first AE title and key stand in its own row, where the releases before look for them, all others in a table
beside. Whoever changes either holds one lock, so that no value ever belongs to two sites.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, bindparam, delete, literal, or_, select, union_all, update

from lingula.errors import Conflict, NotFound
from lingula.radiology.identifiers import SiteName
from lingula.records.account_tables import bindings, sites
from lingula.records.accounts import Binding, BindingKind, Site, no_such_site
from lingula.records.locks import Lock, take

# What stands for no title and no key: unique for each site as the indexes ask, and no possible title or digest.
_NONE = "none:"

_FIRST = {BindingKind.AE_TITLE: sites.c.ae_title, BindingKind.API_KEY: sites.c.api_key_sha256}
# Everything bound, the first ones included.
_ALL = union_all(
    select(bindings.c.kind, bindings.c.value, bindings.c.site),
    *(
        select(literal(kind.value).label("kind"), column.label("value"), sites.c.name.label("site")).where(
            column != literal(_NONE) + sites.c.name
        )
        for kind, column in _FIRST.items()
    ),
).subquery("bound")
_BOUND = select(_ALL.c.site).where(_ALL.c.kind == bindparam("of_kind"), _ALL.c.value == bindparam("of_value"))
_SITE_OF_KEY = select(sites).where(
    or_(
        sites.c.api_key_sha256 == bindparam("key"),
        sites.c.name
        == select(bindings.c.site)
        .where(bindings.c.kind == BindingKind.API_KEY.value, bindings.c.value == bindparam("key"))
        .scalar_subquery(),
    )
)


def add_site(connection: Connection, site: Site) -> None:
    """Add a site."""
    take(connection, Lock.BINDINGS)
    _refuse_taken(connection, site)
    connection.execute(sites.insert(), _values(site))


def replace_site(connection: Connection, site: Site) -> None:
    """Change a site's first AE title or key."""
    take(connection, Lock.BINDINGS)
    _refuse_taken(connection, site)
    changed = connection.execute(update(sites).where(sites.c.name == site.name).values(_values(site))).rowcount
    if not changed:
        raise no_such_site(site.name, _names(connection))


def all_sites(connection: Connection) -> Sequence[Site]:
    """Give all sites by name."""
    found = connection.execute(select(sites)).mappings()
    return sorted((_site(row) for row in found), key=lambda site: site.name)


def site_of_key(connection: Connection, api_key_sha256: str) -> Site:
    """Give the site a key belongs to."""
    row = connection.execute(_SITE_OF_KEY, {"key": api_key_sha256}).mappings().first()
    if row is None:
        raise NotFound("no site has this key; `lingula sites` makes new ones")
    return _site(row)


def all_bindings(connection: Connection, kind: BindingKind | None) -> Sequence[Binding]:
    """Give what is bound."""
    asked = select(_ALL) if kind is None else select(_ALL).where(_ALL.c.kind == kind.value)
    found = (
        Binding(kind=BindingKind(row["kind"]), value=row["value"], site=SiteName(row["site"]))
        for row in connection.execute(asked).mappings()
    )
    return sorted(found, key=lambda one: (one.kind, one.value))


def add_binding(connection: Connection, binding: Binding) -> None:
    """Bind one more value to a site."""
    take(connection, Lock.BINDINGS)
    if connection.execute(select(sites.c.name).where(sites.c.name == binding.site)).first() is None:
        raise no_such_site(binding.site, _names(connection))
    if (owner := _owner(connection, binding.kind, binding.value)) is not None:
        raise Conflict(
            f"this {binding.kind.replace('_', ' ')} belongs to site {owner!r} already; unbind it there first"
        )
    values = {"kind": binding.kind.value, "value": binding.value, "site": binding.site}
    connection.execute(bindings.insert(), values)


def remove_binding(connection: Connection, kind: BindingKind, value: str) -> None:
    """Let a value belong to no site."""
    take(connection, Lock.BINDINGS)
    ended = connection.execute(
        delete(bindings).where(bindings.c.kind == kind.value, bindings.c.value == value)
    ).rowcount
    first = _FIRST.get(kind)
    if first is not None:
        emptied = update(sites).where(first == value).values({first: literal(_NONE) + sites.c.name})
        ended += connection.execute(emptied).rowcount
    if not ended:
        raise _not_bound(kind)


def site_of(connection: Connection, kind: BindingKind, value: str) -> SiteName:
    """Give the site a value is bound to."""
    owner = _owner(connection, kind, value)
    if owner is None:
        raise _not_bound(kind)
    return owner


def taken(site: Site) -> Conflict:
    """Say that something of a site is another's."""
    return Conflict(f"site {site.name!r}: its name, AE title {site.ae_title!r} or key belongs to another site")


def _owner(connection: Connection, kind: BindingKind, value: str) -> SiteName | None:
    owner: str | None = connection.execute(_BOUND, {"of_kind": kind.value, "of_value": value}).scalars().first()
    return None if owner is None else SiteName(owner)


def _refuse_taken(connection: Connection, site: Site) -> None:
    """Look among the other bindings; an index keeps the first ones apart."""
    asked = select(bindings.c.kind).where(
        or_(
            (bindings.c.kind == BindingKind.AE_TITLE.value) & (bindings.c.value == site.ae_title),
            (bindings.c.kind == BindingKind.API_KEY.value) & (bindings.c.value == site.api_key_sha256),
        )
    )
    if connection.execute(asked).first() is not None:
        raise taken(site)


def _names(connection: Connection) -> Sequence[str]:
    return connection.execute(select(sites.c.name)).scalars().all()


def _not_bound(kind: BindingKind) -> NotFound:
    return NotFound(f"this {kind.replace('_', ' ')} belongs to no site; `lingula sites list` shows what does")


def _values(site: Site) -> dict[str, object]:
    none = f"{_NONE}{site.name}"
    return {"name": site.name, "ae_title": site.ae_title or none, "api_key_sha256": site.api_key_sha256 or none}


def _site(row: RowMapping) -> Site:
    none = f"{_NONE}{row['name']}"
    title, key = ("" if value == none else value for value in (row["ae_title"], row["api_key_sha256"]))
    return Site(name=SiteName(row["name"]), ae_title=title, api_key_sha256=key)
