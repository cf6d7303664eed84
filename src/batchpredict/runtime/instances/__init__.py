"""Functions for preparing the instances of a batch prediction, carried into steps."""
