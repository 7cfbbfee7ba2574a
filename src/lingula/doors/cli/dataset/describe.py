"""``lingula dataset describe``: what is in a data set, and what is left out of it."""

from lingula.doors.cli.dataset.given import AsJson, Data, load, show_report


def describe(*, dataset: Data, as_json: AsJson = False) -> None:
    """Check every radiograph and print what is there, what is left out, and why."""
    _, loaded = load(dataset)
    show_report(loaded.report, as_json=as_json)
