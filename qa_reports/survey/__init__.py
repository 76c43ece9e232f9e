"""Step 1 and 2: survey files become a clean `Survey` and a record of everything that was changed."""
