"""What changes identity: each decides in the domain and commits in one transaction."""
