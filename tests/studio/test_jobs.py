from __future__ import annotations

import threading
import time

import pytest

from pellucid.studio.jobs import WAITING, Job, Jobs, News, Report
from pellucid.studio.store import Store
from pellucid.types.errors import InputError


def ended(job: Job) -> Job:
    for _ in range(500):
        if job.state not in ("waiting", "running"):
            return job
        time.sleep(0.01)
    raise AssertionError(f"the job is still {job.state}")


def test_a_job_reports_and_gives_its_result() -> None:
    jobs = Jobs(News())

    def work(report: Report) -> int:
        report(0.5, "half")
        return 42

    job = ended(jobs.start("count", work))
    assert (job.state, job.result, job.progress) == ("done", 42, 1.0)
    jobs.close()


def test_a_cancelled_job_stops_where_it_reports() -> None:
    jobs, begun = Jobs(News()), threading.Event()

    def work(report: Report) -> None:
        for _ in range(10_000):
            begun.set()
            report(0.1, "")
            time.sleep(0.001)

    job = jobs.start("long", work)
    waiting = jobs.start("next", work)
    begun.wait()
    assert jobs.cancel(waiting.id).state == "cancelled"
    jobs.cancel(job.id)
    assert ended(job).state == "cancelled"
    jobs.close()


def test_a_mistake_is_told_and_the_worker_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = Jobs(News())

    def wrong(report: Report) -> None:
        raise InputError("expected a picture; got a table")

    def broken(report: Report) -> None:
        raise ZeroDivisionError("by nothing")

    assert ended(jobs.start("a", wrong)).message == "expected a picture; got a table"
    assert "ZeroDivisionError" in ended(jobs.start("b", broken)).message
    assert ended(jobs.start("c", lambda report: "fine")).result == "fine"
    assert "ZeroDivisionError" in capsys.readouterr().err
    jobs.close()


def test_the_queue_is_bounded() -> None:
    jobs, gate = Jobs(News()), threading.Event()
    jobs.start("first", lambda report: gate.wait())
    time.sleep(0.05)
    for _ in range(WAITING):
        jobs.start("more", lambda report: None)
    with pytest.raises(InputError, match="waiting already"):
        jobs.start("too many", lambda report: None)
    gate.set()
    jobs.close()


def test_a_store_forgets_the_least_recently_used() -> None:
    store: Store[str, int] = Store(10, float)
    for name, size in (("a", 4), ("b", 4)):
        store.put(name, size)
    assert store.find("a") == 4
    store.put("c", 4)
    assert store.kept() == ["a", "c"]
    store.put("giant", 99)
    assert store.kept() == ["giant"]


def test_a_store_makes_a_thing_once_for_many_threads() -> None:
    store: Store[str, int] = Store(10, lambda _: 1)
    made: list[int] = []

    def make() -> int:
        time.sleep(0.02)
        made.append(1)
        return 7

    threads = [threading.Thread(target=lambda: store.get("x", make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_a_failure_to_make_is_tried_again() -> None:
    store: Store[str, int] = Store(10, lambda _: 1)

    def fails() -> int:
        raise InputError("no")

    with pytest.raises(InputError):
        store.get("x", fails)
    assert store.get("x", lambda: 3) == 3


def test_another_studio_has_no_job_of_the_same_name() -> None:
    def work(report: Report) -> None:
        return None

    before, after = Jobs(News()), Jobs(News())
    asked = ended(before.start("a", work))
    assert ended(after.start("b", work)).id != asked.id
    with pytest.raises(InputError, match="started anew"):
        after[asked.id]
    before.close()
    after.close()
