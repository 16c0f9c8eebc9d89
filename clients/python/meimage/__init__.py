"""Client library of me-images. The generated messages and stubs are in `meimage.v1`."""
