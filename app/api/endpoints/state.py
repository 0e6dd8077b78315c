"""GET /state: the entries of the state_dict as a list, with or without values, or as a tree."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import Field

from app.api.dependencies import ModelDep, ServiceDep
from app.api.endpoints import downloads, tensor
from app.api.endpoints.downloads import FORMATS, NOT_MODIFIED
from app.api.endpoints.entries import (
    BranchQuery,
    EntryView,
    ValuesQuery,
    require_few,
    selected,
    values_of,
)
from app.api.negotiation import unless_known
from app.api.openapi.schemas import problems
from app.errors import TensorNotFound
from app.query_number import WholeNumber
from stateserve.inspect import Entry, EntryOutline, Node, Totals, cut, module_tree, totals

# Of a page of entries, and the nodes of a tree.
MOST_ENTRIES = 10_000

router = APIRouter(tags=["state"])
router.include_router(downloads.router)
router.include_router(tensor.router)


@dataclass(frozen=True)
class StateView:
    """The state_dict: hash, totals of the selected entries, and a page of them in order.

    `next` is the path of the next page. With `tree` there are no entries, and a page is one of
    the children of `branch`.
    """

    state_sha256: str
    totals: Totals
    entries: list[EntryView | EntryOutline]
    next: str | None = None
    tree: Node | None = None


class StateQuery(BranchQuery, ValuesQuery):
    offset: WholeNumber = Field(default=0, ge=0, le=MOST_ENTRIES)
    limit: WholeNumber = Field(
        default=1000, ge=1, le=MOST_ENTRIES, description="entries in the answer"
    )
    statistics: bool = Field(
        default=True, description="false: neither these, nor hashes and values, which take long"
    )
    tree: bool = Field(default=False, description="modules with their sums instead of entries")
    branch: str | None = Field(
        default=None, description="of a tree: the module at its root; empty: the whole state"
    )
    fold: bool = Field(default=True, description="of a tree: equal siblings as one node")
    nodes: WholeNumber = Field(
        default=MOST_ENTRIES,
        ge=1,
        le=MOST_ENTRIES,
        description="of a tree: it lacks its lowest levels if it has more nodes than this",
    )


async def _entries(
    model: ModelDep, query: Annotated[StateQuery, Query()]
) -> Sequence[EntryOutline]:
    if query.tree or not query.statistics:
        return model.outline
    # Awaited here, so that requests for a long first computation occupy none of FastAPI's
    # threads; shielded, so that a client that leaves does not cancel it for the others.
    return await asyncio.shield(asyncio.wrap_future(model.describe()))


# Endpoints are plain functions: FastAPI runs them in a thread, off the event loop.
@router.get(
    "/state",
    summary="Every entry of the state_dict",
    response_model=StateView,
    responses=NOT_MODIFIED | problems(404, 422),
)
def read_state(
    request: Request,
    service: ServiceDep,
    model: ModelDep,
    entries: Annotated[Sequence[EntryOutline], Depends(_entries)],
    query: Annotated[StateQuery, Query()],
) -> Response:
    entries = selected(entries, query.only)

    def make() -> Response:
        limit = service.settings.state_values_limit
        sums = totals(entries)
        if query.tree:
            tree, end = _tree(entries, query)
            following = _next(request, query, end)
            return _json(StateView(model.state_sha256, sums, [], next=following, tree=tree))
        page = entries[query.offset : query.offset + query.limit]
        if query.values:
            require_few(sum(entry.elements for entry in page), limit)
        views = [
            EntryView(
                **vars(entry),
                values=values_of(model.arrays[entry.name], query.values, limit),
                href=f"{request.url.path}/{quote(entry.name, safe='')}",
            )
            if isinstance(entry, Entry)
            else entry
            for entry in page
        ]
        return _json(
            StateView(model.state_sha256, sums, views, next=_next(request, query, sums.entries))
        )

    return unless_known(request, model.state_sha256, make)


def _tree(entries: Sequence[EntryOutline], query: StateQuery) -> tuple[Node, int]:
    """The tree, and the number of the children of its root. Raises TensorNotFound."""
    if query.branch is None:
        tree = module_tree(entries, fold=query.fold)
        return cut(tree, query.nodes), 0
    inside = f"{query.branch}." if query.branch else ""
    below = [
        replace(entry, name=entry.name.removeprefix(inside))
        for entry in entries
        if entry.name.startswith(inside)
    ]
    if not below:
        raise TensorNotFound(f"no tensor's name begins with {inside!r:.200}")
    tree = module_tree(below, fold=query.fold)
    page = tree.children[query.offset : query.offset + query.limit]
    return cut(replace(tree, name=query.branch, children=page), query.nodes), len(tree.children)


def _next(request: Request, query: StateQuery, count: int) -> str | None:
    end = query.offset + query.limit
    if end >= count:
        return None
    return f"{request.url.path}?{request.url.include_query_params(offset=end).query}"


def _json(view: StateView) -> Response:
    return Response(msgspec.json.encode(view), media_type=FORMATS["json"])
