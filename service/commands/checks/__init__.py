"""What the doctor looks at, a module for each subject. A check returns what it found, and what to do about it."""
