"""Generated mutants: what a solution asks of the API server, done a little wrongly.

A solution's step is run as it is; the tap between it and the API server changes one thing.
"""
