"""TimeDistributed and Bidirectional."""
