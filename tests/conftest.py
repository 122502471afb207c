"""What the system tests share: the binary, servers in directories of their own, the machine's addresses."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent / "lib"))

from browser import Browser  # noqa: E402
from server import Process, Server  # noqa: E402
from sockets import unused_port  # noqa: E402

ROOT = Path(__file__).parents[1]
#: A port that the system chooses.
ANY_PORT = "127.0.0.1:0"
#: Numbers of streams, each for one test.
NUMBERS = itertools.count(1)

ServerFactory = Callable[..., Server]


def pytest_configure(config: pytest.Config) -> None:
    # Under nohup what is started here would not hear that its terminal is gone, which is tested.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    config.addinivalue_line("markers", "npm: needs npm and its registry, or npm's cache of it")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test has a limit: what hangs fails."""
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(60))


@pytest.fixture(scope="session")
def binary() -> Path:
    """The binary under test."""
    path = Path(os.environ.get("CAMHERD_BINARY", ROOT / "target/debug/camherd")).resolve()
    assert path.is_file(), f"{path} is missing: build it, or name another one in CAMHERD_BINARY"
    return path


class Processes:
    """Starts processes, and sees to it that they end well."""

    def __init__(self, binary: Path, directory: Path) -> None:
        self.binary, self.directory = binary, directory
        self._started: list[Process] = []

    def serve(self, *arguments: str, **options: Any) -> Server:
        """A server on free ports of 127.0.0.1, unless ``--http-listen`` and so on are among the arguments."""
        flags = [flag for flag in ("--http-listen", "--tcp-push-listen") if flag not in arguments]
        listen = [word for flag in flags for word in (flag, ANY_PORT)]
        return self.start(Server, "serve", *listen, *arguments, **options)

    def start(self, kind: type[Process], *arguments: str, directory: Path | None = None, **options: Any) -> Any:
        """Any command of the binary."""
        process = kind(self.binary, directory or self.directory, list(arguments), **options)
        self._started.append(process)
        return process

    def end(self) -> None:
        """Ends all; fails for one that died, panicked or does not end when asked."""
        problems = []
        for process in reversed(self._started):
            # An end that a test has brought about, and looked at, has a return code already.
            ended_before = process.returncode
            try:
                status = process.stop() if ended_before is None else 0
                assert status == 0, f"exit status {status} after SIGTERM\n{process.log}"
                process.assert_healthy()
            except AssertionError as problem:
                problems.append(str(problem))
            finally:
                process.kill()
        assert not problems, "\n".join(problems)


@pytest.fixture
def processes(binary: Path, tmp_path: Path) -> Iterator[Processes]:
    """Starts processes of the binary in the test's own directory."""
    processes = Processes(binary, tmp_path)
    yield processes
    processes.end()


@pytest.fixture
def serve(processes: Processes) -> ServerFactory:
    """Starts servers: ``serve("--stall-timeout", "1s")``."""
    return processes.serve


@pytest.fixture
def server(serve: ServerFactory) -> Server:
    """A server with the default settings, on a free port."""
    return serve()


@pytest.fixture(scope="module")
def shared_server(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for all tests of a module that use streams of their own; it must outlive them."""
    processes = Processes(binary, tmp_path_factory.mktemp("shared"))
    server = processes.serve()
    yield server
    died = server.returncode
    processes.end()
    assert died is None, f"the server died with {died}\n{server.log}"


@pytest.fixture(scope="session")
def own_address() -> Iterator[str]:
    """An IPv4 address of this machine that is not loopback, as if a camera came from the network.

    A machine without one gets a dummy interface for the time of the tests, which takes root.
    """
    names = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
    for name in names:
        if "." in name and not name.startswith("127."):
            yield name
            return
    address, interface = "192.0.2.77", "camherd-test"
    commands = [
        ["ip", "link", "add", interface, "type", "dummy"],
        ["ip", "address", "add", f"{address}/32", "dev", interface],
        ["ip", "link", "set", interface, "up"],
    ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.fail(
                "this machine has no address but loopback, and no dummy interface can be made "
                f"({' '.join(command)}: {done.stderr.strip()}): connect it to a network or run the tests as root"
            )
    yield address
    subprocess.run(["ip", "link", "delete", interface], check=False)


@pytest.fixture
def number() -> int:
    """A stream number for the test case: tests of a module share a server that takes cameras by number."""
    return next(NUMBERS)


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    return unused_port()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real browser, for the tests of a module; use ``browser``."""
    with sync_playwright() as playwright:
        browser = Browser(playwright)
        yield browser
        browser.end()


@pytest.fixture
def browser(chromium: Browser, processes: Processes) -> Iterator[Browser]:
    """A real browser without a page; at the end it fails for what its pages complained about.

    Its pages close before the servers of the test end.
    """
    yield chromium
    chromium.close_all()
