"""What can be done: endpoints made and deleted, notices delivered."""
