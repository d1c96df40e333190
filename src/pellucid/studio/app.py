"""The studio's application: routes over one `House`, behind the guard, with the built pages beside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles

from pellucid import __version__
from pellucid.recipes.experiment import open_run
from pellucid.studio.exciting import Grown
from pellucid.studio.explaining import Explained
from pellucid.studio.generating import Labs
from pellucid.studio.jobs import Jobs, News
from pellucid.studio.latent import Opened
from pellucid.studio.networks import Networks
from pellucid.studio.pictures import Pictures
from pellucid.studio.results import data_of
from pellucid.studio.routes import ROUTERS
from pellucid.studio.security import Guard, TooLargeError
from pellucid.studio.sets import OpenSet, Sets
from pellucid.studio.store import Store
from pellucid.studio.styling import Styled
from pellucid.studio.training import Trainings
from pellucid.types.errors import InputError

STATIC = Path(str(resources.files("pellucid.studio"))) / "static"
NOT_BUILT = (
    "the studio's pages are not built, since npm could not be reached when Pellucid was installed. With a "
    "connection, install Pellucid again with `pip install --force-reinstall --no-deps`, or in a checkout run "
    "`make web`"
)


@dataclass
class House:
    """What the routes share."""

    networks: Networks
    pictures: Pictures
    data: Sequence[Path] = ()
    news: News = field(default_factory=News)
    jobs: Jobs = field(init=False)
    trainings: Trainings = field(init=False)
    sets: Sets = field(init=False)
    explained: Store[str, Explained] = field(default_factory=lambda: Store(60, lambda _: 1.0))
    grown: Store[str, Grown] = field(default_factory=lambda: Store(200, lambda _: 1.0))
    labs: Labs = field(default_factory=Labs)
    spaces: Store[str, Opened] = field(default_factory=lambda: Store(3, lambda _: 1.0))
    styled: Store[str, Styled] = field(default_factory=lambda: Store(60, lambda _: 1.0))

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.news)
        self.trainings = Trainings(self.networks.runs, self.news, self.networks.trusted, self.data)
        self.sets = Sets(self.data)

    def explained_by(self, job: str) -> Explained:
        found = self.explained.find(job)
        if found is None:
            raise InputError(
                f"no explanation has the number {job[:20]!r}; it may have been forgotten: ask again"
            )
        return found

    def data_of(self, run: str) -> OpenSet:
        """The data of a run. Raises `InputError` where they are no longer what they were."""
        path = self.networks.run_path(run)
        return self.sets.of_run(run, lambda: data_of(open_run(path)))

    def data_for(self, network: str, data: str) -> OpenSet:
        """The set `data` as `network` sees pictures; "" means a run's own, else the shapes."""
        if network.startswith("run:") and not data:
            return self.data_of(network.removeprefix("run:"))
        return self.sets.seen_by(data or "shapes", self.networks[network].opened.preprocessing)

    def close(self) -> None:
        self.jobs.close()
        self.trainings.close()


def create_app(house: House) -> FastAPI:
    """The application without its guard; `guarded` puts it behind one."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        house.close()

    app = FastAPI(
        title="Pellucid studio", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.house = house
    for router in ROUTERS:
        app.include_router(router, prefix="/api")
    app.add_exception_handler(InputError, _refused)
    app.add_exception_handler(TooLargeError, _too_large)
    _add_pages(app)
    return app


def guarded(app: FastAPI, *, token: str, hosts: frozenset[str]) -> Guard:
    return Guard(app, token=token, hosts=hosts)


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": " ".join(str(error).split())}, status_code=422)


async def _too_large(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": "what was sent is too large"}, status_code=413)


def _add_pages(app: FastAPI) -> None:
    if not (STATIC / "index.html").exists():

        @app.get("/", include_in_schema=False)
        async def missing() -> Any:
            return Response(NOT_BUILT, media_type="text/plain", status_code=503)

        return
    app.mount("/assets", StaticFiles(directory=STATIC / "assets"))

    @app.get("/", include_in_schema=False)
    async def page() -> Any:
        """The one page; what it shows is in the query of its address."""
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})

    @app.get("/favicon.svg", include_in_schema=False)
    async def icon() -> Any:
        return FileResponse(STATIC / "favicon.svg")
