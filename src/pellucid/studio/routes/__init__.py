"""The studio's routes: each parses, asks the library, and answers with a schema."""

from pellucid.studio.routes import (
    basics,
    data,
    exciting,
    explaining,
    generation,
    jobs,
    latent,
    layers,
    masks,
    networks,
    pictures,
    results,
    session,
    styling,
    training,
    whatif,
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
    masks.router,
    explaining.router,
    whatif.router,
    basics.router,
    exciting.router,
    generation.router,
    latent.router,
    styling.router,
)
