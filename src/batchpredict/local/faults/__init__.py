"""Faults on demand: a test asks for them, and is told whether its calls met them."""
