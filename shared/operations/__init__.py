"""Operations: job administration, statistics and retention."""
