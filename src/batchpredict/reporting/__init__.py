"""The page of a run: one file that opens anywhere and asks nothing of the network."""
