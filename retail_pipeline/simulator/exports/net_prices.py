"""Prices that carry the discount, for formats that have no column for it."""

import numpy as np

from retail_pipeline.simulator.lines import Lines


def with_net_prices(lines: Lines) -> Lines:
    """Lines without discounts that are worth the same, to the penny.

    Where a line's money does not divide by its units, it becomes two: all units but one at the price rounded down, and
    the last one at what is left.
    """
    units, worth = np.abs(lines.units.astype(np.int64)), np.abs(lines.amount)
    is_discounted = lines.discount != 0
    price = np.where(is_discounted, worth // np.maximum(units, 1), lines.pence)
    is_split = is_discounted & (price * units != worth)
    copies = 1 + is_split
    every = lines.take(np.repeat(np.arange(len(lines)), copies))
    last = np.cumsum(copies)[is_split] - 1
    sign = np.sign(lines.units[is_split])
    new_units, new_price = every.units.copy(), np.repeat(price, copies)
    new_units[last - 1] -= sign
    new_units[last] = sign
    new_price[last] = (worth - (units - 1) * price)[is_split]
    return every.changed(units=new_units, pence=new_price, discount=np.zeros(len(every)))
