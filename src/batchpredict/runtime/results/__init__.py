"""Reading what a batch prediction job wrote: every shape, every row."""
