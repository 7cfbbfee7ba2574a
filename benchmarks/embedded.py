"""Everything in one process, as one hospital runs it: HTTP in, durably assessed, beside what the parts do alone."""

from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

from benchmarks.ground import MEBIBYTE, Ground, say
from benchmarks.limits import Limit, cores, measure_limits
from benchmarks.load import ALONE, MANY, WARM_UP, Load, post, report
from benchmarks.server import bare_service, running


def measure_embedded(ground: Ground) -> None:
    """Measure and print; the parts alone come right after, in the same minutes."""
    counts = ground.counts
    with ground.room(counts.alone + counts.many) as home, running(home) as server:
        idle = server.memory_bytes()
        post(server, ground.folder, 4, WARM_UP)
        for connections, count in ((ALONE, counts.alone), (MANY, counts.many)):
            load = post(server, ground.folder, connections, count)
            report(load)
        after, peak = server.memory_bytes(), server.peak_bytes()
        say(
            f"  memory {idle / MEBIBYTE:.0f} MiB when ready, {after / MEBIBYTE:.0f} MiB after, "
            f"{peak / MEBIBYTE:.0f} MiB at most"
        )
        say(f"  start to ready {server.ready_seconds:.2f} s")
    say(f"  serving install {install_bytes() / 1e6:.0f} MB")
    _compare(load, _measure_bare(ground).per_second, measure_limits(ground.files, cores(), ground.seconds))


def _measure_bare(ground: Ground) -> Load:
    """Send the same to the bare service."""
    with ground.room(0) as home, bare_service(home) as server:
        post(server, ground.folder, 4, WARM_UP)
        say("  the bare service: decode, forward pass and a flushed row in one process, nothing else")
        load = post(server, ground.folder, MANY, ground.counts.many)
        report(load)
        return load


def _compare(load: Load, bare_per_second: float, limits: Sequence[Limit]) -> None:
    for limit in (Limit(name="the bare service", per_second=bare_per_second), *limits):
        share = load.per_second / limit.per_second
        say(
            f"  {limit.name:<30} {limit.per_second:8.0f}/s   the server at {load.connections} reaches {share:.0%} of it"
        )
    both = bound(limits)
    say(f"  {'decode and forward bound':<30} {both:8.0f}/s   {load.per_second / both:.0%} of it")


def bound(limits: Sequence[Limit]) -> float:
    """Give how many a second decode and forward pass alone allow, sharing the same cores."""
    return 1 / (1 / limits[0].per_second + 1 / limits[1].per_second)


def install_bytes() -> int:
    """Add up the files of everything that serving needs, as installed here."""
    from packaging.requirements import Requirement

    wanted, seen, size = ["lingula"], set[str](), 0
    while wanted:
        name = wanted.pop()
        if name.lower() in seen:
            continue
        seen.add(name.lower())
        found = distribution(name)
        paths = [Path(str(found.locate_file(file))) for file in found.files or []]
        size += sum(path.stat().st_size for path in paths if path.is_file())
        for text in found.requires or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                wanted.append(needed.name)
    return size
