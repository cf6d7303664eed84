"""Serve uploaded models with the prediction server that Google ships."""
