"""What a source is, and how a document becomes chunks: pure, without clocks or drivers."""
