"""The only code that knows an engine: run a SELECT into a table, read, write, publish a snapshot.

Belongs here: the working database and its lock, tables and their bookkeeping, snapshots and how readers open
them, the reading of ``.sql`` table files. Does not belong here: what any table means, or anything of the lineage
graph; only :mod:`retail_pipeline.warehouse.resource` knows Dagster, and only :mod:`retail_pipeline.warehouse.losses`
the ledger of drops.
"""
