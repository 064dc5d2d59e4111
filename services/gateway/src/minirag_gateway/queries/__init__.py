"""What is asked without changing anything: who somebody is, and how a turn goes on."""
