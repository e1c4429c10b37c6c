"""The four csv files that retail analyses usually end in, with the columns that they usually have.

The tables say more, with units and definitions. Whoever has a spreadsheet or a script that expects these files goes on
working with them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ClassicFile:
    """A file: its name, the tables it is made from, and the SELECT that makes it."""

    name: str
    tables: tuple[str, ...]
    select: str


RFM_ANALYSIS = """
    select
        customer_id as "CustomerID",
        recency_days as "Recency",
        frequency as "Frequency",
        monetary as "Monetary",
        r_score as "R_Score",
        f_score as "F_Score",
        m_score as "M_Score",
        rfm_score as "RFM_Score",
        segment as "RFM_Segment",
        churn_risk as "Churn_Risk"
    from customers.rfm_scores
"""
CUSTOMER_SEGMENTS = """
    select
        features.customer_id as "CustomerID",
        features.total_spend as "TotalSpending",
        features.avg_order_value as "AvgOrderValue",
        features.orders as "Frequency",
        features.product_variety as "ProductVariety",
        features.recency_days as "DaysSinceLastPurchase",
        ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'][features.preferred_weekday]
            as "PreferredDay",
        clusters.persona as "Segment"
    from customers.features as features
    join customers.clusters as clusters on features.customer_id = clusters.customer_id
    where clusters.feature_set = 'classic' and clusters.is_champion
"""
PRODUCT_ASSOCIATIONS = """
    select
        coalesce(name_a, product_a) as "Product_A",
        coalesce(name_b, product_b) as "Product_B",
        support as "Support",
        confidence as "Confidence",
        lift as "Lift"
    from baskets.product_associations
"""
SALES_FORECAST = """
    with months as (
        select
            cast(period as date) as month,
            value,
            kind = 'history' as is_known,
            row_number() over (order by period) as place
        from forecasts.revenue
        where series = 'total' and frequency = 'month' and (kind = 'history' or is_champion)
    ),
    line as (
        select
            regr_slope(value, place) filter (where is_known) as slope,
            regr_intercept(value, place) filter (where is_known) as intercept
        from months
    )
    select
        strftime(months.month, '%Y-%m') as "Month",
        months.value as "Revenue",
        if(months.is_known, 'Historical', 'Forecast') as "Type",
        line.intercept + line.slope * months.place as "Trend"
    from months, line
"""
CLASSIC_FILES = (
    ClassicFile("rfm_analysis", ("customers.rfm_scores",), RFM_ANALYSIS),
    ClassicFile("customer_segments", ("customers.features", "customers.clusters"), CUSTOMER_SEGMENTS),
    ClassicFile("product_associations", ("baskets.product_associations",), PRODUCT_ASSOCIATIONS),
    ClassicFile("sales_forecast", ("forecasts.revenue",), SALES_FORECAST),
)
