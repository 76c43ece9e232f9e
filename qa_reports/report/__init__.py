"""Step 5: what was found becomes HTML, PDF, JSON and Excel."""
