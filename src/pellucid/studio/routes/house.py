"""How routes get what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request

if TYPE_CHECKING:
    from pellucid.studio.app import House


def house_of(request: Request) -> House:
    return cast("House", request.app.state.house)


Shared = Annotated["House", Depends(house_of)]
