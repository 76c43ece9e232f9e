"""What an interview shows about how it was done: one measure per interview and indicator, modelled like an item."""
