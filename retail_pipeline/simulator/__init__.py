"""A synthetic shop whose truth is known: for tests, examples and benchmarks.

Belongs here: what invents transactions. Reading, cleaning and analysing them belongs elsewhere; nothing in
this package imports the rest of the pipeline but its errors.
"""

from retail_pipeline.simulator.parameters import StoreParameters
from retail_pipeline.simulator.presets import PRESETS, preset
from retail_pipeline.simulator.simulate import SimulationSummary, simulate_store

__all__ = ["PRESETS", "SimulationSummary", "StoreParameters", "preset", "simulate_store"]
