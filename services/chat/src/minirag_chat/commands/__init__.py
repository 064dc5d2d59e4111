"""The use cases that change something: each decides in the domain and commits in one transaction."""
