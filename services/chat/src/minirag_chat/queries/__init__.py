"""What chat answers: reads of its projections, joined with the content beside them."""
