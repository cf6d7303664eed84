"""What a compiled pipeline gives away before it runs: nothing is imported from KFP or Google."""
