"""Independent oracles: a slow interpreter of models, brute-force marginals, and the checks that use them."""
