"""The package a process names that assesses nothing itself: the one the shelf says, looked up when it is asked for."""

from lingula.modelpackage.archive import ModelPackage
from lingula.registry import Registry
from lingula.registry.shelf import Mark


class ShownPackage:
    """Follows the shelf without loading a model; one `stat` for each look while nothing was decided.

    Parameters
    ----------
    name
        The package that a setting names, which promotions do not move; None means the one the shelf says.
    """

    def __init__(self, registry: Registry, name: str | None) -> None:
        self._registry, self._name = registry, name
        self._found: tuple[Mark | None, ModelPackage] | None = None

    def __call__(self) -> ModelPackage:
        """Give the package; raises `NotFound` or `PackageError` if there is none that can be read."""
        mark = self._registry.mark()
        if self._found is None or self._found[0] != mark:
            self._found = (mark, self._registry.open(self._name))
        return self._found[1]
