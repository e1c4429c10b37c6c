"""Groups of customers who are alike: measures prepared, five ways to find groups, one chosen, and what each is like.

A file a subject. ``training`` brings them together: from a frame of customers to models that also tell where a new
customer belongs. Nothing here knows of files or the database, and no result depends on the order of the rows.
"""
