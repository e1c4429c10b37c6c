"""Speed and memory, measured: ``python -m retail_pipeline_tests.benchmarks``.

Each stage runs several times, each time in a process of its own and, where it writes, in a fresh home; printed are the
median and the spread of its seconds, and its largest peak memory, beside the budget. Nothing here fails a test
run: figures depend on the machine, budgets are for two cores.
"""
