"""The model that assesses now, and the moment at which another takes its place."""

from lingula.triage.infer import Model


class Serving:
    """Holds the model that assesses; another may take its place while radiographs arrive.

    Whoever assesses a batch asks for `model` once and stays with it until the batch is recorded: what is under way
    finishes with the model it began with, and no assessment mixes two packages.

    >>> serving = Serving(model)  # doctest: +SKIP
    >>> serving.take_up(Model(read_package(path)))  # doctest: +SKIP
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def model(self) -> Model:
        """The model that the next batch begins with."""
        return self._model

    def take_up(self, model: Model) -> None:
        """Let a model that is loaded and warm assess from the next batch on; safe from any thread."""
        self._model = model  # one assignment: who asks meanwhile gets the old or the new, whole

    def check(self) -> None:
        """Return if the model still answers; raises whatever the engine raises if not."""
        self._model.check()
