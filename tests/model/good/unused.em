model Unused
plate n in N
observed x[n] ~ Exponential(rate=2)
given w : real[N]
