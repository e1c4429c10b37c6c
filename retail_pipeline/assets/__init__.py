"""The lineage graph: one folder a domain, which is also the Dagster group and the DuckDB schema.

``assets/<domain>/<table>.sql`` makes the asset ``<domain>/<table>`` and the table ``<domain>.<table>``; a
``<topic>.py`` beside them makes assets that SQL cannot; ``checks.py`` holds the domain's checks. Assets hold no
mathematics: that is in ``analytics``.
"""
