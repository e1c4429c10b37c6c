"""How true lines are written: each format's columns as a SELECT over the lines, and how its files look.

Belongs here: what the files of a store look like. What is in the orders belongs to the modules above.
"""

from retail_pipeline.simulator.exports.formats import EXPORTS, Export, Per

__all__ = ["EXPORTS", "Export", "Per"]
