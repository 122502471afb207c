"""``VideoCapture``: the class of OpenCV of that name, for streams of a camherd server."""

from __future__ import annotations

import importlib
import logging
import math
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from . import forking
from . import properties as prop
from .errors import CamherdError, ServerRefused, capture_error
from .frames import FORMATS, JPEG_NEEDS, ArrayPool, Frame, FrameTimes, Pixels, find_jpeg_decoder
from .rate import EVERY as NOTE_EVERY
from .rate import RateMeter
from .session import TRANSPORTS, Session, Wanted
from .source import MAX_SIDE, MIN_SIDE, Target, find_target, parse_size
from .waiting import Waitable, wait_any

log = logging.getLogger("camherd")

#: How long ``open()`` and ``read()`` wait, in seconds. The server calls a camera offline after as long.
DEFAULT_TIMEOUT = 10.0
#: The longest timeout that may be set, in seconds: a week.
MAX_TIMEOUT = 7 * 24 * 3600.0
#: A frame that was overwritten while it was copied is tried again with the newest; who cannot copy one in so many
#: attempts is too slow for the ring.
COPY_ATTEMPTS = 8


class VideoCapture:
    """Reads a camera through a camherd server, with the methods of ``cv2.VideoCapture``.

    ``source`` is the camera's URL (``rtsp://...``, also ``tcpcam://`` and ``http://`` where the server pulls it) or
    ``camherd://[TOKEN@]HOST[:PORT]/STREAM`` for a stream that a server has already; ``stream="door"`` says the same of
    ``server``. Everything else (numbers, files, GStreamer pipelines) goes to ``cv2.VideoCapture``.

    ``read()`` gives the newest frame that this reader has not had, and never one twice. With ``latest=False`` it gives
    each frame in order. Where the server runs on this machine, frames come out of shared memory.

    - ``server``, ``token``: else the environment's ``CAMHERD_URL`` and ``CAMHERD_TOKEN``, else http://localhost:8080
    - ``size``: ``(width, height)``, ``"640x480"`` or ``"native"``, the camera's own and the default
    - ``format``: ``bgr24``, ``gray``, ``i420`` or ``jpeg`` (compressed on its way, BGR in the end)
    - ``copy``: False gives read-only views of shared memory; see ``intact``
    - ``timeout``: seconds that ``open()`` and ``read()`` wait for a frame, 10 by default
    - ``transport``: ``auto``, ``shm`` or ``websocket``

    It connects again by itself. ``read()`` answers ``(False, None)`` when no frame came in time, and goes on when
    frames do. Raises ``ValueError`` for arguments that cannot be.
    """

    def __init__(
        self,
        source: Any = None,
        apiPreference: int = prop.CAP_ANY,
        params: Sequence[int] | None = None,
        *,
        server: str | None = None,
        token: str | None = None,
        stream: str | None = None,
        size: Any = None,
        format: str = "bgr24",
        latest: bool = True,
        copy: bool = True,
        timeout: float | None = None,
        transport: str = "auto",
    ) -> None:
        # First, as release() must work whatever fails below.
        self._session: Session | None = None
        self._inner: Any = None
        if format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {format!r}")
        if transport not in TRANSPORTS:
            raise ValueError(f"transport must be one of {', '.join(TRANSPORTS)}, not {transport!r}")
        if format == "jpeg" and transport == "shm":
            raise ValueError("there is no JPEG in shared memory")
        self._server, self._token = server, token
        self._wanted = Wanted(format, parse_size(size), transport)
        self._latest, self._copy = latest, copy
        self._open_timeout = self._read_timeout = _timeout(DEFAULT_TIMEOUT if timeout is None else timeout)
        self._convert = True
        self._raises = False
        self._pool = ArrayPool()
        self._forget()
        self._renew_lock()
        if source is not None or stream is not None:
            self._open(source, apiPreference, params, stream)

    def _forget(self) -> None:
        """Nothing is known of any frame."""
        self._frame: Frame | None = None
        self._retrieved: Frame | None = None
        self._up = False
        self._dropped = 0
        self._rate = RateMeter()

    def _renew_lock(self) -> None:
        """A lock that another thread held when the process forked is never given back there."""
        self._generation = forking.generation
        self._reading = threading.RLock()

    # As cv2.VideoCapture.

    def open(self, source: Any, apiPreference: int = prop.CAP_ANY, params: Sequence[int] | None = None) -> bool:
        """Opens another source, after ``release()``; whether a first frame came before the timeout."""
        return self._open(source, apiPreference, params, None)

    def _open(self, source: Any, api: int, params: Sequence[int] | None, stream: str | None) -> bool:
        self.release()
        target = find_target(source, self._server, self._token, stream)
        if target is None:
            return self._hand_over(source, api, params)
        self._apply_params(params)
        if self._wanted.format == "jpeg" and self._convert and find_jpeg_decoder() is None:
            raise ImportError(JPEG_NEEDS)
        self._forget()
        self._session = session = Session(target, self._wanted, self._pool)
        try:
            with self._lock():
                session.open(self._latest, self._open_timeout)
        except CamherdError as problem:
            if target.may_be_file and self._may_hand_over(problem):
                return self._hand_over_web(target, api, params, problem)
            return self._fail(f"cannot open {target.label}: {problem}")
        self._up = True
        return True

    def _apply_params(self, params: Sequence[int] | None) -> None:
        """Pairs of property and value; those that mean nothing here are left alone."""
        numbers = list(params or ())
        if len(numbers) % 2:
            raise ValueError("params must be pairs of a property and its value")
        for name, value in zip(numbers[::2], numbers[1::2]):
            if not self._set(name, value):
                log.debug("property %s has no effect on a stream of camherd", name)

    def _may_hand_over(self, problem: CamherdError) -> bool:
        """Whether the server never took the URL: it is away, or does not know what to do with it."""
        refused = isinstance(problem, ServerRefused)
        if self._session is None or self._session.stream or (refused and getattr(problem, "status", 0) != 400):
            return False
        return importlib.util.find_spec("cv2") is not None

    def _hand_over_web(self, target: Target, api: int, params: Sequence[int] | None, problem: CamherdError) -> bool:
        log.info("%s: OpenCV opens it: %s", target.label, str(problem))
        self.release()
        return self._hand_over(target.url, api, params)

    def _hand_over(self, source: Any, api: int, params: Sequence[int] | None) -> bool:
        try:
            cv2 = importlib.import_module("cv2")
        except ImportError:
            raise ImportError(
                f"{type(source).__name__} {source!r} is not a stream of a camherd server, so OpenCV must read it; "
                "install it with: pip install 'camherd[opencv]'"
            ) from None
        self._forget()
        self._inner = inner = cv2.VideoCapture()
        inner.setExceptionMode(self._raises)
        return bool(inner.open(source, api) if params is None else inner.open(source, api, list(params)))

    def isOpened(self) -> bool:
        """Whether frames come: one did when it was opened, and none has been waited for in vain since the last."""
        if self._inner is not None:
            return bool(self._inner.isOpened())
        return self._session is not None and self._up

    def release(self) -> None:
        """Ends the connection. Another thread that waits in ``read()`` gets ``(False, None)`` at once."""
        inner, self._inner = self._inner, None
        if inner is not None:
            inner.release()
        session, self._session = self._session, None
        if session is None:
            return
        self._up = False
        session.interrupt()
        lock = self._lock()
        # Whoever reads sees the end, and closes what is left, within the time that connecting may take.
        if lock.acquire(timeout=1.0):
            try:
                session.close()
                self._frame = self._retrieved = None
            finally:
                lock.release()

    def grab(self) -> bool:
        """Takes the next frame, waiting up to the read timeout for one; ``retrieve()`` gives its pixels."""
        if self._inner is not None:
            return bool(self._inner.grab())
        return self._grab(self._read_timeout) or self._fail(f"no frame: {self.state}: {self.reason}")

    def _grab(self, timeout: float) -> bool:
        session = self._session
        if session is None:
            return False
        if self._generation != forking.generation:
            self._renew_lock()
        with self._reading:
            frame = session.next(self._latest, timeout)
            if frame is None:
                if timeout > 0:
                    self._up = False
                    self._frame = None
                return False
            self._up = True
            self._frame = frame
            self._dropped += frame.missed
            if abs(frame.sequence - self._rate.noted) >= NOTE_EVERY:
                self._rate.note(frame.sequence, frame.captured_ns)
            return True

    def retrieve(self, image: Pixels | None = None, flag: int = 0) -> tuple[bool, Pixels | None]:
        """The pixels of the frame that was grabbed, written into ``image`` where shape and type fit.

        In shared memory a frame is overwritten some dozen frames later; who retrieves so late gets the newest instead.
        """
        if self._inner is not None:
            ok, pixels = self._inner.retrieve(image, flag)
            return bool(ok), pixels
        try:
            for _ in range(COPY_ATTEMPTS):
                frame = self._frame
                if frame is None:
                    break
                pixels = frame.pixels(self._pool, image, self._copy, self._convert)
                if pixels is not None:
                    self._retrieved = frame
                    return True, pixels
                if not self._grab(self._read_timeout):
                    break
        except CamherdError as problem:
            return self._fail(str(problem)), None
        return self._fail("no frame has been grabbed"), None

    def read(self, image: Pixels | None = None) -> tuple[bool, Pixels | None]:
        """``grab()`` and ``retrieve()``."""
        if self._inner is not None:
            ok, pixels = self._inner.read(image)
            return bool(ok), pixels
        return self.retrieve(image) if self.grab() else (False, None)

    def get(self, propId: int) -> float:
        """A property, 0 for one that a stream does not have. ``camherd.CAP_PROP_*`` are the numbers of OpenCV."""
        if self._inner is not None:
            return float(self._inner.get(propId))
        if propId == prop.CAP_PROP_OPEN_TIMEOUT_MSEC:
            return self._open_timeout * 1000.0
        if propId == prop.CAP_PROP_READ_TIMEOUT_MSEC:
            return self._read_timeout * 1000.0
        session = self._session
        return 0.0 if session is None else self._get_of_stream(propId, session, self._frame)

    def _get_of_stream(self, propId: int, session: Session, frame: Frame | None) -> float:
        if propId in (prop.CAP_PROP_FRAME_WIDTH, prop.CAP_PROP_FRAME_HEIGHT):
            size = session.size or ((frame.width, frame.height) if frame is not None else (0, 0))
            return float(size[0 if propId == prop.CAP_PROP_FRAME_WIDTH else 1])
        if propId == prop.CAP_PROP_FPS:
            measured = self._rate.rate(frame.sequence, frame.captured_ns) if frame is not None else None
            return measured or _number(session.info().get("fps"))
        if propId == prop.CAP_PROP_BITRATE:
            return _number(session.info().get("bitrate")) / 1000.0
        if propId == prop.CAP_PROP_FOURCC:
            return prop.fourcc(str(session.info().get("codec") or ""))
        if propId == prop.CAP_PROP_POS_MSEC:
            return frame.captured_ns / 1e6 if frame is not None else 0.0
        if propId == prop.CAP_PROP_POS_FRAMES:
            return float(frame.sequence) if frame is not None else 0.0
        if propId == prop.CAP_PROP_BUFFERSIZE:
            return 1.0 if self._latest else float(session.buffered)
        fixed = {
            prop.CAP_PROP_FRAME_COUNT: -1.0,
            prop.CAP_PROP_BACKEND: float(prop.CAP_CAMHERD),
            prop.CAP_PROP_CONVERT_RGB: float(self._convert),
        }
        return fixed.get(propId, 0.0)

    def set(self, propId: int, value: float) -> bool:
        """Sets a property; False for one that cannot be set.

        Width and height ask the server for frames of another size, from the next ``grab()`` on.
        """
        if self._inner is not None:
            return bool(self._inner.set(propId, value))
        return self._set(propId, value) or self._fail(f"property {propId} cannot be set to {value}")

    def _set(self, propId: int, value: float) -> bool:
        if not math.isfinite(value):
            return False
        if propId in (prop.CAP_PROP_OPEN_TIMEOUT_MSEC, prop.CAP_PROP_READ_TIMEOUT_MSEC):
            if not 0 < value <= MAX_TIMEOUT * 1000:
                return False
            if propId == prop.CAP_PROP_OPEN_TIMEOUT_MSEC:
                self._open_timeout = value / 1000.0
            else:
                self._read_timeout = value / 1000.0
            return True
        if propId in (prop.CAP_PROP_FRAME_WIDTH, prop.CAP_PROP_FRAME_HEIGHT):
            return self._set_side(propId == prop.CAP_PROP_FRAME_WIDTH, int(value))
        if propId == prop.CAP_PROP_CONVERT_RGB and (value or self._wanted.format == "jpeg"):
            self._convert = bool(value)
            return True
        if propId == prop.CAP_PROP_BUFFERSIZE:
            # Programs set 1 to have no delay.
            return value == 1.0 if self._latest else value >= 1.0
        return False

    def _set_side(self, is_width: bool, side: int) -> bool:
        if not MIN_SIDE <= side <= MAX_SIDE:
            return False
        session = self._session
        now = self._wanted.size or (session.size if session is not None else None) or (side, side)
        size = (side, now[1]) if is_width else (now[0], side)
        if size != now or self._wanted.size is None:
            self._wanted = Wanted(self._wanted.format, size, self._wanted.transport)
            if session is not None:
                session.resize(self._wanted)
        return True

    def getBackendName(self) -> str:
        """``CAMHERD``, or what OpenCV says for a source of its own."""
        return str(self._inner.getBackendName()) if self._inner is not None else "CAMHERD"

    def setExceptionMode(self, enable: bool) -> None:
        """Whether methods raise ``CaptureError`` (a ``cv2.error`` too) instead of answering False."""
        self._raises = bool(enable)
        if self._inner is not None:
            self._inner.setExceptionMode(self._raises)

    def getExceptionMode(self) -> bool:
        """Whether methods raise."""
        return self._raises

    @staticmethod
    def waitAny(streams: Sequence[VideoCapture], timeoutNs: int = 0) -> tuple[bool, list[int]]:
        """Waits until a frame of any of them is there, and grabs it; ``retrieve()`` gives the pixels.

        ``timeoutNs`` is in nanoseconds, 0 means without end. The answer names those with a frame by their place.
        """
        return wait_any([capture._waitable() for capture in streams], timeoutNs)

    def _waitable(self) -> Waitable:
        inner, session = self._inner, self._session
        if inner is not None:
            # OpenCV does not tell whether it has a frame; files always have one.
            return Waitable(inner.grab, lambda: None, inner.isOpened)
        if session is None:
            return Waitable(lambda: False, lambda: None, lambda: False)
        return Waitable(lambda: self._grab(0.0), session.ready_fileno, lambda: self._session is session)

    # Beyond cv2.VideoCapture.

    @property
    def stream(self) -> str:
        """Name of the stream at the server; empty when there is none."""
        session = self._session
        return session.stream if session is not None else ""

    @property
    def transport(self) -> str:
        """``shm``, ``websocket``, ``opencv`` for a source that OpenCV reads, or empty while not connected."""
        session = self._session
        if session is not None:
            return session.transport
        return "opencv" if self._inner is not None else ""

    @property
    def state(self) -> str:
        """``live``, ``waiting`` (for the camera), ``offline`` (camera or server), or ``closed``."""
        session = self._session
        if session is not None:
            return session.state
        return "live" if self._inner is not None and self._inner.isOpened() else "closed"

    @property
    def reason(self) -> str:
        """Why there are no frames, for a person; empty when there are."""
        session = self._session
        return session.reason if session is not None else ""

    @property
    def sequence(self) -> int:
        """Number of the current frame as the server counts; -1 when there is none."""
        frame = self._frame
        return frame.sequence if frame is not None else -1

    @property
    def captured(self) -> float:
        """When the current frame was captured, Unix time in seconds by the server's clock; NaN when there is none."""
        frame = self._frame
        return frame.captured_ns / 1e9 if frame is not None else math.nan

    @property
    def frame_age(self) -> float:
        """Seconds since the current frame was captured; NaN when there is none."""
        frame = self._frame
        return frame.age() if frame is not None else math.nan

    @property
    def frame_times(self) -> FrameTimes | None:
        """When the current frame passed which point of its way; None when it did not come through shared memory."""
        frame = self._frame
        return frame.times if frame is not None else None

    @property
    def dropped(self) -> int:
        """Frames since it was opened that the server had and this reader did not get, by choice or by being slow."""
        return self._dropped

    @property
    def intact(self) -> bool:
        """Whether the frame that was retrieved last is still what it was.

        With ``copy=False`` frames are views of shared memory that the server writes to again after some time: look at
        this *after* working on a frame. Copies are always intact.
        """
        frame = self._retrieved
        return frame is not None and (self._copy or frame.intact())

    def frame_intact(self) -> bool:
        """The same as ``intact``."""
        return self.intact

    def __iter__(self) -> Iterator[Pixels]:
        """Frames until one is waited for in vain, the source ends, or ``release()``."""
        while True:
            ok, pixels = self.read()
            if not ok or pixels is None:
                return
            yield pixels

    def __enter__(self) -> VideoCapture:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:
        # What __init__ refused has nothing to release.
        if getattr(self, "_session", None) is not None:
            self.release()

    # Helpers.

    def _lock(self) -> threading.RLock:
        if self._generation != forking.generation:
            self._renew_lock()
        return self._reading

    def _fail(self, message: str) -> bool:
        if self._raises:
            raise capture_error(message)
        log.debug("%s", message)
        return False


def _timeout(seconds: float) -> float:
    if not 0 < seconds <= MAX_TIMEOUT:
        raise ValueError(f"the timeout must be more than 0 and at most {MAX_TIMEOUT:.0f} s, not {seconds!r}")
    return float(seconds)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
