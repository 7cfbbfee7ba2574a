"""How each peer is installed, started and asked."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from servers.process import free_port
from servers.redis import PROGRAM as REDIS
from servers.redis import redis_server

from benchmarks.environments import KERAS, ROOT, Environment, as_here
from benchmarks.generator import Form
from benchmarks.ground import LeftOut
from benchmarks.limits import cores
from benchmarks.peers.shipped import Shipped
from benchmarks.server import DidNotStart, Running, child, wait_until_ready

_GRAPH = as_here("onnxruntime", "numpy", "pillow", "simplejpeg", "pydantic")
_END_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Stand:
    """Where a peer runs: a folder of its own, its port, its Python and the package it serves."""

    home: Path
    port: int
    python: Path
    package: Path

    def program(self, name: str) -> str:
        """Give the path of a program that its environment has."""
        return str(self.python.with_name(name))


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A command and what it is told by environment variables."""

    command: Sequence[str]
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to ask a peer.

    Parameters
    ----------
    probability
        What its answer must be, where it serves the very graph of the package.
    """

    name: str
    form: Form
    probability: Callable[[Shipped, bytes], float] | None = None


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A service that others would build.

    Parameters
    ----------
    asked
        How many times as fast as it this project wants to be.
    ready
        Path that answers 200 once it serves.
    share
        Radiographs it is sent, of those that are asked for: the slow ones get fewer.
    """

    name: str
    environment: Environment
    ways: Sequence[Way]
    ready: str
    launch: Callable[[Stand], Launch]
    asked: float
    needs_redis: bool = False
    share: float = 1.0


def _flask(stand: Stand) -> Launch:
    words = ["--workers", str(cores()), "--threads", "4", "--timeout", "120", "--bind", f"127.0.0.1:{stand.port}"]
    settings = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    return Launch(
        command=[stand.program("gunicorn"), *words, "benchmarks.peers.flask_service:service()"], settings=settings
    )


def _mlserver(stand: Stand) -> Launch:
    server = {"host": "127.0.0.1", "http_port": stand.port, "grpc_port": free_port(), "metrics_port": free_port()}
    server |= {"parallel_workers": cores(), "debug": False}
    model = {"name": "lingula", "implementation": "benchmarks.peers.mlserver_model.Radiographs"}
    (stand.home / "settings.json").write_text(json.dumps(server))
    (stand.home / "model-settings.json").write_text(json.dumps({**model, "parameters": {"uri": str(stand.package)}}))
    return Launch(command=[stand.program("mlserver"), "start", str(stand.home)])


def _bentoml(stand: Stand) -> Launch:
    words = ["serve", "benchmarks.peers.bentoml_service:Radiographs", "--host", "127.0.0.1", "--port", str(stand.port)]
    settings = {
        "PACKAGE": str(stand.package),
        "WORKERS": str(cores()),
        "BENTOML_HOME": str(stand.home),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    return Launch(command=[stand.program("bentoml"), *words], settings=settings)


def _same_graph(name: str) -> Sequence[Way]:
    return [
        Way(name=f"{name}, our decoding", form=Form(path="/ours"), probability=Shipped.with_our_decoding),
        Way(name=f"{name}, Pillow's", form=Form(path="/pillow"), probability=Shipped.with_pillow),
    ]


PEERS = (
    Peer(
        name="Flask with Keras",
        environment=KERAS,
        ways=[Way(name="Flask + Keras ResNet-50 + Redis", form=Form(path="/predict", part="file"))],
        ready="/health",
        launch=_flask,
        asked=25.0,
        needs_redis=True,
        share=1 / 6,
    ),
    Peer(
        name="MLServer",
        environment=Environment(name="mlserver", requirements=("mlserver==1.7.1", "uvloop<0.22", *_GRAPH)),
        ways=_same_graph("MLServer"),
        ready="/v2/health/ready",
        launch=_mlserver,
        asked=2.0,
    ),
    Peer(
        name="BentoML",
        environment=Environment(name="bentoml", requirements=("bentoml==1.4.39", *_GRAPH)),
        ways=_same_graph("BentoML"),
        ready="/readyz",
        launch=_bentoml,
        asked=2.0,
    ),
)


@contextmanager
def serving(peer: Peer, home: Path, package: Path) -> Iterator[Running]:
    """Install a peer if need be and run it until the block ends; nothing that it started outlives it.

    Raises
    ------
    LeftOut
        If it cannot be installed, or Redis is missing; says what to do.
    """
    if peer.needs_redis and shutil.which(REDIS) is None:
        raise LeftOut("redis-server is not installed: on Debian `apt-get install redis-server`")
    stand = Stand(home=home, port=free_port(), python=peer.environment.python(), package=package)
    launch, log = peer.launch(stand), home / "log"
    paths = os.pathsep.join((str(ROOT), str(ROOT / "src")))
    with ExitStack() as stack:
        redis = {"REDIS_URL": stack.enter_context(redis_server(home, free_port()))} if peer.needs_redis else {}
        settings = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", **redis, **launch.settings}
        process = stack.enter_context(child(launch.command, settings, log))
        parent = psutil.Process(process.pid)
        family = stack.enter_context(no_survivors(parent))
        try:
            wait_until_ready(process, stand.port, log, path=peer.ready)
        except DidNotStart as reason:
            raise LeftOut(str(reason)) from reason
        family += [parent, *parent.children(recursive=True)]
        yield Running(processes=tuple(family), port=stand.port, dicom_port=0, key="", records_url="", ready_seconds=0.0)


@contextmanager
def no_survivors(parent: psutil.Process, *, end_seconds: float = _END_SECONDS) -> Iterator[list[psutil.Process]]:
    """End a process first, then what is left of its children: workers whose parent was killed go on for ever.

    Gives a list for those that are known by now, which end even if the parent has gone before them.
    """
    family: list[psutil.Process] = []
    try:
        yield family
    finally:
        if parent.is_running():
            family += parent.children(recursive=True)
            parent.terminate()
        _, alive = psutil.wait_procs({parent, *family}, timeout=end_seconds)
        for one in alive:
            one.kill()
        psutil.wait_procs(alive, timeout=end_seconds)
