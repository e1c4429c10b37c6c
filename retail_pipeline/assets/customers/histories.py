"""``customers.features_history`` and ``customers.rfm_history``: what features and scores were at each month's end."""

from retail_pipeline.assets.month_ends import MonthEndTable, month_end_table
from retail_pipeline.assets.sql_assets import find_sql_tables

TABLE_FILES = {table.name: table for table in find_sql_tables()}

FEATURES = month_end_table(
    TABLE_FILES["customers.features"],
    name="customers.features_history",
    row="a customer at a month's end, with what was known of them before the next day",
    about="The columns of customers.features, by the same SELECT, of the last whole months (features.history_months): "
    "what a model learns from. What was sold or cancelled later has no part in a month. A file dropped later "
    "that tells of the time before has: the months it tells of are made anew, and only they.",
    events={
        "customers.order_states": "known_from",
        "customers.product_changes": "date_day",
        "customers.category_changes": "date_day",
    },
)
RFM = month_end_table(
    TABLE_FILES["customers.rfm_scores"],
    name="customers.rfm_history",
    row="a customer at a month's end, with the scores and the segment as of then",
    about="The columns of customers.rfm_scores, by the same SELECT, of the last whole months "
    "(features.history_months).",
    events={"customers.order_states": "known_from"},
)
TABLES: list[MonthEndTable] = [FEATURES, RFM]
