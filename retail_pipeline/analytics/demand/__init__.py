"""How many units of each product will be asked for, week by week, and when to order how much of it.

A file a subject. All products are worked on at once, as a matrix with a row a product and a column a week; nothing
knows of files or the database. Weeks before a product was first sold are no weeks without demand: they are left out.
"""
