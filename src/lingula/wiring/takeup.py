"""A running program follows the shelf: what a person promoted assesses within seconds, without a restart.

Each process looks at the shelf's mark, one `stat`, every second. A promoted package is read, loaded and warmed in this
thread while the one before assesses; then the next batch begins with it. A package that cannot be loaded changes
nothing: the one before goes on, the log says why, and `lingula_package_is_behind` stays 1 until somebody acts.
"""

import logging
import time
from collections.abc import Callable

from lingula.errors import LingulaError
from lingula.modelpackage.archive import ModelPackage
from lingula.registry import Decision, Registry
from lingula.registry.shelf import Mark
from lingula.triage.infer import Model
from lingula.triage.prepared import Timer
from lingula.triage.serving import Serving
from lingula.triage.shadow import Shadow

EVERY_SECONDS = 1.0
TRY_AGAIN_SECONDS = 30.0  # after a package could not be loaded: its file may be mended

_log = logging.getLogger(__name__)


class TakeUp:
    """Compares what assesses with what people decided, and follows; one thread calls `run_once` again and again.

    Parameters
    ----------
    load
        Makes a warm model of a package with the program's engine and batch size.
    is_pinned
        Whether a setting chose the package: promotions do not move it then. Shadows follow the shelf in any case.
    timer
        Seconds of a clock that never goes back; injected for tests.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        serving: Serving,
        shadow: Shadow,
        load: Callable[[ModelPackage], Model],
        is_pinned: bool,
        timer: Timer = time.monotonic,
    ) -> None:
        self.serving, self.shadow = serving, shadow
        self._registry, self._load = registry, load
        self._is_pinned = is_pinned
        self._timer = timer
        self._seen: Mark | None = None
        self._is_first = True
        self._again_at = float("inf")
        self._shadow_decision: Decision | None = None
        self.is_behind = False
        """Whether another package should serve than does."""
        self.is_shadow_behind = False
        """Whether a package should be in shadow and is not."""

    def run_once(self) -> None:
        """Look at the shelf and follow what was decided since the last look."""
        mark = self._registry.mark()
        if not self._is_first and mark == self._seen and self._timer() < self._again_at:
            return
        self._is_first, self._seen = False, mark
        self.is_behind = not self._is_pinned and not self._try(self._follow_serving, "the package that serves")
        self.is_shadow_behind = not self._try(self._follow_shadow, "the package in shadow")
        is_behind = self.is_behind or self.is_shadow_behind
        self._again_at = self._timer() + TRY_AGAIN_SECONDS if is_behind else float("inf")

    def _try(self, follow: Callable[[], None], what: str) -> bool:
        try:
            follow()
        except LingulaError as error:
            _log.error(
                "%s cannot be taken up, what was before goes on: %s", what, error, extra={"action": "take_up_failed"}
            )
            return False
        except Exception:  # noqa: BLE001 - whatever it is must neither look as if all were well nor be the last attempt
            _log.exception(
                "%s cannot be taken up, which nobody foresaw; what was before goes on",
                what,
                extra={"action": "take_up_failed"},
            )
            return False
        return True

    def _follow_serving(self) -> None:
        before = self.serving.model.package
        if self._registry.serving().sha256 == before.sha256:
            return
        model = self._load(self._registry.open())
        self.serving.take_up(model)
        _log.info(
            "%s assesses from now on, in place of %s",
            model.package.label,
            before.label,
            extra={"action": "package_taken_up", "package": model.package.label},
        )

    def _follow_shadow(self) -> None:
        wanted = self._registry.shadow()
        if wanted is not None and wanted == self._shadow_decision:
            return
        self.shadow.stop()
        self._shadow_decision = None
        if wanted is not None:
            package = self._registry.open(wanted.package)
            if package.sha256 != self.serving.model.package.sha256:  # pinned to it: there is nothing to compare
                self.shadow.take_up(self._load(package), wanted.at)
            _log.info("%s assesses in shadow", wanted.package, extra={"action": "shadow_begun"})
        self._shadow_decision = wanted
