"""Usage, cost and feedback, as projections of everybody's events."""
