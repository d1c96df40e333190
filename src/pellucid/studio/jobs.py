"""Work longer than a page waits: a bounded queue, with progress, cancelling, and one stream of news."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import traceback
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Lock
from typing import Any, Literal

from pellucid.types.errors import InputError

State = Literal["waiting", "running", "done", "failed", "cancelled"]
WAITING = 32  # jobs that may wait
KEPT = 200  # finished jobs whose results are kept
_END = ""  # the topic after which no news come


class CancelledError(Exception):
    """Raised inside a job that was told to stop."""


@dataclass
class Job:
    """One piece of work. `progress` is in [0, 1]; `result` is what it gave, once it is done."""

    id: str
    kind: str
    state: State = "waiting"
    progress: float = 0.0
    message: str = ""
    result: Any = None
    _stop: Event = field(default_factory=Event)

    def summary(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "progress": self.progress,
            "message": self.message,
        }


Report = Callable[[float, str], None]
Work = Callable[[Report], Any]


class News:
    """What happens, told to everyone who listens: each listener gets (topic, data) from then on."""

    def __init__(self) -> None:
        self._listeners: set[tuple[asyncio.AbstractEventLoop, asyncio.Queue[tuple[str, Any]]]] = set()
        self._lock = Lock()

    def tell(self, topic: str, data: Any) -> None:
        """From any thread. One who does not keep up misses what is oldest."""
        with self._lock:
            listeners = list(self._listeners)
        for loop, queue in listeners:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_push, queue, (topic, data))

    def close(self) -> None:
        """There will be no more: who listens may go."""
        self.tell(_END, None)

    async def listen(self) -> AsyncIterator[tuple[str, Any]]:
        """News as they come, until there are no more; ("beat", None) every 10 seconds in which there are
        none.
        """
        queue: asyncio.Queue[tuple[str, Any]] = asyncio.Queue(1000)
        listener = (asyncio.get_running_loop(), queue)
        with self._lock:
            self._listeners.add(listener)
        try:
            while True:
                try:
                    topic, data = await asyncio.wait_for(queue.get(), 10)
                except TimeoutError:
                    topic, data = "beat", None
                if topic == _END:
                    return
                yield topic, data
        finally:
            with self._lock:
                self._listeners.discard(listener)


def _push(queue: asyncio.Queue[tuple[str, Any]], item: tuple[str, Any]) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(item)


class Jobs:
    """`workers` jobs at a time; more wait their turn, up to a bound."""

    def __init__(self, news: News, workers: int = 1) -> None:
        self._news = news
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="job")
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._studio = secrets.token_hex(4)
        # A page that outlives the studio must not take another studio's job for the one it asked for.
        self._ids = (f"{self._studio}-{number}" for number in itertools.count(1))
        self._lock = Lock()

    def start(self, kind: str, work: Work) -> Job:
        """Put `work` into the queue; it is given a function that reports progress, and stops the work when it
        was cancelled. Raises `InputError` when too many wait.
        """
        with self._lock:
            waiting = sum(job.state == "waiting" for job in self._jobs.values())
            if waiting >= WAITING:
                raise InputError(f"{waiting} jobs are waiting already; cancel some, or wait")
            job = Job(next(self._ids), kind)
            self._jobs[job.id] = job
            ended = [each.id for each in self._jobs.values() if each.state not in ("waiting", "running")]
            for id in ended[:-KEPT]:
                del self._jobs[id]
        self._pool.submit(self._run, job, work).add_done_callback(partial(self._broke, job))
        self._tell(job)
        return job

    def cancel(self, id: str) -> Job:
        job = self[id]
        job._stop.set()
        if job.state == "waiting":
            self._become(job, "cancelled")
        return job

    def __getitem__(self, id: str) -> Job:
        if id not in self._jobs:
            raise InputError(
                f"no job is called {id[:20]!r}; the studio may have been started anew: ask again"
            )
        return self._jobs[id]

    def all(self) -> list[Job]:
        with self._lock:
            return list(self._jobs.values())

    def close(self) -> None:
        for job in self.all():
            job._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, job: Job, work: Work) -> None:
        if job._stop.is_set():
            return

        def report(progress: float, message: str = "") -> None:
            if job._stop.is_set():
                raise CancelledError
            job.progress, job.message = progress, message
            self._tell(job)

        self._become(job, "running")
        try:
            job.result = work(report)
        except CancelledError:
            self._become(job, "cancelled")
        except InputError as error:
            self._become(job, "failed", str(error))
        else:
            job.progress = 1.0
            self._become(job, "done")

    def _broke(self, job: Job, future: Future[None]) -> None:
        """A fault of the work's own is told, with its traceback to the terminal."""
        error = None if future.cancelled() else future.exception()
        if error is not None:
            traceback.print_exception(error)
            self._become(job, "failed", f"{type(error).__name__}: {error}")

    def _become(self, job: Job, state: State, message: str = "") -> None:
        job.state, job.message = state, message or job.message
        self._tell(job)

    def _tell(self, job: Job) -> None:
        self._news.tell("job", job.summary())
