model Mixture(K = 3, alpha = 0.1, prior)
