"""The tests; shared pieces are imported as tests.zoo, tests.oracles and so on."""
