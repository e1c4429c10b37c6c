"""Measured studies that take minutes: what the methods find, and miss, on shops whose truth is known. No tests.

Each is a command, as in ``python -m retail_pipeline_tests.studies.false_alarms --seeds 50``.
"""
