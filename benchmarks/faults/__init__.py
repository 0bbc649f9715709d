"""What each fault costs: a figure for every row of the fault table, and the page that shows them.

``table`` names the rows; the other modules measure them, each its kind.
"""
