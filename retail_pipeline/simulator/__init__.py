"""A synthetic shop, written as canonical csv: for tests, examples and benchmarks.

Belongs here: what invents transactions. Reading, cleaning and analysing them belongs elsewhere; nothing in
this package imports the rest of the pipeline but its errors.
"""

from retail_pipeline.simulator.parameters import StoreParameters
from retail_pipeline.simulator.store import SimulationSummary, simulate_store

__all__ = ["SimulationSummary", "StoreParameters", "simulate_store"]
