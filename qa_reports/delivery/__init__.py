"""Step 6, deliver: a finished report goes where it was asked for."""
