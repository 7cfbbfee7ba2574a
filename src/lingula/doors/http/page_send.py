"""The page for whoever has radiographs as files: choose or drop them, see of each that it arrived.

The form works without script: all files in one request, one answer with a line for each. The script sends the same form
file by file, so that progress is seen and what the server could not take now is sent again. The body is read as it
comes, one file in memory at a time.
"""

from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from lingula.doors.http import uploads
from lingula.doors.http.bodies import FormPart, form_part, parse_header
from lingula.doors.http.budget import Share
from lingula.doors.http.door import ACaller, ADoor, Door, door_in
from lingula.doors.http.forms import TOKEN_FIELD
from lingula.doors.http.problems import LoginNeeded, Refused
from lingula.doors.http.related import parts_of
from lingula.doors.http.rendering import page_response, person_values, wants_page
from lingula.doors.http.security import CSRF_HEADER, Caller
from lingula.errors import Conflict, NotAccepted, NotAllowed
from lingula.radiology.identifiers import SiteName, SourceName
from lingula.radiology.study import Priority

PATH = "/send"
_LONGEST_FIELD = 500  # bytes

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class FileResult:
    """What became of one file; `name` goes back to the person who chose it and nowhere else."""

    name: str
    outcome: str  # received, known, refused
    words: str
    instance: str | None = None


@dataclass(kw_only=True)
class _Batch:
    """The files of one form, after its fields have said who sends and for which site."""

    door: Door
    request: Request
    fields: dict[str, str] = field(default_factory=dict)
    results: list[FileResult] = field(default_factory=list)
    caller: Caller | None = None

    async def add(self, part: FormPart) -> None:
        if part.filename is None:
            self.fields[part.field] = part.data[:_LONGEST_FIELD].decode("utf-8", "replace")
        elif part.filename or part.data:  # a browser sends an empty part where nothing was chosen
            self.caller = self.caller or await self.sender()
            self.results.append(await self.door.in_pool(partial(self._keep, part, await self._site())))

    async def sender(self) -> Caller:
        token = self.request.headers.get(CSRF_HEADER) or self.fields.get(TOKEN_FIELD, "")
        return _person(await self.door.in_pool(lambda: self.door.gate.caller(self.request, token)))

    async def _site(self) -> SiteName:
        if self.caller is None:
            raise TypeError("the caller is known before a file is kept")
        return await uploads.site_of(self.door, self.caller, self.fields.get("site") or None)

    def _keep(self, part: FormPart, site: SiteName) -> FileResult:
        name = part.filename or "file"
        try:
            received = self.door.system.receiver.receive(
                part.data,
                site=site,
                door="page",
                source_name=SourceName(name),
                priority=Priority.STAT if self.fields.get("priority") == Priority.STAT else None,
            )
        except (NotAccepted, Conflict) as error:
            return FileResult(name=name, outcome="refused", words=str(error))
        if not received.is_new:
            return FileResult(name=name, outcome="known", words="was here before", instance=received.instance)
        return FileResult(name=name, outcome="received", words="arrived", instance=received.instance)


@router.get(PATH)
def send_page(door: ADoor, caller: ACaller) -> HTMLResponse:
    """Show the form."""
    return _page(door, _person(caller), [])


@router.post(PATH)
async def send_files(request: Request) -> Response:
    """Keep every file of the form; a page for people, JSON for the page's script."""
    door = door_in(request)
    if door.cookie not in request.cookies:  # before anything of the body is read
        raise LoginNeeded("log in at /login; machines send to POST /api/v1/instances")
    batch = _Batch(door=door, request=request)
    with door.uploads.reserve(0) as share:
        async for part in _parts(request, door.system.settings.upload_limit_bytes, share):
            await batch.add(part)
    caller = batch.caller or await batch.sender()
    if not batch.results:
        raise Refused(HTTPStatus.BAD_REQUEST, "No file", "choose at least one radiograph")
    if wants_page(request):
        return _page(door, caller, batch.results)
    return JSONResponse({"files": [asdict(one) for one in batch.results]})


async def _parts(request: Request, limit_bytes: int, share: Share) -> AsyncIterator[FormPart]:
    media_type, options = parse_header(request.headers.get("content-type", ""))
    if media_type != "multipart/form-data":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Not a form", "this address takes the page's own form only")
    async for part in parts_of(request, options.get("boundary", ""), limit_bytes, share):
        yield form_part(part.head, part.data)


def _page(door: Door, caller: Caller, results: list[FileResult]) -> HTMLResponse:
    sites = sorted(caller.sites) if caller.sites is not None else [one.name for one in door.system.accounts.sites()]
    values = {
        "sites": sites,
        "results": results,
        "refused": sum(one.outcome == "refused" for one in results),
        "limit_mib": door.system.settings.upload_limit_bytes // (1024 * 1024),
        **person_values(caller),
    }
    return page_response("send.html", {**values, "here": "send"}, is_demo=door.system.settings.demo)


def _person(caller: Caller) -> Caller:
    if caller.user is None:
        raise NotAllowed("pages are for people; a site's key sends to POST /api/v1/instances")
    return caller
