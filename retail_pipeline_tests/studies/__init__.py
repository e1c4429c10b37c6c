"""How well the pipeline finds what is there, measured on many simulated shops whose truth is known.

Belongs here: what takes minutes and ends in a table of figures with their uncertainty, as
``python -m retail_pipeline_tests.studies.planted_events``. Nothing here passes or fails: that a case of each kind is
found at all is for the tests; speed and memory are for the benchmarks.
"""
