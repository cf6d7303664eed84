"""Functions that travel inside the compiled pipelines.

KFP copies their source text into the component, so each one is a plain top-level ``def`` that
imports what it needs inside its body, quotes annotations that are not builtins, and raises only
``ValueError`` or ``RuntimeError``. ``batchpredict compile`` refuses anything else.
"""
