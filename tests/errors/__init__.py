"""What users get told when they make a mistake."""
