"""What is measured and logged of running processes, without personal data."""
