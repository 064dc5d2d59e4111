"""What is asked without changing anything: who somebody is, what there is, how a turn or a stream of events goes on."""
