"""What ``batchpredict doctor`` looks at: one module a family, each with a list of checks."""
