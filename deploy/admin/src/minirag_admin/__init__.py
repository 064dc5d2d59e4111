"""What an operator does to a deployment of MiniRAG, wherever it runs."""
