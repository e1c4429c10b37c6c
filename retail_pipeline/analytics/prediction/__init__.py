"""Predicting what customers will do, and judging it on later time.

Belongs here: cut-offs, measures of predictions, estimators. Not here: reading features and labels, and saving models.
"""
