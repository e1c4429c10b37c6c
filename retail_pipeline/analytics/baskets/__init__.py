"""What is bought together: itemsets, rules and pairs.

Belongs here: counting in arrays of whole numbers. Not here: which lines make a basket, and tables.
"""
