"""Pictures, tables and the stepper."""
