"""What will happen: series of periods, models that forecast them, and how right these were from earlier days.

Belongs here: calendars, candidates, backtests, intervals, reconciliation, scenarios; not what a series is made from,
nor demand by product.
"""
