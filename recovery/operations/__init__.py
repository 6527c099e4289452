"""Operations: the only hands."""
