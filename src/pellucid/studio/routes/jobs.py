"""Jobs, and the one stream of news."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from pellucid.studio.jobs import Job
from pellucid.studio.routes.house import Shared
from pellucid.studio.schemas.seeing import JobInfo

router = APIRouter()


def info_of(job: Job) -> JobInfo:
    return JobInfo(**job.summary())


@router.get("/jobs")
def jobs(house: Shared) -> list[JobInfo]:
    return [info_of(job) for job in house.jobs.all()]


@router.get("/jobs/{id}")
def job(id: str, house: Shared) -> JobInfo:
    return info_of(house.jobs[id])


@router.delete("/jobs/{id}")
def cancel(id: str, house: Shared) -> JobInfo:
    return info_of(house.jobs.cancel(id))


@router.get("/events", response_class=StreamingResponse)
async def events(request: Request, house: Shared) -> StreamingResponse:
    """Server-sent events: `event: job` with a `JobInfo`, and what routes tell; comments as heartbeat."""

    async def stream() -> AsyncIterator[str]:
        yield "retry: 1000\n\n"
        async for topic, data in house.news.listen():
            if await request.is_disconnected():
                return
            yield ": beat\n\n" if topic == "beat" else f"event: {topic}\ndata: {json.dumps(data)}\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"cache-control": "no-store"})
