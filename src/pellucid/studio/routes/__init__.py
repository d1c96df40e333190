"""The studio's routes: each parses, asks the library, and answers with a schema."""

from pellucid.studio.routes import (
    data,
    exciting,
    explaining,
    jobs,
    layers,
    networks,
    pictures,
    results,
    session,
    training,
)

ROUTERS = (
    session.router,
    pictures.router,
    networks.router,
    layers.router,
    jobs.router,
    training.router,
    data.router,
    results.router,
    explaining.router,
    exciting.router,
)
