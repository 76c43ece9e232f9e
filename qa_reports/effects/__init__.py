"""Step 3 and 4: random-effects models for every item, and the interviewers who deviate."""
