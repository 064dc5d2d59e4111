"""Everything outside of this process' own reasoning, one outside system per file."""
