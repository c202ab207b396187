"""Great Expectations' Data Docs as an asset, made when somebody wants to read them: no release waits for a page."""

from __future__ import annotations

import dagster as dg

from orchestration.defs.resources import Warehouse
from orchestration.defs.submissions.partitions import RECEIVED
from orchestration.runs import progress
from submissions.errors import WaymarkError
from submissions.validation import data_docs as documents

DATA_DOCS = dg.AssetKey(["submissions", "data_docs"])


@dg.asset(
    key=DATA_DOCS,
    deps=[RECEIVED],
    group_name="submissions",
    owners=["team:data-engineering"],
    kinds={"greatexpectations", "html"},
    pool="warehouse_writer",
    description="`logs/data-docs/`: what is expected of each dataset and what was found in every accepted batch, as "
    "pages that work without a network. Materialise it to read them; `waymark data-docs` does the same. Batches whose "
    "page is still true are not looked at again.",
)
def data_docs(warehouse: Warehouse) -> dg.MaterializeResult:
    request = warehouse.request()
    try:
        with progress.current().step("data docs", "batches looked at"):
            written = documents.write(request.home, progress=progress.current().tick)
    except WaymarkError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    return dg.MaterializeResult(
        metadata={
            "pages": dg.MetadataValue.url(written.index.as_uri()),
            "batches": written.batches,
            "looked_at": written.looked_at,
            "failed": list(written.failed),
            "contract_unreadable": list(written.unreadable),
        }
    )
