"""What to offer whom: recommenders for customers and for products, and how they do on purchases they have not seen.

A file a subject. Customers and products are numbers here, in the order of their ids; nothing knows of files or the
database. A score says which of two products comes first for one customer, nothing else; zero says nothing at all.
"""
