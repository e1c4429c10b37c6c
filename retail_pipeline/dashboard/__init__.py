"""``retail dashboard``: Streamlit pages over the published snapshot.

Belongs here: what people look at and click on. Does not belong here: writing anything, the working database, or figures
that a table should hold; what a page works out beyond a query is a pure function in a module without Streamlit.
"""
