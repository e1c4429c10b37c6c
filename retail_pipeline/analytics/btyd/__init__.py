"""Buy-till-you-die: how often customers buy while they are customers, and whether they still are.

A file a model, in the letters of its paper; all are fitted by ``fitting.fit``. A customer is told by x, the number of
repeat purchases, t_x, the time of the last of them, and T, the time under observation, both from the first purchase on.
Nothing here knows of files or the database, and no result depends on the order of the customers.
"""
