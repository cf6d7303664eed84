"""The lineage of pipeline runs, as Vertex ML Metadata has it."""
