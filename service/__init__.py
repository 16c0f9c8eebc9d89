"""me-images: reference photos of a person, handed to AI generation only with that person's consent."""
