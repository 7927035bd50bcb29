model Twice
plate n in N
dist Normal(y : real | m : real) = -(y - m)**2
observed x[n] ~ Normal(0)
