"""Retail analytics from dropped export files to published DuckDB tables."""

__version__ = "0.1.0"
