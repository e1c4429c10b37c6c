"""The mathematics: pure functions and estimators on DataFrames and arrays.

Belongs here: what could be used without a store. No Dagster, no files, no database.
"""
