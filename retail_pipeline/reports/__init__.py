"""What the sales tables say, in sentences and on pages.

Here: the sentences and the queries that back them, the contents of a report, its charts, its page. Not here: figures of
their own, which are in ``assets/sales``; and where a report is written and when, which ``assets/decisions`` and the
command line decide. Everything reads through a function from a query to rows, so that a run (on the working database)
and ``retail report`` (on the snapshot) say the same.
"""
