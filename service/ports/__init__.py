"""What the use cases need from outside, with the obligations of whoever provides it."""
