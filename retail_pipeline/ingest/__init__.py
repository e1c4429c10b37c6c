"""A store's files become ``raw.*``: formats, reading, rejecting, the ledger of drops.

Belongs here: everything between a file and the typed lines of ``raw.transactions``. Does not belong here: what a
line means for the business (that is ``core``) or how tables are kept (that is ``warehouse``).
"""
