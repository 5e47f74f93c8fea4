"""Filtering terms: which individuals have which ontology term, age, number or imaging facet (Beacon 2.1.1 filters)."""
