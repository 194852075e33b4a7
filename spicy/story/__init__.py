"""The resolved plan of one film: what ideation answered and what the user wrote, frozen."""
