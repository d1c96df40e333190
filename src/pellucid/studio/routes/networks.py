"""A network's anatomy: what it is, its graph folded as the page asks, its layer table."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from pellucid.inspection.layer_table import Row
from pellucid.studio.graphs import graph_info
from pellucid.studio.networks import Network
from pellucid.studio.routes.house import Shared
from pellucid.studio.schemas.seeing import AboutInfo, GraphInfo, NetworkInfo, RowInfo, TableInfo

router = APIRouter()


@router.get("/network")
def network(network: str, house: Shared) -> NetworkInfo:
    found = house.networks[network]
    opened, table = found.opened, found.table
    return NetworkInfo(
        name=network,
        kind=table.total.kind,
        shape=list(opened.shape),
        classes=list(opened.classes),
        notes=list(opened.notes),
        parameters=table.total.parameters,
        multiply_adds=table.total.multiply_adds,
        layers=len(table.rows),
    )


@router.get("/graph")
def graph(
    network: str, house: Shared, opened: Annotated[list[str] | None, Query()] = None, depth: int = 1
) -> GraphInfo:
    """The graph with modules within `depth` levels opened, and those named."""
    found = house.networks[network]
    return graph_info(found.graph(opened or (), depth), found.trace, found.tokens)


@router.get("/table")
def table(network: str, house: Shared) -> TableInfo:
    return _table_info(house.networks[network])


@router.get("/layer/about")
def about(network: str, address: str, house: Shared) -> AboutInfo:
    """What a node of the graph takes, gives and costs, without a picture."""
    found = house.networks[network]
    return AboutInfo(row=_row_info(found.row(address)), window=found.window(address))


def _table_info(network: Network) -> TableInfo:
    table = network.table
    return TableInfo(
        rows=[_row_info(row) for row in table.rows],
        parameters=table.total.parameters,
        multiply_adds=table.total.multiply_adds,
        forward_bytes=table.total.forward_bytes,
        peak_bytes=table.peak_bytes,
        training_bytes=table.total.training_bytes,
        uncounted={name: len(addresses) for name, addresses in table.uncounted.items()},
        notes=list(table.notes),
    )


def _row_info(row: Row) -> RowInfo:
    field = row.field
    return RowInfo(
        address=row.address,
        kind=row.kind,
        depth=row.depth,
        inputs=[list(shape[1:]) for shape in row.inputs],
        outputs=[list(shape[1:]) for shape in row.outputs],
        parameters=row.parameters,
        again=row.again,
        multiply_adds=row.multiply_adds,
        forward_bytes=row.forward_bytes,
        training_bytes=row.training_bytes or 0,
        field=str(field or ""),
        field_size=list(field.size) if field else [],
        field_stride=list(field.stride or ()) if field else [],
        field_offset=list(field.offset or ()) if field else [],
    )
