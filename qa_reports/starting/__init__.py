"""A first configuration from a survey file's own metadata (`init`), and what one would do with its data (`check`)."""
