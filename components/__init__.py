"""One module per component; the module and the component function bear the same name."""
