"""What a compiled file says of itself: its steps, what they are given, and the graph of them."""
