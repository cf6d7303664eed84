"""What runs in a model's own environment, where nothing else of this package is installed.

The files are run by their paths. They need only the standard library of Python 3.9 or later and
the framework, and do not import one another.
"""
