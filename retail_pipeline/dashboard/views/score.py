"""Score a file: what the customers of an export are by the saved models, without loading it."""

import hashlib
from typing import Any

import pandas as pd
import streamlit as st

from retail_pipeline.dashboard.drawing import View, metric, say_unapplied, with_first
from retail_pipeline.home import Home

MOST_MEGABYTES = 20
KINDS = ["csv", "tsv", "txt", "gz", "xlsx", "parquet"]
TABLES = ("customers.rfm_scores", "customers.churn_risk", "customers.lifetime_value")
KEPT = "scored-file"
FIRST = ("customer_id", "segment", "rfm_score", "churn_probability", "risk_band", "expected_value", "cluster")
TITLES = {
    "cluster": "what the cluster of those most alike is called",
    "churn_days": "who buys nothing for so long has left [days]",
    "churn_probability": "that no order comes in these days [probability]",
    "value_days": "the time to come of the value [days]",
}


def show(view: View) -> None:
    """The page."""
    say_unapplied(view.filters, (), "all customers of the file are scored.")
    st.markdown(
        "Drop an export in any format that `retail add` knows. Its customers are scored by the models trained on this "
        "shop, as of the file's last day: segment, cluster, risk of leaving, value to come. **Nothing of "
        "it is stored**, "
        "and no table changes."
    )
    st.markdown(
        "The file should hold the **whole history** of its customers: recency, scores, risk and value are of the file "
        "alone, and nothing that the shop already knows of them is used. It needs an order's id and time, a product, "
        "a quantity, a price, and the customer's id; lines without a customer are of guests, who are not scored. "
        "Which headers are known, and how to name your own: `docs/formats.md`."
    )
    if view.lacks("customers.rfm_scores", why="Run `retail run` on the shop's own data first: it trains the models."):
        return
    given = st.file_uploader(
        f"A file of transactions, up to {MOST_MEGABYTES} MB", type=KINDS, key="file-to-score",
        max_upload_size=MOST_MEGABYTES,
    )  # fmt: skip
    if given is None:
        st.session_state.pop(KEPT, None)
        return
    content = given.getvalue()
    scored = _scored(view, given.name, content)
    if scored is None:
        return
    with st.container(horizontal=True, key="headlines"):
        metric("Customers", f"{len(scored.customers):,}")
        metric("Lines read", f"{scored.rows_read:,}", help_=f"as {scored.format}")
        metric("Rejected", f"{scored.rows_rejected:,}", help_="lines that could not be read; 'retail add' says why")
        metric("As of", f"{pd.Timestamp(scored.as_of):%d %b %Y}", help_="the day after the file's last")
    missing = [
        name
        for name, column in (("clusters", "cluster"), ("risks", "churn_probability"), ("values", "expected_value"))
        if scored.customers[column].isna().all()
    ]
    if missing:
        st.info(f"There are no {' and no '.join(missing)}: this shop has no such model yet ('retail train').", icon="ℹ️")
    view.table(
        "Scored customers", with_first(scored.customers, FIRST), TABLES, titles=TITLES,
        says="RFM scores set the file's customers beside each other; all else is by the models of this shop.",
    )  # fmt: skip


def _scored(view: View, name: str, content: bytes) -> Any:
    """The file's scores, worked out once while it lies here."""
    mark = (hashlib.sha256(content).hexdigest(), name, view.snapshot.path)
    kept = st.session_state.get(KEPT)
    if kept is not None and kept[0] == mark:
        return kept[1]
    from retail_pipeline.assets.score_file import score_file
    from retail_pipeline.errors import RetailPipelineError

    def read(table: str) -> pd.DataFrame | None:
        return view.snapshot.frame(f"select * from {table}") if view.snapshot.has(table) else None

    with st.spinner("Reading and scoring the file …"):
        try:
            scored = score_file(Home.locate(), name, content, read)
        except RetailPipelineError as error:
            st.error(str(error), icon="🛑")
            return None
    st.session_state[KEPT] = (mark, scored)
    return scored
