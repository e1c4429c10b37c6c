"""Ways from one page to another."""

from typing import Any

import streamlit as st

PAGES = "pages"
"""Where the session keeps the pages, by name, as the navigation knows them."""


def open_customer(customer: Any) -> None:
    """Go to a customer's page, if one is chosen."""
    if customer is None:
        return
    page = st.session_state.get(PAGES, {}).get("customer")
    if page is not None:
        st.switch_page(page, query_params={"customer": str(customer)})
