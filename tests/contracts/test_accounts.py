"""What every place promises of accounts: users, sessions, sites, the access log."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from made.arrivals import NOON, NORTH, SOUTH, after

from lingula.errors import Conflict, NotFound
from lingula.radiology.identifiers import SiteName
from lingula.records.accounts import Access, Accounts, Binding, BindingKind, Role, Session, Site, User

ANN = User(
    name="ann",
    display_name="Dr Ann Ångström",
    role=Role.DOCTOR,
    password_hash="$argon2id$made-up",
    sites=frozenset({NORTH, SOUTH}),
)
SESSION = Session(
    token_sha256="1" * 64,
    user_name="ann",
    csrf_token="made-up",
    created_at=NOON,
    seen_at=NOON,
    expires_at=after(3_600),
)
NORTHERN = Site(name=NORTH, ae_title="NORTH", api_key_sha256="2" * 64)
SOUTHERN = Site(name=SOUTH, ae_title="SOUTH", api_key_sha256="3" * 64)


@pytest.mark.parametrize("user", [ANN, replace(ANN, sites=None), replace(ANN, sites=frozenset(), is_active=False)])
def test_a_user_is_given_back_as_added(accounts: Accounts, user: User) -> None:
    accounts.add_user(user)
    assert accounts.user("ann") == user


def test_a_name_belongs_to_one_user(accounts: Accounts) -> None:
    accounts.add_user(ANN)
    with pytest.raises(Conflict, match="ann"):
        accounts.add_user(replace(ANN, display_name="Another"))
    assert accounts.user("ann") == ANN


def test_a_user_can_be_changed(accounts: Accounts) -> None:
    accounts.add_user(ANN)
    changed = replace(ANN, role=Role.ADMINISTRATOR, sites=None, is_active=False, password_hash="$argon2id$new")
    accounts.replace_user(changed)
    assert accounts.user("ann") == changed


def test_an_unknown_user_is_not_found(accounts: Accounts) -> None:
    with pytest.raises(NotFound, match="ann"):
        accounts.user("ann")
    with pytest.raises(NotFound, match="ann"):
        accounts.replace_user(ANN)


def test_users_are_given_by_name(accounts: Accounts) -> None:
    assert accounts.users() == []
    for name in ("cleo", "ann", "bob"):
        accounts.add_user(replace(ANN, name=name))
    assert [user.name for user in accounts.users()] == ["ann", "bob", "cleo"]


def test_a_session_is_given_back_even_when_expired(accounts: Accounts) -> None:
    accounts.add_user(ANN)
    expired = replace(SESSION, expires_at=after(-3_600))
    accounts.add_session(expired)
    assert accounts.session(SESSION.token_sha256) == expired


def test_a_session_of_nobody_is_refused(accounts: Accounts) -> None:
    with pytest.raises(NotFound, match="ann"):
        accounts.add_session(SESSION)


def test_an_unknown_session_is_not_found_and_its_token_not_repeated(accounts: Accounts) -> None:
    with pytest.raises(NotFound) as refused:
        accounts.session("9" * 64)
    assert "9999" not in str(refused.value)


def test_a_session_used_is_noted(accounts: Accounts) -> None:
    accounts.add_user(ANN)
    accounts.add_session(SESSION)
    accounts.touch_session(SESSION.token_sha256, after(60))
    accounts.touch_session("9" * 64, after(60))
    assert accounts.session(SESSION.token_sha256) == replace(SESSION, seen_at=after(60))


def test_one_session_ends_or_all_of_a_user_s(accounts: Accounts) -> None:
    accounts.add_user(ANN)
    accounts.add_user(replace(ANN, name="bob"))
    for token, user in (("1", "ann"), ("2", "ann"), ("3", "ann"), ("4", "bob")):
        accounts.add_session(replace(SESSION, token_sha256=token * 64, user_name=user))
    accounts.end_sessions()
    accounts.end_sessions(token_sha256="1" * 64)
    with pytest.raises(NotFound):
        accounts.session("1" * 64)
    accounts.session("2" * 64)
    accounts.end_sessions(user_name="ann")
    for token in ("2", "3"):
        with pytest.raises(NotFound):
            accounts.session(token * 64)
    accounts.session("4" * 64)


def test_sites_are_given_by_name_and_found_by_key(accounts: Accounts) -> None:
    accounts.add_site(SOUTHERN)
    accounts.add_site(NORTHERN)
    assert accounts.sites() == [NORTHERN, SOUTHERN]
    assert accounts.site_of_key(SOUTHERN.api_key_sha256) == SOUTHERN


def test_an_unknown_key_is_not_found_and_not_repeated(accounts: Accounts) -> None:
    accounts.add_site(NORTHERN)
    with pytest.raises(NotFound) as refused:
        accounts.site_of_key("9" * 64)
    assert "9999" not in str(refused.value)


@pytest.mark.parametrize("taken", [{"name": NORTH}, {"ae_title": "NORTH"}, {"api_key_sha256": "2" * 64}])
def test_a_site_s_name_ae_title_and_key_are_its_own(accounts: Accounts, taken: dict[str, str]) -> None:
    accounts.add_site(NORTHERN)
    other = Site(
        name=NORTH if "name" in taken else SOUTH,
        ae_title=taken.get("ae_title", "SOUTH"),
        api_key_sha256=taken.get("api_key_sha256", "3" * 64),
    )
    with pytest.raises(Conflict):
        accounts.add_site(other)
    assert accounts.sites() == [NORTHERN]


def test_a_site_s_bindings_can_be_changed_but_not_to_another_s(accounts: Accounts) -> None:
    accounts.add_site(NORTHERN)
    accounts.add_site(SOUTHERN)
    changed = replace(NORTHERN, ae_title="NORTH2", api_key_sha256="4" * 64)
    accounts.replace_site(changed)
    assert accounts.site_of_key("4" * 64) == changed
    with pytest.raises(NotFound):
        accounts.site_of_key(NORTHERN.api_key_sha256)
    with pytest.raises(Conflict):
        accounts.replace_site(replace(NORTHERN, ae_title="SOUTH"))
    assert accounts.sites() == [changed, SOUTHERN]


def test_an_unknown_site_cannot_be_changed(accounts: Accounts) -> None:
    with pytest.raises(NotFound, match="north"):
        accounts.replace_site(NORTHERN)


def test_the_access_log_grows_and_is_given_newest_first(accounts: Accounts) -> None:
    lines = [Access(at=after(number), who="ann", action="looked", resource=f"i{number}") for number in range(4)]
    for line in lines:
        accounts.add_access(line)
    assert accounts.accesses(at_most=3) == lines[:0:-1]
    accounts.add_access(lines[0])
    assert len(accounts.accesses(at_most=10)) == 5


def test_lines_added_at_once_by_many_are_all_kept(accounts: Accounts) -> None:
    def add(number: int) -> None:
        accounts.add_access(Access(at=NOON, who="site:north", action="sent", resource=f"i{number}"))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(40)))
    assert {line.resource for line in accounts.accesses(100)} == {f"i{number}" for number in range(40)}


def bound(kind: BindingKind, value: str, site: SiteName = NORTH) -> Binding:
    return Binding(kind=kind, value=value, site=site)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (BindingKind.AE_TITLE, "NORTH_CT"),
        (BindingKind.API_KEY, "9" * 64),
        (BindingKind.BUCKET, "s3://images/north"),
        (BindingKind.FOLDER, "/srv/north"),
    ],
)
def test_a_site_has_as_many_bindings_as_it_needs(accounts: Accounts, kind: BindingKind, value: str) -> None:
    accounts.add_site(NORTHERN)
    accounts.add_binding(bound(kind, value))
    accounts.add_binding(bound(kind, value + "2"))
    assert accounts.site_of(kind, value) == accounts.site_of(kind, value + "2") == NORTH
    assert {one.value for one in accounts.bindings(kind)} >= {value, value + "2"}
    assert set(accounts.bindings(kind)) <= set(accounts.bindings())


def test_the_first_title_and_key_are_bindings_too(accounts: Accounts) -> None:
    accounts.add_site(SOUTHERN)
    accounts.add_site(NORTHERN)
    assert accounts.bindings() == [
        bound(BindingKind.AE_TITLE, "NORTH"),
        bound(BindingKind.AE_TITLE, "SOUTH", SOUTH),
        bound(BindingKind.API_KEY, "2" * 64),
        bound(BindingKind.API_KEY, "3" * 64, SOUTH),
    ]
    assert accounts.site_of(BindingKind.AE_TITLE, "SOUTH") == SOUTH
    assert accounts.bindings(BindingKind.BUCKET) == []


def test_every_key_of_a_site_lets_it_in(accounts: Accounts) -> None:
    accounts.add_site(NORTHERN)
    accounts.add_site(SOUTHERN)
    accounts.add_binding(bound(BindingKind.API_KEY, "9" * 64, SOUTH))
    accounts.add_binding(bound(BindingKind.AE_TITLE, "8" * 16, SOUTH))
    assert accounts.site_of_key("9" * 64) == accounts.site_of_key("3" * 64) == SOUTHERN
    with pytest.raises(NotFound):
        accounts.site_of_key("8" * 16)


@pytest.mark.parametrize(("kind", "value"), [(BindingKind.AE_TITLE, "NORTH"), (BindingKind.FOLDER, "/srv/north")])
def test_what_is_bound_cannot_be_bound_again(accounts: Accounts, kind: BindingKind, value: str) -> None:
    accounts.add_site(NORTHERN)
    accounts.add_site(SOUTHERN)
    if kind is BindingKind.FOLDER:
        accounts.add_binding(bound(kind, value))
    for site in (NORTH, SOUTH):
        with pytest.raises(Conflict, match="north"):
            accounts.add_binding(bound(kind, value, site))
    assert accounts.site_of(kind, value) == NORTH


def test_another_site_s_further_title_or_key_cannot_be_a_first_one(accounts: Accounts) -> None:
    accounts.add_site(NORTHERN)
    accounts.add_binding(bound(BindingKind.AE_TITLE, "SOUTH"))
    accounts.add_binding(bound(BindingKind.API_KEY, "9" * 64))
    for other in (SOUTHERN, replace(SOUTHERN, ae_title="S2", api_key_sha256="9" * 64)):
        with pytest.raises(Conflict, match="another site"):
            accounts.add_site(other)
    with pytest.raises(Conflict, match="another site"):
        accounts.replace_site(replace(NORTHERN, ae_title="SOUTH"))
    assert accounts.sites() == [NORTHERN]


def test_a_binding_that_ends_is_free_for_another_site(accounts: Accounts) -> None:
    accounts.add_site(NORTHERN)
    accounts.add_site(SOUTHERN)
    accounts.add_binding(bound(BindingKind.BUCKET, "s3://images"))
    accounts.remove_binding(BindingKind.BUCKET, "s3://images")
    with pytest.raises(NotFound, match="no site"):
        accounts.site_of(BindingKind.BUCKET, "s3://images")
    accounts.add_binding(bound(BindingKind.BUCKET, "s3://images", SOUTH))
    assert accounts.site_of(BindingKind.BUCKET, "s3://images") == SOUTH


def test_a_first_key_that_ends_lets_nobody_in_and_leaves_the_site_without(accounts: Accounts) -> None:
    accounts.add_site(NORTHERN)
    accounts.add_site(SOUTHERN)
    for kind, values in ((BindingKind.API_KEY, ("2" * 64, "3" * 64)), (BindingKind.AE_TITLE, ("NORTH", "SOUTH"))):
        for value in values:
            accounts.remove_binding(kind, value)
            with pytest.raises(NotFound):
                accounts.site_of(kind, value)
    with pytest.raises(NotFound):
        accounts.site_of_key("2" * 64)
    assert accounts.bindings() == []
    assert accounts.sites() == [replace(one, ae_title="", api_key_sha256="") for one in (NORTHERN, SOUTHERN)]
    accounts.replace_site(NORTHERN)
    assert accounts.site_of_key("2" * 64) == NORTHERN


def test_nothing_is_bound_to_an_unknown_site_and_what_is_not_bound_cannot_end(accounts: Accounts) -> None:
    with pytest.raises(NotFound, match="north"):
        accounts.add_binding(bound(BindingKind.FOLDER, "/srv/north"))
    for kind in BindingKind:
        with pytest.raises(NotFound) as refused:
            accounts.remove_binding(kind, "9" * 64)
        assert "9999" not in str(refused.value)
