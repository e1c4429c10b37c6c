"""The key under which customers are hashed stays the same for as long as their hashes are kept."""

import pytest

from retail_pipeline.errors import SettingsError
from retail_pipeline.home import Home
from retail_pipeline.ingest.loader import load_drops
from retail_pipeline_tests.assets.store_tables import up_to
from retail_pipeline_tests.ingest.exports import export, shopify_line, shopify_order
from retail_pipeline_tests.stores import canonical, opened, refresh, write_drop


def order_of_ada(name: str) -> str:
    lines = [shopify_line("Mug", 1, "10.00", "p1")]
    created = "2024-03-01 10:00:00 -0500"
    return export("shopify", shopify_order(name, lines, created=created, Email="ada@example.com"))


def test_another_key_stops_the_load_before_customers_are_there_twice(home: Home) -> None:
    write_drop(home, "orders.csv", order_of_ada("#1"))
    with opened(home) as warehouse:
        load_drops(warehouse)
        ada = warehouse.value("select customer_id from raw.transactions")
        key = home.privacy_key.read_text()
        home.privacy_key.unlink()
        write_drop(home, "more.csv", order_of_ada("#2"))
        with pytest.raises(SettingsError, match="is not the key under which the customers in the warehouse were"):
            load_drops(warehouse)
        assert warehouse.count("raw.transactions") == 1
        home.privacy_key.write_text(key)
        load_drops(warehouse)
        assert warehouse.execute("select customer_id from raw.transactions").fetchall() == [(ada,), (ada,)]


def test_addresses_that_were_kept_and_are_hashed_now_are_in_no_bytes(home: Home) -> None:
    lines = [(f"o{n}", "2024-01-01 10:00:00", f"p{n}@example.com", "p1", "n", 1, "1.00", "UK") for n in range(300)]
    write_drop(home, "orders.csv", canonical(lines))
    home.settings_file.write_text('[privacy]\ncustomer_ids = "keep"\n')
    with_ids = up_to("customers.rfm_scores", "customers.features")
    assert refresh(home, select=with_ids).success
    assert b"@example.com" in home.working_database.read_bytes()
    home.settings_file.write_text("")
    assert refresh(home, select=with_ids, reload=["orders.csv"]).success
    assert b"@example.com" not in home.working_database.read_bytes()
    assert b"@example.com" not in home.warehouse_link.resolve().read_bytes()
    with opened(home) as warehouse:
        assert not warehouse.books.holds_removed()
        assert warehouse.count("core.order_lines") == 300
